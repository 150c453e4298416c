/** AVX permutations: elements of 128 or 256 bits, by a vector or an immediate. */
import { type I32, i8x16, i16x8, i32, i32x4, i64x2, select, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packed, zip } from './packed.ts';
import { shuffleQwords } from './shuffle.ts';

/** Byte indices of dwords by number. */
const bytesOfDwords = (numbers: V128): V128 =>
  i32x4.add(i32x4.mul(numbers, i32x4.const(0x0404_0404)), i32x4.const(0x0302_0100));

/** Bytes of 256 bits by index: a swizzle gives zero for the half an index is not of. */
function pick(e: Emit, [low, high]: readonly [V128, V128], indices: V128): V128 {
  const at = e.f.let(indices);
  return v128.or(i8x16.swizzle(low, at), i8x16.swizzle(high, i8x16.sub(at, i8x16.const(16))));
}

// -- within 128 bits -----------------------------------------------------------------------------------------------
/** VPERMILPS by a vector. */
export const emitPermilps = packed((a, control) => i8x16.swizzle(a, bytesOfDwords(v128.and(control, i32x4.const(3)))));
/** VPERMILPD by a vector: bit 1 of each qword chooses. */
export const emitPermilpd = packed((a, control) => {
  const upper = i64x2.shrS(i64x2.shl(control, i32.const(62)), i32.const(63));
  return v128.bitselect(i64x2.splat(v128.extractI64(1, a)), i64x2.splat(v128.extractI64(0, a)), upper);
});
/** VPERMILPD by an immediate, of which every 128 bits have two bits. */
export const emitPermilpdImmediate: Emitter = (e) => {
  const lanes = e.readLanes(1);
  const immediate = e.read(2) as I32;
  e.writeLanes(
    0,
    lanes.map((a, n) => shuffleQwords(a, a, e.f.let(i32.shrU(immediate, i32.const(2 * n))))),
  );
};

// -- of 256 bits ---------------------------------------------------------------------------------------------------
/** VPERMD, VPERMPS: the numbers are the first source. */
export const emitPermd: Emitter = (e) => {
  const source = e.readLanes(2) as [V128, V128];
  const numbers = e.readLanes(1);
  e.writeLanes(
    0,
    numbers.map((v) => pick(e, source, bytesOfDwords(v128.and(v, i32x4.const(7))))),
  );
};

/** Multiplying by these and shifting right by 6 brings two fields of two bits to four words each. */
const QWORD_WEIGHTS = [i16x8.const(64, 64, 64, 64, 16, 16, 16, 16), i16x8.const(4, 4, 4, 4, 1, 1, 1, 1)];
/** VPERMQ, VPERMPD by an immediate. */
export const emitPermq: Emitter = (e) => {
  const source = e.readLanes(1) as [V128, V128];
  const immediate = e.f.let(i16x8.splat(e.read(2) as I32));
  e.writeLanes(
    0,
    QWORD_WEIGHTS.map((weights) => {
      const numbers = v128.and(i16x8.shrU(i16x8.mul(immediate, weights), i32.const(6)), i16x8.const(3));
      const bytes = i16x8.mul(numbers, i16x8.const(0x0808));
      return pick(e, source, i16x8.add(bytes, i16x8.const(0x0100, 0x0302, 0x0504, 0x0706)));
    }),
  );
};

/** VPERM2F128, VPERM2I128: each half is one of four, or zero. */
export const emitPerm2x128: Emitter = (e) => {
  const b = e.readLanes(2) as [V128, V128];
  const a = e.readLanes(1) as [V128, V128];
  const immediate = e.read(3) as I32;
  const half = (shift: number): V128 => {
    const bit = (n: number): I32 => i32.and(immediate, i32.const(1 << (shift + n)));
    const [low, high] = zip(a, b, (x, y) => select(bit(1), y, x)) as [V128, V128];
    return select(bit(3), i64x2.const(0n), select(bit(0), high, low));
  };
  e.writeLanes(0, [half(0), half(4)]);
};
