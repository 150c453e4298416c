import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { smbios, withAddress } from './smbios.ts';

const MIB = 2 ** 20;
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const MACHINE = { name: 'büro', uuid: UUID, boardName: 'q35', vcpus: 1, ramHoleStart: 0xb000_0000 };
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0) & 0xff;

/** Types in order, as a reader that knows nothing but the form finds them. */
function typesOf(tables: Uint8Array): number[] {
  const types: number[] = [];
  let at = 0;
  while (at < tables.length) {
    types.push(tables[at] ?? -1);
    at += tables[at + 1] ?? 0;
    while (tables[at] !== 0 || tables[at + 1] !== 0) at++;
    at += 2;
  }
  return types;
}

describe('SMBIOS', () => {
  const { anchor, tables } = smbios({ ...MACHINE, ramBytes: 512 * MIB });

  it('has an entry point whose checksums hold, wherever the tables lie', () => {
    for (const placed of [anchor, withAddress(anchor, 0xf_5678)]) {
      expect(placed).toHaveLength(31);
      expect([sum(placed), sum(placed.subarray(0x10))]).toEqual([0, 0]);
    }
    const view = new DataView(withAddress(anchor, 0xf_5678).buffer);
    expect([view.getUint16(0x16, true), view.getUint32(0x18, true)]).toEqual([tables.length, 0xf_5678]);
    expect(view.getUint16(0x1c, true)).toBe(typesOf(tables).length);
  });

  it('says all that it must, and where memory is split both parts', () => {
    expect(typesOf(tables)).toEqual([0, 1, 3, 4, 16, 17, 19, 32, 127]);
    const split = smbios({ ...MACHINE, ramBytes: 3500 * MIB }).tables;
    expect(typesOf(split)).toEqual([0, 1, 3, 4, 16, 17, 19, 19, 32, 127]);
  });
});

const dmidecode = spawnSync('dmidecode', ['--version']).status === 0;
describe.skipIf(!dmidecode)('dmidecode (skipped: it is not installed)', () => {
  /** What it prints of a dump: the entry point at 0, the tables behind it. */
  function decode(ramBytes: number): string {
    const TABLES_AT = 0x20;
    const { anchor, tables } = smbios({ ...MACHINE, ramBytes });
    const dir = mkdtempSync(join(tmpdir(), 'vivarium-smbios-'));
    try {
      const dump = Buffer.alloc(TABLES_AT + tables.length);
      dump.set(withAddress(anchor, TABLES_AT), 0);
      dump.set(tables, TABLES_AT);
      writeFileSync(join(dir, 'dump'), dump);
      const run = spawnSync('dmidecode', ['--from-dump', join(dir, 'dump')], { encoding: 'utf8' });
      return run.stdout + run.stderr;
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  it('reads name, UUID and memory, and finds nothing wrong', () => {
    const said = decode(512 * MIB);
    expect(said).toContain('SMBIOS 2.8 present.');
    expect(said).toContain('9 structures');
    expect(said).toContain(`UUID: ${UUID}`);
    expect(said).toContain('SKU Number: b?ro');
    expect(said).toMatch(/Memory Device\n(.*\n)*?\tSize: 512 MB/);
    expect(said).toContain('Range Size: 512 MB');
    expect(said).not.toMatch(/OUT OF SPEC|BAD INDEX|Wrong|Invalid|broken|truncated/i);
  });

  it('reads both ranges of a large memory', () => {
    const said = decode(3500 * MIB);
    expect(said).toContain('Size: 3500 MB');
    expect(said).toContain('Starting Address: 0x00100000000');
    expect(said).not.toMatch(/OUT OF SPEC|BAD INDEX|Wrong|Invalid|broken|truncated/i);
  });
});
