/**
 * Writer of ACPI Machine Language: the few terms the machine's DSDT needs, each a function from its arguments
 * to encoded bytes, so that nesting calls reads like ASL.
 *
 * References: [ACPI] ACPI Specification 6.5, chapter 20 (AML grammar) and 6.4 (resource descriptors).
 * Not here: fields, control flow, objects by reference; nothing in this machine's DSDT computes.
 */

export type Aml = Uint8Array;

const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const NAME_OP = 0x08;
const BYTE_PREFIX = 0x0a;
const WORD_PREFIX = 0x0b;
const DWORD_PREFIX = 0x0c;
const SCOPE_OP = 0x10;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const EXT_OP_PREFIX = 0x5b;
const DEVICE_OP = 0x82;
const ROOT_CHAR = 0x5c;

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
  if (contentLength + 1 < 1 << 6) return [contentLength + 1];
  for (let extra = 1; extra <= 3; extra++) {
    const total = contentLength + 1 + extra;
    if (total < 2 ** (4 + 8 * extra)) {
      const bytes = [(extra << 6) | (total & 0xf)];
      for (let i = 0; i < extra; i++) bytes.push((total >>> (4 + 8 * i)) & 0xff);
      return bytes;
    }
  }
  throw new RangeError(`an AML package of ${contentLength} bytes cannot be encoded`);
}

function withLength(op: readonly number[], ...content: readonly (Uint8Array | readonly number[])[]): Aml {
  const body = concat(...content);
  return concat(op, pkgLength(body.length), body);
}

function nameString(path: string): Uint8Array {
  const root = path.startsWith('\\') ? [ROOT_CHAR] : [];
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
