import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlockFile } from '../backends/block/block-file.ts';
import { StartError } from './client-api.ts';
import { openDiskFile } from './disk-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'vivarium-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('disk file', () => {
  const path = join(folder, 'disk.img');
  beforeEach(() => writeFileSync(path, new Uint8Array(1 << 20).fill(7)));

  function use<T>(file: BlockFile, what: (file: BlockFile) => T): T {
    try {
      return what(file);
    } finally {
      file.close();
    }
  }

  it('reads and writes at a position, and reads less at the end', () => {
    use(openDiskFile(path, false), (file) => {
      expect(file.sizeBytes).toBe(1 << 20);
      file.write(4096, Uint8Array.of(1, 2, 3));
      file.flush();
      const target = new Uint8Array(5);
      expect(file.read(4095, target)).toBe(5);
      expect([...target]).toEqual([7, 1, 2, 3, 7]);
      expect(file.read((1 << 20) - 2, target)).toBe(2);
    });
  });

  it('fails a write to a file that was opened for reading', () => {
    use(openDiskFile(path, true), (file) => {
      expect(() => file.write(0, Uint8Array.of(1))).toThrow(/EBADF/);
    });
  });

  it('says what is wrong with a path', () => {
    expect(() => openDiskFile(join(folder, 'none'), true)).toThrow(/does not exist/);
    expect(() => openDiskFile(folder, true)).toThrow(/neither a file nor a block device/);
    expect(() => openDiskFile(folder, true)).toThrow(StartError);
  });

  describe.runIf(process.platform === 'linux')('on Linux', () => {
    it('has one writer or several readers', () => {
      use(openDiskFile(path, true), () => {
        use(openDiskFile(path, true), () => {});
        expect(() => openDiskFile(path, false)).toThrow(/open in another virtual machine/);
      });
      use(openDiskFile(path, false), () => {
        expect(() => openDiskFile(path, false)).toThrow(/open in another virtual machine/);
        expect(() => openDiskFile(path, true)).toThrow(/being written by another virtual machine/);
      });
      use(openDiskFile(path, false), () => {});
    });

    it('gives the space of what is discarded back, and it reads zeros', () => {
      use(openDiskFile(path, false), (file) => {
        file.flush();
        const before = statSync(path).blocks;
        file.discard(65536, 524288);
        if (statSync(path).blocks === before) return; // a file system without holes
        const target = new Uint8Array(2).fill(1);
        file.read(65535, target);
        expect([...target]).toEqual([7, 0]);
        expect(statSync(path).size).toBe(1 << 20);
      });
    });

    it.runIf(hasQemu())('is respected by QEMU, and respects it', () => {
      use(openDiskFile(path, false), () => {
        expect(() => qemuImg('info', path)).toThrow(/lock/);
      });
      expect(qemuImg('info', path)).toContain('raw');
    });
  });
});

const qemuImg = (...args: string[]): string =>
  execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function hasQemu(): boolean {
  try {
    return qemuImg('--version').length > 0;
  } catch {
    return false;
  }
}
