/**
 * The transcendental functions to some 900 bits, the plain way: halve the argument a few times, sum the Taylor series,
 * undo the halving. Shares nothing with core/cpu/fpu, whose results it judges.
 */

const BITS = 1024n;
const UNIT = 1n << BITS;

/** A fixed-point number of BITS fraction bits. */
export type Exact = bigint;

export const exact = {
  /** significand * 2^scale; what lies below 2^-1024 is lost. */
  of(significand: bigint, scale: number): Exact {
    const shift = BITS + BigInt(scale);
    return shift >= 0n ? significand << shift : significand >> -shift;
  },

  multiply: (a: Exact, b: Exact): Exact => (a * b) >> BITS,
  divide: (a: Exact, b: Exact): Exact => (a << BITS) / b,

  squareRoot(x: Exact): Exact {
    const square = x << BITS;
    let root = UNIT << 2n;
    while (root * root < square) root <<= 1n;
    for (;;) {
      const next = (root + square / root) >> 1n;
      if (next >= root) return root;
      root = next;
    }
  },

  sine: (x: Exact): Exact => series(x, x, (k) => -(2n * k) * (2n * k + 1n)),
  cosine: (x: Exact): Exact => series(UNIT, x, (k) => -(2n * k - 1n) * (2n * k)),

  arctangent(x: Exact): Exact {
    let reduced = x;
    for (let i = 0; i < 6; i++) {
      const root = exact.squareRoot(UNIT + exact.multiply(reduced, reduced));
      reduced = exact.divide(reduced, UNIT + root);
    }
    const square = exact.multiply(reduced, reduced);
    let sum = 0n;
    let power = reduced;
    for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
      sum += k % 4n === 1n ? power / k : -(power / k);
      power = exact.multiply(power, square);
    }
    return sum << 6n;
  },

  /** ln x, 0 < x. */
  logarithm(x: Exact): Exact {
    let reduced = x;
    for (let i = 0; i < 8; i++) reduced = exact.squareRoot(reduced);
    const s = exact.divide(reduced - UNIT, reduced + UNIT);
    const square = exact.multiply(s, s);
    let sum = 0n;
    let power = s;
    for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
      sum += power / k;
      power = exact.multiply(power, square);
    }
    return sum << 9n;
  },

  /** e^x - 1 */
  exponentialLessOne(x: Exact): Exact {
    let sum = 0n;
    let term = UNIT;
    for (let k = 1n; term !== 0n && term !== -1n; k++) {
      term = exact.multiply(term, x) / k;
      sum += term;
    }
    return sum;
  },
};

/** first + first x^2 / divisor(1) + ..., each term the one before times x^2 / divisor(k). */
function series(first: Exact, x: Exact, divisor: (k: bigint) => bigint): Exact {
  const square = exact.multiply(x, x);
  let sum = 0n;
  let term = first;
  for (let k = 1n; term !== 0n; k++) {
    sum += term;
    term = exact.multiply(term, square) / divisor(k);
  }
  return sum;
}

export const ONE: Exact = UNIT;
export const LN2: Exact = exact.logarithm(2n * UNIT);
export const PI: Exact = 4n * exact.arctangent(UNIT);
/** What the x87 takes for pi when it reduces an argument: 66 bits. */
export const PI_66: Exact = (PI >> (BITS - 64n)) << (BITS - 64n);

/** The distance of an 80-bit value (sign-exponent, significand) from the true one, in units of its last place. */
export function ulpError(se: number, significand: bigint, truth: Exact): number {
  const exponent = Math.max(se & 0x7fff, 1) - 0x3fff - 63;
  const magnitude = exact.of(significand, exponent);
  const difference = (se & 0x8000 ? -magnitude : magnitude) - truth;
  const ulp = exact.of(1n, exponent);
  return Number((difference * 1_000_000n) / ulp) / 1e6;
}
