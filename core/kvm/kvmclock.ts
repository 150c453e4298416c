/** kvmclock: wall clock and system time in guest memory. Documentation/virt/kvm/x86/msr.rst, MSR_KVM_*_TIME_NEW. */
import type { GuestTsc } from './guest-tsc.ts';
import type { VmClock } from './vm-clock.ts';

const ENABLED = 1n;
const NS_PER_SECOND = 1_000_000_000;
/** struct pvclock_vcpu_time_info */
const TIME_INFO_SIZE = 32;
const FLAGS = 29;
const PVCLOCK_TSC_STABLE_BIT = 1;
const PVCLOCK_GUEST_STOPPED = 2;

export interface KvmclockPorts {
  readonly clock: VmClock;
  readGuest(gpa: number, size: number): Uint8Array | undefined;
  writeGuest(gpa: number, bytes: Uint8Array): boolean;
}

/** ns = ((ticks << shift) * multiplier) >> 32, with the multiplier as large as 32 bits allow. */
export function pvclockScale(khz: number): { multiplier: number; shift: number } {
  let ticksPerSecond = khz * 1000;
  let shift = 0;
  for (; ticksPerSecond > 2 * NS_PER_SECOND; shift--) ticksPerSecond /= 2;
  for (; ticksPerSecond <= NS_PER_SECOND; shift++) ticksPerSecond *= 2;
  return { multiplier: Math.floor((2 ** 32 * NS_PER_SECOND) / ticksPerSecond), shift };
}

export class Kvmclock {
  /** The MSRs, as written. */
  systemTime = 0n;
  wallClock = 0n;
  #version = 0;

  constructor(
    readonly ports: KvmclockPorts,
    readonly tsc: GuestTsc,
  ) {}

  get enabled(): boolean {
    return (this.systemTime & ENABLED) !== 0n;
  }

  setSystemTime(value: bigint): void {
    this.systemTime = value;
    this.update();
  }
  setWallClock(value: bigint): void {
    this.wallClock = value;
    this.#writeWallClock(Number(value & 0xff_ffff_ffffn));
  }

  /** Even: a structure that is complete. */
  #nextVersion(): number {
    this.#version += 2;
    return this.#version;
  }

  /** struct pvclock_wall_clock: wall-clock time at guest time 0. */
  #writeWallClock(gpa: number): void {
    const { clock } = this.ports;
    const bootNs = clock.realtimeNs() - clock.nowNs();
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#nextVersion(), true);
    view.setUint32(4, Number(BigInt.asUintN(32, bootNs / BigInt(NS_PER_SECOND))), true);
    view.setUint32(8, Number(BigInt.asUintN(32, bootNs % BigInt(NS_PER_SECOND))), true);
    this.ports.writeGuest(gpa, bytes);
  }

  /** struct pvclock_vcpu_time_info: guest time as a linear function of the TSC. `stopped`: tells that it did not run. */
  update(stopped = false): void {
    if (!this.enabled) return;
    const gpa = Number(this.systemTime & 0xff_ffff_fffen);
    const { multiplier, shift } = pvclockScale(this.tsc.khz);
    const told = this.ports.readGuest(gpa + FLAGS, 1)?.[0] ?? 0; // the guest clears GUEST_STOPPED itself
    const bytes = new Uint8Array(TIME_INFO_SIZE);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#nextVersion(), true);
    view.setBigUint64(8, this.tsc.now(), true);
    view.setBigUint64(16, this.ports.clock.nowNs(), true);
    view.setUint32(24, multiplier, true);
    view.setInt8(28, shift);
    view.setUint8(
      FLAGS,
      PVCLOCK_TSC_STABLE_BIT | (told & PVCLOCK_GUEST_STOPPED) | (stopped ? PVCLOCK_GUEST_STOPPED : 0),
    );
    this.ports.writeGuest(gpa, bytes);
  }

  reset(): void {
    this.systemTime = 0n;
    this.wallClock = 0n;
  }
}
