/** ROUNDPS and so on: to an integral value, as an immediate or MXCSR says. */
import { type I32, i32, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit } from '../emit.ts';
import {
  all,
  allTrue,
  comparable,
  type FourForms,
  firstSource,
  ignoresInexact,
  maskOf,
  type Operation,
  unaryForms,
  unlessCertain,
} from './float.ts';

const IMMEDIATE_MXCSR = 4;
/** Inexact results raise nothing. */
const IMMEDIATE_QUIET = 8;
const RC_SHIFT = 13;
const RC_DOWN = 1;
const RC_UP = 2;

/** 0 nearest, 1 down, 2 up, 3 toward zero. */
function roundingControl(e: Emit, immediate: I32): I32 {
  const { f } = e;
  const rc = f.local('i32');
  f.set(rc, i32.and(immediate, i32.const(3)));
  f.if(i32.and(immediate, i32.const(IMMEDIATE_MXCSR)), () =>
    f.set(rc, i32.and(i32.shrU(e.mxcsr(), i32.const(RC_SHIFT)), i32.const(3))),
  );
  return rc;
}

const round =
  (immediateIndex: (e: Emit) => number): Operation =>
  (e, s, sources, elements) => {
    const { f } = e;
    const immediate = e.read(immediateIndex(e)) as I32;
    const rc = roundingControl(e, immediate);
    const lanes = sources[0] ?? [];
    const results = lanes.map(() => f.local('v128'));
    const set = (how: 'nearest' | 'floor' | 'ceil' | 'trunc') => (): void =>
      results.forEach((result, n) => {
        f.set(result, s.packed[how](lanes[n] as V128));
      });
    const directed = (): void =>
      f.if(i32.eq(rc, i32.const(RC_DOWN)), set('floor'), () =>
        f.if(i32.eq(rc, i32.const(RC_UP)), set('ceil'), set('trunc')),
      );
    f.if(rc, directed, set('nearest'));
    const quiet = i32.or(ignoresInexact(e), i32.ne(i32.and(immediate, i32.const(IMMEDIATE_QUIET)), i32.const(0)));
    const silent = f.let(maskOf(quiet));
    const exact = (v: V128, r: V128): V128 => v128.or(silent, s.packed.eq(v, r));
    const certain = allTrue(all(lanes.map((v, n) => v128.and(comparable(s, v), exact(v, results[n] as V128)))));
    unlessCertain(e, certain, { name: `${s.name}.round`, elements, control: immediate }, sources, results);
    return results;
  };

const packed = unaryForms(round(() => 2));
const scalar = unaryForms(round((e) => firstSource(e) + 2));
export const emitRound: FourForms = { ps: packed.ps, pd: packed.pd, ss: scalar.ss, sd: scalar.sd };
