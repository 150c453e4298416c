/**
 * Time moved by hand, for tests: a TimerQueue whose clock stands still until `advance` is called. Timers fire in
 * order, each seeing its own deadline as the present.
 */
import { type Clock, TimerQueue } from '../base/clock.ts';

/** More than any device needs without time moving: a timer that keeps arming itself in the past is a defect. */
const MAX_ROUNDS_PER_INSTANT = 1000;

class HandClock implements Clock {
  timeNs = 0;
  lookNs = 0;
  nowNs(): number {
    this.timeNs += this.lookNs;
    return this.timeNs;
  }
}

export class FakeTimers extends TimerQueue {
  /** How many timers were ever created; a device creates its own in its constructor and none later. */
  created = 0;
  /** How often a timer fired. */
  fired = 0;
  readonly #hand: HandClock;

  constructor(startNs = 0) {
    const hand = new HandClock();
    hand.timeNs = startNs;
    super(hand);
    this.#hand = hand;
  }

  override createTimer(name: string, fire: (deadlineNs: number) => void) {
    this.created++;
    return super.createTimer(name, (deadlineNs) => {
      this.fired++;
      fire(deadlineNs);
    });
  }

  /** From now on this much time passes whenever someone looks at the clock, as real clocks do. */
  set lookNs(ns: number) {
    this.#hand.lookNs = ns;
  }

  advance(byNs: number): void {
    this.advanceTo(this.nowNs() + byNs);
  }

  /** Moves time forward to targetNs, firing what falls due on the way. */
  advanceTo(targetNs: number): void {
    let rounds = 0;
    for (let nextNs = this.nextDeadlineNs(); nextNs <= targetNs; nextNs = this.nextDeadlineNs()) {
      if (nextNs > this.#hand.timeNs) {
        this.#hand.timeNs = nextNs;
        rounds = 0;
      } else if (++rounds > MAX_ROUNDS_PER_INSTANT) {
        throw new Error(`a timer keeps re-arming itself at ${nextNs} ns while time stands at ${this.#hand.timeNs} ns`);
      }
      this.runDue(this.#hand.timeNs);
    }
    if (targetNs > this.#hand.timeNs) this.#hand.timeNs = targetNs;
  }
}
