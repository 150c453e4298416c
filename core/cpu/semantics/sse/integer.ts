/**
 * Packed integers, XMM and MMX alike: an MMX operand is the low half of a v128, and only the low half of the result is
 * stored.
 */
import {
  type I32,
  type I64,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  i64x2,
  select,
  type V128,
  v128,
} from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packedBytes, readPacked } from './mmx.ts';
import { type Binary, firstSource, packed } from './packed.ts';

/** Both low halves side by side. */
export const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
/** Packs two vectors into one. Two MMX operands fit into one v128, of which the other half of the result is dropped. */
export function pack(narrow: (a: V128, b: V128) => V128): Binary {
  return (a, b, e) => {
    if (packedBytes(e) === 16) return narrow(a, b);
    const both = e.f.let(v128.shuffle(LOW_HALVES, a, b));
    return narrow(both, both);
  };
}

/** Odd words, the upper halves of products, of two vectors. */
const ODD_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
const EVEN_DWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
export const evenDwords = (v: V128): V128 => v128.shuffle(EVEN_DWORDS, v, v);

function sumOfDifferences(a: V128, b: V128, e: Emit): V128 {
  const difference = v128.or(i8x16.subSatU(a, b), i8x16.subSatU(b, a));
  const sums = e.f.let(i32x4.extaddPairwiseU(i16x8.extaddPairwiseU(difference)));
  return i64x2.add(i64x2.shrU(sums, i32.const(32)), v128.and(sums, i64x2.const(0xffff_ffffn)));
}

export const emitPadd = {
  b: packed(i8x16.add),
  w: packed(i16x8.add),
  d: packed(i32x4.add),
  q: packed(i64x2.add),
  sb: packed(i8x16.addSatS),
  sw: packed(i16x8.addSatS),
  usb: packed(i8x16.addSatU),
  usw: packed(i16x8.addSatU),
};
export const emitPsub = {
  b: packed(i8x16.sub),
  w: packed(i16x8.sub),
  d: packed(i32x4.sub),
  q: packed(i64x2.sub),
  sb: packed(i8x16.subSatS),
  sw: packed(i16x8.subSatS),
  usb: packed(i8x16.subSatU),
  usw: packed(i16x8.subSatU),
};
export const emitPcmpeq = { b: packed(i8x16.eq), w: packed(i16x8.eq), d: packed(i32x4.eq) };
export const emitPcmpgt = { b: packed(i8x16.gtS), w: packed(i16x8.gtS), d: packed(i32x4.gtS) };
export const emitPminub = packed(i8x16.minU);
export const emitPmaxub = packed(i8x16.maxU);
export const emitPminsw = packed(i16x8.minS);
export const emitPmaxsw = packed(i16x8.maxS);
export const emitPavgb = packed(i8x16.avgrU);
export const emitPavgw = packed(i16x8.avgrU);
export const emitPmullw = packed(i16x8.mul);
export const emitPmulhw = packed((a, b) => v128.shuffle(ODD_WORDS, i32x4.extmulLowS(a, b), i32x4.extmulHighS(a, b)));
export const emitPmulhuw = packed((a, b) => v128.shuffle(ODD_WORDS, i32x4.extmulLowU(a, b), i32x4.extmulHighU(a, b)));
export const emitPmuludq = packed((a, b) => i64x2.extmulLowU(evenDwords(a), evenDwords(b)));
export const emitPmaddwd = packed(i32x4.dotS);
export const emitPsadbw = packed(sumOfDifferences);
export const emitPacksswb = packed(pack(i8x16.narrowS));
export const emitPackuswb = packed(pack(i8x16.narrowU));
export const emitPackssdw = packed(pack(i16x8.narrowS));
/** Also ANDPS, ANDPD and so on: bits have no type. */
export const emitPand = packed((a, b) => v128.and(a, b));
export const emitPandn = packed((a, b) => v128.andnot(b, a));
export const emitPor = packed((a, b) => v128.or(a, b));
export const emitPxor = packed((a, b) => v128.xor(a, b));

// -- shifts --------------------------------------------------------------------------------------------------------
type Shifted = (a: V128, count: I32) => V128;

/** The count behind the source: an immediate byte, or all 64 low bits of an MMX or XMM operand. */
function shiftCount(e: Emit, first: number): I64 {
  if (e.operandSize(first + 1) === 1) return e.f.let(i64.extendU(e.read(first + 1) as I32));
  const count = e.vectorLength === 0 ? readPacked(e, 1) : e.readVector(first + 1, 16);
  return e.f.let(v128.extractI64(0, count));
}

/** A VEX form with an immediate has its destination in vvvv, so that its source is operand 1 as well. */
const shiftLanes =
  (bits: 16 | 32 | 64, by: (a: V128, count: I32, tooMany: I32) => V128): Emitter =>
  (e) => {
    const first = firstSource(e);
    const count = shiftCount(e, first);
    const tooMany = e.f.let(i64.gtU(count, i64.const(BigInt(bits - 1))));
    const low = e.f.let(i32.wrap(count));
    e.writeLanes(
      0,
      e.readLanes(first).map((a) => by(a, low, tooMany)),
    );
  };
/** A count of the lane's width or more shifts everything out. */
const shift = (bits: 16 | 32 | 64, by: Shifted): Emitter =>
  shiftLanes(bits, (a, count, tooMany) => select(tooMany, i64x2.const(0n), by(a, count)));
const shiftSigned = (bits: 16 | 32, by: Shifted): Emitter =>
  shiftLanes(bits, (a, count, tooMany) => by(a, select(tooMany, i32.const(bits - 1), count)));
export const emitPsll = { w: shift(16, i16x8.shl), d: shift(32, i32x4.shl), q: shift(64, i64x2.shl) };
export const emitPsrl = { w: shift(16, i16x8.shrU), d: shift(32, i32x4.shrU), q: shift(64, i64x2.shrU) };
export const emitPsra = { w: shiftSigned(16, i16x8.shrS), d: shiftSigned(32, i32x4.shrS) };

export const BYTE_NUMBERS = i8x16.const(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
/** PSLLDQ, PSRLDQ: bytes by index, where an index out of range gives zero. */
const shiftBytes =
  (index: (numbers: V128, count: V128) => V128): Emitter =>
  (e) => {
    const first = firstSource(e);
    const count = e.f.let(e.read(first + 1) as I32);
    const limited = e.f.let(select(i32.gtU(count, i32.const(16)), i32.const(16), count));
    e.writeLanes(
      0,
      e.readLanes(first).map((a) => i8x16.swizzle(a, index(BYTE_NUMBERS, i8x16.splat(limited)))),
    );
  };
export const emitPslldq = shiftBytes(i8x16.sub);
export const emitPsrldq = shiftBytes(i8x16.add);
