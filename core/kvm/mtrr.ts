/** Which values the memory type range registers take. [SDM] volume 3, 12.11.2. Their types have no effect here. */
import { PHYSICAL_ADDRESS_BITS } from '../cpu/index.ts';

const MTRR_FIRST_VARIABLE = 0x200;
const MTRR_LAST_VARIABLE = 0x20f;
const MTRR_FIXED: ReadonlySet<number> = new Set([
  0x250,
  0x258,
  0x259,
  ...Array.from({ length: 8 }, (_, i) => 0x268 + i),
]);
const MTRR_DEF_TYPE = 0x2ff;

const ABOVE_ADDRESS = ~((1n << BigInt(PHYSICAL_ADDRESS_BITS)) - 1n);
const BASE_RESERVED = ABOVE_ADDRESS | 0xf00n;
const MASK_RESERVED = ABOVE_ADDRESS | 0x7ffn;
/** Enable is bit 11, enable of the fixed ranges bit 10. */
const DEF_TYPE_RESERVED = ~0xcffn;

/** Uncacheable, write combining, write-through, write-protected, write-back. */
const isType = (byte: bigint): boolean => [0n, 1n, 4n, 5n, 6n].includes(byte & 0xffn);

/** True for other registers too. */
export function isMtrrValue(index: number, value: bigint): boolean {
  if (MTRR_FIXED.has(index)) return [0n, 8n, 16n, 24n, 32n, 40n, 48n, 56n].every((at) => isType(value >> at));
  if (index === MTRR_DEF_TYPE) return (value & DEF_TYPE_RESERVED) === 0n && isType(value);
  if (index < MTRR_FIRST_VARIABLE || index > MTRR_LAST_VARIABLE) return true;
  return (index & 1) === 0 ? (value & BASE_RESERVED) === 0n && isType(value) : (value & MASK_RESERVED) === 0n;
}
