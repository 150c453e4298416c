/** What the interrupt controllers need from the VM around them. */

import type { TimerHost } from '../../base/clock.ts';

export interface IrqchipHost {
  /** Guest time in ns, and timers on it. */
  readonly timers: TimerHost;
  /** The vCPU may have something to deliver now, or an INIT, SIPI or NMI to look at: set its exit-request word. */
  kickVcpu(vcpuId: number): void;
  /** Guest time in ns at which the vCPU's time stamp counter reaches `tsc`; may lie in the past. */
  tscToNs(vcpuId: number, tsc: bigint): number;
  /** Id of the boot processor. */
  bootCpuId(): number;
  init(vcpuId: number): void;
  /** `vector`: the start page number, 0 to 255. */
  sipi(vcpuId: number, vector: number): void;
  nmi(vcpuId: number): void;
  /** The PC speaker's tone, or undefined for silence. */
  speakerChanged?(frequencyHz: number | undefined): void;
}

/**
 * The shortest time between two interrupts of one periodic timer, in ns, whatever period a guest asks for: KVM's
 * min_timer_period_us. Counters still read exactly; only interrupts are merged.
 */
export const MIN_TIMER_PERIOD_NS = 200_000;
