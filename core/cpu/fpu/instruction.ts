/** What an x87 instruction is to the dispatcher: its row, its function, its way to memory and what comes of it. */
import type { X87State } from './state.ts';

/** The memory operand of the instruction being executed, as the CPU sees it: segment, paging and faults are its own. */
export interface X87Memory {
  /**
   * Copies `bytes` bytes of the operand to X87State.operand. False when an access faulted: nothing was copied that
   * matters, the FPU state has not changed and the instruction will be run again. Throwing instead is as good.
   */
  load(bytes: number): boolean;
  /** Copies `bytes` bytes of X87State.operand to the operand. False when an access faulted, as with load. */
  store(bytes: number): boolean;
}

export type X87Result = 0 | 1 | 2 | 3;
export const X87_DONE: X87Result = 0;
/** A memory access faulted; the port knows how. */
export const X87_MEMORY_FAULT: X87Result = 1;
/** #MF, or FERR# when CR0.NE is clear: an earlier instruction left an unmasked exception. This one did nothing. */
export const X87_MATH_FAULT: X87Result = 2;
/** #UD: no such instruction. */
export const X87_UNDEFINED: X87Result = 3;

/** Layout of the FLDENV and FSAVE images: one of the sizes, in real-address and virtual-8086 mode with ENVIRONMENT_REAL. */
export const ENVIRONMENT_16 = 0;
export const ENVIRONMENT_32 = 1;
export const ENVIRONMENT_REAL = 2;

export type X87Execute = (fpu: X87State, modrm: number, memory: X87Memory, environment: number) => X87Result;

/** One row of the instruction table. */
export interface X87Instruction {
  name: string;
  execute: X87Execute;
  /** Bytes of its memory operand as it is usually counted; absent for register forms. */
  memoryBytes?: number;
  /** Runs without looking for pending exceptions first (the FN- forms). */
  noWait?: boolean;
  /** A control instruction: leaves FIP, FDP and FOP alone. */
  control?: boolean;
}
