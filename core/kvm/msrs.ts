/**
 * MSRs that belong to the VM around the processor core: APIC base and TSC-deadline, TSC, kvmclock, MTRRs, machine check.
 * kvmclock: Documentation/virt/kvm/x86/msr.rst; the rest [SDM] volume 4.
 */
import type { Lapic } from './irqchip/irqchip.ts';

export const MSR_IA32_TSC = 0x10;
export const MSR_IA32_TSC_ADJUST = 0x3b;
export const MSR_IA32_APICBASE = 0x1b;
/** Enabled, boot processor. */
const DEFAULT_APIC_BASE = 0xfee0_0900n;
export const MSR_IA32_TSCDEADLINE = 0x6e0;
export const MSR_KVM_WALL_CLOCK = 0x11;
export const MSR_KVM_SYSTEM_TIME = 0x12;
export const MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00;
export const MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01;
const MSR_MTRR_CAP = 0xfe;
/** 8 variable ranges, fixed ranges, write combining. */
const MTRR_CAP = 0x508n;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;

/** MTRRs and machine-check registers are kept as written: caching has no effect here, and no machine check comes. */
const STORED: readonly number[] = [
  ...Array.from({ length: 16 }, (_, i) => 0x200 + i),
  0x250,
  0x258,
  0x259,
  ...Array.from({ length: 8 }, (_, i) => 0x268 + i),
  0x2ff,
  0x17a,
  0x17b,
];
/** IA32_MCG_CAP: no banks. */
const MSR_MCG_CAP = 0x179;

export interface MsrPorts {
  /** undefined without an in-kernel irqchip. */
  lapic(): Lapic | undefined;
  /** TSC without TSC_OFFSET, in ticks of 1 ns. */
  hostTsc(): bigint;
  /** ms since 1970. */
  wallNowMs(): number;
  nowNs(): number;
  /** Guest physical memory; false when no memory is there. */
  writeGuest(gpa: number, bytes: Uint8Array): boolean;
}

export class VmMsrs {
  #tscOffset = 0n;
  #tscAdjust = 0n;
  readonly #stored = new Map<number, bigint>(STORED.map((i) => [i, 0n]));
  #systemTime = 0n;
  #wallClock = 0n;
  #version = 0;

  constructor(readonly ports: MsrPorts) {}

  static readonly INDICES: readonly number[] = [
    MSR_IA32_TSC,
    MSR_IA32_TSC_ADJUST,
    MSR_IA32_APICBASE,
    MSR_IA32_TSCDEADLINE,
    MSR_KVM_WALL_CLOCK,
    MSR_KVM_SYSTEM_TIME,
    MSR_KVM_WALL_CLOCK_NEW,
    MSR_KVM_SYSTEM_TIME_NEW,
    ...STORED,
  ];

  get apicBase(): bigint {
    return this.ports.lapic()?.apicBase ?? DEFAULT_APIC_BASE;
  }
  tsc(): bigint {
    return BigInt.asUintN(64, this.ports.hostTsc() + this.#tscOffset);
  }
  /** Guest time in ns at which the TSC reads `tsc`. */
  tscToNs(tsc: bigint): number {
    return Number(BigInt.asIntN(64, tsc - this.#tscOffset));
  }

  read(index: number): bigint | undefined {
    const lapic = this.ports.lapic();
    switch (index) {
      case MSR_IA32_TSC:
        return this.tsc();
      case MSR_IA32_TSC_ADJUST:
        return this.#tscAdjust;
      case MSR_IA32_APICBASE:
        return this.apicBase;
      case MSR_IA32_TSCDEADLINE:
        return lapic?.tscDeadline ?? 0n;
      case MSR_KVM_WALL_CLOCK:
      case MSR_KVM_WALL_CLOCK_NEW:
        return this.#wallClock;
      case MSR_KVM_SYSTEM_TIME:
      case MSR_KVM_SYSTEM_TIME_NEW:
        return this.#systemTime;
      case MSR_MTRR_CAP:
        return MTRR_CAP;
      case MSR_MCG_CAP:
        return 0n;
    }
    if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
      const value = lapic?.readX2apicMsr(index);
      return value === false ? undefined : value;
    }
    return this.#stored.get(index);
  }

  /** False: the write faults. hostInitiated: by KVM_SET_MSRS, which may do what a guest may not. */
  write(index: number, value: bigint, hostInitiated = false): boolean {
    const lapic = this.ports.lapic();
    switch (index) {
      case MSR_IA32_TSC:
        this.#moveTsc(BigInt.asIntN(64, value - this.tsc()), hostInitiated);
        return true;
      case MSR_IA32_TSC_ADJUST:
        if (hostInitiated) this.#tscAdjust = value;
        else this.#moveTsc(BigInt.asIntN(64, value - this.#tscAdjust), false);
        return true;
      case MSR_IA32_APICBASE:
        return lapic?.setApicBase(value, hostInitiated) ?? false;
      case MSR_IA32_TSCDEADLINE:
        if (lapic) lapic.tscDeadline = value;
        return lapic !== undefined;
      case MSR_KVM_WALL_CLOCK:
      case MSR_KVM_WALL_CLOCK_NEW:
        this.#wallClock = value;
        this.#writeWallClock(Number(value & 0xff_ffff_ffffn));
        return true;
      case MSR_KVM_SYSTEM_TIME:
      case MSR_KVM_SYSTEM_TIME_NEW:
        this.#systemTime = value;
        this.updateSystemTime();
        return true;
    }
    if (index >= X2APIC_FIRST && index <= X2APIC_LAST) return lapic?.writeX2apicMsr(index, value) ?? false;
    if (!this.#stored.has(index)) return false;
    this.#stored.set(index, value);
    return true;
  }

  /** For the guest TSC and TSC_ADJUST move together; the host sets one without the other. */
  #moveTsc(by: bigint, hostInitiated: boolean): void {
    this.#tscOffset = BigInt.asIntN(64, this.#tscOffset + by);
    if (!hostInitiated) this.#tscAdjust = BigInt.asUintN(64, this.#tscAdjust + by);
    this.ports.lapic()?.timer.tscChanged();
    this.updateSystemTime();
  }

  /** Even: a structure that is complete. */
  #nextVersion(): number {
    this.#version += 2;
    return this.#version;
  }

  /** struct pvclock_wall_clock: wall-clock time at guest time 0. */
  #writeWallClock(gpa: number): void {
    const bootMs = this.ports.wallNowMs() - this.ports.nowNs() / 1e6;
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#nextVersion(), true);
    view.setUint32(4, Math.floor(bootMs / 1000), true);
    view.setUint32(8, Math.floor((bootMs % 1000) * 1e6), true);
    this.ports.writeGuest(gpa, bytes);
  }

  /** struct pvclock_vcpu_time_info: guest time as a linear function of the TSC; one tick is one ns. */
  updateSystemTime(): void {
    if ((this.#systemTime & 1n) === 0n) return;
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#nextVersion(), true);
    view.setBigUint64(8, this.tsc(), true);
    view.setBigUint64(16, BigInt(Math.floor(this.ports.nowNs())), true);
    view.setUint32(24, 0x80000000, true); // ((tsc << 1) * 2^31) >> 32
    view.setInt8(28, 1);
    view.setUint8(29, 1); // PVCLOCK_TSC_STABLE_BIT
    this.ports.writeGuest(Number(this.#systemTime & 0xff_ffff_fffen), bytes);
  }

  reset(): void {
    for (const index of this.#stored.keys()) this.#stored.set(index, 0n);
    this.#systemTime = 0n;
    this.#wallClock = 0n;
  }
}
