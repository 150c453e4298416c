// From samples to figures: medians, ratios, changes. Pure.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** NaN for no values. */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

const groupBy = (items, key) => {
  const groups = new Map();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
};

/**
 * One machine's samples of one kernel: cold is the first round of a start, hot the best of its later ones; of several
 * starts, the medians. `hot` is undefined where no start came that far.
 */
export function coldAndHot(samples, clock) {
  const cold = samples.filter(({ round }) => round === 0).map((sample) => sample[clock]);
  const later = groupBy(
    samples.filter(({ round }) => round > 0),
    ({ start }) => start,
  );
  const best = [...later.values()].map((rounds) => Math.min(...rounds.map((sample) => sample[clock])));
  return { cold: median(cold), hot: best.length ? median(best) : undefined };
}

/** Kernel name to { size, machines: { name: { cold, hot } } }, in nanoseconds. */
export function summarise(samples, clock) {
  const kernels = {};
  for (const [kernel, ofKernel] of groupBy(samples, (sample) => sample.kernel)) {
    const machines = {};
    for (const [machine, own] of groupBy(ofKernel, (sample) => sample.machine))
      machines[machine] = coldAndHot(own, clock);
    kernels[kernel] = { size: ofKernel[0].size, machines };
  }
  return kernels;
}

/** How many times as fast Vivarium is as `rival` in a kernel; undefined where one of the two has no figure. */
export function speedOver(kernel, rival, temperature) {
  const [ours, theirs] = [kernel.machines['Vivarium']?.[temperature], kernel.machines[rival]?.[temperature]];
  return ours && theirs ? theirs / ours : undefined;
}

/** The same over all kernels that have it, as a geometric mean. */
export function meanSpeedOver(kernels, rival, temperature) {
  const ratios = Object.values(kernels).map((kernel) => speedOver(kernel, rival, temperature));
  const known = ratios.filter((ratio) => ratio !== undefined);
  return known.length ? geometricMean(known) : undefined;
}

/** What is wrong with the checksums: every machine, in every round, must compute the same. One line each. */
export function checksumProblems(samples) {
  const problems = new Set();
  for (const [kernel, own] of groupBy(samples, (sample) => sample.kernel)) {
    const [reference] = own;
    for (const { machine, checksum } of own) {
      if (checksum === reference.checksum) continue;
      problems.add(`${kernel}: ${machine} computed ${checksum}, ${reference.machine} ${reference.checksum}`);
    }
  }
  return [...problems];
}

/** The median of one property over the entries of each machine: machine to number. */
export function medianOf(entries, property) {
  const groups = groupBy(
    entries.filter((entry) => Number.isFinite(property(entry))),
    ({ machine }) => machine,
  );
  return Object.fromEntries([...groups].map(([machine, own]) => [machine, median(own.map(property))]));
}

/**
 * How Vivarium's hot and cold figures changed since `before`: times as fast as then, by themselves and beside TCG's (which
 * takes the host's own changes out). Kernels of another size are left out.
 */
export function changes(before, now) {
  return Object.entries(now).flatMap(([name, kernel]) => {
    const old = before[name];
    if (old?.size !== kernel.size) return [];
    const row = { name };
    for (const temperature of ['hot', 'cold']) {
      const [was, is] = [old, kernel].map(({ machines }) => machines['Vivarium']?.[temperature]);
      const [wasOver, isOver] = [old, kernel].map((entry) => speedOver(entry, 'TCG', temperature));
      const speed = was && is ? was / is : undefined;
      const overTcg = wasOver && isOver ? isOver / wasOver : undefined;
      row[temperature] = { was, is, speed, overTcg };
    }
    return [row];
  });
}
