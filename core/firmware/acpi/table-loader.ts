/**
 * The ACPI tables for firmware, which decides where they lie: the blocks, and a script that allocates memory for them,
 * turns offsets into addresses and completes checksums.
 *
 * Reference: [LOADER] QEMU's hw/acpi/bios-linker-loader interface as SeaBIOS (src/fw/romfile_loader.h) and OVMF
 * (OvmfPkg/AcpiPlatformDxe/QemuLoader.h) define it: entries of 128 bytes, little-endian, names zero-padded to 56.
 */
import { type AcpiBoard, layOut, RSDP_LENGTH } from './index.ts';

export const TABLES_FILE = 'etc/acpi/tables';
export const RSDP_FILE = 'etc/acpi/rsdp';
export const LOADER_FILE = 'etc/table-loader';

const ENTRY_SIZE = 128;
const NAME_SIZE = 56;
const COMMAND_ALLOCATE = 1;
const COMMAND_ADD_POINTER = 2;
const COMMAND_ADD_CHECKSUM = 3;
const ZONE_HIGH = 1;
const ZONE_FSEG = 2; // 0xf0000: where guests look for the RSDP
const ALIGNMENT = 64;
const CHECKSUM_AT = 9;

// RSDP
const RSDP_CHECKSUM = 8;
const RSDP_V1_LENGTH = 20;
const RSDP_RSDT = 16;
const RSDP_XSDT = 24;
const RSDP_EXTENDED_CHECKSUM = 32;

export interface LoadableTables {
  readonly tables: Uint8Array;
  readonly rsdp: Uint8Array;
  readonly loader: Uint8Array;
}

export function loadableTables(board: AcpiBoard): LoadableTables {
  const { block, layout } = layOut(0, board);
  const rsdp = block.slice(0, RSDP_LENGTH);
  block.fill(0, 0, RSDP_LENGTH);
  rsdp[RSDP_CHECKSUM] = 0;
  rsdp[RSDP_EXTENDED_CHECKSUM] = 0;
  for (const { at } of layout.tables) block[at + CHECKSUM_AT] = 0;
  const entries = [
    allocate(RSDP_FILE, 16, ZONE_FSEG),
    allocate(TABLES_FILE, ALIGNMENT, ZONE_HIGH),
    ...layout.pointers.map(({ at, size }) => addPointer(TABLES_FILE, at, size)),
    ...layout.tables.map(({ at, length }) => addChecksum(TABLES_FILE, at + CHECKSUM_AT, at, length)),
    addPointer(RSDP_FILE, RSDP_RSDT, 4),
    addPointer(RSDP_FILE, RSDP_XSDT, 8),
    addChecksum(RSDP_FILE, RSDP_CHECKSUM, 0, RSDP_V1_LENGTH),
    addChecksum(RSDP_FILE, RSDP_EXTENDED_CHECKSUM, 0, RSDP_LENGTH),
  ];
  const loader = new Uint8Array(entries.length * ENTRY_SIZE);
  entries.forEach((entry, i) => {
    loader.set(entry, i * ENTRY_SIZE);
  });
  return { tables: block, rsdp, loader };
}

function allocate(file: string, alignment: number, zone: number): Uint8Array {
  return entry(COMMAND_ALLOCATE, [file], (view, at) => {
    view.setUint32(at, alignment, true);
    view.setUint8(at + 4, zone);
  });
}

/** The value at `offset`, an offset in the tables, becomes an address. */
function addPointer(file: string, offset: number, size: 4 | 8): Uint8Array {
  return entry(COMMAND_ADD_POINTER, [file, TABLES_FILE], (view, at) => {
    view.setUint32(at, offset, true);
    view.setUint8(at + 4, size);
  });
}

function addChecksum(file: string, offset: number, start: number, length: number): Uint8Array {
  return entry(COMMAND_ADD_CHECKSUM, [file], (view, at) => {
    [offset, start, length].forEach((value, i) => {
      view.setUint32(at + 4 * i, value, true);
    });
  });
}

function entry(command: number, files: readonly string[], rest: (view: DataView, at: number) => void): Uint8Array {
  const bytes = new Uint8Array(ENTRY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, command, true);
  files.forEach((file, i) => {
    bytes.set(new TextEncoder().encode(file), 4 + i * NAME_SIZE);
  });
  rest(view, 4 + files.length * NAME_SIZE);
  return bytes;
}
