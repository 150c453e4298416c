/** A folder of its own, removed after the test, or after whatever `after` says (afterAll). */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export async function scratchFolder(after: (remove: () => Promise<void>) => void = onTestFinished): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'vivarium-')));
  after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
