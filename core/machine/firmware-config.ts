/**
 * What firmware is told by fw_cfg: the machine's memory and processors, ACPI tables, what to boot. A machine that boots
 * a kernel directly has no fw_cfg.
 *
 * The files' formats are those of SeaBIOS (src/fw/paravirt.c) and OVMF.
 */
import { SLP_TYP_S3, SLP_TYP_S4, SLP_TYP_S5 } from '../devices/acpi-pm/acpi-pm.regs.ts';
import * as R from '../devices/fw-cfg/fw-cfg.regs.ts';
import { type FirmwareFile, FwCfg, word } from '../devices/fw-cfg/fw-cfg.ts';
import type { AcpiBoard } from '../firmware/acpi/index.ts';
import { LOADER_FILE, loadableTables, RSDP_FILE, TABLES_FILE } from '../firmware/acpi/table-loader.ts';
import { E820_RAM } from '../firmware/e820.ts';
import { HIGH_RAM_START } from '../firmware/platform.ts';
import { SMBIOS_ANCHOR_FILE, SMBIOS_TABLES_FILE, type SmbiosMachine, smbios } from '../firmware/smbios/smbios.ts';
import type { Board, DeviceRow } from './board.ts';
import { bootOrderFile, type StoragePaths } from './storage.ts';

const VCPUS = 1;
/** Firmware that finds nothing to boot says so and waits: it is not to reset the machine after a while. */
const BOOT_FAIL_WAIT_FOREVER = 0xffff_ffff;
/** SLP_TYP of S0 to S5; bit 7: there is that state. */
const SYSTEM_STATES = Uint8Array.of(0x80, 0, 0, 0x80 | SLP_TYP_S3, SLP_TYP_S4, 0x80 | SLP_TYP_S5);
const E820_ENTRY_SIZE = 20;

/** acpi: the board as firmware has set it up; asked for again when firmware reads the tables. */
export function firmwareConfig(board: Board, paths: StoragePaths, acpi: () => AcpiBoard): DeviceRow[] {
  if (board.directBoot) return [];
  const { below4gBytes, above4gBytes } = board.cmos;
  const device = new FwCfg({
    memory: board.ram,
    items: [
      { key: R.KEY_RAM_SIZE, bytes: word(below4gBytes + above4gBytes, 8) },
      { key: R.KEY_NOGRAPHIC, bytes: word(0, 2) },
      { key: R.KEY_NB_CPUS, bytes: word(VCPUS, 2) },
      { key: R.KEY_MAX_CPUS, bytes: word(VCPUS, 2) },
      { key: R.KEY_X86_IRQ0_OVERRIDE, bytes: word(1, 4) }, // the PIT is wired to IOAPIC pin 2
      { key: R.KEY_BOOT_MENU, bytes: word(board.bootMenuMs === undefined ? 0 : 1, 2) },
      ...board.firmwareItems,
    ],
    files: [
      { name: 'etc/e820', bytes: e820(below4gBytes, above4gBytes) },
      { name: 'etc/system-states', bytes: SYSTEM_STATES },
      { name: 'etc/boot-fail-wait', bytes: word(BOOT_FAIL_WAIT_FOREVER, 4) },
      ...menuFiles(board),
      { name: 'bootorder', bytes: bootOrderFile(board.drives, paths) },
      ...acpiFiles(acpi),
      ...smbiosFiles(board.described.smbios),
    ],
  });
  return [{ id: 'fw-cfg', device, ports: [[R.FW_CFG_PORT, R.FW_CFG_PORTS, device]] }];
}

function menuFiles({ bootMenuMs }: Board): FirmwareFile[] {
  return bootMenuMs === undefined ? [] : [{ name: 'etc/boot-menu-wait', bytes: word(bootMenuMs, 2) }];
}

/** Tables name ports that firmware chooses: they are made when it asks for them, which it does after it has chosen. */
function acpiFiles(acpi: () => AcpiBoard): FirmwareFile[] {
  return [
    { name: TABLES_FILE, get bytes() { return loadableTables(acpi()).tables; } },
    { name: RSDP_FILE, get bytes() { return loadableTables(acpi()).rsdp; } },
    { name: LOADER_FILE, get bytes() { return loadableTables(acpi()).loader; } },
  ]; // biome-ignore format: a table
}

function smbiosFiles(machine: SmbiosMachine): FirmwareFile[] {
  const { anchor, tables } = smbios(machine);
  return [
    { name: SMBIOS_ANCHOR_FILE, bytes: anchor },
    { name: SMBIOS_TABLES_FILE, bytes: tables },
  ];
}

/** RAM from 0 on: firmware itself knows what it reserves. */
function e820(below4gBytes: number, above4gBytes: number): Uint8Array {
  const ranges = [
    { start: 0, sizeBytes: below4gBytes },
    { start: HIGH_RAM_START, sizeBytes: above4gBytes },
  ].filter(({ sizeBytes }) => sizeBytes > 0);
  const bytes = new Uint8Array(ranges.length * E820_ENTRY_SIZE);
  ranges.forEach(({ start, sizeBytes }, i) => {
    bytes.set(word(start, 8), i * E820_ENTRY_SIZE);
    bytes.set(word(sizeBytes, 8), i * E820_ENTRY_SIZE + 8);
    bytes.set(word(E820_RAM, 4), i * E820_ENTRY_SIZE + 16);
  });
  return bytes;
}
