/**
 * The working values of the 80-bit soft float, and what every operation does to its operands first: classify
 * them, normalise denormals, let a NaN or an invalid encoding decide the result.
 *
 * An operation takes its operands from A and B, leaves its result in Z and returns the FSW bits it raises (IE, DE,
 * ZE, OE, UE, PE, C1). The values live in one Int32Array, not in arguments: a 32-bit significand half is not a small
 * integer for V8 on every host, and passing it to a function that is not inlined would allocate.
 *
 * A value is four words: LO and HI halves of the 64-bit significand (its integer bit is bit 31 of HI), SE (sign in
 * bit 15, biased exponent in 14..0) and one more, EXP for the operands (exponent after normalising, may be <= 0) and
 * EXT for the result (32 bits below the significand, bit 0 sticky).
 *
 * [SDM] Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapters 4 and 8.
 */

/** FSW bits. [SDM] 8.1.3 */
export const IE = 0x01; //  invalid operation
export const DE = 0x02; //  denormal operand
export const ZE = 0x04; //  zero divide
export const OE = 0x08; //  overflow
export const UE = 0x10; //  underflow
export const PE = 0x20; //  precision (inexact)
export const SF = 0x40; //  stack fault
export const ES = 0x80; //  error summary
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const TOP_SHIFT = 11;
export const C3 = 0x4000;
export const BUSY = 0x8000;

/** FCW fields. [SDM] 8.1.5; the six mask bits stand where the FSW has the exceptions. */
export const PC = 0x300; // precision control
export const PC_SINGLE = 0x000;
export const PC_DOUBLE = 0x200;
export const PC_EXTENDED = 0x300;
export const RC = 0xc00; // rounding control
export const RC_NEAREST = 0x000;
export const RC_DOWN = 0x400;
export const RC_UP = 0x800;
export const RC_ZERO = 0xc00;
/** A control word for results that are exact or rounded to nearest at full precision, all exceptions masked. */
export const FCW_EXTENDED = 0x33f;

export const SIGN = 0x8000;
export const EXP_MASK = 0x7fff;
export const EXP_BIAS = 0x3fff;
export const INT32_MIN = -0x8000_0000;

export const A = 0;
export const A_LO = 0;
export const A_HI = 1;
export const A_SE = 2;
export const A_EXP = 3;
export const B = 4;
export const B_LO = 4;
export const B_HI = 5;
export const B_SE = 6;
export const B_EXP = 7;
export const Z_LO = 8;
export const Z_HI = 9;
export const Z_SE = 10;
export const Z_EXT = 11;

/** The working values; indexed by the constants above, which the type knows to be inside. */
export const W = new Int32Array(12) as unknown as Record<0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11, number>;

/** Kinds of operand, ordered and combinable by OR: 0 for a pair means two plain normal numbers. */
const NORMAL = 0;
export const DENORMAL = 1;
export const ZERO = 2;
export const INFINITE = 4;
export const QNAN = 8;
export const SNAN = 16;
/** Unnormals, pseudo-NaNs and pseudo-infinities: invalid since the 387. [SDM] table 8-3 */
const UNSUPPORTED = 32;

/** Classifies operand `at` (A or B) and sets its EXP word; a denormal is normalised in place. @hot */
export function unpack(at: typeof A | typeof B): number {
  const exp = W[(at + 2) as 2] & EXP_MASK;
  W[(at + 3) as 3] = exp;
  if (W[(at + 1) as 1] < 0 && exp !== EXP_MASK && exp !== 0) return NORMAL;
  return unpackSpecial(at, exp);
}

function unpackSpecial(at: typeof A | typeof B, exp: number): number {
  const hi = W[(at + 1) as 1];
  const lo = W[at];
  if (exp === 0) {
    if ((hi | lo) === 0) return ZERO;
    normalize(at, hi, lo);
    return DENORMAL;
  }
  if (hi >= 0) return UNSUPPORTED;
  if (((hi << 1) | lo) === 0) return INFINITE;
  return hi & 0x4000_0000 ? QNAN : SNAN;
}

/** Shifts a denormal (also a pseudo-denormal, by nothing) up until its integer bit is set. */
function normalize(at: typeof A | typeof B, hi: number, lo: number): void {
  let exp = 1;
  let high = hi;
  let low = lo;
  if (high === 0) {
    high = low;
    low = 0;
    exp -= 32;
  }
  const shift = Math.clz32(high);
  if (shift !== 0) {
    high = (high << shift) | (low >>> (32 - shift));
    low <<= shift;
  }
  W[(at + 1) as 1] = high;
  W[at] = low;
  W[(at + 3) as 3] = exp - shift;
}

/** Z = the value with these words. */
export function setZ(se: number, hi: number, lo: number): void {
  W[Z_SE] = se;
  W[Z_HI] = hi;
  W[Z_LO] = lo;
}

/** Z = the default NaN, "real indefinite"; the caller reports IE. */
export function setDefaultNan(): void {
  setZ(0xffff, 0xc000_0000 | 0, 0);
}

export function setInfinity(sign: number): void {
  setZ(sign | EXP_MASK, INT32_MIN, 0);
}

export function setZero(sign: number): void {
  setZ(sign, 0, 0);
}

/** Z = default NaN. Returns IE. */
export function invalid(): number {
  setDefaultNan();
  return IE;
}

/** Z = A or B made quiet; either may be any NaN. */
function setQuiet(at: typeof A | typeof B): void {
  setZ(W[(at + 2) as 2], W[(at + 1) as 1] | 0x4000_0000, W[at]);
}

/** The result of an operation on A alone that is a NaN or unsupported. Returns the FSW bits. */
export function propagateNanA(kindA: number): number {
  if (kindA & UNSUPPORTED) return invalid();
  setQuiet(A);
  return kindA & SNAN ? IE : 0;
}

/**
 * The result of an operation on A and B, at least one of them a NaN or unsupported. [SDM] table 4-7: a quiet NaN wins
 * over a signalling one, else the larger significand, else the positive one. Returns the FSW bits.
 */
export function propagateNan(kindA: number, kindB: number): number {
  const kinds = kindA | kindB;
  if (kinds & UNSUPPORTED) return invalid();
  setQuiet(nanWinner(kindA, kindB));
  return kinds & SNAN ? IE : 0;
}

function nanWinner(kindA: number, kindB: number): typeof A | typeof B {
  if (kindB < QNAN) return A;
  if (kindA < QNAN) return B;
  if (kindA !== kindB) return kindA === QNAN ? A : B;
  const order = compareWords(W[A_HI], W[A_LO], W[B_HI], W[B_LO]);
  if (order !== 0) return order > 0 ? A : B;
  return W[A_SE] <= W[B_SE] ? A : B;
}

/** -1, 0 or 1 as the unsigned 64-bit number (aHi, aLo) is below, equal to or above (bHi, bLo). @hot */
export function compareWords(aHi: number, aLo: number, bHi: number, bLo: number): number {
  if (aHi !== bHi) return aHi >>> 0 < bHi >>> 0 ? -1 : 1;
  if (aLo !== bLo) return aLo >>> 0 < bLo >>> 0 ? -1 : 1;
  return 0;
}

/** High word of the unsigned 64-bit product of two 32-bit words. @hot */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle1 = Math.imul(aLow, bHigh);
  const middle2 = Math.imul(aHigh, bLow);
  const middle = (Math.imul(aLow, bLow) >>> 16) + (middle1 & 0xffff) + (middle2 & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16) + (middle >>> 16)) | 0;
}
