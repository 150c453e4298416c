import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PC_ACPI, Q35_ACPI } from '../boards.ts';
import { type AcpiBoard, acpiTables, facsAddress } from './index.ts';

const BASE = 0xe0000;
const EVERYTHING = {
  vcpus: 1,
  pmIoBase: 0xb000,
  ram: { ramBytes: 2 ** 32, holeStart: 0xb000_0000 },
  parts: { hpet: true, floppy: true, panic: true, fwCfg: true, hotplug: true },
};
const FULL_Q35: AcpiBoard = { ...Q35_ACPI, ...EVERYTHING, ecam: { base: 0xb000_0000, buses: 256 } };
const block = acpiTables(BASE, FULL_Q35);
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
  const [fadt = 0, , , hpet = 0, srat = 0] = listed(xsdt, 8);

  it('start with an RSDP whose two checksums hold', () => {
    expect(String.fromCharCode(...block.subarray(0, 8))).toBe('RSD PTR ');
    expect(sum(block.subarray(0, 20))).toBe(0);
    expect(sum(block.subarray(0, 36))).toBe(0);
  });

  it('lead from RSDT and XSDT to the same tables, each with a valid checksum', () => {
    expect([rsdt, xsdt].map(signature)).toEqual(['RSDT', 'XSDT']);
    const tables = listed(xsdt, 8);
    expect(tables.map(signature)).toEqual(['FACP', 'APIC', 'MCFG', 'HPET', 'SRAT', 'WAET']);
    expect(listed(rsdt, 4)).toEqual(tables);
    for (const table of [rsdt, xsdt, ...tables, u32(fadt + 40)]) expect(sum(tableAt(table))).toBe(0);
    expect(signature(u32(fadt + 40))).toBe('DSDT');
    expect(signature(u32(fadt + 36))).toBe('FACS');
    expect(u32(fadt + 36) % 64).toBe(0);
    expect(u32(fadt + 36)).toBe(facsAddress(BASE));
  });

  it('say where the HPET is and that all RAM is one node', () => {
    expect([u32(hpet + 36), u32(hpet + 44)]).toEqual([0x8086_a201, 0xfed0_0000]);
    const memory = [srat + 64, srat + 104].map((at) => [u32(at + 8), u32(at + 12), u32(at + 16), u32(at + 20)]);
    expect(memory).toEqual([
      [0, 0, 0xb000_0000, 0],
      [0, 1, 0x5000_0000, 0],
    ]);
    expect(u32(srat + 4)).toBe(144);
  });

  it('name the ports of the power management block and the reset register', () => {
    expect(view.getUint16(at(fadt + 46), true)).toBe(9);
    expect([56, 64, 76, 80].map((offset) => u32(fadt + offset))).toEqual([0xb000, 0xb004, 0xb008, 0xb020]);
    expect(u32(fadt + 120)).toBe(0xcf9);
    expect(block[at(fadt + 128)]).toBe(6);
  });

  it('spread the INTx pins of the slots over four IOAPIC inputs', () => {
    expect([0, 1, 2, 3].map((pin) => PC_ACPI.pciInterrupt(1, pin))).toEqual([17, 18, 19, 16]);
    expect(PC_ACPI.pciInterrupt(31, 3)).toBe(18);
  });

  it.each([
    ['pc', PC_ACPI],
    ['q35', Q35_ACPI],
  ] as const)('lead pins to the same IOAPIC input as the PIRQ line they are on: %s', (_, board) => {
    const inputs = new Map<number, number>();
    for (let place = 0; place < 128; place++) {
      const [slot, pin] = [place >> 2, place & 3];
      const pirq = board.pirq(slot, pin);
      const input = board.pciInterrupt(slot, pin);
      expect(inputs.get(pirq) ?? input).toBe(input);
      inputs.set(pirq, input);
    }
    expect(inputs.size).toBe(board.pirqRegisters.length);
  });
});

const has = (tool: string): boolean => spawnSync(tool, ['-v']).status === 0;
const BOARDS: readonly (readonly [string, AcpiBoard])[] = [
  ['pc with nothing', { ...PC_ACPI, vcpus: 1, pmIoBase: 0xb000 }],
  ['pc with everything', { ...PC_ACPI, ...EVERYTHING }],
  ['q35 with everything', FULL_Q35],
];

/** Every table of a board but RSDT and XSDT, in files by their signature. */
function writeTables(dir: string, board: AcpiBoard): string[] {
  const bytes = acpiTables(BASE, board);
  const words = new DataView(bytes.buffer);
  const word = (address: number): number => words.getUint32(address - BASE, true);
  const xsdt = word(BASE + 24);
  const count = (word(xsdt + 4) - 36) / 8;
  const tables = Array.from({ length: count }, (_, i) => word(xsdt + 36 + 8 * i));
  return [...tables, word((tables[0] ?? 0) + 40)].map((address) => {
    const table = bytes.subarray(address - BASE, address - BASE + word(address + 4));
    const file = Buffer.from(table.subarray(0, 4)).toString().toLowerCase();
    writeFileSync(join(dir, `${file}.aml`), table);
    return file;
  });
}

describe.skipIf(!has('iasl'))('iasl (skipped: acpica-tools is not installed)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vivarium-acpi-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each(BOARDS)('disassembles every table and compiles it again without a warning: %s', (_, board) => {
    for (const file of writeTables(dir, board)) {
      const run = spawnSync('iasl', ['-d', `${file}.aml`], { cwd: dir, encoding: 'utf8' });
      expect(run.status, run.stderr).toBe(0);
      const compiled = spawnSync('iasl', ['-oa', '-p', 'again', `${file}.dsl`], { cwd: dir, encoding: 'utf8' });
      const said = `${file}: ${compiled.stdout}${compiled.stderr}`;
      expect(compiled.status, said).toBe(0);
      if (file === 'dsdt') expect(said).toContain('0 Errors, 0 Warnings');
      const body = (name: string) => readFileSync(join(dir, name)).subarray(36);
      expect(body('again.aml'), file).toEqual(body(`${file}.aml`));
    }
    expect(readFileSync(join(dir, 'dsdt.dsl'), 'utf8')).toContain('EisaId ("PNP0A03")');
  });
});

describe.skipIf(!has('acpiexec'))('acpiexec (skipped: acpica-tools is not installed)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vivarium-acpi-run-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each(BOARDS)('runs the methods: %s', (_, board) => {
    writeTables(dir, board);
    const link = ['_STA', '_SRS (89 06 00 09 01 0B 00 00 00 79 00)', '_STA', '_CRS', '_DIS', '_STA'];
    const links = link.map((method) => `evaluate \\_SB.LNKB.${method}`);
    const plug = board.parts?.hotplug ? ['evaluate \\_GPE._E01', 'evaluate \\_SB.PCI0.S08._EJ0 1'] : [];
    const commands = ['evaluate \\_PIC 1', ...links, ...plug].join(';');
    const run = spawnSync('acpiexec', ['-b', commands, 'dsdt.aml'], { cwd: dir, encoding: 'utf8' });
    const said = run.stdout + run.stderr;
    expect(said).not.toMatch(/AE_[A-Z]|Error|Warning|Could not|failed/);
    const answers = said.match(/(?<=\[Integer\] = )[0-9A-F]+|89 06 00 09 01 0B/g);
    const [on, off] = ['B', '9'].map((status) => status.padStart(16, '0'));
    expect(answers).toEqual([on, on, '89 06 00 09 01 0B', off]);
  });
});
