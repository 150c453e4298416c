/** Kernel files for tests: the smallest that a loader takes, and easily spoiled. */

export interface BzImageOptions {
  readonly version?: string;
  readonly protocol?: number;
  readonly xloadflags?: number;
  readonly loadflags?: number;
  readonly prefAddress?: bigint;
  readonly initSize?: number;
  readonly initrdAddrMax?: number;
  readonly payloadBytes?: number;
}

const SETUP_SECTORS = 3;
const SECTOR = 512;

/** A bzImage whose payload is bytes of value 0x90. */
export function bzImage(options: BzImageOptions = {}): Uint8Array {
  const { version = '6.1.0-test (me@here) #1 SMP', payloadBytes = 8192 } = options;
  const bytes = new Uint8Array((SETUP_SECTORS + 1) * SECTOR + payloadBytes);
  bytes.fill(0x90, (SETUP_SECTORS + 1) * SECTOR);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = SETUP_SECTORS;
  view.setUint32(0x1f4, Math.ceil(payloadBytes / 16), true);
  view.setUint16(0x1fe, 0xaa55, true);
  bytes[0x201] = 0x66; // the header ends at 0x268
  bytes.set(new TextEncoder().encode('HdrS'), 0x202);
  view.setUint16(0x206, options.protocol ?? 0x020f, true);
  view.setUint16(0x20e, 0x400 - 0x200, true);
  bytes.set(new TextEncoder().encode(`${version}\0`), 0x400);
  bytes[0x211] = options.loadflags ?? 1;
  view.setUint32(0x22c, options.initrdAddrMax ?? 0x7fff_ffff, true);
  view.setUint16(0x236, options.xloadflags ?? 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, options.prefAddress ?? 0x100_0000n, true);
  view.setUint32(0x260, options.initSize ?? 0x20_0000, true);
  return bytes;
}

/** A multiboot header for `flags`, with the address fields of the a.out kludge where they are given. */
export function multibootHeader(flags: number, addresses: readonly number[] = []): Uint8Array {
  const magic = 0x1bad_b002;
  return new Uint8Array(Uint32Array.from([magic, flags, -(magic + flags), ...addresses]).buffer);
}

export interface ElfOptions {
  readonly bits?: 32 | 64;
  readonly machine?: number;
  readonly entry?: number;
  readonly physicalAddress?: number;
  readonly virtualAddress?: number;
  readonly memorySize?: number;
  /** The content of a segment of notes. */
  readonly notes?: Uint8Array;
}

/** The note that gives a PVH entry point. */
export function pvhNote(entry: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  [4, 4, 18].forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  bytes.set(new TextEncoder().encode('Xen\0'), 12);
  view.setUint32(16, entry, true);
  return bytes;
}

/** An ELF executable of one segment, which holds `content`, and one of notes where there are any. */
export function elf(content: Uint8Array, options: ElfOptions = {}): Uint8Array {
  const wide = options.bits === 64;
  const physicalAddress = options.physicalAddress ?? 0x10_0000;
  const virtualAddress = options.virtualAddress ?? physicalAddress;
  const headerSize = wide ? 64 : 52;
  const { notes } = options;
  const contentOffset = notes ? 256 : 128;
  const bytes = new Uint8Array(contentOffset + content.length + (notes?.length ?? 0));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  bytes.set(content, contentOffset);
  view.setUint16(0x10, 2, true);
  view.setUint16(0x12, options.machine ?? (wide ? 62 : 3), true);
  const address = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  address(0x18, options.entry ?? virtualAddress);
  address(wide ? 0x20 : 0x1c, headerSize);
  view.setUint16(wide ? 0x36 : 0x2a, wide ? 56 : 32, true);
  view.setUint16(wide ? 0x38 : 0x2c, notes ? 2 : 1, true);
  const entrySize = wide ? 56 : 32;
  const programHeader = (index: number, type: number, values: readonly number[]): void => {
    const at = headerSize + index * entrySize;
    view.setUint32(at, type, true);
    const fields = wide ? [0x08, 0x10, 0x18, 0x20, 0x28] : [0x04, 0x08, 0x0c, 0x10, 0x14];
    fields.forEach((field, i) => {
      address(at + field, values[i] ?? 0);
    });
  };
  const memorySize = options.memorySize ?? content.length;
  programHeader(0, 1, [contentOffset, virtualAddress, physicalAddress, content.length, memorySize]);
  if (notes) {
    const notesOffset = contentOffset + content.length;
    bytes.set(notes, notesOffset);
    programHeader(1, 4, [notesOffset, 0, 0, notes.length, notes.length]);
  }
  return bytes;
}
