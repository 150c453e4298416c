/**
 * Between 80-bit values and the formats in memory: float32, float64, int16, int32, int64.
 * Into the unit: load* put the exact value into A or B, or Z. Out of it: to* round A and leave the bits in Z_HI, Z_LO.
 */
import {
  A,
  A_EXP,
  A_HI,
  A_LO,
  A_SE,
  type B,
  C1,
  DE,
  EXP_BIAS,
  EXP_MASK,
  IE,
  INFINITE,
  INT32_MIN,
  PC,
  PC_DOUBLE,
  PC_SINGLE,
  PE,
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
  ZERO,
} from './ext80.ts';
import { roundNarrow, roundsUp, shiftRightJam } from './round.ts';

const FLOAT32_INFINITY = 0xff;
const FLOAT64_INFINITY = 0x7ff;
const FLOAT32_REBIAS = EXP_BIAS - 0x7f;
const FLOAT64_REBIAS = EXP_BIAS - 0x3ff;

function set(at: typeof A | typeof B, se: number, hi: number, lo: number): void {
  W[at] = lo;
  W[(at + 1) as 1] = hi;
  W[(at + 2) as 2] = se;
}

/** A or B = the float32 with these bits (a NaN stays signalling). Returns DE for a denormal, else 0. @hot */
export function loadFloat32(at: typeof A | typeof B, bits: number): number {
  const sign = (bits >>> 16) & SIGN;
  const exp = (bits >>> 23) & FLOAT32_INFINITY;
  const fraction = bits << 8;
  if (exp === 0) {
    const left = fraction & 0x7fff_ffff;
    if (left === 0) {
      set(at, sign, 0, 0);
      return 0;
    }
    const shift = Math.clz32(left);
    set(at, sign | (FLOAT32_REBIAS + 1 - shift), left << shift, 0);
    return DE;
  }
  set(at, sign | (exp === FLOAT32_INFINITY ? EXP_MASK : exp + FLOAT32_REBIAS), fraction | INT32_MIN, 0);
  return 0;
}

/** A or B = the float64 with these bits (a NaN stays signalling). Returns DE for a denormal, else 0. @hot */
export function loadFloat64(at: typeof A | typeof B, bitsHi: number, bitsLo: number): number {
  const sign = (bitsHi >>> 16) & SIGN;
  const exp = (bitsHi >>> 20) & FLOAT64_INFINITY;
  let hi = ((bitsHi << 11) | (bitsLo >>> 21)) & 0x7fff_ffff;
  let lo = bitsLo << 11;
  if (exp !== 0) {
    set(at, sign | (exp === FLOAT64_INFINITY ? EXP_MASK : exp + FLOAT64_REBIAS), hi | INT32_MIN, lo);
    return 0;
  }
  if ((hi | lo) === 0) {
    set(at, sign, 0, 0);
    return 0;
  }
  let rebased = FLOAT64_REBIAS + 1;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    rebased -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo <<= shift;
  }
  set(at, sign | (rebased - shift), hi, lo);
  return DE;
}

/** A or B = the signed 32-bit (or sign-extended 16-bit) integer. Returns 0, for the callers of any load. @hot */
export function loadInt32(at: typeof A | typeof B, value: number): number {
  const sign = value < 0 ? SIGN : 0;
  const magnitude = value < 0 ? -value | 0 : value;
  const shift = Math.clz32(magnitude);
  if (magnitude === 0) set(at, 0, 0, 0);
  else set(at, sign | (EXP_BIAS + 31 - shift), magnitude << shift, 0);
  return 0;
}

/** A or B = the signed 64-bit integer with these halves. @hot */
export function loadInt64(at: typeof A | typeof B, valueHi: number, valueLo: number): void {
  let hi = valueHi;
  let lo = valueLo;
  const sign = hi < 0 ? SIGN : 0;
  if (hi < 0) {
    lo = -lo | 0;
    hi = (~hi + (lo === 0 ? 1 : 0)) | 0;
  }
  let exp = EXP_BIAS + 63;
  if (hi === 0) {
    if (lo === 0) {
      set(at, 0, 0, 0);
      return;
    }
    hi = lo;
    lo = 0;
    exp -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo <<= shift;
  }
  set(at, sign | (exp - shift), hi, lo);
}

/** Z = A rounded to a narrower float, still in 80-bit parts. Returns the FSW bits; a denormal A is no exception. */
function narrow(ctl: number, rebias: number, limit: number): number {
  const kind = unpack(A);
  if (kind >= QNAN) return propagateNanA(kind);
  const sign = W[A_SE] & SIGN;
  if (kind & INFINITE) {
    setInfinity(sign);
    return 0;
  }
  if (kind & ZERO) {
    setZero(sign);
    return 0;
  }
  W[Z_HI] = W[A_HI];
  W[Z_LO] = W[A_LO];
  W[Z_EXT] = 0;
  return roundNarrow(sign, W[A_EXP] - rebias, ctl, limit);
}

/** Z_LO = A as float32 bits. Returns the FSW bits raised. @hot */
export function toFloat32(ctl: number): number {
  const flags = narrow((ctl & ~PC) | PC_SINGLE, FLOAT32_REBIAS, FLOAT32_INFINITY);
  const se = W[Z_SE];
  W[Z_LO] = ((se & SIGN) << 16) | ((se & FLOAT32_INFINITY) << 23) | ((W[Z_HI] & 0x7fff_ffff) >>> 8);
  return flags;
}

/** Z_HI, Z_LO = A as float64 bits. Returns the FSW bits raised. @hot */
export function toFloat64(ctl: number): number {
  const flags = narrow((ctl & ~PC) | PC_DOUBLE, FLOAT64_REBIAS, FLOAT64_INFINITY);
  const se = W[Z_SE];
  const hi = W[Z_HI];
  W[Z_HI] = ((se & SIGN) << 16) | ((se & FLOAT64_INFINITY) << 20) | ((hi & 0x7fff_ffff) >>> 11);
  W[Z_LO] = (hi << 21) | (W[Z_LO] >>> 11);
  return flags;
}

/**
 * Z_HI, Z_LO = magnitude of the finite, non-zero A (unpacked) rounded to an integer, exponent below 2^64.
 * Returns PE and C1 as they apply, or IE when it does not fit in 64 bits.
 */
export function magnitudeToInteger(sign: number, ctl: number): number {
  const exponent = W[A_EXP] - EXP_BIAS;
  if (exponent > 63) return IE;
  if (exponent === 63) {
    W[Z_HI] = W[A_HI];
    W[Z_LO] = W[A_LO];
    return 0;
  }
  shiftRightJam(W[A_HI], W[A_LO], 0, 63 - exponent);
  const ext = W[Z_EXT];
  if (ext === 0) return 0;
  if (!roundsUp(sign, W[Z_LO] & 1, ext, ctl)) return PE;
  const lo = (W[Z_LO] + 1) | 0;
  W[Z_LO] = lo;
  if (lo === 0) W[Z_HI] = (W[Z_HI] + 1) | 0;
  return PE | C1;
}

/**
 * Z_HI, Z_LO = A as a signed integer of `bits` (16, 32, 64), sign-extended to 64; the most negative one, "integer
 * indefinite", with IE where A does not fit. Returns the FSW bits raised. @hot
 */
export function toInteger(bits: number, ctl: number): number {
  const kind = unpack(A);
  if (kind & ZERO) {
    W[Z_HI] = 0;
    W[Z_LO] = 0;
    return 0;
  }
  const sign = W[A_SE] & SIGN;
  const flags = kind >= INFINITE ? IE : magnitudeToInteger(sign, ctl);
  if (flags & IE || !fitsInteger(bits, sign)) {
    W[Z_HI] = bits === 64 ? INT32_MIN : -1;
    W[Z_LO] = bits === 64 ? 0 : -1 << (bits - 1);
    return IE;
  }
  if (sign !== 0) {
    const lo = -W[Z_LO] | 0;
    W[Z_LO] = lo;
    W[Z_HI] = (~W[Z_HI] + (lo === 0 ? 1 : 0)) | 0;
  }
  return flags;
}

function fitsInteger(bits: number, sign: number): boolean {
  const hi = W[Z_HI];
  const lo = W[Z_LO];
  if (bits === 64) return hi >= 0 || (sign !== 0 && hi === INT32_MIN && lo === 0);
  const limit = 2 ** (bits - 1);
  return hi === 0 && lo >>> 0 < limit + (sign !== 0 ? 1 : 0);
}

/** Z = A rounded to an integer by the RC of `ctl`. Returns the FSW bits raised. */
export function roundToInteger(ctl: number): number {
  const kind = unpack(A);
  if (kind >= QNAN) return propagateNanA(kind);
  const se = W[A_SE];
  setZ(se, W[A_HI], W[A_LO]);
  if (kind & (INFINITE | ZERO) || W[A_EXP] >= EXP_BIAS + 63) return 0;
  const flags = magnitudeToInteger(se & SIGN, ctl);
  renormalizeInteger(se & SIGN);
  return (kind === 0 ? 0 : DE) | flags;
}

/** Z = the 80-bit value of the unsigned integer in Z_HI, Z_LO, with this sign. */
function renormalizeInteger(sign: number): void {
  let hi = W[Z_HI];
  let lo = W[Z_LO];
  let exp = EXP_BIAS + 63;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    exp -= 32;
  }
  if (hi === 0) {
    setZero(sign);
    return;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo <<= shift;
  }
  setZ(sign | (exp - shift), hi, lo);
}
