import { describe, expect, it } from 'vitest';
import { newcArchive } from './cpio.mjs';

/** Reads an archive back by the format's own description, apart from the writer. */
function read(archive) {
  const entries = [];
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index) => Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize - 1);
    const data = (at + 110 + nameSize + 3) & ~3;
    if (name === 'TRAILER!!!') return { entries, end: data };
    entries.push({ name, mode, device: [field(9), field(10)], body: archive.toString('utf8', data, data + size) });
    at = (data + size + 3) & ~3;
  }
}

describe('newcArchive', () => {
  it('keeps files, links, folders and devices of any length in order', () => {
    const archive = newcArchive([
      { path: 'a' },
      { path: 'a/file', data: Buffer.from('seven b'), mode: 0o755 },
      { path: 'a/empty', data: Buffer.alloc(0) },
      { path: 'init', link: '/bin/busybox' },
      { path: 'console', device: [5, 1] },
    ]);
    const { entries, end } = read(archive);
    expect(end).toBe(archive.length);
    expect(entries).toEqual([
      { name: 'a', mode: 0o040755, device: [0, 0], body: '' },
      { name: 'a/file', mode: 0o100755, device: [0, 0], body: 'seven b' },
      { name: 'a/empty', mode: 0o100644, device: [0, 0], body: '' },
      { name: 'init', mode: 0o120777, device: [0, 0], body: '/bin/busybox' },
      { name: 'console', mode: 0o020600, device: [5, 1], body: '' },
    ]);
  });

  it('gives equal bytes for equal entries', () => {
    const entries = [{ path: 'x', data: Buffer.from('y') }];
    expect(newcArchive(entries).equals(newcArchive(entries))).toBe(true);
  });
});
