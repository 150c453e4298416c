/** SSSE3, XMM and MMX alike: shuffles by a vector, horizontal sums, signs. */
import { i8x16, i16x8, i32, i32x4, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit } from '../emit.ts';
import { BYTE_NUMBERS, LOW_HALVES, pack } from './integer.ts';
import { packedBytes } from './mmx.ts';
import { type Binary, packed, packedImmediate, packedUnary } from './packed.ts';

// -- shuffles ------------------------------------------------------------------------------------------------------
/** An index with its top bit set gives zero; otherwise only the bits that number a byte count. */
export const emitPshufb = packed((a, b, e) => i8x16.swizzle(a, v128.and(b, i8x16.const(0x80 | (packedBytes(e) - 1)))));

/** The bytes of both operands in a row, b below, moved down by so many. */
export const emitPalignr = packedImmediate((a, b, immediate, e) => {
  const index = e.f.let(i8x16.addSatU(BYTE_NUMBERS, i8x16.splat(immediate)));
  if (packedBytes(e) === 8) return i8x16.swizzle(v128.shuffle(LOW_HALVES, b, a), index);
  return v128.or(i8x16.swizzle(b, index), i8x16.swizzle(a, i8x16.sub(index, i8x16.const(16))));
});

// -- horizontal sums -----------------------------------------------------------------------------------------------
const EVEN_WORDS = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
const EVEN_DWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
/** Neighbours of a, then of b: the lower of each pair and the upper. */
const horizontal = (even: readonly number[], bytes: 2 | 4, sum: (low: V128, high: V128) => V128) => {
  const odd = even.map((at) => at + bytes);
  return packed(pack((a, b) => sum(v128.shuffle(even, a, b), v128.shuffle(odd, a, b))));
};
export const emitPhadd = {
  w: horizontal(EVEN_WORDS, 2, i16x8.add),
  d: horizontal(EVEN_DWORDS, 4, i32x4.add),
  sw: horizontal(EVEN_WORDS, 2, i16x8.addSatS),
};
export const emitPhsub = {
  w: horizontal(EVEN_WORDS, 2, i16x8.sub),
  d: horizontal(EVEN_DWORDS, 4, i32x4.sub),
  sw: horizontal(EVEN_WORDS, 2, i16x8.subSatS),
};

// -- products ------------------------------------------------------------------------------------------------------
/** Unsigned bytes of a by signed bytes of b: a product fits a word, the sum of two is saturated. */
export const emitPmaddubsw = packed((a, b) => {
  const eight = i32.const(8);
  const even = i16x8.mul(v128.and(a, i16x8.const(0xff)), i16x8.shrS(i16x8.shl(b, eight), eight));
  const odd = i16x8.mul(i16x8.shrU(a, eight), i16x8.shrS(b, eight));
  return i16x8.addSatS(even, odd);
});

const MOST_NEGATIVE = i16x8.const(0x8000);
/** WebAssembly saturates -1 * -1, which PMULHRSW lets wrap. */
export const emitPmulhrsw = packed((a, b) => {
  const wraps = v128.and(i16x8.eq(a, MOST_NEGATIVE), i16x8.eq(b, MOST_NEGATIVE));
  return v128.xor(i16x8.q15mulrSatS(a, b), wraps);
});

// -- signs ---------------------------------------------------------------------------------------------------------
interface SignedLanes {
  sub(a: V128, b: V128): V128;
  eq(a: V128, b: V128): V128;
  gtS(a: V128, b: V128): V128;
}
const ZERO = i8x16.const(0);
/** a times the sign of b: -1, 0 or 1. */
const sign =
  (lanes: SignedLanes): Binary =>
  (a: V128, b: V128, e: Emit) => {
    const negative = e.f.let(lanes.gtS(ZERO, b));
    return v128.andnot(lanes.sub(v128.xor(a, negative), negative), lanes.eq(b, ZERO));
  };
export const emitPsign = { b: packed(sign(i8x16)), w: packed(sign(i16x8)), d: packed(sign(i32x4)) };
export const emitPabs = { b: packedUnary(i8x16.abs), w: packedUnary(i16x8.abs), d: packedUnary(i32x4.abs) };
