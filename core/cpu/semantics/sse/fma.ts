/**
 * FMA: a * b + c, rounded once. WebAssembly has no such operation; it is made of others that are exact, with a last sum that
 * is rounded to odd before the only rounding. [Boldo, Melquiond: Emulation of a FMA and Correctly Rounded Sums, 2008]
 */
import { type Func, f32x4, f64x2, i32, i32x4, i64x2, type Local, type V128, v128 } from '../../../wasm/index.ts';
import type { FormatOperation } from '../../sse/operations.ts';
import type { Emit, Emitter } from '../emit.ts';
import {
  all,
  allTrue,
  DOUBLE,
  elementsOf,
  type Format,
  type FourForms,
  isSteady,
  maskOf,
  plain,
  productError,
  roundsToNearest,
  SINGLE,
  sumError,
  unlessCertain,
  within,
} from './float.ts';
import { mergeLow } from './move.ts';
import { zip } from './packed.ts';

const ODD = i64x2.const(1n);
const NAN = i32x4.const(-1);

interface Sum {
  readonly value: V128;
  /** Elements whose sum is exact. */
  readonly isExact: V128;
}
/** a + b; what is inexact becomes the neighbour of the exact sum whose significand is odd. */
function oddSum(f: Func, a: V128, b: V128): Sum {
  const nearest = f.let(f64x2.add(a, b));
  const error = f.let(sumError(f, DOUBLE, a, b, nearest));
  const isExact = f.let(f64x2.eq(error, DOUBLE.zero));
  // an even one moves by a unit toward the exact sum
  const step = v128.or(i64x2.shrS(v128.xor(nearest, error), i32.const(63)), ODD);
  const isEven = i64x2.sub(v128.and(nearest, ODD), ODD);
  return { value: f.let(i64x2.add(nearest, v128.and(step, v128.andnot(isEven, isExact)))), isExact };
}

/** r where it is certain: neither tiny nor too large, exact or `steady`; else a NaN. Sources must be plain. */
function ifCertain(f: Func, s: Format, sources: readonly V128[], r: V128, isSilent: V128, isZero: V128): V128 {
  const result = v128.or(v128.and(within(s, r, s.leastNormal), isSilent), v128.and(s.packed.eq(r, s.zero), isZero));
  return v128.bitselect(r, NAN, all([...sources.map((v) => plain(f, s, v)), result]));
}

const HIGH = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const JOIN = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const DWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
/** Products of singles are exact as doubles, whose odd sums round to singles as the exact ones would. */
function fuseSingles(f: Func, [a, b, c, steady]: readonly V128[]): V128 {
  const half = (x: V128, y: V128, z: V128): { r: V128; isExact: V128; isZero: V128 } => {
    const [p, q, w] = [x, y, z].map(f64x2.promoteLowF32) as [V128, V128, V128];
    const sum = oddSum(f, f.let(f64x2.mul(p, q)), f.let(w));
    const r = f.let(f32x4.demoteF64Zero(sum.value));
    const isExact = v128.and(sum.isExact, f64x2.eq(f64x2.promoteLowF32(r), sum.value));
    return { r, isExact, isZero: f64x2.eq(sum.value, DOUBLE.zero) };
  };
  const sources = [a, b, c] as [V128, V128, V128];
  const upper = sources.map((v) => f.let(v128.shuffle(HIGH, v, v))) as [V128, V128, V128];
  const [low, high] = [half(...sources), half(...upper)];
  const r = f.let(v128.shuffle(JOIN, low.r, high.r));
  const isExact = v128.shuffle(DWORDS, low.isExact, high.isExact);
  const isZero = v128.shuffle(DWORDS, low.isZero, high.isZero);
  return ifCertain(f, SINGLE, sources, r, v128.or(steady as V128, isExact), isZero);
}

function fuseDoubles(f: Func, [a, b, c, steady]: readonly V128[]): V128 {
  const sources = [a, b, c] as [V128, V128, V128];
  const [x, y, z] = sources;
  const { add, mul, eq } = f64x2;
  const product = f.let(mul(x, y));
  const rest = f.let(productError(f, DOUBLE, x, y, product));
  const inner = f.let(add(z, rest));
  const innerRest = f.let(sumError(f, DOUBLE, z, rest, inner));
  const outer = f.let(add(product, inner));
  const outerRest = f.let(sumError(f, DOUBLE, product, inner, outer));
  const tail = oddSum(f, innerRest, outerRest);
  const r = f.let(add(outer, tail.value));
  const isExact = v128.and(tail.isExact, eq(sumError(f, DOUBLE, outer, tail.value, r), DOUBLE.zero));
  // zeros by their signs, which the steps above do not keep
  const result = f.let(v128.bitselect(add(product, z), r, eq(r, DOUBLE.zero)));
  const ofZeros = v128.or(eq(x, DOUBLE.zero), eq(y, DOUBLE.zero));
  const isSafe = f.let(v128.or(within(DOUBLE, product, DOUBLE.leastProduct), ofZeros));
  const isSilent = v128.and(isSafe, v128.or(steady as V128, isExact));
  return ifCertain(f, DOUBLE, sources, result, isSilent, isSafe);
}

/** An FMA instruction: which elements' products and addends have their signs turned, by a mask of sign bits. */
interface Fused {
  readonly exactly: FormatOperation;
  readonly product?: (s: Format) => V128;
  readonly addend?: (s: Format) => V128;
}
const everySign = (s: Format): V128 => s.sign;
const evenSigns = (s: Format): V128 => (s.bytes === 4 ? i32x4.const(0x8000_0000, 0) : i64x2.const(1n << 63n, 0n));
const oddSigns = (s: Format): V128 => (s.bytes === 4 ? i32x4.const(0, 0x8000_0000) : i64x2.const(0n, 1n << 63n));

function fuse(e: Emit, s: Format, fused: Fused, sources: readonly (readonly V128[])[], elements: number): V128[] {
  const { f } = e;
  const [a, b, c] = sources as [readonly V128[], readonly V128[], readonly V128[]];
  const steady = f.let(maskOf(isSteady(e)));
  const turned = (v: V128, signs?: (s: Format) => V128): V128 => (signs === undefined ? v : v128.xor(v, signs(s)));
  const results: Local<'v128'>[] = zip(a, b, (x, y, lane) => {
    const result = f.local('v128');
    const args = [turned(x, fused.product), y, turned(c[lane] as V128, fused.addend), steady];
    f.set(result, e.shared(`fuse ${s.name}`, args, s.bytes === 4 ? fuseSingles : fuseDoubles));
    return result;
  });
  const certain = i32.and(allTrue(all(results.map((r) => s.packed.eq(r, r)))), roundsToNearest(e));
  unlessCertain(e, certain, { name: `${s.name}.${fused.exactly}`, elements }, sources, results);
  return results;
}

/** Operands that are multiplied and added: 132, 213 or 231. */
export type OperandOrder = readonly [number, number, number];

const packed =
  (s: Format, fused: Fused, order: OperandOrder): Emitter =>
  (e) => {
    const third = e.readLanes(2);
    const operands = [e.readLanes(0), e.readLanes(1), third];
    const sources = order.map((n) => operands[n - 1] as readonly V128[]);
    e.writeLanes(0, fuse(e, s, fused, sources, elementsOf(s, third)));
  };
const scalar =
  (s: Format, fused: Fused, order: OperandOrder): Emitter =>
  (e) => {
    const third = e.readVector(2, s.bytes);
    const above = e.readVector(0, 16);
    const operands = [above, e.readVector(1, 16), third].map((v) => e.f.let(s.splat(v)));
    const sources = order.map((n) => [operands[n - 1] as V128]);
    const [result] = fuse(e, s, fused, sources, 1);
    e.writeVector(0, mergeLow(s.bytes, above, result as V128), 16);
  };

const forms =
  (fused: Fused) =>
  (order: OperandOrder): FourForms => ({
    ps: packed(SINGLE, fused, order),
    pd: packed(DOUBLE, fused, order),
    ss: scalar(SINGLE, fused, order),
    sd: scalar(DOUBLE, fused, order),
  });
export const emitFmadd = forms({ exactly: 'multiplyAdd' });
export const emitFmsub = forms({ exactly: 'multiplySub', addend: everySign });
export const emitFnmadd = forms({ exactly: 'negatedMultiplyAdd', product: everySign });
export const emitFnmsub = forms({ exactly: 'negatedMultiplySub', product: everySign, addend: everySign });
/** Even elements subtract, odd ones add; and the other way round. */
export const emitFmaddsub = forms({ exactly: 'multiplyAddSub', addend: evenSigns });
export const emitFmsubadd = forms({ exactly: 'multiplySubAdd', addend: oddSigns });
