/**
 * Emit for the interpreter: one WebAssembly function a handler variant, with operands read from the decoded record its
 * parameter points to. Handlers chain by tail calls; a handler returns only with one of the EXIT codes.
 *
 * @hot The code made here runs for every guest instruction that is not translated.
 */
import {
  type Callable,
  type Expr,
  type Func,
  type FuncType,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  type Local,
  select,
  type V128,
} from '../../wasm/index.ts';
import { LazyFlags, memoryWords } from '../codegen/flags.ts';
import {
  loadInt,
  MachineEmit,
  type Reserved,
  type Routines,
  SLOW_FAULT,
  SLOW_STOP,
  storeInt,
} from '../codegen/machine-emit.ts';
import type { Size } from '../decode/insn.ts';
import type { StringKind } from '../semantics/emit.ts';
import { type Int, type OpSize, type Width, width } from '../semantics/width.ts';
import * as S from '../state.ts';
import {
  GENERAL_CHECKED,
  GENERAL_FLAGS,
  GENERAL_WRAP32,
  LINK_COUNT,
  LINK_GENERATION,
  LINK_RECORD,
  LINK_SIZE,
  layout,
  RECORD_HANDLER,
  RECORD_LENGTH,
  RECORD_MODRM,
  RECORD_SEGMENT,
  RECORD_START,
  RELATIVE_LINKS,
} from './record.ts';
import { emitBulkString, type StringAccess } from './strings.ts';
import type { Variant } from './variant.ts';

/** Why the interpreter came back; RIP is exact in every case. */
export const EXIT_SLICE = 0; // budget used up, or a request waits
export const EXIT_LOOKUP = 1; // no decoded block at RIP
export const EXIT_FAULT = 2; // an exception is pending at RIP, or the instruction waits for an MMIO read
export const EXIT_STOP = 3; // an instruction finished that changed code or wrote to MMIO
export const EXIT_SYSTEM = 4; // a system instruction asks for an exit
export const EXIT_GUARD = 5; // the second page of a block must be looked at
export const EXIT_LIMIT = 6; // the block reaches beyond the code segment's limit

/** Functions every handler may use. */
export interface InterpreterRuntime extends Routines {
  /** (kind, size, dstLo, dstHi, srcLo, srcHi, count) -> elements done */
  readonly bulk: Callable;
  /** (host, size) -> SLOW_*: writes SCRATCH where code is. */
  readonly writeCode: Callable;
  /** A function of so many vectors to one, by name. */
  readonly shared: (name: string, params: number, body: (f: Func, args: readonly V128[]) => V128) => Callable;
  /** (field, displacement, access) -> linear address; access = bytes, plus ACCESS_WRITE */
  readonly linear: Callable;
  /** (field, displacement) -> offset */
  readonly offset: Callable;
  /** (segment's state, offset, access) -> linear address, limit and rights checked */
  readonly checked: Callable;
  /** (offset, access) -> linear address within SS, limit checked */
  readonly stackLinear: Callable;
  /** (linear address, READ or WRITE, bytes) -> host address, in the TLB from now on; 0 when only the slow paths can tell */
  readonly touch: Callable;
  /** (linear address) -> host address of code there; 0 when only the slow paths can tell */
  readonly reach: Callable;
  /** (record) -> EXIT: goes on there */
  readonly enter: Callable;
  /** (handler's table slot, record) -> EXIT: the same, by another handler than the record's */
  readonly enterBy: Callable;
  /** (link) -> EXIT: goes on at RIP, and remembers in the link where that was */
  readonly next: Callable;
  /** (RIP, budget) -> EXIT: goes on there, in flat code */
  readonly jump: Callable;
  /** (operation, ...operands) of codegen/settle-flags.ts */
  readonly settleFlags: Callable;
  /** (record) -> EXIT */
  readonly fault: Callable;
  readonly stop: Callable;
  readonly restart: Callable;
  /** (record) -> EXIT: runs its system instruction, then what follows */
  readonly fallBack: Callable;
}

/** In `access`, beside the size. */
export const ACCESS_WRITE = 0x100;

export class InterpreterEmit extends MachineEmit {
  readonly size: OpSize;
  readonly w: Width;
  readonly addressSize: 2 | 4 | 8;
  readonly repeat: number;
  readonly vectorLength: 0 | 16 | 32;
  readonly flags: LazyFlags;
  readonly recordSize: number;
  readonly #offsets: readonly number[];
  readonly #record: Local<'i32'>;
  readonly #displacements: (I64 | undefined)[] = [];
  readonly #advances: (I64 | undefined)[] = [];
  #stop: Local<'i32'> | undefined;
  #ended = false;

  constructor(
    f: Func,
    readonly variant: Variant,
    state: number,
    readonly rt: InterpreterRuntime,
  ) {
    super(f, state, rt);
    this.size = variant.size;
    this.w = width(variant.size);
    this.addressSize = variant.addressSize;
    this.repeat = variant.repeat;
    this.vectorLength = variant.vectorLength;
    this.flags = new LazyFlags(f, memoryWords(f, state));
    this.#record = f.param(0, 'i32');
    const l = layout(variant.fields, variant.fallsBack);
    this.#offsets = l.offsets;
    this.recordSize = l.size;
  }

  /** The way on to the next record, unless the emitter ended the path itself. */
  finish(): void {
    if (this.#ended) {
      this.f.unreachable();
      return;
    }
    if (this.#stop) this.f.if(this.#stop, () => this.f.returnCall(this.rt.stop, this.#record));
    chain(this.f, this.#record, this.recordSize);
  }

  // -- fields ------------------------------------------------------------------------------------------------------
  #field(i: number): { kind: string; size: Size; at: number } {
    const field = this.variant.fields[i];
    const at = this.#offsets[i];
    if (!field || at === undefined) throw new Error(`${this.variant.name} has no operand ${i}`);
    return { kind: field.kind, size: field.size, at };
  }
  operandSize(i: number): OpSize {
    return this.#field(i).size as OpSize;
  }
  isMemory(i: number): boolean {
    const kind = this.#field(i).kind;
    return kind === 'm' || kind === 'n' || kind === 'g';
  }
  isRegister(i: number): boolean {
    return this.#field(i).kind === 'r';
  }
  protected isVector(i: number): boolean {
    return this.#field(i).kind === 'v';
  }
  protected vectorRegister(i: number): I32 {
    return this.f.let(i32.load(this.#record, this.#field(i).at));
  }
  protected writeRegister(i: number, value: Int): void {
    const { size, at } = this.#field(i);
    this.#storeRegister(i32.load(this.#record, at), size as OpSize, value);
  }

  // -- addresses ---------------------------------------------------------------------------------------------------
  displace(i: number, displacement: I64): void {
    this.#displacements[i] = this.f.let(displacement);
    this.reserved[i] = undefined;
  }
  advance(i: number, bytes: I64): void {
    this.#advances[i] = this.f.let(bytes);
    this.reserved[i] = undefined;
  }
  protected linear(i: number, writes = false): I64 {
    const access = i32.const(this.#field(i).size | (writes ? ACCESS_WRITE : 0));
    const advance = this.#advances[i];
    if (!advance) return this.f.let(this.#address(i, this.#displacements[i], this.rt.linear, access));
    // in 64-bit code the whole operand has its address, and the part counts from there; elsewhere all wraps at 32 bits
    const { kind } = this.#field(i);
    const wraps = kind === 'g' ? this.#general(i, GENERAL_WRAP32) : i32.const(kind === 'n' ? 1 : 0);
    const within = this.f.let(select(wraps, advance, i64.const(0n)));
    const displacement = i64.add(this.#displacements[i] ?? i64.const(0n), within);
    const start = this.f.let(this.#address(i, this.f.let(displacement), this.rt.linear, access));
    return this.f.let(i64.add(start, i64.sub(advance, within)));
  }
  /** A flag of a general memory operand. */
  #general(i: number, flag: number): I32 {
    return i32.and(i32.load8U(this.#record, this.#field(i).at + GENERAL_FLAGS), i32.const(flag));
  }
  offset(i: number): I64 {
    return this.f.let(this.#address(i, this.#displacements[i], this.rt.offset));
  }
  #address(i: number, extra: I64 | undefined, general: Callable, ...access: I32[]): I64 {
    const { kind, at } = this.#field(i);
    if (kind === 'g') {
      return this.f.call<'i64'>(general, i32.add(this.#record, i32.const(at)), extra ?? i64.const(0n), ...access);
    }
    if (kind === 'n') {
      const near = i32.add(i32.loadU(i32.load(this.#record, at)), i32.loadU(this.#record, at + 4));
      return i64.extendU(extra ? i32.add(near, i32.wrap(extra)) : near);
    }
    const near = i64.add(i64.load(i32.load(this.#record, at)), i64.load32S(this.#record, at + 4));
    return extra ? i64.add(near, extra) : near;
  }

  protected faultIf(cond: I32): void {
    this.f.if(cond, () => this.f.returnCall(this.rt.fault, this.#record));
  }

  // -- memory ------------------------------------------------------------------------------------------------------
  protected source(linear: I64, bytes: number): I32 {
    const f = this.f;
    const address = f.local('i32');
    const { hit, host } = this.probe(linear, bytes, S.TLB_READ);
    f.ifLikely(
      hit,
      () => f.set(address, host),
      () => {
        this.faultIf(this.#slow(this.rt.slowRead, linear, bytes));
        f.set(address, this.at(S.SCRATCH));
      },
    );
    return address;
  }
  protected store(linear: I64, bytes: number, put: (address: I32) => void): void {
    const { hit, host } = this.probe(linear, bytes, S.TLB_WRITE);
    this.f.ifLikely(
      hit,
      () => put(host),
      () => this.#storeSlow(linear, bytes, put),
    );
  }
  protected reserve(linear: I64, bytes: number): Reserved {
    const f = this.f;
    const known = f.local('i32');
    const source = f.local('i32');
    const { hit, host } = this.probe(linear, bytes, S.TLB_WRITE);
    f.ifLikely(
      hit,
      () => {
        f.set(known, host);
        f.set(source, known);
      },
      () => {
        this.faultIf(this.#slow(this.rt.slowReadForWrite, linear, bytes));
        f.set(source, this.at(S.SCRATCH));
      },
    );
    const store = (put: (address: I32) => void): void =>
      f.ifLikely(
        known,
        () => put(known),
        () => this.#storeSlow(linear, bytes, put),
      );
    return { source, store };
  }
  #storeSlow(linear: I64, bytes: number, put: (address: I32) => void): void {
    put(this.at(S.SCRATCH));
    const status = this.#slow(this.rt.slowWrite, linear, bytes);
    this.faultIf(i32.eq(status, i32.const(SLOW_FAULT)));
    // leaves after this instruction when the store said so
    this.#stop ??= this.f.local('i32');
    this.f.set(this.#stop, i32.or(this.#stop, i32.eq(status, i32.const(SLOW_STOP))));
  }
  #slow(callee: Callable, linear: I64, bytes: number): I32 {
    return this.f.call(callee, i32.wrap(linear), i32.wrap(i64.shrU(linear, i64.const(32n))), i32.const(bytes));
  }

  // -- integer operands --------------------------------------------------------------------------------------------
  read(i: number): Int {
    const { kind, size, at } = this.#field(i);
    const own = size as OpSize;
    if (kind === 'r') return this.f.let(loadInt(i32.load(this.#record, at), own));
    if (kind === 'i') {
      if (own === 8) return this.f.let(i64.load(this.#record, at));
      return this.f.let(i32.load(this.#record, at));
    }
    return this.load(this.linear(i), own);
  }

  /** A 32-bit write clears the upper half. */
  #storeRegister(address: I32, size: OpSize, value: Int): void {
    if (size === 4) this.f.store64(address, i64.extendU(value as I32));
    else storeInt(this.f, address, size, value);
  }
  reg(number: number, size: OpSize): Int {
    return this.f.let(loadInt(this.at(S.GPR + number * 8), size));
  }
  setReg(number: number, size: OpSize, value: Int): void {
    this.#storeRegister(this.at(S.GPR + number * 8), size, value);
  }

  shared(name: string, args: readonly V128[], body: (f: Func, args: readonly V128[]) => V128): V128 {
    return this.f.call<'v128'>(this.rt.shared(name, args.length, body), ...args);
  }

  // -- stack -------------------------------------------------------------------------------------------------------
  protected get stackWidth(): Width {
    if (this.variant.stack === 0) throw new Error(`${this.variant.name} is not marked as using the stack`);
    return width(this.variant.stack);
  }
  /** Linear address of SS:pointer; in 16- and 32-bit code the segment's base and limit count. */
  protected stackLinear(pointer: Int, size: OpSize, writes: boolean): I64 {
    if (this.variant.stack === 8) return pointer as I64;
    const offset = this.stackWidth.unsigned64(pointer);
    return this.f.call<'i64'>(this.rt.stackLinear, offset, i32.const(size | (writes ? ACCESS_WRITE : 0)));
  }
  // -- flags and control -------------------------------------------------------------------------------------------
  interruptShadow(): void {
    this.f.store64(this.at(S.SHADOW_RIP), this.nextIp());
    this.f.store32(this.at(S.SHADOW), i32.const(1));
    this.#stop ??= this.f.local('i32');
    this.f.set(this.#stop, i32.ne(i32.load(this.at(S.WINDOW)), i32.const(0)));
  }
  #end(): I64 {
    return i64.extendU(i32.add(i32.load16U(this.#record, RECORD_START), i32.load8U(this.#record, RECORD_LENGTH)));
  }
  nextIp(): I64 {
    return this.f.let(i64.add(i64.load(this.at(S.RIP)), this.#end()));
  }
  #truncateIp(ip: I64): I64 {
    if (this.size === 8) return ip;
    return i64.and(ip, i64.const(this.size === 2 ? 0xffffn : 0xffff_ffffn));
  }
  endBlock(): void {
    this.f.store64(this.at(S.RIP), this.nextIp());
    this.#leave();
  }
  jump(target: I64, commit?: () => void): void {
    const to = this.f.let(this.#truncateIp(target));
    this.#requireTarget(to);
    commit?.();
    this.f.store64(this.at(S.RIP), to);
    this.#leave();
  }
  /** #GP for a near target that is not canonical or beyond the limit; flat code has none of the latter. */
  #requireTarget(to: I64, taken: I32 = i32.const(1)): void {
    const raise = () => this.raise(S.GP);
    if (this.size === 8) {
      const unused = this.f.let(i64.extendU(i32.load(this.at(S.CANONICAL_SHIFT))));
      const bad = i64.ne(i64.shrS(i64.shl(to, unused), unused), to);
      this.f.if(i32.and(bad, taken), raise);
    } else if (this.variant.limited) {
      this.f.if(i32.and(i64.gtU(to, i64.load(this.at(S.CODE_LIMIT))), taken), raise);
    }
  }
  jumpRelative(i: number, commit?: () => void): void {
    this.#jumpLinked(this.#record, this.#field(i).at, i32.const(0), undefined, commit);
  }
  branch(cond: I32, i: number, commit?: () => void): void {
    const at = this.#field(i).at;
    const not = this.f.let(i32.eqz(cond));
    // the two displacements lie side by side: taken, not taken
    const field = i32.add(this.#record, i32.shl(not, i32.const(2)));
    this.#jumpLinked(field, at, i32.mul(not, i32.const(LINK_SIZE)), i32.eqz(not), commit);
  }
  /**
   * Jumps by the displacement at field + at; straight to the record its link knows, when that is of this generation. What
   * has a link lies in this page of flat code: its target is good.
   */
  #jumpLinked(field: I32, at: number, linkOffset: I32, taken: I32 | undefined, commit?: () => void): void {
    const f = this.f;
    const link = f.let(i32.add(i32.add(this.#record, i32.const(at + RELATIVE_LINKS)), linkOffset));
    const sum = f.let(i64.add(i64.load(this.at(S.RIP)), i64.load32S(field, at)));
    const truncated = this.#truncateIp(sum);
    // 16 bits remain of a target, but not of what follows a branch that is not taken
    const target = f.let(taken !== undefined && this.size === 2 ? select(taken, truncated, sum) : truncated);
    const go = (): void => {
      commit?.();
      f.store64(this.at(S.RIP), target);
      if (this.#stop) f.if(this.#stop, () => f.return(i32.const(EXIT_STOP)));
    };
    f.if(i32.eq(i32.load(link, LINK_GENERATION), i32.load(this.at(S.CODE_GENERATION))), () => {
      go();
      const budget = f.let(i32.load(this.at(S.BUDGET)));
      const waiting = i32.or(i32.ltS(budget, i32.const(0)), i32.load(this.at(S.REQUEST)));
      f.if(waiting, () => f.return(i32.const(EXIT_SLICE)));
      f.store32(this.at(S.BUDGET), i32.sub(budget, i32.load(link, LINK_COUNT)));
      chain(f, f.let(i32.load(link, LINK_RECORD)), 0);
    });
    this.#requireTarget(target, taken);
    go();
    f.returnCall(this.rt.next, link);
    this.#ended = true;
  }
  #leave(): void {
    if (this.#stop) this.f.if(this.#stop, () => this.f.return(i32.const(EXIT_STOP)));
    this.f.returnCall(this.rt.next, this.at(S.NO_LINK));
    this.#ended = true;
  }
  raise(vector: number): void {
    this.f.call(this.rt.raise, i32.const(vector));
    this.f.returnCall(this.rt.fault, this.#record);
  }
  fallBackIf(cond: I32): void {
    this.f.if(cond, () => this.f.returnCall(this.rt.fallBack, this.#record));
  }
  ip(): I64 {
    return this.f.let(i64.add(i64.load(this.at(S.RIP)), i64.load16U(this.#record, RECORD_START)));
  }
  modrm(): I32 {
    return this.f.let(i32.load8U(this.#record, RECORD_MODRM));
  }
  segmentOf(_i: number): I32 {
    return this.f.let(i32.load8U(this.#record, RECORD_SEGMENT));
  }

  // -- strings -----------------------------------------------------------------------------------------------------
  repeatFrom(start: Label): void {
    const f = this.f;
    const budget = f.let(i32.sub(i32.load(this.at(S.BUDGET)), i32.const(1)));
    f.store32(this.at(S.BUDGET), budget);
    let leave: I32 = i32.or(i32.load(this.at(S.REQUEST)), i32.ltS(budget, i32.const(0)));
    if (this.#stop) leave = i32.or(leave, this.#stop);
    f.if(leave, () => f.returnCall(this.rt.restart, this.#record));
    f.br(start);
  }

  bulkString(kind: StringKind): void {
    if (this.addressSize === 2 || this.variant.fields.some((x) => x.kind === 'g' && this.addressSize === 8)) return;
    const access: StringAccess = {
      // a single step is one element
      allowed: () => i32.and(i32.gtS(i32.load(this.at(S.BUDGET)), i32.const(0)), this.#unchecked()),
      linear: (i, writes) => this.linear(i, writes),
      bulk: this.rt.bulk,
    };
    emitBulkString(this, access, kind);
  }
  /** General operands whose segments need no check. */
  #unchecked(): I32 {
    let all: I32 = i32.const(1);
    this.variant.fields.forEach((field, i) => {
      if (field.kind !== 'g') return;
      const flags = i32.load8U(this.#record, this.#field(i).at + GENERAL_FLAGS);
      all = i32.and(all, i32.eqz(i32.and(flags, i32.const(GENERAL_CHECKED))));
    });
    return all;
  }
}

/** What is called with a record. */
export const HANDLER: FuncType = { params: ['i32'], results: ['i32'] };

/** Tail-calls the handler of the record `size` bytes further. */
export function chain(f: Func, record: Expr<'i32'>, size: number): void {
  const next = size === 0 ? record : f.let(i32.add(record, i32.const(size)));
  f.returnCallIndirect(HANDLER, i32.load(next, RECORD_HANDLER), next);
}
