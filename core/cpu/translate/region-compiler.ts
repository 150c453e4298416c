/**
 * A region as one WebAssembly function. It takes the place of its first block's handler, has that handler's signature,
 * and leaves as handlers do: to the next block, to a fault, or to the interpreter's record of an instruction, where
 * everything is exact again.
 */
import { type Callable, type Func, type I32, type I64, i32, i64, type Label, type Local } from '../../wasm/index.ts';
import { memoryWords } from '../codegen/flags.ts';
import { EXIT_SLICE, EXIT_STOP, type InterpreterRuntime } from '../interp/emit.ts';
import { RECORD_ENTRY } from '../interp/record.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { ControlFlow } from './control-flow.ts';
import { DeferredFlags } from './deferred-flags.ts';
import { TranslatorEmit } from './emit.ts';
import { flagUse, needsFlags } from './flag-use.ts';
import { placeTable } from './place-table.ts';
import { type Region, type RegionBlock, type RegionEntry, type RegionInsn, successorsOf } from './region.ts';
import { Registers } from './registers.ts';
import { is16Bit, isFlatCode, isLong } from './translatable.ts';

/**
 * Ways out: to the block at RIP, to an instruction's record (in two ways: where an entry is, it must not lead back here), at
 * an instruction that faults, behind one, or back to the run loop.
 */
const EXITS = ['next', 'rest', 'record', 'handler', 'fault', 'stop', 'fallBack', 'slice', 'stopped'] as const;
type Exit = (typeof EXITS)[number];
/** Those that do not hardly ever happen: `rest` leads to an instruction that is not translated. */
const FREQUENT: ReadonlySet<Exit> = new Set(['next', 'rest']);

/** The node of the control flow where the region is entered, and where indirect jumps within it come by. */
const DISPATCHER = 0;

export class RegionCompiler {
  readonly registers: Registers;
  readonly flags: DeferredFlags;
  /** RIP of the first entry: the same code may be mapped at many addresses. */
  readonly rip: Local<'i64'>;
  readonly tlbBase: Local<'i32'>;
  readonly stop: Local<'i32'>;
  /** Pages that are where they were, a bit each. */
  readonly #reached: Local<'i32'>;
  readonly #budget: Local<'i32'>;
  readonly #exit: Local<'i32'>;
  readonly #record: Local<'i32'>;
  readonly #exitRip: Local<'i64'>;
  /** Where the dispatcher leads (#dispatch), and the place to look for: from the first entry, in bytes. */
  readonly #target: Local<'i32'>;
  readonly #place: Local<'i32'>;
  /** By node: 0 is the dispatcher, which has none. */
  readonly #blocks: readonly (RegionBlock | undefined)[];
  readonly #nodes: ReadonlyMap<number, number>;
  /** Where the dispatcher can lead: the entries first, in their order. */
  readonly #dispatched: readonly number[];
  /** The interpreter's handlers of the entries' records. */
  readonly #handlers: ReadonlyMap<number, number>;
  readonly #flow: ControlFlow;
  readonly #labels = new Map<number, Label>();
  readonly #loops = new Map<number, Label>();
  #out: Label = { depth: 0 };
  #next: Label = { depth: 0 };
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
    this.#dispatched = [...dispatched];
    this.#handlers = new Map(region.entries.map(({ record, handler }) => [record, handler]));
    this.registers = new Registers(f, at.state);
    this.rip = f.permanent('i64');
    this.tlbBase = f.permanent('i32');
    this.stop = f.permanent('i32');
    this.#target = f.permanent('i32');
    this.#place = f.permanent('i32');
    this.#reached = f.permanent('i32');
    this.#budget = f.permanent('i32');
    this.#exit = f.permanent('i32');
    this.#record = f.permanent('i32');
    this.#exitRip = f.permanent('i64');
    this.flags = new DeferredFlags(f, memoryWords(f, at.state), rt.settleFlags);
  }

  /** A way back to what is no loop's head, because it has another entry, leads through the dispatcher. */
  #makeReducible(dispatched: Set<number>): ControlFlow {
    for (;;) {
      const successors = this.#blocks.map((block) => (block ? this.#successors(block) : []));
      const entered = [...dispatched].flatMap((at) => this.#nodes.get(at) ?? []);
      // by number and by place: each is a point where ways meet
      successors[DISPATCHER] = dispatched.size === 1 ? entered : [...entered, ...entered];
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

  compile(): void {
    const { f } = this;
    f.block((out) => {
      this.#out = out;
      f.block((next) => {
        this.#next = next;
        this.#tree(DISPATCHER);
        f.unreachable();
      });
      this.#finishNext();
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
    f.set(this.tlbBase, i32.load(this.#state(S.TLB_BASE)));
    if (this.#dispatched.length > 1) f.set(this.#target, i32.load8U(f.param(0, 'i32'), RECORD_ENTRY));
    f.set(this.#budget, i32.load(this.#state(S.BUDGET)));
  }
  /** Where an instruction pointer leads, linear. */
  #linearOf(ip: I64): I64 {
    if (isFlatCode(this.region.mode)) return ip;
    const base = i64.load(this.#state(S.SEG + S.CS * S.SEG_SIZE + S.SEG_BASE));
    return i64.and(i64.add(ip, base), i64.const(0xffff_ffffn));
  }
  /** All of the region lies where its instruction pointer can reach: neither the limit nor a wrap needs a look within it. */
  #isWithinSegment(): I32 {
    const blocks = [...this.region.blocks.values()];
    const first = Math.min(...blocks.map(({ at }) => at));
    const last = Math.max(...blocks.map(({ end, rest }) => end + (rest?.insn.length ?? 0))) - 1;
    const end = i64.add(this.rip, i64.const(BigInt(last)));
    const limit = i64.load(this.#state(S.CODE_LIMIT));
    const inside = i32.and(i64.geS(i64.add(this.rip, i64.const(BigInt(first))), i64.const(0n)), i64.leU(end, limit));
    return is16Bit(this.region.mode) ? i32.and(inside, i64.leU(end, i64.const(0xffffn))) : inside;
  }
  #finishNext(): void {
    this.registers.store();
    this.flags.finish();
    if (isFlatCode(this.region.mode)) this.f.returnCall(this.rt.jump, this.#exitRip, this.#budget);
    else {
      this.f.store32(this.#state(S.BUDGET), this.#budget);
      this.f.store64(this.#state(S.RIP), this.#exitRip);
      this.f.returnCall(this.rt.next, this.#state(S.NO_LINK));
    }
    this.f.unreachable();
  }
  #finish(): void {
    const { f } = this;
    this.registers.store();
    this.flags.finish();
    f.store32(this.#state(S.BUDGET), this.#budget);
    f.store64(this.#state(S.RIP), this.#exitRip);
    const way = (exit: Exit, go: () => void): void => f.if(i32.eq(this.#exit, i32.const(EXITS.indexOf(exit))), go);
    const record = (callee: Callable) => (): void => f.returnCall(callee, this.#record);
    way('rest', record(this.rt.enter));
    way('record', record(this.rt.enter));
    way('handler', () => f.returnCall(this.rt.enterBy, this.#target, this.#record));
    way('fault', record(this.rt.fault));
    way('stop', record(this.rt.stop));
    way('fallBack', record(this.rt.fallBack));
    way('slice', () => f.return(i32.const(EXIT_SLICE)));
    f.return(i32.const(EXIT_STOP));
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
    if (!block) {
      this.#dispatch();
      return;
    }
    if (this.#flow.isMerge(n) || this.#flow.isLoop(n)) this.flags.met();
    this.f.set(this.#budget, i32.sub(this.#budget, i32.const(block.insns.length)));
    for (const here of block.insns) {
      let goesOn = true;
      this.f.scope(() => {
        goesOn = this.#insn(here);
      });
      if (!goesOn) return;
    }
    if (block.rest) this.leave('rest', block.rest);
    else this.goto(block.end);
  }

  /**
   * Where the region is entered, by the number of the entry; where jumps come by that know the place, by that of #dispatched
   * behind those of the entries; and where the place must be looked for.
   */
  #dispatch(): void {
    const { entries } = this.region;
    const [only] = entries;
    if (only && this.#dispatched.length === 1) {
      this.flags.enter();
      this.#begun(only);
      this.#enter(this.#nodes.get(only.at) as number);
      return;
    }
    this.flags.met();
    const places = this.#dispatched.map((at) => this.#labelAt(at));
    this.f.block((search) => this.#enterBy(entries, [], [...places, search]));
    this.#search(this.#dispatched);
  }
  /** Within a block for each entry, the jump to one of those blocks or of the `others`; behind each, what an entry does. */
  #enterBy(entries: readonly RegionEntry[], blocks: readonly Label[], others: readonly Label[]): void {
    const entry = entries.at(-1);
    if (!entry) {
      this.f.brTable(this.#target, [...blocks, ...others]);
      return;
    }
    this.f.block((label) => this.#enterBy(entries.slice(0, -1), [label, ...blocks], others));
    this.#begun(entry);
    this.f.br(this.#labelAt(entry.at));
  }
  /** Behind an entry. The interpreter has counted the whole of its block; here blocks count when they begin. */
  #begun({ blockAt, record, handler, count }: RegionEntry): void {
    this.f.set(this.rip, i64.sub(i64.load(this.#state(S.RIP)), i64.const(BigInt(blockAt))));
    this.f.set(this.#reached, i32.const(this.#pageBit(this.#pageOf(blockAt))));
    if (!isFlatCode(this.region.mode))
      this.f.ifUnlikely(i32.eqz(this.#isWithinSegment()), () => {
        this.f.set(this.#target, i32.const(handler));
        this.f.set(this.#record, i32.const(record));
        this.leaveTo('handler', this.ipAt(blockAt));
      });
    this.f.set(this.#budget, i32.add(this.#budget, i32.const(count)));
  }
  #labelAt(at: number): Label {
    return this.#labels.get(this.#nodes.get(at) as number) as Label;
  }
  /** Goes to the one of these places, of which there are at least two, that the jump leads to. */
  #search(places: readonly number[]): void {
    const { multiplier, shift, buckets } = placeTable(places);
    const bucket = i32.shrU(i32.mul(this.#place, i32.const(multiplier)), i32.const(shift));
    this.f.block((nowhere) => this.#searchBy(bucket, buckets, [], nowhere));
    this.leaveTo('next', i64.add(this.rip, i64.extendS(this.#place)));
  }
  /** Within a block for each bucket that has places, the jump to one of those blocks; behind each, which place it is. */
  #searchBy(bucket: I32, buckets: readonly (readonly number[])[], blocks: readonly Label[], nowhere: Label): void {
    const places = buckets.at(-1);
    if (!places) {
      this.f.brTable(bucket, [...blocks, nowhere]);
      return;
    }
    const others = buckets.slice(0, -1);
    if (places.length === 0) {
      this.#searchBy(bucket, others, [nowhere, ...blocks], nowhere);
      return;
    }
    this.f.block((label) => this.#searchBy(bucket, others, [label, ...blocks], nowhere));
    for (const place of places) this.f.if(i32.eq(this.#place, i32.const(place)), () => this.#found(place, nowhere));
    this.f.br(nowhere);
  }
  #found(place: number, nowhere: Label): void {
    this.#requirePage(this.#pageOf(place), () => this.f.br(nowhere));
    this.f.br(this.#labelAt(place));
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
  /** A place of the region, in the page at hand. */
  staysInPage(at: number): boolean {
    const current = this.#blocks[this.#current];
    return this.contains(at) && current !== undefined && this.#pageOf(current.at) === this.#pageOf(at);
  }
  #pageOf(at: number): number {
    return Math.floor((at - this.region.from) / PAGE_SIZE);
  }
  /** RIP at a place. */
  ipAt(at: number): I64 {
    const ip = i64.add(this.rip, i64.const(BigInt(at)));
    return isLong(this.region.mode) ? ip : i64.and(ip, i64.const(0xffff_ffffn));
  }
  /** Before going to a place of the region: `otherwise`, which must leave, where its page is not what it was. */
  require(at: number, otherwise: () => void): void {
    if (!this.staysInPage(at)) this.#requirePage(this.#pageOf(at), otherwise);
  }
  #requirePage(page: number, otherwise: () => void): void {
    if (this.region.pages.size === 1) return;
    const bit = i32.const(this.#pageBit(page));
    this.f.ifUnlikely(i32.eqz(i32.and(this.#reached, bit)), () => {
      const first = this.#linearOf(this.ipAt(this.region.from + page * PAGE_SIZE));
      const moved = i32.ne(this.f.call(this.rt.reach, first), i32.const(this.region.pages.get(page) ?? 0));
      this.f.ifUnlikely(moved, otherwise);
      this.f.set(this.#reached, i32.or(this.#reached, bit));
    });
  }
  #pageBit(page: number): number {
    return 1 << [...this.region.pages.keys()].indexOf(page);
  }
  /** Both ways on, each with the flags as they are here. */
  fork(cond: I32, taken: () => void, otherwise: () => void): void {
    const { known } = this.flags;
    const from = this.#current;
    const way = (go: () => void) => (): void => {
      this.flags.known = known;
      this.#current = from;
      go();
    };
    this.f.if(cond, way(taken), way(otherwise));
    this.f.unreachable();
  }

  goto(at: number): void {
    const to = this.#nodes.get(at);
    const ip = this.ipAt(at);
    if (to === undefined) {
      this.leaveTo('next', ip);
      return;
    }
    this.require(at, () => this.leaveTo('next', ip));
    const backward = this.#flow.isBackward(this.#current, to);
    if (backward) this.#takeTurn(ip);
    if (backward && !this.#flow.dominates(to, this.#current)) {
      this.f.set(this.#target, i32.const(this.region.entries.length + this.#dispatched.indexOf(at)));
      this.#redispatch();
    } else this.#enter(to);
  }
  #enter(to: number): void {
    const block = this.#blocks[to];
    const backward = this.#flow.isBackward(this.#current, to);
    const label = backward ? this.#loops.get(to) : this.#flow.isMerge(to) ? this.#labels.get(to) : undefined;
    if ((label || this.#flow.isLoop(to)) && block && needsFlags(block)) this.flags.meet();
    if (label) this.f.br(label);
    else this.#tree(to);
  }
  /** Before going round: time may be up. Nothing within a region asks for anything else. */
  #takeTurn(ip: I64): void {
    this.f.ifUnlikely(i32.ltS(this.#budget, i32.const(0)), () => this.leaveTo('slice', ip));
  }
  #redispatch(): void {
    this.flags.meet();
    this.f.br(this.#loops.get(DISPATCHER) as Label);
  }
  /** To an address that is not known before: there may be an entry for it. */
  gotoIndirect(ip: I64): void {
    if (this.#dispatched.length > 1) {
      const [first, last] = [Math.min(...this.#dispatched), Math.max(...this.#dispatched)];
      const at = this.f.let(i64.sub(ip, this.rip));
      const near = i64.leU(i64.sub(at, i64.const(BigInt(first))), i64.const(BigInt(last - first)));
      this.f.if(near, () => {
        this.#takeTurn(ip);
        this.f.set(this.#place, i32.wrap(at));
        this.f.set(this.#target, i32.const(this.region.entries.length + this.#dispatched.length));
        const { known } = this.flags;
        this.#redispatch();
        this.flags.known = known;
      });
    }
    this.leaveTo('next', ip);
  }

  /** Out, with RIP at the block that the instruction's record belongs to. */
  leave(exit: 'rest' | 'record' | 'fault' | 'stop' | 'fallBack', here: RegionInsn): void {
    const handler = exit === 'record' ? this.#handlers.get(here.record) : undefined;
    if (handler !== undefined) this.f.set(this.#target, i32.const(handler));
    this.f.set(this.#record, i32.const(here.record));
    this.leaveTo(handler === undefined ? exit : 'handler', this.ipAt(here.blockAt));
  }
  leaveTo(exit: Exit, ip: I64): void {
    if (FREQUENT.has(exit)) this.flags.leave();
    else this.flags.leaveRarely();
    this.f.set(this.#exitRip, ip);
    if (exit === 'next') this.f.br(this.#next);
    else {
      this.f.set(this.#exit, i32.const(EXITS.indexOf(exit)));
      this.f.br(this.#out);
    }
  }
}
