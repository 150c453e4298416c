/**
 * Conversions. Integer results out of range are the integer indefinite (only the top bit set). What is inexact is
 * rounded as MXCSR.RC says, but for the CVTT forms, which truncate.
 */
import {
  anyTrue,
  type Expr,
  f32,
  f32x4,
  f64,
  f64x2,
  type I32,
  type I64,
  i32,
  i32x4,
  i64,
  i64x2,
  select,
  type V128,
  type ValType,
  v128,
} from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packedBytes } from './mmx.ts';
import { mergeLow } from './move.ts';

const RC_SHIFT = 13;
const RC_DOWN = 1;
const RC_UP = 2;
/** MXCSR.RC: 0 nearest, 1 down, 2 up, 3 toward zero. */
const roundingControl = (e: Emit): I32 => e.f.let(i32.and(i32.shrU(e.mxcsr(), i32.const(RC_SHIFT)), i32.const(3)));

type RoundingOperators<T extends ValType> = Record<'nearest' | 'floor' | 'ceil' | 'trunc', (v: Expr<T>) => Expr<T>>;

/** v rounded to an integral value. */
function rounded<T extends ValType>(e: Emit, ops: RoundingOperators<T>, v: Expr<T>): Expr<T> {
  const { f } = e;
  const rc = roundingControl(e);
  const result = f.local(v.type);
  const set = (how: keyof RoundingOperators<T>) => () => f.set(result, ops[how](v));
  const directed = () =>
    f.if(i32.eq(rc, i32.const(RC_DOWN)), set('floor'), () =>
      f.if(i32.eq(rc, i32.const(RC_UP)), set('ceil'), set('trunc')),
    );
  f.if(rc, directed, set('nearest'));
  return result;
}

// -- float to integer ----------------------------------------------------------------------------------------------
// trunc_sat gives the indefinite for what is too small already; NaN and what is too large compare as not less.
type ToInteger = (e: Emit, v: V128, truncates: boolean) => Expr<'i32' | 'i64'>;
const singleToInteger: ToInteger = (e, v, truncates) => {
  const x = e.f.let(v128.extractF32(0, v));
  const r = truncates ? x : rounded(e, f32, x);
  if (e.size === 8) return select(f32.lt(r, f32.const(2 ** 63)), i64.truncSatF32S(r), i64.const(-(1n << 63n)));
  return select(f32.lt(r, f32.const(2 ** 31)), i32.truncSatF32S(r), i32.const(0x8000_0000));
};
const doubleToInteger: ToInteger = (e, v, truncates) => {
  const x = e.f.let(v128.extractF64(0, v));
  const r = truncates ? x : rounded(e, f64, x);
  if (e.size === 8) return select(f64.lt(r, f64.const(2 ** 63)), i64.truncSatF64S(r), i64.const(-(1n << 63n)));
  // -2^31 - 0.5 truncates to what is in range, but saturates to the same bits
  return select(f64.lt(r, f64.const(2 ** 31)), i32.truncSatF64S(r), i32.const(0x8000_0000));
};
const toInteger =
  (bytes: 4 | 8, convert: ToInteger, truncates: boolean): Emitter =>
  (e) =>
    e.write(0, e.f.let(convert(e, e.readVector(1, bytes), truncates)));
export const emitCvtss2si = toInteger(4, singleToInteger, false);
export const emitCvttss2si = toInteger(4, singleToInteger, true);
export const emitCvtsd2si = toInteger(8, doubleToInteger, false);
export const emitCvttsd2si = toInteger(8, doubleToInteger, true);

const INDEFINITE = i32x4.const(0x8000_0000);
const TWO_31_SINGLE = i32x4.const(0x4f00_0000);
const TWO_31_DOUBLE = i64x2.const(0x41e0_0000_0000_0000n);
/** The low dwords of two quadwords, zeros above. */
const LOW_DWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 16, 16, 16, 16, 16, 16, 16];
const lowDwords = (v: V128): V128 => v128.shuffle(LOW_DWORDS, v, i64x2.const(0n));
const LOW_HALF = i64x2.const(-1n, 0n);

function singlesToDwords(e: Emit, v: V128, truncates: boolean): V128 {
  const r = truncates ? v : rounded(e, f32x4, v);
  return v128.bitselect(i32x4.truncSatF32S(r), INDEFINITE, f32x4.lt(r, TWO_31_SINGLE));
}
function doublesToDwords(e: Emit, v: V128, truncates: boolean): V128 {
  const r = truncates ? v : rounded(e, f64x2, v);
  const inRange = v128.or(lowDwords(f64x2.lt(r, TWO_31_DOUBLE)), v128.not(LOW_HALF));
  return v128.bitselect(i32x4.truncSatF64SZero(r), v128.and(INDEFINITE, LOW_HALF), inRange);
}

/** CVTPS2DQ and CVTPS2PI, by the destination. */
const singlesToPacked =
  (truncates: boolean): Emitter =>
  (e) => {
    const bytes = packedBytes(e);
    const b = e.readVector(1, bytes, bytes === 16);
    e.writeVector(0, singlesToDwords(e, b, truncates), bytes);
  };
/** CVTPD2DQ and CVTPD2PI. */
const doublesToPacked =
  (truncates: boolean): Emitter =>
  (e) => {
    const b = e.readVector(1, 16, true);
    e.writeVector(0, doublesToDwords(e, b, truncates), packedBytes(e));
  };
export const emitCvtps2dq = singlesToPacked(false);
export const emitCvttps2dq = singlesToPacked(true);
export const emitCvtpd2dq = doublesToPacked(false);
export const emitCvttpd2dq = doublesToPacked(true);

// -- between the float formats -------------------------------------------------------------------------------------
/** A single's NaN as a double's: sign and upper fraction bits stay, made quiet. */
function promoted(e: Emit, v: V128): V128 {
  const { f } = e;
  const result = f.local('v128');
  f.set(result, f64x2.promoteLowF32(v));
  f.if(anyTrue(f64x2.ne(result, result)), () => {
    const wide = f.let(i64x2.extendLowU(v));
    const sign = i64x2.shl(v128.and(wide, i64x2.const(0x8000_0000n)), i32.const(32));
    const fraction = i64x2.shl(v128.and(wide, i64x2.const(0x007f_ffffn)), i32.const(29));
    const nan = v128.or(v128.or(sign, fraction), i64x2.const(0x7ff8_0000_0000_0000n));
    f.set(result, v128.bitselect(nan, result, f64x2.ne(result, result)));
  });
  return result;
}

/** Two doubles as singles in the low half, zeros above. */
function demoted(e: Emit, v: V128): V128 {
  const { f } = e;
  const rc = roundingControl(e);
  const result = f.local('v128');
  f.set(result, f32x4.demoteF64Zero(v));
  f.if(anyTrue(f32x4.ne(result, result)), () => {
    const sign = v128.and(i64x2.shrU(v, i32.const(32)), i64x2.const(0x8000_0000n));
    const fraction = v128.and(i64x2.shrU(v, i32.const(29)), i64x2.const(0x003f_ffffn));
    const nan = lowDwords(v128.or(v128.or(sign, fraction), i64x2.const(0x7fc0_0000n)));
    f.set(result, v128.bitselect(nan, result, f32x4.ne(result, result)));
  });
  f.if(rc, () => f.set(result, directed(e, rc, v, result)));
  return result;
}

/** The nearest single corrected by one unit where it lies on the wrong side of the double. */
function directed(e: Emit, rc: I32, exact: V128, nearest: V128): V128 {
  const { f } = e;
  const back = f.let(f64x2.promoteLowF32(nearest));
  const wrong = f.local('v128');
  const negative = f.let(i32x4.shrS(nearest, i32.const(31)));
  // what to add to the magnitude: -1 where it must shrink, +1 where it must grow
  const step = f.local('v128');
  const grow = (lanes: V128): V128 => v128.or(v128.not(lanes), i32x4.const(1));
  f.if(
    i32.eq(rc, i32.const(RC_DOWN)),
    () => {
      f.set(wrong, f64x2.gt(back, exact));
      f.set(step, grow(negative));
    },
    () =>
      f.if(
        i32.eq(rc, i32.const(RC_UP)),
        () => {
          f.set(wrong, f64x2.lt(back, exact));
          f.set(step, grow(v128.not(negative)));
        },
        () => {
          f.set(wrong, f64x2.gt(f64x2.abs(back), f64x2.abs(exact)));
          f.set(step, i32x4.const(-1));
        },
      ),
  );
  return i32x4.add(nearest, v128.and(step, lowDwords(wrong)));
}

export const emitCvtps2pd: Emitter = (e) => e.writeVector(0, promoted(e, e.readVector(1, 8)), 16);
export const emitCvtpd2ps: Emitter = (e) => e.writeVector(0, demoted(e, e.readVector(1, 16, true)), 16);
export const emitCvtss2sd: Emitter = (e) => {
  const b = e.readVector(1, 4);
  e.writeVector(0, mergeLow(8, e.readVector(0, 16), promoted(e, b)), 16);
};
export const emitCvtsd2ss: Emitter = (e) => {
  const b = e.readVector(1, 8);
  e.writeVector(0, mergeLow(4, e.readVector(0, 16), demoted(e, b)), 16);
};

// -- integer to float ----------------------------------------------------------------------------------------------
/**
 * A signed 64-bit integer as a float of `precision` bits, rounded down, up or toward zero: the magnitude without the
 * bits that do not fit, one unit more where that is the right side, then converts exactly.
 */
function directedInteger(e: Emit, rc: I32, value: I64, precision: 24 | 53): { magnitude: I64; negative: I32 } {
  const { f } = e;
  const negative = f.let(i64.ltS(value, i64.const(0n)));
  const magnitude = f.let(select(negative, i64.sub(i64.const(0n), value), value));
  const length = i64.sub(i64.const(64n), i64.clz(magnitude));
  const excess = f.let(i64.sub(length, i64.const(BigInt(precision))));
  const unit = i64.shl(i64.const(1n), excess);
  const lost = f.let(select(i64.gtS(excess, i64.const(0n)), i64.sub(unit, i64.const(1n)), i64.const(0n)));
  const grows = i32.eq(rc, i32.sub(i32.const(RC_UP), negative)); // up and positive, or down and negative
  const inexact = i64.ne(i64.and(magnitude, lost), i64.const(0n));
  const away = f.let(i64.extendU(i32.and(grows, inexact)));
  const chopped = i64.and(magnitude, i64.xor(lost, i64.const(-1n)));
  return { magnitude: i64.add(chopped, i64.mul(away, i64.add(lost, i64.const(1n)))), negative };
}

/** The integer as a single, in a local. */
function integerToSingle(e: Emit, value: I64): Expr<'f32'> {
  const { f } = e;
  const result = f.local('f32');
  const rc = roundingControl(e);
  f.if(
    rc,
    () => {
      const { magnitude, negative } = directedInteger(e, rc, value, 24);
      f.set(result, f32.convertI64U(magnitude));
      f.if(negative, () => f.set(result, f32.neg(result)));
    },
    () => f.set(result, f32.convertI64S(value)),
  );
  return result;
}
function integerToDouble(e: Emit, value: I64): Expr<'f64'> {
  const { f } = e;
  const result = f.local('f64');
  const rc = roundingControl(e);
  f.if(
    rc,
    () => {
      const { magnitude, negative } = directedInteger(e, rc, value, 53);
      f.set(result, f64.convertI64U(magnitude));
      f.if(negative, () => f.set(result, f64.neg(result)));
    },
    () => f.set(result, f64.convertI64S(value)),
  );
  return result;
}

export const emitCvtsi2ss: Emitter = (e) => {
  const value = e.f.let(e.w.signed64(e.read(1)));
  const single = integerToSingle(e, value);
  e.writeVector(0, v128.replaceF32(0, e.readVector(0, 16), single), 16);
};
export const emitCvtsi2sd: Emitter = (e) => {
  const value = e.read(1);
  // 32 bits always fit
  const double = e.size === 4 ? f64.convertI32S(value as I32) : integerToDouble(e, value as I64);
  e.writeVector(0, v128.replaceF64(0, e.readVector(0, 16), double), 16);
};

const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
/** Dwords as singles: exactly as doubles first when another rounding than nearest is asked for. */
function dwordsToSingles(e: Emit, v: V128): V128 {
  const { f } = e;
  const result = f.local('v128');
  f.if(
    roundingControl(e),
    () => {
      const low = demoted(e, f.let(f64x2.convertLowI32S(v)));
      const high = demoted(e, f.let(f64x2.convertLowI32S(v128.shuffle(UPPER_HALF, v, v))));
      f.set(result, v128.replaceI64(1, low, v128.extractI64(0, high)));
    },
    () => f.set(result, f32x4.convertI32S(v)),
  );
  return result;
}

export const emitCvtdq2ps: Emitter = (e) => e.writeVector(0, dwordsToSingles(e, e.readVector(1, 16, true)), 16);
/** Also CVTPI2PD: 32 bits always fit. */
export const emitCvtdq2pd: Emitter = (e) => e.writeVector(0, f64x2.convertLowI32S(e.readVector(1, 8)), 16);
/** The upper half stays. */
export const emitCvtpi2ps: Emitter = (e) => {
  const b = e.readVector(1, 8);
  e.writeVector(0, mergeLow(8, e.readVector(0, 16), dwordsToSingles(e, b)), 16);
};
