/**
 * The physical memory map as a BIOS reports it by INT 15h, AX=E820h, for boot protocols to hand on.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 15.1 (address range types).
 */
import {
  ACPI_TABLES_START,
  BIOS_AREA_END,
  EBDA_START,
  HIGH_RAM_START,
  KVM_IDENTITY_MAP,
  KVM_RESERVED_END,
  RAM_HOLE_START,
  VGA_WINDOW_START,
} from './platform.ts';

export const E820_RAM = 1;
export const E820_RESERVED = 2;

export interface E820Entry {
  readonly start: number;
  readonly sizeBytes: number;
  readonly type: typeof E820_RAM | typeof E820_RESERVED;
}

/** How much of the RAM lies below the hole, and how much at 4 GiB. Bytes. */
export function splitRam(
  ramBytes: number,
  holeStart = RAM_HOLE_START,
): { readonly lowBytes: number; readonly highBytes: number } {
  const lowBytes = Math.min(ramBytes, holeStart);
  return { lowBytes, highBytes: ramBytes - lowBytes };
}

/**
 * The map of a machine with `ramBytes` (at least 1 MiB) of memory, in ascending order. Where its hole starts earlier than
 * PCI memory, memory-mapped configuration space lies between.
 */
export function memoryMap(ramBytes: number, holeStart = RAM_HOLE_START): E820Entry[] {
  const { lowBytes, highBytes } = splitRam(ramBytes, holeStart);
  const range = (start: number, end: number, type: E820Entry['type']): E820Entry => ({
    start,
    sizeBytes: end - start,
    type,
  });
  return [
    range(0, EBDA_START, E820_RAM),
    range(EBDA_START, VGA_WINDOW_START, E820_RESERVED),
    range(ACPI_TABLES_START, BIOS_AREA_END, E820_RESERVED),
    range(BIOS_AREA_END, lowBytes, E820_RAM),
    range(holeStart, RAM_HOLE_START, E820_RESERVED),
    range(KVM_IDENTITY_MAP, KVM_RESERVED_END, E820_RESERVED),
    range(HIGH_RAM_START, HIGH_RAM_START + highBytes, E820_RAM),
  ].filter((entry) => entry.sizeBytes > 0);
}
