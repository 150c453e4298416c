/**
 * Fixed-point numbers of 128 fraction bits as BigInt, for the transcendental instructions: 64 bits more than a result
 * holds, so that it comes out correctly rounded but for one case in some 2^60. Speed matters less here than certainty.
 */
import { EXP_BIAS, W, Z_EXT, Z_HI, Z_LO } from './ext80.ts';
import { roundPack } from './round.ts';

const FRACTION_BITS = 128;
export const F = BigInt(FRACTION_BITS);
export const ONE = 1n << F;

/** A significand, given its halves, as an integer. */
export function significand(hi: number, lo: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** mantissa * 2^scale as fixed point, rounded down. */
export function toFixed(mantissa: bigint, scale: number): bigint {
  const shift = FRACTION_BITS + scale;
  return shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift);
}

export function multiplyFixed(a: bigint, b: bigint): bigint {
  return (a * b) >> F;
}

/** The polynomial with these coefficients, lowest first, by Horner's rule. */
export function evaluate(coefficients: readonly bigint[], x: bigint): bigint {
  let sum = 0n;
  for (let at = coefficients.length - 1; at >= 0; at--) sum = ((sum * x) >> F) + (coefficients[at] as bigint);
  return sum;
}

/** `count` coefficients, the k-th being ONE over the product or whatever `divisor` says of k. */
export function coefficients(count: number, divisor: (k: number) => bigint): bigint[] {
  return Array.from({ length: count }, (_, k) => ONE / divisor(k));
}

/** k! */
export function factorial(k: number): bigint {
  let product = 1n;
  for (let factor = 2; factor <= k; factor++) product *= BigInt(factor);
  return product;
}

/** Sum of x^(2k+1) / (2k+1), signs alternating or not, for x = 1 / n: atan and atanh of 1 / n. */
function inverseSeries(n: bigint, alternating: boolean): bigint {
  const guard = 32n;
  let power = (ONE << guard) / n;
  let sum = 0n;
  for (let k = 0n; power !== 0n; k++) {
    const term = power / (2n * k + 1n);
    sum += alternating && (k & 1n) === 1n ? -term : term;
    power /= n * n;
  }
  return sum >> guard;
}

/** pi, by Machin's formula. */
export const PI = 16n * inverseSeries(5n, true) - 4n * inverseSeries(239n, true);
/** ln 2 = 2 atanh(1/3) */
export const LN2 = 2n * inverseSeries(3n, false);

const float = new Float64Array(1);
const floatWords = new Uint32Array(float.buffer);

/** Bits of a positive number below 2^1023; may be one too many when all its leading 53 bits are ones. */
function bitLengthEstimate(value: bigint): number {
  float[0] = Number(value);
  return ((floatWords[1] as number) >>> 20) - 1022;
}

/**
 * Z = magnitude * 2^scale, magnitude > 0, with this sign (0 or 0x8000), rounded by `ctl`; `inexact` says that the true
 * value lies just above. Returns the FSW bits raised.
 */
export function packBig(sign: number, magnitude: bigint, scale: number, inexact: boolean, ctl: number): number {
  let length = bitLengthEstimate(magnitude);
  if (magnitude >> BigInt(length - 1) === 0n) length--;
  const excess = length - 96;
  const top = excess >= 0 ? magnitude >> BigInt(excess) : magnitude << BigInt(-excess);
  const dropped = inexact || (excess > 0 && top << BigInt(excess) !== magnitude);
  W[Z_HI] = Number(top >> 64n) | 0;
  W[Z_LO] = Number((top >> 32n) & 0xffff_ffffn) | 0;
  W[Z_EXT] = Number(top & 0xffff_ffffn) | (dropped ? 1 : 0);
  return roundPack(sign, length - 1 + scale + EXP_BIAS, ctl);
}
