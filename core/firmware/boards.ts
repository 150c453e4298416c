/**
 * The machine types, as firmware describes them to guests: where RAM ends, how interrupts are wired, whose power
 * management they have. The machine's tables (core/machine/pc.ts, q35.ts) build what this says.
 */
import { ICH9_PM, PIIX4_PM } from '../devices/acpi-pm/acpi-pm.regs.ts';
import type { AcpiBoard } from './acpi/index.ts';
import { RAM_HOLE_START } from './platform.ts';

type BoardDescription = Omit<AcpiBoard, 'vcpus' | 'pmIoBase' | 'ecam'>;

const FIRST_PCI_GSI = 16;
const PIRQS_OF_PIIX = 4;
const FIRST_ROUTED_SLOT = 25;
const FIRST_FREE_PIRQ = 4;

/** Memory-mapped configuration space of q35, of 256 buses: RAM below 4 GiB ends here. */
export const ECAM_BASE = 0xb000_0000;

/** 440FX: pins rotate by slot, so that single-function devices spread over the four lines. */
export const PC_ACPI: BoardDescription = {
  pm: PIIX4_PM,
  isaBridgeSlot: 1,
  pciMemoryStart: RAM_HOLE_START,
  pciInterrupt: (slot, pin) => FIRST_PCI_GSI + ((slot + pin) % PIRQS_OF_PIIX),
};

/** Q35: the ICH9's own devices have lines A to D as their route registers stand at power-on, slots share E to H. */
export const Q35_ACPI: BoardDescription = {
  pm: ICH9_PM,
  isaBridgeSlot: 31,
  pciMemoryStart: RAM_HOLE_START, // behind memory-mapped configuration space
  pciInterrupt: (slot, pin) =>
    FIRST_PCI_GSI + (slot >= FIRST_ROUTED_SLOT ? pin : FIRST_FREE_PIRQ + ((slot + pin) % PIRQS_OF_PIIX)),
};
