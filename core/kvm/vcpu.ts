/** The emulated vCPU file descriptor: its parts put together, and the ioctls. */
import type { TimerQueue } from '../base/clock.ts';
import { Cpu, type MemoryLayout, PhysicalMemory, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';
import type { EnabledCapabilities } from './capabilities.ts';
import { CoalescedRing, type CoalescedZones } from './coalesced-io.ts';
import { SUPPORTED_FEATURES } from './cpuid/index.ts';
import { GuestDebug } from './guest-debug.ts';
import { GuestMemory } from './guest-memory.ts';
import type { Irqchip, Lapic } from './irqchip/irqchip.ts';
import { VmMsrs } from './msrs.ts';
import { RunPage } from './run-page.ts';
import { SyncRegs } from './sync-regs.ts';
import { VcpuCpuid } from './vcpu-cpuid.ts';
import { VcpuEvents } from './vcpu-events.ts';
import { VcpuFpuAccess } from './vcpu-fpu.ts';
import { cpuHost } from './vcpu-host.ts';
import { VcpuRun } from './vcpu-run.ts';
import { VcpuStateAccess } from './vcpu-state.ts';
import { VcpuCounters, vcpuStats } from './vcpu-stats.ts';
import type { VmClock } from './vm-clock.ts';

/** What a vCPU needs of its VM. */
export interface VcpuVm {
  readonly wasmMemory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  readonly physical: PhysicalMemory;
  readonly options: A.CreateVmOptions;
  readonly timers: TimerQueue;
  readonly clock: VmClock;
  readonly enabled: EnabledCapabilities;
  readonly coalesced: CoalescedZones;
  readonly bootCpuId: number;
  readonly vcpus: readonly { readonly id: number; unhalt(): void }[];
  readonly irqchip: Irqchip | undefined;
}

export class EmulatedVcpu implements A.KvmVcpu {
  readonly run: DataView;
  readonly cpu: Cpu;
  readonly msrs: VmMsrs;
  readonly lapic: Lapic | undefined;
  readonly #page: RunPage;
  readonly #state: VcpuStateAccess;
  readonly #fpu: VcpuFpuAccess;
  readonly #cpuid: VcpuCpuid;
  readonly #events: VcpuEvents;
  readonly #run: VcpuRun;
  readonly #sync: SyncRegs;
  readonly #debug: GuestDebug;
  #open = true;
  #hasRun = false;
  readonly counters = new VcpuCounters();

  constructor(
    readonly id: number,
    readonly vm: VcpuVm,
  ) {
    const memory = vm.physical.buffer;
    const at = vm.layout.vcpus[id];
    if (!at) throw new A.KvmError('KVM_CREATE_VCPU', 'EINVAL');
    this.run = new DataView(memory, at.run, A.RUN_MMAP_SIZE);
    this.#page = new RunPage(this.run);
    this.lapic = vm.irqchip?.addVcpu(id, new DataView(memory, at.lapic, A.RUN_PAGE_SIZE));
    const guest = new GuestMemory(vm.physical, (host) => this.cpu.externalWrite(host, 1));
    this.msrs = new VmMsrs({
      lapic: () => this.lapic,
      clock: vm.clock,
      readGuest: (gpa, size) => guest.read(gpa, size),
      writeGuest: (gpa, bytes) => guest.write(gpa, bytes),
      runDelayNs: () => vm.options.thread.runDelayNs?.() ?? 0,
      offers: (feature) => this.cpu.features.has(feature),
    });
    if (this.lapic) this.lapic.pvEoi = this.msrs.paravirtual.eoi;
    const { counters } = this;
    const physical = new PhysicalMemory(memory, vm.layout); // its own, for SMM chooses the address space
    const host = cpuHost({
      ...{ id, vm, msrs: this.msrs, lapic: this.lapic, page: this.#page, guest, counters },
      ring: new CoalescedRing(vm.coalesced, this.run),
      cpu: () => this.cpu,
      cpuid: () => this.#cpuid,
    });
    this.cpu = new Cpu(id, vm.wasmMemory, vm.layout, physical, host, SUPPORTED_FEATURES);
    this.#cpuid = new VcpuCpuid(this.cpu, this.lapic, () => this.msrs.apicBase);
    this.#debug = new GuestDebug(this.cpu);
    this.#state = new VcpuStateAccess(this.cpu, this.msrs, this.lapic);
    this.#fpu = new VcpuFpuAccess(this.cpu);
    this.#events = new VcpuEvents({
      cpu: this.cpu,
      lapic: this.lapic,
      enabled: vm.enabled,
      windowRequested: () => this.#page.requestInterruptWindow,
      request: () => this.request(),
      counters,
    });
    this.#run = new VcpuRun(
      {
        cpu: this.cpu,
        vm,
        page: this.#page,
        events: this.#events,
        debug: this.#debug,
        counters,
        init: () => this.init(),
        haltsInKernel: this.lapic !== undefined,
        beforeSlice: () => {
          this.msrs.paravirtual.recordStealTime();
          this.lapic?.offerPvEoi();
        },
        afterSlice: () => this.lapic?.takePvEoi(),
      },
      id === vm.bootCpuId ? A.KVM_MP_STATE_RUNNABLE : A.KVM_MP_STATE_UNINITIALIZED,
    );
    this.#sync = new SyncRegs(this.run, this);
  }

  #check(ioctl: string): void {
    if (!this.#open) throw new A.KvmError(ioctl, 'EBADF');
  }
  release(): void {
    this.#open = false;
  }
  close(): void {
    this.#check('close');
    this.#open = false;
  }

  // -- requests from the irqchip and other threads -----------------------------------------------------------------
  request(): void {
    Atomics.or(this.cpu.state.i32, S.REQUEST >> 2, S.REQUEST_INTERRUPT);
  }
  init(): void {
    const { smm } = this.cpu;
    smm.latchedInit = smm.active;
    if (smm.active) return;
    this.cpu.reset();
    this.lapic?.init();
    this.#run.mpState = this.lapic?.isBsp === true ? A.KVM_MP_STATE_RUNNABLE : A.KVM_MP_STATE_INIT_RECEIVED;
  }
  sipi(vector: number): void {
    if (this.#run.mpState !== A.KVM_MP_STATE_INIT_RECEIVED) return;
    this.#state.startAt(vector);
    this.#run.mpState = A.KVM_MP_STATE_RUNNABLE;
  }
  /** KVM_HC_KICK_CPU: ends a HLT, this one or the next. */
  unhalt(): void {
    this.#run.unhalted = true;
    this.request();
  }
  postNmi(): void {
    this.#events.postNmi();
  }

  // -- running -----------------------------------------------------------------------------------------------------
  kvmRun(): void {
    this.#check('KVM_RUN');
    this.#sync.apply();
    this.#hasRun = true;
    try {
      this.#run.run();
    } finally {
      this.#page.describe(this.cpu, this.msrs.apicBase, this.#events.canInject);
      this.#sync.store();
    }
  }
  nmi(): void {
    this.#check('KVM_NMI');
    this.postNmi();
  }
  smi(): void {
    this.#check('KVM_SMI');
    this.cpu.smi();
  }
  interrupt(vector: number): void {
    this.#check('KVM_INTERRUPT');
    this.#events.queueInterrupt(vector);
  }
  setGuestDebug(debug: A.KvmGuestDebug): void {
    this.#check('KVM_SET_GUEST_DEBUG');
    this.#debug.set(debug, (vector) => this.#events.queueException(vector));
  }
  setCpuid2(entries: A.KvmCpuidEntry2[]): void {
    this.#check('KVM_SET_CPUID2');
    this.#cpuid.set(entries, this.#hasRun);
  }
  getCpuid2(maxEntries: number): A.KvmCpuidEntry2[] {
    this.#check('KVM_GET_CPUID2');
    return this.#cpuid.get(maxEntries);
  }

  // -- registers and state: vcpu-state.ts, vcpu-fpu.ts -------------------------------------------------------------
  getRegs(): A.KvmRegs {
    this.#check('KVM_GET_REGS');
    return this.#state.getRegs();
  }
  setRegs(regs: A.KvmRegs): void {
    this.#check('KVM_SET_REGS');
    this.#events.dropPending();
    this.#state.setRegs(regs);
  }
  getSregs(): A.KvmSregs {
    this.#check('KVM_GET_SREGS');
    return this.#state.getSregs(this.#events.interrupt);
  }
  setSregs(sregs: A.KvmSregs): void {
    this.#check('KVM_SET_SREGS');
    const vector = this.#state.setSregs(sregs);
    if (vector !== undefined) this.#events.interrupt = vector;
  }
  getSregs2(): A.KvmSregs2 {
    this.#check('KVM_GET_SREGS2');
    return this.#state.getSregs2();
  }
  setSregs2(sregs: A.KvmSregs2): void {
    this.#check('KVM_SET_SREGS2');
    this.#state.setSregs2(sregs);
  }
  getDebugRegs(): A.KvmDebugRegs {
    this.#check('KVM_GET_DEBUGREGS');
    return this.#state.getDebugRegs();
  }
  setDebugRegs(regs: A.KvmDebugRegs): void {
    this.#check('KVM_SET_DEBUGREGS');
    this.#state.setDebugRegs(regs);
  }
  getFpu(): A.KvmFpu {
    this.#check('KVM_GET_FPU');
    return this.#fpu.getFpu();
  }
  setFpu(fpu: A.KvmFpu): void {
    this.#check('KVM_SET_FPU');
    this.#fpu.setFpu(fpu);
  }
  getXsave(): Uint8Array {
    this.#check('KVM_GET_XSAVE');
    return this.#fpu.getXsave();
  }
  getXsave2(): Uint8Array {
    this.#check('KVM_GET_XSAVE2');
    return this.#fpu.getXsave();
  }
  setXsave(area: Uint8Array): void {
    this.#check('KVM_SET_XSAVE');
    this.#fpu.setXsave(area);
  }
  getXcrs(): A.KvmXcrs {
    this.#check('KVM_GET_XCRS');
    return this.#fpu.getXcrs();
  }
  setXcrs(xcrs: A.KvmXcrs): void {
    this.#check('KVM_SET_XCRS');
    this.#fpu.setXcrs(xcrs);
  }
  getMsrs(indices: number[]): A.KvmMsrEntry[] {
    this.#check('KVM_GET_MSRS');
    return this.#state.getMsrs(indices);
  }
  setMsrs(entries: A.KvmMsrEntry[]): number {
    this.#check('KVM_SET_MSRS');
    return this.#state.setMsrs(entries);
  }
  translate(linearAddress: bigint): A.KvmTranslation {
    this.#check('KVM_TRANSLATE');
    return this.#state.translate(linearAddress);
  }
  getLapic(): Uint8Array {
    this.#check('KVM_GET_LAPIC');
    if (!this.lapic) throw new A.KvmError('KVM_GET_LAPIC', 'EINVAL', 'no in-kernel irqchip');
    return this.lapic.getState();
  }
  setLapic(state: Uint8Array): void {
    this.#check('KVM_SET_LAPIC');
    if (!this.lapic) throw new A.KvmError('KVM_SET_LAPIC', 'EINVAL', 'no in-kernel irqchip');
    this.lapic.setState(state);
  }
  getMpState(): number {
    this.#check('KVM_GET_MP_STATE');
    return this.#run.mpState;
  }
  /** SIPI_RECEIVED starts the vCPU where KVM_SET_VCPU_EVENTS said. */
  setMpState(state: number): void {
    this.#check('KVM_SET_MP_STATE');
    if (!Number.isInteger(state) || state < 0 || state > A.KVM_MP_STATE_SIPI_RECEIVED || (!this.lapic && state !== 0))
      throw new A.KvmError('KVM_SET_MP_STATE', 'EINVAL', `state ${state}`);
    const sipi = state === A.KVM_MP_STATE_SIPI_RECEIVED;
    this.#run.mpState = sipi ? A.KVM_MP_STATE_INIT_RECEIVED : state;
    if (sipi) this.sipi(this.#events.sipiVector);
  }
  getVcpuEvents(): A.KvmVcpuEvents {
    this.#check('KVM_GET_VCPU_EVENTS');
    return this.#events.get(this.#state.shadow);
  }
  setVcpuEvents(events: A.KvmVcpuEvents): void {
    this.#check('KVM_SET_VCPU_EVENTS');
    const inSmm = events.smi.smm !== 0 || events.smi.pending !== 0;
    if (this.#run.mpState === A.KVM_MP_STATE_INIT_RECEIVED && inSmm)
      throw new A.KvmError('KVM_SET_VCPU_EVENTS', 'EINVAL', 'SMM holds INIT back');
    this.#events.set(events);
    if ((events.flags & A.KVM_VCPUEVENT_VALID_SHADOW) !== 0) this.#state.shadow = events.interrupt.shadow;
  }
  getTscKhz(): number {
    this.#check('KVM_GET_TSC_KHZ');
    return this.msrs.tscKhz;
  }
  setTscKhz(khz: number): void {
    this.#check('KVM_SET_TSC_KHZ');
    this.msrs.setTscKhz(khz);
  }
  kvmclockCtrl(): void {
    this.#check('KVM_KVMCLOCK_CTRL');
    this.msrs.guestStopped();
  }
  getStats(): Uint8Array {
    this.#check('KVM_GET_STATS_FD');
    return vcpuStats(this);
  }
}
