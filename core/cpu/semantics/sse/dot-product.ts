/** DPPS and DPPD. Each lane is on its own. */
import { type I32, i32, i32x4, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import {
  all,
  allTrue,
  DOUBLE,
  elementsOf,
  type Format,
  firstSource,
  isSteady,
  plain,
  SINGLE,
  unlessCertain,
  within,
} from './float.ts';
import { zip } from './packed.ts';

const SWAP_NEIGHBOURS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];
const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];

/** All ones in the elements whose bits are set in the immediate, the first of them at `bit`. */
function chosen(e: Emit, s: Format, immediate: I32, bit: number): V128 {
  const bits = i32x4.splat(i32.shrU(immediate, i32.const(bit)));
  const own = s.bytes === 4 ? i32x4.const(1, 2, 4, 8) : i64x2.const(0x1_0000_0001n, 0x2_0000_0002n);
  return e.f.let(i32x4.eq(v128.and(bits, own), own));
}

const dotProduct =
  (s: Format): Emitter =>
  (e) => {
    const { f } = e;
    const first = firstSource(e);
    const second = e.readLanes(first + 1, e.vectorLength === 0);
    const lanes = e.readLanes(first);
    const immediate = e.read(first + 2) as I32;
    const [factors, wanted] = [chosen(e, s, immediate, 4), chosen(e, s, immediate, 0)];
    const checks: V128[] = [];
    // neither NaN, infinite nor tiny at any step: zeros are only what comes of zeros or of a difference
    const normal = (r: V128): V128 => within(s, r, s.leastNormal);
    const sumOf = (v: V128, swap: readonly number[]): V128 => {
      const r = f.let(s.packed.add(v, v128.shuffle(swap, v, v)));
      checks.push(v128.or(normal(r), s.packed.eq(r, s.zero)));
      return r;
    };
    const results = zip(lanes, second, (x, y) => {
      const [a, b] = [f.let(v128.and(x, factors)), f.let(v128.and(y, factors))];
      const products = f.let(s.packed.mul(a, b));
      const ofZeros = v128.or(s.packed.eq(a, s.zero), s.packed.eq(b, s.zero));
      checks.push(plain(f, s, a), plain(f, s, b), v128.or(normal(products), ofZeros));
      const sum = s.bytes === 8 ? products : sumOf(products, SWAP_NEIGHBOURS);
      const result = f.local('v128');
      f.set(result, v128.and(sumOf(sum, SWAP_HALVES), wanted));
      return result;
    });
    const certain = i32.and(isSteady(e), allTrue(all(checks)));
    const name = `${s.name}.dotProduct` as const;
    unlessCertain(e, certain, { name, elements: elementsOf(s, lanes), control: immediate }, [lanes, second], results);
    e.writeLanes(0, results);
  };
export const emitDpps = dotProduct(SINGLE);
export const emitDppd = dotProduct(DOUBLE);
