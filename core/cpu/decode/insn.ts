/** One decoded instruction. */
import type { Row } from '../table/index.ts';
import type { VectorLength } from '../table/row.ts';

export type Size = 1 | 2 | 4 | 8 | 10 | 16 | 32;

/** Base register number that stands for RIP: the displacement then is from the next instruction. */
export const BASE_RIP = 16;
export const NO_REGISTER = -1;

export interface RegisterOperand {
  readonly kind: 'register';
  readonly size: 1 | 2 | 4 | 8;
  readonly register: number;
  /** AH CH DH BH: bits 8..15 of register. */
  readonly high: boolean;
}
export interface ImmediateOperand {
  readonly kind: 'immediate';
  readonly size: 1 | 2 | 4 | 8;
  /** Low 32 bits, signed, and the upper 32 (sign-extended unless size is 8). Zero-extended below 4 bytes. */
  readonly low: number;
  readonly high: number;
}
export interface MemoryOperand {
  readonly kind: 'memory';
  readonly size: Size;
  readonly base: number;
  readonly index: number;
  /** log2 */
  readonly scale: number;
  /** Signed low half, and the high half, of the displacement (a full 64 bits with moffs only). */
  readonly displacement: number;
  readonly displacementHigh: number;
  /** Segment register in encoding order; in 64-bit mode only FS and GS have a base. */
  readonly segment: number;
  /** The index is a vector register (a gather). */
  readonly vectorIndex?: boolean;
}
export interface RelativeOperand {
  readonly kind: 'relative';
  /** From the next instruction. */
  readonly displacement: number;
}
export interface FarOperand {
  readonly kind: 'far';
  readonly selector: number;
  readonly offset: number;
}
/** A register that is not a general one: XMM, MMX, segment, control, debug. */
export interface SpecialOperand {
  readonly kind: 'vector' | 'mmx' | 'segment' | 'control' | 'debug';
  readonly register: number;
}
export type Operand =
  | RegisterOperand
  | ImmediateOperand
  | MemoryOperand
  | RelativeOperand
  | FarOperand
  | SpecialOperand;

export interface Insn {
  readonly row: Row;
  /** In bytes, 1..15. */
  readonly length: number;
  /** Full opcode with map and low bits. */
  readonly opcode: number;
  readonly operandSize: 1 | 2 | 4 | 8;
  readonly addressSize: 2 | 4 | 8;
  /** Bytes of a vector, of a VEX encoding; 0 for a legacy one. */
  readonly vectorLength: VectorLength;
  /** 0, 0xf2 or 0xf3, for string instructions. */
  readonly repeat: number;
  readonly lock: boolean;
  readonly modrm: number;
  readonly operands: readonly Operand[];
  readonly mode: number;
}
