/** The binary interchange formats of [IEEE 754]: encodings as bigints of the format's width, and values taken apart. */

export interface Format {
  /** Bytes of an encoding. */
  readonly bytes: 2 | 4 | 8;
  /** Bits of a significand, the implicit one included. */
  readonly precision: number;
  /** Exponent of the least normal number's leading bit. */
  readonly leastExponent: number;
  readonly greatestExponent: number;
  readonly sign: bigint;
  readonly infinity: bigint;
  /** The implicit bit's place, which is also the least normal number. */
  readonly implicit: bigint;
  /** Top bit of a fraction: a NaN with it is quiet. */
  readonly quiet: bigint;
  readonly defaultNan: bigint;
}

function format(bytes: 2 | 4 | 8, precision: number): Format {
  const bits = bytes * 8;
  const bias = 2 ** (bits - precision - 1) - 1;
  const sign = 1n << BigInt(bits - 1);
  const implicit = 1n << BigInt(precision - 1);
  const infinity = sign - implicit;
  const quiet = implicit >> 1n;
  return {
    bytes,
    precision,
    leastExponent: 1 - bias,
    greatestExponent: bias,
    sign,
    infinity,
    implicit,
    quiet,
    defaultNan: sign | infinity | quiet,
  };
}
export const HALF = format(2, 11);
export const SINGLE = format(4, 24);
export const DOUBLE = format(8, 53);

const magnitude = (s: Format, v: bigint): bigint => v & ~s.sign;
export const isNegative = (s: Format, v: bigint): boolean => (v & s.sign) !== 0n;
export const isNan = (s: Format, v: bigint): boolean => magnitude(s, v) > s.infinity;
export const isSignaling = (s: Format, v: bigint): boolean => isNan(s, v) && (v & s.quiet) === 0n;
export const isInfinite = (s: Format, v: bigint): boolean => magnitude(s, v) === s.infinity;
export const isZero = (s: Format, v: bigint): boolean => magnitude(s, v) === 0n;
export const isDenormal = (s: Format, v: bigint): boolean => !isZero(s, v) && magnitude(s, v) < s.implicit;
export const zero = (s: Format, negative: boolean): bigint => (negative ? s.sign : 0n);
export const infinity = (s: Format, negative: boolean): bigint => zero(s, negative) | s.infinity;

/** A finite number: significand * 2^exponent, with a sign of its own, as zeros have one. */
export interface Finite {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

export function finite(s: Format, v: bigint): Finite {
  const fraction = v & (s.implicit - 1n);
  const biased = Number(magnitude(s, v) >> BigInt(s.precision - 1));
  const exponent = s.leastExponent - (s.precision - 1) + Math.max(biased - 1, 0);
  return { negative: isNegative(s, v), significand: biased === 0 ? fraction : fraction | s.implicit, exponent };
}

/** With the sign in the significand. */
export const signed = (x: Finite): bigint => (x.negative ? -x.significand : x.significand);

const scratch = new DataView(new ArrayBuffer(8));
/** Numbers below it have an exponent as doubles, even rounded up. */
const DOUBLE_RANGE = 1n << 1023n;
/** Bits of a positive number, without leading zeros. */
export function bitLength(value: bigint): number {
  if (value >= DOUBLE_RANGE) return 1023 + bitLength(value >> 1023n);
  scratch.setFloat64(0, Number(value));
  const exponent = (scratch.getUint16(0) >> 4) - 1023;
  // what was rounded up to a power of two is shorter by one
  return value >> BigInt(exponent) === 0n ? exponent : exponent + 1;
}
