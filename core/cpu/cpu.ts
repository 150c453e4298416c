/**
 * One virtual processor: state, address translation, decoded code and the loop around the interpreter. It knows the
 * world beyond guest memory only by the CpuHost it is given.
 */
import { CpuState } from './cpu-state.ts';
import { Decoder } from './decode/decoder.ts';
import type { Insn } from './decode/insn.ts';
import * as M from './decode/mode.ts';
import {
  CPU_DEBUG,
  CPU_FAILURE,
  CPU_MMIO_READ,
  CPU_MMIO_WRITE,
  CPU_SHUTDOWN,
  CPU_SLICE,
  type CpuExit,
} from './exits.ts';
import { EmulationFailure, GuestFault, MmioWait } from './faults.ts';
import type { Feature } from './features.ts';
import { X87 } from './fpu/x87.ts';
import { BlockCache } from './interp/blocks.ts';
import { EXIT_FAULT, EXIT_GUARD, EXIT_LOOKUP, EXIT_SLICE, EXIT_STOP, EXIT_SYSTEM } from './interp/emit.ts';
import {
  type InterpreterExports,
  type InterpreterImports,
  interpreterFor,
  SYSTEM_EXIT,
  SYSTEM_FAULT,
  SYSTEM_JUMP,
  SYSTEM_NEXT,
} from './interp/module.ts';
import { LINK_GENERATION, NEVER_LINKED, RECORD_HEADER, RECORD_LENGTH, RECORD_START } from './interp/record.ts';
import type { MemoryLayout } from './layout.ts';
import { type KernelMmio, MemoryAccess } from './mmu/access.ts';
import type { PhysicalMemory } from './mmu/physical.ts';
import { Tlb } from './mmu/tlb.ts';
import { EXECUTE, PageWalker } from './mmu/walk.ts';
import * as S from './state.ts';
import { SYSTEM } from './system/index.ts';
import { deliver, TripleFault } from './system/interrupts.ts';

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** What a vCPU asks of the KVM around it. */
export interface CpuHost extends KernelMmio {
  tsc(): bigint;
  /** In-kernel port devices (PIC, PIT). Sizes 1, 2, 4. */
  claimsPort(port: number): boolean;
  readPort(port: number, size: number): number;
  writePort(port: number, size: number, value: number): void;
  cpuid(leaf: number, subleaf: number): CpuidResult;
  /** MSRs that the processor core does not hold itself (APIC, TSC, kvmclock): undefined or false raise #GP. */
  readMsr(index: number): bigint | undefined;
  writeMsr(index: number, value: bigint): boolean;
  random64(): bigint;
  getCr8(): number;
  setCr8(value: number): void;
}

export interface PortAccess {
  direction: 'in' | 'out';
  port: number;
  size: 1 | 2 | 4;
  value: number;
}

/** What an exception takes of a slice, in instructions: about as long as those. */
const FAULT_COST = 100;

export class Cpu {
  readonly state: CpuState;
  readonly tlb: Tlb;
  readonly walker: PageWalker;
  readonly memory: MemoryAccess;
  readonly blocks: BlockCache;
  readonly x87: X87;
  readonly #engine: InterpreterExports;
  readonly #records: DataView;

  /** The port access that CPU_IO reports. */
  io: PortAccess = { direction: 'in', port: 0, size: 1, value: 0 };
  /** What an IN or INS does with the value userspace gives. */
  completeIn: ((value: number) => void) | undefined;
  failure = '';
  /** Exit that a system instruction asked for. */
  pendingExit: CpuExit = CPU_SLICE;
  /** The exception being raised by generated code or a system instruction. */
  #fault: GuestFault | undefined;
  /** An interrupt or NMI waits for IF: leave when it opens. */
  windowWanted = false;
  /** Run one instruction at a time (guest debugging, TF). */
  singleStep = false;
  /** KVM_GUESTDBG_USE_SW_BP: INT3 is an exit. */
  exitOnInt3 = false;
  /** The exception that CPU_DEBUG reports: #DB or #BP. */
  debugException = S.DB;
  /** Called when an IRET completes (the end of an NMI handler). */
  onIret: (() => void) | undefined;
  /** A trap follows the instruction at hand, guest debugging's or TF's, unless it enters a handler. */
  stepTrap = false;
  /** The instruction that a trap follows left for an exit: the trap comes first when the vCPU goes on. */
  trapDue = false;
  /** Instructions run. */
  instructions = 0;
  exceptions = 0;
  // the instruction at hand, for system instructions
  #start = 0;
  #end = 0;

  constructor(
    readonly id: number,
    memory: WebAssembly.Memory,
    layout: MemoryLayout,
    readonly physical: PhysicalMemory,
    readonly host: CpuHost,
    features: ReadonlySet<Feature>,
  ) {
    const buffer = memory.buffer as unknown as SharedArrayBuffer;
    const at = layout.vcpus[id];
    if (!at) throw new Error(`no room for vCPU ${id}`);
    this.state = new CpuState(buffer, at.state);
    this.tlb = new Tlb(buffer, at.tlb);
    this.walker = new PageWalker(this.state, physical);
    this.memory = new MemoryAccess(this.state, physical, this.tlb, this.walker, host, (h, n) =>
      this.blocks.written(h, n),
    );
    const interpreter = interpreterFor(at);
    this.blocks = new BlockCache(this.state, physical, this.tlb, new Decoder(features), interpreter, at);
    this.x87 = new X87(this.state.view, S.X87);
    this.#records = new DataView(buffer);
    const imports: InterpreterImports = {
      slowRead: (lo, hi, n) => this.#slow(this.memory.slowRead(lo, hi, n)),
      slowWrite: (lo, hi, n) => this.#slow(this.memory.slowWrite(lo, hi, n)),
      slowReadForWrite: (lo, hi, n) => this.#slow(this.memory.slowReadForWrite(lo, hi, n)),
      raise: (vector) => {
        this.#fault = new GuestFault(vector, vector === S.GP || vector === S.SS_VECTOR ? 0 : undefined);
      },
      bulk: (...args) => this.memory.bulk(...args),
      system: (record) => this.#system(record),
    };
    const instance = new WebAssembly.Instance(interpreter.module, {
      env: { memory, ...imports } as unknown as WebAssembly.ModuleImports,
    });
    this.#engine = instance.exports as unknown as InterpreterExports;
    this.reset();
  }

  get features(): ReadonlySet<Feature> {
    return this.blocks.decoder.features;
  }
  /** What CPUID offers decides which instructions and control bits there are. */
  set features(features: ReadonlySet<Feature>) {
    this.blocks.decoder.features = features;
    this.blocks.flush();
  }

  /** Power-on state. [SDM] volume 3, table 10-1. */
  reset(): void {
    const s = this.state;
    const generation = s.get32(S.CODE_GENERATION);
    s.u8.fill(0);
    s.set32(S.CODE_GENERATION, generation); // decoded code outlives a reset
    s.set32(S.NO_LINK + LINK_GENERATION, NEVER_LINKED);
    this.blocks.newGeneration();
    s.eflags = 2;
    s.rip = 0xfff0n;
    s.set32(S.CR0, S.CR0_ET | S.CR0_CD | S.CR0_NW);
    s.setGpr(S.RDX, 0x600n);
    s.set64(S.DR + 6 * 8, 0xffff0ff0n);
    s.set64(S.DR + 7 * 8, 0x400n);
    s.set64(S.PAT, 0x0007040600070406n);
    s.set64(S.XCR0, 1n);
    s.set32(S.MXCSR, 0x1f80);
    s.set32(S.IDTR_LIMIT, 0xffff);
    s.set32(S.GDTR_LIMIT, 0xffff);
    for (const n of [S.ES, S.SS, S.DS, S.FS, S.GS]) s.setSegment(n, 0, 0n, 0xffff, S.AR_P | S.AR_S | 3);
    s.setSegment(S.CS, 0xf000, 0xffff0000n, 0xffff, S.AR_P | S.AR_S | 0xb);
    s.setSegment(S.LDTR, 0, 0n, 0xffff, S.AR_P | 2);
    s.setSegment(S.TR, 0, 0n, 0xffff, S.AR_P | 0xb);
    this.x87.init();
    s.pdptes.fill(0);
    s.cr3Page = 0;
    this.tlb.flush();
    this.updateMode();
  }

  /** After any change of segments, control registers or CPL: how code decodes, and which TLB half serves. */
  updateMode(): void {
    const s = this.state;
    const code64 = s.code64;
    const csAccess = s.access(S.CS);
    let mode = code64 ? M.MODE_64 : (csAccess & S.AR_DB) !== 0 ? M.MODE_32 : M.MODE_16;
    if (!code64) {
      if ((s.access(S.SS) & S.AR_DB) !== 0) mode |= M.MODE_STACK32;
      if (this.#isFlat(S.SS) && this.#isFlat(S.DS) && this.#isFlat(S.ES)) mode |= M.MODE_FLAT;
    }
    if (code64 || (s.segBase(S.CS) === 0n && s.segLimit(S.CS) === 0xffffffff)) mode |= M.MODE_FLAT_CODE;
    const cr0 = s.cr0;
    if ((cr0 & S.CR0_EM) !== 0 || (s.cr4 & S.CR4_OSFXSR) === 0) mode |= M.MODE_NO_SSE;
    const avx = (s.cr4 & S.CR4_OSXSAVE) !== 0 && (s.get64(S.XCR0) & 6n) === 6n;
    if (!avx) mode |= M.MODE_NO_AVX;
    if (!s.protectedMode || s.vm86) mode |= M.MODE_REAL;
    if ((cr0 & S.CR0_TS) !== 0) mode |= M.MODE_TASK_SWITCHED;
    if ((cr0 & S.CR0_EM) !== 0) mode |= M.MODE_EMULATE;
    s.set32(S.CODE_MODE, mode);
    s.set64(S.CODE_MASK, code64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
    s.set64(S.CODE_LIMIT, code64 ? 0xffff_ffff_ffff_ffffn : BigInt(s.segLimit(S.CS)));
    s.set32(S.TLB_BASE, this.tlb.half(s.cpl === 3));
  }
  #isFlat(n: number): boolean {
    const s = this.state;
    const at = S.SEG + n * S.SEG_SIZE;
    return (
      s.segBase(n) === 0n &&
      s.u32[(at + S.SEG_LOW) >> 2] === 0 &&
      s.u32[(at + S.SEG_HIGH) >> 2] === 0xffffffff &&
      s.get32(at + S.SEG_RIGHTS) === (S.SEG_CAN_READ | S.SEG_CAN_WRITE)
    );
  }

  // -- the instruction at hand, for system/ ------------------------------------------------------------------------
  get ip(): bigint {
    return this.state.rip + BigInt(this.#start);
  }
  get nextIp(): bigint {
    const next = this.state.rip + BigInt(this.#end);
    return this.state.code64 ? next : next & 0xffff_ffffn;
  }
  /** Goes on behind this instruction, leaving WebAssembly with `exit`. */
  exitAfter(exit: CpuExit): number {
    this.state.rip = this.nextIp;
    this.pendingExit = exit;
    return SYSTEM_EXIT;
  }
  /** Leaves with RIP at this instruction. */
  exitBefore(exit: CpuExit): number {
    this.state.rip = this.ip;
    this.pendingExit = exit;
    return SYSTEM_EXIT;
  }
  jump(target: bigint): number {
    this.state.rip = target;
    return SYSTEM_JUMP;
  }
  /** Goes on behind this instruction in a new block: what follows may decode differently. */
  serialize(): number {
    return this.jump(this.nextIp);
  }

  #slow(status: number): number {
    if (status === SYSTEM_FAULT) {
      this.#fault = this.memory.fault;
      this.memory.fault = undefined;
    }
    return status;
  }

  #system(record: number): number {
    this.#start = this.#records.getUint16(record + RECORD_START, true);
    this.#end = this.#start + this.#records.getUint8(record + RECORD_LENGTH);
    const insn = this.blocks.insns[this.#records.getUint32(record + RECORD_HEADER, true)] as Insn;
    const name = insn.row.system;
    if (name === undefined) throw new Error(`${insn.row.name} is not a system instruction`);
    try {
      let status = SYSTEM[name](this, insn);
      const flags = this.state.get32(S.EFLAGS);
      // IF opened for a waiting interrupt, or TF asks for single steps from here
      const leave = (this.windowWanted && (flags & S.FLAG_IF) !== 0) || (flags & S.FLAG_TF) !== 0;
      if (status < SYSTEM_EXIT && (this.memory.stopAfter || leave)) {
        if (status === SYSTEM_NEXT) this.state.rip = this.nextIp;
        this.pendingExit = CPU_SLICE;
        status = SYSTEM_EXIT;
      }
      return status;
    } catch (e) {
      if (e instanceof GuestFault) this.#fault = e;
      else if (e instanceof EmulationFailure) {
        this.failure = e.message;
        return this.exitBefore(CPU_FAILURE);
      } else if (!(e instanceof MmioWait)) throw e;
      this.memory.mmio.abandon();
      return SYSTEM_FAULT;
    } finally {
      this.memory.stopAfter = false;
    }
  }

  // -- running -----------------------------------------------------------------------------------------------------
  /** Runs until an exit, or about `budget` instructions; `single`: exactly one. */
  run(budget: number, single = false): CpuExit {
    const s = this.state;
    s.set32(S.BUDGET, budget);
    s.set32(S.WINDOW, this.windowWanted ? 1 : 0);
    this.pendingExit = CPU_SLICE;
    this.debugException = S.DB;
    try {
      return this.#run(single);
    } finally {
      this.instructions += budget - s.get32(S.BUDGET);
    }
  }

  #run(single: boolean): CpuExit {
    this.stepTrap = this.singleStep || (this.state.get32(S.EFLAGS) & S.FLAG_TF) !== 0;
    const one = single || this.stepTrap || this.memory.mmio.answered;
    let code = one ? this.#step() : this.#engine.run();
    for (;;) {
      switch (code) {
        case EXIT_SLICE:
        case EXIT_STOP:
          this.memory.mmio.commit();
          if (this.memory.mmio.writes.length > 0) return this.#leaving(CPU_MMIO_WRITE);
          return this.#stepped();
        case EXIT_LOOKUP:
          if (one) {
            this.memory.mmio.commit();
            return this.#stepped();
          }
          code = this.#enter(false);
          continue;
        case EXIT_FAULT: {
          if (this.memory.mmio.pendingRead) return CPU_MMIO_READ;
          this.memory.mmio.commit(); // an instruction that faults begins anew
          const exit = this.#raise();
          if (exit !== CPU_SLICE) return exit;
          if (one) return this.singleStep ? CPU_DEBUG : CPU_SLICE;
          // a handler that faults at once runs no instruction: it must not run for ever
          this.state.set32(S.BUDGET, this.state.get32(S.BUDGET) - FAULT_COST);
          this.instructions -= FAULT_COST;
          break;
        }
        case EXIT_SYSTEM:
          this.memory.mmio.commit();
          if (this.memory.mmio.writes.length > 0) return this.#leaving(CPU_MMIO_WRITE);
          if (this.pendingExit !== CPU_SLICE) return this.#leaving(this.pendingExit);
          return this.#stepped();
        case EXIT_GUARD:
          code = this.#guard();
          continue;
        default:
          throw new Error(`interpreter exit ${code}`);
      }
      code = this.#engine.run();
    }
  }

  /** Leaves behind (or, for CPU_DEBUG and CPU_FAILURE, at) an instruction whose trap, if there is one, must wait. */
  #leaving(exit: CpuExit): CpuExit {
    this.trapDue = this.stepTrap && exit !== CPU_DEBUG && exit !== CPU_FAILURE;
    return exit;
  }

  /** The trap that waited: delivered, or CPU_DEBUG. */
  takeTrap(): CpuExit {
    this.trapDue = false;
    this.stepTrap = true;
    return this.#stepped();
  }

  /** A trap after the instruction: guest debugging's, or TF's. */
  #stepped(): CpuExit {
    if (this.singleStep) return CPU_DEBUG;
    if (!this.stepTrap || (this.inShadow && this.state.get32(S.SHADOW) === S.SHADOW_MOV_SS)) return CPU_SLICE;
    this.state.set64(S.DR + 6 * 8, this.state.get64(S.DR + 6 * 8) | 0x4000n);
    this.#fault = new GuestFault(S.DB);
    return this.#raise();
  }

  /** Runs exactly one instruction. */
  #step(): number {
    const window = this.state.get32(S.BUDGET);
    this.state.set32(S.BUDGET, -1);
    const code = this.#enter(true);
    this.state.set32(S.BUDGET, window - 1);
    return code;
  }

  #codeHost(): number {
    const s = this.state;
    const linear = (s.rip + s.segBase(S.CS)) & s.get64(S.CODE_MASK);
    if (s.rip > s.get64(S.CODE_LIMIT)) throw new GuestFault(S.GP, 0);
    return this.#fetchHost(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)));
  }
  #fetchHost(lo: number, hi: number): number {
    const user = this.state.cpl === 3;
    const known = this.tlb.lookup(lo, hi, user, S.TLB_EXEC);
    if (known >= 0) return known;
    const gpa = this.memory.translate(lo, hi, EXECUTE, user);
    const host = this.physical.host(gpa);
    if (host < 0)
      throw new EmulationFailure(
        `code is fetched from guest physical address 0x${gpa.toString(16)}, where no memory is`,
      );
    return host;
  }
  /** Host address of the page behind the one RIP is in. */
  #nextPage(): number {
    const s = this.state;
    const linear = (((s.rip + s.segBase(S.CS)) & ~0xfffn) + 0x1000n) & s.get64(S.CODE_MASK);
    return this.#fetchHost(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)));
  }

  /** Decodes at RIP, if need be, and runs there. */
  #enter(single: boolean): number {
    try {
      const host = this.#codeHost();
      const mode = this.state.get32(S.CODE_MODE);
      const next = () => this.#nextPage();
      const block = single ? this.blocks.single(host, mode, next) : this.blocks.get(host, mode, next);
      if (!single) this.state.set32(S.BUDGET, this.state.get32(S.BUDGET) - block.count);
      return this.#engine.enter(block.record);
    } catch (e) {
      return this.#unfetched(e);
    }
  }
  /** Code could not be fetched. */
  #unfetched(e: unknown): number {
    if (e instanceof GuestFault) {
      this.#fault = e;
      return EXIT_FAULT;
    }
    if (!(e instanceof EmulationFailure)) throw e;
    this.failure = e.message;
    this.pendingExit = CPU_FAILURE;
    return EXIT_SYSTEM;
  }

  /** A block's second page is not (or no longer known to be) where it was: map it, or decode anew. */
  #guard(): number {
    try {
      const host = this.#codeHost();
      const mode = this.state.get32(S.CODE_MODE);
      const second = this.#nextPage();
      const block = this.blocks.get(host, mode, () => second);
      const guarded = this.#records.getUint32(block.record + RECORD_HEADER, true);
      if (guarded === second && this.tlb.lookup(...this.#nextPageLinear(), this.state.cpl === 3, S.TLB_EXEC) === second)
        return this.#engine.enter(block.record);
      this.blocks.drop(host);
      return this.#enter(false);
    } catch (e) {
      return this.#unfetched(e);
    }
  }
  #nextPageLinear(): [number, number] {
    const s = this.state;
    const linear = (((s.rip + s.segBase(S.CS)) & ~0xfffn) + 0x1000n) & s.get64(S.CODE_MASK);
    return [Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n))];
  }

  /** Delivers the pending exception. */
  #raise(): CpuExit {
    const fault = this.#fault;
    this.#fault = undefined;
    if (!fault) throw new Error('no exception is pending');
    this.exceptions++;
    const vector = fault.nonCanonical && this.#usesStack() ? S.SS_VECTOR : fault.vector;
    return this.inject(vector, fault.errorCode, 'exception');
  }

  /** The instruction at RIP, which faulted, accesses memory through SS. */
  #usesStack(): boolean {
    try {
      const insn = this.blocks.insnAt(this.#codeHost(), this.state.get32(S.CODE_MODE), () => this.#nextPage());
      const memory = insn.operands.find((o) => o.kind === 'memory');
      return memory ? memory.segment === S.SS : insn.row.stack === true;
    } catch (e) {
      if (e instanceof GuestFault || e instanceof EmulationFailure) return false; // its page has gone meanwhile
      throw e;
    }
  }

  /** Delivers an exception or an external interrupt at RIP. CPU_SHUTDOWN after a triple fault. */
  inject(vector: number, errorCode: number | undefined, kind: 'exception' | 'external'): CpuExit {
    try {
      deliver(this, vector, errorCode, kind);
    } catch (e) {
      this.memory.mmio.abandon();
      this.memory.mmio.pendingRead = undefined;
      if (e instanceof TripleFault) return CPU_SHUTDOWN;
      if (e instanceof EmulationFailure) {
        this.failure = e.message;
        return CPU_FAILURE;
      }
      throw e;
    }
    this.memory.stopAfter = false;
    this.memory.mmio.commit();
    return CPU_SLICE;
  }

  /** IF is set and no instruction holds interrupts back. */
  get interruptible(): boolean {
    return (this.state.get32(S.EFLAGS) & S.FLAG_IF) !== 0 && !this.inShadow;
  }
  get inShadow(): boolean {
    const s = this.state;
    return s.get32(S.SHADOW) !== 0 && s.get64(S.SHADOW_RIP) === s.rip;
  }
  /** Runs the one instruction that STI or MOV SS protects. */
  runShadowed(): CpuExit {
    this.state.set32(S.SHADOW, 0);
    return this.run(1, true);
  }

  /** The answer to the IN or INS that CPU_IO reported; INS may fault when mappings changed meanwhile. */
  completePortRead(value: number): CpuExit {
    const complete = this.completeIn;
    this.completeIn = undefined;
    try {
      complete?.(value);
      return CPU_SLICE;
    } catch (e) {
      if (!(e instanceof GuestFault)) throw e;
      this.trapDue = false;
      return this.inject(e.vector, e.errorCode, 'exception');
    } finally {
      this.memory.stopAfter = false;
    }
  }

  /** Pages of [host, host + size) were written from outside (a device): drop decoded code. */
  externalWrite(host: number, size: number): void {
    this.blocks.written(host, size);
  }

  /** The TLB after a change of CR3 or of mappings. */
  flushTlb(all: boolean): void {
    if (all) this.tlb.flush();
    else this.tlb.flushNonGlobal();
  }
}
