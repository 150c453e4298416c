/** PCLMULQDQ: a product without carries, of one half of each operand by an immediate. */
import { type Func, type I32, i8x16, i32, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import { packedImmediate } from './packed.ts';

/** Every fourth bit. */
const MASKS = [0, 1, 2, 3].map((n) => i64x2.const(0x1111_1111_1111_1111n << BigInt(n)));

/**
 * Two products of the low dwords, 32 by 32 bits. With three bits of nothing between any two, at most eight ones add up
 * to four bits, of which the lowest is the sum without carries.
 */
function dwordProducts(f: Func, a: V128, b: V128): V128 {
  const spread = (v: V128) => MASKS.map((mask) => f.let(v128.and(v, mask)));
  const [x, y] = [spread(a), spread(b)];
  const sums = MASKS.map((mask, n) => {
    const products = x.map((part, m) => i64x2.extmulLowU(part, y[(n - m) & 3] as V128));
    return v128.and(
      products.reduce((r, p) => v128.xor(r, p)),
      mask,
    );
  });
  return f.let(sums.reduce((r, s) => v128.or(r, s)));
}

/** The quadword that bit 0 of `upper` says, twice. */
function half(v: V128, upper: I32): V128 {
  const from = i32.shl(i32.and(upper, i32.const(1)), i32.const(3));
  return i8x16.swizzle(v, i8x16.add(i8x16.const(0, 1, 2, 3, 4, 5, 6, 7), i8x16.splat(from)));
}

const DWORDS_SWAPPED = [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15];
const HALVES_SWAPPED = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
/** A quadword at bytes 4 to 11, zeros (of the second vector) around it. */
const IN_THE_MIDDLE = [16, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7, 16, 16, 16, 16];

export const emitPclmulqdq = packedImmediate((a, b, immediate, { f }) => {
  const x = f.let(half(a, immediate));
  const y = f.let(half(b, i32.shrU(immediate, i32.const(4))));
  const straight = dwordProducts(f, x, y); // low by low, high by high
  const crossed = dwordProducts(f, x, v128.shuffle(DWORDS_SWAPPED, y, y)); // low by high, high by low
  const middle = v128.xor(crossed, v128.shuffle(HALVES_SWAPPED, crossed, crossed));
  return v128.xor(straight, v128.shuffle(IN_THE_MIDDLE, middle, i64x2.const(0n)));
});
