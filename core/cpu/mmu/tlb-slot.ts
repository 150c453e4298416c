/**
 * Where in a part of the TLB the entry of a page lies: the low bits of the page's number choose. Higher ones folded in would keep
 * apart what systems map at multiples of 2 MiB, but the two operations cost each access more than those conflicts do.
 */
import { type I32, i32 } from '../../wasm/index.ts';
import { PAGE_SIZE } from '../layout.ts';
import * as S from '../state.ts';

const SHIFT = Math.log2(PAGE_SIZE / S.TLB_ENTRY_SIZE);
const MASK = (S.TLB_ENTRIES - 1) * S.TLB_ENTRY_SIZE;

/** Bytes from the beginning of a part; `low` is the low half of a linear address. @hot */
export function tlbSlot(low: number): number {
  return (low >>> SHIFT) & MASK;
}

/** The same in generated code. */
export function emitTlbSlot(low: I32): I32 {
  return i32.and(i32.shrU(low, i32.const(SHIFT)), i32.const(MASK));
}
