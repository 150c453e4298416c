/**
 * Boots a multiboot 1 kernel: loads its ELF segments or its a.out-kludge image, describes memory, modules and the
 * text screen, enters in 32-bit protected mode.
 *
 * Reference: [MB] Multiboot Specification 0.6.96, sections 3.1 (header), 3.2 (machine state), 3.3 (information).
 * Not here: video mode requests (the text mode stays), APM and VBE tables, drives.
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
import { memoryMap, splitRam } from './e820.ts';
import { type ElfImage, isElf, isX86Elf, parseElf } from './elf.ts';
import { elfSegments, placeKernel, type SegmentedKernel } from './kernel-segments.ts';
import { BIOS_AREA_END, EBDA_START, VGA_TEXT_START } from './platform.ts';

const SEARCH_BYTES = 8192;
const HEADER_MAGIC = 0x1bad_b002;
const BOOTLOADER_MAGIC = 0x2bad_b002n;
const HEADER_MEMORY_INFO = 1 << 1; // always given, as is page alignment (bit 0)
const HEADER_VIDEO_MODE = 1 << 2; // a wish
const HEADER_REQUIRED = 0xffff; // bits that a loader must understand or refuse
const HEADER_ADDRESSES = 1 << 16;

// [MB] 3.3, flags of the information structure
const INFO_MEMORY = 1 << 0;
const INFO_CMDLINE = 1 << 2;
const INFO_MODULES = 1 << 3;
const INFO_MEMORY_MAP = 1 << 6;
const INFO_LOADER_NAME = 1 << 9;
const INFO_FRAMEBUFFER = 1 << 12;
const FRAMEBUFFER_TYPE_EGA_TEXT = 2;

// Where this loader puts its own things
const GDT_ADDRESS = 0x6000;
const INFO_ADDRESS = 0x7000;
const MODULE_LIST = INFO_ADDRESS + 0x80;
const LOADER_NAME_ADDRESS = INFO_ADDRESS + 0xa0;
const MEMORY_MAP = INFO_ADDRESS + 0x100;
const MEMORY_MAP_ENTRY = 24;
const CMDLINE_ADDRESS = 0x8000;
const CMDLINE_LIMIT = 0x4000;
const OWN_END = CMDLINE_ADDRESS + CMDLINE_LIMIT;
const LOADER_NAME = 'Vivarium';

interface Header {
  /** Offset in the file. */
  readonly offset: number;
  readonly flags: number;
}

export function findMultibootHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 12 <= Math.min(bytes.length, SEARCH_BYTES); offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if (((HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) & 0xffff_ffff) === 0) return { offset, flags };
  }
  return undefined;
}

/** Throws BootError when the image is not bootable or does not fit into the machine's memory. */
export function planMultibootBoot(files: BootFiles, target: BootTarget): BootPlan {
  const kernel = parseMultibootImage(files.kernel);
  const { chunks, module } = placeKernel(kernel, files.initrd, target, OWN_END);
  return {
    chunks: [
      { gpa: GDT_ADDRESS, bytes: flatGdt('code32') },
      { gpa: INFO_ADDRESS, bytes: information(target, module) },
      { gpa: CMDLINE_ADDRESS, bytes: cString(files.cmdline, CMDLINE_LIMIT, 'The kernel command line') },
      ...chunks,
    ],
    regs: entryRegs({ rip: BigInt(kernel.entry), rax: BOOTLOADER_MAGIC, rbx: BigInt(INFO_ADDRESS) }),
    applySregs: (powerOn) => protectedMode(powerOn, GDT_ADDRESS),
  };
}

function parseMultibootImage(bytes: Uint8Array): SegmentedKernel {
  const header = findMultibootHeader(bytes);
  if (!header) throw new BootError('The file has no multiboot header.', 'Choose a multiboot 1 kernel.');
  const unknown = header.flags & HEADER_REQUIRED & ~(1 | HEADER_MEMORY_INFO | HEADER_VIDEO_MODE);
  if (unknown !== 0) {
    throw new BootError(
      `The multiboot kernel requires features (flags 0x${unknown.toString(16)}) that are not in the specification.`,
      'Choose a kernel made for multiboot 1.',
    );
  }
  if (header.flags & HEADER_ADDRESSES) return kludgeImage(bytes, header.offset);
  if (isElf(bytes) && isX86Elf(bytes)) return elfImage(parseElf(bytes));
  throw new BootError(
    'The multiboot kernel is neither an x86 ELF file nor says where to load it.',
    'Build it as ELF, or set bit 16 and the address fields of its multiboot header.',
  );
}

function elfImage(elf: ElfImage): SegmentedKernel {
  // The entry point is meant physically; kernels linked high with low load addresses give it virtually.
  const inSegment = elf.segments.find(
    (s) => elf.entry >= s.virtualAddress && elf.entry < s.virtualAddress + s.memorySize,
  );
  const entry = inSegment ? elf.entry - inSegment.virtualAddress + inSegment.physicalAddress : elf.entry;
  return { entry, segments: elfSegments(elf) };
}

/** [MB] 3.1.3: addresses in the header itself. */
function kludgeImage(bytes: Uint8Array, headerOffset: number): SegmentedKernel {
  const invalid = (detail: string): BootError =>
    new BootError(`The addresses in the multiboot header make no sense: ${detail}.`, 'Build the kernel again.');
  if (headerOffset + 32 > bytes.length) throw invalid('the file ends in the header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [headerAddr, loadAddr, loadEndAddr, bssEndAddr, entry] = [12, 16, 20, 24, 28].map((field) =>
    view.getUint32(headerOffset + field, true),
  ) as [number, number, number, number, number];
  const fileStart = headerOffset - (headerAddr - loadAddr);
  if (headerAddr < loadAddr || fileStart < 0) throw invalid('the image would start before the file');
  const loadSize = loadEndAddr === 0 ? bytes.length - fileStart : loadEndAddr - loadAddr;
  if (loadSize <= 0 || fileStart + loadSize > bytes.length) throw invalid('the image would end behind the file');
  const memorySize = Math.max(loadSize, bssEndAddr === 0 ? 0 : bssEndAddr - loadAddr);
  return {
    entry,
    segments: [{ gpa: loadAddr, bytes: bytes.subarray(fileStart, fileStart + loadSize), memorySize }],
  };
}

/** [MB] 3.3: the information structure, module list, loader name and memory map, as one page from INFO_ADDRESS. */
function information(target: BootTarget, module: { gpa: number; bytes: Uint8Array } | undefined): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  const view = new DataView(page.buffer);
  const u32 = (address: number, value: number): void => view.setUint32(address - INFO_ADDRESS, value, true);
  const { lowBytes } = splitRam(target.ramBytes, target.ramHoleStart);
  const map = memoryMap(target.ramBytes, target.ramHoleStart);

  const flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMORY_MAP | INFO_LOADER_NAME | INFO_FRAMEBUFFER;
  const info: readonly (readonly [offset: number, value: number])[] = [
    [0, flags],
    [4, EBDA_START / 1024], // mem_lower, KiB
    [8, (lowBytes - BIOS_AREA_END) / 1024], // mem_upper, KiB
    [16, CMDLINE_ADDRESS],
    [20, module ? 1 : 0], // mods_count
    [24, MODULE_LIST],
    [44, map.length * MEMORY_MAP_ENTRY],
    [48, MEMORY_MAP],
    [64, LOADER_NAME_ADDRESS],
    [88, VGA_TEXT_START], // framebuffer_addr
    [96, 160], // framebuffer_pitch, bytes
    [100, 80],
    [104, 25],
    [108, (FRAMEBUFFER_TYPE_EGA_TEXT << 8) | 16], // type, bits per character
  ];
  for (const [offset, value] of info) u32(INFO_ADDRESS + offset, value);

  if (module) {
    u32(MODULE_LIST, module.gpa);
    u32(MODULE_LIST + 4, module.gpa + module.bytes.length);
    u32(MODULE_LIST + 8, CMDLINE_ADDRESS + CMDLINE_LIMIT - 1); // the module's own string: empty
  }
  page.set(new TextEncoder().encode(`${LOADER_NAME}\0`), LOADER_NAME_ADDRESS - INFO_ADDRESS);
  map.forEach((entry, i) => {
    const at = MEMORY_MAP + i * MEMORY_MAP_ENTRY;
    u32(at, MEMORY_MAP_ENTRY - 4); // the size field does not count itself
    view.setBigUint64(at + 4 - INFO_ADDRESS, BigInt(entry.start), true);
    view.setBigUint64(at + 12 - INFO_ADDRESS, BigInt(entry.sizeBytes), true);
    u32(at + 20, entry.type);
  });
  return page;
}
