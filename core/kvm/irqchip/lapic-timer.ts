/**
 * The local APIC's timer on guest time [SDM: "APIC Timer"]: one-shot, periodic and TSC-deadline. The bus clock is
 * 1 GHz, so one count lasts `divide` ns. Nothing ticks: counts are computed, and a host timer is armed only while its
 * expiry would raise an interrupt (entry unmasked, APIC enabled, something left to count).
 *
 * A periodic timer that falls behind fires once and goes on at the next multiple of its period that lies ahead:
 * missed periods are merged, the phase is kept. Periods under MIN_TIMER_PERIOD_NS raise no more than one interrupt
 * in that time.
 *
 * Time passes while this code runs, so each operation reads the clock once and judges everything by that reading: an
 * expiry between two readings would be neither raised nor armed, and a guest that sleeps until it would never wake.
 */

import type { Timer, TimerHost } from '../../base/clock.ts';
import { MIN_TIMER_PERIOD_NS } from './host.ts';

export type LapicTimerMode = 'one-shot' | 'periodic' | 'tsc-deadline';

export interface LapicTimerPorts {
  readonly timers: TimerHost;
  /** Guest time in ns at which the TSC has the value. */
  tscToNs(tsc: bigint): number;
  expired(): void;
}

export class LapicTimer {
  readonly #ports: LapicTimerPorts;
  readonly #timer: Timer;
  #mode: LapicTimerMode = 'one-shot';
  #enabled = false;
  /** Length of one count in ns. */
  #countNs = 2;
  /** 0: stopped. */
  #initialCount = 0;
  /** When the count was the initial count. May be negative after a restore. */
  #startNs = 0;
  /** 0: disarmed. */
  #tscDeadline = 0n;
  #notBeforeNs = 0;

  constructor(name: string, ports: LapicTimerPorts) {
    this.#ports = ports;
    this.#timer = ports.timers.createTimer(name, () => this.#expire(this.#nowNs()));
  }

  reset(): void {
    this.#timer.cancel();
    this.#mode = 'one-shot';
    this.#enabled = false;
    this.#countNs = 2;
    this.#initialCount = 0;
    this.#tscDeadline = 0n;
    this.#notBeforeNs = 0;
  }

  /** Raises what is due but has not been fired yet; call it before a change that could lose it. */
  settle(nowNs: number = this.#nowNs()): void {
    if (this.#timer.armed && this.#timer.deadlineNs <= nowNs) this.#expire(nowNs);
  }

  get mode(): LapicTimerMode {
    return this.#mode;
  }

  /** Entering or leaving TSC-deadline mode disarms the timer; one-shot and periodic share the running count. */
  setMode(mode: LapicTimerMode): void {
    if (mode === this.#mode) return;
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    if (mode === 'tsc-deadline' || this.#mode === 'tsc-deadline') {
      this.#initialCount = 0;
      this.#tscDeadline = 0n;
    } else {
      const left = this.currentCount(nowNs);
      if (left === 0) this.#initialCount = 0;
      else this.#startNs = nowNs - (this.#initialCount - left) * this.#countNs;
    }
    this.#mode = mode;
    this.#arm(nowNs);
  }

  /** Whether an expiry raises an interrupt: the LVT entry is unmasked and the APIC enabled. */
  setEnabled(enabled: boolean): void {
    if (enabled === this.#enabled) return;
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    this.#enabled = enabled;
    this.#arm(nowNs);
  }

  /** The divide configuration register. The current count goes on from its value at the new rate. */
  setDivide(tdcr: number): void {
    const countNs = 1 << (((tdcr & 3) + ((tdcr & 8) >> 1) + 1) & 7);
    if (countNs === this.#countNs) return;
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    const left = this.currentCount(nowNs);
    this.#countNs = countNs;
    if (left > 0) this.#startNs = nowNs - (this.#initialCount - left) * countNs;
    this.#arm(nowNs);
  }

  /** Starts counting from `initialCount` (0 stops); `currentCount` continues a saved count. Not for TSC-deadline. */
  start(initialCount: number, currentCount: number = initialCount): void {
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    this.#initialCount = initialCount;
    this.#startNs = nowNs - (initialCount - currentCount) * this.#countNs;
    this.#notBeforeNs = 0;
    this.#arm(nowNs);
  }

  /** 0 when stopped, expired or in TSC-deadline mode. */
  currentCount(nowNs: number = this.#nowNs()): number {
    if (this.#initialCount === 0 || this.#mode === 'tsc-deadline') return 0;
    const counted = Math.floor((nowNs - this.#startNs) / this.#countNs);
    if (this.#mode === 'periodic') return this.#initialCount - (counted % this.#initialCount);
    return Math.max(0, this.#initialCount - counted);
  }

  /** IA32_TSC_DEADLINE; 0 when disarmed or expired. */
  get tscDeadline(): bigint {
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    if (this.#tscDeadline !== 0n && this.#ports.tscToNs(this.#tscDeadline) <= nowNs) return 0n;
    return this.#tscDeadline;
  }

  /** Ignored outside TSC-deadline mode. A deadline in the past expires at once. */
  set tscDeadline(tsc: bigint) {
    if (this.#mode !== 'tsc-deadline') return;
    const nowNs = this.#nowNs();
    this.settle(nowNs);
    this.#tscDeadline = tsc;
    if (tsc === 0n || !this.#enabled) this.#timer.cancel();
    else if (this.#ports.tscToNs(tsc) > nowNs) this.#arm(nowNs);
    else this.#expire(nowNs);
  }

  /** The guest's TSC was written, or its rate changed: the deadline lies elsewhere in guest time. */
  tscChanged(): void {
    if (this.#mode === 'tsc-deadline') this.tscDeadline = this.#tscDeadline;
  }

  #nowNs(): number {
    return this.#ports.timers.nowNs();
  }

  #expire(nowNs: number): void {
    this.#timer.cancel();
    this.#tscDeadline = 0n;
    if (this.#mode === 'periodic') {
      const periodNs = this.#initialCount * this.#countNs;
      this.#notBeforeNs = periodNs < MIN_TIMER_PERIOD_NS ? nowNs + MIN_TIMER_PERIOD_NS : 0;
      this.#arm(nowNs);
    }
    this.#ports.expired();
  }

  /** Arms for the next expiry that lies ahead; one that passed while nothing could be raised is lost. */
  #arm(nowNs: number): void {
    const deadlineNs = this.#enabled ? this.#nextExpiryNs(nowNs) : Number.POSITIVE_INFINITY;
    if (deadlineNs > nowNs && Number.isFinite(deadlineNs)) this.#timer.arm(deadlineNs);
    else this.#timer.cancel();
  }

  #nextExpiryNs(nowNs: number): number {
    if (this.#mode === 'tsc-deadline') {
      return this.#tscDeadline === 0n ? Number.POSITIVE_INFINITY : this.#ports.tscToNs(this.#tscDeadline);
    }
    if (this.#initialCount === 0) return Number.POSITIVE_INFINITY;
    const periodNs = this.#initialCount * this.#countNs;
    if (this.#mode === 'one-shot') return this.#startNs + periodNs;
    const fromNs = Math.max(nowNs, this.#notBeforeNs);
    return this.#startNs + (Math.floor((fromNs - this.#startNs) / periodNs) + 1) * periodNs;
  }
}
