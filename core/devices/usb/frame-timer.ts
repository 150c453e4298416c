/**
 * The frames of 1 ms in which UHCI and EHCI walk their schedules.
 *
 * A guest changes a schedule in memory without telling, so it must be looked at; but the frames number themselves by time,
 * so several can be done at once. While something moves each frame has its own wake-up. When nothing has moved for a while
 * (a device that has nothing to say answers NAK, and says when that changes) frames are done in growing batches, 31 wake-ups a
 * second at last. A device that is ready, and any register write, ends that at once.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { type Fields, timeNs, uint } from '../state-shape.ts';

const FRAME_NS = 1_000_000;
const MAX_BATCH = 32;
/** Each so many frames without anything to do make the batch one longer. */
const QUIET_FRAMES_PER_STEP = 16;
/** Frame numbers are counted on; registers show the lower bits. */
const FRAME_LIMIT = 2 ** 40;

export interface FrameState {
  /** Frame `first` began at startNs. */
  startNs: number;
  first: number;
  /** The first frame whose schedule was not walked. */
  next: number;
  /** Frames since something moved. */
  quiet: number;
}

export const FRAME_FIELDS: Fields<FrameState> = {
  startNs: timeNs,
  first: uint(FRAME_LIMIT),
  next: uint(2 * FRAME_LIMIT),
  quiet: uint(MAX_BATCH * QUIET_FRAMES_PER_STEP),
};

export const framesPowerOn = (): FrameState => ({ startNs: 0, first: 0, next: 0, quiet: 0 });

export class FrameTimer {
  readonly #timer: Timer;
  #running = false;
  /** There are schedules to walk; without, the frames only count. */
  #wanted = true;
  #state = framesPowerOn();

  /**
   * walk: does one frame's schedules; true if something moved. It may stop the timer. `fresh`: the guest has run since the
   * last walk; otherwise nothing has changed but the number of the frame.
   */
  constructor(
    readonly timers: TimerHost,
    name: string,
    readonly walk: (frame: number, fresh: boolean) => boolean,
  ) {
    this.#timer = timers.createTimer(name, () => this.#due());
  }

  get state(): FrameState {
    return this.#state;
  }

  /** The number of the frame that is under way, or at which the controller stopped. */
  get frame(): number {
    const { startNs, first, next } = this.#state;
    if (!this.#running) return next;
    return first + Math.max(0, Math.floor((this.timers.nowNs() - startNs) / FRAME_NS));
  }

  /** From this frame on. */
  start(frame = this.#state.next): void {
    this.#running = true;
    this.#state = { startNs: this.timers.nowNs(), first: frame, next: frame, quiet: 0 };
    this.#arm();
  }

  stop(): void {
    if (this.#running) this.#state.next = this.frame;
    this.#running = false;
    this.#arm();
  }

  /** The frame at which a stopped controller will start. */
  set(frame: number): void {
    if (!this.#running) this.#state.next = frame;
  }

  restore(state: FrameState, running: boolean, wanted = true): void {
    this.#state = state;
    this.#running = running;
    this.#wanted = wanted;
    this.#arm();
  }

  /** Whether there are schedules to walk from now on. */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#state.next = this.frame;
    this.#state.quiet = 0;
    this.#arm();
  }

  /** Something may move again. */
  kick(): void {
    if (this.#state.quiet === 0) return;
    this.#state.quiet = 0;
    this.#arm();
  }

  #due(): void {
    const state = this.#state;
    const end = this.frame + 1;
    // Frames that a busy host had no time for are lost, as on a bus without time for them.
    const begin = Math.max(state.next, end - MAX_BATCH);
    for (let frame = begin; frame < end && this.#running; frame++) {
      const moved = this.walk(frame, frame === begin);
      state.quiet = moved ? 0 : Math.min(state.quiet + 1, MAX_BATCH * QUIET_FRAMES_PER_STEP);
    }
    if (!this.#running) return;
    state.next = end;
    this.#arm();
  }

  /** For the first frame of the next batch that has not been done. */
  #arm(): void {
    if (!this.#running || !this.#wanted) {
      this.#timer.cancel();
      return;
    }
    const { startNs, first, next, quiet } = this.#state;
    const batch = Math.max(1, Math.min(MAX_BATCH, Math.floor(quiet / QUIET_FRAMES_PER_STEP)));
    const ahead = Math.max(next, this.frame + 1) + batch - 1;
    this.#timer.arm(startNs + (ahead - first) * FRAME_NS);
  }
}
