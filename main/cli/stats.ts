/** What `viv run --stats` and `--stats-every` print. Columns of the exit table are those of `perf kvm stat report`. */
import type { ExitCount, MachineStats } from '../../core/contracts/machine.ts';

const NS_PER_S = 1e9;
/** Ports or addresses that are shown of a reason. */
const MOST_PLACES = 20;

export interface HostFigures {
  readonly elapsedMs: number;
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/** The report at the end. */
export function statsReport(stats: MachineStats | undefined, host: HostFigures): string {
  if (!stats) return 'no statistics: the machine ended too soon';
  const { counters, exits, uptimeSeconds } = stats;
  const busySeconds = busySecondsOf(stats);
  const instructions = counters['insns'] ?? 0;
  return [
    `ran ${(host.elapsedMs / 1000).toFixed(2)} s, guest time ${uptimeSeconds.toFixed(2)} s`,
    `vCPU busy ${busySeconds.toFixed(2)} s, idle ${(100 * (1 - busySeconds / Math.max(uptimeSeconds, 1e-9))).toFixed(1)} %`,
    `${instructions} instructions, ${(instructions / Math.max(busySeconds, 1e-9) / 1e6).toFixed(1)} MIPS while busy`,
    `peak resident memory ${mebibytes(host.peakResidentBytes)} MiB`,
    '',
    exitTable(exits),
    '',
    ...Object.entries(counters).map(([name, value]) => `  ${name.padEnd(28)} ${value}`),
  ].join('\n');
}

/** Exits by reason, and under each its ports or addresses: the dearest first, or the most frequent where none is timed. */
export function exitTable(exits: readonly ExitCount[]): string {
  const total = sumOf('all', exits);
  const reasons = [...new Set(exits.map(({ reason }) => reason))].map((reason) => {
    const rows = exits.filter((row) => row.reason === reason).sort(dearerFirst);
    return { sum: sumOf(reason, rows), places: rows.filter(({ place }) => place) };
  });
  reasons.sort((a, b) => dearerFirst(a.sum, b.sum));
  const lines = reasons.flatMap(({ sum, places }) => [
    tableRow(sum.reason, sum, total),
    ...places.slice(0, MOST_PLACES).map((row) => tableRow(`  ${placeName(row)}`, row, total)),
    ...(places.length > MOST_PLACES ? [`  and ${places.length - MOST_PLACES} more`] : []),
  ]);
  const head = ['Exit', 'Count', 'Count%', 'Time%', 'Total ms', 'Min us', 'Max us', 'Avg us'];
  return [line(head), ...lines, tableRow('all', total, total)].join('\n');
}

const dearerFirst = (a: ExitCount, b: ExitCount): number => b.totalNs - a.totalNs || b.count - a.count;

function sumOf(reason: string, rows: readonly ExitCount[]): ExitCount {
  const sum = (of: (row: ExitCount) => number): number => rows.reduce((all, row) => all + of(row), 0);
  const timed = rows.filter((row) => row.timed > 0);
  return {
    reason,
    count: sum((row) => row.count),
    timed: sum((row) => row.timed),
    totalNs: sum((row) => row.totalNs),
    minNs: timed.length > 0 ? Math.min(...timed.map((row) => row.minNs)) : 0,
    maxNs: Math.max(0, ...rows.map((row) => row.maxNs)),
  };
}

function placeName({ reason, place }: ExitCount): string {
  if (!place) return reason;
  const [read, write] = reason === 'IO' ? ['in', 'out'] : ['read', 'write'];
  return `${place.write ? write : read} 0x${place.address.toString(16)}`;
}

function tableRow(name: string, row: ExitCount, total: ExitCount): string {
  const percent = (part: number, all: number): string => (all > 0 ? ((100 * part) / all).toFixed(2) : '-');
  const time = (ns: number, unit: number): string => (row.timed > 0 ? (ns / unit).toFixed(2) : '-');
  return line([
    name,
    String(row.count),
    percent(row.count, total.count),
    percent(row.totalNs, total.totalNs),
    time(row.totalNs, 1e6),
    time(row.minNs, 1e3),
    time(row.maxNs, 1e3),
    time(row.totalNs / row.timed, 1e3),
  ]);
}

function line([name = '', ...cells]: readonly string[]): string {
  return [name.padEnd(22), ...cells.map((cell) => cell.padStart(10))].join('').trimEnd();
}

/** Lines of --stats-every: what happened since the line before, as name=value pairs. */
export class StatsLines {
  readonly #periodSeconds: number;
  #before: MachineStats = { cpuPercent: 0, uptimeSeconds: 0, counters: {}, exits: [] };

  constructor(periodSeconds: number) {
    this.#periodSeconds = periodSeconds;
  }

  /** The line, if one is due with this sample. Samples come once a second or a little later. */
  next(stats: MachineStats, host: Pick<HostFigures, 'residentBytes'>): string | undefined {
    const seconds = stats.uptimeSeconds - this.#before.uptimeSeconds;
    if (seconds < this.#periodSeconds - 0.5) return undefined;
    const busySeconds = busySecondsOf(stats) - busySecondsOf(this.#before);
    const delta = (name: string): number => (stats.counters[name] ?? 0) - (this.#before.counters[name] ?? 0);
    const rate = (name: string): string => (delta(name) / seconds).toFixed(0);
    const now = (name: string): number => stats.counters[name] ?? 0;
    const line = Object.entries({
      t: stats.uptimeSeconds.toFixed(1),
      cpu: `${((100 * busySeconds) / seconds).toFixed(1)}%`,
      mips: (delta('insns') / Math.max(busySeconds, 1e-9) / 1e6).toFixed(1),
      'exits/s': rate('exits'),
      'io/s': rate('io_exits'),
      'mmio/s': rate('mmio_exits'),
      'halts/s': rate('halt_exits'),
      'irqs/s': rate('irq_injections'),
      'tlb_fills/s': rate('tlb_fills'),
      'decodes/s': rate('block_decodes'),
      blocks: now('blocks'),
      regions: now('regions'),
      modules: now('translated_modules'),
      rss: `${mebibytes(host.residentBytes)}MiB`,
    })
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
    this.#before = stats;
    return line;
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function busySecondsOf({ counters, uptimeSeconds }: MachineStats): number {
  return counters['busy_ns'] === undefined ? uptimeSeconds : counters['busy_ns'] / NS_PER_S;
}
