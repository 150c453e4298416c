/**
 * How float instructions are made. WebAssembly computes; it rounds to nearest and knows no flags. That is right where
 * nothing special happens: operands and results are normal numbers, and what is inexact finds PE set and masked in MXCSR,
 * with rounding to nearest (`isSteady`), as it is nearly always. Otherwise a second look tells whether zeros are involved or
 * the result is exact. What passes neither is done again by the exact operation (cpu/sse).
 */
import {
  type Func,
  f32x4,
  f64x2,
  type I32,
  i32,
  i32x4,
  i64x2,
  type Local,
  type V128,
  v128,
} from '../../../wasm/index.ts';
import type { FloatOperation } from '../../sse/operations.ts';
import type { Emit, Emitter, ExactFloat } from '../emit.ts';
import { mergeLow } from './move.ts';

/** One of the two formats: its operators, and its constants in every element. */
export interface Format {
  readonly name: 'single' | 'double';
  readonly bytes: 4 | 8;
  readonly packed: typeof f32x4 | typeof f64x2;
  readonly zero: V128;
  readonly one: V128;
  readonly sign: V128;
  readonly leastNormal: V128;
  readonly infinity: V128;
  /** Products above it have an error that is a number of the format. */
  readonly leastProduct: V128;
  /** 2^n + 1 that splits a significand into halves. */
  readonly splitter: V128;
  /** The low element in all. */
  splat(v: V128): V128;
}
export const SINGLE: Format = {
  name: 'single',
  bytes: 4,
  packed: f32x4,
  zero: i32x4.const(0),
  one: i32x4.const(0x3f80_0000),
  sign: i32x4.const(0x8000_0000),
  leastNormal: i32x4.const(0x0080_0000),
  infinity: i32x4.const(0x7f80_0000),
  leastProduct: i32x4.const((127 - 80) << 23),
  splitter: i32x4.const(0x4580_0800), // 2^12 + 1
  splat: (v) => v128.shuffle([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], v, v),
};
export const DOUBLE: Format = {
  name: 'double',
  bytes: 8,
  packed: f64x2,
  zero: i64x2.const(0n),
  one: i64x2.const(0x3ff0_0000_0000_0000n),
  sign: i64x2.const(0x8000_0000_0000_0000n),
  leastNormal: i64x2.const(0x0010_0000_0000_0000n),
  infinity: i64x2.const(0x7ff0_0000_0000_0000n),
  leastProduct: i64x2.const(BigInt(1023 - 900) << 52n),
  splitter: i64x2.const(0x41a0_0000_0200_0000n), // 2^27 + 1
  splat: (v) => v128.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7], v, v),
};

const MXCSR_PE = 0x20;
const MXCSR_PM = 0x1000;
const MXCSR_RC = 0x6000;
const mxcsrIs = (e: Emit, mask: number, value: number): I32 =>
  i32.eq(i32.and(e.mxcsr(), i32.const(mask)), i32.const(value));
/** Rounding to nearest, and inexact results change nothing. */
export const isSteady = (e: Emit): I32 => mxcsrIs(e, MXCSR_RC | MXCSR_PM | MXCSR_PE, MXCSR_PM | MXCSR_PE);
/** The same whatever the rounding. */
export const ignoresInexact = (e: Emit): I32 => mxcsrIs(e, MXCSR_PM | MXCSR_PE, MXCSR_PM | MXCSR_PE);
export const roundsToNearest = (e: Emit): I32 => mxcsrIs(e, MXCSR_RC, 0);

/** Every 32 bits of the mask are set. */
export const allTrue = (mask: V128): I32 => v128.test(0xa3, mask);
/** All ones for 1, zeros for 0. */
export const maskOf = (cond: I32): V128 => i32x4.splat(i32.sub(i32.const(0), cond));
export const all = (masks: readonly V128[]): V128 => masks.reduce((a, b) => v128.and(a, b));

/** Elements above zero and finite in magnitude: no NaN, no infinity, nothing below `least`. */
export function within(s: Format, v: V128, least: V128): V128 {
  const magnitude = s.packed.abs(v);
  return v128.and(s.packed.lt(least, magnitude), s.packed.lt(magnitude, s.infinity));
}
/** Elements that are zero or normal numbers. */
export function plain(f: Func, s: Format, v: V128): V128 {
  const magnitude = f.let(s.packed.abs(v));
  const normal = v128.and(s.packed.le(s.leastNormal, magnitude), s.packed.lt(magnitude, s.infinity));
  return v128.or(s.packed.eq(v, s.zero), normal);
}
/** Elements that are no NaN and no denormal: nothing but their size matters to a comparison or widening. */
export const comparable = (s: Format, v: V128): V128 =>
  v128.or(s.packed.eq(v, s.zero), s.packed.le(s.leastNormal, s.packed.abs(v)));

/** What a + b = r left out, exactly, where nothing overflowed. [Knuth] 4.2.2 theorem B */
export function sumError(f: Func, s: Format, a: V128, b: V128, r: V128): V128 {
  const { add, sub } = s.packed;
  const addend = f.let(sub(r, a));
  return add(sub(a, sub(r, addend)), sub(b, addend));
}
/** What a * b = r left out, exactly, where r lies above leastProduct; a NaN where something overflowed. [Dekker] */
export function productError(f: Func, s: Format, a: V128, b: V128, r: V128): V128 {
  const { add, sub, mul } = s.packed;
  const halves = (v: V128): { high: V128; low: V128 } => {
    const scaled = f.let(mul(v, s.splitter));
    const high = f.let(sub(scaled, sub(scaled, v)));
    return { high, low: f.let(sub(v, high)) };
  };
  const [x, y] = [halves(a), halves(b)];
  const cross = sub(mul(x.high, y.high), r);
  return add(add(add(cross, mul(x.high, y.low)), mul(x.low, y.high)), mul(x.low, y.low));
}

/**
 * Keeps the results that WebAssembly found where `certain`; otherwise the exact operation gives them, from the same sources by
 * lanes.
 */
export function unlessCertain(
  e: Emit,
  certain: I32,
  operation: ExactFloat,
  sources: readonly (readonly V128[])[],
  results: readonly Local<'v128'>[],
): void {
  e.f.if(i32.eqz(certain), () => {
    const exact = e.exactFloat(operation, sources);
    results.forEach((result, lane) => {
      e.f.set(result, exact[lane] as V128);
    });
  });
}

/** An instruction's arithmetic on one lane. */
export interface Arithmetic {
  readonly exactly: FloatOperation;
  readonly compute: (s: Format, sources: readonly V128[]) => V128;
  /** Nothing special in any element: whatever is inexact is only that. */
  readonly usual: (s: Format, sources: readonly V128[], r: V128) => V128;
  /** What zero results come of without underflow. */
  readonly zero: (s: Format, sources: readonly V128[]) => V128;
  /** The result is exact, if it and the sources are normal or zero. */
  readonly isExact: (f: Func, s: Format, sources: readonly V128[], r: V128) => V128;
}

/** Sources by lanes to result lanes. */
export function evaluate(
  e: Emit,
  s: Format,
  arithmetic: Arithmetic,
  sources: readonly (readonly V128[])[],
  elements: number,
): readonly V128[] {
  const { f } = e;
  const lanes = (sources[0] ?? []).map((_, n) => sources.map((source) => source[n] as V128));
  const results = lanes.map((lane) => {
    const result = f.local('v128');
    f.set(result, arithmetic.compute(s, lane));
    return result;
  });
  const eachLane = (test: (lane: readonly V128[], r: V128) => V128): V128 =>
    all(lanes.map((lane, n) => test(lane, results[n] as V128)));
  const usual = allTrue(eachLane((lane, r) => arithmetic.usual(s, lane, r)));
  f.if(i32.eqz(i32.and(usual, isSteady(e))), () => {
    const steady = f.let(maskOf(isSteady(e)));
    const harmless = eachLane((lane, r) => {
      const nonzero = v128.and(within(s, r, s.leastNormal), v128.or(steady, arithmetic.isExact(f, s, lane, r)));
      const zero = v128.and(s.packed.eq(r, s.zero), arithmetic.zero(s, lane));
      return all([...lane.map((v) => plain(f, s, v)), v128.or(nonzero, zero)]);
    });
    const certain = i32.and(allTrue(harmless), roundsToNearest(e));
    unlessCertain(e, certain, { name: arithmetic.exactly, elements }, sources, results);
  });
  return results;
}

/** Index of the first of two sources: a legacy destination is that as well. */
export const firstSource = (e: Emit): number => (e.vectorLength === 0 ? 0 : 1);

export const elementsOf = (s: Format, lanes: readonly V128[]): number => (lanes.length * 16) / s.bytes;

/** Result lanes of an operation on so many elements. */
export type Operation = (
  e: Emit,
  s: Format,
  sources: readonly (readonly V128[])[],
  elements: number,
) => readonly V128[];

const packedUnary =
  (s: Format, operation: Operation): Emitter =>
  (e) => {
    const source = e.readLanes(1, e.vectorLength === 0);
    e.writeLanes(0, operation(e, s, [source], elementsOf(s, source)));
  };
const packedBinary =
  (s: Format, operation: Operation): Emitter =>
  (e) => {
    const first = firstSource(e);
    const second = e.readLanes(first + 1, e.vectorLength === 0);
    const lanes = e.readLanes(first);
    e.writeLanes(0, operation(e, s, [lanes, second], elementsOf(s, lanes)));
  };
/**
 * The low element, with what is above it in the first source. All elements compute the same, so that none of the others is
 * special, or slow for being denormal.
 */
const scalar =
  (s: Format, operation: Operation, isBinary: boolean): Emitter =>
  (e) => {
    const { f } = e;
    const first = firstSource(e);
    const second = f.let(s.splat(e.readVector(first + 1, s.bytes)));
    const above = e.readVector(first, 16);
    const sources = isBinary ? [[f.let(s.splat(above))], [second]] : [[second]];
    const [result] = operation(e, s, sources, 1);
    e.writeVector(0, mergeLow(s.bytes, above, result as V128), 16);
  };

/** The same instruction in its four forms: PS, PD, SS, SD. */
export interface FourForms {
  readonly ps: Emitter;
  readonly pd: Emitter;
  readonly ss: Emitter;
  readonly sd: Emitter;
}
export const binaryForms = (operation: Operation): FourForms => ({
  ps: packedBinary(SINGLE, operation),
  pd: packedBinary(DOUBLE, operation),
  ss: scalar(SINGLE, operation, true),
  sd: scalar(DOUBLE, operation, true),
});
export const unaryForms = (operation: Operation): FourForms => ({
  ps: packedUnary(SINGLE, operation),
  pd: packedUnary(DOUBLE, operation),
  ss: scalar(SINGLE, operation, false),
  sd: scalar(DOUBLE, operation, false),
});
