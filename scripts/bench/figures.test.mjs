import { describe, expect, it } from 'vitest';
import {
  changes,
  checksumProblems,
  coldAndHot,
  geometricMean,
  meanSpeedOver,
  median,
  medianOf,
  speedOver,
  summarise,
} from './figures.mjs';

const sample = (machine, start, round, host, checksum = '1') => ({
  ...{ machine, kernel: 'sieve', size: 8, start, round, host },
  ...{ guest: host / 2, checksum },
});

describe('median and geometricMean', () => {
  it.each([
    [[3], 3],
    [[10, 9, 100], 10],
    [[4, 1, 2, 3], 2.5],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('a half and a double cancel', () => {
    expect(geometricMean([0.5, 2])).toBeCloseTo(1);
    expect(geometricMean([])).toBeNaN();
  });
});

describe('coldAndHot', () => {
  it('takes the first round for cold, the best later one for hot, and medians over starts', () => {
    const samples = [
      ...[sample('TCG', 0, 0, 90), sample('TCG', 0, 1, 30), sample('TCG', 0, 2, 20)],
      ...[sample('TCG', 1, 0, 80), sample('TCG', 1, 1, 10), sample('TCG', 1, 2, 99)],
      ...[sample('TCG', 2, 0, 70), sample('TCG', 2, 1, 60), sample('TCG', 2, 2, 50)],
    ];
    expect(coldAndHot(samples, 'host')).toEqual({ cold: 80, hot: 20 });
    expect(coldAndHot(samples, 'guest')).toEqual({ cold: 40, hot: 10 });
  });

  it('has no hot figure for a machine that failed after its first round', () => {
    expect(coldAndHot([sample('TCG', 0, 0, 90)], 'host')).toEqual({ cold: 90, hot: undefined });
  });
});

describe('ratios', () => {
  const kernels = summarise(
    [
      ...[sample('TCG', 0, 0, 80), sample('TCG', 0, 1, 40)],
      ...[sample('Vivarium', 0, 0, 160), sample('Vivarium', 0, 1, 10)],
    ],
    'host',
  );

  it('tell how many times as fast Vivarium is', () => {
    expect(speedOver(kernels.sieve, 'TCG', 'hot')).toBe(4);
    expect(speedOver(kernels.sieve, 'TCG', 'cold')).toBe(0.5);
    expect(meanSpeedOver(kernels, 'TCG', 'hot')).toBeCloseTo(4);
  });

  it('are missing where a machine is', () => {
    expect(speedOver(kernels.sieve, 'native', 'hot')).toBeUndefined();
    expect(meanSpeedOver(kernels, 'native', 'hot')).toBeUndefined();
  });

  it('show a change by itself and beside TCG, whose own change is the host’s', () => {
    const before = { sieve: { size: 8, machines: { TCG: { cold: 160, hot: 80 }, Vivarium: { cold: 160, hot: 40 } } } };
    expect(changes(before, kernels)[0].hot).toEqual({ was: 40, is: 10, speed: 4, overTcg: 2 });
    expect(changes(before, kernels)[0].cold).toMatchObject({ speed: 1, overTcg: 0.5 });
  });

  it('of kernels of another size are not compared', () => {
    expect(changes({ sieve: { ...kernels.sieve, size: 4 } }, kernels)).toEqual([]);
  });
});

describe('checksumProblems', () => {
  it('names the machine that computed something else, once', () => {
    const samples = [
      ...[sample('native', 0, 0, 1, '7'), sample('TCG', 0, 0, 1, '7')],
      ...[sample('Vivarium', 0, 0, 1, '8'), sample('Vivarium', 0, 1, 1, '8')],
    ];
    expect(checksumProblems(samples)).toEqual(['sieve: Vivarium computed 8, native 7']);
    expect(checksumProblems(samples.slice(0, 2))).toEqual([]);
  });
});

it('medianOf leaves out what could not be measured', () => {
  const entries = [
    ...[
      { machine: 'TCG', cpu: 1 },
      { machine: 'TCG', cpu: 3 },
      { machine: 'TCG', cpu: undefined },
    ],
    ...[{ machine: 'native', cpu: Number.NaN }],
  ];
  expect(medianOf(entries, ({ cpu }) => cpu)).toEqual({ TCG: 2 });
});
