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
import type { RegionBlock, RegionInsn } from './region.ts';
import { Registers } from './registers.ts';

/** Ways out: to the block at RIP, at an instruction that faults, behind one, to its record, or back to the run loop. */
const EXITS = ['next', 'fault', 'stop', 'record', 'slice', 'stopped'] as const;
type Exit = (typeof EXITS)[number];

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
  readonly #blocks: readonly RegionBlock[];
  readonly #numbers: ReadonlyMap<number, number>;
  readonly #flow: ControlFlow;
  readonly #flagsNeeded: readonly boolean[];
  readonly #labels = new Map<number, Label>();
  readonly #loops = new Map<number, Label>();
  #out: Label = { depth: 0 };
  #current = 0;

  constructor(
    readonly f: Func,
    readonly at: VcpuLayout,
    readonly rt: InterpreterRuntime,
    blocks: ReadonlyMap<number, RegionBlock>,
  ) {
    this.#blocks = [...blocks.values()];
    this.#numbers = new Map(this.#blocks.map((block, n) => [block.at, n]));
    const successors = this.#blocks.map((block) => this.#successors(block));
    this.#flow = new ControlFlow(successors);
    this.#flagsNeeded = this.#blocks.map(needsFlags);
    this.registers = new Registers(f, at.state);
    this.rip = f.permanent('i64');
    this.tlbBase = f.permanent('i32');
    this.stop = f.permanent('i32');
    this.#budget = f.permanent('i32');
    this.#exit = f.permanent('i32');
    this.#record = f.permanent('i32');
    this.#exitRip = f.permanent('i64');
    this.#result = f.permanent('i64');
    this.#aux = f.permanent('i32');
    this.flags = new DeferredFlags(f, this.#words());
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

  #successors(block: RegionBlock): number[] {
    const last = block.insns.at(-1)?.insn;
    const relative = block.fallsThrough ? undefined : last?.operands.find((o) => o.kind === 'relative');
    const ats = block.fallsThrough ? [block.end] : [];
    if (relative && !block.rest) {
      ats.push(block.end + relative.displacement);
      if (last?.row.name !== 'JMP' && last?.row.name !== 'CALL') ats.push(block.end);
    }
    return ats.flatMap((at) => this.#numbers.get(at) ?? []);
  }

  compile(): void {
    const { f } = this;
    f.block((out) => {
      this.#out = out;
      this.#tree(0);
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
    f.set(this.#result, i64.load(this.#state(S.FLAG_RESULT)));
    f.set(this.#aux, i32.load(this.#state(S.FLAG_AUX)));
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
    const block = this.#blocks[n] as RegionBlock;
    this.#current = n;
    this.flags.pending = undefined;
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
    return this.#numbers.has(at);
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
    const to = this.#numbers.get(at);
    const from = this.#current;
    const ip = i64.add(this.rip, i64.const(BigInt(at)));
    const backward = to !== undefined && this.#flow.isBackward(from, to);
    // a way back to what is no loop's head: it has another entry
    if (to === undefined || (backward && !this.#flow.dominates(to, from))) {
      this.leaveTo('next', ip);
      return;
    }
    if (backward) {
      const waiting = i32.or(i32.ltS(this.#budget, i32.const(0)), i32.load(this.#state(S.REQUEST)));
      this.f.if(waiting, () => this.leaveTo('slice', ip));
    }
    this.f.set(this.#budget, i32.sub(this.#budget, i32.const(this.#blocks[to]?.insns.length ?? 0)));
    if (this.#flagsNeeded[to]) this.flags.materialize();
    const label = backward ? this.#loops.get(to) : this.#flow.isMerge(to) ? this.#labels.get(to) : undefined;
    if (label) this.f.br(label);
    else this.#tree(to);
  }

  /** Out, with RIP at the block that the instruction's record belongs to. */
  leave(exit: 'fault' | 'stop' | 'record', here: RegionInsn): void {
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
