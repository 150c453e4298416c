import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundle } from '../testing/bundle.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { type InstanceLock, lockInstance } from './instance-lock.ts';

const nothing = (): void => undefined;

async function take(root: string, onSecondStart = nothing): Promise<InstanceLock> {
  const result = await lockInstance(root, 'browser', onSecondStart);
  if (!result.held) throw new Error('the lock was taken');
  onTestFinished(() => result.lock.release());
  return result.lock;
}

describe('the lock of a data folder', () => {
  it('is held by one; the second learns by whom, and the first that there was a second', async () => {
    const root = await scratchFolder();
    let seconds = 0;
    await take(root, () => (seconds += 1));
    expect(await lockInstance(root, 'electron', nothing)).toEqual({
      held: false,
      by: { pid: process.pid, host: 'browser' },
    });
    expect(seconds).toBe(1);
    await take(await scratchFolder()); // another folder is another matter
  });

  it('is free again when it is released', async () => {
    const root = await scratchFolder();
    await (await take(root)).release();
    await take(root);
  });

  it('works for a folder whose path is too long for a socket', async () => {
    const root = join(await scratchFolder(), 'x'.repeat(120));
    await take(root);
    expect((await lockInstance(root, 'browser', nothing)).held).toBe(false);
  });

  it('does not outlive a killed holder, and of many that come then one gets it', { timeout: 60_000 }, async () => {
    const scratch = await scratchFolder();
    const source = fileURLToPath(new URL('../testing/lock-holder.ts', import.meta.url));
    await bundle({ entries: { holder: source }, outDir: scratch, format: 'es' });
    const root = join(scratch, 'data');
    const child = spawn(process.execPath, [join(scratch, 'holder.mjs'), root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    expect(await lockInstance(root, 'browser', nothing)).toEqual({
      held: false,
      by: { pid: child.pid, host: 'electron' },
    });
    child.kill('SIGKILL');
    await ended;
    const results = await Promise.all(Array.from({ length: 8 }, () => lockInstance(root, 'browser', nothing)));
    const held = results.filter((result) => result.held);
    for (const result of held) onTestFinished(() => result.lock.release());
    expect(held).toHaveLength(1);
    expect(await readdir(root)).toEqual(['lock.sock']);
  });
});
