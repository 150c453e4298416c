import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBootFiles } from './boot-files.ts';
import { StartError } from './client-api.ts';

const dir = mkdtempSync(join(tmpdir(), 'vivarium-boot-'));
afterAll(() => rmSync(dir, { recursive: true }));
const file = (name: string, content: string): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const kernel = file('vmlinuz', 'kernel');

function refusal(boot: { kernel: string; initrd?: string }): StartError {
  try {
    readBootFiles({ cmdline: '', ...boot }, 1);
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('readBootFiles', () => {
  it('reads kernel and initial RAM disk, also through a link', () => {
    symlinkSync('vmlinuz', join(dir, 'link'));
    const files = readBootFiles({ kernel: join(dir, 'link'), initrd: file('initrd', 'ram'), cmdline: 'quiet' }, 1);
    expect(new TextDecoder().decode(files.kernel)).toBe('kernel');
    expect(new TextDecoder().decode(files.initrd)).toBe('ram');
    expect(files.cmdline).toBe('quiet');
    expect(readBootFiles({ kernel, cmdline: '' }, 1)).not.toHaveProperty('initrd');
  });

  it.each<[string, () => { kernel: string; initrd?: string }, RegExp]>([
    ['a missing kernel', () => ({ kernel: join(dir, 'gone') }), /The kernel .*gone does not exist/],
    ['a path through a file', () => ({ kernel: join(kernel, 'x') }), /does not exist/],
    ['a folder', () => ({ kernel: dir }), /is a folder/],
    [
      'a missing initial RAM disk',
      () => ({ kernel, initrd: join(dir, 'gone') }),
      /The initial RAM disk .* does not exist/,
    ],
    ['a kernel larger than memory', () => ({ kernel: file('big', 'x'.repeat(2 ** 20 + 1)) }), /has 2 MiB, more than/],
    ['a path no host has', () => ({ kernel: 'a\0b' }), /cannot be read \(ERR_INVALID_ARG_VALUE\)/],
  ])('refuses %s with a hint', (_what, boot, message) => {
    const error = refusal(boot());
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ subject: 'file', hint: expect.stringMatching(/\.$/) });
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe that nobody writes to', () => {
    const pipe = join(dir, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    expect(refusal({ kernel: pipe }).message).toMatch(/not a regular file/);
  });
});
