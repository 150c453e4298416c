import { describe, expect, it } from 'vitest';
import { slopeOf, verdictOf } from './verdict.mjs';

/** An hour, a sample each 30 s. */
const hour = (residentMiB, unitSeconds = () => 1.5) =>
  Array.from({ length: 120 }, (_, n) => ({
    ...{ seconds: n * 30, residentMiB: residentMiB(n), unitSeconds: unitSeconds(n) },
  }));
const warmingUp = (n) => 400 + 300 * (1 - Math.exp(-n / 10));
const sawTooth = (n) => 700 + (n % 7) * 15;

describe('verdictOf', () => {
  it.each([
    ['memory that fills in the first half', hour(warmingUp)],
    ['a garbage collector', hour(sawTooth)],
    ['memory that shrinks', hour((n) => 900 - n)],
    ['one spike', hour((n) => (n === 100 ? 2000 : 700))],
    ['a host that is busy now and then', hour(warmingUp, (n) => (n % 5 === 0 ? 4 : 1.5))],
    ['a unit that gets faster', hour(warmingUp, (n) => 3 - n / 60)],
  ])('is content with %s', (_, samples) => {
    expect(verdictOf(samples, [])).toMatchObject({ ok: true, problems: [] });
  });

  it.each([
    ['1.5 MiB more each minute', hour((n) => 700 + n * 0.75), /memory grows by 90 MiB an hour/],
    ['a leak under a garbage collector', hour((n) => sawTooth(n) + n), /memory grows/],
    ['40 MiB more at each reboot', hour((n) => 500 + Math.floor(n / 10) * 40), /memory grows/],
    ['a unit that takes twice as long', hour(warmingUp, (n) => 1 + n / 60), /times as long/],
    ['a unit that never ended', hour(warmingUp, () => Number.NaN), /times as long/],
    ['too few samples', hour(warmingUp).slice(0, 15), /15 samples tell nothing/],
  ])('fails for %s', (_, samples, problem) => {
    const { ok, problems } = verdictOf(samples, []);
    expect(ok).toBe(false);
    expect(problems.join('\n')).toMatch(problem);
  });

  it('fails for what failed on the way, however steady', () => {
    expect(verdictOf(hour(warmingUp), ['it crashed'])).toMatchObject({ ok: false, problems: ['it crashed'] });
  });
});

it('slopeOf is the slope of a line, also with an outlier', () => {
  const line = Array.from({ length: 20 }, (_, x) => [x, 5 + 3 * x]);
  expect(slopeOf(line)).toBeCloseTo(3);
  expect(slopeOf(line.with(10, [10, 1000]))).toBeCloseTo(3, 1);
  expect(slopeOf([[1, 1]])).toBe(0);
});
