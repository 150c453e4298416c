/**
 * MSRs by which a guest and KVM help each other, beside kvmclock: steal time, end of interrupt by memory, polling.
 * Documentation/virt/kvm/x86/msr.rst. Not offered, and so #GP: asynchronous page faults, migration control.
 */
import { PvEoi } from './irqchip/pv-eoi.ts';

const MSR_KVM_STEAL_TIME = 0x4b564d03;
const MSR_KVM_PV_EOI_EN = 0x4b564d04;
const MSR_KVM_POLL_CONTROL = 0x4b564d05;

const ENABLED = 1n;
const STEAL_RESERVED = 0x3en;
/** sizeof(struct kvm_steal_time) */
const STEAL_TIME_SIZE = 64;
const STEAL_VERSION = 8;
/** The host is asked no more often than this, in ns of guest time. */
const STEAL_INTERVAL_NS = 10_000_000;

export interface ParavirtualPorts {
  nowNs(): number;
  /** How long the vCPU's thread has waited for a processor of the host, in ns; 0 where the host does not tell. */
  runDelayNs(): number;
  /** undefined where no memory is. */
  readGuest(gpa: number, size: number): Uint8Array | undefined;
  writeGuest(gpa: number, bytes: Uint8Array): boolean;
}

export class Paravirtual {
  static readonly INDICES: readonly number[] = [MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL];

  readonly eoi: PvEoi;
  readonly #ports: ParavirtualPorts;
  #stealTime = 0n;
  #pollControl = 1n;
  #stealNs = 0;
  #lastDelayNs = 0;
  #nextStealNs = 0;

  constructor(ports: ParavirtualPorts) {
    this.#ports = ports;
    this.eoi = new PvEoi(ports);
  }

  read(index: number): bigint | undefined {
    switch (index) {
      case MSR_KVM_STEAL_TIME:
        return this.#stealTime;
      case MSR_KVM_PV_EOI_EN:
        return this.eoi.msr;
      case MSR_KVM_POLL_CONTROL:
        return this.#pollControl;
      default:
        return undefined;
    }
  }

  /** undefined: none of these MSRs; false: the write faults. */
  write(index: number, value: bigint): boolean | undefined {
    switch (index) {
      case MSR_KVM_STEAL_TIME:
        return this.#setStealTime(value);
      case MSR_KVM_PV_EOI_EN:
        return this.eoi.setMsr(value);
      case MSR_KVM_POLL_CONTROL: // KVM polls nothing here; it is the guest's to forbid all the same
        if (value > 1n) return false;
        this.#pollControl = value;
        return true;
      default:
        return undefined;
    }
  }

  #setStealTime(value: bigint): boolean {
    if ((value & STEAL_RESERVED) !== 0n) return false;
    this.#stealTime = value;
    this.#lastDelayNs = this.#ports.runDelayNs();
    this.#nextStealNs = 0;
    this.recordStealTime();
    return true;
  }

  /** Before the vCPU runs. An odd version says that the structure is being changed: the guest cannot see that here. */
  recordStealTime(): void {
    if ((this.#stealTime & ENABLED) === 0n || this.#ports.nowNs() < this.#nextStealNs) return;
    this.#nextStealNs = this.#ports.nowNs() + STEAL_INTERVAL_NS;
    const delayNs = this.#ports.runDelayNs();
    this.#stealNs += Math.max(0, delayNs - this.#lastDelayNs);
    this.#lastDelayNs = delayNs;
    const gpa = Number(this.#stealTime & ~(ENABLED | STEAL_RESERVED));
    const bytes = this.#ports.readGuest(gpa, STEAL_TIME_SIZE);
    if (!bytes) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setBigUint64(0, BigInt(Math.floor(this.#stealNs)), true);
    view.setUint32(STEAL_VERSION, (view.getUint32(STEAL_VERSION, true) | 1) + 1, true);
    bytes[16] = 0; // preempted
    this.#ports.writeGuest(gpa, bytes);
  }

  reset(): void {
    this.#stealTime = 0n;
    this.#pollControl = 1n;
    this.#stealNs = 0;
    this.eoi.setMsr(0n);
  }
}
