/**
 * The smallest guests there are: multiboot 1 ELF files of a few bytes of 32-bit code, each for one thing that a test
 * wants a machine to do. They are entered in protected mode with paging and interrupts off.
 * [1] Multiboot Specification 0.6.96, section 3.1: the header. [2] System V ABI, ELF-32 file and program headers.
 */

const LOAD_ADDRESS = 0x10_0000;
const ELF_HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const IMAGE_OFFSET = 4096;
const MULTIBOOT_MAGIC = 0x1bad_b002;
const MULTIBOOT_HEADER_BYTES = 12;
const ENTRY = LOAD_ADDRESS + MULTIBOOT_HEADER_BYTES;

const COM1 = 0x3f8;
const DEBUG_EXIT = 0xf4;

/** `jmp $` */
const FOREVER = [0xeb, 0xfe];

const littleEndian32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** An ELF file whose one segment is a multiboot header followed by the code. */
export function multibootElf(code: readonly number[]): Uint8Array {
  const header = [MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC >>> 0].flatMap(littleEndian32);
  const image = [...header, ...code];
  const file = new Uint8Array(IMAGE_OFFSET + image.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]); // ELF, 32-bit, little-endian, version 1
  const half = (offset: number, value: number): void => view.setUint16(offset, value, true);
  const word = (offset: number, value: number): void => view.setUint32(offset, value, true);
  half(16, 2); // ET_EXEC
  half(18, 3); // EM_386
  word(20, 1);
  word(24, ENTRY);
  word(28, ELF_HEADER_BYTES); // e_phoff
  half(40, ELF_HEADER_BYTES);
  half(42, PROGRAM_HEADER_BYTES);
  half(44, 1); // e_phnum
  const segment = [1, IMAGE_OFFSET, LOAD_ADDRESS, LOAD_ADDRESS, image.length, image.length, 7, 4096];
  for (const [index, value] of segment.entries()) word(ELF_HEADER_BYTES + index * 4, value); // PT_LOAD, rwx
  file.set(image, IMAGE_OFFSET);
  return file;
}

/** Writes a value to the isa-debug-exit port. */
export const debugExit = (value: number): Uint8Array => multibootElf([0xb0, value, 0xe6, DEBUG_EXIT, ...FOREVER]); // mov al, value; out 0xf4, al

/** Never ends and never waits. */
export const busyLoop = (): Uint8Array => multibootElf(FOREVER);

/** Sends a text to the first serial port, then writes 0 to the debug-exit port. */
export function serialHello(text: string): Uint8Array {
  const out = [...new TextEncoder().encode(text)].flatMap((byte) => [0xb0, byte, 0xee]); // mov al, byte; out dx, al
  return multibootElf([0xba, ...littleEndian32(COM1), ...out, 0xb0, 0, 0xe6, DEBUG_EXIT, ...FOREVER]);
}

/** An exception with an empty interrupt table: double fault, triple fault, shutdown. */
export function tripleFault(): Uint8Array {
  const lidtBytes = 7;
  const emptyTable = ENTRY + lidtBytes + 1;
  return multibootElf([0x0f, 0x01, 0x1d, ...littleEndian32(emptyTable), 0xcc, 0, 0, 0, 0, 0, 0]); // lidt [...]; int3
}
