/**
 * What waits to be delivered to a vCPU, and its injection: exceptions that state was restored with, NMI, interrupts.
 * KVM_GET/SET_VCPU_EVENTS, KVM_INTERRUPT, KVM_NMI.
 *
 * An exception that is pending has not yet changed DR6 or CR2: its payload does that at delivery
 * (KVM_CAP_EXCEPTION_PAYLOAD). The only one of the guest's own is the trap of TF or a breakpoint behind an instruction
 * that left for an exit; others are delivered before KVM_RUN returns.
 */
import { CPU_SLICE, type Cpu, type CpuExit, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';
import type { EnabledCapabilities } from './capabilities.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import type { VcpuCounters } from './vcpu-stats.ts';

/** Bits of DR6 that are cleared by what they tell; and B0 to B3, which each #DB sets anew. */
const DR6_ACTIVE_LOW = 0xffff_0ff0n;
const DR6_TRAP_BITS = 0xfn;
const DR6_FIXED_ZERO = 0x1000n;
/** Their return address is behind the instruction, and RF is not set there. */
const TRAPS: ReadonlySet<number> = new Set([S.DB, S.BP, S.OF_VECTOR]);
const LAST_EXCEPTION = 31;
const NO_EXCEPTION = { injected: 0, nr: 0, hasErrorCode: 0, pending: 0, errorCode: 0, hasPayload: 0, payload: 0n };

const KNOWN_FLAGS =
  A.KVM_VCPUEVENT_VALID_NMI_PENDING |
  A.KVM_VCPUEVENT_VALID_SIPI_VECTOR |
  A.KVM_VCPUEVENT_VALID_SHADOW |
  A.KVM_VCPUEVENT_VALID_SMM |
  A.KVM_VCPUEVENT_VALID_PAYLOAD |
  A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT;

export interface EventPorts {
  readonly cpu: Cpu;
  readonly lapic: Lapic | undefined;
  readonly enabled: EnabledCapabilities;
  /** kvm_run.request_interrupt_window */
  windowRequested(): boolean;
  readonly counters: VcpuCounters;
  /** Something to look at at the next block boundary. */
  request(): void;
}

export class VcpuEvents {
  #exception: A.KvmVcpuEvents['exception'] | undefined;
  /** KVM_INTERRUPT without an in-kernel irqchip, or a vector that state was restored with. */
  #interrupt = -1;
  #nmiPending = false;
  /** The next KVM_RUN ends with KVM_EXIT_SHUTDOWN. */
  #tripleFault = false;
  /** Page number of a start-up IPI, for KVM_MP_STATE_SIPI_RECEIVED. */
  sipiVector = 0;
  /** An SMI came while HLT waited. */
  haltInterrupted = false;

  constructor(readonly ports: EventPorts) {}

  /** The vector that KVM_GET_SREGS shows, or -1. */
  get interrupt(): number {
    return this.#interrupt;
  }
  set interrupt(vector: number) {
    this.#interrupt = vector;
  }

  /** KVM_INTERRUPT. */
  queueInterrupt(vector: number): void {
    if (this.ports.lapic) throw new A.KvmError('KVM_INTERRUPT', 'ENXIO', 'interrupts come from the in-kernel irqchip');
    if (!Number.isInteger(vector) || vector < 0 || vector > 255)
      throw new A.KvmError('KVM_INTERRUPT', 'EINVAL', `vector ${vector}`);
    if (this.#interrupt >= 0) throw new A.KvmError('KVM_INTERRUPT', 'EEXIST');
    this.#interrupt = vector;
  }
  /** KVM_GUESTDBG_INJECT_DB and _BP. */
  queueException(nr: number): void {
    if (this.#exception) throw new A.KvmError('KVM_SET_GUEST_DEBUG', 'EBUSY', 'an exception waits already');
    this.#exception = { ...NO_EXCEPTION, nr, injected: 1 };
  }
  postNmi(): void {
    this.#nmiPending = true;
    this.ports.request();
  }

  get awaited(): boolean {
    return this.ports.cpu.windowWanted || this.#nmiPending;
  }
  /** Whether a halted vCPU goes on. */
  get wakes(): boolean {
    const { cpu } = this.ports;
    const interrupt = this.#pendingInterrupt() && cpu.interruptible;
    return (
      this.#exception !== undefined ||
      this.#tripleFault ||
      interrupt ||
      (this.#nmiPending && !cpu.nmiMasked) ||
      cpu.smiReady
    );
  }
  #pendingInterrupt(): boolean {
    return this.#interrupt >= 0 || (this.ports.lapic?.hasInterrupt() ?? false);
  }

  takeTripleFault(): boolean {
    const due = this.#tripleFault;
    this.#tripleFault = false;
    return due;
  }

  /**
   * A restored exception first, then an SMI, then an NMI, then an interrupt when IF and no shadow allow it. `blocked`: a
   * debugger holds back all but exceptions.
   */
  inject(blocked: boolean): CpuExit {
    const { cpu, lapic, counters } = this.ports;
    if (this.#exception) return this.#injectException(this.#exception);
    if (blocked) {
      cpu.windowWanted = false;
      return CPU_SLICE;
    }
    const halted = this.haltInterrupted;
    this.haltInterrupted = false;
    if (cpu.smiReady) return cpu.takeSmi(halted);
    if (this.#nmiPending && !cpu.nmiMasked && !cpu.inShadow) {
      this.#nmiPending = false;
      cpu.nmiMasked = true;
      counters.nmiInjections++;
      return cpu.inject(S.NMI_VECTOR, undefined, 'external');
    }
    const pending = this.#pendingInterrupt();
    this.#wantWindow(pending);
    if (!pending || !cpu.interruptible) return CPU_SLICE;
    const vector = this.#interrupt >= 0 ? this.#interrupt : (lapic?.acknowledge() ?? 0);
    this.#interrupt = -1;
    counters.injected(vector);
    const exit = cpu.inject(vector, undefined, 'external');
    this.#wantWindow(this.#pendingInterrupt());
    return exit;
  }
  #injectException(exception: A.KvmVcpuEvents['exception']): CpuExit {
    this.#exception = undefined;
    this.#deliverPayload(exception);
    const errorCode = exception.hasErrorCode !== 0 ? exception.errorCode : undefined;
    return this.ports.cpu.inject(exception.nr, errorCode, TRAPS.has(exception.nr) ? 'external' : 'exception');
  }
  /** What a pending exception leaves in DR6 or CR2. */
  #deliverPayload({ nr, pending, hasPayload, payload }: A.KvmVcpuEvents['exception']): void {
    if (pending === 0 || hasPayload === 0) return;
    const s = this.ports.cpu.state;
    if (nr === S.PF) s.set64(S.CR2, payload);
    if (nr !== S.DB) return;
    const told = (s.get64(S.DR + 48) & ~DR6_TRAP_BITS) | DR6_ACTIVE_LOW | payload;
    s.set64(S.DR + 48, (told ^ (payload & DR6_ACTIVE_LOW)) & ~DR6_FIXED_ZERO);
  }

  /** Someone waits for interrupts to be allowed, and they are not. */
  #wantWindow(pending: boolean): void {
    const { cpu } = this.ports;
    const awaited = pending || this.ports.windowRequested();
    cpu.windowWanted = awaited && !cpu.interruptible;
  }
  get canInject(): boolean {
    return this.#interrupt < 0 && this.ports.cpu.interruptible;
  }

  get(shadow: number): A.KvmVcpuEvents {
    const { cpu, enabled } = this.ports;
    return {
      exception: this.#reportedException(),
      interrupt: { injected: this.#interrupt >= 0 ? 1 : 0, nr: Math.max(this.#interrupt, 0), soft: 0, shadow },
      nmi: { injected: 0, pending: this.#nmiPending ? 1 : 0, masked: this.ports.cpu.nmiMasked ? 1 : 0 },
      sipiVector: 0, // never told
      flags:
        A.KVM_VCPUEVENT_VALID_NMI_PENDING |
        A.KVM_VCPUEVENT_VALID_SHADOW |
        A.KVM_VCPUEVENT_VALID_SMM |
        (enabled.exceptionPayload ? A.KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
        (enabled.tripleFaultEvent ? A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0),
      smi: {
        smm: cpu.smm.active ? 1 : 0,
        pending: cpu.smm.pending ? 1 : 0,
        smmInsideNmi: cpu.smm.insideNmi ? 1 : 0,
        latchedInit: cpu.smm.latchedInit ? 1 : 0,
      },
      tripleFault: { pending: enabled.tripleFaultEvent && this.#tripleFault ? 1 : 0 },
    };
  }
  /** Userspace that does not know of payloads sees their effects, and an exception that is injected. */
  #reportedException(): A.KvmVcpuEvents['exception'] {
    this.#takeOverTrap();
    const exception = this.#exception;
    if (!exception) return NO_EXCEPTION;
    if (exception.pending === 0 || this.ports.enabled.exceptionPayload) return { ...exception };
    this.#deliverPayload(exception);
    this.#exception = { ...exception, injected: 1, pending: 0, hasPayload: 0, payload: 0n };
    return { ...this.#exception };
  }
  /** A trap of TF or a breakpoint that waits behind an exit is an exception like others; a debugger's is not the guest's. */
  #takeOverTrap(): void {
    const { cpu } = this.ports;
    if (!cpu.trapDue || cpu.debugged || this.#exception) return;
    const payload = BigInt(cpu.handOverTrap());
    this.#exception = { ...NO_EXCEPTION, nr: S.DB, pending: 1, hasPayload: 1, payload };
  }

  /** Exceptions that are not yet injected are gone when userspace sets registers. */
  dropPending(): void {
    if (this.#exception?.pending) this.#exception = undefined;
    if (this.ports.cpu.trapDue) this.ports.cpu.handOverTrap();
  }

  /** EINVAL, and nothing changed, for what cannot be. The caller sets the shadow. */
  set(events: A.KvmVcpuEvents): void {
    this.#check(events);
    const { exception, interrupt, nmi, flags } = events;
    const pending = exception.pending !== 0 && (flags & A.KVM_VCPUEVENT_VALID_PAYLOAD) !== 0;
    const injected = exception.injected !== 0 && !pending;
    const payload = pending ? {} : { pending: 0, hasPayload: 0, payload: 0n };
    this.#exception = pending || injected ? { ...exception, injected: injected ? 1 : 0, ...payload } : undefined;
    if (this.ports.cpu.trapDue && !this.ports.cpu.debugged) this.ports.cpu.handOverTrap(); // it was an exception like others
    this.#interrupt = interrupt.injected !== 0 ? interrupt.nr : -1;
    if ((flags & A.KVM_VCPUEVENT_VALID_NMI_PENDING) !== 0) this.#nmiPending = nmi.pending !== 0;
    this.ports.cpu.nmiMasked = nmi.masked !== 0;
    if (nmi.injected !== 0) {
      // it was on its way to the guest: it comes now, and masks again
      this.#nmiPending = true;
      this.ports.cpu.nmiMasked = false;
    }
    if ((flags & A.KVM_VCPUEVENT_VALID_SMM) !== 0) this.#setSmi(events.smi);
    if ((flags & A.KVM_VCPUEVENT_VALID_SIPI_VECTOR) !== 0) this.sipiVector = events.sipiVector & 0xff;
    if ((flags & A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT) !== 0) this.#tripleFault = events.tripleFault.pending !== 0;
  }

  #setSmi(smi: A.KvmVcpuEvents['smi']): void {
    const { cpu } = this.ports;
    cpu.smm.active = smi.smm !== 0;
    cpu.smm.pending = smi.pending !== 0;
    cpu.smm.insideNmi = smi.smm !== 0 && smi.smmInsideNmi !== 0;
    cpu.smm.latchedInit = smi.latchedInit !== 0;
    cpu.flushTlb(true);
  }

  #check({ exception, interrupt, flags }: A.KvmVcpuEvents): void {
    const { enabled } = this.ports;
    const valid = (flag: number): boolean => (flags & flag) !== 0;
    const pending = exception.pending !== 0 && valid(A.KVM_VCPUEVENT_VALID_PAYLOAD);
    const badException =
      (exception.injected !== 0 || pending) && (exception.nr > LAST_EXCEPTION || exception.nr === S.NMI_VECTOR);
    const notEnabled =
      (valid(A.KVM_VCPUEVENT_VALID_PAYLOAD) && !enabled.exceptionPayload) ||
      (valid(A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT) && !enabled.tripleFaultEvent);
    if ((flags & ~KNOWN_FLAGS) !== 0 || badException || notEnabled || interrupt.nr > 255)
      throw new A.KvmError('KVM_SET_VCPU_EVENTS', 'EINVAL');
  }
}
