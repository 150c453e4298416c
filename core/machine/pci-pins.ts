/** How the boards wire the interrupt pins of PCI slots to the PIRQ lines of their south bridge, and those to the IOAPIC. */
import type { IrqLine } from '../devices/device.ts';
import type { Ich9ChipsetRegisters } from '../devices/pci-host/q35-functions.ts';
import { PC_ACPI } from '../firmware/boards.ts';
import { type IrqLines, PirqRouter } from './irq-lines.ts';

/** One more input: pin 1 INTA to 4 INTD, as configuration space counts them. */
export type PciPins = (slot: number, pin: number) => IrqLine;

interface Wiring {
  /** Where the south bridge leads PIRQ lines to ISA interrupts. */
  readonly router: PirqRouter;
  readonly input: PciPins;
}

const PC_PIRQS = 4;
const Q35_PIRQS = 8;
const Q35_FIRST_GSI = 16;

/** As the boards of the 440FX: INTA of slot 1 is PIRQA, and they rotate. */
export function pcPins(lines: IrqLines): Wiring {
  const gsis = Array.from({ length: PC_PIRQS }, (_, pirq) => PC_ACPI.pciInterrupt(pirq + 1, 0));
  const router = new PirqRouter(lines, gsis);
  const pirqOf = (slot: number, pin: number): number => (slot + pin - 2 + PC_PIRQS) % PC_PIRQS;
  return { router, input: (slot, pin) => router.input(() => pirqOf(slot, pin)) };
}

/** PIRQA to PIRQH lead to IOAPIC pins 16 to 23; which pin of a slot leads to which of them, the guest may change. */
export function q35Pins(lines: IrqLines, chipset: Ich9ChipsetRegisters): Wiring {
  const router = new PirqRouter(
    lines,
    Array.from({ length: Q35_PIRQS }, (_, pirq) => Q35_FIRST_GSI + pirq),
  );
  chipset.onChange(() => router.rewire());
  return { router, input: (slot, pin) => router.input(() => chipset.pirqOf(slot, pin - 1)) };
}
