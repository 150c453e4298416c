/** The transcendental instructions against references of 1024 bits, and their ranges. [SDM] volume 1, 8.3.7 to 8.3.11 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { type Exact, exact, LN2, ONE, PI, PI_66, ulpError } from '../../testing/x87/reference.ts';
import { powerLessOne, yLog2x, yLog2xPlus1 } from './exponential.ts';
import {
  A_HI,
  A_LO,
  A_SE,
  B_HI,
  B_LO,
  B_SE,
  C2,
  FCW_EXTENDED,
  PC_SINGLE,
  PE,
  RC_DOWN,
  RC_UP,
  RC_ZERO,
  W,
  Z_HI,
  Z_LO,
  Z_SE,
} from './ext80.ts';
import { arctangent2, cosine, sine, sineAndCosine, tangent } from './trigonometric.ts';

const SAMPLES = 60;
/** Half a unit for the rounding and a trifle for a reference that is not infinitely exact either. */
const NEAREST = 0.5 + 1e-6;

interface Value {
  se: number;
  hi: number;
  lo: number;
}

function exactOf(v: Value): Exact {
  const significand = (BigInt(v.hi >>> 0) << 32n) | BigInt(v.lo >>> 0);
  const magnitude = exact.of(significand, (v.se & 0x7fff) - 0x3fff - 63);
  return v.se & 0x8000 ? -magnitude : magnitude;
}

/** A value with a binary exponent in [low, high), either sign or positive only. */
function random(seed: SeededRandom, low: number, high: number, positive = false): Value {
  const sign = !positive && seed.below(2) === 1 ? 0x8000 : 0;
  const plain = seed.below(4) === 0;
  return {
    se: sign | (0x3fff + low + seed.below(high - low)),
    hi: seed.uint32() | 0x8000_0000,
    lo: plain ? 0 : seed.uint32() | 0,
  };
}

function setA(v: Value): void {
  W[A_SE] = v.se;
  W[A_HI] = v.hi;
  W[A_LO] = v.lo;
}

function setB(v: Value): void {
  W[B_SE] = v.se;
  W[B_HI] = v.hi;
  W[B_LO] = v.lo;
}

function errorOfZ(truth: Exact): number {
  return ulpError(W[Z_SE], (BigInt(W[Z_HI] >>> 0) << 32n) | BigInt(W[Z_LO] >>> 0), truth);
}

/** Sine (turn 0) and cosine (turn 1) with pi as the x87 has it when it reduces the argument: 66 bits. */
function sineByPi66(v: Value, turn: number): Exact {
  const x = exactOf(v);
  const doubled = 4n * x + PI_66;
  const quadrant = doubled / (2n * PI_66) - (doubled < 0n ? 1n : 0n);
  const rest = x - (quadrant * PI_66) / 2n;
  const place = Number((quadrant + BigInt(turn)) & 3n);
  const value = place & 1 ? exact.cosine(rest) : exact.sine(rest);
  return place & 2 ? -value : value;
}

const sineReference = (v: Value): Exact => sineByPi66(v, 0);
const cosineReference = (v: Value): Exact => sineByPi66(v, 1);
const tangentReference = (v: Value): Exact => exact.divide(sineByPi66(v, 0), sineByPi66(v, 1));

/** Largest error over the samples, in ulp. */
function worst(seedNumber: number, sample: (seed: SeededRandom) => Exact): number {
  const seed = new SeededRandom(seedNumber);
  let largest = 0;
  for (let i = 0; i < SAMPLES; i++) largest = Math.max(largest, Math.abs(errorOfZ(sample(seed))));
  return largest;
}

describe('rounded to nearest, results are the closest there are', () => {
  it.each([
    ['FSIN', -40, 3, sine, sineReference],
    ['FSIN of large arguments', 3, 63, sine, sineReference],
    ['FCOS', -40, 3, cosine, cosineReference],
    ['FCOS of large arguments', 3, 63, cosine, cosineReference],
    ['FPTAN', -40, 63, tangent, tangentReference],
  ] as const)('%s', (_name, low, high, operation, reference) => {
    const error = worst(1, (seed) => {
      const v = random(seed, low, high);
      setA(v);
      operation(FCW_EXTENDED);
      return reference(v);
    });
    expect(error).toBeLessThan(NEAREST);
  });

  it('FPATAN, in all quadrants and for steep and flat angles', () => {
    const error = worst(2, (seed) => {
      const x = random(seed, -30, 30);
      const y = random(seed, -30, 30);
      setA(x);
      setB(y);
      arctangent2(FCW_EXTENDED);
      const angle = exact.arctangent(exact.divide(exactOf(y), exactOf(x)));
      if ((x.se & 0x8000) === 0) return angle;
      return y.se & 0x8000 ? angle - PI : angle + PI;
    });
    expect(error).toBeLessThan(NEAREST);
  });

  it('F2XM1', () => {
    const error = worst(3, (seed) => {
      const x = random(seed, -60, 0);
      setA(x);
      powerLessOne(FCW_EXTENDED);
      return exact.exponentialLessOne(exact.multiply(exactOf(x), LN2));
    });
    expect(error).toBeLessThan(NEAREST);
  });

  it.each([
    ['of any magnitude', -300, 300],
    ['next to one', -1, 1],
  ])('FYL2X %s', (_name, low, high) => {
    const error = worst(4, (seed) => {
      const x = random(seed, low, high, true);
      // Half of those next to one differ from it in their last bits only.
      if (high === 1 && seed.below(2) === 0) {
        x.hi = x.se === 0x3fff ? 0x80000000 | 0 : -1;
        x.lo |= 1;
      }
      const y = random(seed, -20, 20);
      setA(x);
      setB(y);
      yLog2x(FCW_EXTENDED);
      return exact.multiply(exactOf(y), exact.divide(exact.logarithm(exactOf(x)), LN2));
    });
    expect(error).toBeLessThan(NEAREST);
  });

  it.each([
    ['in its range', -60, -2],
    ['beyond it', -1, 60],
  ])('FYL2XP1 %s', (_name, low, high) => {
    const error = worst(5, (seed) => {
      const x = random(seed, low, high, low === -1);
      const y = random(seed, -20, 20);
      setA(x);
      setB(y);
      yLog2xPlus1(FCW_EXTENDED);
      return exact.multiply(exactOf(y), exact.divide(exact.logarithm(ONE + exactOf(x)), LN2));
    });
    expect(error).toBeLessThan(NEAREST);
  });
});

describe('rounding control', () => {
  it.each([
    ['down', RC_DOWN, -1, 0],
    ['up', RC_UP, 0, 1],
  ])('sines are rounded %s', (_name, rounding, low, high) => {
    const seed = new SeededRandom(6);
    for (let i = 0; i < SAMPLES; i++) {
      const v = random(seed, -30, 3);
      setA(v);
      sine(FCW_EXTENDED | rounding);
      const error = errorOfZ(sineReference(v));
      expect(error).toBeGreaterThanOrEqual(low);
      expect(error).toBeLessThanOrEqual(high);
    }
  });

  it('a tiny argument rounded to zero has a sine just below it, not itself', () => {
    setA({ se: 0x3f00, hi: 0x80000000 | 0, lo: 0 });
    expect(sine(FCW_EXTENDED | RC_ZERO) & PE).toBe(PE);
    expect([W[Z_SE], W[Z_HI], W[Z_LO]]).toEqual([0x3eff, -1, -1]);
  });

  it('precision control does not apply', () => {
    const v = { se: 0x3ffe, hi: 0x9abcdef0 | 0, lo: 0x12345678 };
    setA(v);
    sine((FCW_EXTENDED & ~0x300) | PC_SINGLE);
    expect(Math.abs(errorOfZ(exact.sine(exactOf(v))))).toBeLessThan(NEAREST);
  });
});

describe('ranges', () => {
  it('C2 refuses arguments of 2^63 and more, and they stay', () => {
    for (const operation of [sine, cosine, tangent, sineAndCosine]) {
      setA({ se: 0x403e, hi: 0x80000000 | 0, lo: 5 });
      expect(operation(FCW_EXTENDED)).toBe(C2);
      expect([W[Z_SE], W[Z_HI], W[Z_LO]]).toEqual([0x403e, 0x80000000 | 0, 5]);
    }
  });

  it('FSIN of the 64-bit pi is minus a quarter of its last place: pi has 66 bits here', () => {
    setA({ se: 0x4000, hi: 0xc90fdaa2 | 0, lo: 0x2168c235 });
    sine(FCW_EXTENDED);
    expect([W[Z_SE], W[Z_HI], W[Z_LO]]).toEqual([0xbfbf, 0x80000000 | 0, 0]);
  });

  it('F2XM1 of 1 and -1 are 1 and -1/2', () => {
    setA({ se: 0x3fff, hi: 0x80000000 | 0, lo: 0 });
    powerLessOne(FCW_EXTENDED);
    expect([W[Z_SE], W[Z_HI], W[Z_LO]]).toEqual([0x3fff, 0x80000000 | 0, 0]);
    setA({ se: 0xbfff, hi: 0x80000000 | 0, lo: 0 });
    powerLessOne(FCW_EXTENDED);
    expect([W[Z_SE], W[Z_HI], W[Z_LO]]).toEqual([0xbffe, 0x80000000 | 0, 0]);
  });
});
