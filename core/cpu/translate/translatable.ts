/** Which instructions the translator takes; at others the interpreter goes on. */
import type { Insn } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { CS, FS } from '../state.ts';

/** Code that is flat, in 32 or 64 bits. */
export function isTranslatableMode(mode: number): boolean {
  return (mode & M.MODE_FLAT_CODE) !== 0 && (mode & M.MODE_SIZE_MASK) !== M.MODE_16;
}

export function isTranslatable(insn: Insn): boolean {
  const { row, mode } = insn;
  if (!row.emit || row.string) return false;
  const long = (mode & M.MODE_SIZE_MASK) === M.MODE_64;
  // near transfers of 16 bits cut EIP
  if (row.near && insn.operandSize === 2) return false;
  if (long) return true;
  const flat = (mode & M.MODE_FLAT) !== 0;
  if (row.stack && (!flat || (mode & M.MODE_STACK32) === 0)) return false;
  return insn.operands.every((o) => o.kind !== 'memory' || (flat && o.segment < FS && o.segment !== CS));
}
