/**
 * The machine's ACPI tables as one block: RSDP first, everything it leads to behind it. A machine without firmware puts
 * it into memory; firmware gets it with the commands that move it (table-loader.ts).
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.
 */
import { type DsdtBoard, dsdt } from './dsdt.ts';
import { facs, fadt, type PmBlock } from './fadt.ts';
import { hpetTable } from './hpet.ts';
import { madt } from './madt.ts';
import { mcfg } from './mcfg.ts';
import { type RamLayout, srat } from './srat.ts';
import { type Acpi, rsdp, table } from './table.ts';
import { waet } from './waet.ts';

/** What the tables say about a board. */
export interface AcpiBoard extends DsdtBoard, PmBlock {
  /** Without it nothing is said of nodes. */
  readonly ram?: RamLayout;
}

/** Offsets in a block of tables. */
export interface AcpiLayout {
  readonly rsdt: number;
  readonly xsdt: number;
  /** Tables with the usual header, whose checksum covers pointers. */
  readonly tables: readonly { readonly at: number; readonly length: number }[];
  /** What holds the address of a table. */
  readonly pointers: readonly { readonly at: number; readonly size: 4 | 8 }[];
}

const ALIGNMENT = 64; // FACS asks for it
export const RSDP_LENGTH = 36;
const HEADER_LENGTH = 36;
const FADT_FIRMWARE_CTRL = 36;
const FADT_DSDT = 40;
const FADT_X_DSDT = 140;

/** The bytes to put at guest physical address `base` (64-byte aligned, below 4 GiB); the RSDP is at their start. */
export function acpiTables(base: number, board: AcpiBoard): Uint8Array {
  return layOut(base, board).block;
}

/** Where the FACS is in a block at `base`: it holds the guest's waking vector. */
export const facsAddress = (base: number): number => align(base + RSDP_LENGTH);

export function layOut(base: number, board: AcpiBoard): { readonly block: Uint8Array; readonly layout: AcpiLayout } {
  const placed: { address: number; bytes: Acpi }[] = [];
  let next = facsAddress(base);
  const place = (bytes: Acpi): number => {
    const address = next;
    placed.push({ address, bytes });
    next = align(address + bytes.length);
    return address;
  };

  const fadtAddress = place(fadt(place(facs()), place(dsdt(board)), board));
  const others = [
    madt(board.vcpus),
    ...(board.ecam ? [mcfg(board.ecam)] : []),
    ...(board.parts?.hpet ? [hpetTable()] : []),
    ...(board.ram ? [srat(board.vcpus, board.ram)] : []),
    waet(),
  ].map(place);
  const listed = [fadtAddress, ...others];
  const rsdt = place(table('RSDT', 1, pointerBytes(listed, 4)));
  const xsdt = place(table('XSDT', 1, pointerBytes(listed, 8)));
  const tables = placed.slice(1).map(({ address, bytes }) => ({ at: address - base, length: bytes.length })); // no FACS
  placed.push({ address: base, bytes: rsdp(rsdt, xsdt) });

  const block = new Uint8Array(next - base);
  for (const { address, bytes } of placed) block.set(bytes, address - base);
  const entries = (at: number, size: 4 | 8) =>
    listed.map((_, i) => ({ at: at - base + HEADER_LENGTH + i * size, size }));
  const fadtAt = fadtAddress - base;
  const pointers = [
    { at: fadtAt + FADT_FIRMWARE_CTRL, size: 4 as const },
    { at: fadtAt + FADT_DSDT, size: 4 as const },
    { at: fadtAt + FADT_X_DSDT, size: 8 as const },
    ...entries(rsdt, 4),
    ...entries(xsdt, 8),
  ];
  return { block, layout: { rsdt: rsdt - base, xsdt: xsdt - base, tables, pointers } };
}

function pointerBytes(addresses: readonly number[], width: 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(addresses.length * width));
  addresses.forEach((address, i) => {
    view.setUint32(i * width, address, true);
  });
  return new Uint8Array(view.buffer);
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
