/** Which instructions read, set or may lose the arithmetic flags: what decides where the words must be right. */
import type { Insn } from '../decode/insn.ts';
import type { FlagUse } from './deferred-flags.ts';
import type { RegionBlock } from './region.ts';

/** They set all flags by one operation of Flags, always. */
const OPERATIONS = new Set(['ADD', 'SUB', 'CMP', 'AND', 'OR', 'XOR', 'TEST', 'NEG']);
const CARRY_OPERATIONS = new Set(['ADC', 'SBB']);
/** They neither touch flags nor can fault, when their operands are registers. */
const PLAIN = new Set(['MOV', 'MOVZX', 'MOVSX', 'MOVSXD', 'LEA', 'XCHG', 'NOP', 'BSWAP', 'NOT', 'CBW', 'CWD']);

export function flagUse({ row }: Insn): FlagUse {
  if (OPERATIONS.has(row.name)) return 'operation';
  if (CARRY_OPERATIONS.has(row.name)) return 'carryOperation';
  if (row.writes === undefined && row.undef === undefined) return 'none'; // readers settle what they read
  return 'words';
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
    if (OPERATIONS.has(row.name)) return false;
    if (!PLAIN.has(row.name)) return true;
  }
  return true;
}
