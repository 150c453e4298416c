import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import '../translation.ts';
import { type Case, caseName } from './case.ts';
import { CASES } from './cases/index.ts';
import { explainedDifferences, hasNoEnd, NO_END, unexplained } from './differences.ts';
import { buildImage } from './image.ts';
import { outcomes } from './outcome.ts';
import { qemuVersion, runOurs, runQemu } from './run.ts';

const EXPECTED = join(import.meta.dirname, 'expected.txt');
const DIFFERENCES = join(import.meta.dirname, '../../../docs/qemu-differences.md');
const TIMEOUT_MS = 120_000; // for loaded machines
const NO_END_MS = 2000; // one case takes a fraction
/** VIVARIUM_RECORD=1 writes down what comes out now. */
const RECORD = process.env['VIVARIUM_RECORD'] === '1';

const text = (results: ReadonlyMap<string, string>): string =>
  [...results].map(([name, outcome]) => `${name} | ${outcome}\n`).join('');

/** What becomes of a case that is expected to take QEMU down. */
function qemuAlone(one: Case): string {
  try {
    return outcomes(runQemu(buildImage([one]), NO_END_MS), [one]).get(caseName(one)) ?? '';
  } catch {
    return NO_END;
  }
}

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
      const explained = explainedDifferences(readFileSync(DIFFERENCES, 'utf8'));
      const together = CASES.filter((one) => !hasNoEnd(caseName(one), explained));
      const alone = CASES.filter((one) => hasNoEnd(caseName(one), explained));
      const theirs = outcomes(runQemu(buildImage(together)), together);
      for (const one of alone) theirs.set(caseName(one), qemuAlone(one));
      expect(unexplained(ours, theirs, explained)).toEqual([]);
    },
  );
});
