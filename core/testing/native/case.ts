/** One instruction and the state it starts from; the state it leaves. Both harnesses take the one and give the other. */
import type { Row } from '../../cpu/table/index.ts';

/** Where things lie: the same addresses natively (native-cpu.c) and in the emulated CPU. */
export const DATA = 0x1000_0000;
export const DATA_BYTES = 0x2000; // nothing is mapped behind it
/** The bytes of data that a case sets and that are compared: across the boundary of the two pages. */
export const WINDOW = DATA + 0x1000 - 96;
export const WINDOW_BYTES = 192;
export const CENTRE = WINDOW + WINDOW_BYTES / 2;
/** The same pages once more: what lies where 16-bit offsets wrap. */
export const DATA_COPY = DATA + 0x1_0000;
export const CODE = 0x2000_0000;
export const CODE_BYTES = 0x1_1000; // INT3 throughout
export const START = CODE + 0x8000;
/** Exponent field of every x87 register before. */
export const EXPONENT_BEFORE = 0x1234;

/** Bytes of a vector register. */
export const VECTOR_BYTES = 32;

export interface InstructionCase {
  readonly row: Row;
  readonly long: boolean;
  /** Segment registers in encoding order; the code and stack segments can be used. */
  readonly selectors: readonly number[];
  /** In 64-bit mode. */
  readonly fsBase: bigint;
  readonly gsBase: bigint;
  /** Linear address of the instruction. */
  readonly start: number;
  /** Linear address of a memory operand. */
  readonly operandAddress: number;
  readonly seed: number;
  readonly code: Uint8Array;
  /** Operand size in bytes. */
  readonly size: 1 | 2 | 4 | 8;
  /** REP or REPNE stands before a string instruction. */
  readonly repeats: boolean;
  /** In encoding order. */
  readonly gprs: BigUint64Array;
  readonly eflags: number;
  readonly mxcsr: number;
  readonly fcw: number;
  readonly fsw: number;
  readonly ftw: number;
  /** YMM0..15, 32 bytes each. */
  readonly ymm: Uint8Array;
  /** By physical register. */
  readonly mm: BigUint64Array;
  readonly memory: Uint8Array;
}

/** Vector of an outcome without an exception. */
export const NO_VECTOR = 0xff;

export interface Outcome {
  readonly gprs: BigUint64Array;
  readonly rip: bigint;
  readonly selectors: readonly number[];
  readonly fsBase: bigint;
  readonly gsBase: bigint;
  readonly eflags: number;
  readonly mxcsr: number;
  readonly vector: number;
  readonly error: number;
  /** Means something after #PF. */
  readonly cr2: bigint;
  readonly fsw: number;
  readonly ftw: number;
  readonly exponents: Uint16Array;
  readonly ymm: Uint8Array;
  readonly mm: BigUint64Array;
  readonly memory: Uint8Array;
}
