/** Memory operands as 80-bit values. */
import { type Func, type I32, type I64, i32, i64, select } from '../../../wasm/index.ts';
import { EXP_BIAS, SIGN } from '../../fpu/ext80.ts';
import type { Emit } from '../emit.ts';
import { TOP_BIT, type Value, ZERO } from './value.ts';

/** A format by the notation of the manual's x87 instructions. */
export type Source = 'm32' | 'm64' | 'm16int' | 'm32int' | 'm64int';

/** Reads operand 0. Floats that are denormal, infinite or NaNs fall back. */
export function readSource(e: Emit, source: Source): Value {
  const bits = e.read(0);
  switch (source) {
    case 'm32':
      return float32(e, bits as I32);
    case 'm64':
      return float64(e, bits as I64);
    case 'm16int':
      return integer(e.f, i64.extend16S(i64.extendU(bits as I32)));
    case 'm32int':
      return integer(e.f, i64.extendS(bits as I32));
    case 'm64int':
      return integer(e.f, bits as I64);
  }
}

function float32(e: Emit, bits: I32): Value {
  const fraction = i64.shl(i64.extendU(bits), i64.const(40n));
  return float(
    e,
    bits,
    i32.and(i32.shrU(bits, i32.const(23)), i32.const(0xff)),
    0xff,
    fraction,
    i32.shl(bits, i32.const(1)),
  );
}
function float64(e: Emit, bits: I64): Value {
  const high = e.f.let(i32.wrap(i64.shrU(bits, i64.const(32n))));
  const magnitude = i64.ne(i64.shl(bits, i64.const(1n)), ZERO);
  const exponent = i32.and(i32.shrU(high, i32.const(20)), i32.const(0x7ff));
  return float(e, high, exponent, 0x7ff, i64.shl(bits, i64.const(11n)), magnitude);
}
/** `high`: the word with the sign; `magnitude`: not 0 unless the value is zero. */
function float(e: Emit, high: I32, exponent: I32, limit: number, fraction: I64, magnitude: I32): Value {
  const { f } = e;
  const biased = f.let(exponent);
  const normal = f.let(i32.ltU(i32.sub(biased, i32.const(1)), i32.const(limit - 1)));
  e.fallBackIf(i32.and(i32.eqz(normal), i32.ne(magnitude, i32.const(0))));
  const sign = i32.and(i32.shrU(high, i32.const(16)), i32.const(SIGN));
  const own = select(normal, i32.add(biased, i32.const(EXP_BIAS - (limit >> 1))), i32.const(0));
  return {
    significand: f.let(select(normal, i64.or(fraction, TOP_BIT), ZERO)),
    signExponent: f.let(i32.or(sign, own)),
  };
}

function integer(f: Func, signed: I64): Value {
  const value = f.let(signed);
  const negative = f.let(i64.ltS(value, ZERO));
  const magnitude = f.let(select(negative, i64.sub(ZERO, value), value));
  const zeros = f.let(i64.clz(magnitude));
  const exponent = i32.sub(i32.const(EXP_BIAS + 63), i32.wrap(zeros));
  const own = i32.or(i32.shl(negative, i32.const(15)), exponent);
  return {
    significand: f.let(i64.shl(magnitude, zeros)),
    signExponent: f.let(select(i64.eqz(magnitude), i32.const(0), own)),
  };
}
