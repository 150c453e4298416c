import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PC_ACPI } from '../boards.ts';
import { acpiTables } from './index.ts';

const BASE = 0xe0000;
const block = acpiTables(BASE, { ...PC_ACPI, vcpus: 1, pmIoBase: 0xb000 });
const view = new DataView(block.buffer);
const at = (address: number): number => address - BASE;
const signature = (address: number): string => String.fromCharCode(...block.subarray(at(address), at(address) + 4));
const u32 = (address: number): number => view.getUint32(at(address), true);
const tableAt = (address: number): Uint8Array => block.subarray(at(address), at(address) + u32(address + 4));
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
const listed = (table: number, width: number): number[] =>
  Array.from({ length: (u32(table + 4) - 36) / width }, (_, i) => u32(table + 36 + i * width));

describe('ACPI tables', () => {
  const rsdt = u32(BASE + 16);
  const xsdt = u32(BASE + 24);
  const [fadt = 0, madt = 0] = listed(xsdt, 8);

  it('start with an RSDP whose two checksums hold', () => {
    expect(String.fromCharCode(...block.subarray(0, 8))).toBe('RSD PTR ');
    expect(sum(block.subarray(0, 20))).toBe(0);
    expect(sum(block.subarray(0, 36))).toBe(0);
  });

  it('lead from RSDT and XSDT to the same tables, each with a valid checksum', () => {
    expect([rsdt, xsdt, fadt, madt].map(signature)).toEqual(['RSDT', 'XSDT', 'FACP', 'APIC']);
    expect(listed(rsdt, 4)).toEqual([fadt, madt]);
    for (const table of [rsdt, xsdt, fadt, madt, u32(fadt + 40)]) expect(sum(tableAt(table))).toBe(0);
    expect(signature(u32(fadt + 40))).toBe('DSDT');
    expect(signature(u32(fadt + 36))).toBe('FACS');
    expect(u32(fadt + 36) % 64).toBe(0);
  });

  it('name the ports of the power management block and the reset register', () => {
    expect(view.getUint16(at(fadt + 46), true)).toBe(9);
    expect([56, 64, 76, 80].map((offset) => u32(fadt + offset))).toEqual([0xb000, 0xb004, 0xb008, 0xb00c]);
    expect(u32(fadt + 120)).toBe(0xcf9);
    expect(block[at(fadt + 128)]).toBe(6);
  });

  it('spread the INTx pins of the slots over four IOAPIC inputs', () => {
    expect([0, 1, 2, 3].map((pin) => PC_ACPI.pciInterrupt(1, pin))).toEqual([17, 18, 19, 16]);
    expect(PC_ACPI.pciInterrupt(31, 3)).toBe(18);
  });
});

const iasl = spawnSync('iasl', ['-v']).status === 0;
describe.skipIf(!iasl)('iasl (skipped: acpica-tools is not installed)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vivarium-acpi-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('disassembles every table and compiles the DSDT again without a warning', () => {
    const fadt = u32(u32(BASE + 24) + 36);
    for (const address of [fadt, u32(u32(BASE + 24) + 44), u32(fadt + 40)]) {
      const name = signature(address).trim().toLowerCase();
      writeFileSync(join(dir, `${name}.aml`), tableAt(address));
      const run = spawnSync('iasl', ['-d', `${name}.aml`], { cwd: dir, encoding: 'utf8' });
      expect(run.status, run.stderr).toBe(0);
    }
    const compiled = spawnSync('iasl', ['-tc', 'dsdt.dsl'], { cwd: dir, encoding: 'utf8' });
    expect(compiled.stdout).toContain('0 Errors, 0 Warnings');
    expect(readFileSync(join(dir, 'dsdt.dsl'), 'utf8')).toContain('EisaId ("PNP0A03")');
  });
});
