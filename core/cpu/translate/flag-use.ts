/** Which instructions read, set or may lose the arithmetic flags: what decides where the words must be right. */
import type { Insn } from '../decode/insn.ts';
import type { FlagUse } from './deferred-flags.ts';
import type { RegionBlock } from './region.ts';

/** They set all flags by one operation of Flags, always; INC and DEC but for CF, which they take along. */
const OPERATIONS = new Set(['ADD', 'SUB', 'CMP', 'AND', 'OR', 'XOR', 'TEST', 'NEG', 'MUL', 'IMUL']);
const STEPS = new Set(['INC', 'DEC']);
const SHIFTS = new Set(['SHL', 'SHR', 'SAR']);
const CARRY_OPERATIONS = new Set(['ADC', 'SBB']);
/** They neither touch flags nor can fault, when their operands are registers. */
const PLAIN = new Set(['MOV', 'MOVZX', 'MOVSX', 'MOVSXD', 'LEA', 'XCHG', 'NOP', 'BSWAP', 'NOT', 'CBW', 'CWD']);

export function flagUse(insn: Insn): FlagUse {
  const { row } = insn;
  if (OPERATIONS.has(row.name) || STEPS.has(row.name) || shiftsAlways(insn)) return 'operation';
  if (CARRY_OPERATIONS.has(row.name)) return 'carryOperation';
  if (row.writes === undefined && row.undef === undefined) return 'none'; // readers settle what they read
  return 'words';
}

/** By a count that is known, and not zero. */
function shiftsAlways({ row, operands, operandSize }: Insn): boolean {
  const count = operands[1];
  return SHIFTS.has(row.name) && count?.kind === 'immediate' && (count.low & (operandSize === 8 ? 63 : 31)) !== 0;
}

/**
 * Whether the words must be right when a block is entered: unless it sets all flags before anything can read them, or
 * leave the region and show them.
 */
export function needsFlags({ insns }: RegionBlock): boolean {
  for (const { insn } of insns) {
    const { row } = insn;
    const isAddress = row.name === 'LEA' || row.name === 'NOP';
    if (!isAddress && insn.operands.some((o) => o.kind === 'memory')) return true;
    if (OPERATIONS.has(row.name) || shiftsAlways(insn)) return false;
    if (!PLAIN.has(row.name)) return true;
  }
  return true;
}
