/** 80-bit values in generated code: a significand with its integer bit, and a word of sign and biased exponent. */
import { type Func, type I32, type I64, i32, i64 } from '../../../wasm/index.ts';
import { EXP_MASK, RC, RC_NEAREST, RC_UP, RC_ZERO, SIGN } from '../../fpu/ext80.ts';

export interface Value {
  readonly significand: I64;
  readonly signExponent: I32;
}

/** Integer bit of a significand; as a rest below it, one half. */
export const TOP_BIT = i64.const(-0x8000_0000_0000_0000n);
export const ZERO = i64.const(0n);
export const ONE = i64.const(1n);
/** Of routines: the instruction must fall back. */
export const FALL_BACK = i32.const(1);
export const DONE = i32.const(0);

/** The value in parameters n and n + 1. */
export const valueParam = (f: Func, n: number): Value => ({
  significand: f.param(n, 'i64'),
  signExponent: f.param(n + 1, 'i32'),
});
export const exponentOf = (v: Value): I32 => i32.and(v.signExponent, i32.const(EXP_MASK));
export const signOf = (v: Value): I32 => i32.and(v.signExponent, i32.const(SIGN));
/** Denormals, infinities, NaNs and what no operation takes are not. */
export const isNormal = (v: Value): I32 =>
  i32.and(i64.ltS(v.significand, ZERO), i32.ltU(i32.sub(exponentOf(v), i32.const(1)), i32.const(EXP_MASK - 1)));
export const isZero = (v: Value): I32 => i64.eqz(i64.or(v.significand, i64.extendU(exponentOf(v))));
export const isPlain = (v: Value): I32 => i32.or(isNormal(v), isZero(v));

/** Whether a magnitude is rounded away from zero whose lowest kept bit and whose rest (not zero, 64 bits) are these. */
export function roundsUp(f: Func, sign: I32, odd: I32, rest: I64, control: I32): I32 {
  const up = f.local('i32');
  const mode = f.let(i32.and(control, i32.const(RC)));
  f.if(
    i32.eq(mode, i32.const(RC_NEAREST)),
    () => f.set(up, i32.and(i64.ltS(rest, ZERO), i32.or(i64.ne(rest, TOP_BIT), odd))),
    () => {
      const away = i32.eq(i32.eq(mode, i32.const(RC_UP)), i32.eqz(sign));
      f.set(up, i32.and(i32.ne(mode, i32.const(RC_ZERO)), away));
    },
  );
  return up;
}
