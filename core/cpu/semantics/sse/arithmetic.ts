/** ADD SUB MUL DIV SQRT MIN MAX and SSE3's sums of neighbours. */
import { i32x4, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { FormatOperation } from '../../sse/operations.ts';
import type { Emitter } from '../emit.ts';
import {
  type Arithmetic,
  all,
  allTrue,
  binaryForms,
  comparable,
  DOUBLE,
  elementsOf,
  evaluate,
  type Format,
  type FourForms,
  firstSource,
  type Operation,
  productError,
  SINGLE,
  sumError,
  unaryForms,
  unlessCertain,
  within,
} from './float.ts';
import { zip } from './packed.ts';

type Sources = readonly V128[];
const pair = (sources: Sources): readonly [V128, V128] => sources as unknown as readonly [V128, V128];
const ones = i32x4.const(-1);

/** Both sources and the result above the denormals; a result that is finite has sources that are. */
const usualOfTwo: Arithmetic['usual'] = (s, sources, r) => {
  const [a, b] = pair(sources).map(s.packed.abs) as [V128, V128];
  const magnitude = s.packed.abs(r);
  const least = s.packed.pmin(s.packed.pmin(a, b), magnitude);
  return v128.and(s.packed.lt(s.leastNormal, least), s.packed.lt(magnitude, s.infinity));
};

const ADD: Omit<Arithmetic, 'exactly'> = {
  compute: (s, sources) => s.packed.add(...pair(sources)),
  usual: usualOfTwo,
  zero: () => ones,
  isExact: (f, s, sources, r) => s.packed.eq(sumError(f, s, ...pair(sources), r), s.zero),
};
/** An addition with signs of the second source turned. */
const addition = (turn: (s: Format) => V128): Omit<Arithmetic, 'exactly'> => {
  const turned = (s: Format, sources: Sources): readonly [V128, V128] => {
    const [a, b] = pair(sources);
    return [a, v128.xor(b, turn(s))];
  };
  return {
    ...ADD,
    compute: (s, sources) => s.packed.add(...turned(s, sources)),
    isExact: (f, s, sources, r) => {
      const [a, b] = turned(s, sources);
      return ADD.isExact(f, s, [a, f.let(b)], r);
    },
  };
};
const SUB: Omit<Arithmetic, 'exactly'> = {
  ...addition((s) => s.sign),
  compute: (s, sources) => s.packed.sub(...pair(sources)),
};
const MUL: Omit<Arithmetic, 'exactly'> = {
  compute: (s, sources) => s.packed.mul(...pair(sources)),
  usual: usualOfTwo,
  zero: (s, sources) => {
    const [a, b] = pair(sources);
    return v128.or(s.packed.eq(a, s.zero), s.packed.eq(b, s.zero));
  },
  isExact: (f, s, sources, r) =>
    v128.and(within(s, r, s.leastProduct), s.packed.eq(productError(f, s, ...pair(sources), r), s.zero)),
};
/** The quotient times the divisor is the dividend. */
const DIV: Omit<Arithmetic, 'exactly'> = {
  compute: (s, sources) => s.packed.div(...pair(sources)),
  usual: usualOfTwo,
  zero: (s, sources) => s.packed.eq(pair(sources)[0], s.zero),
  isExact: (f, s, sources, r) => {
    const [a, b] = pair(sources);
    const product = f.let(s.packed.mul(r, b));
    return v128.and(s.packed.eq(product, a), MUL.isExact(f, s, [r, b], product));
  },
};
const SQRT: Omit<Arithmetic, 'exactly'> = {
  compute: (s, [a]) => s.packed.sqrt(a as V128),
  // of a negative number it is a NaN
  usual: (s, [a], r) => v128.and(s.packed.lt(s.leastNormal, a as V128), s.packed.lt(r, s.infinity)),
  zero: (s, [a]) => s.packed.eq(a as V128, s.zero),
  isExact: (f, s, [a], r) => {
    const square = f.let(s.packed.mul(r, r));
    return v128.and(s.packed.eq(square, a as V128), MUL.isExact(f, s, [r, r], square));
  },
};

const named = (name: FormatOperation, arithmetic: Omit<Arithmetic, 'exactly'>): Operation => {
  return (e, s, sources, elements) =>
    evaluate(e, s, { ...arithmetic, exactly: `${s.name}.${name}` }, sources, elements);
};
const add = named('add', ADD);
const sub = named('sub', SUB);
export const emitAddFloat = binaryForms(add);
export const emitSubFloat = binaryForms(sub);
export const emitMulFloat = binaryForms(named('mul', MUL));
export const emitDivFloat = binaryForms(named('div', DIV));
export const emitSqrt = unaryForms(named('sqrt', SQRT));

/** The second source where they are equal. */
const extremum = (name: 'min' | 'max'): FourForms =>
  binaryForms((e, s, sources, elements) => {
    const { f } = e;
    const [first, second] = sources as readonly [Sources, Sources];
    const results = zip(first, second, (a, b) => {
      const result = f.local('v128');
      f.set(result, name === 'min' ? s.packed.pmin(b, a) : s.packed.pmax(b, a));
      return result;
    });
    const certain = allTrue(all(sources.flat().map((v) => comparable(s, v))));
    unlessCertain(e, certain, { name: `${s.name}.${name}`, elements }, sources, results);
    return results;
  });
export const emitMinFloat = extremum('min');
export const emitMaxFloat = extremum('max');

// -- SSE3 ----------------------------------------------------------------------------------------------------------
/** ADDSUBPS, ADDSUBPD: even elements subtract, odd ones add. */
const addSub = binaryForms(
  named(
    'addSub',
    addition((s) => (s.bytes === 4 ? i32x4.const(0x8000_0000, 0) : i64x2.const(1n << 63n, 0n))),
  ),
);
export const emitAddsubps = addSub.ps;
export const emitAddsubpd = addSub.pd;

const EVEN = {
  4: [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27],
  8: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
};
/** HADDPS and so on: pairs of neighbours within each lane, first those of the first source, then those of the second. */
const horizontal =
  (s: Format, operation: Operation): Emitter =>
  (e) => {
    const { f } = e;
    const first = firstSource(e);
    const b = e.readLanes(first + 1, e.vectorLength === 0);
    const a = e.readLanes(first);
    const even = EVEN[s.bytes];
    const odd = even.map((at) => at + s.bytes);
    const chosen = (bytes: readonly number[]): V128[] => zip(a, b, (x, y) => f.let(v128.shuffle(bytes, x, y)));
    e.writeLanes(0, operation(e, s, [chosen(even), chosen(odd)], elementsOf(s, a)));
  };
export const emitHaddps = horizontal(SINGLE, add);
export const emitHaddpd = horizontal(DOUBLE, add);
export const emitHsubps = horizontal(SINGLE, sub);
export const emitHsubpd = horizontal(DOUBLE, sub);
