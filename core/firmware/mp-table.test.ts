import { describe, expect, it } from 'vitest';
import { PC_ACPI } from './boards.ts';
import { mpTables } from './mp-table.ts';

const ADDRESS = 0xf_1230;
const bytes = mpTables(ADDRESS, { ...PC_ACPI, vcpus: 1 });
const view = new DataView(bytes.buffer);
const sum = (part: Uint8Array): number => part.reduce((total, byte) => total + byte, 0) & 0xff;
const text = (at: number, length: number): string => Buffer.from(bytes.subarray(at, at + length)).toString();

/** Entries by type, as a reader walks them: the first kind is 20 bytes long, the others 8. */
function entries(): number[][] {
  const found: number[][] = [];
  let at = 16 + 44;
  while (at < bytes.length) {
    const length = bytes[at] === 0 ? 20 : 8;
    found.push([...bytes.subarray(at, at + length)]);
    at += length;
  }
  return found;
}

describe('MP tables', () => {
  it('begin with a pointer to the configuration table; both checksums hold', () => {
    expect([text(0, 4), view.getUint32(4, true), bytes[9]]).toEqual(['_MP_', ADDRESS + 16, 4]);
    expect([text(16, 4), view.getUint16(20, true)]).toEqual(['PCMP', bytes.length - 16]);
    expect([sum(bytes.subarray(0, 16)), sum(bytes.subarray(16))]).toEqual([0, 0]);
    expect(view.getUint16(16 + 34, true)).toBe(entries().length);
  });

  it('have the boot processor, two buses, the IOAPIC, and where each interrupt goes', () => {
    const of = (type: number) => entries().filter(([first]) => first === type);
    expect(of(0).map((entry) => entry.slice(1, 4))).toEqual([[0, 0x14, 3]]);
    expect(of(1).map((entry) => String.fromCharCode(...entry.slice(2)))).toEqual(['PCI   ', 'ISA   ']);
    expect(of(2)).toEqual([[2, 0, 0x11, 1, 0, 0, 0xc0, 0xfe]]);
    const isa = of(3).filter((entry) => entry[4] === 1);
    expect(isa.map((entry) => entry[7])).toEqual([2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    const pci = of(3).filter((entry) => entry[4] === 0);
    expect(pci).toHaveLength(128);
    expect(pci.find((entry) => entry[5] === ((2 << 2) | 1))?.[7]).toBe(PC_ACPI.pciInterrupt(2, 1));
    expect(of(4).map((entry) => [entry[1], entry[7]])).toEqual([
      [3, 0],
      [1, 1],
    ]);
  });
});
