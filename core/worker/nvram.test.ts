import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from './client-api.ts';
import { openNvram } from './nvram.ts';

let dir: string;
const at = (name: string): string => join(dir, name);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vivarium-nvram-'));
  writeFileSync(at('OVMF_CODE_4M.secboot.fd'), 'code');
  writeFileSync(at('OVMF_VARS_4M.fd'), new Uint8Array(8192).fill(7));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('openNvram', () => {
  it('makes the file from the template beside the firmware, and keeps what is written', () => {
    const { content, store } = openNvram(at('vm.fd'), at('OVMF_CODE_4M.secboot.fd'));
    expect([content.length, content[0]]).toEqual([8192, 7]);
    store.write(4096, Uint8Array.of(1, 2));
    const again = openNvram(at('vm.fd'), at('OVMF_CODE_4M.secboot.fd'));
    expect([...again.content.subarray(4095, 4099)]).toEqual([7, 1, 2, 7]);
    expect(readFileSync(at('OVMF_VARS_4M.fd'))[4096]).toBe(7);
  });

  it('refuses a firmware without a template, and a file that is no flash', () => {
    writeFileSync(at('bios.bin'), 'code');
    expect(() => openNvram(at('vm.fd'), at('bios.bin'))).toThrow(StartError);
    expect(existsSync(at('vm.fd'))).toBe(false);
    writeFileSync(at('odd.fd'), 'x');
    expect(() => openNvram(at('odd.fd'), at('OVMF_CODE_4M.secboot.fd'))).toThrow(/its size is not right/);
    expect(() => openNvram(at('no/vm.fd'), at('OVMF_CODE_4M.secboot.fd'))).toThrow(/cannot be opened \(ENOENT\)/);
  });
});
