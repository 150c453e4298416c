/**
 * FSIN, FCOS, FSINCOS, FPTAN and FPATAN. The argument is reduced by the 66-bit pi of [SDM] volume 1, 8.3.8, exactly;
 * from there on the result is correctly rounded but for one case in some 2^60 (Intel documents 1 ulp).
 * Precision control does not apply to these instructions.
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
  C1,
  C2,
  DE,
  DENORMAL,
  EXP_BIAS,
  INFINITE,
  INT32_MIN,
  invalid,
  PC,
  propagateNan,
  propagateNanA,
  QNAN,
  SIGN,
  setZ,
  setZero,
  unpack,
  W,
  Z_HI,
  Z_LO,
  Z_SE,
  ZERO,
} from './ext80.ts';
import {
  coefficients,
  evaluate,
  F,
  factorial,
  multiplyFixed,
  ONE,
  PI,
  packBig,
  significand,
  toFixed,
} from './fixed-point.ts';

/** pi rounded to 66 bits, times 2^64. */
const PI_66 = 0x3_243f_6a88_85a3_08d3n;
/** Arguments of 2^63 and more are refused (C2). */
const EXP_LIMIT = EXP_BIAS + 63;

const SINE = coefficients(14, (k) => (k & 1 ? -1n : 1n) * factorial(2 * k + 1));
const COSINE = coefficients(14, (k) => (k & 1 ? -1n : 1n) * factorial(2 * k));

/** Result of a reduction: the argument is quadrant * pi/2 + remainder * 2^scale, |remainder * 2^scale| <= pi/4. */
interface Reduced {
  quadrant: number;
  remainder: bigint;
  scale: number;
}

/** Reduces the finite A, below 2^63 in magnitude. Its sign goes into quadrant and remainder. */
function reduceA(): Reduced {
  let scale = W[A_EXP] - EXP_BIAS - 63;
  let x = significand(W[A_HI], W[A_LO]);
  if (W[A_SE] & SIGN) x = -x;
  if (scale < -65) return { quadrant: 0, remainder: x, scale };
  x <<= BigInt(scale + 65);
  scale = -65;
  // In these units pi/2 is PI_66. Rounds to nearest: floor of x / (pi/2) + 1/2.
  const doubled = 2n * x + PI_66;
  let turns = doubled / (2n * PI_66);
  if (doubled < 0n && turns * 2n * PI_66 !== doubled) turns--;
  return { quadrant: Number(turns & 3n), remainder: x - turns * PI_66, scale };
}

/** sin(r) / r and cos(r) for a reduced r, fixed point. Below one whenever r is not zero, as the true values are. */
function sineOverR(square: bigint): bigint {
  const value = evaluate(SINE, square);
  return value >= ONE ? ONE - 1n : value;
}

function cosineOf(square: bigint): bigint {
  const value = evaluate(COSINE, square);
  return value >= ONE ? ONE - 1n : value;
}

function squareOf(reduced: Reduced): bigint {
  return toFixed(reduced.remainder * reduced.remainder, 2 * reduced.scale);
}

/** Z = sine (turn 0) or cosine (turn 1) of the reduced argument. Returns the FSW bits raised. */
function packSine(reduced: Reduced, turn: number, ctl: number): number {
  const quadrant = (reduced.quadrant + turn) & 3;
  const square = squareOf(reduced);
  const negative = quadrant >= 2;
  if (quadrant & 1) return packBig(negative ? SIGN : 0, cosineOf(square), -Number(F), true, ctl | PC);
  const product = reduced.remainder * sineOverR(square);
  const sign = product < 0n !== negative ? SIGN : 0;
  return packBig(sign, product < 0n ? -product : product, reduced.scale - Number(F), true, ctl | PC);
}

/** What the four share: -1 when A is an ordinary argument, else the FSW bits, with Z as the result. */
function trigonometricSpecial(kind: number): number {
  if (kind >= QNAN) return propagateNanA(kind);
  if (kind & INFINITE) return invalid();
  if (W[A_EXP] >= EXP_LIMIT) {
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    return C2;
  }
  return -1;
}

/** Z = sin(A). Returns the FSW bits raised; C2 when A is out of range, Z then being A. */
export function sine(ctl: number): number {
  const kind = unpack(A);
  const special = trigonometricSpecial(kind);
  if (special >= 0) return special;
  if (kind & ZERO) {
    setZero(W[A_SE] & SIGN);
    return 0;
  }
  return (kind & DENORMAL ? DE : 0) | packSine(reduceA(), 0, ctl);
}

/** Z = cos(A). Returns as sine does. */
export function cosine(ctl: number): number {
  const kind = unpack(A);
  const special = trigonometricSpecial(kind);
  if (special >= 0) return special;
  if (kind & ZERO) {
    setOne();
    return 0;
  }
  return (kind & DENORMAL ? DE : 0) | packSine(reduceA(), 1, ctl);
}

function setOne(): void {
  setZ(EXP_BIAS, INT32_MIN, 0);
}

/** Z = tan(A). Returns as sine does. */
export function tangent(ctl: number): number {
  const kind = unpack(A);
  const special = trigonometricSpecial(kind);
  if (special >= 0) return special;
  if (kind & ZERO) {
    setZero(W[A_SE] & SIGN);
    return 0;
  }
  const reduced = reduceA();
  const square = squareOf(reduced);
  const negative = reduced.remainder < 0n;
  const sineScaled = (negative ? -reduced.remainder : reduced.remainder) * sineOverR(square); // scale - F
  const cosineFixed = cosineOf(square); // -F
  const denormal = kind & DENORMAL ? DE : 0;
  if (reduced.quadrant & 1) {
    // -cot(r)
    const magnitude = (cosineFixed << (2n * F)) / sineScaled;
    return denormal | packBig(negative ? 0 : SIGN, magnitude, -reduced.scale - 2 * Number(F), true, ctl | PC);
  }
  const magnitude = (sineScaled << F) / cosineFixed;
  return denormal | packBig(negative ? SIGN : 0, magnitude, reduced.scale - Number(F), true, ctl | PC);
}

/** Leaves Z in A: where sineAndCosine puts its first result. */
function moveZtoA(): void {
  W[A_SE] = W[Z_SE];
  W[A_HI] = W[Z_HI];
  W[A_LO] = W[Z_LO];
}

/** A = sin(A), Z = cos(A). Returns as sine does, C1 being that of the sine. */
export function sineAndCosine(ctl: number): number {
  const kind = unpack(A);
  const special = trigonometricSpecial(kind);
  if (special >= 0) {
    moveZtoA();
    return special;
  }
  if (kind & ZERO) {
    setOne();
    return 0;
  }
  const reduced = reduceA();
  const flags = packSine(reduced, 0, ctl);
  moveZtoA();
  return (kind & DENORMAL ? DE : 0) | flags | (packSine(reduced, 1, ctl) & ~C1);
}

/** atan(i / 16), i = 0..16, and the series of atan(x) / x in x squared for |x| <= 1/32. */
const ATAN_STEPS = 16;
const ATAN = coefficients(14, (k) => (k & 1 ? -1n : 1n) * BigInt(2 * k + 1));
const ATAN_TABLE = atanTable();

function atanTable(): bigint[] {
  const table = [0n];
  // atan(i/16) - atan((i-1)/16) = atan(16 / (256 + i (i-1)))
  for (let i = 1n; i <= ATAN_STEPS; i++) {
    const x = (16n * ONE) / (256n + i * (i - 1n));
    table.push((table[table.length - 1] as bigint) + arctangentWide(x));
  }
  return table;
}

/** atan(x) for 0 <= x <= 1/16, by as many terms as it takes. */
function arctangentWide(x: bigint): bigint {
  const square = multiplyFixed(x, x);
  let power = x;
  let sum = 0n;
  for (let k = 0n; power !== 0n; k++) {
    sum += (k & 1n ? -power : power) / (2n * k + 1n);
    power = multiplyFixed(power, square);
  }
  return sum;
}

/** atan(ratio * 2^scale), 0 < the value <= 1, as magnitude * 2^scale: relative precision also for small values. */
function arctangent(ratio: bigint, scale: number): { magnitude: bigint; scale: number } {
  const fixed = toFixed(ratio, scale);
  const step = (fixed * BigInt(2 * ATAN_STEPS) + ONE) >> (F + 1n);
  if (step === 0n) {
    const series = evaluate(ATAN, multiplyFixed(fixed, fixed));
    return { magnitude: ratio * (series >= ONE ? ONE - 1n : series), scale: scale - Number(F) };
  }
  // atan(x) = atan(c) + atan((x - c) / (1 + x c)), c = step / 16
  const small = ((fixed * 16n - step * ONE) << F) / (16n * ONE + fixed * step);
  const square = multiplyFixed(small, small);
  const rest = multiplyFixed(small, evaluate(ATAN, square));
  return { magnitude: (ATAN_TABLE[Number(step)] as bigint) + rest, scale: -Number(F) };
}

/** Z = atan2(B, A): the angle of the point (A, B), FPATAN's ST(1) over ST(0). Returns the FSW bits raised. */
export function arctangent2(ctl: number): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return propagateNan(kindA, kindB);
  const denormal = kinds & DENORMAL ? DE : 0;
  const sign = W[B_SE] & SIGN;
  const left = (W[A_SE] & SIGN) !== 0;
  // Angles in quarters of pi where an operand is zero or infinite.
  if (kindB & ZERO || (kindA & INFINITE && !(kindB & INFINITE)))
    return denormal | packQuarters(sign, left ? 4n : 0n, ctl);
  if (kindA & ZERO || (kindB & INFINITE && !(kindA & INFINITE))) return denormal | packQuarters(sign, 2n, ctl);
  if (kinds & INFINITE) return denormal | packQuarters(sign, left ? 3n : 1n, ctl);
  return denormal | packAngle(sign, left, ctl);
}

/** Z = quarters * pi / 4. */
function packQuarters(sign: number, quarters: bigint, ctl: number): number {
  if (quarters !== 0n) return packBig(sign, quarters * PI, -Number(F) - 2, true, ctl | PC);
  setZero(sign);
  return 0;
}

function packAngle(sign: number, left: boolean, ctl: number): number {
  const x = significand(W[A_HI], W[A_LO]);
  const y = significand(W[B_HI], W[B_LO]);
  const difference = W[B_EXP] - W[A_EXP];
  const steep = difference > 0 || (difference === 0 && y > x);
  const ratio = steep ? (x << F) / y : (y << F) / x;
  const scale = -Math.abs(difference) - Number(F);
  const angle = arctangent(ratio, scale);
  if (!steep && !left) {
    return packBig(sign, angle.magnitude, angle.scale, true, ctl | PC);
  }
  const acute = toFixed(angle.magnitude, angle.scale);
  let fixed = left ? PI - acute : acute;
  if (steep) fixed = left ? PI / 2n + acute : PI / 2n - acute;
  return packBig(sign, fixed, -Number(F), true, ctl | PC);
}
