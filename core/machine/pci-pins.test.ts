import { beforeEach, describe, expect, it } from 'vitest';
import { Ich9ChipsetRegisters } from '../devices/pci-host/q35-functions.ts';
import { PC_ACPI, Q35_ACPI } from '../firmware/boards.ts';
import { IrqLines } from './irq-lines.ts';
import { pcPins, q35Pins } from './pci-pins.ts';

let up: Set<number>;
let lines: IrqLines;
beforeEach(() => {
  up = new Set();
  lines = new IrqLines({ irqLine: ({ irq, level }) => void (level ? up.add(irq) : up.delete(irq)) });
});

/** The GSIs that a pin raises. */
function raisedBy(line: { set(level: boolean): void }): number[] {
  line.set(true);
  const raised = [...up];
  line.set(false);
  return raised;
}
const SLOTS = Array.from({ length: 32 }, (_, slot) => slot);
const PINS = [1, 2, 3, 4];

describe('PCI interrupt pins', () => {
  it('of a pc lead to the IOAPIC pin that its ACPI tables name, and to where the PIIX routes them', () => {
    const { router, input } = pcPins(lines);
    for (const slot of SLOTS) {
      for (const pin of PINS) expect(raisedBy(input(slot, pin))).toEqual([PC_ACPI.pciInterrupt(slot, pin - 1)]);
    }
    router.route(2, 11);
    expect(raisedBy(input(3, 1))).toEqual([19, 11]); // slot 1 INTA is PIRQA
    expect(raisedBy(input(1, 3))).toEqual([19, 11]);
  });

  it('of a q35 lead to the IOAPIC pin that its ACPI tables name, until the guest routes them anew', () => {
    const chipset = new Ich9ChipsetRegisters();
    const { router, input } = q35Pins(lines, chipset);
    for (const slot of SLOTS) {
      for (const pin of PINS) expect(raisedBy(input(slot, pin))).toEqual([Q35_ACPI.pciInterrupt(slot, pin - 1)]);
    }
    const ahci = input(31, 1);
    ahci.set(true);
    chipset.write(0x3140, 2, 0x3215); // D31IR: INTA to PIRQF
    expect([...up]).toEqual([21]);
    router.route(5, 10);
    expect([...up]).toEqual([21, 10]);
  });
});
