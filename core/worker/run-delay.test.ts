import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRunDelay } from './run-delay.ts';

it('is the second figure of schedstat, read anew each time', () => {
  const path = join(tmpdir(), `vivarium-schedstat-${process.pid}`);
  writeFileSync(path, '100 2000 3\n');
  const runDelayNs = openRunDelay(path);
  expect(runDelayNs()).toBe(2000);
  writeFileSync(path, '200 45000 4\n');
  expect(runDelayNs()).toBe(45_000);
});

it('is 0 where the host does not tell', () => {
  expect(openRunDelay('/nowhere/schedstat')()).toBe(0);
});

it('never goes back on this host', () => {
  const runDelayNs = openRunDelay();
  const first = runDelayNs();
  expect(runDelayNs()).toBeGreaterThanOrEqual(first);
});
