/**
 * A vCPU's file descriptor. KVM_RUN sleeps in the kernel while the guest halts, where the VcpuThread's kick does not
 * reach it; so a timer signal of this thread looks after it every few milliseconds.
 */
import {
  type KvmCpuidEntry2,
  type KvmDebugRegs,
  KvmError,
  type KvmFpu,
  type KvmGuestDebug,
  type KvmMsrEntry,
  type KvmRegs,
  type KvmSregs,
  type KvmSregs2,
  type KvmTranslation,
  type KvmVcpu,
  type KvmVcpuEvents,
  type KvmXcrs,
  RUN_IMMEDIATE_EXIT,
  type VcpuThread,
} from '../api.ts';
import {
  decodeRegs,
  decodeSregs,
  decodeSregs2,
  decodeVcpuEvents,
  encodeRegs,
  encodeSregs,
  encodeSregs2,
  encodeVcpuEvents,
  REGS_SIZE,
  SREGS_SIZE,
  SREGS2_SIZE,
  VCPU_EVENTS_SIZE,
} from '../structs.ts';
import * as ioctl from './ioctl.ts';
import type { Libc, MappedPages, ThreadAlarm } from './libc.ts';
import { StatsFile } from './stats-file.ts';
import * as structs from './structs.ts';

/** How long a kick may wait. */
const POLL_NS = 4_000_000;
/** A real-time signal that neither libc nor Node uses. */
const ALARM_SIGNAL = 62;

export class HostVcpu implements KvmVcpu {
  readonly run: DataView;
  readonly #pages: MappedPages;
  #alarm: ThreadAlarm | undefined;
  #alarmDueNs = Number.NEGATIVE_INFINITY;
  readonly #stats: StatsFile;

  constructor(
    readonly libc: Libc,
    readonly fd: number,
    readonly id: number,
    runSize: number,
    readonly thread: VcpuThread,
    /** KVM_CAP_XSAVE2 */
    readonly xsaveSize: () => number,
  ) {
    this.#pages = libc.mapShared('mmap of kvm_run', fd, runSize);
    this.run = this.#pages.view;
    this.#stats = new StatsFile(libc, fd);
  }

  kvmRun(): void {
    this.#alarm ??= this.#startAlarm();
    for (;;) {
      const pending = this.thread.signalPending();
      if (pending)
        this.run.setUint8(RUN_IMMEDIATE_EXIT, 1); // completes the last exit, executes nothing
      else this.#armAlarm(this.#alarm);
      try {
        this.libc.ioctl('KVM_RUN', this.fd, ioctl.RUN);
        return;
      } catch (error) {
        if (!(error instanceof KvmError) || error.errno !== 'EINTR') throw error;
        this.#alarm.drain();
        this.#alarmDueNs = Number.NEGATIVE_INFINITY;
        if (this.thread.signalPending() || this.run.getUint8(RUN_IMMEDIATE_EXIT) !== 0) throw error;
      } finally {
        if (pending) this.run.setUint8(RUN_IMMEDIATE_EXIT, 0);
      }
    }
  }

  /** Made by the thread that runs: the signal goes to it. */
  #startAlarm(): ThreadAlarm {
    const alarm = this.libc.createThreadAlarm(ALARM_SIGNAL);
    const mask = new Uint8Array(4 + alarm.runMask.length); // struct kvm_signal_mask
    mask[0] = alarm.runMask.length;
    mask.set(alarm.runMask, 4);
    this.#struct('KVM_SET_SIGNAL_MASK', ioctl.SET_SIGNAL_MASK, mask);
    return alarm;
  }

  /** Most exits find the timer armed early enough, and cost no system call here. */
  #armAlarm(alarm: ThreadAlarm): void {
    const nowNs = this.thread.nowNs();
    const dueNs = Math.min(this.thread.alarmNs, nowNs + POLL_NS);
    if (this.#alarmDueNs > nowNs && this.#alarmDueNs <= dueNs) return;
    alarm.armIn(dueNs - nowNs);
    this.#alarmDueNs = dueNs;
  }

  getRegs(): KvmRegs {
    return decodeRegs(this.#get('KVM_GET_REGS', ioctl.GET_REGS, REGS_SIZE));
  }
  setRegs(regs: KvmRegs): void {
    this.#struct('KVM_SET_REGS', ioctl.SET_REGS, encodeRegs(regs));
  }
  getSregs(): KvmSregs {
    return decodeSregs(this.#get('KVM_GET_SREGS', ioctl.GET_SREGS, SREGS_SIZE));
  }
  setSregs(sregs: KvmSregs): void {
    this.#struct('KVM_SET_SREGS', ioctl.SET_SREGS, encodeSregs(sregs));
  }
  getSregs2(): KvmSregs2 {
    return decodeSregs2(this.#get('KVM_GET_SREGS2', ioctl.GET_SREGS2, SREGS2_SIZE));
  }
  setSregs2(sregs: KvmSregs2): void {
    this.#struct('KVM_SET_SREGS2', ioctl.SET_SREGS2, encodeSregs2(sregs));
  }
  getDebugRegs(): KvmDebugRegs {
    return structs.decodeDebugRegs(this.#get('KVM_GET_DEBUGREGS', ioctl.GET_DEBUGREGS, ioctl.DEBUGREGS_SIZE));
  }
  setDebugRegs(regs: KvmDebugRegs): void {
    this.#struct('KVM_SET_DEBUGREGS', ioctl.SET_DEBUGREGS, structs.encodeDebugRegs(regs));
  }
  getXsave(): Uint8Array {
    return this.#get('KVM_GET_XSAVE', ioctl.GET_XSAVE, ioctl.XSAVE_SIZE);
  }
  getXsave2(): Uint8Array {
    return this.#get('KVM_GET_XSAVE2', ioctl.GET_XSAVE2, this.#xsaveBytes());
  }
  setXsave(area: Uint8Array): void {
    if (area.length < this.#xsaveBytes()) throw new KvmError('KVM_SET_XSAVE', 'EINVAL', `${area.length} bytes`);
    this.#struct('KVM_SET_XSAVE', ioctl.SET_XSAVE, area);
  }
  /** What the kernel reads and writes: more than struct kvm_xsave with dynamic components. 0: it knows only the struct. */
  #xsaveBytes(): number {
    return Math.max(this.xsaveSize(), ioctl.XSAVE_SIZE);
  }
  getXcrs(): KvmXcrs {
    return structs.decodeXcrs(this.#get('KVM_GET_XCRS', ioctl.GET_XCRS, ioctl.XCRS_SIZE));
  }
  setXcrs(xcrs: KvmXcrs): void {
    this.#struct('KVM_SET_XCRS', ioctl.SET_XCRS, structs.encodeXcrs(xcrs));
  }
  translate(linearAddress: bigint): KvmTranslation {
    const bytes = structs.encodeTranslation(linearAddress);
    this.#struct('KVM_TRANSLATE', ioctl.TRANSLATE, bytes);
    return structs.decodeTranslation(bytes);
  }
  getFpu(): KvmFpu {
    return structs.decodeFpu(this.#get('KVM_GET_FPU', ioctl.GET_FPU, ioctl.FPU_SIZE));
  }
  setFpu(fpu: KvmFpu): void {
    this.#struct('KVM_SET_FPU', ioctl.SET_FPU, structs.encodeFpu(fpu));
  }
  getMsrs(indices: number[]): KvmMsrEntry[] {
    const bytes = structs.encodeMsrs(indices.map((index) => ({ index, data: 0n })));
    return structs.decodeMsrs(bytes, this.#struct('KVM_GET_MSRS', ioctl.GET_MSRS, bytes));
  }
  setMsrs(entries: KvmMsrEntry[]): number {
    return this.#struct('KVM_SET_MSRS', ioctl.SET_MSRS, structs.encodeMsrs(entries));
  }
  setCpuid2(entries: KvmCpuidEntry2[]): void {
    this.#struct('KVM_SET_CPUID2', ioctl.SET_CPUID2, structs.encodeCpuid(entries));
  }
  getCpuid2(maxEntries: number): KvmCpuidEntry2[] {
    const bytes = structs.encodeCpuid([], maxEntries);
    this.#struct('KVM_GET_CPUID2', ioctl.GET_CPUID2, bytes);
    return structs.decodeCpuid(bytes);
  }
  getLapic(): Uint8Array {
    return this.#get('KVM_GET_LAPIC', ioctl.GET_LAPIC, ioctl.LAPIC_SIZE);
  }
  setLapic(state: Uint8Array): void {
    this.#struct('KVM_SET_LAPIC', ioctl.SET_LAPIC, state);
  }
  getMpState(): number {
    return this.#get('KVM_GET_MP_STATE', ioctl.GET_MP_STATE, 4)[0] ?? 0;
  }
  setMpState(state: number): void {
    this.#struct('KVM_SET_MP_STATE', ioctl.SET_MP_STATE, new Uint8Array(new Uint32Array([state]).buffer));
  }
  getVcpuEvents(): KvmVcpuEvents {
    return decodeVcpuEvents(this.#get('KVM_GET_VCPU_EVENTS', ioctl.GET_VCPU_EVENTS, VCPU_EVENTS_SIZE));
  }
  setVcpuEvents(events: KvmVcpuEvents): void {
    this.#struct('KVM_SET_VCPU_EVENTS', ioctl.SET_VCPU_EVENTS, encodeVcpuEvents(events));
  }
  setGuestDebug(debug: KvmGuestDebug): void {
    const words = new BigUint64Array(ioctl.GUEST_DEBUG_SIZE / 8);
    words[0] = BigInt(debug.control);
    words.set(debug.debugreg.slice(0, 8), 1);
    this.#struct('KVM_SET_GUEST_DEBUG', ioctl.SET_GUEST_DEBUG, new Uint8Array(words.buffer));
  }
  getTscKhz(): number {
    return this.libc.ioctl('KVM_GET_TSC_KHZ', this.fd, ioctl.GET_TSC_KHZ);
  }
  setTscKhz(khz: number): void {
    this.libc.ioctl('KVM_SET_TSC_KHZ', this.fd, ioctl.SET_TSC_KHZ, khz);
  }
  kvmclockCtrl(): void {
    this.libc.ioctl('KVM_KVMCLOCK_CTRL', this.fd, ioctl.KVMCLOCK_CTRL);
  }
  interrupt(vector: number): void {
    this.#struct('KVM_INTERRUPT', ioctl.INTERRUPT, new Uint8Array(new Uint32Array([vector]).buffer));
  }
  nmi(): void {
    this.libc.ioctl('KVM_NMI', this.fd, ioctl.NMI);
  }
  smi(): void {
    this.libc.ioctl('KVM_SMI', this.fd, ioctl.SMI);
  }
  getStats(): Uint8Array {
    return this.#stats.read();
  }
  close(): void {
    this.#stats.close();
    this.#alarm?.close();
    this.#pages.unmap();
    this.libc.close(this.fd);
  }

  #struct(name: string, request: number, struct: Uint8Array): number {
    return this.libc.ioctlStruct(name, this.fd, request, struct);
  }
  #get(name: string, request: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    this.#struct(name, request, bytes);
    return bytes;
  }
}
