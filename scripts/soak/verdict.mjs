// Whether a soak went well. Pure: samples in, verdict out.
import { median } from '../bench/figures.mjs';

const BOUNDS = {
  /** Of resident memory, over the second half of the run... */
  growthMiBPerHour: 60,
  /** ...once it makes up more than this: less is the garbage collector's ups and downs. */
  leastGrowthMiB: 16,
  /** How many times the first half's time the work unit may take in the second. */
  slowdown: 1.25,
  /** In each half. */
  leastSamples: 8,
};

/** Slope of a line through points [x, y]: the median of all pairs' slopes, which no single spike moves. */
export function slopeOf(points) {
  const slopes = points.flatMap(([x, y], i) =>
    points
      .slice(i + 1)
      .filter(([x2]) => x2 !== x)
      .map(([x2, y2]) => (y2 - y) / (x2 - x)),
  );
  return slopes.length > 0 ? median(slopes) : 0;
}

/**
 * @param {readonly { seconds: number, residentMiB: number, unitSeconds: number }[]} samples in order of time
 * @param {readonly string[]} failures what went wrong on the way
 * @returns {{ ok: boolean, figures: string[], problems: string[] }}
 */
export function verdictOf(samples, failures) {
  const problems = [...failures];
  const half = samples.length >> 1;
  if (half < BOUNDS.leastSamples) {
    problems.push(`${samples.length} samples tell nothing: ${BOUNDS.leastSamples * 2} are needed`);
    return { ok: false, figures: [], problems };
  }
  const [first, second] = [samples.slice(0, half), samples.slice(-half)];
  const hours = (second.at(-1).seconds - second[0].seconds) / 3600;
  const perHour = slopeOf(second.map(({ seconds, residentMiB }) => [seconds / 3600, residentMiB]));
  if (perHour > BOUNDS.growthMiBPerHour && perHour * hours > BOUNDS.leastGrowthMiB) {
    problems.push(`memory grows by ${perHour.toFixed(0)} MiB an hour: more than ${BOUNDS.growthMiBPerHour}`);
  }
  const unit = (part) => median(part.map(({ unitSeconds }) => unitSeconds));
  const slowdown = unit(second) / unit(first);
  if (!(slowdown <= BOUNDS.slowdown)) {
    problems.push(`the work unit takes ${slowdown.toFixed(2)} times as long as at first: more than ${BOUNDS.slowdown}`);
  }
  const figures = [
    `memory in the second half: ${perHour.toFixed(1)} MiB an hour (bound ${BOUNDS.growthMiBPerHour})`,
    `work unit: ${unit(first).toFixed(2)} s in the first half, ${unit(second).toFixed(2)} s in the second (bound ${BOUNDS.slowdown} times)`,
  ];
  return { ok: problems.length === 0, figures, problems };
}
