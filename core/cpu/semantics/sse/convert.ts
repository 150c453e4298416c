/**
 * Conversions. Integer results out of range are the integer indefinite (only the top bit set). What rounds otherwise than to
 * nearest, raises a flag or has an unusual operand is left to the exact operations, as in float.ts.
 */
import {
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
  type V128,
  v128,
} from '../../../wasm/index.ts';
import type { FloatOperation } from '../../sse/operations.ts';
import type { Emit, Emitter } from '../emit.ts';
import {
  all,
  allTrue,
  comparable,
  DOUBLE,
  elementsOf,
  type Format,
  firstSource,
  ignoresInexact,
  isSteady,
  maskOf,
  plain,
  SINGLE,
  unlessCertain,
  within,
} from './float.ts';
import { packedBytes } from './mmx.ts';
import { mergeLow } from './move.ts';

type Lanes = readonly V128[];
const ZERO = i32x4.const(0);
const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const upperHalf = (v: V128): V128 => v128.shuffle(UPPER_HALF, v, v);
/** Low halves of both. */
const joined = (low: V128, high: V128): V128 =>
  v128.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23], low, high);

/** The result lanes, or what the exact operation makes of the source. */
function converted(e: Emit, name: FloatOperation, elements: number, certain: I32, source: Lanes, lanes: Lanes): Lanes {
  const results = lanes.map((lane) => {
    const result = e.f.local('v128');
    e.f.set(result, lane);
    return result;
  });
  if (e.isMmx(0) || e.isMmx(1)) e.enterMmx(); // #XM finds it so, on AMD's
  unlessCertain(e, certain, { name, elements }, [source], results);
  return results;
}

// -- float to integer ----------------------------------------------------------------------------------------------
/** v rounded to nearest, or toward zero: in range and no NaN, exact or nobody minds. Truncation is so whatever MXCSR.RC says. */
function isCertainInteger(e: Emit, s: Format, truncates: boolean, v: Lanes, rounded: Lanes, limit: V128): I32 {
  const inRange = v.map((_, n) => {
    const r = rounded[n] as V128;
    return v128.and(s.packed.le(v128.xor(limit, s.sign), r), s.packed.lt(r, limit));
  });
  const exact = v.map((lane, n) => s.packed.eq(lane, rounded[n] as V128));
  const silent = e.f.let(maskOf(truncates ? ignoresInexact(e) : isSteady(e)));
  // an integral value is the same in every rounding
  return allTrue(all([...inRange, v128.or(silent, all(exact))]));
}
const limitOf = (s: Format, bits: 32 | 64): V128 =>
  s.bytes === 4 ? i32x4.const((127 + bits - 1) << 23) : i64x2.const(BigInt(1023 + bits - 1) << 52n);

const toGeneral =
  (s: Format, truncates: boolean): Emitter =>
  (e) => {
    const { f } = e;
    const v = f.let(s.splat(e.readVector(1, s.bytes)));
    const r = f.let(truncates ? s.packed.trunc(v) : s.packed.nearest(v));
    const bits = e.size === 8 ? 64 : 32;
    const certain = isCertainInteger(e, s, truncates, [v], [r], limitOf(s, bits));
    const name = `${s.name}.toInt${bits}${truncates ? 'Truncated' : ''}` as const;
    const [result] = converted(e, name, 1, certain, [v], [i64x2.splat(lowAsInteger(s, bits, r))]) as [V128];
    e.write(0, bits === 64 ? v128.extractI64(0, result) : v128.extractI32(0, result));
  };
function lowAsInteger(s: Format, bits: 32 | 64, v: V128): I64 {
  if (s.bytes === 4) {
    const x = v128.extractF32(0, v);
    return bits === 64 ? i64.truncSatF32S(x) : i64.extendU(i32.truncSatF32S(x));
  }
  const x = v128.extractF64(0, v);
  return bits === 64 ? i64.truncSatF64S(x) : i64.extendU(i32.truncSatF64S(x));
}
export const emitCvtss2si = toGeneral(SINGLE, false);
export const emitCvttss2si = toGeneral(SINGLE, true);
export const emitCvtsd2si = toGeneral(DOUBLE, false);
export const emitCvttsd2si = toGeneral(DOUBLE, true);

/** The source of a packed conversion: a whole vector, or 8 bytes (twice) where the destination is an MMX register. */
function readSingles(e: Emit): Lanes {
  if (!e.isMmx(0)) return e.readLanes(1, e.vectorLength === 0);
  return [doubled(e, e.readVector(1, 8))];
}
/** The low half in both: nothing else is looked at. */
const doubled = (e: Emit, v: V128): V128 => e.f.let(joined(v, v));

const roundedLanes = (e: Emit, s: Format, truncates: boolean, v: Lanes): Lanes =>
  v.map((lane) => e.f.let(truncates ? s.packed.trunc(lane) : s.packed.nearest(lane)));

/** CVTPS2DQ and CVTPS2PI, by the destination. */
const singlesToPacked =
  (truncates: boolean): Emitter =>
  (e) => {
    const v = readSingles(e);
    const r = roundedLanes(e, SINGLE, truncates, v);
    const certain = isCertainInteger(e, SINGLE, truncates, v, r, limitOf(SINGLE, 32));
    const elements = e.isMmx(0) ? 2 : elementsOf(SINGLE, v);
    const name = truncates ? 'single.toInt32Truncated' : 'single.toInt32';
    const results = converted(e, name, elements, certain, v, r.map(i32x4.truncSatF32S));
    if (e.isMmx(0)) e.writeVector(0, results[0] as V128, 8);
    else e.writeLanes(0, results);
  };
/** CVTPD2DQ and CVTPD2PI: half as long as the source. */
const doublesToPacked =
  (truncates: boolean): Emitter =>
  (e) => {
    const v = e.readLanes(1, e.vectorLength === 0);
    const r = roundedLanes(e, DOUBLE, truncates, v);
    const certain = isCertainInteger(e, DOUBLE, truncates, v, r, limitOf(DOUBLE, 32));
    const name = truncates ? 'double.toInt32Truncated' : 'double.toInt32';
    const lanes = [halves(r.map(i32x4.truncSatF64SZero))];
    const [result] = converted(e, name, elementsOf(DOUBLE, v), certain, v, lanes) as [V128];
    e.writeVector(0, result, packedBytes(e));
  };
/** The low halves of one lane (and zeros) or of two. */
const halves = ([low, high]: Lanes): V128 => joined(low as V128, high ?? ZERO);
export const emitCvtps2dq = singlesToPacked(false);
export const emitCvttps2dq = singlesToPacked(true);
export const emitCvtpd2dq = doublesToPacked(false);
export const emitCvttpd2dq = doublesToPacked(true);

// -- between the float formats -------------------------------------------------------------------------------------
/** A source of half the destination's length, as the low halves of lanes. */
function readHalf(e: Emit): Lanes {
  if (e.vectorLength !== 32) return [doubled(e, e.readVector(1, 8))];
  const v = e.readVector(1, 16);
  return [v, e.f.let(upperHalf(v))];
}
/** For the exact operations: a source as it lay in memory or register. */
const whole = ([low, high]: Lanes): Lanes => [high === undefined ? (low as V128) : joined(low as V128, high)];

/** Singles in the low halves of lanes as doubles, which all of them are exactly. */
function promoted(e: Emit, v: Lanes, elements: number): Lanes {
  const certain = allTrue(all(v.map((lane) => comparable(SINGLE, lane))));
  return converted(e, 'singleToDouble', elements, certain, whole(v), v.map(f64x2.promoteLowF32));
}

const LEAST_SINGLE = i64x2.const(BigInt(1023 - 126) << 52n);
/** Doubles as singles, in one lane. */
function demoted(e: Emit, v: Lanes, elements: number): V128 {
  const { f } = e;
  const r = v.map((lane) => f.let(f32x4.demoteF64Zero(lane)));
  const steady = f.let(maskOf(isSteady(e)));
  const harmless = v.map((lane, n) => {
    const back = f.let(f64x2.promoteLowF32(r[n] as V128));
    const normal = v128.and(within(DOUBLE, back, LEAST_SINGLE), v128.or(steady, f64x2.eq(back, lane)));
    return v128.and(plain(f, DOUBLE, lane), v128.or(normal, f64x2.eq(lane, DOUBLE.zero)));
  });
  const [result] = converted(e, 'doubleToSingle', elements, allTrue(all(harmless)), v, [halves(r)]);
  return result as V128;
}

export const emitCvtps2pd: Emitter = (e) => {
  const v = readHalf(e);
  e.writeLanes(0, promoted(e, v, 2 * v.length));
};
export const emitCvtpd2ps: Emitter = (e) => {
  const v = e.readLanes(1, e.vectorLength === 0);
  e.writeVector(0, demoted(e, v, elementsOf(DOUBLE, v)), 16);
};
export const emitCvtss2sd: Emitter = (e) => {
  const first = firstSource(e);
  const v = e.f.let(SINGLE.splat(e.readVector(first + 1, 4)));
  const [result] = promoted(e, [v], 1);
  e.writeVector(0, mergeLow(8, e.readVector(first, 16), result as V128), 16);
};
export const emitCvtsd2ss: Emitter = (e) => {
  const first = firstSource(e);
  const v = e.f.let(DOUBLE.splat(e.readVector(first + 1, 8)));
  e.writeVector(0, mergeLow(4, e.readVector(first, 16), demoted(e, [v], 1)), 16);
};

// -- integer to float ----------------------------------------------------------------------------------------------
/** Integers up to 2^precision in magnitude convert exactly. */
const fromGeneral =
  (s: Format, precision: number, convert: (v: I64) => V128): Emitter =>
  (e) => {
    const { f } = e;
    const first = firstSource(e);
    const integer = e.read(first + 1);
    const value = f.let(e.size === 8 ? (integer as I64) : i64.extendS(integer as I32));
    const reach = 1n << BigInt(precision);
    const exact = i64.leU(i64.add(value, i64.const(reach)), i64.const(2n * reach));
    const source = f.let(i64x2.splat(value));
    const certain = i32.or(exact, isSteady(e));
    const [result] = converted(e, `${s.name}.fromInt64`, 1, certain, [source], [convert(value)]);
    e.writeVector(0, mergeLow(s.bytes, e.readVector(first, 16), result as V128), 16);
  };
export const emitCvtsi2ss = fromGeneral(SINGLE, 24, (v) => v128.replaceF32(0, ZERO, f32.convertI64S(v)));
export const emitCvtsi2sd = fromGeneral(DOUBLE, 53, (v) => v128.replaceF64(0, ZERO, f64.convertI64S(v)));

/** Dwords as singles: those of 25 bits convert exactly. */
function dwordsToSingles(e: Emit, v: Lanes, elements: number): Lanes {
  const short = v.map((lane) => i32x4.eq(i32x4.shrS(i32x4.shl(lane, i32.const(7)), i32.const(7)), lane));
  const certain = allTrue(v128.or(maskOf(isSteady(e)), all(short)));
  return converted(e, 'single.fromInt32', elements, certain, v, v.map(f32x4.convertI32S));
}
export const emitCvtdq2ps: Emitter = (e) => {
  const v = e.readLanes(1, e.vectorLength === 0);
  e.writeLanes(0, dwordsToSingles(e, v, elementsOf(SINGLE, v)));
};
/** Also CVTPI2PD: 32 bits always fit. */
export const emitCvtdq2pd: Emitter = (e) => e.writeLanes(0, readHalf(e).map(f64x2.convertLowI32S));
/** The upper half stays. */
export const emitCvtpi2ps: Emitter = (e) => {
  const b = doubled(e, e.readVector(1, 8));
  const [result] = dwordsToSingles(e, [b], 2);
  e.writeVector(0, mergeLow(8, e.readVector(0, 16), result as V128), 16);
};
