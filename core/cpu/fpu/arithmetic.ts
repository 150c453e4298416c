/**
 * Add, subtract, multiply, divide and square root of 80-bit values: Z = A op B, rounded by `ctl` (an FCW).
 * Each returns the FSW bits raised. An infinity, zero or NaN is settled first, a denormal operand costs DE.
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
  compareWords,
  DE,
  DENORMAL,
  EXP_BIAS,
  INFINITE,
  INT32_MIN,
  invalid,
  multiplyHigh,
  propagateNan,
  propagateNanA,
  QNAN,
  RC,
  RC_DOWN,
  SIGN,
  setInfinity,
  setZero,
  unpack,
  W,
  Z_EXT,
  Z_HI,
  Z_LO,
  ZE,
  ZERO,
} from './ext80.ts';
import { roundPack } from './round.ts';

const TWO_32 = 0x1_0000_0000;

/** Z = A + B. @hot */
export function add(ctl: number): number {
  return addSigned(ctl, 0);
}

/** Z = A - B. @hot */
export function subtract(ctl: number): number {
  return addSigned(ctl, SIGN);
}

/** Z = B - A. @hot */
export function subtractReversed(ctl: number): number {
  swap();
  return addSigned(ctl, SIGN);
}

/** Z = B / A. @hot */
export function divideReversed(ctl: number): number {
  swap();
  return divide(ctl);
}

function swap(): void {
  const lo = W[A_LO];
  const hi = W[A_HI];
  const se = W[A_SE];
  const exp = W[A_EXP];
  W[A_LO] = W[B_LO];
  W[A_HI] = W[B_HI];
  W[A_SE] = W[B_SE];
  W[A_EXP] = W[B_EXP];
  W[B_LO] = lo;
  W[B_HI] = hi;
  W[B_SE] = se;
  W[B_EXP] = exp;
}

function addSigned(ctl: number, flip: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const denormal = kinds & DENORMAL ? DE : 0;
  const signA = W[A_SE] & SIGN;
  const signB = (W[B_SE] & SIGN) ^ flip;
  if (kinds & (INFINITE | ZERO)) return denormal | addSpecial(kindA, kindB, signA, signB, ctl);
  return denormal | (signA === signB ? addMagnitudes(signA, ctl) : subtractMagnitudes(signA, signB, ctl));
}

function addSpecial(kindA: number, kindB: number, signA: number, signB: number, ctl: number): number {
  if ((kindA | kindB) & INFINITE) {
    if (kindA & kindB & INFINITE && signA !== signB) return invalid();
    setInfinity(kindA & INFINITE ? signA : signB);
    return 0;
  }
  if (kindA & kindB & ZERO) {
    setZero(signA === signB ? signA : cancelSign(ctl));
    return 0;
  }
  // The other operand is still rounded to the precision in force.
  W[Z_EXT] = 0;
  if (kindA & ZERO) {
    W[Z_HI] = W[B_HI];
    W[Z_LO] = W[B_LO];
    return roundPack(signB, W[B_EXP], ctl);
  }
  W[Z_HI] = W[A_HI];
  W[Z_LO] = W[A_LO];
  return roundPack(signA, W[A_EXP], ctl);
}

/** The sign of an exact zero that two unlike operands left. */
function cancelSign(ctl: number): number {
  return (ctl & RC) === RC_DOWN ? SIGN : 0;
}

/**
 * Z_HI, Z_LO, Z_EXT = (hi, lo) shifted right by count, 0..: the smaller operand of an addition in line with the
 * larger one. 32 bits below the significand with a sticky last one are enough for every rounding. @hot
 */
function align(hi: number, lo: number, count: number): void {
  if (count < 32) {
    if (count === 0) {
      W[Z_HI] = hi;
      W[Z_LO] = lo;
      W[Z_EXT] = 0;
      return;
    }
    W[Z_HI] = hi >>> count;
    W[Z_LO] = (lo >>> count) | (hi << (32 - count));
    W[Z_EXT] = lo << (32 - count);
    return;
  }
  W[Z_HI] = 0;
  const rest = count & 31;
  if (count < 64) {
    W[Z_LO] = hi >>> rest;
    W[Z_EXT] = rest === 0 ? lo : (lo >>> rest) | (hi << (32 - rest)) | (lo << (32 - rest) !== 0 ? 1 : 0);
    return;
  }
  W[Z_LO] = 0;
  W[Z_EXT] = count < 96 ? (hi >>> rest) | (lo !== 0 || (rest !== 0 && hi << (32 - rest) !== 0) ? 1 : 0) : 1;
}

/** Both finite and not zero, signs alike. @hot */
function addMagnitudes(sign: number, ctl: number): number {
  if (W[A_EXP] < W[B_EXP]) swap();
  align(W[B_HI], W[B_LO], W[A_EXP] - W[B_EXP]);
  const hi = W[A_HI];
  const lo = W[A_LO];
  let exp = W[A_EXP];
  const low = (lo + W[Z_LO]) | 0;
  const carry = low >>> 0 < lo >>> 0 ? 1 : 0;
  const high = (hi >>> 0) + (W[Z_HI] >>> 0) + carry;
  if (high >= TWO_32) {
    const ext = W[Z_EXT];
    W[Z_EXT] = (ext >>> 1) | (ext & 1) | (low << 31);
    W[Z_LO] = (low >>> 1) | (high << 31);
    W[Z_HI] = (high >>> 1) | INT32_MIN;
    exp++;
  } else {
    W[Z_LO] = low;
    W[Z_HI] = high | 0;
  }
  return roundPack(sign, exp, ctl);
}

/** Both finite and not zero, signs unlike. @hot */
function subtractMagnitudes(signA: number, signB: number, ctl: number): number {
  let order = W[A_EXP] - W[B_EXP];
  if (order === 0) {
    order = compareWords(W[A_HI], W[A_LO], W[B_HI], W[B_LO]);
    if (order === 0) {
      setZero(cancelSign(ctl));
      return 0;
    }
  }
  if (order < 0) swap();
  align(W[B_HI], W[B_LO], W[A_EXP] - W[B_EXP]);
  let hi = W[A_HI];
  let lo = W[A_LO];
  let exp = W[A_EXP];
  let ext = -W[Z_EXT] | 0;
  const borrowExt = ext === 0 ? 0 : 1;
  const takenLo = W[Z_LO];
  const borrowLo = lo >>> 0 < (takenLo >>> 0) + borrowExt ? 1 : 0;
  lo = (lo - takenLo - borrowExt) | 0;
  hi = (hi - W[Z_HI] - borrowLo) | 0;
  while (hi === 0) {
    hi = lo;
    lo = ext;
    ext = 0;
    exp -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo = (lo << shift) | (ext >>> (32 - shift));
    ext <<= shift;
    exp -= shift;
  }
  W[Z_HI] = hi;
  W[Z_LO] = lo;
  W[Z_EXT] = ext;
  return roundPack(order > 0 ? signA : signB, exp, ctl);
}

/** Z = A * B. @hot */
export function multiply(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const denormal = kinds & DENORMAL ? DE : 0;
  const sign = (W[A_SE] ^ W[B_SE]) & SIGN;
  if (kinds & (INFINITE | ZERO)) {
    if ((kinds & (INFINITE | ZERO)) === (INFINITE | ZERO)) return invalid();
    if (kinds & INFINITE) setInfinity(sign);
    else setZero(sign);
    return denormal;
  }
  const exp = multiplySignificands(W[A_EXP] + W[B_EXP] - EXP_BIAS);
  return denormal | roundPack(sign, exp, ctl);
}

/** Z_HI, Z_LO, Z_EXT = normalised product of the significands. Takes and returns the exponent. @hot */
function multiplySignificands(exp: number): number {
  const aHi = W[A_HI];
  const aLo = W[A_LO];
  const bHi = W[B_HI];
  const bLo = W[B_LO];
  const low = Math.imul(aLo, bLo);
  const sum1 = (multiplyHigh(aLo, bLo) >>> 0) + (Math.imul(aLo, bHi) >>> 0) + (Math.imul(aHi, bLo) >>> 0);
  const sum2 =
    (multiplyHigh(aLo, bHi) >>> 0) +
    (multiplyHigh(aHi, bLo) >>> 0) +
    (Math.imul(aHi, bHi) >>> 0) +
    Math.floor(sum1 / TWO_32);
  const hi = (multiplyHigh(aHi, bHi) + Math.floor(sum2 / TWO_32)) | 0;
  const lo = sum2 | 0;
  const ext = sum1 | (low !== 0 ? 1 : 0);
  if (hi < 0) {
    W[Z_HI] = hi;
    W[Z_LO] = lo;
    W[Z_EXT] = ext;
    return exp + 1;
  }
  W[Z_HI] = (hi << 1) | (lo >>> 31);
  W[Z_LO] = (lo << 1) | (ext >>> 31);
  W[Z_EXT] = (ext << 1) | (ext & 1);
  return exp;
}

/** Z = A / B. @hot */
export function divide(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const denormal = kinds & DENORMAL ? DE : 0;
  const sign = (W[A_SE] ^ W[B_SE]) & SIGN;
  if (kinds & (INFINITE | ZERO)) {
    if (kindA & kindB) return invalid();
    if (kindA & INFINITE || kindB & ZERO) {
      setInfinity(sign);
      return kindA & INFINITE ? denormal : ZE;
    }
    setZero(sign);
    return denormal;
  }
  const exp = divideSignificands(W[A_EXP] - W[B_EXP] + EXP_BIAS);
  return denormal | roundPack(sign, exp, ctl);
}

/**
 * Z_HI, Z_LO, Z_EXT = normalised quotient of the significands. Two digits of 32 bits, each estimated in double
 * precision (off by one at most) and put right by the exact remainder. Takes and returns the exponent. @hot
 */
function divideSignificands(exp: number): number {
  const bHi = W[B_HI];
  const bLo = W[B_LO];
  const divisor = (bHi >>> 0) * TWO_32 + (bLo >>> 0);
  let hi = W[A_HI];
  let lo = W[A_LO];
  // A quotient of 1 or more gives up its integer bit first, so that every digit has a remainder below the divisor.
  const whole = compareWords(hi, lo, bHi, bLo) >= 0;
  if (whole) {
    const borrow = lo >>> 0 < bLo >>> 0 ? 1 : 0;
    lo = (lo - bLo) | 0;
    hi = (hi - bHi - borrow) | 0;
  }
  let first = 0;
  let digit = 0;
  for (let step = 0; step < 2; step++) {
    first = digit;
    const remainder = (hi >>> 0) * TWO_32 + (lo >>> 0);
    const estimate = Math.floor((remainder / divisor) * TWO_32);
    digit = estimate >= TWO_32 ? -1 : estimate | 0;
    // (over, hi, lo) = (hi, lo, 0) - digit * B
    const product0 = Math.imul(digit, bLo);
    const middle = (multiplyHigh(digit, bLo) >>> 0) + (Math.imul(digit, bHi) >>> 0);
    const product2 = (multiplyHigh(digit, bHi) >>> 0) + (middle >= TWO_32 ? 1 : 0);
    const borrow0 = product0 === 0 ? 0 : 1;
    const middleLo = middle >= TWO_32 ? middle - TWO_32 : middle;
    const difference = (lo >>> 0) - middleLo - borrow0;
    let over = (hi >>> 0) - product2 - (difference < 0 ? 1 : 0);
    hi = difference | 0;
    lo = -product0 | 0;
    while (over < 0) {
      digit = (digit - 1) | 0;
      const sum = (lo >>> 0) + (bLo >>> 0);
      const sumHi = (hi >>> 0) + (bHi >>> 0) + (sum >= TWO_32 ? 1 : 0);
      lo = sum | 0;
      hi = sumHi | 0;
      if (sumHi >= TWO_32) over++;
    }
    while (over > 0 || compareWords(hi, lo, bHi, bLo) >= 0) {
      digit = (digit + 1) | 0;
      const less = lo >>> 0 < bLo >>> 0 ? 1 : 0;
      const lessHi = (hi >>> 0) - (bHi >>> 0) - less;
      lo = (lo - bLo) | 0;
      hi = lessHi | 0;
      if (lessHi < 0) over--;
    }
  }
  const sticky = (hi | lo) === 0 ? 0 : 1;
  if (whole) {
    W[Z_HI] = (first >>> 1) | INT32_MIN;
    W[Z_LO] = (first << 31) | (digit >>> 1);
    W[Z_EXT] = (digit << 31) | sticky;
    return exp;
  }
  W[Z_HI] = first;
  W[Z_LO] = digit;
  W[Z_EXT] = sticky === 0 ? 0 : remainderExt(hi, lo, bHi, bLo);
  return exp - 1;
}

/** The rounding word of a remainder below the divisor: under, at or over one half. */
function remainderExt(hi: number, lo: number, bHi: number, bLo: number): number {
  if (hi < 0) return INT32_MIN | 1;
  const order = compareWords((hi << 1) | (lo >>> 31), lo << 1, bHi, bLo);
  return order < 0 ? 1 : order === 0 ? INT32_MIN : INT32_MIN | 1;
}

/** Z = square root of A. */
export function squareRoot(ctl: number): number {
  const kind = unpack(A);
  if (kind >= QNAN) return propagateNanA(kind);
  if (kind & ZERO) {
    setZero(W[A_SE] & SIGN);
    return 0;
  }
  if (W[A_SE] & SIGN) return invalid();
  if (kind & INFINITE) {
    setInfinity(0);
    return 0;
  }
  const exponent = W[A_EXP] - EXP_BIAS;
  rootOfSignificand(exponent & 1);
  return (kind & DENORMAL ? DE : 0) | roundPack(0, (exponent >> 1) + EXP_BIAS, ctl);
}

/**
 * Z_HI, Z_LO, Z_EXT = root of the significand of A, doubled first when `odd`: 64 bits by the schoolbook method, two
 * bits of the operand and one of the root a step, then the remainder as the rounding word.
 */
function rootOfSignificand(odd: number): void {
  // The operand as 2.62 fixed point: its lowest bit, when it has none to give, comes in as the first appended zero.
  let hi = odd ? W[A_HI] : W[A_HI] >>> 1;
  let lo = odd ? W[A_LO] : (W[A_LO] >>> 1) | (W[A_HI] << 31);
  let below = odd ? 0 : W[A_LO] << 31;
  let rootHi = 0;
  let rootLo = 0;
  let over = 0; // remainder: (over, remHi, remLo), at most 66 bits
  let remHi = 0;
  let remLo = 0;
  for (let step = 0; step < 64; step++) {
    over = (over << 2) | (remHi >>> 30);
    remHi = (remHi << 2) | (remLo >>> 30);
    remLo = (remLo << 2) | (hi >>> 30);
    hi = (hi << 2) | (lo >>> 30);
    lo = (lo << 2) | (below >>> 30);
    below <<= 2;
    // trial = 4 * root + 1
    const trialOver = rootHi >>> 30;
    const trialHi = (rootHi << 2) | (rootLo >>> 30);
    const trialLo = (rootLo << 2) | 1;
    rootHi = (rootHi << 1) | (rootLo >>> 31);
    rootLo <<= 1;
    if (over > trialOver || (over === trialOver && compareWords(remHi, remLo, trialHi, trialLo) >= 0)) {
      const borrow = remLo >>> 0 < trialLo >>> 0 ? 1 : 0;
      const high = (remHi >>> 0) - (trialHi >>> 0) - borrow;
      remLo = (remLo - trialLo) | 0;
      remHi = high | 0;
      over = over - trialOver - (high < 0 ? 1 : 0);
      rootLo |= 1;
    }
  }
  W[Z_HI] = rootHi;
  W[Z_LO] = rootLo;
  // Exactly half is impossible; above half is a remainder above the root.
  const above = over !== 0 || compareWords(remHi, remLo, rootHi, rootLo) > 0;
  W[Z_EXT] = (over | remHi | remLo) === 0 ? 0 : above ? INT32_MIN | 1 : 1;
}
