/** Conversions between formats and integers. */
import { type Environment, IE, PE, type Rounding, roundAt, TRUNCATE } from './environment.ts';
import {
  DOUBLE,
  type Format,
  finite,
  HALF,
  infinity,
  isInfinite,
  isNan,
  isNegative,
  isSignaling,
  isZero,
  SINGLE,
  zero,
} from './format.ts';

/** A signed integer of so many bits, the indefinite where it does not fit. */
export function toInteger(env: Environment, s: Format, v: bigint, bits: 32 | 64, rounding: Rounding): bigint {
  const indefinite = 1n << BigInt(bits - 1);
  const x = env.operand(s, v);
  if (!isNan(s, x) && !isInfinite(s, x)) {
    const { negative, significand, exponent } = finite(s, x);
    const { value, inexact } = roundAt(significand, -exponent, negative, rounding);
    if (value < indefinite || (negative && value === indefinite)) {
      if (inexact) env.raise(PE);
      return BigInt.asUintN(bits, negative ? -value : value);
    }
  }
  env.raise(IE);
  return indefinite;
}
export const toIntegerRounded = (env: Environment, s: Format, v: bigint, bits: 32 | 64): bigint =>
  toInteger(env, s, v, bits, env.rounding);
export const toIntegerTruncated = (env: Environment, s: Format, v: bigint, bits: 32 | 64): bigint =>
  toInteger(env, s, v, bits, TRUNCATE);

export function fromInteger(env: Environment, s: Format, v: bigint, bits: 32 | 64): bigint {
  const value = BigInt.asIntN(bits, v);
  return env.round(s, value < 0n, value < 0n ? -value : value, 0);
}

/** A NaN of one format as one of another: the upper bits of its fraction stay. */
function nanTo(from: Format, to: Format, v: bigint): bigint {
  const places = BigInt(to.precision - from.precision);
  const fraction = v & (from.implicit - 1n);
  const moved = places < 0n ? fraction >> -places : fraction << places;
  return infinity(to, isNegative(from, v)) | to.quiet | moved;
}

/** SINGLE to DOUBLE and back. */
function convert(env: Environment, from: Format, to: Format, v: bigint): bigint {
  const nan = env.nanOf(from, v);
  if (nan !== undefined) return nanTo(from, to, nan);
  const x = env.operand(from, v);
  env.noteDenormals(from, x);
  if (isInfinite(from, x)) return infinity(to, isNegative(from, x));
  const { negative, significand, exponent } = finite(from, x);
  return env.round(to, negative, significand, exponent);
}

/** VCVTPH2PS: denormals are numbers like others, whatever DAZ says. */
export function fromHalf(env: Environment, v: bigint): bigint {
  const nan = env.nanOf(HALF, v);
  if (nan !== undefined) return nanTo(HALF, SINGLE, nan);
  if (isInfinite(HALF, v)) return infinity(SINGLE, isNegative(HALF, v));
  const { negative, significand, exponent } = finite(HALF, v);
  return env.round(SINGLE, negative, significand, exponent);
}

// the immediate of VCVTPS2PH and of ROUNDPS
const CONTROL_RC = 3;
const CONTROL_MXCSR = 4;
const CONTROL_QUIET = 8;
const roundingOf = (env: Environment): Rounding =>
  (env.control & CONTROL_MXCSR) !== 0 ? env.rounding : env.control & CONTROL_RC;

/** VCVTPS2PH, which FTZ does not touch. */
export function toHalf(env: Environment, v: bigint): bigint {
  const nan = env.nanOf(SINGLE, v);
  if (nan !== undefined) return nanTo(SINGLE, HALF, nan);
  const x = env.operand(SINGLE, v);
  env.noteDenormals(SINGLE, x);
  if (isInfinite(SINGLE, x)) return infinity(HALF, isNegative(SINGLE, x));
  const { negative, significand, exponent } = finite(SINGLE, x);
  return env.round(HALF, negative, significand, exponent, roundingOf(env), false);
}

/** ROUNDPS and so on, by the immediate. */
export function roundToIntegral(env: Environment, s: Format, v: bigint): bigint {
  if (isNan(s, v)) {
    if (isSignaling(s, v)) env.raise(IE);
    return v | s.quiet;
  }
  const x = env.operand(s, v);
  if (isInfinite(s, x) || isZero(s, x)) return x;
  const { negative, significand, exponent } = finite(s, x);
  const { value, inexact } = roundAt(significand, -exponent, negative, roundingOf(env));
  if (!inexact) return x;
  if ((env.control & CONTROL_QUIET) === 0) env.raise(PE);
  return value === 0n ? zero(s, negative) : env.round(s, negative, value, 0);
}

export const toDouble = (env: Environment, v: bigint): bigint => convert(env, SINGLE, DOUBLE, v);
export const toSingle = (env: Environment, v: bigint): bigint => convert(env, DOUBLE, SINGLE, v);
