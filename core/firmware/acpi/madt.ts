/**
 * MADT (signature APIC): the local APICs, the IOAPIC, and where ISA interrupts differ from the identity.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.12.
 */
import { IOAPIC_BASE, IRQ_SCI, IRQ_TIMER, LAPIC_BASE } from '../platform.ts';
import { concat } from './aml.ts';
import { type Acpi, table } from './table.ts';

const PCAT_COMPAT = 1; // two 8259s are there as well
const LAPIC_ENABLED = 1;
/** As its ID register reads after reset. */
const IOAPIC_ID = 0;
// MPS INTI flags
const BUS_POLARITY_AND_TRIGGER = 0;
const ACTIVE_HIGH_LEVEL = 0x01 | 0x0c;

export function madt(vcpus: number): Acpi {
  const localApics = Array.from({ length: vcpus }, (_, id) => [0, 8, id, id, ...le32(LAPIC_ENABLED)]);
  const ioapic = [1, 12, IOAPIC_ID, 0, ...le32(IOAPIC_BASE), ...le32(0)];
  const override = (irq: number, gsi: number, flags: number): number[] => [2, 10, 0, irq, ...le32(gsi), flags, 0];
  const lint1Nmi = [4, 6, 0xff, 0, 0, 1]; // every processor: NMI on LINT1
  return table(
    'APIC',
    3,
    concat(
      le32(LAPIC_BASE),
      le32(PCAT_COMPAT),
      ...localApics,
      ioapic,
      override(IRQ_TIMER, 2, BUS_POLARITY_AND_TRIGGER), // the PIT is wired to pin 2
      override(IRQ_SCI, IRQ_SCI, ACTIVE_HIGH_LEVEL),
      lint1Nmi,
    ),
  );
}

function le32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
