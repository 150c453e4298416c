/**
 * RCPPS and RSQRTPS: x86 promises 12 bits; these are good to the last one or two. Denormal operands count as zeros, and
 * results too small for a normal number become zeros. MXCSR neither matters nor changes.
 */
import { anyTrue, type Func, f32x4, i32x4, type V128, v128 } from '../../../wasm/index.ts';
import { SINGLE, unaryForms } from './float.ts';

const QUIET = i32x4.const(0x0040_0000);
const DEFAULT_NAN = i32x4.const(0xffc0_0000);

/** Denormals as zeros of their sign. */
function flushed(f: Func, v: V128): V128 {
  const value = f.let(v);
  const small = f32x4.lt(f32x4.abs(value), SINGLE.leastNormal);
  return v128.bitselect(v128.and(value, SINGLE.sign), value, small);
}

/** The result r of an operation on a, with x86's NaNs: the operand's made quiet, or the default one. */
function withNans(f: Func, a: V128, r: V128): V128 {
  const result = f.local('v128');
  f.set(result, r);
  f.if(anyTrue(f32x4.ne(result, result)), () => {
    const nan = v128.bitselect(v128.or(a, QUIET), DEFAULT_NAN, f32x4.ne(a, a));
    f.set(result, v128.bitselect(nan, result, f32x4.ne(result, result)));
  });
  return result;
}

const approximation = (operation: (f: Func, a: V128) => V128) =>
  unaryForms((e, _s, sources) => (sources[0] ?? []).map((a) => withNans(e.f, a, operation(e.f, flushed(e.f, a)))));

export const emitRcp = approximation((f, a) => flushed(f, f32x4.div(SINGLE.one, a)));
export const emitRsqrt = approximation((_f, a) => f32x4.div(SINGLE.one, f32x4.sqrt(a)));
