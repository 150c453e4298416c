/**
 * Guest time from host time, and how the thread of a machine sleeps and is woken.
 *
 * Guest time stands still while the machine is paused. A kick is a shared word: another thread posts its message, then
 * kicks; the machine's thread leaves the guest at the next block, or wakes from HLT, and looks at its ports.
 */
import type { MachineThread } from '../machine/machine.ts';

const NS_PER_MS = 1e6;

/** One word, shared by a machine's thread and all who kick it. */
export class Kick {
  readonly #word: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#word = new Int32Array(buffer);
  }

  static createBuffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  kick(): void {
    Atomics.store(this.#word, 0, 1);
    Atomics.notify(this.#word, 0);
  }

  get pending(): boolean {
    return Atomics.load(this.#word, 0) !== 0;
  }

  /** Before the messages are looked at, so that one which comes meanwhile kicks again. */
  clear(): void {
    Atomics.store(this.#word, 0, 0);
  }

  /** Returns when kicked, or after timeoutMs (Infinity: only then). */
  wait(timeoutMs: number): void {
    Atomics.wait(this.#word, 0, 0, timeoutMs);
  }
}

export class MachineClock implements MachineThread {
  alarmNs = Number.POSITIVE_INFINITY;
  /** Time spent asleep in the guest's HLT, in ns of guest time. */
  sleptNs = 0;
  /** Host time at which guest time was zero, or would have been without pauses. */
  #originMs: number;
  #pausedAtNs: number | undefined;

  /** Starts paused, at zero. hostNowMs: monotonic. runDelayNs, reclaim: see VcpuThread. */
  constructor(
    readonly kick: Kick,
    readonly hostNowMs: () => number,
    readonly runDelayNs: () => number = () => 0,
    readonly reclaim: () => void = () => {},
  ) {
    this.#originMs = hostNowMs();
    this.#pausedAtNs = 0;
  }

  nowNs(): number {
    return this.#pausedAtNs ?? Math.round((this.hostNowMs() - this.#originMs) * NS_PER_MS);
  }

  get paused(): boolean {
    return this.#pausedAtNs !== undefined;
  }

  pause(): void {
    this.#pausedAtNs ??= this.nowNs();
  }

  resume(): void {
    if (this.#pausedAtNs === undefined) return;
    this.#originMs = this.hostNowMs() - this.#pausedAtNs / NS_PER_MS;
    this.#pausedAtNs = undefined;
  }

  setAlarm(deadlineNs: number): void {
    this.alarmNs = deadlineNs;
  }

  kicked(): boolean {
    return this.kick.pending;
  }

  signalPending(nowNs?: number): boolean {
    if (this.kick.pending) return true;
    return this.alarmNs !== Number.POSITIVE_INFINITY && (nowNs ?? this.nowNs()) >= this.alarmNs;
  }

  sleepUntil(deadlineNs: number): void {
    const startNs = this.nowNs();
    const wakeNs = Math.min(deadlineNs, this.alarmNs);
    if (wakeNs <= startNs) return;
    this.kick.wait((wakeNs - startNs) / NS_PER_MS);
    this.sleptNs += this.nowNs() - startNs;
  }
}
