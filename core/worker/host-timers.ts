/** Timers in host time for a thread with an event loop, such as the one that serves displays. */
import type { Timer, TimerHost } from '../base/clock.ts';

const NS_PER_MS = 1e6;

export class HostTimers implements TimerHost {
  readonly #startMs = performance.now();

  nowNs(): number {
    return (performance.now() - this.#startMs) * NS_PER_MS;
  }

  createTimer(_name: string, fire: (deadlineNs: number) => void): Timer {
    return new HostTimer(this, fire);
  }
}

class HostTimer implements Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;
  deadlineNs = Number.POSITIVE_INFINITY;

  constructor(
    readonly host: HostTimers,
    readonly fire: (deadlineNs: number) => void,
  ) {}

  get armed(): boolean {
    return this.#handle !== undefined;
  }

  arm(deadlineNs: number): void {
    this.cancel();
    this.deadlineNs = deadlineNs;
    this.#handle = setTimeout(
      () => {
        this.cancel();
        this.fire(deadlineNs);
      },
      Math.max(0, (deadlineNs - this.host.nowNs()) / NS_PER_MS),
    );
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
    this.deadlineNs = Number.POSITIVE_INFINITY;
  }
}
