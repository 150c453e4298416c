/** What the tables of firmware tell of a machine: of every board alike, and for a direct boot the tables themselves. */
import type { MachineType } from '../contracts/machine.ts';
import { PM_IO_BASE } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { type AcpiBoard, acpiTables } from '../firmware/acpi/index.ts';
import { biosTables } from '../firmware/bios-area.ts';
import { biosDataArea } from '../firmware/bios-data-area.ts';
import { ECAM_BASE, PC_ACPI, Q35_ACPI } from '../firmware/boards.ts';
import type { MemoryChunk } from '../firmware/boot-image.ts';
import { ACPI_TABLES_START } from '../firmware/platform.ts';
import type { SmbiosMachine } from '../firmware/smbios/smbios.ts';
import { ramHoleStart } from './machine-memory.ts';
import type { MachineDrive } from './storage.ts';

const VCPUS = 1;

export interface DescribedMachine {
  readonly machine: MachineType;
  readonly ramBytes: number;
  readonly directBoot: boolean;
  readonly drives: readonly MachineDrive[];
  readonly panic: boolean;
  readonly name?: string;
  readonly uuid?: string;
}

export interface BoardDescription {
  readonly acpi: Pick<AcpiBoard, 'vcpus' | 'ram' | 'parts'>;
  readonly smbios: SmbiosMachine;
}

export function describeBoard({
  machine,
  ramBytes,
  directBoot,
  drives,
  panic,
  name,
  uuid,
}: DescribedMachine): BoardDescription {
  const holeStart = ramHoleStart(machine);
  return {
    acpi: {
      vcpus: VCPUS,
      ram: { ramBytes, holeStart },
      parts: {
        hpet: true,
        hotplug: true,
        panic,
        floppy: drives.some(({ bus }) => bus === 'fdc'),
        fwCfg: !directBoot,
      },
    },
    smbios: {
      name: name ?? '',
      ...(uuid !== undefined && { uuid }),
      boardName: machine,
      vcpus: VCPUS,
      ramBytes,
      ramHoleStart: holeStart,
    },
  };
}

/** What firmware would have left in memory. */
export function directBootTables(machine: MachineType, { acpi, smbios }: BoardDescription): MemoryChunk[] {
  const description = machine === 'q35' ? Q35_ACPI : PC_ACPI;
  const ecam = machine === 'q35' ? { ecam: { base: ECAM_BASE, buses: 256 } } : {};
  const board: AcpiBoard = { ...description, ...acpi, pmIoBase: PM_IO_BASE, ...ecam };
  const tables = { gpa: ACPI_TABLES_START, bytes: acpiTables(ACPI_TABLES_START, board) };
  return [...biosDataArea(), tables, biosTables(smbios, board)];
}
