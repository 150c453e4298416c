import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bundle } from '../testing/bundle.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { openDataDir } from './data-dir.ts';
import { DefinitionStore } from './definitions.ts';
import { Domain } from './domain-xml.ts';

const KILLS = 15;
const EDITED = 'edited.xml';

it('every definition file is whole, old or new, whenever the process is killed', { timeout: 60_000 }, async () => {
  const scratch = await scratchFolder();
  const source = fileURLToPath(new URL('../testing/definition-writer.ts', import.meta.url));
  await bundle({ entries: { writer: source }, outDir: scratch, format: 'es' });
  const dir = await openDataDir(join(scratch, 'data'));
  let temporariesLeft = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await writeAndKill(join(scratch, 'writer.mjs'), dir.root, 5 + kill * 3);
    const names = await readdir(dir.vms);
    const files = names.filter((name) => name.endsWith('.xml'));
    temporariesLeft += names.length - files.length;
    for (const name of files) {
      const xml = await readFile(join(dir.vms, name), 'utf8');
      const domain = Domain.parse(xml); // throws for half a file
      expect(domain.toXml()).toBe(xml);
      if (name === EDITED) expect([1, 2]).toContain(domain.memoryMiB);
    }
    const store = new DefinitionStore(dir);
    await store.load();
    expect(store.problems).toEqual([]);
    expect(store.definitions).toHaveLength(files.length);
    expect((await readdir(dir.vms)).filter((name) => !name.endsWith('.xml'))).toEqual([]);
  }
  // The kills must have hit writes, or this shows nothing.
  expect(temporariesLeft).toBeGreaterThan(0);
});

async function writeAndKill(program: string, root: string, delayMs: number): Promise<void> {
  const child = spawn(process.execPath, [program, root, EDITED], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  child.kill('SIGKILL');
  const [, signal] = await ended;
  expect(signal).toBe('SIGKILL');
}
