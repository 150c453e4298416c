/**
 * One virtual processor: state, address translation, decoded code, and what system/ and KVM do with it. It knows the
 * world beyond guest memory only by the CpuHost it is given. The loop around the interpreter: run-loop.ts
 */
import { codeMode } from './code-mode.ts';
import { CpuState } from './cpu-state.ts';
import { Decoder } from './decode/decoder.ts';
import { CPU_FAILURE, CPU_SHUTDOWN, CPU_SLICE, type CpuExit } from './exits.ts';
import { EmulationFailure, GuestFault, MmioWait } from './faults.ts';
import type { Feature } from './features.ts';
import { X87 } from './fpu/x87.ts';
import type { CpuHost, PortAccess } from './host.ts';
import { BlockCache } from './interp/blocks.ts';
import { CodeFetch } from './interp/fetch.ts';
import { Interpreter } from './interp/interpreter.ts';
import {
  type InterpreterExports,
  type InterpreterImports,
  interpreterFor,
  SYSTEM_EXIT,
  SYSTEM_FAULT,
  SYSTEM_JUMP,
  SYSTEM_NEXT,
} from './interp/module.ts';
import { FAULT_COST } from './interp/page-faults.ts';
import { RECORD_INSN, RECORD_LENGTH, RECORD_START } from './interp/record.ts';
import type { MemoryLayout } from './layout.ts';
import { MemoryAccess } from './mmu/access.ts';
import type { PhysicalMemory } from './mmu/physical.ts';
import { Tlb } from './mmu/tlb.ts';
import { accessorOf, PageWalker } from './mmu/walk.ts';
import { resetState } from './power-on.ts';
import { RunLoop } from './run-loop.ts';
import { FloatUnit } from './sse/unit.ts';
import * as S from './state.ts';
import { Breakpoints } from './system/breakpoints.ts';
import { SYSTEM } from './system/index.ts';
import { deliver, TripleFault } from './system/interrupts.ts';
import { enterSmm, SystemManagement } from './system/smm.ts';
import { type Translation, Translator } from './translate/translator.ts';

export class Cpu {
  readonly state: CpuState;
  readonly tlb: Tlb;
  readonly walker: PageWalker;
  readonly memory: MemoryAccess;
  readonly blocks: BlockCache;
  readonly x87: X87;
  readonly breakpoints: Breakpoints;
  readonly smm: SystemManagement;
  /** When code is translated, of vCPUs made from now on. */
  static translation: Translation = 'hot';
  readonly translator: Translator;
  readonly #code: CodeFetch;
  readonly #loop: RunLoop;
  /** Instructions until the next look at where time goes. */
  #untilSample = 0;
  /** Generated code. */
  readonly engine: InterpreterExports;
  readonly #records: DataView;

  /** The port access that CPU_IO reports. */
  readonly io: PortAccess = { direction: 'in', port: 0, size: 1, count: 1 };
  /** What an IN or INS does with what userspace gave. */
  completeIn: ((cpu: Cpu) => void) | undefined;
  failure = '';
  /** Exit that a system instruction asked for. */
  pendingExit: CpuExit = CPU_SLICE;
  /** The exception being raised by generated code or a system instruction. */
  fault: GuestFault | undefined;
  /** An interrupt or NMI waits for IF: leave when it opens. */
  windowWanted = false;
  /** KVM_GUESTDBG_SINGLESTEP: CPU_DEBUG after each instruction. */
  singleStep = false;
  /** Every #DB is an exit for a debugger, and no exception. */
  debugged = false;
  /** KVM_GUESTDBG_USE_SW_BP: INT3 is an exit. */
  exitOnInt3 = false;
  /** The exception that CPU_DEBUG reports: #DB or #BP. */
  debugException = S.DB;
  /** Bits of DR6 that CPU_DEBUG reports. */
  debugReason = 0;
  /** A trap follows the instruction at hand, guest debugging's or TF's, unless it enters a handler. */
  stepTrap = false;
  /** The instruction that a trap follows left for an exit: the trap comes first when the vCPU goes on. */
  trapDue = false;
  /** Instructions run. */
  instructions = 0;
  /** What the state says of it. */
  #tscOffset: bigint | undefined;
  /** Exceptions that TypeScript delivered. */
  #exceptions = 0;
  /** Instructions that TypeScript ran for generated code. */
  emulated = 0;
  // the instruction at hand, for system instructions
  #start = 0;
  #end = 0;
  /** It left without having finished. */
  unfinished = false;

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
    this.breakpoints = new Breakpoints(this.state, this.tlb);
    this.smm = new SystemManagement(physical, this.state);
    this.walker = new PageWalker(this.state, physical, features);
    this.memory = new MemoryAccess(this.state, physical, this.tlb, this.walker, host, this.breakpoints, {
      written: (h, n) => this.blocks.written(h, n),
      runsIn: (h) => this.blocks.runsIn(h),
    });
    this.x87 = new X87(this.state.view, S.X87);
    this.#records = new DataView(buffer);
    const floats = new FloatUnit(this.state);
    const imports: InterpreterImports = {
      slowRead: (lo, hi, n) => this.#slow(this.memory.slowRead(lo, hi, n)),
      slowWrite: (lo, hi, n) => this.#slow(this.memory.slowWrite(lo, hi, n)),
      slowReadForWrite: (lo, hi, n) => this.#slow(this.memory.slowReadForWrite(lo, hi, n)),
      writeCode: (host, n) => this.memory.writeCode(host >>> 0, n),
      raise: (vector) => {
        this.fault = new GuestFault(vector, vector === S.GP || vector === S.SS_VECTOR ? 0 : undefined);
      },
      bulk: (...args) => this.memory.bulk(...args),
      system: (record) => this.#system(record),
      nowNs: () => host.nowNs(),
      float: (operation, elements, control) => {
        const vector = floats.run(operation, elements, control);
        if (vector !== 0) this.fault = new GuestFault(vector);
        return vector === 0 ? 0 : SYSTEM_FAULT;
      },
    };
    const interpreter = new Interpreter(interpreterFor(at), memory, imports);
    this.blocks = new BlockCache(this.state, physical, this.tlb, new Decoder(features), interpreter, at);
    this.#code = new CodeFetch(this.state, physical, this.tlb, this.memory, this.blocks);
    this.translator = new Translator(at, this.blocks, interpreter, Cpu.translation, host);
    this.engine = interpreter.exports;
    this.tlb.dropOwn = this.engine.dropOwn;
    this.#loop = new RunLoop(this, this.engine, this.#code);
    this.reset();
  }

  /** NMIs are held back: a handler of one runs. */
  get nmiMasked(): boolean {
    return this.state.get32(S.NMI_MASKED) !== 0;
  }
  set nmiMasked(masked: boolean) {
    this.state.set32(S.NMI_MASKED, masked ? 1 : 0);
  }

  /** Of the TLB. */
  get pageFlushes(): number {
    return this.tlb.pageFlushes + Number(this.state.get64(S.TLB_PAGE_FLUSHES));
  }
  get exceptions(): number {
    return this.#exceptions + Number(this.state.get64(S.FAULTS_DELIVERED));
  }
  countException(): void {
    this.#exceptions++;
  }

  get features(): ReadonlySet<Feature> {
    return this.blocks.decoder.features;
  }
  /** What CPUID offers decides which instructions and control bits there are. */
  set features(features: ReadonlySet<Feature>) {
    this.blocks.decoder.features = features;
    this.walker.features = features;
    this.blocks.flush();
  }

  /** Power-on state. [SDM] volume 3, table 10-1. */
  reset(): void {
    resetState(this.state);
    this.#tscOffset = undefined;
    this.blocks.newGeneration();
    this.breakpoints.hits = 0;
    this.breakpoints.update();
    this.nmiMasked = false;
    this.smm.reset();
    this.x87.init();
    this.tlb.flush();
    this.tlb.select(0);
    this.updateMode();
  }

  /** After any change of segments, control registers or CPL: how code decodes, and how memory is accessed. */
  updateMode(): void {
    const s = this.state;
    const { code64 } = s;
    s.set32(S.CODE_MODE, codeMode(s));
    s.set64(S.CODE_MASK, code64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
    s.set64(S.CODE_LIMIT, code64 ? 0xffff_ffff_ffff_ffffn : BigInt(s.segLimit(S.CS)));
    s.set32(S.CANONICAL_SHIFT, (s.cr4 & S.CR4_LA57) !== 0 ? 7 : 16);
    this.updateAccess();
  }
  /** What of it follows EFLAGS.AC and the PCID: alignment checks, and the part of the TLB that serves. */
  updateAccess(): void {
    this.breakpoints.updateAlignment();
    this.state.set32(S.TLB_BASE, this.tlb.address(accessorOf(this.state)));
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
    this.#moveRip(this.#end);
    this.pendingExit = exit;
    return SYSTEM_EXIT;
  }
  exitAt(ip: bigint, exit: CpuExit): number {
    this.state.rip = ip;
    this.pendingExit = exit;
    return SYSTEM_EXIT;
  }
  /** Leaves with RIP at this instruction. */
  exitBefore(exit: CpuExit): number {
    this.unfinished = true;
    return this.exitAt(this.ip, exit);
  }
  jump(target: bigint): number {
    this.state.rip = target;
    return SYSTEM_JUMP;
  }
  /** Goes on behind this instruction in a new block: what follows may decode differently. */
  serialize(): number {
    this.#moveRip(this.#end);
    return SYSTEM_JUMP;
  }
  #moveRip(by: number): void {
    const { state } = this;
    const low = (state.u32[S.RIP >> 2] ?? 0) + by;
    if (low > 0xffff_ffff) state.rip = this.nextIp;
    else state.u32[S.RIP >> 2] = low;
  }

  #slow(status: number): number {
    if (status === SYSTEM_FAULT) {
      this.fault = this.memory.fault;
      this.memory.fault = undefined;
    }
    return status;
  }

  /** Takes over a page fault that generated code found. */
  takePageFault(): void {
    const fault = this.state.get32(S.PAGE_FAULT);
    if (fault === 0) return;
    this.state.set32(S.PAGE_FAULT, 0);
    this.fault = new GuestFault(S.PF, fault & ~S.PAGE_FAULTS);
  }

  #system(record: number): number {
    this.emulated++;
    this.#start = this.#records.getUint16(record + RECORD_START, true);
    this.#end = this.#start + this.#records.getUint8(record + RECORD_LENGTH);
    const insn = this.blocks.insn(this.#records.getUint32(record + RECORD_INSN, true));
    const name = insn.row.system;
    if (name === undefined) throw new Error(`${insn.row.name} is not a system instruction`);
    const before = this.state.get32(S.EFLAGS);
    const { breakpoints } = this;
    const alone = breakpoints.collecting;
    breakpoints.collecting = true; // a trap can always follow a system instruction
    try {
      let status = SYSTEM[name](this, insn);
      const flags = breakpoints.currentFlags();
      if (((flags ^ before) & S.FLAG_AC) !== 0) this.updateAccess();
      // IF opened for a waiting interrupt, TF or RF asks for single steps from here, or a trap follows
      const leave =
        (this.windowWanted && (flags & S.FLAG_IF) !== 0) ||
        (flags & (S.FLAG_TF | S.FLAG_RF)) !== 0 ||
        breakpoints.hits !== 0;
      if (status < SYSTEM_EXIT && (this.memory.stopAfter || leave)) {
        if (status === SYSTEM_NEXT) this.state.rip = this.nextIp;
        this.pendingExit = CPU_SLICE;
        status = SYSTEM_EXIT;
      }
      return status;
    } catch (e) {
      if (e instanceof GuestFault) {
        this.fault = e;
        if (e.afterTaskSwitch) this.state.rip -= BigInt(this.#start);
      } else if (e instanceof EmulationFailure) {
        this.failure = e.message;
        return this.exitBefore(CPU_FAILURE);
      } else if (!(e instanceof MmioWait)) throw e;
      this.memory.mmio.abandon();
      return SYSTEM_FAULT;
    } finally {
      breakpoints.collecting = alone;
      this.memory.stopAfter = false;
    }
  }

  // -- running -----------------------------------------------------------------------------------------------------
  /** Runs until an exit, or at most about `most` instructions; `single`: exactly one. */
  run(most: number, single = false): CpuExit {
    const s = this.state;
    if (this.#untilSample <= 0) this.#untilSample = this.translator.interval;
    const budget = Math.min(most, this.#untilSample);
    s.set32(S.BUDGET, budget);
    s.set32(S.WINDOW, this.windowWanted ? 1 : 0);
    this.refreshTsc();
    this.pendingExit = CPU_SLICE;
    const faults = s.u32[S.FAULTS_DELIVERED >> 2] ?? 0;
    this.debugException = S.DB;
    this.debugReason = 0;
    try {
      return this.#loop.run(single);
    } finally {
      const delivered = ((s.u32[S.FAULTS_DELIVERED >> 2] ?? 0) - faults) >>> 0;
      const done = budget - s.get32(S.BUDGET);
      this.instructions += done - delivered * FAULT_COST;
      this.#untilSample -= done;
      if (this.#untilSample <= 0) this.#sample();
    }
  }
  /** Where that many instructions end is where time goes, however often they were left: that code is worth a translation. */
  #sample(): void {
    const place = this.#code.place();
    if (place) this.translator.sample(place);
  }

  /** The trap that waited: delivered, or CPU_DEBUG. */
  takeTrap(): CpuExit {
    return this.#loop.takeTrap();
  }
  /** Bits of DR6 for the trap that waited, which the caller now delivers in its place. */
  handOverTrap(): number {
    return this.#loop.handOverTrap();
  }

  /** What the vCPU cannot go on from. */
  failed(e: unknown): CpuExit {
    if (!(e instanceof EmulationFailure)) throw e;
    this.failure = e.message;
    return CPU_FAILURE;
  }

  /** What generated code makes of the time; after the host's idea of the TSC has changed. */
  refreshTsc(): void {
    const offset = this.host.tscOffset?.();
    if (offset === this.#tscOffset) return;
    this.#tscOffset = offset;
    this.state.set32(S.TSC_IN_NS, offset === undefined ? 0 : 1);
    this.state.set64(S.TSC_OFFSET, offset ?? 0n);
  }

  /** Delivers an exception or an external interrupt at RIP. CPU_SHUTDOWN after a triple fault. */
  inject(vector: number, errorCode: number | undefined, kind: 'exception' | 'external'): CpuExit {
    const { breakpoints } = this;
    breakpoints.collecting = true;
    try {
      deliver(this, vector, errorCode, kind);
    } catch (e) {
      this.memory.mmio.abandon();
      this.memory.mmio.pendingRead = undefined;
      if (e instanceof TripleFault) return CPU_SHUTDOWN;
      return this.failed(e);
    } finally {
      breakpoints.collecting = false;
    }
    this.memory.stopAfter = false;
    this.memory.mmio.commit();
    const hits = breakpoints.take();
    // the stack of #DB itself may be watched: that must not go on for ever
    return hits === 0 || vector === S.DB ? CPU_SLICE : this.#loop.debug(hits, 'external');
  }

  /** IF is set and no instruction holds interrupts back. */
  get interruptible(): boolean {
    return (this.state.get32(S.EFLAGS) & S.FLAG_IF) !== 0 && !this.inShadow;
  }
  /** MOV SS came before: no trap, no breakpoint comes here. */
  get afterMovSs(): boolean {
    return this.inShadow && this.state.get32(S.SHADOW) === S.SHADOW_MOV_SS;
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
  completePortRead(): CpuExit {
    const complete = this.completeIn;
    this.completeIn = undefined;
    this.breakpoints.collecting = true;
    try {
      complete?.(this);
      this.trapDue ||= this.breakpoints.hits !== 0;
      return CPU_SLICE;
    } catch (e) {
      if (!(e instanceof GuestFault)) throw e;
      this.trapDue = false;
      this.breakpoints.take();
      return this.inject(e.vector, e.errorCode, 'exception');
    } finally {
      this.breakpoints.collecting = false;
      this.memory.stopAfter = false;
    }
  }

  /** An IRET or RSM ends the handler of an NMI; one that waits comes now. */
  unmaskNmi(): void {
    if (!this.nmiMasked) return;
    this.nmiMasked = false;
    this.requestAttention();
  }
  /** Something waits that whoever runs this CPU must look at. */
  requestAttention(): void {
    Atomics.or(this.state.i32, S.REQUEST >> 2, S.REQUEST_INTERRUPT);
  }

  // -- system management ---------------------------------------------------------------------------------------------
  smi(): void {
    this.smm.pending = true;
    this.requestAttention();
  }
  get smiReady(): boolean {
    return this.smm.pending && !this.smm.active;
  }
  /** Enters system management mode; `halted` when HLT waited. */
  takeSmi(halted: boolean): CpuExit {
    try {
      enterSmm(this, halted);
      return CPU_SLICE;
    } catch (e) {
      return this.failed(e);
    }
  }

  /** Pages of [host, host + size) were written from outside (a device): drop decoded code. */
  externalWrite(host: number, size: number): void {
    this.blocks.written(host, size);
  }

  /** Memory slots changed. */
  mappingsChanged(): void {
    this.smm.reselect();
    this.tlb.flush();
  }

  /** The TLB after a change of CR3 or of mappings. */
  flushTlb(all: boolean): void {
    if (all) this.tlb.flush();
    else this.tlb.flushNonGlobal();
  }
}
