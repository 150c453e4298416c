/**
 * What a machine without firmware has in the area where guests look for BIOS tables, beside ACPI: SMBIOS and the MP
 * tables, behind the ACPI tables.
 */
import { concat } from './acpi/aml.ts';
import type { MemoryChunk } from './boot-image.ts';
import { type MpBoard, mpTables } from './mp-table.ts';
import { BIOS_AREA_END, BIOS_TABLES_START } from './platform.ts';
import { type SmbiosMachine, smbios, withAddress } from './smbios/smbios.ts';

/** Guests look for anchors at multiples of it. */
const PARAGRAPH = 16;

export function biosTables(machine: SmbiosMachine, board: MpBoard): MemoryChunk {
  const { anchor, tables } = smbios(machine);
  const tablesAt = BIOS_TABLES_START + paragraphs(anchor.length);
  const mpAt = tablesAt + paragraphs(tables.length);
  const bytes = concat(padded(withAddress(anchor, tablesAt)), padded(tables), mpTables(mpAt, board));
  if (BIOS_TABLES_START + bytes.length > BIOS_AREA_END) throw new RangeError('the BIOS area is too small');
  return { gpa: BIOS_TABLES_START, bytes };
}

const paragraphs = (length: number): number => Math.ceil(length / PARAGRAPH) * PARAGRAPH;

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(paragraphs(bytes.length));
  whole.set(bytes);
  return whole;
}
