/** CMPPS and so on, COMISS and UCOMISS. */
import { type I32, i32, i32x4, i64, type V128, v128 } from '../../../wasm/index.ts';
import { PREDICATES } from '../../sse/compare.ts';
import type { Emit, Emitter } from '../emit.ts';
import {
  all,
  allTrue,
  binaryForms,
  comparable,
  DOUBLE,
  type Format,
  firstSource,
  SINGLE,
  unlessCertain,
} from './float.ts';
import { zip } from './packed.ts';

/** The relations of all predicates. */
const RELATIONS = PREDICATES.reduce((table, relations, n) => table | (BigInt(relations) << BigInt(4 * n)), 0n);

/** Legacy encodings have 3 bits of the predicate, VEX ones 5. */
export const emitCmpFloat = binaryForms((e, s, sources, elements) => {
  const { f } = e;
  const immediate = e.read(firstSource(e) + 2) as I32;
  const predicate = f.let(i32.and(immediate, i32.const(e.vectorLength === 0 ? 7 : 31)));
  const shift = i64.extendU(i32.shl(i32.and(predicate, i32.const(15)), i32.const(2)));
  const relations = f.let(i32.wrap(i64.shrU(i64.const(RELATIONS), shift)));
  // no operand is a NaN here: less, equal, or else greater
  const holds = (bit: number): V128 =>
    f.let(i32x4.splat(i32.shrS(i32.shl(relations, i32.const(31 - bit)), i32.const(31))));
  const [less, equal, greater] = [holds(0), holds(1), holds(2)];
  const [first, second] = sources as readonly [readonly V128[], readonly V128[]];
  const results = zip(first, second, (a, b) => {
    const result = f.local('v128');
    const otherwise = v128.bitselect(equal, greater, s.packed.eq(a, b));
    f.set(result, v128.bitselect(less, otherwise, s.packed.lt(a, b)));
    return result;
  });
  const certain = allTrue(all(sources.flat().map((v) => comparable(s, v))));
  unlessCertain(e, certain, { name: `${s.name}.compare`, elements, control: predicate }, sources, results);
  return results;
});

/** ZF PF CF = 111 unordered, 000 greater, 001 less, 100 equal; the others clear. */
const compareFlags =
  (s: Format, name: 'compareSignaling' | 'compareQuiet'): Emitter =>
  (e: Emit) => {
    const { f } = e;
    const b = f.let(s.splat(e.readVector(1, s.bytes)));
    const a = f.let(s.splat(e.readVector(0, 16)));
    const flags = f.local('v128');
    const less = v128.and(s.packed.lt(a, b), i32x4.const(1));
    f.set(flags, v128.or(less, v128.and(s.packed.eq(a, b), i32x4.const(0x40))));
    const certain = allTrue(v128.and(comparable(s, a), comparable(s, b)));
    unlessCertain(e, certain, { name: `${s.name}.${name}`, elements: 1 }, [[a], [b]], [flags]);
    e.flags.setArith(v128.extractI32(0, flags));
  };
export const emitComiss = compareFlags(SINGLE, 'compareSignaling');
export const emitComisd = compareFlags(DOUBLE, 'compareSignaling');
export const emitUcomiss = compareFlags(SINGLE, 'compareQuiet');
export const emitUcomisd = compareFlags(DOUBLE, 'compareQuiet');
