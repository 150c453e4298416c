/** Comparison, and what is stored as another format: cpu/fpu/compare.ts and convert.ts for normal numbers and zeros. */
import { type Func, type I32, type I64, i32, i64, type Local, select } from '../../../wasm/index.ts';
import { C0, C1, C3, EXP_BIAS, PE, SIGN } from '../../fpu/ext80.ts';
import { X87_FCW, X87_FSW, X87_OPERAND } from '../../fpu/state.ts';
import {
  DONE,
  exponentOf,
  FALL_BACK,
  isNormal,
  isPlain,
  isZero,
  ONE,
  roundsUp,
  signOf,
  valueParam,
  ZERO,
} from './value.ts';

const REFUSED = -1;

export function emitCompare(f: Func): void {
  const [a, b] = [valueParam(f, 0), valueParam(f, 2)];
  f.if(i32.eqz(i32.and(isPlain(a), isPlain(b))), () => f.return(i32.const(REFUSED)));
  f.if(i32.and(isZero(a), isZero(b)), () => f.return(i32.const(C3)));
  const answer = (less: I32): void => f.return(select(less, i32.const(C0), i32.const(0)));
  const negative = f.let(signOf(a));
  f.if(i32.ne(negative, signOf(b)), () => answer(negative));
  const [expA, expB] = [f.let(exponentOf(a)), f.let(exponentOf(b))];
  const below = f.let(i32.or(i32.ltU(expA, expB), i32.and(i32.eq(expA, expB), i64.ltU(a.significand, b.significand))));
  const same = i32.and(i32.eq(expA, expB), i64.eq(a.significand, b.significand));
  f.if(same, () => f.return(i32.const(C3)));
  answer(i32.xor(below, i32.ne(negative, i32.const(0))));
}

/** What the conversion raised. */
function leave(f: Func, area: number, raised: I32, result: I64): void {
  f.store32(i32.const(area + X87_OPERAND), raised);
  f.return(result);
}
const refuse = (f: Func, area: number): void => leave(f, area, i32.const(REFUSED), ZERO);

/** Rounds `kept` by the rest below it; what that raises. */
function roundInPlace(f: Func, kept: Local<'i64'>, rest: I64, sign: I32, control: I32): I32 {
  const raised = f.local('i32');
  f.if(i64.ne(rest, ZERO), () => {
    f.set(raised, i32.const(PE));
    f.if(roundsUp(f, sign, i32.wrap(i64.and(kept, ONE)), rest, control), () => {
      f.set(raised, i32.const(PE | C1));
      f.set(kept, i64.add(kept, ONE));
    });
  });
  return raised;
}

/** Bits of a float's fraction, its exponent's bias, and the exponent of its infinity. */
const FORMATS = {
  4: { fraction: 23, bias: 0x7f, limit: 0xff },
  8: { fraction: 52, bias: 0x3ff, limit: 0x7ff },
} as const;

export function emitToFloat(f: Func, area: number, bytes: 4 | 8): void {
  const { fraction, bias, limit } = FORMATS[bytes];
  const a = valueParam(f, 0);
  const signBit = f.let(i64.shl(i64.extendU(signOf(a)), i64.const(BigInt(bytes * 8 - 16))));
  f.if(isZero(a), () => leave(f, area, i32.const(0), signBit));
  const exponent = f.let(i32.sub(exponentOf(a), i32.const(EXP_BIAS - bias)));
  const inRange = i32.ltU(i32.sub(exponent, i32.const(1)), i32.const(limit - 1));
  f.if(i32.eqz(i32.and(isNormal(a), inRange)), () => refuse(f, area));
  const kept = f.local('i64');
  f.set(kept, i64.shrU(a.significand, i64.const(BigInt(63 - fraction))));
  const rest = f.let(i64.shl(a.significand, i64.const(BigInt(fraction + 1))));
  const control = f.let(i32.load(i32.const(area + X87_FCW)));
  const raised = roundInPlace(f, kept, rest, signOf(a), control);
  // the integer bit adds one to the exponent, and two when rounding carried
  const exponentBits = i64.shl(i64.extendU(i32.sub(exponent, i32.const(1))), i64.const(BigInt(fraction)));
  f.set(kept, i64.add(kept, exponentBits));
  f.if(i64.geU(kept, i64.const(BigInt(limit) << BigInt(fraction))), () => refuse(f, area));
  leave(f, area, raised, i64.or(kept, signBit));
}

/** kept, rest = the magnitude of a number below 2^63, cut off at the point, and what is behind it. */
function split(f: Func, significand: I64, exponent: I32): { kept: Local<'i64'>; rest: Local<'i64'> } {
  const [kept, rest] = [f.local('i64'), f.local('i64')];
  const wide = f.let(i64.extendS(exponent));
  f.if(
    i32.geS(exponent, i32.const(0)),
    () => {
      f.set(kept, i64.shrU(significand, i64.sub(i64.const(63n), wide)));
      f.set(rest, i64.shl(significand, i64.add(wide, ONE)));
    },
    // below one half it only matters that it is not zero
    () => f.set(rest, select(i32.eq(exponent, i32.const(-1)), significand, ONE)),
  );
  return { kept, rest };
}

export function emitToInteger(f: Func, area: number): void {
  const a = valueParam(f, 0);
  const [control, bits] = [f.param(2, 'i32'), f.param(3, 'i32')];
  f.if(isZero(a), () => leave(f, area, i32.const(0), ZERO));
  const exponent = f.let(i32.sub(exponentOf(a), i32.const(EXP_BIAS)));
  f.if(i32.or(i32.eqz(isNormal(a)), i32.gtS(exponent, i32.const(62))), () => refuse(f, area));
  const { kept, rest } = split(f, a.significand, exponent);
  const raised = roundInPlace(f, kept, rest, signOf(a), control);
  const limit = i64.shl(ONE, i64.extendU(i32.sub(bits, i32.const(1))));
  f.if(i64.geU(kept, limit), () => refuse(f, area)); // the most negative one is left out too
  const negative = i32.and(a.signExponent, i32.const(SIGN));
  leave(f, area, raised, select(negative, i64.sub(ZERO, kept), kept));
}

/** (a, address of its register, FSW afterwards) -> 1: fall back. */
export function emitRoundToInteger(f: Func, area: number): void {
  const a = valueParam(f, 0);
  const [address, fsw] = [f.param(2, 'i32'), f.param(3, 'i32')];
  const finish = (raised: I32): void => {
    f.store32(i32.const(area + X87_FSW), i32.or(fsw, raised));
    f.return(DONE);
  };
  f.if(isZero(a), () => finish(i32.const(0)));
  f.if(i32.eqz(isNormal(a)), () => f.return(FALL_BACK));
  const exponent = f.let(i32.sub(exponentOf(a), i32.const(EXP_BIAS)));
  f.if(i32.geS(exponent, i32.const(63)), () => finish(i32.const(0)));
  const { kept, rest } = split(f, a.significand, exponent);
  const control = f.let(i32.load(i32.const(area + X87_FCW)));
  const raised = roundInPlace(f, kept, rest, signOf(a), control);
  const unmasked = i32.and(i32.and(raised, i32.const(PE)), i32.xor(control, i32.const(-1)));
  f.if(unmasked, () => f.return(FALL_BACK));
  const zeros = f.let(i64.clz(kept));
  const biased = i32.sub(i32.const(EXP_BIAS + 63), i32.wrap(zeros));
  f.store64(address, i64.shl(kept, zeros));
  f.store32(address, i32.or(signOf(a), select(i64.eqz(kept), i32.const(0), biased)), 8);
  finish(raised);
}
