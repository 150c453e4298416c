/** Arithmetic on encodings. Priorities of what operands can raise: [SDM] volume 1, 11.5.2 and table 4-11. */
import { DOWN, type Environment, IE, ZE } from './environment.ts';
import {
  bitLength,
  type Finite,
  type Format,
  finite,
  infinity,
  isInfinite,
  isNan,
  isNegative,
  isZero,
  signed,
  zero,
} from './format.ts';

export type Unary = (env: Environment, s: Format, a: bigint) => bigint;
export type Binary = (env: Environment, s: Format, a: bigint, b: bigint) => bigint;
export type Ternary = (env: Environment, s: Format, a: bigint, b: bigint, c: bigint) => bigint;

export const negate = (s: Format, v: bigint): bigint => v ^ s.sign;

/** x, or the least number that says whether there is one, where all of it lies far below the last bit of y. */
function nearby(s: Format, x: Finite, y: Finite): Finite {
  const reach = y.exponent - (s.precision + 3);
  const isFar = x.significand !== 0n && y.significand !== 0n && x.exponent + bitLength(x.significand) <= reach;
  return isFar ? { negative: x.negative, significand: 1n, exponent: reach } : x;
}

/** x + y exactly, then rounded. Like zeros keep their sign; other zero sums are negative only when rounding down. */
function sum(env: Environment, s: Format, a: Finite, b: Finite): bigint {
  const [x, y] = [nearby(s, a, b), nearby(s, b, a)];
  const exponent = Math.min(x.exponent, y.exponent);
  const total = (signed(x) << BigInt(x.exponent - exponent)) + (signed(y) << BigInt(y.exponent - exponent));
  if (total === 0n) {
    const alike = x.significand === 0n && y.significand === 0n && x.negative === y.negative;
    return zero(s, alike ? x.negative : env.rounding === DOWN);
  }
  const negative = total < 0n;
  return env.round(s, negative, negative ? -total : total, exponent);
}

function addNumbers(env: Environment, s: Format, a: bigint, b: bigint): bigint {
  const [x, y] = [env.operand(s, a), env.operand(s, b)];
  if (isInfinite(s, x) && isInfinite(s, y) && x !== y) return env.invalid(s);
  env.noteDenormals(s, x, y);
  if (isInfinite(s, x)) return x;
  if (isInfinite(s, y)) return y;
  return sum(env, s, finite(s, x), finite(s, y));
}
export const add: Binary = (env, s, a, b) => env.nanOf(s, a, b) ?? addNumbers(env, s, a, b);
export const sub: Binary = (env, s, a, b) => env.nanOf(s, a, b) ?? addNumbers(env, s, a, negate(s, b));

/** Infinity times zero. */
const isInvalidProduct = (s: Format, x: bigint, y: bigint): boolean =>
  (isInfinite(s, x) && isZero(s, y)) || (isZero(s, x) && isInfinite(s, y));
const product = (x: Finite, y: Finite): Finite => ({
  negative: x.negative !== y.negative,
  significand: x.significand * y.significand,
  exponent: x.exponent + y.exponent,
});
const differs = (s: Format, a: bigint, b: bigint): boolean => isNegative(s, a) !== isNegative(s, b);

export const mul: Binary = (env, s, a, b) => {
  const nan = env.nanOf(s, a, b);
  if (nan !== undefined) return nan;
  const [x, y] = [env.operand(s, a), env.operand(s, b)];
  if (isInvalidProduct(s, x, y)) return env.invalid(s);
  env.noteDenormals(s, x, y);
  if (isInfinite(s, x) || isInfinite(s, y)) return infinity(s, differs(s, x, y));
  const p = product(finite(s, x), finite(s, y));
  return env.round(s, p.negative, p.significand, p.exponent);
};

export const div: Binary = (env, s, a, b) => {
  const nan = env.nanOf(s, a, b);
  if (nan !== undefined) return nan;
  const [x, y] = [env.operand(s, a), env.operand(s, b)];
  const negative = differs(s, x, y);
  if ((isZero(s, x) && isZero(s, y)) || (isInfinite(s, x) && isInfinite(s, y))) return env.invalid(s);
  if (isZero(s, y) && !isInfinite(s, x)) {
    env.raise(ZE);
    return infinity(s, negative);
  }
  env.noteDenormals(s, x, y);
  if (isInfinite(s, x)) return infinity(s, negative);
  if (isInfinite(s, y)) return zero(s, negative);
  return quotient(env, s, negative, finite(s, x), finite(s, y));
};

function quotient(env: Environment, s: Format, negative: boolean, x: Finite, y: Finite): bigint {
  const wanted = s.precision + 2;
  const shift = Math.max(wanted + bitLength(y.significand) - bitLength(x.significand), 0);
  const dividend = x.significand << BigInt(shift);
  const q = dividend / y.significand;
  const inexact = q * y.significand !== dividend;
  return env.round(s, negative, (q << 1n) | (inexact ? 1n : 0n), x.exponent - y.exponent - shift - 1);
}

export const sqrt: Unary = (env, s, a) => {
  const nan = env.nanOf(s, a);
  if (nan !== undefined) return nan;
  const x = env.operand(s, a);
  if (isZero(s, x)) return x;
  if (isNegative(s, x)) return env.invalid(s);
  env.noteDenormals(s, x);
  if (isInfinite(s, x)) return x;
  const { significand, exponent } = finite(s, x);
  let shift = 2 * (s.precision + 2);
  if (((exponent - shift) & 1) !== 0) shift++;
  const radicand = significand << BigInt(shift);
  const root = integerRoot(radicand);
  const inexact = root * root !== radicand;
  return env.round(s, false, (root << 1n) | (inexact ? 1n : 0n), (exponent - shift) / 2 - 1);
};

/** The square root, rounded down. */
function integerRoot(n: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(n))));
  root = (root + n / root) >> 1n;
  while (root * root > n) root--;
  while ((root + 1n) * (root + 1n) <= n) root++;
  return root;
}

/** a * b + c, rounded once. */
export const multiplyAdd: Ternary = (env, s, a, b, c) => {
  const nan = env.nanOf(s, a, b, c);
  if (nan !== undefined) return nan;
  const [x, y, z] = [env.operand(s, a), env.operand(s, b), env.operand(s, c)];
  if (isInvalidProduct(s, x, y)) return env.invalid(s);
  const infinite = isInfinite(s, x) || isInfinite(s, y);
  const negative = differs(s, x, y);
  if (infinite && isInfinite(s, z) && isNegative(s, z) !== negative) return env.invalid(s);
  env.noteDenormals(s, x, y, z);
  if (infinite) return infinity(s, negative);
  if (isInfinite(s, z)) return z;
  return sum(env, s, product(finite(s, x), finite(s, y)), finite(s, z));
};

/** The second operand for NaNs, and where neither is the lesser (greater) one. */
const extremum =
  (greater: boolean): Binary =>
  (env, s, a, b) => {
    const [x, y] = [env.operand(s, a), env.operand(s, b)];
    if (isNan(s, a) || isNan(s, b)) {
      env.raise(IE);
      return y;
    }
    env.noteDenormals(s, x, y);
    const [i, j] = [order(s, x), order(s, y)];
    return (greater ? i > j : i < j) ? x : y;
  };
export const min = extremum(false);
export const max = extremum(true);

/** Integers in the order of the numbers; both zeros are 0. */
export const order = (s: Format, v: bigint): bigint => (isNegative(s, v) ? -(v ^ s.sign) : v);
