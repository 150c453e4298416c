/**
 * What both engines generate alike: memory accesses through the TLB, vector registers, MMX, the stack. Where an
 * instruction's operands come from, and how one is left that faults, are an engine's own.
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
  type V128,
  v128,
} from '../../wasm/index.ts';
import { X87_ES, X87_FSW, X87_FTW, X87_TOP } from '../fpu/state.ts';
import { emitTlbSlot } from '../mmu/tlb-slot.ts';
import type { Emit, ExactFloat, Flags, StringKind } from '../semantics/emit.ts';
import type { Int, OpSize, Width } from '../semantics/width.ts';
import type { X87Result, X87RoutineName } from '../semantics/x87/routines.ts';
import type { SystemRoutineName } from '../semantics/xsave.ts';
import { floatOperationNumber } from '../sse/operations.ts';
import * as S from '../state.ts';

/** What slow memory paths answer. */
export const SLOW_DONE = 0;
export const SLOW_FAULT = 1;
/** Done, but leave after this instruction. */
export const SLOW_STOP = 2;

/** What generated code calls: TypeScript, and the x87's routines. */
export interface Routines extends Readonly<Record<X87RoutineName | SystemRoutineName, Callable>> {
  /** (lo, hi, size) -> SLOW_*; value in SCRATCH */
  readonly slowRead: Callable;
  readonly slowWrite: Callable;
  /** (lo, hi, size) -> SLOW_*: reads for a later write, which then cannot fault. */
  readonly slowReadForWrite: Callable;
  /** (vector) */
  readonly raise: Callable;
  /** (operation, elements, control) -> 1 when an exception is pending */
  readonly float: Callable;
  /** () -> guest time in ns */
  readonly nowNs: Callable;
}

/** A memory operand between its reading and its writing. */
export interface Reserved {
  readonly source: I32;
  store(put: (address: I32) => void): void;
}

const PAGE_MASK = ~0xfffn;
const ZERO_VECTOR = i64x2.const(0n);

export abstract class MachineEmit implements Emit {
  abstract readonly size: OpSize;
  abstract readonly w: Width;
  abstract readonly addressSize: 2 | 4 | 8;
  abstract readonly repeat: number;
  abstract readonly vectorLength: 0 | 16 | 32;
  abstract readonly flags: Flags;
  /** Memory operands that have been read for writing. */
  protected readonly reserved: (Reserved | undefined)[] = [];

  constructor(
    readonly f: Func,
    readonly state: number,
    readonly routines: Routines,
  ) {}

  /** Address of a field of the vCPU's state. */
  protected at(offset: number): I32 {
    return i32.const(this.state + offset);
  }

  // -- an engine's own ---------------------------------------------------------------------------------------------
  abstract operandSize(i: number): OpSize;
  abstract isMemory(i: number): boolean;
  abstract isRegister(i: number): boolean;
  /** Operand i is a vector register, XMM or MMX. */
  protected abstract isVector(i: number): boolean;
  /** Address of that register; evaluated. */
  protected abstract vectorRegister(i: number): I32;
  /** Linear address of memory operand i; evaluated. */
  protected abstract linear(i: number, writes?: boolean): I64;
  abstract offset(i: number): I64;
  abstract displace(i: number, displacement: I64): void;
  abstract advance(i: number, bytes: I64): void;
  abstract read(i: number): Int;
  protected abstract writeRegister(i: number, value: Int): void;
  abstract reg(number: number, size: OpSize): Int;
  abstract setReg(number: number, size: OpSize, value: Int): void;
  abstract shared(name: string, args: readonly V128[], body: (f: Func, args: readonly V128[]) => V128): V128;
  /** Of the stack pointer. */
  protected abstract readonly stackWidth: Width;
  /** Linear address of SS:pointer; in 16- and 32-bit code the segment's base and limit count. */
  protected abstract stackLinear(pointer: Int, size: OpSize, writes: boolean): I64;
  /** Leaves at this instruction, whose exception is pending. */
  protected abstract faultIf(cond: I32): void;
  abstract interruptShadow(): void;
  abstract ip(): I64;
  abstract nextIp(): I64;
  abstract fallBackIf(cond: I32): void;
  abstract modrm(): I32;
  abstract segmentOf(i: number): I32;
  abstract endBlock(): void;
  abstract jump(target: I64, commit?: () => void): void;
  abstract jumpRelative(i: number, commit?: () => void): void;
  abstract branch(cond: I32, i: number, commit?: () => void): void;
  abstract raise(vector: number): void;
  abstract repeatFrom(start: Label): void;
  abstract bulkString(kind: StringKind): void;
  protected tlbBase(): I32 {
    return i32.load(this.at(S.TLB_BASE));
  }

  // -- the TLB -----------------------------------------------------------------------------------------------------
  /** Looks up a linear address; `hit`: the entry allows an access of `bytes` bytes, its page is that of the last byte. */
  protected probe(linear: I64, bytes: number, tag: number): { hit: I32; host: I32 } {
    const entry = this.f.let(i32.add(emitTlbSlot(i32.wrap(linear)), this.tlbBase()));
    const last = bytes === 1 ? linear : i64.add(linear, i64.const(BigInt(bytes - 1)));
    return {
      hit: i64.eq(i64.load(entry, tag), i64.and(last, i64.const(PAGE_MASK))),
      host: i32.add(i32.wrap(linear), i32.load(entry, S.TLB_ADDEND)),
    };
  }
  /** Where `bytes` bytes of guest memory can be read, or a copy of them; evaluated. */
  protected abstract source(linear: I64, bytes: number): I32;
  /** Stores by `put`, which gets the address. */
  protected abstract store(linear: I64, bytes: number, put: (address: I32) => void): void;
  /** An operand that is read and will be written: what fails, fails now. */
  protected abstract reserve(linear: I64, bytes: number): Reserved;

  // -- memory ------------------------------------------------------------------------------------------------------
  protected load(linear: I64, size: OpSize): Int {
    return this.f.let(loadInt(this.source(linear, size), size));
  }
  #store(linear: I64, size: OpSize, value: Int): void {
    this.store(linear, size, (address) => storeInt(this.f, address, size, value));
  }

  hostOrFallBack(i: number, bytes: number, writes: boolean): I32 {
    const { hit, host } = this.probe(this.linear(i, writes), bytes, writes ? S.TLB_WRITE : S.TLB_READ);
    this.fallBackIf(i32.eqz(hit));
    return this.f.let(host);
  }

  readForWrite(i: number): Int {
    if (!this.isMemory(i)) return this.read(i);
    const size = this.operandSize(i);
    const reserved = this.reserve(this.linear(i, true), size);
    this.reserved[i] = reserved;
    return this.f.let(loadInt(reserved.source, size));
  }

  checkWrite(i: number): void {
    this.reserve(this.linear(i, true), this.operandSize(i));
  }

  write(i: number, value: Int): void {
    if (this.isRegister(i)) {
      this.writeRegister(i, value);
      return;
    }
    const size = this.operandSize(i);
    const v = this.f.let(value);
    const put = (address: I32): void => storeInt(this.f, address, size, v);
    const reserved = this.reserved[i];
    if (reserved) reserved.store(put);
    else this.store(this.linear(i, true), size, put);
  }

  xmm(number: number): V128 {
    return this.f.let(v128.load(this.at(S.VEC + number * S.VEC_SIZE)));
  }
  setXmm(number: number, value: V128): void {
    const register = this.at(S.VEC + number * S.VEC_SIZE);
    this.f.storeV128(register, value);
    if (this.vectorLength !== 0) this.f.storeV128(register, ZERO_VECTOR, 16);
  }

  // -- vector operands ---------------------------------------------------------------------------------------------
  readVector(i: number, bytes: 4 | 8 | 16, aligned = false): V128 {
    if (this.isVector(i)) {
      const register = this.vectorRegister(i);
      return this.f.let(this.isMmx(i) ? v128.load64Zero(register) : v128.load(register));
    }
    const f = this.f;
    const linear = this.linear(i);
    if (aligned) this.#requireAligned(linear);
    const source = this.source(linear, bytes);
    if (bytes === 16) return f.let(v128.load(source));
    return f.let(bytes === 8 ? v128.load64Zero(source) : v128.load32Zero(source));
  }

  writeVector(i: number, value: V128, bytes: 4 | 8 | 16, aligned = false): void {
    const f = this.f;
    if (this.isVector(i)) {
      const register = this.vectorRegister(i);
      if (this.isMmx(i)) this.#writeMmx(register, value);
      else {
        f.storeV128(register, value);
        if (this.vectorLength !== 0) f.storeV128(register, ZERO_VECTOR, 16);
      }
      return;
    }
    const v = f.let(value);
    const linear = this.linear(i, true);
    if (aligned) this.#requireAligned(linear);
    this.store(linear, bytes, (address) => {
      if (bytes === 16) f.storeV128(address, v);
      else if (bytes === 8) f.store64(address, v128.extractI64(0, v));
      else f.store32(address, v128.extractI32(0, v));
    });
  }
  #requireAligned(linear: I64, bytes = 16): void {
    this.f.ifUnlikely(i32.and(i32.wrap(linear), i32.const(bytes - 1)), () => this.raise(S.GP));
  }

  readLanes(i: number, aligned = false): readonly V128[] {
    if (this.vectorLength !== 32) return [this.readVector(i, 16, aligned)];
    const f = this.f;
    if (this.isVector(i)) {
      const register = this.vectorRegister(i);
      return [f.let(v128.load(register)), f.let(v128.load(register, 16))];
    }
    const linear = this.linear(i);
    if (aligned) this.#requireAligned(linear, 32);
    const source = this.source(linear, 32);
    return [f.let(v128.load(source)), f.let(v128.load(source, 16))];
  }

  writeLanes(i: number, lanes: readonly V128[], aligned = false): void {
    const [low, high] = lanes.map((lane) => this.f.let(lane));
    if (!low) throw new Error('no vector is written');
    if (!high) {
      this.writeVector(i, low, 16, aligned);
      return;
    }
    const f = this.f;
    const put = (address: I32): void => {
      const at = f.let(address);
      f.storeV128(at, low);
      f.storeV128(at, high, 16);
    };
    if (this.isVector(i)) {
      put(this.vectorRegister(i));
      return;
    }
    const linear = this.linear(i, true);
    if (aligned) this.#requireAligned(linear, 32);
    this.store(linear, 32, put);
  }
  isMmx(i: number): boolean {
    return this.isVector(i) && this.operandSize(i) === 8;
  }
  /** The significand of an x87 register; its exponent field then reads as all ones. */
  #writeMmx(register: I32, value: V128): void {
    this.f.store64(register, v128.extractI64(0, value));
    this.f.store32(register, i32.const(0xffff), 8);
  }
  checkMmx(): void {
    const pending = i32.and(i32.load(this.at(S.X87 + X87_FSW)), i32.const(X87_ES));
    this.f.if(pending, () => this.raise(S.MF));
  }
  #setMmx(ftw: number): void {
    const fsw = i32.load(this.at(S.X87 + X87_FSW));
    this.f.store32(this.at(S.X87 + X87_FSW), i32.and(fsw, i32.const(~X87_TOP)));
    this.f.store32(this.at(S.X87 + X87_FTW), i32.const(ftw));
  }
  enterMmx(): void {
    this.#setMmx(0xff);
  }
  leaveMmx(): void {
    this.#setMmx(0);
  }
  mxcsr(): I32 {
    return i32.load(this.at(S.MXCSR));
  }
  setMxcsr(value: I32): void {
    this.f.store32(this.at(S.MXCSR), value);
  }
  exactFloat(operation: ExactFloat, sources: readonly (readonly V128[])[]): readonly V128[] {
    const f = this.f;
    sources.forEach((lanes, n) => {
      lanes.forEach((lane, l) => {
        f.storeV128(this.at(S.FLOAT_SCRATCH + (n + 1) * S.VEC_SIZE), lane, l * 16);
      });
    });
    const { name, elements, control = i32.const(0) } = operation;
    this.faultIf(f.call(this.routines.float, i32.const(floatOperationNumber(name)), i32.const(elements), control));
    const result = this.at(S.FLOAT_SCRATCH);
    return [v128.load(result), v128.load(result, 16)];
  }
  push(size: OpSize, value: Int): void {
    const w = this.stackWidth;
    const v = this.f.let(value);
    const pointer = this.f.let(w.trim(w.sub(this.reg(S.RSP, w.size), w.const(size))));
    this.#store(this.f.let(this.stackLinear(pointer, size, true)), size, v);
    this.setReg(S.RSP, w.size, pointer);
  }
  top(size: OpSize): Int {
    return this.load(this.f.let(this.stackLinear(this.reg(S.RSP, this.stackWidth.size), size, false)), size);
  }
  popped(size: OpSize): void {
    this.release(i64.const(BigInt(size)));
  }
  release(bytes: I64): void {
    const w = this.stackWidth;
    this.setReg(S.RSP, w.size, this.f.let(w.trim(w.add(this.reg(S.RSP, w.size), w.from64(bytes)))));
  }
  leaveTop(size: OpSize): Int {
    const w = this.stackWidth;
    const frame = this.reg(S.RBP, w.size);
    const value = this.load(this.f.let(this.stackLinear(frame, size, false)), size);
    this.setReg(S.RSP, w.size, this.f.let(w.trim(w.add(frame, w.const(size)))));
    return value;
  }

  systemFlags(): I32 {
    return i32.load(this.at(S.EFLAGS));
  }
  setSystemFlags(value: I32): void {
    this.f.store32(this.at(S.EFLAGS), value);
  }
  selector(segment: I32): I32 {
    const at = i32.add(i32.mul(segment, i32.const(S.SEG_SIZE)), this.at(S.SEG + S.SEG_SELECTOR));
    return i32.load16U(at);
  }
  field(offset: number): I32 {
    return this.at(offset);
  }
  nowNs(): Expr<'f64'> {
    return this.f.call<'f64'>(this.routines.nowNs);
  }
  systemRoutine(name: SystemRoutineName, ...args: readonly I32[]): I32 {
    return this.f.call(this.routines[name], ...args);
  }
  x87(field: number): I32 {
    return this.at(S.X87 + field);
  }
  x87Routine<N extends X87RoutineName>(name: N, ...args: readonly Int[]): Expr<X87Result<N>> {
    return this.f.call<X87Result<N>>(this.routines[name], ...args);
  }
  cpl(): I32 {
    return i32.load(this.at(S.CPL));
  }
  moveTlb(parts: I32): I32 {
    const base = this.f.let(i32.add(this.tlbBase(), i32.mul(parts, i32.const(S.TLB_PART_SIZE))));
    this.f.store32(this.at(S.TLB_BASE), base);
    return base;
  }
  cr0(): I32 {
    return i32.load(this.at(S.CR0));
  }
  cr4(): I32 {
    return i32.load(this.at(S.CR4));
  }
}

export function loadInt(address: I32, size: OpSize): Int {
  if (size === 1) return i32.load8U(address);
  if (size === 2) return i32.load16U(address);
  if (size === 4) return i32.loadU(address);
  return i64.loadU(address);
}
export function storeInt(f: Func, address: I32, size: OpSize, value: Int): void {
  if (size === 1) f.store8(address, value as I32);
  else if (size === 2) f.store16(address, value as I32);
  else if (size === 4) f.store32(address, value as I32);
  else f.store64(address, value as I64);
}
