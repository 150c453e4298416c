// Figures as text.
import { geometricMean, meanSpeedOver, speedOver } from './figures.mjs';

const ms = (nanoseconds) => (nanoseconds === undefined ? '-' : (nanoseconds / 1e6).toPrecision(4));
const times = (ratio) => (ratio === undefined ? '-' : ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(3));
const unit = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

/** Rows of equal length, the first column to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

/** Whom Vivarium is compared with; v86 where it took part. */
const rivalsIn = (kernels) =>
  ['TCG', 'v86', 'native'].filter((name) => name !== 'v86' || Object.values(kernels).some((k) => k.machines.v86));

/** Milliseconds of every kernel, and how many times as fast Vivarium is as the others. */
export function kernelTable(kernels) {
  const rivals = rivalsIn(kernels);
  const emulators = [...rivals.filter((name) => name !== 'native'), 'Vivarium'];
  const shown = { hot: ['native', ...emulators], cold: emulators };
  const columns = (cells) => ['hot', 'cold'].flatMap(cells);
  const head = columns((temperature) => [
    ...shown[temperature].map((name) => `${name === 'Vivarium' ? 'here' : name} ${temperature}`),
    ...rivals.map((name) => `x ${name}`),
  ]);
  const rows = Object.entries(kernels).map(([name, kernel]) => [
    name,
    ...columns((temperature) => [
      ...shown[temperature].map((machine) => ms(kernel.machines[machine]?.[temperature])),
      ...rivals.map((rival) => times(speedOver(kernel, rival, temperature))),
    ]),
  ]);
  const means = columns((temperature) => [
    ...shown[temperature].map(() => ''),
    ...rivals.map((rival) => times(meanSpeedOver(kernels, rival, temperature))),
  ]);
  return table([['kernel', ...head], ...rows, ['geometric mean', ...means]]);
}

/** What the machines cost the host: each column maps machine to number, as medianOf gives it. */
export function hostTable({ startWall, startCpu, totalCpu, peak, bootWall, bootCpu }) {
  const head = ['', 'start, s', 'CPU s', 'whole run, CPU s', 'peak MiB', 'boot to prompt, s', 'CPU s'];
  const names = Object.keys({ ...totalCpu, ...bootWall });
  const rows = names.map((name) => [
    ...[name, unit(startWall[name]), unit(startCpu[name]), unit(totalCpu[name]), unit(peak[name], 0)],
    ...[unit(bootWall[name]), unit(bootCpu[name])],
  ]);
  return table([head, ...rows]);
}

const IO_HEAD = ['disk or display', '', 'TCG /s', 'here /s', 'x TCG', 'TCG CPU, us each', 'here', 'x TCG'];

/** Of each kernel of --io: how much a second, and the host's processor time for each unit, of all threads. */
export function ioTable({ io, elapsed, cpu, seen }) {
  const rows = io.flatMap((kernel) => {
    const { label, unit, size, perUnit } = kernel;
    const amount = size * perUnit;
    const costs = columns(cpu[label], (ns) => ns / 1000 / amount);
    const row = [label, unit, ...columns(elapsed[label], (ns) => (amount * 1e9) / ns), ...costs];
    if (unit === 'keys') return [[`${label}, median`, 'ms', ...columns(seen[label], (ns) => ns / 1e6), '', '', '']];
    if (!kernel.viewer) return [row];
    return [row, ['  what it sees', 'pictures', ...columns(seen[label], (ns) => 1e9 / ns), '', '', '']];
  });
  return table([IO_HEAD, ...rows]);
}

/** TCG's and Vivarium's best, and how many times as good Vivarium is: what is measured is a time. */
function columns(kernel, convert) {
  const [theirs, ours] = ['TCG', 'Vivarium'].map((machine) => kernel?.machines[machine]?.hot);
  const cell = (ns) => (ns ? times(convert(ns)) : '-');
  return [cell(theirs), cell(ours), times(theirs && ours ? theirs / ours : undefined)];
}

export function changeTable(rows) {
  const head = [
    ...['kernel', 'hot was', 'is', 'times as fast', 'over TCG'],
    ...['cold was', 'is', 'times as fast', 'over TCG'],
  ];
  const cells = ({ was, is, speed, overTcg }) => [ms(was), ms(is), times(speed), times(overTcg)];
  const mean = (temperature, property) => {
    const known = rows.map((row) => row[temperature][property]).filter((value) => value !== undefined);
    return times(known.length ? geometricMean(known) : undefined);
  };
  const means = (temperature) => ['', '', mean(temperature, 'speed'), mean(temperature, 'overTcg')];
  return table([
    head,
    ...rows.map(({ name, hot, cold }) => [name, ...cells(hot), ...cells(cold)]),
    ['geometric mean', ...means('hot'), ...means('cold')],
  ]);
}
