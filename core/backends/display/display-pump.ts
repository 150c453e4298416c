/**
 * Paces a display: while a viewer waits for an update, draws and sends at most 60 times a second; does nothing while
 * none waits.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';

const FRAME_NS = 1e9 / 60;

export interface DisplayPumpPorts {
  /** Host time: frames go on, and the cursor blinks, while the guest's time stands still. */
  readonly timers: TimerHost;
  /** Brings the surface up to date. */
  readonly draw: (nowNs: number) => void;
  /** Sends what changed to those who wait; true while some still wait. */
  readonly send: () => boolean;
}

export class DisplayPump {
  readonly #ports: DisplayPumpPorts;
  readonly #timer: Timer;
  #lastFrameNs = Number.NEGATIVE_INFINITY;

  constructor(ports: DisplayPumpPorts) {
    this.#ports = ports;
    this.#timer = ports.timers.createTimer('display', (deadlineNs) => this.#frame(deadlineNs));
  }

  /** A viewer waits: have the next frame made as soon as the pace allows. */
  wake(): void {
    if (this.#timer.armed) return;
    this.#timer.arm(Math.max(this.#ports.timers.nowNs(), this.#lastFrameNs + FRAME_NS));
  }

  stop(): void {
    this.#timer.cancel();
  }

  #frame(deadlineNs: number): void {
    const nowNs = this.#ports.timers.nowNs();
    // A host's timers are late: a little of that must not add up to fewer frames.
    this.#lastFrameNs = Math.max(deadlineNs, nowNs - FRAME_NS / 2);
    this.#ports.draw(nowNs);
    if (this.#ports.send()) this.wake();
  }
}
