import { expect, it } from 'vitest';
import { biosTables } from './bios-area.ts';
import { PC_ACPI } from './boards.ts';

it('puts SMBIOS and the MP tables where guests that search find them', () => {
  const machine = { name: 'x', boardName: 'pc', vcpus: 1, ramBytes: 2 ** 28, ramHoleStart: 0xc000_0000 };
  const { gpa, bytes } = biosTables(machine, { ...PC_ACPI, vcpus: 1 });
  const find = (text: string): number => Buffer.from(bytes).indexOf(text);
  expect([gpa, find('_SM_')]).toEqual([0xf_0000, 0]);
  expect(find('_MP_') % 16).toBe(0);
  const view = new DataView(bytes.buffer);
  const tables = view.getUint32(0x18, true) - gpa;
  expect([bytes[tables], bytes[tables + 1]]).toEqual([0, 24]); // type 0, its length
  expect(view.getUint32(find('_MP_') + 4, true) - gpa).toBe(find('PCMP'));
});
