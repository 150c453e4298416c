/** SSE4.1: single elements in and out, by an immediate number. PINSRW and PEXTRW to registers: shuffle.ts. */
import { type I32, type I64, i8x16, i32, i32x4, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import type { Int } from '../width.ts';
import { BYTE_NUMBERS } from './integer.ts';
import { laneMask, oneLane } from './lane-mask.ts';
import { firstSource } from './packed.ts';

/** The immediate operand i, modulo the number of elements of so many bytes. */
const elementNumber = (e: Emit, i: number, bytes: number): I32 => i32.and(e.read(i) as I32, i32.const(16 / bytes - 1));

/** The element in the lowest lane. */
function element(v: V128, number: I32, bytes: number): V128 {
  return i8x16.swizzle(v, i8x16.add(BYTE_NUMBERS, i8x16.splat(i32.mul(number, i32.const(bytes)))));
}

const extract =
  (bytes: 1 | 2 | 4 | 8, lowest: (v: V128) => Int): Emitter =>
  (e) =>
    e.write(0, lowest(element(e.readVector(1, 16), elementNumber(e, 2, bytes), bytes)));
export const emitPextrb = extract(1, (v) => v128.extractI8U(0, v));
export const emitPextrw = extract(2, (v) => v128.extractI16U(0, v));
/** Also EXTRACTPS. */
export const emitPextrd = extract(4, (v) => v128.extractI32(0, v));
const emitPextrq = extract(8, (v) => v128.extractI64(0, v));
export const emitPextrdq: Emitter = (e) => (e.size === 8 ? emitPextrq : emitPextrd)(e);

const insert =
  (bytes: 1 | 4 | 8, splat: (value: Int) => V128, there: (number: I32) => V128): Emitter =>
  (e) => {
    const first = firstSource(e);
    const value = splat(e.read(first + 1));
    const a = e.readVector(first, 16);
    e.writeVector(0, v128.bitselect(value, a, there(elementNumber(e, first + 2, bytes))), 16);
  };
export const emitPinsrb = insert(1, (value) => i8x16.splat(value as I32), oneLane.b);
const emitPinsrd = insert(4, (value) => i32x4.splat(value as I32), oneLane.d);
const emitPinsrq = insert(8, (value) => i64x2.splat(value as I64), oneLane.q);
export const emitPinsrdq: Emitter = (e) => (e.size === 8 ? emitPinsrq : emitPinsrd)(e);

/** Immediate: which element of a register source (7:6), where to (5:4), and what becomes zero (3:0). */
export const emitInsertps: Emitter = (e) => {
  const first = firstSource(e);
  const source = e.readVector(first + 1, 4);
  const a = e.readVector(first, 16);
  const immediate = e.f.let(e.read(first + 2) as I32);
  const chosen = e.isMemory(first + 1) ? source : element(source, i32.shrU(immediate, i32.const(6)), 4);
  const value = i32x4.splat(v128.extractI32(0, chosen));
  const there = oneLane.d(i32.and(i32.shrU(immediate, i32.const(4)), i32.const(3)));
  e.writeVector(0, v128.andnot(v128.bitselect(value, a, there), laneMask.d(immediate)), 16);
};
