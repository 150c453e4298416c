/** The FPU against results recorded from a real CPU (AMD, family 1Ah), for machines that cannot run the comparison. */
import { describe, expect, it } from 'vitest';
import { differences } from '../../testing/x87/outcome.ts';
import recorded from '../../testing/x87/recorded.json' with { type: 'json' };
import { decodeOutcome, RECORDED_SEEDS, recordedForms } from '../../testing/x87/recorded.ts';
import { runCase } from '../../testing/x87/run.ts';

describe('recorded results of a real CPU', () => {
  it('cover every instruction name', () => {
    expect(recorded).toHaveLength(recordedForms().length * RECORDED_SEEDS.length);
  });

  it('are what the FPU gives', () => {
    const failures: string[] = [];
    for (const line of recorded) {
      const { c, outcome } = decodeOutcome(line);
      const fields = differences(c, outcome, runCase(c));
      if (fields.length > 0) failures.push(`${c.name} differs in ${fields.join(', ')}: ${line}`);
    }
    expect(failures).toEqual([]);
  });
});
