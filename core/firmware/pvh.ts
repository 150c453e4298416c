/**
 * Boots an ELF kernel by its PVH entry point, as an uncompressed Linux kernel (vmlinux) has one: segments at their
 * physical addresses, a description of memory, command line and initial RAM disk, 32-bit protected mode.
 *
 * Reference: [PVH] Xen's docs/misc/pvh.pandoc, and start_info.h (struct hvm_start_info, version 1).
 */
import {
  BootError,
  type BootFiles,
  type BootPlan,
  type BootTarget,
  cString,
  entryRegs,
  flatGdt,
  PAGE_SIZE,
  protectedMode,
} from './boot-image.ts';
import { memoryMap } from './e820.ts';
import { type ElfImage, isElf, isX86Elf, parseElf } from './elf.ts';
import { elfSegments, type PlacedKernel, placeKernel } from './kernel-segments.ts';

const NOTE_OWNER = 'Xen';
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const START_MAGIC = 0x336e_c578;
const START_VERSION = 1;

// Where this loader puts its own things
const GDT_ADDRESS = 0x6000;
const START_INFO = 0x7000;
const MODULE_LIST = START_INFO + 0x80;
const MEMORY_MAP = START_INFO + 0x100;
const MEMORY_MAP_ENTRY = 24;
const CMDLINE_ADDRESS = 0x8000;
const CMDLINE_LIMIT = 0x4000;
const OWN_END = CMDLINE_ADDRESS + CMDLINE_LIMIT;

/** The physical address of the entry point, where the file is an ELF file that has one. Throws BootError. */
export function pvhEntry(kernel: Uint8Array): number | undefined {
  return isElf(kernel) && isX86Elf(kernel) ? entryOf(parseElf(kernel)) : undefined;
}

function entryOf({ notes }: ElfImage): number | undefined {
  const note = notes.find(({ name, type }) => name === NOTE_OWNER && type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (!note || note.descriptor.length < 4) return undefined;
  const { buffer, byteOffset, byteLength } = note.descriptor;
  return new DataView(buffer, byteOffset, byteLength).getUint32(0, true); // of 8 bytes the upper ones are 0
}

/** Throws BootError when the image is not bootable or does not fit into the machine's memory. */
export function planPvhBoot(files: BootFiles, target: BootTarget): BootPlan {
  const elf = parseElf(files.kernel);
  const entry = entryOf(elf);
  if (entry === undefined) throw new BootError('The ELF file has no PVH entry point.', 'Choose another kernel.');
  const placed = placeKernel({ entry, segments: elfSegments(elf) }, files.initrd, target, OWN_END);
  return {
    chunks: [
      { gpa: GDT_ADDRESS, bytes: flatGdt('code32') },
      { gpa: START_INFO, bytes: startInfo(target, placed) },
      { gpa: CMDLINE_ADDRESS, bytes: cString(files.cmdline, CMDLINE_LIMIT, 'The kernel command line') },
      ...placed.chunks,
    ],
    regs: entryRegs({ rip: BigInt(entry), rbx: BigInt(START_INFO) }),
    applySregs: (powerOn) => protectedMode(powerOn, GDT_ADDRESS),
  };
}

/** struct hvm_start_info, hvm_modlist_entry and the memory map, as one page. */
function startInfo(target: BootTarget, { module }: PlacedKernel): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  const view = new DataView(page.buffer);
  const u32 = (address: number, value: number): void => view.setUint32(address - START_INFO, value, true);
  const u64 = (address: number, value: number): void => view.setBigUint64(address - START_INFO, BigInt(value), true);
  const map = memoryMap(target.ramBytes, target.ramHoleStart);
  u32(START_INFO, START_MAGIC);
  u32(START_INFO + 4, START_VERSION);
  u32(START_INFO + 12, module ? 1 : 0);
  u64(START_INFO + 16, module ? MODULE_LIST : 0);
  u64(START_INFO + 24, CMDLINE_ADDRESS);
  u64(START_INFO + 32, target.rsdpAddress);
  u64(START_INFO + 40, MEMORY_MAP);
  u32(START_INFO + 48, map.length);
  if (module) {
    u64(MODULE_LIST, module.gpa);
    u64(MODULE_LIST + 8, module.bytes.length);
  }
  map.forEach(({ start, sizeBytes, type }, i) => {
    const at = MEMORY_MAP + i * MEMORY_MAP_ENTRY;
    u64(at, start);
    u64(at + 8, sizeBytes);
    u32(at + 16, type);
  });
  return page;
}
