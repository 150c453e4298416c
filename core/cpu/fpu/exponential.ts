/**
 * F2XM1, FYL2X and FYL2XP1, correctly rounded but for one case in some 2^60 (Intel documents 1 ulp).
 * Precision control does not apply to these instructions. [SDM] volume 1, 8.3.9 to 8.3.11
 */
import {
  A,
  A_EXP,
  A_HI,
  A_LO,
  A_SE,
  B,
  B_EXP,
  B_HI,
  B_LO,
  B_SE,
  DE,
  DENORMAL,
  EXP_BIAS,
  EXP_MASK,
  INFINITE,
  INT32_MIN,
  invalid,
  PC,
  PE,
  propagateNan,
  propagateNanA,
  QNAN,
  SIGN,
  setInfinity,
  setZ,
  setZero,
  UE,
  unpack,
  W,
  Z_SE,
  ZE,
  ZERO,
} from './ext80.ts';
import {
  coefficients,
  evaluate,
  F,
  factorial,
  LN2,
  multiplyFixed,
  ONE,
  packBig,
  significand,
  toFixed,
} from './fixed-point.ts';

/** (e^x - 1) / x in x, |x| <= ln 2 / 32. */
const EXPM1 = coefficients(16, (k) => factorial(k + 1));
/** atanh(x) / x in x squared, |x| <= 1/43. */
const ATANH = coefficients(12, (k) => BigInt(2 * k + 1));
/** 2 / ln 2 */
const TWO_LOG2E = (2n << (2n * F)) / LN2;

/** The interval around one that needs no table, 1 -+ 1/32, and the steps beside it. */
const STEPS = 16n;
/** 2^(i / 16), i = -16..16, from index 0. */
const POWERS = powerTable();

function squareRootFixed(x: bigint): bigint {
  const square = x << F;
  let root = ONE * 2n;
  for (let next = (root + square / root) >> 1n; next < root; next = (root + square / root) >> 1n) root = next;
  return root;
}

function powerTable(): bigint[] {
  let sixteenth = 2n * ONE;
  for (let halvings = 0; halvings < 4; halvings++) sixteenth = squareRootFixed(sixteenth);
  const table: bigint[] = [];
  let power = ONE;
  for (let i = 0; i < 16; i++) {
    table[16 + i] = power;
    table[i] = power >> 1n;
    power = multiplyFixed(power, sixteenth);
  }
  table[32] = 2n * ONE;
  return table;
}

/** Z = 2^A - 1 for |A| <= 1; any other A comes back as it is. Returns the FSW bits raised. */
export function powerLessOne(ctl: number): number {
  const kind = unpack(A);
  if (kind >= QNAN) return propagateNanA(kind);
  const sign = W[A_SE] & SIGN;
  const exp = W[A_EXP];
  if (kind & INFINITE && sign !== 0) {
    setZ(SIGN | EXP_BIAS, INT32_MIN, 0);
    return 0;
  }
  if (kind & (ZERO | INFINITE)) {
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    return 0;
  }
  if (exp >= EXP_BIAS) return powerOutside(sign, exp);
  const denormal = kind & DENORMAL ? DE : 0;
  const mantissa = sign ? -significand(W[A_HI], W[A_LO]) : significand(W[A_HI], W[A_LO]);
  const scale = exp - EXP_BIAS - 63;
  const fixed = toFixed(mantissa, scale);
  const step = (fixed * 2n * STEPS + ONE) >> (F + 1n);
  if (step === 0n) {
    const exponent = multiplyFixed(fixed, LN2);
    const product = mantissa * multiplyFixed(LN2, evaluate(EXPM1, exponent));
    return denormal | packBig(sign, product < 0n ? -product : product, scale - Number(F), true, ctl | PC);
  }
  const power = POWERS[Number(step) + 16] as bigint;
  const exponent = multiplyFixed(fixed - (step * ONE) / STEPS, LN2);
  const rest = multiplyFixed(exponent, evaluate(EXPM1, exponent));
  const result = power + multiplyFixed(power, rest) - ONE;
  return denormal | packBig(sign, result < 0n ? -result : result, -Number(F), true, ctl | PC);
}

/** 1 and -1 have exact results; beyond them, where the result is undefined, real CPUs leave the operand and set PE. */
function powerOutside(sign: number, exp: number): number {
  const minusOne = exp === EXP_BIAS && sign !== 0 && W[A_HI] === INT32_MIN && W[A_LO] === 0;
  if (minusOne) setZ(SIGN | (EXP_BIAS - 1), INT32_MIN, 0);
  else setZ(W[A_SE], W[A_HI], W[A_LO]);
  return PE;
}

/** A logarithm to base 2: magnitude * 2^scale, negative or not; `exact` when it is an integer. */
interface Logarithm {
  negative: boolean;
  magnitude: bigint;
  scale: number;
  exact: boolean;
}

function logarithm(value: bigint, scale: number, exact: boolean): Logarithm {
  return { negative: value < 0n, magnitude: value < 0n ? -value : value, scale, exact };
}

/** log2((1 + s) / (1 - s)) / s for small s, fixed point. */
function log2OverS(s: bigint): bigint {
  return multiplyFixed(TWO_LOG2E, evaluate(ATANH, multiplyFixed(s, s)));
}

/**
 * log2 of 2^exponent * (1 + above), where 1 + above is in [1/2, 2) and `above` = numerator / 2^bits exactly.
 * Relative precision also next to one.
 */
function log2(exponent: number, numerator: bigint, bits: bigint): Logarithm {
  let whole = BigInt(exponent);
  let above = numerator;
  let unit = 1n << bits;
  // Bring 1 + above to within sqrt(1/2)..sqrt(2), roughly: 0.7 to 1.4.
  if (above * 5n > unit * 2n) {
    above -= unit;
    unit *= 2n;
    whole++;
  } else if (above * 10n < unit * -3n) {
    above = 2n * above + unit;
    whole--;
  }
  if (above === 0n) return logarithm(whole * ONE, -Number(F), true);
  const step = (above * 2n * STEPS + unit) / (2n * unit) - (above * 2n * STEPS + unit < 0n ? 1n : 0n);
  // ln((1 + above) / c) = 2 atanh((1 + above - c) / (1 + above + c)), c = 1 + step / 16
  const difference = above * STEPS - step * unit;
  const sum = (2n * STEPS + step) * unit + above * STEPS;
  if (step === 0n && whole === 0n) {
    const guard = BigInt(guardBits(difference, sum));
    const s = (difference << (F + guard)) / sum;
    return logarithm(s * log2OverS(s >> guard), -2 * Number(F) - Number(guard), false);
  }
  const s = (difference << F) / sum;
  return logarithm(whole * ONE + stepLog2(step) + multiplyFixed(s, log2OverS(s)), -Number(F), false);
}

/** How many bits a quotient below one lacks of F significant ones. */
function guardBits(difference: bigint, sum: bigint): number {
  const length = (value: bigint): number => (value < 0n ? -value : value).toString(16).length * 4;
  return Math.max(0, length(sum) - length(difference) + 4);
}

/** log2(1 + step / 16), step = -5..7, by its own series; kept once computed. */
const stepLogs = new Map<bigint, bigint>();

function stepLog2(step: bigint): bigint {
  let value = stepLogs.get(step);
  if (value === undefined) {
    const s = (step << F) / (2n * STEPS + step);
    const square = multiplyFixed(s, s);
    let power = s;
    let sum = 0n;
    for (let k = 1n; power / k !== 0n; k += 2n) {
      sum += power / k;
      power = (power * square) / ONE;
    }
    value = multiplyFixed(TWO_LOG2E, sum);
    stepLogs.set(step, value);
  }
  return value;
}

/** Z = B * logarithm, B finite and not zero. Like real CPUs, PE (and UE) also where the result is exact. */
function packProduct(log: Logarithm, denormal: number, ctl: number): number {
  const sign = (W[B_SE] & SIGN) ^ (log.negative ? SIGN : 0);
  if (log.magnitude === 0n) {
    setZero(sign);
    return denormal;
  }
  const scale = W[B_EXP] - EXP_BIAS - 63 + log.scale;
  const flags = packBig(sign, significand(W[B_HI], W[B_LO]) * log.magnitude, scale, !log.exact, ctl | PC);
  return denormal | flags | PE | (W[Z_SE] & EXP_MASK ? 0 : UE);
}

/** Z = B * log2(A). Returns the FSW bits raised. */
export function yLog2x(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const signB = W[B_SE] & SIGN;
  if (kindA & ZERO) {
    if (kindB & ZERO) return invalid();
    setInfinity(signB ^ SIGN);
    return kindB & INFINITE ? 0 : ZE;
  }
  if (W[A_SE] & SIGN) return invalid();
  const denormal = kinds & DENORMAL ? DE : 0;
  if (kindA & INFINITE) return multiplyInfinity(kindB, signB, denormal);
  const exponent = W[A_EXP] - EXP_BIAS;
  const fraction = significand(W[A_HI] & 0x7fff_ffff, W[A_LO]);
  const isOne = exponent === 0 && fraction === 0n;
  if (kindB & (ZERO | INFINITE)) {
    if (isOne && kindB & INFINITE) return invalid();
    const sign = signB ^ (exponent < 0 ? SIGN : 0);
    if (kindB & ZERO) setZero(sign);
    else setInfinity(sign);
    return denormal;
  }
  return packProduct(log2(exponent, fraction, 63n), denormal, ctl);
}

/** Z = B * infinity. */
function multiplyInfinity(kindB: number, sign: number, denormal: number): number {
  if (kindB & ZERO) return invalid();
  setInfinity(sign);
  return denormal;
}

/**
 * Z = B * log2(A + 1). Returns the FSW bits raised. As good outside the documented range, down to A > -1; below that,
 * where the result is undefined, real CPUs give A back and set PE.
 */
export function yLog2xPlus1(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const signA = W[A_SE] & SIGN;
  const sign = (W[B_SE] & SIGN) ^ signA;
  const denormal = kinds & DENORMAL ? DE : 0;
  if (kindA & INFINITE) return signA ? invalid() : multiplyInfinity(kindB, sign, denormal);
  if (kindA & ZERO) {
    if (kindB & INFINITE) return invalid();
    setZero(sign);
    return denormal;
  }
  if (kindB & ZERO) {
    setZero(sign);
    return denormal;
  }
  if (kindB & INFINITE) {
    setInfinity(sign);
    return denormal;
  }
  if (signA && W[A_EXP] >= EXP_BIAS) {
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    return denormal | PE;
  }
  return packProduct(log2OfAPlus1(signA !== 0), denormal, ctl);
}

function log2OfAPlus1(negative: boolean): Logarithm {
  const exponent = W[A_EXP] - EXP_BIAS;
  const mantissa = significand(W[A_HI], W[A_LO]);
  // Beyond 2^128 the one is lost; below 2^-128 log2(1 + x) is x / ln 2.
  if (exponent > 128) return log2(exponent, mantissa - (1n << 63n), 63n);
  if (exponent < -128) {
    const product = (mantissa * TWO_LOG2E) >> 1n;
    return logarithm(negative ? -product : product, exponent - 63 - Number(F), false);
  }
  const bits = BigInt(63 - Math.min(exponent, 0));
  const x = exponent < 0 ? mantissa : mantissa << BigInt(exponent);
  if (exponent < 0) return log2BelowTwo(negative ? -x : x, bits);
  const sum = x + (1n << bits);
  const length = sum.toString(2).length;
  return log2(length - 1 - 63, sum - (1n << BigInt(length - 1)), BigInt(length - 1));
}

/** log2(1 + above / 2^bits), -1 < the fraction < 1. */
function log2BelowTwo(numerator: bigint, bits: bigint): Logarithm {
  let sum = numerator + (1n << bits);
  let exponent = 0;
  let width = bits;
  while (sum << 1n < 1n << width) {
    width--;
    exponent--;
  }
  sum -= 1n << width;
  return log2(exponent, sum, width);
}
