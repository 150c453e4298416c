/**
 * The loop around the interpreter: enters decoded code, looks at why it came back, and delivers exceptions and traps. An
 * instruction that a trap follows, or may follow, runs alone.
 */
import type { Cpu } from './cpu.ts';
import { CPU_DEBUG, CPU_FAILURE, CPU_MMIO_READ, CPU_MMIO_WRITE, CPU_SLICE, type CpuExit } from './exits.ts';
import { DebugFault, EmulationFailure, GuestFault } from './faults.ts';
import { EXIT_FAULT, EXIT_GUARD, EXIT_LIMIT, EXIT_LOOKUP, EXIT_SLICE, EXIT_STOP, EXIT_SYSTEM } from './interp/emit.ts';
import type { CodeFetch } from './interp/fetch.ts';
import type { InterpreterExports } from './interp/module.ts';
import { FAULT_COST } from './interp/page-faults.ts';
import * as S from './state.ts';
import { DR6_BS } from './system/breakpoints.ts';

/** The same of an instruction that is decoded each time: its page has a breakpoint. */
const STEP_COST = 20;

export class RunLoop {
  /** EFLAGS.RF was set, or MOV SS came before: no instruction breakpoint hits. */
  #passesBreakpoint = false;
  /** The trap that waits is that of a step too. */
  #trapsStep = false;

  constructor(
    readonly cpu: Cpu,
    readonly engine: InterpreterExports,
    readonly code: CodeFetch,
  ) {}

  run(single: boolean): CpuExit {
    const flags = this.cpu.breakpoints.currentFlags();
    this.cpu.stepTrap = this.cpu.singleStep || (flags & S.FLAG_TF) !== 0;
    const resumes = (flags & S.FLAG_RF) !== 0 || this.cpu.breakpoints.hits !== 0;
    let one = single || this.cpu.stepTrap || resumes || this.cpu.memory.mmio.answered;
    let code = one ? this.#step() : this.engine.run();
    for (;;) {
      switch (code) {
        case EXIT_SLICE:
        case EXIT_STOP:
          this.cpu.memory.mmio.commit();
          if (this.cpu.memory.mmio.writes.length > 0) return this.#leaving(CPU_MMIO_WRITE);
          return this.#stepped();
        case EXIT_LOOKUP:
          if (one) {
            this.cpu.memory.mmio.commit();
            return this.#stepped();
          }
          code = this.#enter(false);
          continue;
        case EXIT_FAULT: {
          if (this.cpu.memory.mmio.pendingRead) return CPU_MMIO_READ;
          this.cpu.takePageFault();
          if (!this.cpu.fault) {
            one = true; // it hit a data breakpoint (Rerun)
            code = this.#step();
            continue;
          }
          this.cpu.memory.mmio.commit(); // an instruction that faults begins anew
          const exit = this.#raise();
          if (exit !== CPU_SLICE) return exit;
          if (one) return this.cpu.singleStep ? this.#report(DR6_BS) : CPU_SLICE;
          // a handler that faults at once runs no instruction: it must not run for ever
          this.#charge(FAULT_COST);
          break;
        }
        case EXIT_SYSTEM:
          this.cpu.memory.mmio.commit();
          if (this.cpu.memory.mmio.writes.length > 0) return this.#leaving(CPU_MMIO_WRITE);
          if (this.cpu.pendingExit !== CPU_SLICE) return this.#leaving(this.cpu.pendingExit);
          return this.#stepped();
        case EXIT_GUARD:
          code = this.#guard();
          continue;
        case EXIT_LIMIT:
          code = this.#enterOne();
          continue;
        default:
          throw new Error(`interpreter exit ${code}`);
      }
      code = this.engine.run();
    }
  }

  /** Takes of the slice what no instruction stands for. */
  #charge(cost: number): void {
    const s = this.cpu.state;
    s.set32(S.BUDGET, s.get32(S.BUDGET) - cost);
    this.cpu.instructions -= cost;
  }

  /** Leaves behind (or, for CPU_DEBUG and CPU_FAILURE, at) an instruction whose trap, if there is one, must wait. */
  #leaving(exit: CpuExit): CpuExit {
    const trap = this.cpu.stepTrap || this.cpu.breakpoints.hits !== 0;
    this.cpu.trapDue = trap && exit !== CPU_DEBUG && exit !== CPU_FAILURE;
    this.#trapsStep = this.cpu.stepTrap;
    return exit;
  }

  /** The trap that waited: delivered, or CPU_DEBUG. */
  takeTrap(): CpuExit {
    this.cpu.trapDue = false;
    this.cpu.stepTrap = this.#trapsStep;
    return this.#stepped();
  }
  /** Bits of DR6 for the trap that waited, which the caller now delivers in its place. */
  handOverTrap(): number {
    this.cpu.trapDue = false;
    return this.cpu.breakpoints.take() | (this.#trapsStep ? DR6_BS : 0);
  }

  /** A trap after the instruction: guest debugging's, TF's, or that of a breakpoint. MOV SS puts it off by one more. */
  #stepped(): CpuExit {
    const { breakpoints } = this.cpu;
    if (!this.cpu.stepTrap && breakpoints.hits === 0) return CPU_SLICE;
    if (!this.cpu.singleStep && this.cpu.afterMovSs) return CPU_SLICE;
    return this.debug(breakpoints.take() | (this.cpu.stepTrap ? DR6_BS : 0), 'external');
  }

  /** #DB for bits of DR6; a trap has the kind of an external event, which leaves RF as it is. */
  debug(bits: number, kind: 'exception' | 'external'): CpuExit {
    const s = this.cpu.state;
    if (this.cpu.debugged) {
      if (kind === 'exception') s.set32(S.EFLAGS, s.get32(S.EFLAGS) | S.FLAG_RF);
      return this.#report(bits);
    }
    // B0 to B3 are of this exception, the others add up
    s.set64(S.DR + 6 * 8, (s.get64(S.DR + 6 * 8) & ~15n) | BigInt(bits));
    this.cpu.countException();
    return this.cpu.inject(S.DB, undefined, kind);
  }
  #report(bits: number): CpuExit {
    this.cpu.debugReason = bits;
    return CPU_DEBUG;
  }

  /** Runs exactly one instruction. */
  #step(): number {
    const s = this.cpu.state;
    const left = s.get32(S.BUDGET);
    const resumes = s.get32(S.EFLAGS) & S.FLAG_RF;
    this.#passesBreakpoint = resumes !== 0 || this.cpu.afterMovSs;
    this.cpu.unfinished = false;
    s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~S.FLAG_RF);
    s.set32(S.SHADOW, 0);
    s.set32(S.BUDGET, -1);
    this.cpu.breakpoints.collecting = true;
    let code = this.#enter(true);
    while (code === EXIT_GUARD) code = this.#guard();
    this.cpu.breakpoints.collecting = false;
    s.set32(S.BUDGET, left - 1);
    if (this.cpu.unfinished || this.cpu.memory.mmio.pendingRead) s.set32(S.EFLAGS, s.get32(S.EFLAGS) | resumes);
    return code;
  }

  /** Decodes at RIP, if need be, and runs there. */
  #enter(alone: boolean): number {
    try {
      const stepsThrough = this.cpu.breakpoints.hasCode && this.cpu.breakpoints.stepsThrough(this.code.linear);
      if (stepsThrough && this.#hitsBreakpoint(alone)) return EXIT_FAULT;
      if (this.cpu.translator.when === 'always' && !alone && !stepsThrough) this.#translate();
      const block = this.code.block(alone || stepsThrough);
      if (!alone) this.cpu.state.set32(S.BUDGET, this.cpu.state.get32(S.BUDGET) - block.count);
      if (stepsThrough && !alone) this.#charge(STEP_COST);
      return this.engine.enter(block.record);
    } catch (e) {
      return this.#unfetched(e);
    }
  }
  /** Blocks from before are no more: a translator that is full forgets everything. */
  #translate(): void {
    this.code.block(false);
    const place = this.code.place();
    if (place) this.cpu.translator.translate(place);
  }
  #hitsBreakpoint(alone: boolean): boolean {
    const passes = alone ? this.#passesBreakpoint : this.cpu.afterMovSs;
    this.cpu.state.set32(S.SHADOW, 0);
    const bits = passes ? 0 : this.cpu.breakpoints.at(this.code.linear);
    if (bits !== 0) this.cpu.fault = new DebugFault(bits);
    return bits !== 0;
  }
  /** The block at RIP reaches beyond the code segment: its first instruction may still be good. */
  #enterOne(): number {
    try {
      const { count } = this.code.block(false);
      this.cpu.state.set32(S.BUDGET, this.cpu.state.get32(S.BUDGET) + count - 1);
      return this.engine.enter(this.code.block(true).record);
    } catch (e) {
      return this.#unfetched(e);
    }
  }
  /** Code could not be fetched. */
  #unfetched(e: unknown): number {
    if (e instanceof GuestFault) {
      this.cpu.fault = e;
      return EXIT_FAULT;
    }
    this.cpu.pendingExit = this.cpu.failed(e);
    return EXIT_SYSTEM;
  }

  /** A block's second page is not (or no longer known to be) where it was: map it, or decode anew. */
  #guard(): number {
    try {
      const record = this.code.guarded();
      return record === undefined ? this.#enter(false) : this.engine.enter(record);
    } catch (e) {
      return this.#unfetched(e);
    }
  }

  /** Delivers the pending exception. */
  #raise(): CpuExit {
    const fault = this.cpu.fault;
    this.cpu.fault = undefined;
    if (!fault) throw new Error('no exception is pending');
    this.cpu.breakpoints.take(); // an instruction that faults accessed nothing
    if (fault.vector === S.MF && this.#signalsFpuError()) return CPU_SLICE;
    if (fault instanceof DebugFault) return this.debug(fault.dr6, 'exception');
    this.cpu.countException();
    const vector = fault.nonCanonical && this.#usesStack() ? S.SS_VECTOR : fault.vector;
    return this.cpu.inject(vector, fault.errorCode, 'exception');
  }

  /**
   * Without CR0.NE an error of the FPU is an interrupt of the PC, and the instruction waits for one. [SDM] volume 1, D.2
   */
  #signalsFpuError(): boolean {
    if ((this.cpu.state.cr0 & S.CR0_NE) !== 0 || this.cpu.x87.ignoresErrors || !this.cpu.host.fpuError) return false;
    this.cpu.host.fpuError();
    return true;
  }

  /** The instruction at RIP, which faulted, accesses memory through SS. */
  #usesStack(): boolean {
    try {
      const insn = this.code.insn();
      const memory = insn.operands.find((o) => o.kind === 'memory');
      return memory ? memory.segment === S.SS : insn.row.stack === true;
    } catch (e) {
      if (e instanceof GuestFault || e instanceof EmulationFailure) return false; // its page has gone meanwhile
      throw e;
    }
  }
}
