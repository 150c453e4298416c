import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CASES } from './cases/index.ts';
import { explainedDifferences, unexplained } from './differences.ts';
import { buildImage } from './image.ts';
import { outcomes } from './outcome.ts';
import { qemuVersion, runOurs, runQemu } from './run.ts';

const EXPECTED = join(import.meta.dirname, 'expected.txt');
const DIFFERENCES = join(import.meta.dirname, '../../../docs/qemu-differences.md');
const TIMEOUT_MS = 120_000; // for loaded machines
/** VIVARIUM_RECORD=1 writes down what comes out now. */
const RECORD = process.env['VIVARIUM_RECORD'] === '1';

const text = (results: ReadonlyMap<string, string>): string =>
  [...results].map(([name, outcome]) => `${name} | ${outcome}\n`).join('');

describe('bare-metal tests', () => {
  it('come out on our processor as recorded', { timeout: TIMEOUT_MS }, () => {
    const results = text(outcomes(runOurs(buildImage(CASES)), CASES));
    if (RECORD) writeFileSync(EXPECTED, results);
    expect(results).toBe(readFileSync(EXPECTED, 'utf8'));
  });

  const version = qemuVersion();
  const title = 'come out on QEMU the same, or docs/qemu-differences.md says why not';
  it.skipIf(version === undefined)(
    version === undefined ? `${title} (skipped: no qemu-system-x86_64 here)` : title,
    { timeout: TIMEOUT_MS },
    () => {
      const ours = new Map(
        readFileSync(EXPECTED, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => line.split(' | ') as [string, string]),
      );
      const theirs = outcomes(runQemu(buildImage(CASES)), CASES);
      expect(unexplained(ours, theirs, explainedDifferences(readFileSync(DIFFERENCES, 'utf8')))).toEqual([]);
    },
  );
});
