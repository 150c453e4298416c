/** The emulated vCPU file descriptor: KVM_RUN and the state ioctls. */
import type { TimerQueue } from '../base/clock.ts';
import {
  CPU_DEBUG,
  CPU_FAILURE,
  CPU_HLT,
  CPU_IO,
  CPU_MMIO_READ,
  CPU_MMIO_WRITE,
  CPU_SHUTDOWN,
  CPU_SLICE,
  Cpu,
  type CpuExit,
  type CpuHost,
  type MemoryLayout,
  type PhysicalMemory,
  CpuOffsets as S,
} from '../cpu/index.ts';
import * as A from './api.ts';
import { FEATURES, readCpuid, supportedCpuid } from './cpuid.ts';
import { GuestDebug } from './guest-debug.ts';
import type { Irqchip, Lapic } from './irqchip/irqchip.ts';
import { VmMsrs } from './msrs.ts';
import { RunPage } from './run-page.ts';
import { VcpuStateAccess } from './vcpu-state.ts';

/** Instructions between two looks at the clock and the signals: about 0.2 ms. */
const SLICE = 20_000;
const TSC_KHZ = 1_000_000;

// KVM_VCPUEVENT_VALID_*
const VALID_NMI_PENDING = 1;
const VALID_SHADOW = 4;
/** With SIPI_VECTOR and SMM, which hold nothing here. */
const VALID_FLAGS = 0xf;

/** What a vCPU needs of its VM. */
export interface VcpuVm {
  readonly wasmMemory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  readonly physical: PhysicalMemory;
  readonly options: A.CreateVmOptions;
  readonly timers: TimerQueue;
  readonly irqchip: Irqchip | undefined;
}

export class EmulatedVcpu implements A.KvmVcpu {
  readonly run: DataView;
  readonly cpu: Cpu;
  readonly msrs: VmMsrs;
  readonly lapic: Lapic | undefined;
  readonly #page: RunPage;
  readonly #state: VcpuStateAccess;
  readonly #random = new Uint32Array(2);
  #mpState: number;
  #open = true;
  #hasRun = false;
  #cpuid: A.KvmCpuidEntry2[] = supportedCpuid();
  #nmiPending = false;
  #nmiMasked = false;
  /** KVM_INTERRUPT without an in-kernel irqchip, or a vector that state was restored with. */
  #queuedInterrupt = -1;
  /** An exception that KVM_SET_VCPU_EVENTS gave. */
  #queuedException: A.KvmVcpuEvents['exception'] | undefined;
  readonly #debug: GuestDebug;
  readonly #counts: Record<string, number> = {
    exits: 0,
    io_exits: 0,
    mmio_exits: 0,
    halt_exits: 0,
    signal_exits: 0,
    irq_injections: 0,
    nmi_injections: 0,
    slices: 0,
  };

  constructor(
    readonly id: number,
    readonly vm: VcpuVm,
  ) {
    const { memory } = { memory: vm.physical.buffer };
    const at = vm.layout.vcpus[id];
    if (!at) throw new A.KvmError('KVM_CREATE_VCPU', 'EINVAL');
    this.run = new DataView(memory, at.run, A.RUN_MMAP_SIZE);
    this.#page = new RunPage(this.run);
    this.lapic = vm.irqchip?.addVcpu(id, new DataView(memory, at.lapic, A.RUN_PAGE_SIZE));
    this.msrs = new VmMsrs({
      lapic: () => this.lapic,
      hostTsc: () => BigInt(Math.floor(vm.options.thread.nowNs())),
      wallNowMs: () => vm.options.wall.nowMs(),
      nowNs: () => vm.options.thread.nowNs(),
      writeGuest: (gpa, bytes) => this.#writeGuest(gpa, bytes),
    });
    this.cpu = new Cpu(id, vm.wasmMemory, vm.layout, vm.physical, this.#host(), FEATURES);
    this.#debug = new GuestDebug(this.cpu);
    this.#state = new VcpuStateAccess(this.cpu, this.msrs, this.lapic);
    this.#mpState = id === 0 ? A.KVM_MP_STATE_RUNNABLE : A.KVM_MP_STATE_UNINITIALIZED;
    this.#applyCpuid();
  }

  #host(): CpuHost {
    const { vm } = this;
    const irqchip = (): Irqchip => vm.irqchip as Irqchip;
    return {
      tsc: () => this.msrs.tsc(),
      claims: (gpa) => vm.irqchip?.mmio(gpa, this.id) ?? false,
      read: (gpa, size) => irqchip().mmioRead(this.id, gpa, size),
      write: (gpa, size, value) => irqchip().mmioWrite(this.id, gpa, size, value),
      claimsPort: (port) => vm.irqchip?.pio(port) ?? false,
      readPort: (port, size) => irqchip().pioRead(port, size),
      writePort: (port, size, value) => irqchip().pioWrite(port, size, value),
      cpuid: (leaf, subleaf) => readCpuid(this.#cpuid, leaf, subleaf),
      readMsr: (index) => this.msrs.read(index),
      writeMsr: (index, value) => this.msrs.write(index, value),
      random64: () => {
        crypto.getRandomValues(this.#random);
        return (BigInt(this.#random[1] ?? 0) << 32n) | BigInt(this.#random[0] ?? 0);
      },
      getCr8: () => this.lapic?.cr8 ?? Number(this.#page.cr8),
      setCr8: (value) => {
        if (this.lapic) this.lapic.cr8 = value;
        this.#page.cr8 = BigInt(value);
      },
    };
  }

  #writeGuest(gpa: number, bytes: Uint8Array): boolean {
    const { physical } = this.vm;
    for (let i = 0; i < bytes.length; i++) {
      const host = physical.host(gpa + i);
      if (host < 0 || physical.isReadOnly(gpa + i)) return false;
      physical.u8[host] = bytes[i] ?? 0;
      physical.markDirty(gpa + i);
      this.cpu.externalWrite(host, 1);
    }
    return true;
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
    this.cpu.reset();
    this.lapic?.init();
    this.#mpState = this.lapic?.isBsp === true ? A.KVM_MP_STATE_RUNNABLE : A.KVM_MP_STATE_INIT_RECEIVED;
  }
  sipi(vector: number): void {
    if (this.#mpState !== A.KVM_MP_STATE_INIT_RECEIVED) return;
    this.#state.startAt(vector);
    this.#mpState = A.KVM_MP_STATE_RUNNABLE;
  }
  postNmi(): void {
    this.#nmiPending = true;
    this.request();
  }
  nmi(): void {
    this.#check('KVM_NMI');
    this.postNmi();
  }
  interrupt(vector: number): void {
    this.#check('KVM_INTERRUPT');
    if (this.vm.irqchip) throw new A.KvmError('KVM_INTERRUPT', 'ENXIO', 'interrupts come from the in-kernel irqchip');
    if (!Number.isInteger(vector) || vector < 0 || vector > 255)
      throw new A.KvmError('KVM_INTERRUPT', 'EINVAL', `vector ${vector}`);
    if (this.#queuedInterrupt >= 0) throw new A.KvmError('KVM_INTERRUPT', 'EEXIST');
    this.#queuedInterrupt = vector;
  }

  // -- KVM_RUN -----------------------------------------------------------------------------------------------------
  kvmRun(): void {
    this.#check('KVM_RUN');
    this.#hasRun = true;
    this.#page.exitReason = A.KVM_EXIT_UNKNOWN;
    if (!this.#completeLastExit()) {
      if (this.#page.immediateExit) this.#interrupted();
      this.#loop();
    }
    this.#count('exits');
    this.#page.describe(this.cpu, this.msrs.apicBase, this.#canInject());
  }

  #interrupted(): never {
    this.#page.exitReason = A.KVM_EXIT_INTR;
    this.#count('signal_exits');
    this.#page.describe(this.cpu, this.msrs.apicBase, this.#canInject());
    throw new A.KvmError('KVM_RUN', 'EINTR');
  }
  #count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /**
   * Finishes the instruction of the exit before: an IN or MMIO read takes its answer. True when that takes another exit.
   * No interrupt comes between the parts of an instruction, and immediate_exit lets it finish.
   */
  #completeLastExit(): boolean {
    const { cpu } = this;
    const { mmio } = cpu.memory;
    let exit: CpuExit = CPU_SLICE;
    if (cpu.completeIn) exit = cpu.completePortRead(this.#page.readIoData(cpu.io.size));
    if (mmio.pendingRead) {
      mmio.answer(this.#page.mmioLow, this.#page.mmioHigh);
      exit = cpu.run(1);
    }
    return this.#reported(exit) || this.#postMmioWrite() || (cpu.trapDue && this.#reported(cpu.takeTrap()));
  }
  /** Whether an exit of the processor is one of the vCPU: then kvm_run describes it. */
  #reported(exit: CpuExit): boolean {
    if (exit === CPU_SLICE || (exit === CPU_DEBUG && !this.#debug.reportsStep)) return false;
    this.#exit(exit);
    return true;
  }

  #loop(): void {
    const { cpu, vm } = this;
    const { thread } = vm.options;
    for (;;) {
      if (thread.signalPending()) this.#interrupted();
      if (vm.timers.nextDeadlineNs() !== Number.POSITIVE_INFINITY) vm.timers.runDue(thread.nowNs());
      Atomics.store(cpu.state.i32, S.REQUEST >> 2, 0);
      if (this.#mpState !== A.KVM_MP_STATE_RUNNABLE) {
        if (!this.#wake()) {
          thread.sleepUntil(Math.min(vm.timers.nextDeadlineNs(), thread.alarmNs));
          continue;
        }
      }
      if (this.#reported(this.#inject())) return;
      if (this.#page.requestInterruptWindow && this.#canInject()) {
        this.#page.exitReason = A.KVM_EXIT_IRQ_WINDOW_OPEN;
        return;
      }
      if (this.#hitBreakpoint()) return;
      this.#count('slices');
      const awaited = cpu.windowWanted || this.#nmiPending;
      const exit = cpu.inShadow && awaited ? cpu.runShadowed() : cpu.run(SLICE);
      if (exit === CPU_HLT && this.vm.irqchip) {
        this.#mpState = A.KVM_MP_STATE_HALTED;
        if (cpu.trapDue && this.#reported(cpu.takeTrap())) return;
      } else if (this.#reported(exit)) return;
    }
  }

  /** A halted vCPU goes on when something can be delivered. */
  #wake(): boolean {
    if (this.#mpState !== A.KVM_MP_STATE_HALTED) return false;
    const event = this.#queuedException !== undefined || (this.#pendingInterrupt() && this.cpu.interruptible);
    if (!event && !(this.#nmiPending && !this.#nmiMasked)) return false;
    this.#mpState = A.KVM_MP_STATE_RUNNABLE;
    this.#count('halt_exits');
    return true;
  }

  #pendingInterrupt(): boolean {
    return this.#queuedInterrupt >= 0 || (this.lapic?.hasInterrupt() ?? false);
  }

  #maskNmi(masked: boolean): void {
    this.#nmiMasked = masked;
    this.cpu.onIret = masked
      ? () => {
          this.#maskNmi(false);
          if (this.#nmiPending) this.request();
        }
      : undefined;
  }

  /** A restored exception first, then an NMI, then an interrupt when IF and no shadow allow it. */
  #inject(): CpuExit {
    const { cpu } = this;
    const exception = this.#queuedException;
    if (exception) {
      this.#queuedException = undefined;
      return cpu.inject(exception.nr, exception.hasErrorCode !== 0 ? exception.errorCode : undefined, 'exception');
    }
    if (this.#nmiPending && !this.#nmiMasked && !cpu.inShadow) {
      this.#nmiPending = false;
      this.#maskNmi(true);
      this.#count('nmi_injections');
      return cpu.inject(S.NMI_VECTOR, undefined, 'external');
    }
    this.#wantWindow();
    if (!this.#pendingInterrupt() || !cpu.interruptible) return CPU_SLICE;
    const vector = this.#queuedInterrupt >= 0 ? this.#queuedInterrupt : (this.lapic?.acknowledge() ?? 0);
    this.#queuedInterrupt = -1;
    this.#count('irq_injections');
    const exit = cpu.inject(vector, undefined, 'external');
    this.#wantWindow();
    return exit;
  }
  /** Someone waits for interrupts to be allowed, and they are not. */
  #wantWindow(): void {
    const awaited = this.#pendingInterrupt() || this.#page.requestInterruptWindow;
    this.cpu.windowWanted = awaited && !this.cpu.interruptible;
  }
  #canInject(): boolean {
    return this.#queuedInterrupt < 0 && this.cpu.interruptible;
  }

  #postMmioWrite(): boolean {
    const fragment = this.cpu.memory.mmio.takeWrite();
    if (!fragment) return false;
    this.#count('mmio_exits');
    this.#page.mmio(fragment, true);
    return true;
  }

  #exit(exit: CpuExit): void {
    const { cpu } = this;
    const page = this.#page;
    switch (exit) {
      case CPU_IO:
        this.#count('io_exits');
        page.io(cpu.io);
        return;
      case CPU_MMIO_READ: {
        this.#count('mmio_exits');
        const read = cpu.memory.mmio.pendingRead;
        if (!read) throw new Error('no MMIO read is pending');
        page.mmio(read, false);
        return;
      }
      case CPU_MMIO_WRITE:
        this.#postMmioWrite();
        return;
      case CPU_HLT:
        page.exitReason = A.KVM_EXIT_HLT;
        return;
      case CPU_SHUTDOWN:
        page.exitReason = A.KVM_EXIT_SHUTDOWN;
        return;
      case CPU_DEBUG:
        page.debug(cpu.debugException, this.#debug.linearIp, cpu.state.get64(S.DR + 56), cpu.debugException === S.DB);
        return;
      case CPU_FAILURE:
        page.internalError(cpu.failure);
        return;
      default:
        throw new Error(`vCPU exit ${exit}`);
    }
  }

  setGuestDebug(debug: A.KvmGuestDebug): void {
    this.#check('KVM_SET_GUEST_DEBUG');
    this.#debug.set(debug);
  }
  #hitBreakpoint(): boolean {
    const n = this.#debug.hit();
    if (n === undefined) return false;
    this.#page.debug(S.DB, this.#debug.linearIp, this.#debug.dr7, false, 1n << BigInt(n));
    return true;
  }

  // -- CPUID -------------------------------------------------------------------------------------------------------
  setCpuid2(entries: A.KvmCpuidEntry2[]): void {
    this.#check('KVM_SET_CPUID2');
    if (this.#hasRun && JSON.stringify(entries) !== JSON.stringify(this.#cpuid))
      throw new A.KvmError('KVM_SET_CPUID2', 'EINVAL', 'the vCPU has run already');
    this.#cpuid = entries.map((e) => ({ ...e }));
    this.#applyCpuid();
  }
  #applyCpuid(): void {
    const lapic = this.lapic;
    if (!lapic) return;
    const leaf1 = this.#cpuid.find((e) => e.function === 1);
    lapic.cpuidTscDeadline = ((leaf1?.ecx ?? 0) & (1 << 24)) !== 0;
    lapic.cpuidX2apic = ((leaf1?.ecx ?? 0) & (1 << 21)) !== 0;
  }
  getCpuid2(maxEntries: number): A.KvmCpuidEntry2[] {
    this.#check('KVM_GET_CPUID2');
    if (this.#cpuid.length > maxEntries)
      throw new A.KvmError('KVM_GET_CPUID2', 'E2BIG', `${this.#cpuid.length} entries`);
    return this.#cpuid.map((e) => ({ ...e }));
  }

  // -- registers and state: vcpu-state.ts --------------------------------------------------------------------------
  getRegs(): A.KvmRegs {
    this.#check('KVM_GET_REGS');
    return this.#state.getRegs();
  }
  setRegs(regs: A.KvmRegs): void {
    this.#check('KVM_SET_REGS');
    this.cpu.trapDue = false; // as KVM drops a pending exception
    this.#state.setRegs(regs);
  }
  getSregs(): A.KvmSregs {
    this.#check('KVM_GET_SREGS');
    return this.#state.getSregs(this.#queuedInterrupt);
  }
  setSregs(sregs: A.KvmSregs): void {
    this.#check('KVM_SET_SREGS');
    this.#state.setSregs(sregs);
    const pending = sregs.interruptBitmap.findIndex((word) => word !== 0n);
    if (pending >= 0) this.#queuedInterrupt = pending * 64 + lowestBit(sregs.interruptBitmap[pending] ?? 0n);
  }
  getFpu(): A.KvmFpu {
    this.#check('KVM_GET_FPU');
    return this.#state.getFpu();
  }
  setFpu(fpu: A.KvmFpu): void {
    this.#check('KVM_SET_FPU');
    this.#state.setFpu(fpu);
  }
  getMsrs(indices: number[]): A.KvmMsrEntry[] {
    this.#check('KVM_GET_MSRS');
    return this.#state.getMsrs(indices);
  }
  setMsrs(entries: A.KvmMsrEntry[]): number {
    this.#check('KVM_SET_MSRS');
    return this.#state.setMsrs(entries);
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
    return this.#mpState;
  }
  setMpState(state: number): void {
    this.#check('KVM_SET_MP_STATE');
    if (!Number.isInteger(state) || state < 0 || state > A.KVM_MP_STATE_SIPI_RECEIVED || (!this.lapic && state !== 0))
      throw new A.KvmError('KVM_SET_MP_STATE', 'EINVAL', `state ${state}`);
    this.#mpState = state;
  }
  getVcpuEvents(): A.KvmVcpuEvents {
    this.#check('KVM_GET_VCPU_EVENTS');
    return {
      exception: this.#queuedException ?? { injected: 0, nr: 0, hasErrorCode: 0, pending: 0, errorCode: 0 },
      interrupt: {
        injected: this.#queuedInterrupt >= 0 ? 1 : 0,
        nr: Math.max(this.#queuedInterrupt, 0),
        soft: 0,
        shadow: this.#state.shadow,
      },
      nmi: { injected: 0, pending: this.#nmiPending ? 1 : 0, masked: this.#nmiMasked ? 1 : 0 },
      sipiVector: 0,
      flags: VALID_NMI_PENDING | VALID_SHADOW,
    };
  }
  setVcpuEvents(events: A.KvmVcpuEvents): void {
    this.#check('KVM_SET_VCPU_EVENTS');
    const { exception, interrupt, nmi, flags } = events;
    const badException = exception.injected !== 0 && (exception.nr > 31 || exception.nr === S.NMI_VECTOR);
    if ((flags & ~VALID_FLAGS) !== 0 || badException || interrupt.nr > 255)
      throw new A.KvmError('KVM_SET_VCPU_EVENTS', 'EINVAL');
    this.#queuedException = exception.injected !== 0 ? { ...exception } : undefined;
    this.#queuedInterrupt = interrupt.injected !== 0 ? interrupt.nr : -1;
    if ((flags & VALID_NMI_PENDING) !== 0) this.#nmiPending = nmi.pending !== 0;
    this.#maskNmi(nmi.masked !== 0);
    if (nmi.injected !== 0) {
      // it was on its way to the guest: it comes now, and masks again
      this.#nmiPending = true;
      this.#maskNmi(false);
    }
    if ((flags & VALID_SHADOW) !== 0) this.#state.shadow = interrupt.shadow;
  }
  getTscKhz(): number {
    this.#check('KVM_GET_TSC_KHZ');
    return TSC_KHZ;
  }
  stats(): Record<string, number> {
    const { cpu } = this;
    return {
      ...this.#counts,
      insns: cpu.instructions,
      exceptions: cpu.exceptions,
      decoded_insns: cpu.blocks.decoded,
      code_flushes: cpu.blocks.flushes,
      block_lookups: cpu.blocks.lookups,
      tlb_fills: cpu.memory.tlbFills,
    };
  }
}

function lowestBit(word: bigint): number {
  let n = 0;
  while (((word >> BigInt(n)) & 1n) === 0n) n++;
  return n;
}
