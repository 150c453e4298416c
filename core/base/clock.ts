/**
 * Time, the one port below everything. Guest time is in nanoseconds since the machine was created, as a
 * JavaScript number (exact for 104 days), monotonic, and stands still while the machine is paused.
 * Nothing under core/ outside worker/ reads a host clock.
 */
export interface Clock {
  nowNs(): number;
}

/** Wall-clock time, for an RTC only. */
export interface WallClock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
}

/** A one-shot timer of a TimerQueue. Arming an armed timer moves its deadline. */
export interface Timer {
  arm(deadlineNs: number): void;
  cancel(): void;
  readonly armed: boolean;
  /** Meaningful while armed. */
  readonly deadlineNs: number;
}

export interface TimerHost extends Clock {
  createTimer(name: string, fire: (deadlineNs: number) => void): Timer;
}

class QueuedTimer implements Timer {
  deadlineNs = Number.POSITIVE_INFINITY;
  constructor(
    readonly name: string,
    readonly fire: (deadlineNs: number) => void,
  ) {}
  get armed(): boolean {
    return this.deadlineNs !== Number.POSITIVE_INFINITY;
  }
  arm(deadlineNs: number): void {
    this.deadlineNs = deadlineNs;
  }
  cancel(): void {
    this.deadlineNs = Number.POSITIVE_INFINITY;
  }
}

/**
 * A handful of timers over one clock. Its owner asks for the next deadline before it sleeps and calls
 * runDue() when it wakes; a timer that is armed in the past fires at the next runDue().
 */
export class TimerQueue implements TimerHost {
  readonly #timers: QueuedTimer[] = [];

  constructor(readonly clock: Clock) {}

  nowNs(): number {
    return this.clock.nowNs();
  }

  createTimer(name: string, fire: (deadlineNs: number) => void): Timer {
    const timer = new QueuedTimer(name, fire);
    this.#timers.push(timer);
    return timer;
  }

  /** The earliest deadline in ns, or Infinity when nothing is armed. */
  nextDeadlineNs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) if (timer.deadlineNs < next) next = timer.deadlineNs;
    return next;
  }

  /** Fires every timer whose deadline is at or before nowNs, earliest first; each fires at most once a call. */
  runDue(nowNs: number): void {
    if (this.nextDeadlineNs() > nowNs) return;
    const due = this.#timers.filter((t) => t.deadlineNs <= nowNs).sort((a, b) => a.deadlineNs - b.deadlineNs);
    for (const timer of due) {
      const deadlineNs = timer.deadlineNs;
      if (deadlineNs > nowNs) continue; // an earlier one moved it
      timer.cancel();
      timer.fire(deadlineNs);
    }
  }
}
