/**
 * Exits of a vCPU to this machine, as `perf kvm stat` counts them: by reason, and those of IO by port, those of MMIO by
 * address. The time of an exit is the machine's: from the return of KVM_RUN to the next entry. Exits are always counted,
 * for a few nanoseconds each, and timed only while somebody asks, for two looks at the clock each.
 */
import type { Clock } from '../base/clock.ts';
import type { ExitCount } from '../contracts/machine.ts';
import * as kvm from '../kvm/api.ts';

/** Ports, and addresses, that are told apart; others of the guest's choice are counted together. */
const MOST_PLACES = 256;

const NAMES: ReadonlyMap<number, string> = new Map([
  [kvm.KVM_EXIT_IO, 'IO'],
  [kvm.KVM_EXIT_MMIO, 'MMIO'],
  [kvm.KVM_EXIT_INTR, 'INTR'],
  [kvm.KVM_EXIT_HLT, 'HLT'],
  [kvm.KVM_EXIT_SHUTDOWN, 'SHUTDOWN'],
  [kvm.KVM_EXIT_DEBUG, 'DEBUG'],
  [kvm.KVM_EXIT_INTERNAL_ERROR, 'INTERNAL_ERROR'],
]);

class Row implements ExitCount {
  count = 0;
  timed = 0;
  totalNs = 0;
  minNs = Number.POSITIVE_INFINITY;
  maxNs = 0;

  constructor(
    readonly reason: string,
    readonly place?: { readonly address: number; readonly write: boolean },
  ) {}

  add(ns: number): void {
    this.timed++;
    this.totalNs += ns;
    if (ns < this.minNs) this.minNs = ns;
    if (ns > this.maxNs) this.maxNs = ns;
  }
}

/** Rows of one kind of access, by twice the address, plus one for writes. */
class Places {
  readonly #rows = new Map<number, Row>();
  #last: Row;
  #lastKey = -1;

  constructor(
    /** For what does not fit. */
    readonly others: Row,
  ) {
    this.#last = others;
  }

  /** @hot */
  at(address: number, write: boolean): Row {
    const key = address * 2 + (write ? 1 : 0);
    if (key === this.#lastKey) return this.#last;
    let row = this.#rows.get(key);
    if (!row) {
      if (this.#rows.size >= MOST_PLACES) return this.others;
      row = new Row(this.others.reason, { address, write });
      this.#rows.set(key, row);
    }
    this.#lastKey = key;
    this.#last = row;
    return row;
  }

  get rows(): Row[] {
    return [...this.#rows.values(), this.others];
  }
}

export class ExitStats {
  /** Whether exits are timed from now on. */
  timed = false;
  readonly #ports = new Places(new Row('IO'));
  readonly #mmio = new Places(new Row('MMIO'));
  readonly #byReason = new Map<number, Row>();
  readonly #clock: Clock;
  /** The exit being timed, and since when. */
  #row: Row | undefined;
  #beganNs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** KVM_RUN has returned, or thrown EINTR. @hot */
  exited(run: DataView): void {
    const row = this.#rowOf(run);
    row.count++;
    if (!this.timed) return;
    this.#row = row;
    this.#beganNs = this.#clock.nowNs();
  }

  /** KVM_RUN is called next. @hot */
  entering(): void {
    if (this.#row === undefined) return;
    this.#row.add(this.#clock.nowNs() - this.#beganNs);
    this.#row = undefined;
  }

  /** All that were counted; unordered. */
  get rows(): ExitCount[] {
    const all = [...this.#ports.rows, ...this.#mmio.rows, ...this.#byReason.values()];
    return all.filter(({ count }) => count > 0).map((row) => ({ ...row, minNs: row.timed > 0 ? row.minNs : 0 }));
  }

  #rowOf(run: DataView): Row {
    const reason = run.getUint32(kvm.RUN_EXIT_REASON, true);
    if (reason === kvm.KVM_EXIT_IO) {
      const out = run.getUint8(kvm.RUN_IO_DIRECTION) === kvm.KVM_EXIT_IO_OUT;
      return this.#ports.at(run.getUint16(kvm.RUN_IO_PORT, true), out);
    }
    if (reason === kvm.KVM_EXIT_MMIO) {
      const high = run.getUint32(kvm.RUN_MMIO_PHYS_ADDR + 4, true);
      const address = run.getUint32(kvm.RUN_MMIO_PHYS_ADDR, true) + high * 2 ** 32;
      return this.#mmio.at(address, run.getUint8(kvm.RUN_MMIO_IS_WRITE) !== 0);
    }
    let row = this.#byReason.get(reason);
    if (!row) {
      row = new Row(NAMES.get(reason) ?? `EXIT_${reason}`);
      this.#byReason.set(reason, row);
    }
    return row;
  }
}

/** Statistics of KVM as counters: the value of a scalar; of a histogram each bucket that has one, as name[from]. */
export function countersOf(stats: readonly kvm.KvmStat[]): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const stat of stats) {
    const [first = 0] = stat.values;
    if (stat.values.length === 1) counters[stat.name] = first;
    else for (const [i, value] of stat.values.entries()) if (value > 0) counters[bucketName(stat, i)] = value;
  }
  return counters;
}

function bucketName({ name, flags, bucketSize }: kvm.KvmStat, i: number): string {
  const linear = (flags & kvm.KVM_STATS_TYPE_MASK) === kvm.KVM_STATS_TYPE_LINEAR_HIST;
  return `${name}[${linear ? i * bucketSize : Math.floor(2 ** (i - 1))}]`;
}
