import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { VmId } from '../../core/contracts/calls.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { DefinitionStore } from './definitions.ts';
import { Domain } from './domain-xml.ts';

const ids = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;
const domain = (name: string, id: string = ids[0]): Domain =>
  Domain.create({ name, memoryMiB: 64, vcpus: 1, source: { kind: 'kernel', kernel: '/k', cmdline: '' } }, id as VmId);

let dir: DataDir;
const load = async (): Promise<DefinitionStore> => {
  const store = new DefinitionStore(dir);
  await store.load();
  return store;
};
const put = (file: string, text: string): Promise<void> => writeFile(join(dir.vms, file), text);

beforeEach(async () => {
  dir = await openDataDir(join(await scratchFolder(), 'data'));
});

describe('definitions', () => {
  it('survive a restart, one file per VM, named as the VM', async () => {
    const store = await load();
    expect((await store.add(domain('Debian'))).ok).toBe(true);
    expect((await store.add(domain('a:b', ids[1]))).ok).toBe(true);
    expect((await readdir(dir.vms)).sort()).toEqual(['Debian.xml', 'a%3ab.xml']);
    const again = await load();
    expect(again.problems).toEqual([]);
    expect(again.definitions.map((each) => each.domain.name).sort()).toEqual(['Debian', 'a:b']);
  });

  it('refuse a name that is taken, also when two are added at once', async () => {
    const store = await load();
    const results = await Promise.all([store.add(domain('Zo\u00eb')), store.add(domain('Zoe\u0308', ids[1]))]);
    expect(results.map((result) => result.ok)).toEqual([true, false]);
    expect(results[1]).toMatchObject({ error: { code: 'name-taken', field: 'name' } });
    expect(await readdir(dir.vms)).toHaveLength(1);
  });

  it('are not written over what another program made of the file', async () => {
    const store = await load();
    await store.add(domain('Debian'));
    const [old] = store.definitions;
    if (!old) throw new Error('it was not added');
    await put('Debian.xml', 'changed meanwhile');
    expect(await store.replace(old, domain('Debian'))).toMatchObject({ ok: false, error: { code: 'storage' } });
    expect(await readFile(join(dir.vms, 'Debian.xml'), 'utf8')).toBe('changed meanwhile');
    expect(store.definitions).toEqual([old]);
  });

  it('never replace a file that has their file name', async () => {
    const store = await load();
    await put('Debian.xml', 'put there meanwhile');
    expect((await store.add(domain('Debian'))).ok).toBe(true);
    expect(await readFile(join(dir.vms, 'Debian.xml'), 'utf8')).toBe('put there meanwhile');
    expect(await readFile(join(dir.vms, 'Debian~2.xml'), 'utf8')).toContain('<name>Debian</name>');
  });

  it('go to the trash when they are removed', async () => {
    const store = await load();
    const added = await store.add(domain('Debian'));
    if (!added.ok) throw new Error(added.error.message);
    expect((await store.remove(added.value)).ok).toBe(true);
    expect(await readdir(dir.vms)).toEqual([]);
    const [trashed] = await readdir(dir.trash);
    expect(trashed).toMatch(/^Debian \d{4}-.*\.xml$/);
    expect(await readFile(join(dir.trash, trashed ?? ''), 'utf8')).toBe(added.value.xml);
    expect((await store.add(domain('Debian'))).ok).toBe(true);
  });

  it('that cannot be written are a storage failure and leave nothing behind', async () => {
    const store = await load();
    dir = { ...dir, vms: join(dir.root, 'gone') };
    const lost = new DefinitionStore(dir);
    expect(await lost.add(domain('Debian'))).toMatchObject({ ok: false, error: { code: 'storage' } });
    expect(store.definitions).toEqual([]);
  });
});

describe('definition files that cannot be used', () => {
  it('are reported with path, reason and advice, and left as they are', async () => {
    await put('broken.xml', '<domain type="kvm"><name>Broken');
    await put('latin1.xml', '<domain>');
    await writeFile(join(dir.vms, 'latin1.xml'), Buffer.from([0x3c, 0xe4, 0x3e]));
    await put('huge.xml', ' '.repeat(2 << 20));
    await mkdir(join(dir.vms, 'folder.xml'));
    await symlink('/nowhere/at/all', join(dir.vms, 'dangling.xml'));
    await put('notes.txt', 'no definition at all');
    const store = await load();
    expect(store.definitions).toEqual([]);
    expect(store.problems.map(({ path, message }) => `${path.slice(dir.vms.length + 1)}: ${message}`)).toEqual([
      expect.stringMatching(/^broken\.xml: The file is not well-formed XML: .+\.$/),
      'dangling.xml: The file could not be read: it links to a file that does not exist.',
      'folder.xml: The file could not be read: it is a folder.',
      expect.stringMatching(/^huge\.xml: The file has 2097152 bytes/),
      'latin1.xml: The file is not UTF-8 text.',
    ]);
    for (const problem of store.problems) expect(problem.hint).not.toBe('');
    expect(await readFile(join(dir.vms, 'broken.xml'), 'utf8')).toBe('<domain type="kvm"><name>Broken');
  });

  it('keep their name: by file name, by the name inside, and whatever the case of the file name', async () => {
    await put('Broken.xml', 'not XML');
    await put('other.xml', '<domain type="xen"><name>Inside</name></domain>');
    const store = await load();
    for (const name of ['Broken', 'broken', 'Inside']) {
      expect(await store.add(domain(name))).toMatchObject({ ok: false, error: { code: 'name-taken' } });
    }
    expect(await readFile(join(dir.vms, 'Broken.xml'), 'utf8')).toBe('not XML');
    expect(await readdir(dir.vms)).toHaveLength(2);
  });

  it('are the copies, when a file was copied', async () => {
    await put('Debian.xml', domain('Debian').toXml());
    await put('Debian copy.xml', domain('Debian').toXml());
    await put('Abc.xml', domain('Debian', ids[1]).toXml());
    const store = await load();
    expect(store.definitions.map(({ path }) => path)).toEqual([join(dir.vms, 'Debian.xml')]);
    expect(store.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('The name "Debian" is used by'),
      expect.stringContaining('The file has the same uuid as "Debian" in'),
    ]);
  });

  it('do not count temporary files of a killed process, which are removed', async () => {
    await put('.vivarium-11111111-1111-4111-8111-111111111111.tmp', '<domain');
    expect((await load()).problems).toEqual([]);
    expect(await readdir(dir.vms)).toEqual([]);
  });
});
