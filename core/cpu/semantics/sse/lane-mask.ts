/** Lanes chosen by the bits of an integer: all ones in lane n when bit n is set. */
import { type I32, i8x16, i16x8, i32, i32x4, i64, i64x2, type V128, v128 } from '../../../wasm/index.ts';

const BYTE_BITS = i8x16.const(1, 2, 4, 8, 16, 32, 64, 128);
const WORD_BITS = i16x8.const(1, 2, 4, 8, 16, 32, 64, 128);
const DWORD_BITS = i32x4.const(1, 2, 4, 8);
const QWORD_BITS = i64x2.const(1n, 2n);
/** Two bytes in every eight of either half. */
const HALVES = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

export const laneMask = {
  b: (bits: I32): V128 => {
    const word = i16x8.splat(bits);
    return i8x16.eq(v128.and(i8x16.swizzle(word, i8x16.const(...HALVES)), BYTE_BITS), BYTE_BITS);
  },
  w: (bits: I32): V128 => i16x8.eq(v128.and(i16x8.splat(bits), WORD_BITS), WORD_BITS),
  d: (bits: I32): V128 => i32x4.eq(v128.and(i32x4.splat(bits), DWORD_BITS), DWORD_BITS),
  q: (bits: I32): V128 => i64x2.eq(v128.and(i64x2.splat(i64.extendU(bits)), QWORD_BITS), QWORD_BITS),
};

/** All ones in lane `number`, which must be one. */
export const oneLane = {
  b: (number: I32): V128 =>
    i8x16.eq(i8x16.const(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(number)),
  d: (number: I32): V128 => i32x4.eq(i32x4.const(0, 1, 2, 3), i32x4.splat(number)),
  q: (number: I32): V128 => laneMask.q(i32.add(number, i32.const(1))),
};
