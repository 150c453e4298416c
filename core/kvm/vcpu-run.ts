/** KVM_RUN: the loop around the processor, exits to userspace and their completion, and the multiprocessing state. */
import {
  CPU_DEBUG,
  CPU_FAILURE,
  CPU_HLT,
  CPU_IO,
  CPU_MMIO_READ,
  CPU_MMIO_WRITE,
  CPU_SHUTDOWN,
  CPU_SLICE,
  type Cpu,
  type CpuExit,
  CpuOffsets as S,
} from '../cpu/index.ts';
import * as A from './api.ts';
import type { GuestDebug } from './guest-debug.ts';
import type { RunPage } from './run-page.ts';
import type { VcpuVm } from './vcpu.ts';
import type { VcpuEvents } from './vcpu-events.ts';
import type { VcpuCounters } from './vcpu-stats.ts';

/** Instructions between two looks at the clock and the signals: about 0.2 ms. */
const SLICE = 20_000;

export interface RunPorts {
  readonly cpu: Cpu;
  readonly vm: VcpuVm;
  readonly page: RunPage;
  readonly events: VcpuEvents;
  readonly debug: GuestDebug;
  readonly counters: VcpuCounters;
  init(): void;
  /** Whether the vCPU belongs to an in-kernel irqchip, which HLT waits for. */
  readonly haltsInKernel: boolean;
  /** Work of KVM's own before the guest runs on. */
  beforeSlice(): void;
  /** Work of KVM's own once the guest has run. */
  afterSlice(): void;
}

export class VcpuRun {
  readonly #ports: RunPorts;
  /** Another vCPU has asked that a HLT end. */
  unhalted = false;

  constructor(
    ports: RunPorts,
    /** KVM_MP_STATE_* */
    public mpState: number,
  ) {
    this.#ports = ports;
  }

  /** Returns with an exit in kvm_run; throws EINTR for a signal and for immediate_exit. */
  run(): void {
    const { page } = this.#ports;
    page.exitReason = A.KVM_EXIT_UNKNOWN;
    if (!this.#completeLastExit()) {
      if (page.immediateExit) this.#interrupted();
      this.#loop();
    }
  }

  #interrupted(): never {
    this.#ports.page.exitReason = A.KVM_EXIT_INTR;
    this.#ports.counters.signalExits++;
    throw new A.KvmError('KVM_RUN', 'EINTR');
  }

  /**
   * Finishes the instruction of the exit before: an IN or MMIO read takes its answer. True when that takes another exit.
   * No interrupt comes between the parts of an instruction, and immediate_exit lets it finish.
   */
  #completeLastExit(): boolean {
    const { cpu, page } = this.#ports;
    const { mmio } = cpu.memory;
    let exit: CpuExit = CPU_SLICE;
    if (cpu.completeIn) exit = cpu.completePortRead();
    if (mmio.pendingRead) {
      mmio.answer(page.mmioLow, page.mmioHigh);
      exit = cpu.run(1);
    }
    return this.#reported(exit) || this.#postMmioWrite() || (cpu.trapDue && this.#reported(cpu.takeTrap()));
  }
  /** Whether an exit of the processor is one of the vCPU: then kvm_run describes it. */
  #reported(exit: CpuExit): boolean {
    if (exit === CPU_SLICE) return false;
    this.#exit(exit);
    return true;
  }

  #loop(): void {
    const { cpu, vm, events, page, debug, counters } = this.#ports;
    const { thread } = vm.options;
    for (;;) {
      const nowNs = vm.timers.nextDeadlineNs() !== Number.POSITIVE_INFINITY ? thread.nowNs() : undefined;
      if (thread.signalPending(nowNs)) this.#interrupted();
      if (nowNs !== undefined) vm.timers.runDue(nowNs);
      if (cpu.state.get32(S.REQUEST) !== 0) Atomics.store(cpu.state.i32, S.REQUEST >> 2, 0);
      if (this.mpState !== A.KVM_MP_STATE_RUNNABLE && !this.#wake()) {
        this.#sleep(Math.min(vm.timers.nextDeadlineNs(), thread.alarmNs));
        continue;
      }
      if (cpu.smm.latchedInit && !cpu.smm.active) this.#ports.init();
      if (events.takeTripleFault()) {
        this.#exit(CPU_SHUTDOWN);
        return;
      }
      if (this.#reported(events.inject(debug.blocksInterrupts))) return;
      if (page.requestInterruptWindow && events.canInject) {
        page.exitReason = A.KVM_EXIT_IRQ_WINDOW_OPEN;
        counters.requestIrqExits++;
        return;
      }
      if (this.#runSlice()) return;
    }
  }

  /** Until the slice is over; true when it left for an exit of the vCPU. */
  #runSlice(): boolean {
    const { cpu, events, counters, haltsInKernel } = this.#ports;
    this.#ports.beforeSlice();
    const exit = cpu.inShadow && events.awaited ? cpu.runShadowed() : cpu.run(SLICE);
    this.#ports.afterSlice();
    counters.exits++;
    if (exit === CPU_SLICE) counters.irqExits++;
    else if (exit === CPU_HLT) counters.haltExits++;
    if (cpu.windowWanted && cpu.interruptible) counters.irqWindowExits++;
    if (exit !== CPU_HLT || !haltsInKernel) return this.#reported(exit);
    this.mpState = A.KVM_MP_STATE_HALTED;
    return cpu.trapDue && this.#reported(cpu.takeTrap());
  }

  /** A halted vCPU goes on when something can be delivered. */
  #wake(): boolean {
    const { cpu, events } = this.#ports;
    if (this.mpState !== A.KVM_MP_STATE_HALTED || !(this.unhalted || events.wakes)) return false;
    this.unhalted = false;
    events.haltInterrupted = cpu.smiReady;
    this.mpState = A.KVM_MP_STATE_RUNNABLE;
    this.#ports.counters.haltWakeups++;
    return true;
  }
  #sleep(untilNs: number): void {
    const { counters, vm } = this.#ports;
    const { thread } = vm.options;
    const beganNs = thread.nowNs();
    counters.blocking = true;
    thread.sleepUntil(untilNs);
    counters.blocking = false;
    counters.waited(thread.nowNs() - beganNs);
  }

  #postMmioWrite(): boolean {
    const fragment = this.#ports.cpu.memory.mmio.takeWrite();
    if (!fragment) return false;
    this.#ports.counters.mmioExits++;
    this.#ports.page.mmio(fragment, true);
    return true;
  }

  #exit(exit: CpuExit): void {
    const { cpu, page, counters, debug } = this.#ports;
    switch (exit) {
      case CPU_IO:
        counters.ioExits++;
        page.io(cpu.io);
        return;
      case CPU_MMIO_READ: {
        counters.mmioExits++;
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
        page.debug(cpu.debugException, debug.linearIp, cpu.debugReason, cpu.breakpoints.dr7);
        return;
      case CPU_FAILURE:
        counters.emulationFailures++;
        page.internalError(cpu.failure);
        return;
      default:
        throw new Error(`vCPU exit ${exit}`);
    }
  }
}
