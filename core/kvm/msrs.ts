/**
 * MSRs that belong to the VM around the processor core: APIC base and TSC-deadline, TSC, kvmclock, MTRRs, machine check.
 * kvmclock: Documentation/virt/kvm/x86/msr.rst; the rest [SDM] volume 4.
 */
import type { Feature } from '../cpu/index.ts';
import { KvmError } from './api.ts';
import { GuestTsc } from './guest-tsc.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import { Kvmclock, type KvmclockPorts } from './kvmclock.ts';
import { isMtrrValue } from './mtrr.ts';
import { Paravirtual } from './paravirtual.ts';

export const MSR_IA32_TSC = 0x10;
export const MSR_IA32_TSC_ADJUST = 0x3b;
export const MSR_IA32_APICBASE = 0x1b;
/** SMBASE: vcpu-state.ts. */
export const MSR_IA32_SMBASE = 0x9e;
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

/** IA32_BIOS_SIGN_ID: a microcode revision. */
const MSR_BIOS_SIGN_ID = 0x8b;
/** Read by KVM_GET_MSRS of /dev/kvm: what the processor has, whatever a guest is told. */
export const FEATURE_MSRS: ReadonlyMap<number, bigint> = new Map([[MSR_BIOS_SIGN_ID, 0x1_0000_0000n]]);
/** Supervisor components of XSAVES: there are none. */
const MSR_IA32_XSS = 0xda0;

export interface MsrPorts extends KvmclockPorts {
  /** undefined without an in-kernel irqchip. */
  lapic(): Lapic | undefined;
  /** What CPUID tells the guest. */
  offers(feature: Feature): boolean;
  /** See ParavirtualPorts. */
  runDelayNs(): number;
}

export class VmMsrs {
  readonly #tsc: GuestTsc;
  readonly #kvmclock: Kvmclock;
  #tscAdjust = 0n;
  readonly #stored = new Map<number, bigint>(STORED.map((i) => [i, 0n]));

  readonly paravirtual: Paravirtual;

  constructor(readonly ports: MsrPorts) {
    this.paravirtual = new Paravirtual({ ...ports, nowNs: () => ports.clock.thread.nowNs() });
    this.#tsc = new GuestTsc(() => ports.clock.hostTsc());
    this.#kvmclock = new Kvmclock(ports, this.#tsc);
  }

  static readonly INDICES: readonly number[] = [
    MSR_IA32_SMBASE,
    MSR_IA32_TSC,
    MSR_IA32_TSC_ADJUST,
    MSR_IA32_APICBASE,
    MSR_IA32_TSCDEADLINE,
    MSR_KVM_WALL_CLOCK,
    MSR_KVM_SYSTEM_TIME,
    MSR_KVM_WALL_CLOCK_NEW,
    MSR_KVM_SYSTEM_TIME_NEW,
    MSR_BIOS_SIGN_ID,
    MSR_IA32_XSS,
    ...Paravirtual.INDICES,
    ...STORED,
  ];

  get apicBase(): bigint {
    return this.ports.lapic()?.apicBase ?? DEFAULT_APIC_BASE;
  }
  tsc(): bigint {
    return this.#tsc.now();
  }
  get tscOffset(): bigint | undefined {
    return this.#tsc.offset;
  }
  /** Guest time in ns at which the TSC reads `tsc`. */
  tscToNs(tsc: bigint): number {
    return this.#tsc.toNs(tsc);
  }
  get tscKhz(): number {
    return this.#tsc.khz;
  }
  setTscKhz(khz: number): void {
    this.#tsc.khz = khz;
    this.#tscChanged();
  }
  /** What follows the TSC: the deadline timer, and the guest's clock. */
  #tscChanged(): void {
    this.ports.lapic()?.timer.tscChanged();
    this.updateSystemTime();
  }
  /** KVM_KVMCLOCK_CTRL. */
  guestStopped(): void {
    if (!this.#kvmclock.enabled) throw new KvmError('KVM_KVMCLOCK_CTRL', 'EINVAL', 'the guest has no kvmclock');
    this.#kvmclock.update(true);
  }
  /** After the VM's clock moved. */
  updateSystemTime(): void {
    this.#kvmclock.update();
  }

  /** undefined: it does not exist. hostInitiated: by KVM_GET_MSRS, for which CPUID does not count. */
  read(index: number, hostInitiated = false): bigint | undefined {
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
        return this.#kvmclock.wallClock;
      case MSR_KVM_SYSTEM_TIME:
      case MSR_KVM_SYSTEM_TIME_NEW:
        return this.#kvmclock.systemTime;
      case MSR_MTRR_CAP:
        return MTRR_CAP;
      case MSR_MCG_CAP:
        return 0n;
      case MSR_IA32_XSS:
        return hostInitiated || this.ports.offers('xsaves') ? 0n : undefined;
      case MSR_BIOS_SIGN_ID:
        return FEATURE_MSRS.get(index);
    }
    if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
      const value = lapic?.readX2apicMsr(index);
      return value === false ? undefined : value;
    }
    return this.paravirtual.read(index) ?? this.#stored.get(index);
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
        this.#kvmclock.setWallClock(value);
        return true;
      case MSR_KVM_SYSTEM_TIME:
      case MSR_KVM_SYSTEM_TIME_NEW:
        this.#kvmclock.setSystemTime(value);
        return true;
      case MSR_IA32_XSS:
        return value === 0n && (hostInitiated || this.ports.offers('xsaves'));
      case MSR_BIOS_SIGN_ID: // written by microcode loaders before they read the revision
        return true;
    }
    if (index >= X2APIC_FIRST && index <= X2APIC_LAST) return lapic?.writeX2apicMsr(index, value) ?? false;
    lapic?.takePvEoi(); // what was given by memory counts, also when the memory changes now
    const paravirtual = this.paravirtual.write(index, value);
    if (paravirtual !== undefined) return paravirtual;
    if (!this.#stored.has(index) || !isMtrrValue(index, value)) return false;
    this.#stored.set(index, value);
    return true;
  }

  /** For the guest TSC and TSC_ADJUST move together; the host sets one without the other. */
  #moveTsc(by: bigint, hostInitiated: boolean): void {
    this.#tsc.move(by);
    if (!hostInitiated) this.#tscAdjust = BigInt.asUintN(64, this.#tscAdjust + by);
    this.#tscChanged();
  }

  reset(): void {
    for (const index of this.#stored.keys()) this.#stored.set(index, 0n);
    this.#kvmclock.reset();
    this.paravirtual.reset();
  }
}
