/** Which instructions the translator takes, and what of their mode it must know; at others the interpreter goes on. */
import type { Insn } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { CS, FS } from '../state.ts';

const size = (mode: number): number => mode & M.MODE_SIZE_MASK;
export const isLong = (mode: number): boolean => size(mode) === M.MODE_64;
export const is16Bit = (mode: number): boolean => size(mode) === M.MODE_16;
/** RIP is the linear address, and nothing limits it. */
export const isFlatCode = (mode: number): boolean => (mode & M.MODE_FLAT_CODE) !== 0 && !is16Bit(mode);
/** A segment's base is zero, and nothing is to be checked; in 64-bit code FS and GS have a base. */
export const isFlatSegment = (mode: number, segment: number): boolean =>
  isLong(mode) || ((mode & M.MODE_FLAT) !== 0 && segment < FS && segment !== CS);
/** Bytes of the stack pointer. */
export const stackSize = (mode: number): 2 | 4 | 8 => (isLong(mode) ? 8 : (mode & M.MODE_STACK32) !== 0 ? 4 : 2);

export function isTranslatable({ row, mode, operandSize }: Insn): boolean {
  if (!row.emit || row.string) return false;
  // near transfers of 16 bits cut EIP: within a region of 16-bit code that changes nothing
  return !row.near || operandSize !== 2 || is16Bit(mode);
}
