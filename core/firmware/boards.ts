/**
 * The machine types, as firmware describes them to guests: where RAM ends, how interrupts are wired, whose power
 * management they have. The machine's tables (core/machine/pc.ts, q35.ts) build what this says.
 */
import { ICH9_PM, PIIX4_PM } from '../devices/acpi-pm/acpi-pm.regs.ts';
import type { AcpiBoard } from './acpi/index.ts';
import { RAM_HOLE_START } from './platform.ts';

type BoardDescription = Omit<AcpiBoard, 'vcpus' | 'pmIoBase' | 'ecam' | 'ram' | 'parts'>;

const FIRST_PCI_GSI = 16;
const PIRQS_OF_PIIX = 4;
const FIRST_ROUTED_SLOT = 25;
const FIRST_FREE_PIRQ = 4;
const PIRQA_TO_D = [0x60, 0x61, 0x62, 0x63];
const PIRQE_TO_H = [0x68, 0x69, 0x6a, 0x6b];
/** Slots of cards: what is in them can be taken out, and the free ones filled, while the guest runs. */
const CARD_SLOTS = [3, 4, 5, ...Array.from({ length: 16 }, (_, i) => 8 + i), 29];

/** Memory-mapped configuration space of q35, of 256 buses: RAM below 4 GiB ends here. */
export const ECAM_BASE = 0xb000_0000;

/** 440FX: pins rotate by slot, so that single-function devices spread over the four lines. */
export const PC_ACPI: BoardDescription = {
  pm: PIIX4_PM,
  isaBridgeSlot: 1,
  pciMemoryStart: RAM_HOLE_START,
  hotplugSlots: CARD_SLOTS,
  pciInterrupt: (slot, pin) => FIRST_PCI_GSI + ((slot + pin) % PIRQS_OF_PIIX),
  pirq: (slot, pin) => (slot + pin + PIRQS_OF_PIIX - 1) % PIRQS_OF_PIIX, // INTA of slot 1 is PIRQA
  pirqRegisters: PIRQA_TO_D,
};

/** Q35: the ICH9's own devices have lines A to D as their route registers stand at power-on, slots share E to H. */
export const Q35_ACPI: BoardDescription = {
  pm: ICH9_PM,
  isaBridgeSlot: 31,
  pciMemoryStart: RAM_HOLE_START, // behind memory-mapped configuration space
  hotplugSlots: [2, ...CARD_SLOTS],
  pciInterrupt: (slot, pin) => FIRST_PCI_GSI + q35Pirq(slot, pin),
  pirq: q35Pirq,
  pirqRegisters: [...PIRQA_TO_D, ...PIRQE_TO_H],
};

function q35Pirq(slot: number, pin: number): number {
  return slot >= FIRST_ROUTED_SLOT ? pin : FIRST_FREE_PIRQ + ((slot + pin) % PIRQS_OF_PIIX);
}
