/**
 * Boots a Linux bzImage, or what calls itself one (memtest86+, iPXE), by the 64-bit entry of the Linux boot protocol
 * where it has one: zero page, identity page tables, long mode, jump to load address + 0x200. Else by the 32-bit entry:
 * zero page, flat protected mode, jump to the load address.
 *
 * Reference: [BOOT] the kernel's Documentation/arch/x86/boot.rst (header fields, "32-bit" and "64-bit Boot Protocol") and
 * zero-page.rst. Not here: the 16-bit entry, setup_data, EFI hand-over.
 */
import type { KvmSregs } from '../kvm/api.ts';
import {
  BootError,
  type BootFiles,
  type BootPlan,
  type BootTarget,
  CR0_ET,
  CR0_PE,
  cString,
  entryRegs,
  flatGdt,
  flatSegments,
  mib,
  PAGE_SIZE,
  protectedMode,
} from './boot-image.ts';
import { memoryMap, splitRam } from './e820.ts';

// [BOOT] "The Real-Mode Kernel Header": offsets from the start of the file, and of the zero page alike.
const SETUP_SECTS = 0x1f1;
const VID_MODE = 0x1fa;
const BOOT_FLAG = 0x1fe;
const HEADER_MAGIC = 0x202;
const VERSION = 0x206;
const KERNEL_VERSION = 0x20e;
const TYPE_OF_LOADER = 0x210;
const LOADFLAGS = 0x211;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const HEAP_END_PTR = 0x224;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
const XLOADFLAGS = 0x236;
const CMDLINE_SIZE = 0x238;
const PREF_ADDRESS = 0x258;
const INIT_SIZE = 0x260;

const BOOT_FLAG_VALUE = 0xaa55;
const HDRS = 0x5372_6448; // "HdrS"
const LOADED_HIGH = 1 << 0;
const CAN_USE_HEAP = 1 << 7;
const XLF_KERNEL_64 = 1 << 0;
const VERSION_2_02 = 0x0202; // the first with cmd_line_ptr
const VERSION_2_03 = 0x0203; // initrd_addr_max
const VERSION_2_06 = 0x0206; // cmdline_size
const VERSION_2_10 = 0x020a; // pref_address, init_size
const VERSION_2_12 = 0x020c; // xloadflags
/** What holds for kernels that are older than the field. */
const OLD_INITRD_ADDR_MAX = 0x37ff_ffff;
const OLD_CMDLINE_SIZE = 255;
const LOADER_UNDEFINED = 0xff;
const VID_MODE_NORMAL = 0xffff;
const ENTRY_64_OFFSET = 0x200;
const SECTOR = 512;
const UNKNOWN_VERSION = '(unknown version)';

// Zero page, beside the header
const SCREEN_INFO = 0x000;
const ACPI_RSDP_ADDR = 0x070;
const E820_ENTRIES = 0x1e8;
const E820_TABLE = 0x2d0;
const E820_ENTRY_SIZE = 20;
const SETUP_HEADER_LIMIT = 0x290;

// Where this loader puts its own things, all below 640 KiB and above the BIOS data area.
const GDT_ADDRESS = 0x6000;
const ZERO_PAGE = 0x7000;
const PAGE_TABLES = 0x8000; // PML4, PDPT, four PDs: 6 pages
const STACK_TOP = 0xf000;
const HEAP_END = 0xe000 - 0x200;
const CMDLINE_ADDRESS = 0x1_0000;
const CMDLINE_AREA = 0x1_0000;
const MIN_LOAD_ADDRESS = 0x10_0000;

const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;

/** What the header of a bootable image says. Sizes and addresses in bytes. */
export interface LinuxImage {
  /** e.g. "6.1.0-13-amd64", with the build's details cut off; "(unknown version)" when it says none. */
  readonly version: string;
  readonly setup: Uint8Array;
  readonly payload: Uint8Array;
  /** It has a 64-bit entry point. */
  readonly is64: boolean;
  readonly loadAddress: number;
  /** Memory from loadAddress that the kernel uses before it knows the memory map. */
  readonly initSize: number;
  readonly initrdAddrMax: number;
  readonly cmdlineSize: number;
}

export function hasLinuxHeader(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_MAGIC + 4) return false;
  const view = viewOf(bytes);
  return view.getUint16(BOOT_FLAG, true) === BOOT_FLAG_VALUE && view.getUint32(HEADER_MAGIC, true) === HDRS;
}

/** Throws BootError for anything but a complete bzImage. */
export function parseLinuxImage(bytes: Uint8Array): LinuxImage {
  if (!hasLinuxHeader(bytes)) throw new BootError('The file has no Linux boot header.', 'Choose a bzImage (vmlinuz).');
  const view = viewOf(bytes);
  const version = readVersion(bytes);
  // whatever its protocol, the header lies within the boot sector and the first of the setup sectors
  if (bytes.length < 2 * SECTOR) throw truncated(version, 2 * SECTOR, bytes.length);
  if ((view.getUint8(LOADFLAGS) & LOADED_HIGH) === 0) {
    throw new BootError(
      `Linux ${version} is a zImage, which loads below 640 KiB.`,
      'Choose a kernel built as bzImage, as every kernel since Linux 2.6 can be.',
    );
  }
  const protocol = view.getUint16(VERSION, true);
  if (protocol < VERSION_2_02) {
    throw new BootError(
      `Linux ${version} speaks version ${protocol >> 8}.${protocol & 0xff} of the boot protocol, which is too old.`,
      'Choose a kernel of Linux 2.4 or later.',
    );
  }
  const has = (since: number): boolean => protocol >= since;
  const setupLength = ((view.getUint8(SETUP_SECTS) || 4) + 1) * SECTOR;
  // no kernel fits in a page
  if (bytes.length < setupLength + PAGE_SIZE) throw truncated(version, setupLength + PAGE_SIZE, bytes.length);
  const syssizeBytes = view.getUint32(0x1f4, true) * 16;
  const payload = bytes.subarray(setupLength);
  // The last paragraph may be a partial one.
  if (payload.length + 15 < syssizeBytes) throw truncated(version, setupLength + syssizeBytes, bytes.length);
  return {
    version,
    setup: bytes.subarray(0, setupLength),
    payload,
    is64: protocol >= VERSION_2_12 && (view.getUint16(XLOADFLAGS, true) & XLF_KERNEL_64) !== 0,
    loadAddress: has(VERSION_2_10)
      ? Math.max(MIN_LOAD_ADDRESS, safeAddress(view.getBigUint64(PREF_ADDRESS, true)))
      : MIN_LOAD_ADDRESS,
    initSize: Math.max(has(VERSION_2_10) ? view.getUint32(INIT_SIZE, true) : 0, payload.length),
    initrdAddrMax: has(VERSION_2_03) ? view.getUint32(INITRD_ADDR_MAX, true) : OLD_INITRD_ADDR_MAX,
    cmdlineSize: has(VERSION_2_06) ? view.getUint32(CMDLINE_SIZE, true) : OLD_CMDLINE_SIZE,
  };
}

/** Throws BootError when the image is not bootable or does not fit into the machine's memory. */
export function planLinuxBoot(files: BootFiles, target: BootTarget): BootPlan {
  const image = parseLinuxImage(files.kernel);
  const { lowBytes } = splitRam(target.ramBytes, target.ramHoleStart);
  const kernelEnd = image.loadAddress + image.initSize;
  if (kernelEnd > lowBytes) {
    throw new BootError(
      `Linux ${image.version} needs at least ${mib(kernelEnd)} of memory to start; the machine has ${mib(target.ramBytes)}.`,
      'Give the virtual machine more memory.',
      'memory',
    );
  }
  const cmdline = cString(files.cmdline, Math.min(image.cmdlineSize + 1, CMDLINE_AREA), 'The kernel command line');
  const initrd = files.initrd && { gpa: placeInitrd(files.initrd, image, kernelEnd, lowBytes), bytes: files.initrd };

  return {
    chunks: [
      { gpa: GDT_ADDRESS, bytes: flatGdt(image.is64 ? 'code64' : 'code32') },
      { gpa: ZERO_PAGE, bytes: zeroPage(image, target, initrd) },
      ...(image.is64 ? [{ gpa: PAGE_TABLES, bytes: identityPageTables(PAGE_TABLES) }] : []),
      { gpa: CMDLINE_ADDRESS, bytes: cmdline },
      { gpa: image.loadAddress, bytes: image.payload },
      ...(initrd ? [initrd] : []),
    ],
    regs: entryRegs({
      rip: BigInt(image.loadAddress + (image.is64 ? ENTRY_64_OFFSET : 0)),
      rsi: BigInt(ZERO_PAGE),
      rsp: BigInt(STACK_TOP),
    }),
    applySregs: image.is64 ? longModeSregs : (powerOn) => protectedMode(powerOn, GDT_ADDRESS),
  };
}

/** As high as the kernel can reach it, so that it is out of the way of the kernel's own early memory. */
function placeInitrd(initrd: Uint8Array, image: LinuxImage, kernelEnd: number, lowBytes: number): number {
  const limit = Math.min(lowBytes, image.initrdAddrMax + 1);
  const address = Math.floor((limit - initrd.length) / PAGE_SIZE) * PAGE_SIZE;
  if (address < kernelEnd) {
    const needed = Math.ceil(kernelEnd / PAGE_SIZE) * PAGE_SIZE + initrd.length;
    throw new BootError(
      `The initial RAM disk of ${mib(initrd.length)} does not fit behind the kernel: with Linux ${image.version} it needs ` +
        `${mib(needed)} of memory${needed > image.initrdAddrMax + 1 ? ', more than this kernel can address' : ''}.`,
      'Give the virtual machine more memory, or choose a smaller initial RAM disk.',
      'memory',
    );
  }
  return address;
}

function zeroPage(image: LinuxImage, target: BootTarget, initrd: { gpa: number; bytes: Uint8Array } | undefined) {
  const page = new Uint8Array(PAGE_SIZE);
  const view = viewOf(page);
  // [BOOT] "64-bit Boot Protocol": the header is copied up to its own end, 0x202 + the byte at 0x201.
  const headerEnd = Math.min(HEADER_MAGIC + (image.setup[0x201] ?? 0), SETUP_HEADER_LIMIT, image.setup.length);
  page.set(image.setup.subarray(SETUP_SECTS, headerEnd), SETUP_SECTS);

  writeTextScreenInfo(page);
  view.setBigUint64(ACPI_RSDP_ADDR, BigInt(target.rsdpAddress), true);
  view.setUint16(VID_MODE, VID_MODE_NORMAL, true);
  view.setUint8(TYPE_OF_LOADER, LOADER_UNDEFINED);
  view.setUint8(LOADFLAGS, view.getUint8(LOADFLAGS) | CAN_USE_HEAP);
  view.setUint16(HEAP_END_PTR, HEAP_END, true);
  view.setUint32(CMD_LINE_PTR, CMDLINE_ADDRESS, true);
  view.setUint32(RAMDISK_IMAGE, initrd?.gpa ?? 0, true);
  view.setUint32(RAMDISK_SIZE, initrd?.bytes.length ?? 0, true);

  const map = memoryMap(target.ramBytes, target.ramHoleStart);
  view.setUint8(E820_ENTRIES, map.length);
  map.forEach((entry, i) => {
    const at = E820_TABLE + i * E820_ENTRY_SIZE;
    view.setBigUint64(at, BigInt(entry.start), true);
    view.setBigUint64(at + 8, BigInt(entry.sizeBytes), true);
    view.setUint32(at + 16, entry.type, true);
  });
  return page;
}

/** struct screen_info: a colour VGA in its 80x25 text mode with the cursor at the top left. */
function writeTextScreenInfo(page: Uint8Array): void {
  page[SCREEN_INFO + 0x06] = 3; // orig_video_mode
  page[SCREEN_INFO + 0x07] = 80; // orig_video_cols
  page[SCREEN_INFO + 0x0a] = 3; // orig_video_ega_bx: 256 KiB
  page[SCREEN_INFO + 0x0e] = 25; // orig_video_lines
  page[SCREEN_INFO + 0x0f] = 1; // orig_video_isVGA
  page[SCREEN_INFO + 0x10] = 16; // orig_video_points
}

/** PML4, one PDPT, four page directories of 2 MiB pages: virtual = physical for the first 4 GiB. */
function identityPageTables(base: number): Uint8Array {
  const PRESENT_WRITABLE = 0x3n;
  const PAGE_SIZE_2M = 0x80n;
  const ENTRIES = 512;
  const DIRECTORIES = 4;
  const entries = new BigUint64Array((2 + DIRECTORIES) * ENTRIES);
  const tableAt = (i: number): bigint => BigInt(base + i * PAGE_SIZE) | PRESENT_WRITABLE;
  entries[0] = tableAt(1);
  for (let i = 0; i < DIRECTORIES; i++) entries[ENTRIES + i] = tableAt(2 + i);
  for (let i = 0; i < DIRECTORIES * ENTRIES; i++) {
    entries[2 * ENTRIES + i] = (BigInt(i) << 21n) | PAGE_SIZE_2M | PRESENT_WRITABLE;
  }
  return new Uint8Array(entries.buffer);
}

function longModeSregs(powerOn: KvmSregs): KvmSregs {
  return {
    ...powerOn,
    ...flatSegments('code64', GDT_ADDRESS),
    cr0: CR0_PE | CR0_ET | CR0_PG,
    cr3: BigInt(PAGE_TABLES),
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
  };
}

/** The text that KERNEL_VERSION points to, cut at its first blank. It may be absent, or point anywhere. */
function readVersion(bytes: Uint8Array): string {
  const LONGEST = 64;
  if (bytes.length < KERNEL_VERSION + 2) return UNKNOWN_VERSION;
  const pointer = viewOf(bytes).getUint16(KERNEL_VERSION, true);
  const start = pointer + 0x200;
  const end = pointer === 0 ? start : Math.min(start + LONGEST, bytes.length);
  const text = String.fromCharCode(...bytes.subarray(start, end));
  return /^[\x21-\x7e]+/.exec(text)?.[0] ?? UNKNOWN_VERSION;
}

/** A load address beyond what a number holds exactly, or beyond 4 GiB, is refused by the memory check that follows. */
function safeAddress(address: bigint): number {
  return Number(address < 1n << 52n ? address : 1n << 52n);
}

function truncated(version: string, neededBytes: number, actualBytes: number): BootError {
  return new BootError(
    `The file of Linux ${version} is cut short: it says it has ${neededBytes} bytes, and has ${actualBytes}.`,
    'Copy or download the kernel again.',
  );
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
