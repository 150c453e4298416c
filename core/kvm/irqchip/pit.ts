/**
 * The PC's 8254 interval timer with the speaker and gate bits of port 0x61, as KVM_CREATE_PIT2 gives it. The channels
 * are pit-channel.ts; this file is the ports, and channel 0's tick on GSI 0.
 *
 * Ticks. Each rise of OUT 0 is one tick: a pulse on the line. A tick is outstanding until the guest ends its
 * interrupt. Ticks that pass meanwhile are owed: the next is raised half a period after the acknowledgement, so a guest
 * that lost time catches up at no more than twice the rate and always gets to run between two ticks. At most
 * OWED_MAX_NS worth of ticks is owed, the rest is dropped; with periods under MIN_TIMER_PERIOD_NS nothing is owed and
 * no more than one tick is raised in that time. While the guest has the line masked everywhere, or a tick is
 * outstanding, no timer is armed; masking it for longer than a period drops what was owed.
 *
 * Sound: the host is told of the tone of channel 2 while gate and speaker data are on; a speaker that is moved by its
 * data bit alone is not heard. Not emulated: the channel-1 DRAM refresh but for its toggle in port 0x61.
 */

import type { Timer, TimerHost } from '../../base/clock.ts';
import { MIN_TIMER_PERIOD_NS } from './host.ts';
import { nsToCounts, PitChannel, type PitChannelState } from './pit-channel.ts';

export const PIT_CHANNEL_0 = 0x40;
export const PIT_CONTROL = 0x43;
export const SPEAKER_PORT = 0x61;

// port 0x61
const GATE_2 = 1 << 0; //        RW
const SPEAKER_DATA = 1 << 1; //  RW
const REFRESH_SHIFT = 4; //      RO   toggles on each refresh request
const OUT_2_SHIFT = 5; //        RO

/** Counts of channel 1 between two refresh requests, as every PC firmware programmed it: 15 us. */
const REFRESH_COUNTS = 18;

const NS_PER_S = 1e9;

/** The most time in ns for which missed ticks are made up. */
const OWED_MAX_NS = 1_000_000_000;

/** KVM_PIT_FLAGS_HPET_LEGACY: the HPET has taken channel 0's place. */
const PIT_FLAGS_HPET_LEGACY = 1;
/** KVM_PIT_FLAGS_SPEAKER_DATA_ON */
const PIT_FLAGS_SPEAKER_DATA_ON = 2;

export interface PitPorts {
  readonly timers: TimerHost;
  /** A rising and a falling edge on GSI 0. True when an interrupt controller holds or delivered it. */
  tick(): boolean;
  /** Some interrupt controller has the line unmasked. */
  tickUnmasked(): boolean;
  /** The speaker's tone, or undefined for silence. */
  speakerChanged?(frequencyHz: number | undefined): void;
}

/** The fields of struct kvm_pit_state2. */
export interface PitState {
  channels: readonly Readonly<PitChannelState>[];
  flags: number;
}

export class Pit {
  readonly #ports: PitPorts;
  readonly #timer: Timer;
  readonly #channel0 = new PitChannel(1);
  readonly #channel2 = new PitChannel(0);
  readonly #channels = [this.#channel0, new PitChannel(1), this.#channel2] as const;
  #speakerData = 0;
  #hpetLegacy = false;
  #toneHz: number | undefined;

  // channel 0's ticks
  /** Rises of OUT since the count was written that are accounted for. */
  #risesSeen = 0;
  #owed = 0;
  #outstanding = false;
  #notBeforeNs = 0;
  #unmasked: boolean;
  #maskedSinceNs = 0;

  constructor(ports: PitPorts) {
    this.#ports = ports;
    this.#timer = ports.timers.createTimer('pit', () => this.#run());
    this.#unmasked = ports.tickUnmasked();
  }

  reset(): void {
    this.#channels.forEach((channel, i) => {
      channel.restore(new PitChannel(i === 2 ? 0 : 1));
    });
    this.#speakerData = 0;
    this.#hpetLegacy = false;
    this.#tellTone();
    this.#restartTicks();
  }

  /** A byte from 0x40 to 0x43 or 0x61. */
  read(port: number): number {
    const nowNs = this.#ports.timers.nowNs();
    if (port === SPEAKER_PORT) return this.#readSpeakerPort(nowNs);
    return this.#channels[port - PIT_CHANNEL_0]?.readByte(nowNs) ?? 0xff;
  }

  /** A byte to the same ports. */
  write(port: number, value: number): void {
    const nowNs = this.#ports.timers.nowNs();
    if (port === SPEAKER_PORT) {
      this.#speakerData = value & SPEAKER_DATA;
      this.#channel2.setGate(value & GATE_2, nowNs);
      this.#tellTone();
      return;
    }
    if (port === PIT_CONTROL) {
      this.#writeControl(value, nowNs);
      this.#tellTone();
      return;
    }
    const channel = this.#channels[port - PIT_CHANNEL_0];
    if (channel === this.#channel0) this.catchUp();
    channel?.writeByte(value, nowNs);
    if (channel === this.#channel0) this.#restartTicks();
    if (channel === this.#channel2) this.#tellTone();
  }

  /** The guest ended the tick's interrupt, or it was thrown away. @hot */
  tickAcknowledged(): void {
    if (!this.#outstanding) return;
    const nowNs = this.#ports.timers.nowNs();
    this.#outstanding = false;
    this.#account(nowNs);
    if (this.#owed > 0) this.#notBeforeNs = Math.max(this.#notBeforeNs, nowNs + this.#channel0.periodNs / 2);
    this.#arm(nowNs);
  }

  /** The masks of the tick's line may have changed. */
  maskChanged(): void {
    const unmasked = this.#ports.tickUnmasked();
    if (unmasked === this.#unmasked) return;
    const nowNs = this.#ports.timers.nowNs();
    this.#unmasked = unmasked;
    if (!unmasked) {
      this.#maskedSinceNs = nowNs;
    } else {
      if (nowNs - this.#maskedSinceNs > this.#channel0.periodNs) this.#owed = 0;
      this.#risesSeen = this.#channel0.risesUntil(nowNs);
      this.#outstanding = false;
    }
    this.#arm(nowNs);
  }

  /** The line leads elsewhere now: no acknowledgement of an earlier tick can be waited for. */
  rewired(): void {
    this.#restartTicks();
  }

  /**
   * Before the guest looks at the tick's interrupt controllers, or changes them or channel 0: raises a tick that is due
   * but has not been fired, and, as no timer runs for a masked line, once what passed there, so that the request is
   * pending as on hardware.
   */
  catchUp(): void {
    const nowNs = this.#ports.timers.nowNs();
    if (this.#unmasked) {
      if (this.#timer.armed && this.#timer.deadlineNs <= nowNs) this.#run();
      return;
    }
    const rises = this.#channel0.risesUntil(nowNs);
    if (rises === this.#risesSeen) return;
    this.#risesSeen = rises;
    if (!this.#hpetLegacy) this.#ports.tick();
  }

  state(): PitState {
    const speaker = this.#speakerData !== 0 ? PIT_FLAGS_SPEAKER_DATA_ON : 0;
    return { channels: this.#channels, flags: (this.#hpetLegacy ? PIT_FLAGS_HPET_LEGACY : 0) | speaker };
  }

  restore(state: PitState): void {
    this.#channels.forEach((channel, i) => {
      channel.restore(state.channels[i] ?? channel);
    });
    this.#channel0.gate = 1; // tied high on a PC
    this.#hpetLegacy = (state.flags & PIT_FLAGS_HPET_LEGACY) !== 0;
    this.#speakerData = (state.flags & PIT_FLAGS_SPEAKER_DATA_ON) !== 0 ? SPEAKER_DATA : 0;
    this.#tellTone();
    this.#restartTicks();
  }

  #tellTone(): void {
    const { gate, periodNs } = this.#channel2;
    const sounds = gate !== 0 && this.#speakerData !== 0 && Number.isFinite(periodNs);
    const toneHz = sounds ? NS_PER_S / periodNs : undefined;
    if (toneHz === this.#toneHz) return;
    this.#toneHz = toneHz;
    this.#ports.speakerChanged?.(toneHz);
  }

  #readSpeakerPort(nowNs: number): number {
    const refresh = Math.floor(nsToCounts(nowNs) / REFRESH_COUNTS) & 1;
    const out = this.#channel2.out(nowNs);
    return this.#channel2.gate | this.#speakerData | (refresh << REFRESH_SHIFT) | (out << OUT_2_SHIFT);
  }

  #writeControl(value: number, nowNs: number): void {
    const select = value >> 6;
    if (select === 3) {
      this.#channels.forEach((channel, i) => {
        if ((value & (2 << i)) === 0) return;
        if ((value & 0x20) === 0) channel.latchCount(nowNs);
        if ((value & 0x10) === 0) channel.latchStatus(nowNs);
      });
      return;
    }
    const channel = this.#channels[select];
    if ((value & 0x30) === 0) {
      channel?.latchCount(nowNs);
      return;
    }
    if (channel === this.#channel0) this.catchUp();
    channel?.writeControl(value);
    if (channel === this.#channel0) this.#restartTicks();
  }

  /** The timer fired. */
  #run(): void {
    const nowNs = this.#ports.timers.nowNs();
    this.#raise(nowNs);
    this.#arm(nowNs);
  }

  #raise(nowNs: number): void {
    this.#account(nowNs);
    if (this.#owed === 0 || this.#outstanding) return;
    this.#owed--;
    if (this.#channel0.periodNs < MIN_TIMER_PERIOD_NS) this.#notBeforeNs = nowNs + MIN_TIMER_PERIOD_NS;
    this.#outstanding = this.#ports.tick();
  }

  /** Ticks that passed since the last look become owed. */
  #account(nowNs: number): void {
    const rises = this.#channel0.risesUntil(nowNs);
    const periodNs = this.#channel0.periodNs;
    const bound = periodNs < MIN_TIMER_PERIOD_NS ? 1 : Math.max(1, Math.floor(OWED_MAX_NS / periodNs));
    this.#owed = Math.min(this.#owed + rises - this.#risesSeen, bound);
    this.#risesSeen = rises;
  }

  #restartTicks(): void {
    const nowNs = this.#ports.timers.nowNs();
    this.#unmasked = this.#ports.tickUnmasked();
    this.#risesSeen = this.#channel0.risesUntil(nowNs);
    this.#owed = 0;
    this.#outstanding = false;
    this.#notBeforeNs = 0;
    this.#arm(nowNs);
  }

  #arm(nowNs: number): void {
    if (!this.#unmasked || this.#outstanding || this.#hpetLegacy) {
      this.#timer.cancel();
      return;
    }
    const riseNs = this.#channel0.riseNs(this.#risesSeen + 1);
    const deadlineNs = Math.max(this.#owed > 0 ? Math.min(nowNs, riseNs) : riseNs, this.#notBeforeNs);
    if (Number.isFinite(deadlineNs)) this.#timer.arm(deadlineNs);
    else this.#timer.cancel();
  }
}
