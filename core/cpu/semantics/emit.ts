/**
 * What an instruction's meaning is written against. One semantic emitter a row of the table writes WebAssembly for
 * one instruction through this interface; the interpreter gives operands that are read from a decoded record, the
 * translator operands that are constants and locals. So an emitter never looks at records, offsets or locals of an
 * engine, and keeps this order, which makes faults precise:
 *
 *   1. read everything that can fault (memory operands, readForWrite for read-modify-write);
 *   2. store to memory;
 *   3. only then write registers and flags.
 */
import type { Expr, Func, I32, I64, Label, V128 } from '../../wasm/index.ts';
import type { FloatOperation } from '../sse/operations.ts';
import type { Int, OpSize, Width } from './width.ts';
import type { X87Result, X87RoutineName } from './x87/routines.ts';
import type { SystemRoutineName } from './xsave.ts';

/** Condition codes in encoding order: O NO B AE E NE BE A S NS P NP L GE LE G. */
export type ConditionCode = number;

/** Arithmetic flags. Sizes say which bit is the sign; values are trimmed to it. */
export interface Flags {
  /** After r = a + b (+ carry): all six. Operands are used more than once: pass let() values. */
  add(size: OpSize, a: Int, b: Int, r: Int): void;
  /** After r = a - b (- borrow): all six. */
  sub(size: OpSize, a: Int, b: Int, r: Int): void;
  /** CF and OF clear, AF clear (undefined), the rest from r. */
  logic(size: OpSize, r: Int): void;
  /** SF ZF PF from r, CF and OF as given (0 or 1), AF clear. */
  result(size: OpSize, r: Int, cf: I32, of: I32): void;
  /** As add and sub, but CF stays. */
  increment(size: OpSize, r: Int): void;
  decrement(size: OpSize, a: Int, r: Int): void;
  setCf(cf: I32): void;
  /** CF and OF as given, the others stay. */
  rotate(cf: I32, of: I32): void;
  /** 0 or 1 */
  cf(): I32;
  /** 0 or 1 */
  condition(cc: ConditionCode): I32;
  /** OF SF ZF AF PF CF at their EFLAGS positions. */
  arith(): I32;
  /** Sets the six from an EFLAGS image. */
  setArith(image: I32): void;
}

/** An operation of cpu/sse on the first `elements` elements; `control` is an immediate operand that it takes. */
export interface ExactFloat {
  readonly name: FloatOperation;
  readonly elements: number;
  readonly control?: I32;
}

/** String instructions that can be done in bulk. */
export type StringKind = 'movs' | 'stos' | 'cmps' | 'scas';

export interface Emit {
  readonly f: Func;
  /** Operand size in bytes of 'v' operands, 1 for byte forms. */
  readonly size: OpSize;
  /** Arithmetic at that size. */
  readonly w: Width;
  /** Address size in bytes: of string instructions, LOOP and JCXZ. */
  readonly addressSize: 2 | 4 | 8;
  /**
   * Bytes of a vector in a VEX encoding: its destination register is written whole, with zeros above. 0 in a legacy
   * encoding, which leaves the upper half of a YMM register alone.
   */
  readonly vectorLength: 0 | 16 | 32;
  /** 0, 0xf2 (REPNE) or 0xf3 (REP/REPE); string instructions only. */
  readonly repeat: number;
  readonly flags: Flags;

  /**
   * Operand i, zero-extended from its own size: i32 up to 4 bytes, i64 for 8. Evaluated now (a let() value). Of a segment or
   * control register it is the number.
   */
  read(i: number): Int;
  /** The same for an operand that will be written: a memory operand is checked for writing first. */
  readForWrite(i: number): Int;
  /** Faults as a write of memory operand i would. */
  checkWrite(i: number): void;
  /** Writes operand i. 32-bit register writes clear the upper half. */
  write(i: number, value: Int): void;
  /** Size in bytes of operand i. */
  operandSize(i: number): OpSize;
  isMemory(i: number): boolean;
  isRegister(i: number): boolean;
  /** Offset within its segment, untruncated but for the address size (LEA). */
  offset(i: number): I64;
  /** From now on memory operand i lies `displacement` bytes further (bit strings). */
  displace(i: number, displacement: I64): void;
  /** From now on memory operand i is the part of a larger one that lies so many bytes in: it does not wrap by itself. */
  advance(i: number, bytes: I64): void;

  /** General registers by number (implicit operands). */
  reg(number: number, size: OpSize): Int;
  setReg(number: number, size: OpSize, value: Int): void;
  /** XMM registers by number; writing one is as writeVector. */
  xmm(number: number): V128;
  setXmm(number: number, value: V128): void;

  /**
   * A whole vector operand as its 128-bit lanes: one, or two of a 32-byte vector. Memory is read or written at once:
   * either all of it or, when that faults, nothing. Alignment is that of the whole vector.
   */
  readLanes(i: number, aligned?: boolean): readonly V128[];
  writeLanes(i: number, lanes: readonly V128[], aligned?: boolean): void;
  /** Vector operands: 16, 8 or 4 bytes into the low part of a v128, the rest zero for memory. */
  readVector(i: number, bytes: 4 | 8 | 16, aligned?: boolean): V128;
  /** Writes all 16 bytes of a register (and zeros above, in a VEX encoding), or the low `bytes` of memory. */
  writeVector(i: number, value: V128, bytes: 4 | 8 | 16, aligned?: boolean): void;
  /**
   * Operand i is an MMX register: 8 bytes, which readVector and writeVector move to and from the low half of a v128.
   * An MMX instruction starts with checkMmx() and ends with enterMmx() (sse/mmx.ts).
   */
  isMmx(i: number): boolean;
  /** #MF when an x87 exception is pending. */
  checkMmx(): void;
  /** All x87 registers in use, TOP 0. */
  enterMmx(): void;
  /** All x87 registers empty, TOP 0 (EMMS). */
  leaveMmx(): void;
  mxcsr(): I32;
  setMxcsr(value: I32): void;
  /**
   * The operation exactly, with MXCSR's rounding, flags and exceptions: each source and the result by 128-bit lanes, of which
   * the result has two. An unmasked exception ends the path.
   */
  exactFloat(operation: ExactFloat, sources: readonly (readonly V128[])[]): readonly V128[];
  /** Calls a function of vectors that the engine's instructions share; `body` makes it when its name is new. */
  shared(name: string, args: readonly V128[], body: (f: Func, args: readonly V128[]) => V128): V128;

  /** The stack: pushes at operand sizes 2, 4, 8 through SS with the mode's stack-address size. */
  push(size: OpSize, value: Int): void;
  /** Reads the top of stack; call popped() after everything else that can fault. */
  top(size: OpSize): Int;
  popped(size: OpSize): void;
  /** Adds to the stack pointer (RET imm16). */
  release(bytes: I64): void;
  /** LEAVE: reads at SS:rBP, then sets the stack pointer behind it. */
  leaveTop(size: OpSize): Int;

  /** EFLAGS bits other than the arithmetic ones. */
  systemFlags(): I32;
  setSystemFlags(value: I32): void;

  cpl(): I32;
  /** The TLB's part that serves from now on lies so many parts further; its address. */
  moveTlb(parts: I32): I32;
  cr0(): I32;
  cr4(): I32;
  /** Blocks interrupts for one instruction (STI). */
  interruptShadow(): void;

  /** Address of the instruction, and of the next one (RIP). */
  ip(): I64;
  nextIp(): I64;
  /** Goes on with the next instruction in a new block, where interrupts are looked at. */
  endBlock(): void;
  /**
   * Ends the instruction with a jump to `target`, truncated to the operand size outside 64-bit mode. A target beyond the
   * code segment or not canonical raises #GP; `commit` is what else the instruction does, once the target is known to be
   * good.
   */
  jump(target: I64, commit?: () => void): void;
  /** The same to the relative target of operand i. */
  jumpRelative(i: number, commit?: () => void): void;
  /** Both ways out of a conditional branch. */
  branch(cond: I32, i: number, commit?: () => void): void;

  /**
   * Ends the path, when `cond`, with the system instruction of the row, which begins anew: nothing is written before. The
   * rows that have both an emitter and a system instruction may do this.
   */
  fallBackIf(cond: I32): void;
  /** Of the same rows: where memory operand i lies in host memory; what is not there to be had at once falls back. */
  hostOrFallBack(i: number, bytes: number, writes: boolean): I32;
  /** Of the same rows: the ModRM byte, and the segment register's number of memory operand i. */
  modrm(): I32;
  segmentOf(i: number): I32;
  selector(segment: I32): I32;
  /** Address of a field of the vCPU's state (state.ts) that is nowhere else. */
  field(offset: number): I32;
  /** Guest time in ns. */
  nowNs(): Expr<'f64'>;
  /** Calls a routine of semantics/xsave.ts. */
  systemRoutine(name: SystemRoutineName, ...args: readonly I32[]): I32;
  /** Address of a field of the x87's area (fpu/state.ts). */
  x87(field: number): I32;
  /** Calls a routine of the x87's (semantics/x87/routines.ts). */
  x87Routine<N extends X87RoutineName>(name: N, ...args: readonly Int[]): Expr<X87Result<N>>;

  /** Raises exception `vector`, with error code 0 where the vector has one; ends the path. */
  raise(vector: number): void;

  /**
   * Goes round again in a repeated string instruction, or leaves at this instruction when an interrupt or exit waits,
   * so that it is resumed with the registers as they stand.
   */
  repeatFrom(start: Label): void;
  /**
   * Does as many elements at once as one page allows, registers and count included; the rest is left to the loop that
   * follows, and of a comparison the element that ends it.
   */
  bulkString(kind: StringKind): void;
}

export type Emitter = (e: Emit) => void;
