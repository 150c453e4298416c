/**
 * The exact operations against JavaScript's doubles, which round to nearest, and by properties that hold in every rounding.
 * silicon.test.ts compares flags and everything else with a real CPU.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { add, type Binary, div, max, min, mul, multiplyAdd, sqrt, sub } from './arithmetic.ts';
import { fromHalf, toHalf, toInteger, toSingle } from './convert.ts';
import { DE, DOWN, Environment, IE, NEAREST, OE, PE, TRUNCATE, UE, UP, ZE } from './environment.ts';
import { DOUBLE, isNan, SINGLE } from './format.ts';

const view = new DataView(new ArrayBuffer(8));
function bits(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}
function number(encoding: bigint): number {
  view.setBigUint64(0, encoding);
  return view.getFloat64(0);
}
function singleBits(value: number): bigint {
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

const MASKED = 0x1f80;
function environment(mxcsr = MASKED, control = 0): Environment {
  const env = new Environment();
  env.begin(mxcsr, control);
  return env;
}

const random = new SeededRandom(1);
/** Doubles of all sizes, often near each other. */
function double(): bigint {
  const any = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  if (random.below(4) === 0) return any;
  return (any & 0x800f_ffff_ffff_ffffn) | (BigInt(random.pick([0, 1, 510, 1020, 1023, 1040, 1530, 2046])) << 52n);
}
const pairs = Array.from({ length: 3000 }, () => [double(), double()] as const);

describe('rounding to nearest is what JavaScript does', () => {
  const operations: readonly (readonly [string, Binary, (a: number, b: number) => number])[] = [
    ['add', add, (a, b) => a + b],
    ['sub', sub, (a, b) => a - b],
    ['mul', mul, (a, b) => a * b],
    ['div', div, (a, b) => a / b],
    ['sqrt', (env, s, a) => sqrt(env, s, a), (a) => Math.sqrt(a)],
  ];
  it.each(operations)('%s', (_name, operation, expected) => {
    for (const [a, b] of pairs)
      expect(number(operation(environment(), DOUBLE, a, b))).toBe(expected(number(a), number(b)));
  });
  it('to single', () => {
    for (const [a] of pairs) {
      if (!isNan(DOUBLE, a)) expect(toSingle(environment(), a)).toBe(singleBits(number(a)));
    }
  });
});

interface Rounded {
  readonly value: number;
  readonly isExact: boolean;
}
describe('other roundings', () => {
  it.each([
    ['add', add],
    ['mul', mul],
    ['div', div],
  ])('%s is between down and up, which differ by one unit when it is inexact', (_name, operation) => {
    for (const [a, b] of pairs) {
      const [nearest, down, up, chopped] = [NEAREST, DOWN, UP, TRUNCATE].map((rc) => {
        const env = environment(MASKED | (rc << 13));
        return { value: number(operation(env, DOUBLE, a, b)), isExact: (env.flags & PE) === 0 };
      }) as [Rounded, Rounded, Rounded, Rounded];
      if (Number.isNaN(nearest.value)) continue;
      expect([down.value, up.value]).toContain(nearest.value);
      expect(chopped.value).toBe(nearest.value < 0 || (nearest.value === 0 && up.value === 0) ? up.value : down.value);
      expect(down.value < up.value).toBe(!nearest.isExact);
    }
  });
});

describe('flags', () => {
  const LEAST = 1n; // denormal
  const LEAST_NORMAL = DOUBLE.implicit;
  const GREATEST = DOUBLE.infinity - 1n;
  const ONE = bits(1);
  const SIGNALING = DOUBLE.infinity | 1n;
  const QUIET = DOUBLE.infinity | DOUBLE.quiet;
  const FTZ = 0x8000;
  const DAZ = 0x40;
  const UM = 0x800;
  it.each<[string, Binary, bigint, bigint, number, number, bigint]>([
    ['one third is inexact', div, ONE, bits(3), MASKED, PE, bits(1 / 3)],
    ['a zero divisor', div, ONE, 0n, MASKED, ZE, DOUBLE.infinity],
    ['a denormal over zero raises ZE only', div, LEAST, 0n, MASKED, ZE, DOUBLE.infinity],
    ['a quiet NaN over zero raises nothing', div, QUIET, 0n, MASKED, 0, QUIET],
    ['a signaling NaN is made quiet', add, SIGNALING, ONE, MASKED, IE, SIGNALING | DOUBLE.quiet],
    ['zero times infinity', mul, 0n, DOUBLE.infinity, MASKED, IE, DOUBLE.defaultNan],
    ['overflow', add, GREATEST, GREATEST, MASKED, OE | PE, DOUBLE.infinity],
    ['overflow rounded down', add, GREATEST, GREATEST, MASKED | (DOWN << 13), OE | PE, GREATEST],
    ['an exact denormal result does not underflow', mul, LEAST_NORMAL, bits(0.5), MASKED, 0, LEAST_NORMAL >> 1n],
    ['but does so unmasked', mul, LEAST_NORMAL, bits(0.5), MASKED & ~UM, UE, 0n],
    ['and is flushed by FTZ', mul, LEAST_NORMAL, bits(0.5), MASKED | FTZ, UE | PE, 0n],
    ['a denormal operand', add, LEAST, ONE, MASKED, DE | PE, ONE],
    ['is zero by DAZ', add, LEAST, ONE, MASKED | DAZ, 0, ONE],
    ['an exact difference is -0 when rounding down', sub, ONE, ONE, MASKED | (DOWN << 13), 0, DOUBLE.sign],
    ['MIN of a quiet NaN is the second operand', min, QUIET, ONE, MASKED, IE, ONE],
    ['MAX of equal zeros is the second', max, 0n, DOUBLE.sign, MASKED, 0, DOUBLE.sign],
    // 2^-1022 - 2^-1075 has 53 bits and lies below the normal numbers; as a denormal it is rounded up
    ['tininess is found after rounding', mul, LEAST_NORMAL, ONE - 1n, MASKED, UE | PE, LEAST_NORMAL],
  ])('%s', (_name, operation, a, b, mxcsr, flags, result) => {
    const env = environment(mxcsr);
    expect(operation(env, DOUBLE, a, b)).toBe(result);
    expect(env.flags).toBe(flags);
  });

  it('a result that rounds up to the least normal number with an exponent of any size is not tiny', () => {
    const env = environment();
    // (1 + 2^-52) * (1 - 2^-52) * 2^-1022, which is (1 - 2^-104) * 2^-1022
    const [a, b] = [LEAST_NORMAL | 1n, ONE - 2n];
    expect(mul(env, DOUBLE, a, b)).toBe(LEAST_NORMAL);
    expect(env.flags).toBe(PE);
  });

  it('a fused product is rounded once', () => {
    const env = environment();
    const a = bits(1 + 2 ** -30);
    expect(number(multiplyAdd(env, DOUBLE, a, a, bits(-1 - 2 ** -29)))).toBe(2 ** -60);
    expect(env.flags).toBe(0);
  });
});

describe('conversions', () => {
  it.each<[number, number, bigint, number]>([
    [2.5, NEAREST, 2n, PE],
    [2.5, UP, 3n, PE],
    [-2.5, DOWN, 0xffff_fffdn, PE],
    [-2.5, TRUNCATE, 0xffff_fffen, PE],
    [2 ** 31, NEAREST, 0x8000_0000n, IE],
    [-(2 ** 31), NEAREST, 0x8000_0000n, 0],
    [2 ** 31 - 0.5, NEAREST, 0x8000_0000n, IE],
    [2 ** 31 - 0.5, TRUNCATE, 0x7fff_ffffn, PE],
    [Number.NaN, NEAREST, 0x8000_0000n, IE],
  ])('%d to an integer, rounding %i', (value, rounding, result, flags) => {
    const env = environment();
    expect(toInteger(env, DOUBLE, bits(value), 32, rounding)).toBe(result);
    expect(env.flags).toBe(flags);
  });

  it('every half comes back from a single', () => {
    const wrong: bigint[] = [];
    for (let half = 0n; half < 0x1_0000n; half++) {
      const env = environment();
      const back = toHalf(env, fromHalf(env, half));
      const isSignaling = (half & 0x7fffn) > 0x7c00n && (half & 0x200n) === 0n;
      if (back !== (isSignaling ? half | 0x200n : half) || env.flags !== (isSignaling ? IE : 0)) wrong.push(half);
    }
    expect(wrong).toEqual([]);
  });

  it('halves are rounded as the immediate says, and FTZ leaves them alone', () => {
    const env = environment(MASKED | 0x8000, UP);
    expect(toHalf(env, singleBits(2 ** -25))).toBe(1n);
    expect(env.flags).toBe(UE | PE);
    expect(toHalf(environment(MASKED, DOWN), SINGLE.infinity - 1n)).toBe(0x7bffn);
  });
});
