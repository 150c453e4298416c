/**
 * A grabbed pointer's movement, gathered until it can be sent: at most one message is under way, so that a slow
 * connection makes steps larger and never a queue. Without a browser: what is sent, and when, is the caller's.
 */
import type { PointerMotion } from '../../../core/contracts/machine.ts';

/** DOM buttons (left, right, middle by bits 0, 1, 2) are in the order that a mouse has. */
const BUTTONS = 7;
const MOST = 32_767;
const clamp = (value: number): number => Math.max(-MOST, Math.min(MOST, value));

export class MotionSender {
  #dx = 0;
  #dy = 0;
  #wheel = 0;
  #buttons = 0;
  #changed = false;
  #busy = false;
  readonly #send: (motion: PointerMotion) => Promise<unknown>;

  constructor(send: (motion: PointerMotion) => Promise<unknown>) {
    this.#send = send;
  }

  /** In pixels of the guest, fractions and all: what is less than a pixel waits for the rest. */
  move(dx: number, dy: number): void {
    this.#dx += dx;
    this.#dy += dy;
    this.#changed = true;
    void this.#flush();
  }

  wheel(notches: number): void {
    this.#wheel += notches;
    this.#changed = true;
    void this.#flush();
  }

  /** A click must not be lost between two messages: it waits for the one under way. */
  async buttons(pressed: number): Promise<void> {
    while (this.#busy) await this.#idle;
    this.#buttons = pressed & BUTTONS;
    this.#changed = true;
    await this.#flush();
  }

  #idle: Promise<unknown> = Promise.resolve();

  async #flush(): Promise<void> {
    if (this.#busy || !this.#changed) return;
    this.#busy = true;
    while (this.#changed) {
      this.#idle = this.#send(this.#take());
      await this.#idle;
    }
    this.#busy = false;
  }

  #take(): PointerMotion {
    const dx = clamp(Math.trunc(this.#dx));
    const dy = clamp(Math.trunc(this.#dy));
    const motion = { dx, dy, wheel: clamp(this.#wheel), buttons: this.#buttons };
    this.#dx -= dx;
    this.#dy -= dy;
    this.#wheel = 0;
    this.#changed = false;
    return motion;
  }
}
