/**
 * A kernel that is loaded in pieces at physical addresses: from an ELF file or wherever a boot protocol has them from,
 * checked against the machine's memory, with the initial RAM disk behind it.
 */
import { BootError, type BootTarget, type MemoryChunk, mib, PAGE_SIZE } from './boot-image.ts';
import { splitRam } from './e820.ts';
import type { ElfImage } from './elf.ts';
import { BIOS_AREA_END, EBDA_START } from './platform.ts';

interface LoadedSegment {
  readonly gpa: number;
  readonly bytes: Uint8Array;
  readonly memorySize: number;
}

export interface SegmentedKernel {
  /** Physical address. */
  readonly entry: number;
  readonly segments: readonly LoadedSegment[];
}

export interface PlacedKernel {
  readonly chunks: readonly MemoryChunk[];
  /** The initial RAM disk, page-aligned. */
  readonly module?: { readonly gpa: number; readonly bytes: Uint8Array };
}

export function elfSegments(elf: ElfImage): readonly LoadedSegment[] {
  if (elf.segments.length === 0) throw new BootError('The ELF file has nothing to load.', 'Choose a linked kernel.');
  return elf.segments.map((s) => ({ gpa: s.physicalAddress, bytes: s.bytes, memorySize: s.memorySize }));
}

/** ownEnd: below it lies what the loader itself puts into low memory. Throws BootError when something does not fit. */
export function placeKernel(
  { entry, segments }: SegmentedKernel,
  initrd: Uint8Array | undefined,
  target: BootTarget,
  ownEnd: number,
): PlacedKernel {
  if (!segments.some((segment) => entry >= segment.gpa && entry < segment.gpa + segment.memorySize)) {
    throw new BootError('The entry point of the kernel lies outside of what it loads.', 'Build the kernel again.');
  }
  const { lowBytes } = splitRam(target.ramBytes, target.ramHoleStart);
  const ends = segments.map((segment) => endOf(segment, target.ramBytes, lowBytes, ownEnd));
  const chunks = segments.map(({ gpa, bytes, memorySize }) => ({ gpa, bytes, zeroBytes: memorySize - bytes.length }));
  if (!initrd) return { chunks };
  const module = { gpa: alignPage(Math.max(BIOS_AREA_END, ...ends)), bytes: initrd };
  if (module.gpa + module.bytes.length > lowBytes) {
    throw new BootError(
      `The initial RAM disk of ${mib(module.bytes.length)} does not fit behind the kernel in ${mib(target.ramBytes)} of memory.`,
      'Give the virtual machine more memory, or choose a smaller initial RAM disk.',
      'memory',
    );
  }
  return { chunks: [...chunks, module], module };
}

function endOf({ gpa, memorySize }: LoadedSegment, ramBytes: number, lowBytes: number, ownEnd: number): number {
  const end = gpa + memorySize;
  if (end > lowBytes) {
    throw new BootError(
      `The kernel wants to be loaded up to ${mib(end)}; the machine has ${mib(ramBytes)} of memory.`,
      'Give the virtual machine more memory.',
      'memory',
    );
  }
  const inFreeLowMemory = gpa >= ownEnd && end <= EBDA_START;
  if (gpa < BIOS_AREA_END && !inFreeLowMemory) {
    throw new BootError(
      `The kernel wants to be loaded at 0x${gpa.toString(16)}, where no free memory is.`,
      'Link it at 1 MiB (0x100000) or above.',
    );
  }
  return end;
}

const alignPage = (address: number): number => Math.ceil(address / PAGE_SIZE) * PAGE_SIZE;
