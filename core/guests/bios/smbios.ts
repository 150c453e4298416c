/**
 * SMBIOS tables for a machine whose fw_cfg brings none: who made the firmware and the system, no more. [SMBIOS] 3.4:
 * 5.2.1 (entry point), 7.1 (BIOS information), 7.2 (system information), 7.45 (end of table).
 */
import { RUNTIME_BASE, VERSION } from './layout.ts';
import type { Listing } from './listing.ts';

const ANCHOR_BYTES = 31;

/** A structure: its formatted part behind type, length and handle, then its strings. */
function structure(type: number, handle: number, formatted: readonly number[], strings: readonly string[]): number[] {
  const text = strings.length > 0 ? strings.map((string) => `${string}\0`).join('') : '\0';
  return [type, formatted.length + 4, handle, 0, ...formatted, ...[...text].map((c) => c.charCodeAt(0)), 0];
}

const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

const STRUCTURES = [
  // vendor, version, segment, date, size in 64-KiB units less one; PCI, boot from CD, choice of it, EDD; ACPI, a virtual
  // machine; releases
  structure(
    0,
    0,
    [1, 2, 0x00, 0xe0, 3, 1, 0x80, 0x80, 0x09, 0, 0, 0, 0, 0, 0x01, 0x10, 1, 0, 0xff, 0xff],
    ['Vivarium', VERSION, '01/01/2026'],
  ),
  // manufacturer, product, no version and serial number, UUID not set, power switch
  structure(1, 1, [1, 2, 0, 0, ...zeros(16), 6, 0, 0], ['Vivarium', 'Virtual PC']),
  structure(127, 2, [], []),
];

/** The entry point, `smbios_anchor`, and the structures behind it. */
export function smbiosTables(p: Listing): void {
  const structures = STRUCTURES.flat();
  p.align(16);
  const anchor = new Uint8Array(ANCHOR_BYTES);
  const view = new DataView(anchor.buffer);
  anchor.set(new TextEncoder().encode('_SM_'));
  anchor.set([ANCHOR_BYTES, 2, 8], 5);
  view.setUint16(8, Math.max(...STRUCTURES.map(({ length }) => length)), true);
  anchor.set(new TextEncoder().encode('_DMI_'), 0x10);
  view.setUint16(0x16, structures.length, true);
  view.setUint32(0x18, RUNTIME_BASE + p.here + 32, true);
  view.setUint16(0x1c, STRUCTURES.length, true);
  anchor[0x1e] = 0x28;
  const negative = (bytes: Uint8Array): number => -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  anchor[0x15] = negative(anchor.subarray(0x10));
  anchor[4] = negative(anchor);
  p.bind('smbios_anchor');
  p.bytes(...anchor, 0, ...structures);
}
