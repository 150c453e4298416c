/**
 * Writer of ACPI Machine Language: the few terms the machine's DSDT needs, each a function from its arguments
 * to encoded bytes, so that nesting calls reads like ASL. Methods and what they do are in aml-code.ts.
 *
 * References: [ACPI] ACPI Specification 6.5, chapter 20 (AML grammar) and 6.4 (resource descriptors).
 */

export type Aml = Uint8Array;

const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const NAME_OP = 0x08;
const BYTE_PREFIX = 0x0a;
const WORD_PREFIX = 0x0b;
const DWORD_PREFIX = 0x0c;
const STRING_PREFIX = 0x0d;
const SCOPE_OP = 0x10;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const EXT_OP_PREFIX = 0x5b;
const DEVICE_OP = 0x82;
const ROOT_CHAR = 0x5c;
const PARENT_PREFIX_CHAR = 0x5e;

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** [ACPI] 20.2.4. The length counts its own encoding, which is why it grows with itself. */
function pkgLength(contentLength: number): number[] {
  for (let bytes = 1; bytes <= 4; bytes++) {
    const encoded = encodeLength(contentLength + bytes, bytes);
    if (encoded) return encoded;
  }
  throw new RangeError(`an AML package of ${contentLength} bytes cannot be encoded`);
}

/** The same encoding of a number that does not count itself: bits in a field list. */
export function bitCount(count: number): number[] {
  return encodeLength(count, 1) ?? encodeLength(count, 2) ?? [];
}

/** In this many bytes, or undefined where it does not fit. */
function encodeLength(value: number, bytes: number): number[] | undefined {
  if (bytes === 1) return value < 1 << 6 ? [value] : undefined;
  const extra = bytes - 1;
  if (value >= 2 ** (4 + 8 * extra)) return undefined;
  return [(extra << 6) | (value & 0xf), ...Array.from({ length: extra }, (_, i) => (value >>> (4 + 8 * i)) & 0xff)];
}

/** An opcode, and what its length counts. */
export function withLength(op: readonly number[], ...content: readonly (Uint8Array | readonly number[])[]): Aml {
  const body = concat(...content);
  return concat(op, pkgLength(body.length), body);
}

/** A name, or what it stands for: an object by reference, a method that is called (its arguments follow). */
export function nameString(path: string): Uint8Array {
  const prefixes = /^[\\^]*/.exec(path)?.[0] ?? '';
  const root = [...prefixes].map((prefix) => (prefix === '^' ? PARENT_PREFIX_CHAR : ROOT_CHAR));
  const segments = path.slice(root.length).split('.');
  const encoded = segments.map((segment) => {
    if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment)) throw new RangeError(`'${path}' is not an AML name`);
    return new TextEncoder().encode(segment.padEnd(4, '_'));
  });
  const prefix =
    segments.length === 1 ? [] : segments.length === 2 ? [DUAL_NAME_PREFIX] : [MULTI_NAME_PREFIX, segments.length];
  return concat(root, prefix, ...encoded);
}

/** An integer of up to 32 bits in its shortest form. */
export function integer(value: number): Aml {
  if (value === 0) return new Uint8Array([ZERO_OP]);
  if (value === 1) return new Uint8Array([ONE_OP]);
  if (value < 0x100) return new Uint8Array([BYTE_PREFIX, value]);
  if (value < 0x1_0000) return new Uint8Array([WORD_PREFIX, ...le16(value)]);
  return new Uint8Array([DWORD_PREFIX, ...le32(value)]);
}

/** A compressed EISA ID such as PNP0501: three letters and four hex digits. */
export function eisaId(id: string): Aml {
  const match = /^([A-Z])([A-Z])([A-Z])([0-9A-F]{4})$/.exec(id);
  if (!match) throw new RangeError(`'${id}' is not an EISA ID`);
  const letter = (i: number): number => id.charCodeAt(i) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return new Uint8Array([DWORD_PREFIX, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff]);
}

/** A string, in ASCII. */
export function text(value: string): Aml {
  return concat([STRING_PREFIX], new TextEncoder().encode(value), [0]);
}

export function name(path: string, value: Aml): Aml {
  return concat([NAME_OP], nameString(path), value);
}

export function aPackage(...elements: readonly Aml[]): Aml {
  return withLength([PACKAGE_OP], [elements.length], ...elements);
}

export function scope(path: string, ...terms: readonly Aml[]): Aml {
  return withLength([SCOPE_OP], nameString(path), ...terms);
}

export function device(path: string, ...terms: readonly Aml[]): Aml {
  return withLength([EXT_OP_PREFIX, DEVICE_OP], nameString(path), ...terms);
}

// Resource descriptors, [ACPI] 6.4.

/** A _CRS or _PRS value: the descriptors, the end tag, in a buffer. */
export function resourceTemplate(...descriptors: readonly (readonly number[])[]): Aml {
  const END_TAG = [0x79, 0]; // a checksum of 0 means "not checked"
  const bytes = concat(...descriptors, END_TAG);
  return withLength([BUFFER_OP], integer(bytes.length), bytes);
}

/** I/O port descriptor, 16-bit decode, fixed at `base`. */
export function io(base: number, length: number): number[] {
  return [0x47, 1, ...le16(base), ...le16(base), 1, length];
}

/** Fixed memory-mapped registers below 4 GiB. */
export function memory32Fixed(base: number, length: number): number[] {
  return [0x86, ...le16(9), READ_WRITE, ...le32(base), ...le32(length)];
}

/** A channel of the ISA DMA controller: compatibility mode, 8 bits. */
export function dma(channel: number): number[] {
  return [0x2a, 1 << channel, 0];
}

/** Extended interrupt descriptor: level-triggered, active high, shared. */
export function sharedInterrupt(...irqs: readonly number[]): number[] {
  const CONSUMER_LEVEL_HIGH_SHARED = 0x09;
  return [0x89, ...le16(2 + 4 * irqs.length), CONSUMER_LEVEL_HIGH_SHARED, irqs.length, ...irqs.flatMap(le32)];
}

/** IRQ descriptor of an edge-triggered, active-high ISA interrupt. */
export function irqNoFlags(irq: number): number[] {
  return [0x22, ...le16(1 << irq)];
}

const RANGE_FIXED = 0x0c; // _MIF and _MAF: both ends are fixed
const RESOURCE_MEMORY = 0;
const RESOURCE_IO = 1;
const RESOURCE_BUS = 2;
const CACHEABLE_READ_WRITE = 0x03;
const READ_WRITE = 0x01;
const ENTIRE_RANGE = 0x03;

/** Bus numbers a PCI root bridge produces. */
export function wordBusNumber(min: number, max: number): number[] {
  return addressSpace(0x88, RESOURCE_BUS, 0, min, max, le16);
}

/** I/O ports a PCI root bridge passes on. */
export function wordIo(min: number, max: number): number[] {
  return addressSpace(0x88, RESOURCE_IO, ENTIRE_RANGE, min, max, le16);
}

/** Memory addresses a PCI root bridge passes on. */
export function dwordMemory(min: number, max: number, cacheable: boolean): number[] {
  return addressSpace(0x87, RESOURCE_MEMORY, cacheable ? CACHEABLE_READ_WRITE : READ_WRITE, min, max, le32);
}

function addressSpace(
  tag: number,
  resourceType: number,
  typeFlags: number,
  min: number,
  max: number,
  encode: (value: number) => number[],
): number[] {
  const fields = [0, min, max, 0, max - min + 1].flatMap(encode); // granularity, min, max, translation, length
  return [tag, ...le16(3 + fields.length), resourceType, RANGE_FIXED, typeFlags, ...fields];
}

function le16(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function le32(value: number): number[] {
  return [...le16(value & 0xffff), ...le16(value >>> 16)];
}
