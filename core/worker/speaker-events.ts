/**
 * The PC speaker as events: its tone when it changes, but not more often than people can hear and messages should come,
 * whatever a guest does with it; silence while the machine is paused.
 */
import type { Timer, TimerHost } from '../base/clock.ts';
import type { MachineEvent } from '../contracts/machine.ts';

const SHORTEST_TONE_NS = 20e6;

export class SpeakerEvents {
  readonly #timer: Timer;
  #tone: number | undefined;
  #told: number | undefined;
  #toldAtNs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly timers: TimerHost,
    readonly emit: (event: MachineEvent) => void,
  ) {
    this.#timer = timers.createTimer('speaker', () => this.#tell(this.#tone));
  }

  change(frequencyHz: number | undefined): void {
    this.#tone = frequencyHz;
    if (this.#timer.armed) return;
    const nextNs = this.#toldAtNs + SHORTEST_TONE_NS;
    if (this.timers.nowNs() >= nextNs) this.#tell(frequencyHz);
    else this.#timer.arm(nextNs);
  }

  pause(): void {
    this.#timer.cancel();
    this.#tell(undefined);
  }

  resume(): void {
    this.#tell(this.#tone);
  }

  #tell(frequencyHz: number | undefined): void {
    if (frequencyHz === this.#told) return;
    this.#told = frequencyHz;
    this.#toldAtNs = this.timers.nowNs();
    this.emit({ type: 'speaker', ...(frequencyHz !== undefined && { frequencyHz }) });
  }
}
