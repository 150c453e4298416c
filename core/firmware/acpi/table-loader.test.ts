import { describe, expect, it } from 'vitest';
import { PC_ACPI, Q35_ACPI } from '../boards.ts';
import { dsdt } from './dsdt.ts';
import { acpiTables } from './index.ts';
import { loadableTables } from './table-loader.ts';

const BOARD = { ...Q35_ACPI, vcpus: 1, pmIoBase: 0x600, ecam: { base: 0xb000_0000, buses: 256 } };

/** What firmware does with the script, with every file at an address of the test's choice. */
function load(addresses: Readonly<Record<string, number>>) {
  const { tables, rsdp, loader } = loadableTables(BOARD);
  const files: Record<string, Uint8Array> = { 'etc/acpi/tables': tables.slice(), 'etc/acpi/rsdp': rsdp.slice() };
  const script = new DataView(loader.buffer);
  const name = (at: number) =>
    Buffer.from(loader.subarray(at, at + 56))
      .toString()
      .replace(/\0+$/, '');
  const u32 = (at: number) => script.getUint32(at, true);
  const allocated: string[] = [];
  for (let at = 0; at < loader.length; at += 128) {
    const bytes = files[name(at + 4)] as Uint8Array;
    const view = new DataView(bytes.buffer);
    if (u32(at) === 1) allocated.push(`${name(at + 4)} ${u32(at + 60)} ${script.getUint8(at + 64)}`);
    else if (u32(at) === 2) {
      const offset = u32(at + 116);
      view.setUint32(offset, view.getUint32(offset, true) + (addresses[name(at + 60)] ?? 0), true);
    } else {
      const [result = 0, start = 0, length = 0] = [u32(at + 60), u32(at + 64), u32(at + 68)];
      const sum = bytes.subarray(start, start + length).reduce((a, b) => a + b, 0);
      bytes[result] = ((bytes[result] ?? 0) - sum) & 0xff;
    }
  }
  return { files, allocated };
}

describe('the table loader', () => {
  it('makes of the blocks the tables as they would be at that address', () => {
    const base = 0x7ffe_0000;
    const { files } = load({ 'etc/acpi/tables': base });
    const direct = acpiTables(base, BOARD);
    expect(files['etc/acpi/rsdp']).toEqual(direct.subarray(0, 36));
    expect(files['etc/acpi/tables']?.subarray(64)).toEqual(direct.subarray(64));
  });

  it.each([PC_ACPI, Q35_ACPI])(
    'has tables of one size, whatever addresses firmware chooses: it learns that before',
    (board) => {
      const chosen = [
        [0, 0],
        [0x600, 0xb000_0000],
        [0xb000, 0xe000_0000],
      ] as const;
      const sizes = chosen.map(
        ([pmIoBase, base]) =>
          dsdt({ ...board, vcpus: 1, pmIoBase, ecam: { base, buses: 256 }, parts: { hotplug: true } }).length,
      );
      expect(new Set(sizes).size).toBe(1);
    },
  );

  it('asks for the RSDP where guests look for it, and for the tables anywhere', () => {
    expect(load({}).allocated).toEqual(['etc/acpi/rsdp 16 2', 'etc/acpi/tables 64 1']);
  });
});
