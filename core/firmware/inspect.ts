/**
 * What a boot file is, in words: for a person who has just chosen it, before there is a machine.
 */
import { BootError } from './boot-image.ts';
import { elfMachine, isElf, isX86Elf } from './elf.ts';
import { hasLinuxHeader, parseLinuxImage } from './linux-boot.ts';
import { findMultibootHeader, planMultibootBoot } from './multiboot.ts';
import { planPvhBoot, pvhEntry } from './pvh.ts';

export const CHOOSE_KERNEL =
  'Choose an x86 Linux kernel (bzImage, usually named vmlinuz) or a multiboot 1 kernel (ELF).';
/** Any kernel that is whole fits. */
const LARGE_MACHINE = { ramBytes: 2 ** 32, rsdpAddress: 0 };

export interface BootImageDescription {
  readonly ok: boolean;
  /** What the file is, e.g. "Linux kernel 6.1.0-13-amd64 (bzImage, 64-bit)", "a text file". */
  readonly description: string;
  /** When not ok: what is wrong and what to do. */
  readonly message?: string;
}

/** What a chosen kernel file is, without a machine to load it into. Never throws. */
export function describeBootImage(kernel: Uint8Array): BootImageDescription {
  try {
    if (hasLinuxHeader(kernel)) {
      const { version, is64 } = parseLinuxImage(kernel);
      return { ok: true, description: `Linux kernel ${version} (bzImage, ${is64 ? 64 : 32}-bit)` };
    }
    if (findMultibootHeader(kernel)) {
      planMultibootBoot({ kernel, cmdline: '' }, LARGE_MACHINE);
      return { ok: true, description: isElf(kernel) ? 'multiboot ELF' : 'multiboot kernel' };
    }
    if (pvhEntry(kernel) !== undefined) {
      planPvhBoot({ kernel, cmdline: '' }, LARGE_MACHINE);
      return { ok: true, description: 'ELF kernel with a PVH entry point' };
    }
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    return { ok: false, description: describeDamaged(kernel), message: `${error.message} ${error.hint}` };
  }
  return { ok: false, description: describeUnbootable(kernel), message: CHOOSE_KERNEL };
}

function describeDamaged(kernel: Uint8Array): string {
  if (hasLinuxHeader(kernel)) return 'a Linux kernel that cannot be booted';
  return findMultibootHeader(kernel) ? 'a damaged multiboot kernel' : 'an ELF file that cannot be booted';
}

/** What a chosen initial RAM disk looks like. Any non-empty file may be one: the guest's kernel decides. */
export function describeInitrd(initrd: Uint8Array): BootImageDescription {
  if (initrd.length === 0) {
    return { ok: false, description: 'an empty file', message: 'Choose another file, or leave the field empty.' };
  }
  const kind = COMPRESSIONS.find(({ magic }) => startsWith(initrd, magic))?.name;
  const cpio = ['070701', '070702'].some((magic) => startsWith(initrd, magic)) ? 'cpio archive' : undefined;
  return { ok: true, description: cpio ?? (kind ? `${kind}-compressed` : 'data') };
}

const COMPRESSIONS: readonly { name: string; magic: string }[] = [
  { name: 'gzip', magic: '\x1f\x8b' },
  { name: 'xz', magic: '\xfd7zXZ' },
  { name: 'Zstandard', magic: '\x28\xb5\x2f\xfd' },
  { name: 'bzip2', magic: 'BZh' },
  { name: 'LZ4', magic: '\x02\x21\x4c\x18' },
  { name: 'LZMA', magic: '\x5d\x00\x00' },
  { name: 'LZO', magic: '\x89LZO' },
];

/** A noun phrase for files that no loader here takes. */
export function describeUnbootable(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  if (isElf(bytes)) {
    return isX86Elf(bytes)
      ? 'an ELF file without a multiboot header or a PVH entry point (a program, or an old vmlinux)'
      : `an ELF file for ${elfMachine(bytes)}`;
  }
  if (startsWith(bytes, 'ARM\x64', 0x38)) return 'a Linux kernel for ARM (64-bit)';
  if (startsWith(bytes, '\x18\x28\x6f\x01', 0x24)) return 'a Linux kernel for ARM';
  if (startsWith(bytes, 'RSC\x05', 0x38)) return 'a Linux kernel for RISC-V';
  if (startsWith(bytes, 'CD001', 0x8001)) return 'a CD image (ISO 9660)';
  if (startsWith(bytes, 'QFI\xfb')) return 'a qcow2 disk image';
  const compression = COMPRESSIONS.find(({ magic }) => startsWith(bytes, magic));
  if (compression) return `a ${compression.name}-compressed file`;
  if (startsWith(bytes, 'MZ')) return 'a Windows or EFI program';
  if (looksLikeText(bytes)) return 'a text file';
  if (bytes[510] === 0x55 && bytes[511] === 0xaa) return 'a boot sector or disk image';
  return 'a file of unknown kind';
}

function startsWith(bytes: Uint8Array, magic: string, offset = 0): boolean {
  return bytes.length >= offset + magic.length && [...magic].every((c, i) => bytes[offset + i] === c.charCodeAt(0));
}

function looksLikeText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 512).every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}
