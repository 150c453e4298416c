/**
 * Rounding of a result to the precision and range of an 80-bit register, with all that hangs on it: C1, PE, UE, OE,
 * and the exponent wrapped by 24576 when overflow or underflow is unmasked. [SDM] volume 1, 4.8.4, 4.9.1, 8.5.
 */
import {
  C1,
  EXP_MASK,
  INT32_MIN,
  OE,
  PC,
  PC_DOUBLE,
  PC_EXTENDED,
  PC_SINGLE,
  PE,
  RC,
  RC_NEAREST,
  RC_UP,
  RC_ZERO,
  setInfinity,
  setZ,
  setZero,
  UE,
  W,
  Z_EXT,
  Z_HI,
  Z_LO,
  Z_SE,
} from './ext80.ts';

/** What an unmasked overflow or underflow takes from or adds to the exponent of the stored result. [SDM] 8.5.4 */
const EXPONENT_WRAP = 0x6000;

/** Whether a magnitude with this lowest kept bit and this 32-bit remainder is rounded away from zero. @hot */
export function roundsUp(sign: number, odd: number, ext: number, ctl: number): boolean {
  const mode = ctl & RC;
  if (mode === RC_NEAREST) return ext < 0 && (ext !== INT32_MIN || odd !== 0);
  if (mode === RC_ZERO || ext === 0) return false;
  return (mode === RC_UP) === (sign === 0);
}

/**
 * Z = the number with sign (0 or 0x8000), biased exponent `exp` (any int) and the normalised 96-bit significand
 * in Z_HI, Z_LO, Z_EXT (not zero; bit 0 of EXT sticky), rounded as `ctl` (an FCW) says. Returns the FSW bits. @hot
 */
export function roundPack(sign: number, exp: number, ctl: number): number {
  if (exp <= 0) return roundTiny(sign, exp, ctl);
  const ext = W[Z_EXT];
  if ((ctl & PC) === PC_EXTENDED && exp < EXP_MASK - 1) {
    W[Z_SE] = sign | exp;
    if (ext === 0) return 0;
    if (!roundsUp(sign, W[Z_LO] & 1, ext, ctl)) return PE;
    const lo = (W[Z_LO] + 1) | 0;
    W[Z_LO] = lo;
    if (lo === 0) {
      const hi = (W[Z_HI] + 1) | 0;
      W[Z_HI] = hi;
      if (hi === 0) {
        W[Z_HI] = INT32_MIN;
        W[Z_SE] = sign | (exp + 1);
      }
    }
    return PE | C1;
  }
  return roundNormal(sign, exp, ctl, EXP_MASK);
}

/**
 * The same for a narrower format: precision from the PC bits of `ctl`, exponents 1..limit-1, `limit` for infinity.
 * After an unmasked overflow or underflow Z means nothing: a store to memory does not happen then.
 */
export function roundNarrow(sign: number, exp: number, ctl: number, limit: number): number {
  return exp <= 0 ? roundTiny(sign, exp, ctl) : roundNormal(sign, exp, ctl, limit);
}

/** Outcome bits of roundSignificand beside PE and C1: the significand overflowed to the next power of two. */
const CARRY = 0x1_0000;

/** Rounds Z_HI, Z_LO, Z_EXT in place to the precision of `ctl`. Returns PE, C1 and CARRY as they apply. */
function roundSignificand(sign: number, ctl: number): number {
  let hi = W[Z_HI];
  let lo = W[Z_LO];
  let ext = W[Z_EXT];
  const precision = ctl & PC;
  let unitLo = 1;
  let unitHi = 0;
  if (precision === PC_SINGLE) {
    ext = (hi << 24) | ((lo | ext) !== 0 ? 1 : 0);
    hi &= ~0xff;
    lo = 0;
    unitLo = 0;
    unitHi = 0x100;
  } else if (precision === PC_DOUBLE) {
    ext = (lo << 21) | (ext !== 0 ? 1 : 0);
    lo &= ~0x7ff;
    unitLo = 0x800;
  }
  let outcome = 0;
  if (ext !== 0) {
    outcome = PE;
    if (roundsUp(sign, (lo & unitLo) | (hi & unitHi), ext, ctl)) {
      outcome = PE | C1;
      lo = (lo + unitLo) | 0;
      const wasHigh = hi < 0;
      hi = (hi + unitHi + (lo === 0 && unitLo !== 0 ? 1 : 0)) | 0;
      if (wasHigh && hi >= 0) {
        hi = INT32_MIN;
        outcome = PE | C1 | CARRY;
      }
    }
  }
  W[Z_HI] = hi;
  W[Z_LO] = lo;
  return outcome;
}

function roundNormal(sign: number, exp: number, ctl: number, limit: number): number {
  const outcome = roundSignificand(sign, ctl);
  const rounded = outcome & CARRY ? exp + 1 : exp;
  const flags = outcome & (PE | C1);
  if (rounded < limit) {
    W[Z_SE] = sign | rounded;
    return flags;
  }
  if ((ctl & OE) === 0) return wrapOverflow(sign, rounded, flags);
  return maskedOverflow(sign, ctl, limit);
}

/** Beyond the wrapped range (only FSCALE gets there) the stored result is an infinity. */
function wrapOverflow(sign: number, exp: number, flags: number): number {
  if (exp - EXPONENT_WRAP < EXP_MASK) {
    W[Z_SE] = sign | (exp - EXPONENT_WRAP);
    return flags | OE;
  }
  setInfinity(sign);
  return OE | PE | C1;
}

function maskedOverflow(sign: number, ctl: number, limit: number): number {
  // Any remainder will do: the question is only whether the mode goes away from zero.
  if (roundsUp(sign, 1, INT32_MIN, ctl)) {
    setZ(sign | limit, INT32_MIN, 0);
    return OE | PE | C1;
  }
  const precision = ctl & PC;
  if (precision === PC_SINGLE) setZ(sign | (limit - 1), -0x100, 0);
  else setZ(sign | (limit - 1), -1, precision === PC_DOUBLE ? -0x800 : -1);
  return OE | PE;
}

/** exp <= 0: tiny unless rounding lifts it to the smallest normal; tininess is found after rounding. */
function roundTiny(sign: number, exp: number, ctl: number): number {
  const hi = W[Z_HI];
  const lo = W[Z_LO];
  const ext = W[Z_EXT];
  const outcome = roundSignificand(sign, ctl);
  const rounded = outcome & CARRY ? exp + 1 : exp;
  if ((ctl & UE) === 0) {
    const flags = outcome & (PE | C1);
    if (rounded > 0) {
      W[Z_SE] = sign | rounded;
      return flags;
    }
    if (rounded + EXPONENT_WRAP > 0) {
      W[Z_SE] = sign | (rounded + EXPONENT_WRAP);
      return flags | UE;
    }
    setZero(sign);
    return UE | PE;
  }
  shiftRightJam(hi, lo, ext, 1 - exp);
  const flags = roundSignificand(sign, ctl) & (PE | C1);
  W[Z_SE] = W[Z_HI] < 0 ? sign | 1 : sign;
  return flags !== 0 && rounded <= 0 ? flags | UE : flags;
}

/** Z_HI, Z_LO, Z_EXT = the 96-bit number shifted right by count >= 1, what falls out kept as a sticky bit 0. */
export function shiftRightJam(hi: number, lo: number, ext: number, count: number): void {
  let high = hi;
  let low = lo;
  let extra = ext;
  let sticky = 0;
  let left = count;
  while (left >= 32 && (high | low | extra) !== 0) {
    sticky |= extra;
    extra = low;
    low = high;
    high = 0;
    left -= 32;
  }
  if (left !== 0 && left < 32) {
    sticky |= extra << (32 - left);
    extra = (extra >>> left) | (low << (32 - left));
    low = (low >>> left) | (high << (32 - left));
    high >>>= left;
  }
  W[Z_HI] = high;
  W[Z_LO] = low;
  W[Z_EXT] = sticky !== 0 ? extra | 1 : extra;
}
