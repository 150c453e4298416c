/**
 * The local vector table of a local APIC [SDM: "Local Vector Table"]: six entries in the register page, and what the
 * timer entry means for the timer.
 */

import type { LapicPage } from './lapic-page.ts';
import {
  APIC_LVT0,
  APIC_LVTT,
  APIC_TMICT,
  LVT_MASKED,
  LVT_TIMER_MODE_SHIFT,
  LVT_TIMER_PERIODIC,
  LVT_TIMER_TSC_DEADLINE,
  LVT_WRITABLE,
  MODE_EXTINT,
} from './lapic-regs.ts';
import type { LapicTimer, LapicTimerMode } from './lapic-timer.ts';

/** By LVTT bits 18:17; 3 is reserved. */
const TIMER_MODES: readonly LapicTimerMode[] = ['one-shot', 'periodic', 'tsc-deadline', 'one-shot'];

export class LocalVectorTable {
  /** CPUID offers the TSC-deadline timer. */
  cpuidTscDeadline = true;

  constructor(
    readonly page: LapicPage,
    readonly timer: LapicTimer,
  ) {}

  /** Everything masked; LINT0 of the boot vCPU is ExtINT, as KVM sets it. */
  reset(isBsp: boolean): void {
    for (const lvt of LVT_WRITABLE.keys()) this.page.set(lvt, LVT_MASKED);
    if (isBsp) this.page.set(APIC_LVT0, MODE_EXTINT);
  }

  /** A guest's write; a software-disabled APIC keeps its entries masked. */
  write(lvt: number, value: number, apicEnabled: boolean, softwareEnabled: boolean): void {
    if (lvt === APIC_LVTT) this.timer.settle();
    this.page.set(lvt, (value | (softwareEnabled ? 0 : LVT_MASKED)) & this.#writable(lvt));
    if (lvt === APIC_LVTT) this.updateTimer(apicEnabled);
  }

  maskAll(apicEnabled: boolean): void {
    this.timer.settle();
    for (const lvt of LVT_WRITABLE.keys()) this.page.set(lvt, this.page.get(lvt) | LVT_MASKED);
    this.updateTimer(apicEnabled);
  }

  /** After the page was loaded: cuts the entries to the bits they have. */
  sanitize(): void {
    for (const lvt of LVT_WRITABLE.keys()) this.page.set(lvt, this.page.get(lvt) & this.#writable(lvt));
  }

  /** Tells the timer what its entry says. */
  updateTimer(apicEnabled: boolean): void {
    const entry = this.page.get(APIC_LVTT);
    const mode = TIMER_MODES[(entry >> LVT_TIMER_MODE_SHIFT) & 3] ?? 'one-shot';
    if (mode !== this.timer.mode && (mode === 'tsc-deadline' || this.timer.mode === 'tsc-deadline')) {
      this.page.set(APIC_TMICT, 0);
    }
    this.timer.setMode(mode);
    this.timer.setEnabled(apicEnabled && (entry & LVT_MASKED) === 0);
  }

  #writable(lvt: number): number {
    const timerModes = LVT_TIMER_PERIODIC | (this.cpuidTscDeadline ? LVT_TIMER_TSC_DEADLINE : 0);
    return (LVT_WRITABLE.get(lvt) ?? 0) | (lvt === APIC_LVTT ? timerModes : 0);
  }
}
