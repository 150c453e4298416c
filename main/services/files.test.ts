import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { corePorts } from '../testing/fake-core.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { fileChecker, listDirectory } from './files.ts';

let folder: string;
const check = fileChecker(corePorts.describeBootFile);

beforeEach(async () => {
  folder = await scratchFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'b10'), 'KERNEL b10');
  await writeFile(join(folder, 'b9'), 'text');
  await writeFile(join(folder, '.hidden'), '');
  await symlink('/nowhere', join(folder, 'dangling'));
});

describe('the file chooser', () => {
  it('lists folders first, names in natural order, and neither devices nor dangling links', async () => {
    const listing = await listDirectory(folder, '/data');
    if (!listing.ok) throw new Error(listing.error.message);
    const { entries, path, parent, places } = listing.value;
    expect(entries.map(({ name, kind, hidden, sizeBytes }) => [name, kind, hidden, sizeBytes])).toEqual([
      ['sub', 'directory', false, 0],
      ['.hidden', 'file', true, 0],
      ['b9', 'file', false, 4],
      ['b10', 'file', false, 10],
    ]);
    expect(entries[0]?.path).toBe(join(folder, 'sub'));
    expect([path, parent]).toEqual([folder, join(folder, '..')]);
    expect(places.map((place) => place.path)).toEqual(expect.arrayContaining([homedir(), '/data']));
  });

  it('starts at the home folder, and takes ~ and relative paths from there', async () => {
    for (const path of [undefined, '', '~', '.']) {
      expect(await listDirectory(path, '/data')).toMatchObject({ ok: true, value: { path: homedir() } });
    }
  });

  it('has no parent at the root', async () => {
    const root = await listDirectory('/', '/data');
    expect(root.ok && 'parent' in root.value).toBe(false);
  });

  it.each([
    ['missing', 'not-found'],
    ['b9', 'not-a-directory'],
    ['b9/x', 'not-a-directory'],
  ])('answers %s with %s', async (name, code) => {
    const listing = await listDirectory(`${folder}/${name}`, '/data');
    expect(listing).toMatchObject({ ok: false, error: { code, field: 'path' } });
  });
});

describe('a file chosen for booting', () => {
  it('is described with its size when it is good', async () => {
    expect(await check(join(folder, 'b10'), 'kernel')).toEqual({ ok: true, description: 'a test kernel, 1 KiB' });
    expect(await check(join(folder, 'b9'), 'initrd')).toEqual({ ok: true, description: 'gzip-compressed, 1 KiB' });
  });

  it.each([
    ['', 'This is no file. Choose a file for the kernel.'],
    ['boot/vmlinuz', 'This is not a full path. Write the path from the root folder, or browse.'],
    ['FOLDER/missing', 'This is a file that does not exist. Correct the path, or choose another file.'],
    ['FOLDER/sub', 'This is a folder. Choose the file for the kernel in it.'],
    ['FOLDER/.hidden', 'This is an empty file. Choose another file.'],
    ['FOLDER/b9', 'This is a text file, 1 KiB. Choose a kernel.'],
    ['FOLDER/b9/x', 'This is a file that cannot be read: a part of the path is not a folder. Correct its permissions'],
    ['/dev/zero', 'This is not a regular file. Choose another file.'],
  ])('%s is refused with reason and advice', async (path, message) => {
    const result = await check(path.replace('FOLDER', folder), 'kernel');
    expect(result.ok).toBe(false);
    expect(result.message).toContain(message);
  });
});
