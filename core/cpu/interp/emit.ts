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
  type I32,
  type I64,
  i32,
  i64,
  i64x2,
  type Label,
  type Local,
  type V128,
  v128,
} from '../../wasm/index.ts';
import { X87_ES, X87_FSW, X87_FTW, X87_TOP } from '../fpu/state.ts';
import type { Emit, ExactFloat, StringKind } from '../semantics/emit.ts';
import { type Int, type OpSize, type Width, width } from '../semantics/width.ts';
import { floatOperationNumber } from '../sse/operations.ts';
import * as S from '../state.ts';
import { MemoryFlags } from './flags.ts';
import {
  GENERAL_CHECKED,
  GENERAL_FLAGS,
  LINK_COUNT,
  LINK_GENERATION,
  LINK_RECORD,
  LINK_SIZE,
  layout,
  RECORD_HANDLER,
  RECORD_LENGTH,
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

/** What slow memory paths answer. */
export const SLOW_DONE = 0;
export const SLOW_FAULT = 1;
/** Done, but leave after this instruction. */
export const SLOW_STOP = 2;

/** Functions every handler may use. */
export interface InterpreterRuntime {
  /** (lo, hi, size) -> SLOW_*; value in SCRATCH */
  readonly slowRead: Callable;
  readonly slowWrite: Callable;
  /** (lo, hi, size) -> SLOW_*: reads for a later write, which then cannot fault. */
  readonly slowReadForWrite: Callable;
  /** (vector) */
  readonly raise: Callable;
  /** (kind, size, dstLo, dstHi, srcLo, srcHi, count) -> elements done */
  readonly bulk: Callable;
  /** (operation, elements, control) -> 1 when an exception is pending */
  readonly float: Callable;
  /** A function of so many vectors to one, by name. */
  readonly shared: (name: string, params: number, body: (f: Func, args: readonly V128[]) => V128) => Callable;
  /** (field, displacement, access) -> linear address; access = bytes, plus ACCESS_WRITE */
  readonly linear: Callable;
  /** (field, displacement) -> offset */
  readonly offset: Callable;
  /** (offset, access) -> linear address within SS, limit checked */
  readonly stackLinear: Callable;
  /** (link) -> EXIT: goes on at RIP, and remembers in the link where that was */
  readonly next: Callable;
  /** (record) -> EXIT */
  readonly fault: Callable;
  readonly stop: Callable;
  readonly restart: Callable;
}

/** In `access`, beside the size. */
export const ACCESS_WRITE = 0x100;

const PAGE_MASK = ~0xfffn;
const ZERO_VECTOR = i64x2.const(0n);

export class InterpreterEmit implements Emit {
  readonly size: OpSize;
  readonly w: Width;
  readonly addressSize: 2 | 4 | 8;
  readonly repeat: number;
  readonly vectorLength: 0 | 16 | 32;
  readonly flags: MemoryFlags;
  readonly recordSize: number;
  readonly #offsets: readonly number[];
  readonly #record: Local<'i32'>;
  readonly #hosts: (Local<'i32'> | undefined)[] = [];
  readonly #linears: (I64 | undefined)[] = [];
  readonly #displacements: (I64 | undefined)[] = [];
  #stop: Local<'i32'> | undefined;
  #ended = false;

  constructor(
    readonly f: Func,
    readonly variant: Variant,
    readonly state: number,
    readonly rt: InterpreterRuntime,
  ) {
    this.size = variant.size;
    this.w = width(variant.size);
    this.addressSize = variant.addressSize;
    this.repeat = variant.repeat;
    this.vectorLength = variant.vectorLength;
    this.flags = new MemoryFlags(f, state);
    this.#record = f.param(0, 'i32');
    const l = layout(variant.fields);
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
  #field(i: number): { kind: string; size: 1 | 2 | 4 | 8 | 16 | 32; at: number } {
    const field = this.variant.fields[i];
    const at = this.#offsets[i];
    if (!field || at === undefined) throw new Error(`${this.variant.name} has no operand ${i}`);
    return { kind: field.kind, size: field.size, at };
  }
  #state(offset: number): I32 {
    return i32.const(this.state + offset);
  }
  operandSize(i: number): OpSize {
    return this.#field(i).size as OpSize;
  }
  isMemory(i: number): boolean {
    const kind = this.#field(i).kind;
    return kind === 'm' || kind === 'g';
  }
  isRegister(i: number): boolean {
    return this.#field(i).kind === 'r';
  }

  // -- addresses ---------------------------------------------------------------------------------------------------
  displace(i: number, displacement: I64): void {
    this.#displacements[i] = this.f.let(displacement);
    this.#hosts[i] = undefined;
    this.#linears[i] = undefined;
  }
  #linear(i: number, writes = false): I64 {
    const access = i32.const(this.#field(i).size | (writes ? ACCESS_WRITE : 0));
    return this.f.let(this.#address(i, this.rt.linear, access));
  }
  offset(i: number): I64 {
    return this.f.let(this.#address(i, this.rt.offset));
  }
  #address(i: number, general: Callable, ...access: I32[]): I64 {
    const { kind, at } = this.#field(i);
    const extra = this.#displacements[i];
    if (kind === 'g') {
      return this.f.call<'i64'>(general, i32.add(this.#record, i32.const(at)), extra ?? i64.const(0n), ...access);
    }
    const near = i64.add(i64.load(i32.load(this.#record, at)), i64.load32S(this.#record, at + 4));
    return extra ? i64.add(near, extra) : near;
  }

  /** The TLB entry of a linear address. */
  #tlbEntry(linear: I64): I32 {
    const index = i32.and(
      i32.shrU(i32.wrap(linear), i32.const(12 - 5)),
      i32.const((S.TLB_ENTRIES - 1) * S.TLB_ENTRY_SIZE),
    );
    return this.f.let(i32.add(index, i32.load(this.#state(S.TLB_BASE))));
  }
  /** 1 when the entry allows an access of `bytes` bytes: its page is that of the last byte. */
  #hit(entry: I32, tag: number, linear: I64, bytes: number): I32 {
    const last = bytes === 1 ? linear : i64.add(linear, i64.const(BigInt(bytes - 1)));
    return i64.eq(i64.load(entry, tag), i64.and(last, i64.const(PAGE_MASK)));
  }
  #host(entry: I32, linear: I64): I32 {
    return i32.add(i32.wrap(linear), i32.load(entry, S.TLB_ADDEND));
  }
  #slow(callee: Callable, linear: I64, bytes: number): I32 {
    return this.f.call(callee, i32.wrap(linear), i32.wrap(i64.shrU(linear, i64.const(32n))), i32.const(bytes));
  }
  #faultIf(cond: I32): void {
    this.f.if(cond, () => this.f.returnCall(this.rt.fault, this.#record));
  }

  #loadInt(address: I32, size: OpSize): Int {
    if (size === 1) return i32.load8U(address);
    if (size === 2) return i32.load16U(address);
    if (size === 4) return i32.loadU(address);
    return i64.loadU(address);
  }
  #storeInt(address: I32, size: OpSize, value: Int): void {
    if (size === 1) this.f.store8(address, value as I32);
    else if (size === 2) this.f.store16(address, value as I32);
    else if (size === 4) this.f.store32(address, value as I32);
    else this.f.store64(address, value as I64);
  }

  // -- memory ------------------------------------------------------------------------------------------------------
  #load(linear: I64, size: OpSize): Int {
    const f = this.f;
    const value = f.local(size === 8 ? 'i64' : 'i32') as Local<'i32' | 'i64'>;
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_READ, linear, size),
      () => f.set(value, this.#loadInt(this.#host(entry, linear), size)),
      () => {
        this.#faultIf(this.#slow(this.rt.slowRead, linear, size));
        f.set(value, this.#loadInt(this.#state(S.SCRATCH), size));
      },
    );
    return value;
  }

  /** Leaves after this instruction when the store said so. */
  #noteStop(status: I32): void {
    this.#stop ??= this.f.local('i32');
    this.f.set(this.#stop, i32.or(this.#stop, i32.eq(status, i32.const(SLOW_STOP))));
  }
  #storeSlow(linear: I64, bytes: number): void {
    const status = this.#slow(this.rt.slowWrite, linear, bytes);
    this.#faultIf(i32.eq(status, i32.const(SLOW_FAULT)));
    this.#noteStop(status);
  }

  #store(linear: I64, size: OpSize, value: Int): void {
    const entry = this.#tlbEntry(linear);
    this.f.if(
      this.#hit(entry, S.TLB_WRITE, linear, size),
      () => this.#storeInt(this.#host(entry, linear), size, value),
      () => {
        this.#storeInt(this.#state(S.SCRATCH), size, value);
        this.#storeSlow(linear, size);
      },
    );
  }

  // -- integer operands --------------------------------------------------------------------------------------------
  read(i: number): Int {
    const { kind, size, at } = this.#field(i);
    const own = size as OpSize;
    if (kind === 'r') return this.f.let(this.#loadInt(i32.load(this.#record, at), own));
    if (kind === 'i') {
      if (own === 8) return this.f.let(i64.load(this.#record, at));
      return this.f.let(i32.load(this.#record, at));
    }
    return this.#load(this.#linear(i), own);
  }

  readForWrite(i: number): Int {
    if (!this.isMemory(i)) return this.read(i);
    const f = this.f;
    const size = this.operandSize(i);
    const linear = this.#linear(i, true);
    this.#linears[i] = linear;
    const host = f.local('i32');
    this.#hosts[i] = host;
    const value = f.local(size === 8 ? 'i64' : 'i32') as Local<'i32' | 'i64'>;
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_WRITE, linear, size),
      () => {
        f.set(host, this.#host(entry, linear));
        f.set(value, this.#loadInt(host, size));
      },
      () => {
        this.#faultIf(this.#slow(this.rt.slowReadForWrite, linear, size));
        f.set(host, i32.const(0));
        f.set(value, this.#loadInt(this.#state(S.SCRATCH), size));
      },
    );
    return value;
  }

  checkWrite(i: number): void {
    const { size } = this.#field(i);
    const linear = this.#linear(i, true);
    const hit = this.#hit(this.#tlbEntry(linear), S.TLB_WRITE, linear, size);
    this.f.if(i32.eqz(hit), () => this.#faultIf(this.#slow(this.rt.slowReadForWrite, linear, size)));
  }

  write(i: number, value: Int): void {
    const { kind, size, at } = this.#field(i);
    const own = size as OpSize;
    if (kind === 'r') {
      this.#storeRegister(i32.load(this.#record, at), own, value);
      return;
    }
    const host = this.#hosts[i];
    const linear = this.#linears[i];
    const v = this.f.let(value);
    if (host && linear) {
      this.f.if(
        host,
        () => this.#storeInt(host, own, v),
        () => {
          this.#storeInt(this.#state(S.SCRATCH), own, v);
          this.#storeSlow(linear, own);
        },
      );
    } else this.#store(this.#linear(i, true), own, v);
  }

  /** A 32-bit write clears the upper half. */
  #storeRegister(address: I32, size: OpSize, value: Int): void {
    if (size === 4) this.f.store64(address, i64.extendU(value as I32));
    else this.#storeInt(address, size, value);
  }
  reg(number: number, size: OpSize): Int {
    return this.f.let(this.#loadInt(this.#state(S.GPR + number * 8), size));
  }
  setReg(number: number, size: OpSize, value: Int): void {
    this.#storeRegister(this.#state(S.GPR + number * 8), size, value);
  }

  xmm(number: number): V128 {
    return this.f.let(v128.load(this.#state(S.VEC + number * S.VEC_SIZE)));
  }
  setXmm(number: number, value: V128): void {
    const register = this.#state(S.VEC + number * S.VEC_SIZE);
    this.f.storeV128(register, value);
    if (this.vectorLength !== 0) this.f.storeV128(register, ZERO_VECTOR, 16);
  }

  // -- vector operands ---------------------------------------------------------------------------------------------
  readVector(i: number, bytes: 4 | 8 | 16, aligned = false): V128 {
    const { kind, at } = this.#field(i);
    const register = i32.load(this.#record, at);
    if (kind === 'v') return this.f.let(this.isMmx(i) ? v128.load64Zero(register) : v128.load(register));
    const f = this.f;
    const linear = this.#linear(i);
    if (aligned) this.#requireAligned(linear);
    const load = (address: I32): V128 =>
      bytes === 16 ? v128.load(address) : bytes === 8 ? v128.load64Zero(address) : v128.load32Zero(address);
    const value = f.local('v128');
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_READ, linear, bytes),
      () => f.set(value, load(this.#host(entry, linear))),
      () => {
        this.#faultIf(this.#slow(this.rt.slowRead, linear, bytes));
        f.set(value, load(this.#state(S.SCRATCH)));
      },
    );
    return value;
  }

  writeVector(i: number, value: V128, bytes: 4 | 8 | 16, aligned = false): void {
    const { kind, at } = this.#field(i);
    const f = this.f;
    if (kind === 'v') {
      const register = f.let(i32.load(this.#record, at));
      if (this.isMmx(i)) this.#writeMmx(register, value);
      else {
        f.storeV128(register, value);
        if (this.vectorLength !== 0) f.storeV128(register, ZERO_VECTOR, 16);
      }
      return;
    }
    const v = f.let(value);
    const linear = this.#linear(i, true);
    if (aligned) this.#requireAligned(linear);
    const store = (address: I32): void => {
      if (bytes === 16) f.storeV128(address, v);
      else if (bytes === 8) f.store64(address, v128.extractI64(0, v));
      else f.store32(address, v128.extractI32(0, v));
    };
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_WRITE, linear, bytes),
      () => store(this.#host(entry, linear)),
      () => {
        store(this.#state(S.SCRATCH));
        this.#storeSlow(linear, bytes);
      },
    );
  }
  #requireAligned(linear: I64, bytes = 16): void {
    this.f.if(i32.and(i32.wrap(linear), i32.const(bytes - 1)), () => this.raise(S.GP));
  }

  readLanes(i: number, aligned = false): readonly V128[] {
    if (this.vectorLength !== 32) return [this.readVector(i, 16, aligned)];
    const { kind, at } = this.#field(i);
    const f = this.f;
    if (kind === 'v') {
      const register = f.let(i32.load(this.#record, at));
      return [f.let(v128.load(register)), f.let(v128.load(register, 16))];
    }
    const linear = this.#linear(i);
    if (aligned) this.#requireAligned(linear, 32);
    const source = f.local('i32');
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_READ, linear, 32),
      () => f.set(source, this.#host(entry, linear)),
      () => {
        this.#faultIf(this.#slow(this.rt.slowRead, linear, 32));
        f.set(source, this.#state(S.SCRATCH));
      },
    );
    return [f.let(v128.load(source)), f.let(v128.load(source, 16))];
  }

  writeLanes(i: number, lanes: readonly V128[], aligned = false): void {
    const [low, high] = lanes.map((lane) => this.f.let(lane));
    if (!low) throw new Error(`${this.variant.name} writes no vector`);
    if (!high) {
      this.writeVector(i, low, 16, aligned);
      return;
    }
    const { kind, at } = this.#field(i);
    const f = this.f;
    const store = (address: I32): void => {
      f.storeV128(address, low);
      f.storeV128(address, high, 16);
    };
    if (kind === 'v') {
      store(f.let(i32.load(this.#record, at)));
      return;
    }
    const linear = this.#linear(i, true);
    if (aligned) this.#requireAligned(linear, 32);
    const entry = this.#tlbEntry(linear);
    f.if(
      this.#hit(entry, S.TLB_WRITE, linear, 32),
      () => store(f.let(this.#host(entry, linear))),
      () => {
        store(this.#state(S.SCRATCH));
        this.#storeSlow(linear, 32);
      },
    );
  }
  isMmx(i: number): boolean {
    const { kind, size } = this.#field(i);
    return kind === 'v' && size === 8;
  }
  /** The significand of an x87 register; its exponent field then reads as all ones. */
  #writeMmx(register: I32, value: V128): void {
    this.f.store64(register, v128.extractI64(0, value));
    this.f.store32(register, i32.const(0xffff), 8);
  }
  checkMmx(): void {
    const pending = i32.and(i32.load(this.#state(S.X87 + X87_FSW)), i32.const(X87_ES));
    this.f.if(pending, () => this.raise(S.MF));
  }
  #setMmx(ftw: number): void {
    const fsw = i32.load(this.#state(S.X87 + X87_FSW));
    this.f.store32(this.#state(S.X87 + X87_FSW), i32.and(fsw, i32.const(~X87_TOP)));
    this.f.store32(this.#state(S.X87 + X87_FTW), i32.const(ftw));
  }
  enterMmx(): void {
    this.#setMmx(0xff);
  }
  leaveMmx(): void {
    this.#setMmx(0);
  }
  mxcsr(): I32 {
    return i32.load(this.#state(S.MXCSR));
  }
  setMxcsr(value: I32): void {
    this.f.store32(this.#state(S.MXCSR), value);
  }
  exactFloat(operation: ExactFloat, sources: readonly (readonly V128[])[]): readonly V128[] {
    const f = this.f;
    sources.forEach((lanes, n) => {
      lanes.forEach((lane, l) => {
        f.storeV128(this.#state(S.FLOAT_SCRATCH + (n + 1) * S.VEC_SIZE), lane, l * 16);
      });
    });
    const { name, elements, control = i32.const(0) } = operation;
    this.#faultIf(f.call(this.rt.float, i32.const(floatOperationNumber(name)), i32.const(elements), control));
    const result = this.#state(S.FLOAT_SCRATCH);
    return [v128.load(result), v128.load(result, 16)];
  }
  shared(name: string, args: readonly V128[], body: (f: Func, args: readonly V128[]) => V128): V128 {
    return this.f.call<'v128'>(this.rt.shared(name, args.length, body), ...args);
  }

  // -- stack -------------------------------------------------------------------------------------------------------
  get #stackWidth(): Width {
    if (this.variant.stack === 0) throw new Error(`${this.variant.name} is not marked as using the stack`);
    return width(this.variant.stack);
  }
  /** Linear address of SS:pointer; in 16- and 32-bit code the segment's base and limit count. */
  #stackLinear(pointer: Int, size: OpSize, writes: boolean): I64 {
    if (this.variant.stack === 8) return pointer as I64;
    const offset = this.#stackWidth.unsigned64(pointer);
    return this.f.call<'i64'>(this.rt.stackLinear, offset, i32.const(size | (writes ? ACCESS_WRITE : 0)));
  }
  push(size: OpSize, value: Int): void {
    const w = this.#stackWidth;
    const v = this.f.let(value);
    const pointer = this.f.let(w.trim(w.sub(this.reg(S.RSP, w.size), w.const(size))));
    this.#store(this.f.let(this.#stackLinear(pointer, size, true)), size, v);
    this.setReg(S.RSP, w.size, pointer);
  }
  top(size: OpSize): Int {
    return this.#load(this.f.let(this.#stackLinear(this.reg(S.RSP, this.#stackWidth.size), size, false)), size);
  }
  popped(size: OpSize): void {
    this.release(i64.const(BigInt(size)));
  }
  release(bytes: I64): void {
    const w = this.#stackWidth;
    this.setReg(S.RSP, w.size, this.f.let(w.trim(w.add(this.reg(S.RSP, w.size), w.from64(bytes)))));
  }
  leaveTop(size: OpSize): Int {
    const w = this.#stackWidth;
    const frame = this.reg(S.RBP, w.size);
    const value = this.#load(this.f.let(this.#stackLinear(frame, size, false)), size);
    this.setReg(S.RSP, w.size, this.f.let(w.trim(w.add(frame, w.const(size)))));
    return value;
  }

  // -- flags and control -------------------------------------------------------------------------------------------
  systemFlags(): I32 {
    return i32.load(this.#state(S.EFLAGS));
  }
  setSystemFlags(value: I32): void {
    this.f.store32(this.#state(S.EFLAGS), value);
  }
  cpl(): I32 {
    return i32.load(this.#state(S.CPL));
  }
  cr4(): I32 {
    return i32.load(this.#state(S.CR4));
  }
  interruptShadow(): void {
    this.f.store64(this.#state(S.SHADOW_RIP), this.nextIp());
    this.f.store32(this.#state(S.SHADOW), i32.const(1));
    this.#stop ??= this.f.local('i32');
    this.f.set(this.#stop, i32.ne(i32.load(this.#state(S.WINDOW)), i32.const(0)));
  }
  #end(): I64 {
    return i64.extendU(i32.add(i32.load16U(this.#record, RECORD_START), i32.load8U(this.#record, RECORD_LENGTH)));
  }
  nextIp(): I64 {
    return this.f.let(i64.add(i64.load(this.#state(S.RIP)), this.#end()));
  }
  #truncateIp(ip: I64): I64 {
    if (this.size === 8) return ip;
    return i64.and(ip, i64.const(this.size === 2 ? 0xffffn : 0xffff_ffffn));
  }
  endBlock(): void {
    this.f.store64(this.#state(S.RIP), this.nextIp());
    this.#leave();
  }
  jump(target: I64, commit?: () => void): void {
    const to = this.f.let(this.#truncateIp(target));
    this.#requireTarget(to);
    commit?.();
    this.f.store64(this.#state(S.RIP), to);
    this.#leave();
  }
  /** #GP for a near target that is not canonical or beyond the limit; flat code has none of the latter. */
  #requireTarget(to: I64, taken: I32 = i32.const(1)): void {
    const raise = () => this.raise(S.GP);
    if (this.size === 8) {
      const unused = this.f.let(i64.extendU(i32.load(this.#state(S.CANONICAL_SHIFT))));
      const bad = i64.ne(i64.shrS(i64.shl(to, unused), unused), to);
      this.f.if(i32.and(bad, taken), raise);
    } else if (this.variant.limited) {
      this.f.if(i32.and(i64.gtU(to, i64.load(this.#state(S.CODE_LIMIT))), taken), raise);
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
    const target = f.let(this.#truncateIp(i64.add(i64.load(this.#state(S.RIP)), i64.load32S(field, at))));
    const go = (): void => {
      commit?.();
      f.store64(this.#state(S.RIP), target);
      if (this.#stop) f.if(this.#stop, () => f.return(i32.const(EXIT_STOP)));
    };
    f.if(i32.eq(i32.load(link, LINK_GENERATION), i32.load(this.#state(S.CODE_GENERATION))), () => {
      go();
      const budget = f.let(i32.load(this.#state(S.BUDGET)));
      const waiting = i32.or(i32.ltS(budget, i32.const(0)), i32.load(this.#state(S.REQUEST)));
      f.if(waiting, () => f.return(i32.const(EXIT_SLICE)));
      f.store32(this.#state(S.BUDGET), i32.sub(budget, i32.load(link, LINK_COUNT)));
      chain(f, f.let(i32.load(link, LINK_RECORD)), 0);
    });
    this.#requireTarget(target, taken);
    go();
    f.returnCall(this.rt.next, link);
    this.#ended = true;
  }
  #leave(): void {
    if (this.#stop) this.f.if(this.#stop, () => this.f.return(i32.const(EXIT_STOP)));
    this.f.returnCall(this.rt.next, this.#state(S.NO_LINK));
    this.#ended = true;
  }
  raise(vector: number): void {
    this.f.call(this.rt.raise, i32.const(vector));
    this.f.returnCall(this.rt.fault, this.#record);
  }

  // -- strings -----------------------------------------------------------------------------------------------------
  repeatFrom(start: Label): void {
    const f = this.f;
    const budget = f.let(i32.sub(i32.load(this.#state(S.BUDGET)), i32.const(1)));
    f.store32(this.#state(S.BUDGET), budget);
    let leave: I32 = i32.or(i32.load(this.#state(S.REQUEST)), i32.ltS(budget, i32.const(0)));
    if (this.#stop) leave = i32.or(leave, this.#stop);
    f.if(leave, () => f.returnCall(this.rt.restart, this.#record));
    f.br(start);
  }

  bulkString(kind: StringKind): void {
    if (this.addressSize === 2 || this.variant.fields.some((x) => x.kind === 'g' && this.addressSize === 8)) return;
    const access: StringAccess = {
      // a single step is one element
      allowed: () => i32.and(i32.gtS(i32.load(this.#state(S.BUDGET)), i32.const(0)), this.#unchecked()),
      linear: (i, writes) => this.#linear(i, writes),
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

/** Tail-calls the handler of the record `size` bytes further. */
export function chain(f: Func, record: Expr<'i32'>, size: number): void {
  const next = size === 0 ? record : f.let(i32.add(record, i32.const(size)));
  f.returnCallIndirect({ params: ['i32'], results: ['i32'] }, i32.load(next, RECORD_HANDLER), next);
}
