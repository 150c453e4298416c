/**
 * A region as one WebAssembly function. It takes the place of its first block's handler, has that handler's signature,
 * and leaves as handlers do: to the next block, to a fault, or to the interpreter's record of an instruction, where
 * everything is exact again.
 */
import { type Callable, type Func, type I32, type I64, i32, i64, type Label, type Local } from '../../wasm/index.ts';
import type { FlagWords } from '../codegen/flags.ts';
import { chain, EXIT_SLICE, EXIT_STOP, type InterpreterRuntime } from '../interp/emit.ts';
import type { VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { ControlFlow } from './control-flow.ts';
import { DeferredFlags } from './deferred-flags.ts';
import { TranslatorEmit } from './emit.ts';
import { flagUse, needsFlags } from './flag-use.ts';
import { type Region, type RegionBlock, type RegionEntry, type RegionInsn, successorsOf } from './region.ts';
import { Registers } from './registers.ts';

/** Ways out: to the block at RIP, at an instruction that faults, behind one, to its record, or back to the run loop. */
const EXITS = ['next', 'fault', 'stop', 'fallBack', 'record', 'slice', 'stopped'] as const;
type Exit = (typeof EXITS)[number];

/** The node of the control flow where the region is entered, and where indirect jumps within it come by. */
const DISPATCHER = 0;

export class RegionCompiler {
  readonly registers: Registers;
  readonly flags: DeferredFlags;
  /** RIP of the entry: the same code may be mapped at many addresses. */
  readonly rip: Local<'i64'>;
  readonly tlbBase: Local<'i32'>;
  readonly stop: Local<'i32'>;
  readonly #budget: Local<'i32'>;
  readonly #exit: Local<'i32'>;
  readonly #record: Local<'i32'>;
  readonly #exitRip: Local<'i64'>;
  readonly #result: Local<'i64'>;
  readonly #aux: Local<'i32'>;
  /** Where the dispatcher leads: from the first entry, in bytes. */
  readonly #target: Local<'i32'>;
  /** By node: 0 is the dispatcher, which has none. */
  readonly #blocks: readonly (RegionBlock | undefined)[];
  readonly #nodes: ReadonlyMap<number, number>;
  /** Where the dispatcher can lead, in ascending order. */
  readonly #dispatched: readonly number[];
  readonly #flow: ControlFlow;
  readonly #labels = new Map<number, Label>();
  readonly #loops = new Map<number, Label>();
  #out: Label = { depth: 0 };
  #current = DISPATCHER;

  constructor(
    readonly f: Func,
    readonly at: VcpuLayout,
    readonly rt: InterpreterRuntime,
    readonly region: Region,
  ) {
    const blocks = [...region.blocks.values()];
    this.#blocks = [undefined, ...blocks];
    this.#nodes = new Map(blocks.map((block, n) => [block.at, n + 1]));
    const dispatched = new Set(region.entries.map((entry) => entry.at));
    this.#flow = this.#makeReducible(dispatched);
    this.#dispatched = [...dispatched].sort((a, b) => a - b);
    this.registers = new Registers(f, at.state);
    this.rip = f.permanent('i64');
    this.tlbBase = f.permanent('i32');
    this.stop = f.permanent('i32');
    this.#target = f.permanent('i32');
    this.#budget = f.permanent('i32');
    this.#exit = f.permanent('i32');
    this.#record = f.permanent('i32');
    this.#exitRip = f.permanent('i64');
    this.#result = f.permanent('i64');
    this.#aux = f.permanent('i32');
    this.flags = new DeferredFlags(f, this.#words());
  }

  /** A way back to what is no loop's head, because it has another entry, leads through the dispatcher. */
  #makeReducible(dispatched: Set<number>): ControlFlow {
    for (;;) {
      const successors = this.#blocks.map((block) => (block ? this.#successors(block) : []));
      successors[DISPATCHER] = [...dispatched].flatMap((at) => this.#nodes.get(at) ?? []);
      const flow = new ControlFlow(successors);
      const others = flow.entriesOfOtherLoops().flatMap((n) => this.#blocks[n]?.at ?? []);
      const fresh = others.filter((at) => !dispatched.has(at));
      if (fresh.length === 0) return flow;
      for (const at of fresh) dispatched.add(at);
    }
  }
  #successors(block: RegionBlock): number[] {
    return successorsOf(block).flatMap((at) => this.#nodes.get(at) ?? []);
  }

  #words(): FlagWords {
    const now = <T extends 'i32' | 'i64'>({ type, emit }: Local<T>) => ({ type, emit });
    return {
      result: () => now(this.#result),
      aux: () => now(this.#aux),
      set: (result, aux) => {
        // the second may be made of the first word as it was
        const next = this.f.let(aux);
        this.f.set(this.#result, result);
        this.f.set(this.#aux, next);
      },
      setAux: (aux) => this.f.set(this.#aux, aux),
    };
  }

  compile(): void {
    const { f } = this;
    f.block((out) => {
      this.#out = out;
      this.#tree(DISPATCHER);
      f.unreachable();
    });
    this.#finish();
    f.before(() => this.#begin());
  }

  #state(offset: number): I32 {
    return i32.const(this.at.state + offset);
  }
  #begin(): void {
    const { f } = this;
    this.registers.load();
    f.set(this.rip, i64.load(this.#state(S.RIP)));
    f.set(this.tlbBase, i32.load(this.#state(S.TLB_BASE)));
    f.set(this.#budget, i32.load(this.#state(S.BUDGET)));
    for (const entry of this.region.entries)
      f.if(i32.eq(f.param(0, 'i32'), i32.const(entry.record)), () => this.#enterAt(entry));
    f.set(this.#result, i64.load(this.#state(S.FLAG_RESULT)));
    f.set(this.#aux, i32.load(this.#state(S.FLAG_AUX)));
  }
  /** The interpreter has counted the whole of its block; here blocks count when they begin. */
  #enterAt({ at, count }: RegionEntry): void {
    this.f.set(this.#target, i32.const(at));
    this.f.set(this.rip, i64.sub(this.rip, i64.const(BigInt(at))));
    this.f.set(this.#budget, i32.add(this.#budget, i32.const(count)));
  }
  #finish(): void {
    const { f } = this;
    this.registers.store();
    f.store64(this.#state(S.FLAG_RESULT), this.#result);
    f.store32(this.#state(S.FLAG_AUX), this.#aux);
    f.store32(this.#state(S.BUDGET), this.#budget);
    f.store64(this.#state(S.RIP), this.#exitRip);
    const way = (exit: Exit, go: () => void): void => f.if(i32.eq(this.#exit, i32.const(EXITS.indexOf(exit))), go);
    way('next', () => f.returnCall(this.rt.next, this.#state(S.NO_LINK)));
    const record = (callee: Callable) => (): void => f.returnCall(callee, this.#record);
    way('fault', record(this.rt.fault));
    way('stop', record(this.rt.stop));
    way('fallBack', record(this.rt.fallBack));
    way('slice', () => f.return(i32.const(EXIT_SLICE)));
    way('stopped', () => f.return(i32.const(EXIT_STOP)));
    chain(f, this.#record, 0);
    f.unreachable();
  }

  // -- structure ---------------------------------------------------------------------------------------------------
  #tree(n: number): void {
    const within = (): void => this.#within(n, this.#flow.mergesUnder(n));
    if (this.#flow.isLoop(n)) {
      this.f.loop((again) => {
        this.#loops.set(n, again);
        within();
      });
      this.f.unreachable();
    } else within();
  }
  #within(n: number, merges: readonly number[]): void {
    const [last, ...others] = merges;
    if (last === undefined) this.#block(n);
    else {
      this.f.block((end) => {
        this.#labels.set(last, end);
        this.#within(n, others);
        this.f.unreachable();
      });
      this.#tree(last);
    }
  }

  #block(n: number): void {
    const block = this.#blocks[n];
    this.#current = n;
    this.flags.pending = undefined;
    if (!block) {
      this.#dispatch(this.#dispatched);
      return;
    }
    this.f.set(this.#budget, i32.sub(this.#budget, i32.const(block.insns.length)));
    for (const here of block.insns) {
      let goesOn = true;
      this.f.scope(() => {
        goesOn = this.#insn(here);
      });
      if (!goesOn) return;
    }
    if (block.rest) this.leave('record', block.rest);
    else this.goto(block.end);
  }

  /** Goes to the one of these places that the target is. */
  #dispatch(places: readonly number[]): void {
    const [first] = places;
    if (first === undefined) return;
    if (places.length === 1) {
      const away = i64.add(this.rip, i64.extendS(this.#target));
      const found = i32.eq(this.#target, i32.const(first));
      const isOnly = this.#dispatched.length === 1;
      if (!isOnly) this.f.if(i32.eqz(found), () => this.leaveTo('next', away));
      this.#current = DISPATCHER;
      this.flags.pending = undefined; // of a block that stands before this in the function
      this.#enter(this.#nodes.get(first) as number);
      return;
    }
    const half = places.length >> 1;
    const right = i32.geS(this.#target, i32.const(places[half] ?? 0));
    this.f.if(
      right,
      () => this.#dispatch(places.slice(half)),
      () => this.#dispatch(places.slice(0, half)),
    );
    this.f.unreachable();
  }

  #insn(here: RegionInsn): boolean {
    const { emit } = here.insn.row;
    if (!emit) throw new Error(`${here.insn.row.name} is not translated`);
    this.flags.begin(flagUse(here.insn));
    const e = new TranslatorEmit(this, here);
    emit(e);
    return e.finish();
  }

  // -- control -----------------------------------------------------------------------------------------------------
  contains(at: number): boolean {
    return this.#nodes.has(at);
  }
  /** Both ways on, each with the flags as they are here. */
  fork(cond: I32, taken: () => void, otherwise: () => void): void {
    const { pending } = this.flags;
    const from = this.#current;
    const way = (go: () => void) => (): void => {
      this.flags.pending = pending;
      this.#current = from;
      go();
    };
    this.f.if(cond, way(taken), way(otherwise));
    this.f.unreachable();
  }

  goto(at: number): void {
    const to = this.#nodes.get(at);
    const ip = i64.add(this.rip, i64.const(BigInt(at)));
    if (to === undefined) {
      this.leaveTo('next', ip);
      return;
    }
    const backward = this.#flow.isBackward(this.#current, to);
    if (backward) this.#takeTurn(ip);
    if (backward && !this.#flow.dominates(to, this.#current)) {
      this.f.set(this.#target, i32.const(at));
      this.#redispatch();
    } else this.#enter(to);
  }
  #enter(to: number): void {
    const block = this.#blocks[to];
    if (block && needsFlags(block)) this.flags.materialize();
    const backward = this.#flow.isBackward(this.#current, to);
    const label = backward ? this.#loops.get(to) : this.#flow.isMerge(to) ? this.#labels.get(to) : undefined;
    if (label) this.f.br(label);
    else this.#tree(to);
  }
  /** Before going round: time may be up, or somebody may want something. */
  #takeTurn(ip: I64): void {
    const waiting = i32.or(i32.ltS(this.#budget, i32.const(0)), i32.load(this.#state(S.REQUEST)));
    this.f.if(waiting, () => this.leaveTo('slice', ip));
  }
  #redispatch(): void {
    this.flags.materialize();
    this.f.br(this.#loops.get(DISPATCHER) as Label);
  }
  /** To an address that is not known before: there may be an entry for it. */
  gotoIndirect(ip: I64): void {
    if (this.#dispatched.length > 1) {
      const { from, to } = this.region;
      const at = this.f.let(i64.sub(ip, this.rip));
      const inPage = i64.ltU(i64.sub(at, i64.const(BigInt(from))), i64.const(BigInt(to - from)));
      this.f.if(inPage, () => {
        this.#takeTurn(ip);
        this.f.set(this.#target, i32.wrap(at));
        const { pending } = this.flags;
        this.#redispatch();
        this.flags.pending = pending;
      });
    }
    this.leaveTo('next', ip);
  }

  /** Out, with RIP at the block that the instruction's record belongs to. */
  leave(exit: 'fault' | 'stop' | 'fallBack' | 'record', here: RegionInsn): void {
    this.f.set(this.#record, i32.const(here.record));
    this.leaveTo(exit, i64.add(this.rip, i64.const(BigInt(here.blockAt))));
  }
  leaveTo(exit: Exit, ip: I64): void {
    this.flags.write();
    this.f.set(this.#exit, i32.const(EXITS.indexOf(exit)));
    this.f.set(this.#exitRip, ip);
    this.f.br(this.#out);
  }
}
