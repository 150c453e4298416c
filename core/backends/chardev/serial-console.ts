/**
 * The far end of a serial cable: any number of viewers see what the guest sends, and all of them type into it.
 *
 * Output is gathered for a moment, because a guest sends single bytes and each message to a viewer costs far more than
 * a byte; a viewer that comes later first gets the last SCROLLBACK_BYTES. Input waits here until the UART has room.
 * Not here: baud rates, modem lines, flow control towards a viewer (its port queues).
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { Scrollback } from './scrollback.ts';

export const SCROLLBACK_BYTES = 64 * 1024;
/** What may wait for a guest that does not read its serial port; more is lost. */
export const MAX_PENDING_INPUT_BYTES = 1024 * 1024;
const GATHER_NS = 1_000_000;
const GATHER_BYTES = 4096;

export interface SerialViewer {
  /** The viewer keeps the bytes. */
  send(bytes: Uint8Array): void;
}

/** The guest's side: takes as many bytes as it has room for, and says how many; the rest is offered again later. */
export interface SerialReceiver {
  receive(bytes: Uint8Array): number;
}

export class SerialConsole {
  readonly #scrollback = new Scrollback(SCROLLBACK_BYTES);
  readonly #viewers = new Set<SerialViewer>();
  readonly #gathered = new Uint8Array(GATHER_BYTES);
  #gatheredCount = 0;
  readonly #flushTimer: Timer;
  readonly #timers: TimerHost;
  #receiver: SerialReceiver | undefined;
  #input: Uint8Array[] = [];
  #inputBytes = 0;

  constructor(timers: TimerHost) {
    this.#timers = timers;
    this.#flushTimer = timers.createTimer('serial output', () => this.flush());
  }

  /** From the guest, a byte or more: what a serial device calls its back end with. */
  write(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#gathered[this.#gatheredCount++] = byte;
      if (this.#gatheredCount === GATHER_BYTES) this.flush();
    }
    if (this.#gatheredCount > 0 && !this.#flushTimer.armed) this.#flushTimer.arm(this.#timers.nowNs() + GATHER_NS);
  }

  /** Gives viewers all there is, now: before the machine stops or pauses. */
  flush(): void {
    this.#flushTimer.cancel();
    if (this.#gatheredCount === 0) return;
    const bytes = this.#gathered.slice(0, this.#gatheredCount);
    this.#gatheredCount = 0;
    this.#scrollback.push(bytes);
    for (const viewer of this.#viewers) viewer.send(bytes.slice());
  }

  /** The viewer gets the scrollback at once, and then what comes. */
  attach(viewer: SerialViewer): void {
    this.flush();
    const past = this.#scrollback.contents();
    if (past.length > 0) viewer.send(past);
    this.#viewers.add(viewer);
  }

  detach(viewer: SerialViewer): void {
    this.#viewers.delete(viewer);
  }

  connect(receiver: SerialReceiver): void {
    this.#receiver = receiver;
    this.offerInput();
  }

  /** From a viewer. Returns how many bytes were lost because too much waits already. */
  input(bytes: Uint8Array): number {
    const room = MAX_PENDING_INPUT_BYTES - this.#inputBytes;
    const taken = bytes.subarray(0, room);
    if (taken.length > 0) this.#input.push(taken);
    this.#inputBytes += taken.length;
    this.offerInput();
    return bytes.length - taken.length;
  }

  /** The guest's side has room. */
  offerInput(): void {
    for (;;) {
      const head = this.#input[0];
      if (!head || !this.#receiver) return;
      const taken = this.#receiver.receive(head);
      this.#inputBytes -= taken;
      if (taken < head.length) {
        this.#input[0] = head.subarray(taken);
        return;
      }
      this.#input.shift();
    }
  }
}
