import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../testing/scratch.ts';
import { defaultDataRoot, openDataDir } from './data-dir.ts';

describe('the data folder', () => {
  it.each([
    ['linux', {}, '/home/u/.local/share/vivarium'],
    ['linux', { XDG_DATA_HOME: '/data' }, '/data/vivarium'],
    ['linux', { XDG_DATA_HOME: 'relative' }, '/home/u/.local/share/vivarium'],
    ['darwin', {}, '/home/u/Library/Application Support/Vivarium'],
    ['win32', { APPDATA: '/roaming' }, '/roaming/Vivarium'],
    ['linux', { VIVARIUM_DATA: '/mine', XDG_DATA_HOME: '/data' }, '/mine'],
    ['linux', { VIVARIUM_DATA: '' }, '/home/u/.local/share/vivarium'],
  ] as const)('on %s with %j is %s', (platform, env, expected) => {
    expect(defaultDataRoot(env, platform, '/home/u')).toBe(expected);
  });

  it('is made for its owner only', async () => {
    const dir = await openDataDir(join(await scratchFolder(), 'a', 'b'));
    for (const path of Object.values(dir)) {
      const entry = await stat(path);
      expect(entry.isDirectory()).toBe(true);
      if (process.platform !== 'win32') expect(entry.mode & 0o077).toBe(0);
    }
  });

  it('is kept as it is when it exists', async () => {
    const root = await scratchFolder();
    await mkdir(join(root, 'vms'));
    await writeFile(join(root, 'vms', 'x.xml'), 'x');
    expect((await stat(join((await openDataDir(root)).vms, 'x.xml'))).size).toBe(1);
  });
});
