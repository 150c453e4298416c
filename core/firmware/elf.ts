/**
 * The parts of an ELF executable that a boot loader needs: entry point, loadable segments and notes.
 *
 * Reference: [ELF] System V ABI, chapters 4 and 5 (notes: figure 5-3). Not here: sections, symbols, relocation, big-endian files.
 */
import { BootError } from './boot-image.ts';

const EI_CLASS = 4;
const EI_DATA = 5;
const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const E_MACHINE = 0x12;
const PT_LOAD = 1;
const PT_NOTE = 4;
const MOST_SEGMENTS = 64;
const MOST_NOTES = 256;
const NOTE_HEADER = 12;

/** e_machine of what people may have at hand by mistake. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'x86 (32-bit)',
  20: 'PowerPC',
  21: 'PowerPC (64-bit)',
  22: 'S/390',
  8: 'MIPS',
  40: 'ARM',
  62: 'x86-64',
  183: 'ARM (64-bit)',
  243: 'RISC-V',
};
const EM_386 = 3;
const EM_X86_64 = 62;

export interface ElfSegment {
  readonly physicalAddress: number;
  readonly virtualAddress: number;
  readonly bytes: Uint8Array;
  /** At least bytes.length; the rest is zero. */
  readonly memorySize: number;
}

export interface ElfNote {
  /** Whose note it is. */
  readonly name: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

export interface ElfImage {
  readonly bits: 32 | 64;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 20 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** The architecture in words, for a file with isElf(). */
export function elfMachine(bytes: Uint8Array): string {
  const machine = machineOf(bytes);
  return MACHINES[machine] ?? `machine type ${machine}`;
}

export function isX86Elf(bytes: Uint8Array): boolean {
  const machine = machineOf(bytes);
  return bytes[EI_DATA] === ELFDATA2LSB && (machine === EM_386 || machine === EM_X86_64);
}

function machineOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(E_MACHINE, bytes[EI_DATA] === ELFDATA2LSB);
}

/** Throws BootError when the file is damaged. Addresses of 64-bit files are limited to what a number holds. */
export function parseElf(bytes: Uint8Array): ElfImage {
  const wide = bytes[EI_CLASS] === ELFCLASS64;
  if (!isX86Elf(bytes) || (!wide && bytes[EI_CLASS] !== ELFCLASS32)) throw damaged('its header is not one of x86');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < (wide ? 64 : 52)) throw damaged('the file ends in its header');
  const address = (at: number): number => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));

  const tableOffset = address(wide ? 0x20 : 0x1c);
  const entrySize = view.getUint16(wide ? 0x36 : 0x2a, true);
  const count = view.getUint16(wide ? 0x38 : 0x2c, true);
  if (count > MOST_SEGMENTS || entrySize < (wide ? 56 : 32)) throw damaged('its program headers make no sense');
  if (tableOffset + count * entrySize > bytes.length) throw damaged('the file ends in its program headers');

  const segments: ElfSegment[] = [];
  const notes: ElfNote[] = [];
  for (let i = 0; i < count; i++) {
    const at = tableOffset + i * entrySize;
    const type = view.getUint32(at, true);
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    const [offset, virtualAddress, physicalAddress, fileSize, memorySize] = (
      wide ? [0x08, 0x10, 0x18, 0x20, 0x28] : [0x04, 0x08, 0x0c, 0x10, 0x14]
    ).map((field) => address(at + field)) as [number, number, number, number, number];
    if (fileSize > memorySize || offset + fileSize > bytes.length) throw damaged(`segment ${i} lies outside the file`);
    const content = bytes.subarray(offset, offset + fileSize);
    if (type === PT_NOTE) notes.push(...parseNotes(content));
    else segments.push({ physicalAddress, virtualAddress, bytes: content, memorySize });
  }
  return { bits: wide ? 64 : 32, entry: address(0x18), segments, notes };
}

/** Up to the first that does not fit, or more than anybody has. */
function parseNotes(bytes: Uint8Array): ElfNote[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + NOTE_HEADER <= bytes.length && notes.length < MOST_NOTES) {
    const nameSize = view.getUint32(at, true);
    const descriptorSize = view.getUint32(at + 4, true);
    const descriptorAt = at + NOTE_HEADER + alignWord(nameSize);
    if (descriptorAt + descriptorSize > bytes.length) break;
    notes.push({
      name: ascii(bytes.subarray(at + NOTE_HEADER, at + NOTE_HEADER + nameSize)),
      type: view.getUint32(at + 8, true),
      descriptor: bytes.subarray(descriptorAt, descriptorAt + descriptorSize),
    });
    at = descriptorAt + alignWord(descriptorSize);
  }
  return notes;
}

const alignWord = (size: number): number => Math.ceil(size / 4) * 4;

/** Without the zero at its end. */
const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 16)).replace(/\0.*$/s, '');

function damaged(detail: string): BootError {
  return new BootError(`The ELF file is damaged: ${detail}.`, 'Copy or build the kernel again.');
}
