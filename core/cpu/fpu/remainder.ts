/** FPREM, FPREM1, FSCALE and FXTRACT on the working values. [SDM] volume 2, under these names. */

import { loadInt32 } from './convert.ts';
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
  C0,
  C1,
  C2,
  C3,
  compareWords,
  DE,
  DENORMAL,
  EXP_BIAS,
  EXP_MASK,
  INFINITE,
  INT32_MIN,
  invalid,
  PC,
  propagateNan,
  propagateNanA,
  QNAN,
  SIGN,
  setInfinity,
  setZ,
  setZero,
  unpack,
  W,
  Z_EXT,
  Z_HI,
  Z_LO,
  Z_SE,
  ZE,
  ZERO,
} from './ext80.ts';
import { roundPack } from './round.ts';

/** A reduction by 64 or more binary digits is done in steps of 32..63 of them. */
const PARTIAL_MIN = 32;

/**
 * Z = remainder of A / B, the quotient rounded to zero (FPREM) or to nearest even (`ieee`, FPREM1). The result is
 * exact. Returns exceptions and the condition code: C2 when the reduction is not complete, else C0 C3 C1 = the low
 * three bits of the quotient, 4 2 1.
 */
export function remainder(ieee: boolean, ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  if (kindA & INFINITE || kindB & ZERO) return invalid();
  const denormal = kinds & DENORMAL ? DE : 0;
  const sign = W[A_SE] & SIGN;
  if (kindA & ZERO) {
    setZero(sign);
    return denormal;
  }
  W[Z_EXT] = 0;
  const difference = W[A_EXP] - W[B_EXP];
  if (kindB & INFINITE || difference < (ieee ? -1 : 0)) {
    W[Z_HI] = W[A_HI];
    W[Z_LO] = W[A_LO];
    return denormal | roundPack(sign, W[A_EXP], ctl | PC);
  }
  if (difference >= 64) {
    const digits = PARTIAL_MIN + (difference & 31);
    reduce(digits);
    return denormal | C2 | packRemainder(sign, W[A_EXP] - digits, ctl);
  }
  return denormal | completeRemainder(ieee, sign, difference, ctl);
}

function completeRemainder(ieee: boolean, sign: number, difference: number, ctl: number): number {
  let quotient = 0;
  let signZ = sign;
  if (difference < 0) {
    // FPREM1 with A a binary order below B: the remainder is A itself, one digit further down.
    W[Z_HI] = W[A_HI] >>> 1;
    W[Z_LO] = (W[A_LO] >>> 1) | (W[A_HI] << 31);
    W[Z_EXT] = W[A_LO] << 31;
  } else {
    quotient = reduce(difference);
  }
  if (ieee && aboveHalf(quotient)) {
    quotient++;
    signZ ^= SIGN;
    subtractFromB();
  }
  const code = (quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0);
  if ((W[Z_HI] | W[Z_LO] | W[Z_EXT]) === 0) {
    setZero(sign);
    return code;
  }
  return code | packRemainder(signZ, W[B_EXP], ctl);
}

/**
 * Long division of the significand of A by that of B, `digits` + 1 quotient digits. Z_HI, Z_LO = remainder, in units of
 * B's last place. Returns the low bits of the quotient.
 */
function reduce(digits: number): number {
  const bHi = W[B_HI];
  const bLo = W[B_LO];
  let hi = W[A_HI];
  let lo = W[A_LO];
  let over = 0;
  let quotient = 0;
  for (let left = digits; ; left--) {
    if (over !== 0 || compareWords(hi, lo, bHi, bLo) >= 0) {
      const borrow = lo >>> 0 < bLo >>> 0 ? 1 : 0;
      lo = (lo - bLo) | 0;
      hi = (hi - bHi - borrow) | 0;
      quotient |= 1;
    }
    if (left === 0) break;
    over = hi >>> 31;
    hi = (hi << 1) | (lo >>> 31);
    lo <<= 1;
    quotient = (quotient << 1) & 7;
  }
  W[Z_HI] = hi;
  W[Z_LO] = lo;
  W[Z_EXT] = 0;
  return quotient;
}

/** Whether the remainder in Z is above half of B, or at half with an odd quotient. */
function aboveHalf(quotient: number): boolean {
  const hi = W[Z_HI];
  if (hi < 0) return true;
  const lo = W[Z_LO];
  const order = compareWords((hi << 1) | (lo >>> 31), (lo << 1) | (W[Z_EXT] >>> 31), W[B_HI], W[B_LO]);
  return order > 0 || (order === 0 && (quotient & 1) === 1);
}

/** Z_HI, Z_LO, Z_EXT = B minus them. */
function subtractFromB(): void {
  const ext = -W[Z_EXT] | 0;
  const borrow = ext === 0 ? 0 : 1;
  const taken = (W[Z_LO] >>> 0) + borrow;
  const lo = W[B_LO] >>> 0;
  W[Z_HI] = (W[B_HI] - W[Z_HI] - (lo < taken ? 1 : 0)) | 0;
  W[Z_LO] = (lo - taken) | 0;
  W[Z_EXT] = ext;
}

/** Normalises Z_HI, Z_LO, Z_EXT at this exponent and packs it; the value is exact, whatever the precision control. */
function packRemainder(sign: number, exp: number, ctl: number): number {
  let hi = W[Z_HI];
  let lo = W[Z_LO];
  let ext = W[Z_EXT];
  let normalized = exp;
  if ((hi | lo | ext) === 0) {
    setZero(sign);
    return 0;
  }
  while (hi === 0) {
    hi = lo;
    lo = ext;
    ext = 0;
    normalized -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo = (lo << shift) | (ext >>> (32 - shift));
    ext <<= shift;
  }
  W[Z_HI] = hi;
  W[Z_LO] = lo;
  W[Z_EXT] = ext;
  return roundPack(sign, normalized - shift, ctl | PC);
}

/** Z = A * 2 to the power of B truncated to an integer. Returns the FSW bits raised. */
export function scale(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const denormal = kinds & DENORMAL ? DE : 0;
  const sign = W[A_SE] & SIGN;
  const negativeB = (W[B_SE] & SIGN) !== 0;
  if (kindB & INFINITE) {
    if (kindA & (negativeB ? INFINITE : ZERO)) return invalid();
    if (negativeB) setZero(sign);
    else setInfinity(sign);
    return denormal;
  }
  if (kindA & (INFINITE | ZERO)) {
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    return denormal;
  }
  const power = kindB & ZERO ? 0 : truncatedPower();
  W[Z_HI] = W[A_HI];
  W[Z_LO] = W[A_LO];
  W[Z_EXT] = 0;
  return denormal | roundPack(sign, W[A_EXP] + (negativeB ? -power : power), ctl | PC);
}

/** Magnitude of B, truncated, at most 0x10000: beyond every exponent. */
function truncatedPower(): number {
  const exponent = W[B_EXP] - EXP_BIAS;
  if (exponent < 0) return 0;
  return exponent > 15 ? 0x1_0000 : W[B_HI] >>> (31 - exponent);
}

/** Z = significand of A (1 <= |Z| < 2), B = its exponent as a value. Returns the FSW bits raised. */
export function extract(): number {
  const kind = unpack(A);
  const se = W[A_SE];
  if (kind >= QNAN || kind & (INFINITE | ZERO)) return extractSpecial(kind, se);
  loadInt32(B, W[A_EXP] - EXP_BIAS);
  setZ((se & SIGN) | EXP_BIAS, W[A_HI], W[A_LO]);
  return kind & DENORMAL ? DE : 0;
}

function extractSpecial(kind: number, se: number): number {
  if (kind >= QNAN) {
    const flags = propagateNanA(kind);
    W[B_SE] = W[Z_SE];
    W[B_HI] = W[Z_HI];
    W[B_LO] = W[Z_LO];
    return flags;
  }
  W[B_SE] = kind & ZERO ? SIGN | EXP_MASK : EXP_MASK;
  W[B_HI] = INT32_MIN;
  W[B_LO] = 0;
  setZ(se, W[A_HI], W[A_LO]);
  return kind & ZERO ? ZE : 0;
}
