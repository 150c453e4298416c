import { describe, expect, it } from 'vitest';
import * as R from './acpi-pci-hotplug.regs.ts';
import { AcpiPciHotplug } from './acpi-pci-hotplug.ts';

function makeHotplug() {
  const calls: string[] = [];
  const hotplug = new AcpiPciHotplug({
    event: () => calls.push('event'),
    eject: (slot) => calls.push(`eject ${slot}`),
  });
  const read = (offset: number): number => hotplug.read(offset, 4);
  return { hotplug, calls, read };
}

describe('AcpiPciHotplug', () => {
  it('tells once of what was plugged in, and that it can be taken out', () => {
    const { hotplug, calls, read } = makeHotplug();
    hotplug.plugged(31);
    hotplug.plugged(5);
    expect(calls).toEqual(['event', 'event']);
    expect([read(R.PCI_UP), read(R.PCI_UP)]).toEqual([0x8000_0020, 0]);
    expect(read(R.PCI_RMV)).toBe(0x8000_0020);
  });

  it('asks for a slot until the guest lets go of it', () => {
    const { hotplug, calls, read } = makeHotplug();
    hotplug.plugged(5);
    expect([hotplug.requestEject(5), hotplug.requestEject(6)]).toEqual([true, false]);
    expect([read(R.PCI_DOWN), read(R.PCI_DOWN)]).toEqual([1 << 5, 1 << 5]);
    hotplug.write(R.PCI_EJ, 4, 0xffff_ffff);
    expect(calls).toEqual(['event', 'event', 'eject 5']);
    expect([read(R.PCI_DOWN), read(R.PCI_RMV)]).toEqual([0, 0]);
  });

  it('knows bus 0 alone', () => {
    const { hotplug, calls, read } = makeHotplug();
    hotplug.plugged(5);
    hotplug.write(R.PCI_SEL, 4, 1);
    hotplug.write(R.PCI_EJ, 4, 1 << 5);
    expect([read(R.PCI_UP), read(R.PCI_RMV), read(R.PCI_SEL)]).toEqual([0, 0, 1]);
    expect(calls).toEqual(['event']);
  });

  it('takes out at a reset what was to go, and leaves the rest', () => {
    const { hotplug, calls, read } = makeHotplug();
    hotplug.plugged(5);
    hotplug.plugged(6);
    hotplug.requestEject(6);
    hotplug.reset();
    expect(calls.slice(3)).toEqual(['eject 6']);
    expect([read(R.PCI_UP), read(R.PCI_RMV)]).toEqual([0, 1 << 5]);
  });

  it('drops accesses that are not of 32 bits', () => {
    const { hotplug } = makeHotplug();
    expect(hotplug.read(R.PCI_RMV, 2)).toBe(0xffff);
    hotplug.write(R.PCI_EJ, 1, 1);
    expect(hotplug.counters).toEqual({ unknownReads: 1, unknownWrites: 1 });
  });
});
