/** Which instructions read, set or may lose the arithmetic flags: what decides where they must be right. */
import type { Insn } from '../decode/insn.ts';
import type { FlagUse } from './deferred-flags.ts';
import type { RegionBlock } from './region.ts';

/** They set all flags by one operation of Flags, always. */
const ALL = [
  'ADD',
  'SUB',
  'CMP',
  'AND',
  'OR',
  'XOR',
  'TEST',
  'NEG',
  'MUL',
  'IMUL',
  'BSF',
  'BSR',
  'TZCNT',
  'LZCNT',
  'POPCNT',
];
const ALL_BITS = ['ANDN', 'BLSI', 'BLSMSK', 'BLSR', 'BEXTR', 'BZHI'];
const ALL_VECTORS = [
  'COMISS',
  'COMISD',
  'UCOMISS',
  'UCOMISD',
  'PTEST',
  'VCOMISS',
  'VCOMISD',
  'VUCOMISS',
  'VUCOMISD',
  'VPTEST',
];
const OPERATIONS = new Set([...ALL, ...ALL_BITS, ...ALL_VECTORS]);
/** They take flags along, or leave some as they are. */
const PARTIAL = new Set(['ADC', 'SBB', 'INC', 'DEC', 'BT', 'BTS', 'BTR', 'BTC', 'CLC', 'STC', 'CMC']);
/** They set all flags, unless their count turns out to be zero; rotates CF and OF only. */
const SHIFTS = new Set(['SHL', 'SHR', 'SAR', 'SHLD', 'SHRD']);
const ROTATES = new Set(['ROL', 'ROR']);
/** They neither touch flags nor can fault, when their operands are registers. */
const PLAIN = new Set(['MOV', 'MOVZX', 'MOVSX', 'MOVSXD', 'LEA', 'XCHG', 'NOP', 'BSWAP', 'NOT', 'CBW', 'CWD']);

export function flagUse(insn: Insn): FlagUse {
  const { row } = insn;
  if (OPERATIONS.has(row.name) || PARTIAL.has(row.name)) return 'operation';
  if (SHIFTS.has(row.name) || ROTATES.has(row.name)) return countOf(insn) === undefined ? 'conditional' : 'operation';
  if (row.writes === undefined && row.undef === undefined) return 'none'; // readers settle what they read
  return 'words';
}

/** A count that is known. */
function countOf({ operands, operandSize }: Insn): number | undefined {
  const count = operands.at(-1);
  return count?.kind === 'immediate' ? count.low & (operandSize === 8 ? 63 : 31) : undefined;
}

const setsAll = (insn: Insn): boolean =>
  OPERATIONS.has(insn.row.name) || (SHIFTS.has(insn.row.name) && (countOf(insn) ?? 0) !== 0);

/**
 * Whether the flags must be right when a block is entered: unless it sets all of them before anything can read them, or
 * leave the region and show them.
 */
export function needsFlags({ insns }: RegionBlock): boolean {
  for (const insn of insns) {
    const { row } = insn.insn;
    const isAddress = row.name === 'LEA' || row.name === 'NOP';
    if (row.system !== undefined) return true; // it may fall back
    if (!isAddress && insn.insn.operands.some((o) => o.kind === 'memory')) return true;
    if (ALL_VECTORS.includes(row.name)) return true; // they may raise an exception
    if (setsAll(insn.insn)) return false;
    if (!PLAIN.has(row.name)) return true;
  }
  return true;
}
