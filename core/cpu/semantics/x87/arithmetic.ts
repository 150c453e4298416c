/** Rounding, add, multiply: what cpu/fpu/arithmetic.ts does, for normal numbers and zeros. */
import { type Callable, type Func, type I32, type I64, i32, i64, type Local, select } from '../../../wasm/index.ts';
import { C1, EXP_BIAS, EXP_MASK, PC_DOUBLE, PE, RC, RC_DOWN, SIGN } from '../../fpu/ext80.ts';
import { X87_FCW, X87_FSW } from '../../fpu/state.ts';
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
  TOP_BIT,
  type Value,
  valueParam,
  ZERO,
} from './value.ts';

/** Bit of the FCW's PC that is set where the whole significand is kept. [SDM] volume 1, table 8-2 */
const PC_WHOLE = 0x100;
export const WORD = i64.const(32n);
export const LOW_WORD = i64.const(0xffff_ffffn);

/** The result's register, and the FSW that the instruction leaves but for what the operation raises. */
export interface Destination {
  readonly address: I32;
  readonly fsw: I32;
}
export const destinationParam = (f: Func, n: number): Destination => ({
  address: f.param(n, 'i32'),
  fsw: f.param(n + 1, 'i32'),
});

export function store(f: Func, area: number, to: Destination, signExponent: I32, significand: I64, raised: I32): void {
  f.store64(to.address, significand);
  f.store32(to.address, signExponent, 8);
  f.store32(i32.const(area + X87_FSW), i32.or(to.fsw, raised));
  f.return(DONE);
}

/**
 * (sign, exponent, normalised significand, 64 bits below it whose last is sticky, destination): rounds to the precision in
 * force and stores. An exponent out of range and an unmasked PE fall back.
 */
export function emitRound(f: Func, area: number): void {
  const [sign, exponent] = [f.param(0, 'i32'), f.param(1, 'i32')];
  const [significand, rest] = [f.param(2, 'i64'), f.param(3, 'i64')];
  const control = f.let(i32.load(i32.const(area + X87_FCW)));
  const unit = f.local('i64');
  const raised = f.local('i32');
  f.if(i32.leS(exponent, i32.const(0)), () => f.return(FALL_BACK));
  f.set(unit, ONE);
  f.if(i32.eqz(i32.and(control, i32.const(PC_WHOLE))), () => {
    const dropped = f.let(select(i32.and(control, i32.const(PC_DOUBLE)), i64.const(11n), i64.const(40n)));
    const sticky = i64.extendU(i64.ne(rest, ZERO));
    f.set(rest, i64.or(i64.shl(significand, i64.sub(i64.const(64n), dropped)), sticky));
    f.set(unit, i64.shl(ONE, dropped));
    f.set(significand, i64.and(significand, i64.sub(ZERO, unit)));
  });
  f.if(i64.ne(rest, ZERO), () => {
    f.if(i32.eqz(i32.and(control, i32.const(PE))), () => f.return(FALL_BACK));
    f.set(raised, i32.const(PE));
    f.if(roundsUp(f, sign, i64.ne(i64.and(significand, unit), ZERO), rest, control), () => {
      f.set(raised, i32.const(PE | C1));
      f.set(significand, i64.add(significand, unit));
      f.if(i64.eqz(significand), () => {
        f.set(significand, TOP_BIT);
        f.set(exponent, i32.add(exponent, i32.const(1)));
      });
    });
  });
  f.if(i32.geS(exponent, i32.const(EXP_MASK)), () => f.return(FALL_BACK));
  store(f, area, destinationParam(f, 4), i32.or(sign, exponent), significand, raised);
  f.unreachable();
}

/** The way of operands that are not both normal: `zero` where both are normal or zero. */
export function unlessNormal(f: Func, a: Value, b: Value, zero: () => void): void {
  f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
    f.if(i32.and(isPlain(a), isPlain(b)), zero);
    f.return(FALL_BACK);
  });
}

export function emitAdd(f: Func, area: number, round: Callable): void {
  const [a, b, to] = [valueParam(f, 0), valueParam(f, 2), destinationParam(f, 4)];
  unlessNormal(f, a, b, () => addZero(f, area, round, a, b, to));
  // the larger one, and the smaller one in line with it
  const [large, small] = [f.local('i64'), f.local('i64')];
  const [sign, exponent, distance] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const order = (greater: Value, less: Value): void => {
    f.set(large, greater.significand);
    f.set(small, less.significand);
    f.set(sign, signOf(greater));
    f.set(exponent, exponentOf(greater));
    f.set(distance, i32.sub(exponent, exponentOf(less)));
  };
  const [expA, expB] = [f.let(exponentOf(a)), f.let(exponentOf(b))];
  const sameExp = i32.and(i32.eq(expA, expB), i64.ltU(a.significand, b.significand));
  const below = i32.or(i32.ltS(expA, expB), sameExp);
  f.if(
    below,
    () => order(b, a),
    () => order(a, b),
  );
  const [aligned, rest] = [f.local('i64'), f.local('i64')];
  align(f, small, distance, aligned, rest);
  const unlike = i32.and(i32.xor(a.signExponent, b.signExponent), i32.const(SIGN));
  f.if(
    unlike,
    () => subtractMagnitudes(f, area, { large, aligned, rest, exponent }, to),
    () => addMagnitudes(f, { large, aligned, rest, exponent }),
  );
  f.returnCall(round, sign, exponent, large, rest, to.address, to.fsw);
}

/** aligned, rest = the 64-bit number shifted right by distance; bit 0 of rest is sticky. */
function align(f: Func, value: I64, distance: I32, aligned: Local<'i64'>, rest: Local<'i64'>): void {
  const count = f.let(i64.extendU(distance));
  f.if(
    i32.ltU(distance, i32.const(64)),
    () => {
      f.set(aligned, i64.shrU(value, count));
      f.if(distance, () => f.set(rest, i64.shl(value, i64.sub(ZERO, count))));
    },
    () => {
      f.set(rest, ONE);
      f.if(i32.ltU(distance, i32.const(128)), () => {
        const kept = f.let(i64.shrU(value, count));
        const lost = i64.ne(i64.shl(kept, count), value);
        f.set(rest, i64.or(kept, i64.extendU(lost)));
      });
    },
  );
}

interface Aligned {
  /** The larger significand, and the result. */
  readonly large: Local<'i64'>;
  readonly aligned: Local<'i64'>;
  readonly rest: Local<'i64'>;
  readonly exponent: Local<'i32'>;
}

function addMagnitudes(f: Func, { large, aligned, rest, exponent }: Aligned): void {
  f.set(large, i64.add(large, aligned));
  f.if(i64.ltU(large, aligned), () => {
    const jammed = i64.or(i64.shrU(rest, ONE), i64.and(rest, ONE));
    f.set(rest, i64.or(jammed, i64.shl(large, i64.const(63n))));
    f.set(large, i64.or(i64.shrU(large, ONE), TOP_BIT));
    f.set(exponent, i32.add(exponent, i32.const(1)));
  });
}

function subtractMagnitudes(f: Func, area: number, { large, aligned, rest, exponent }: Aligned, to: Destination): void {
  f.set(large, i64.sub(i64.sub(large, aligned), i64.extendU(i64.ne(rest, ZERO))));
  f.set(rest, i64.sub(ZERO, rest));
  f.if(i64.eqz(large), () => {
    f.if(i64.eqz(rest), () => store(f, area, to, cancelSign(area), ZERO, i32.const(0)));
    f.set(large, rest);
    f.set(rest, ZERO);
    f.set(exponent, i32.sub(exponent, i32.const(64)));
  });
  const zeros = f.let(i64.clz(large));
  f.if(i32.wrap(zeros), () => {
    f.set(large, i64.or(i64.shl(large, zeros), i64.shrU(rest, i64.sub(ZERO, zeros))));
    f.set(rest, i64.shl(rest, zeros));
    f.set(exponent, i32.sub(exponent, i32.wrap(zeros)));
  });
}

/** The sign of an exact zero that two unlike operands left. */
function cancelSign(area: number): I32 {
  const mode = i32.and(i32.load(i32.const(area + X87_FCW)), i32.const(RC));
  return select(i32.eq(mode, i32.const(RC_DOWN)), i32.const(SIGN), i32.const(0));
}

/** One of them is zero, the other is still rounded to the precision in force. */
function addZero(f: Func, area: number, round: Callable, a: Value, b: Value, to: Destination): void {
  const other = (v: Value): void =>
    f.returnCall(round, signOf(v), exponentOf(v), v.significand, ZERO, to.address, to.fsw);
  f.if(i32.eqz(isZero(a)), () => other(a));
  f.if(i32.eqz(isZero(b)), () => other(b));
  const sign = f.let(signOf(a));
  f.if(i32.eq(sign, signOf(b)), () => store(f, area, to, sign, ZERO, i32.const(0)));
  store(f, area, to, cancelSign(area), ZERO, i32.const(0));
}

export const signOfProduct = (a: Value, b: Value): I32 =>
  i32.and(i32.xor(a.signExponent, b.signExponent), i32.const(SIGN));

export function emitMultiply(f: Func, area: number, round: Callable): void {
  const [a, b, to] = [valueParam(f, 0), valueParam(f, 2), destinationParam(f, 4)];
  unlessNormal(f, a, b, () => store(f, area, to, signOfProduct(a, b), ZERO, i32.const(0)));
  const [high, low] = [f.local('i64'), f.local('i64')];
  const exponent = f.local('i32');
  multiplyWide(f, a.significand, b.significand, high, low);
  f.set(exponent, i32.sub(i32.add(exponentOf(a), exponentOf(b)), i32.const(EXP_BIAS - 1)));
  f.if(i64.geS(high, ZERO), () => {
    f.set(high, i64.or(i64.shl(high, ONE), i64.shrU(low, i64.const(63n))));
    f.set(low, i64.shl(low, ONE));
    f.set(exponent, i32.sub(exponent, i32.const(1)));
  });
  f.returnCall(round, signOfProduct(a, b), exponent, high, low, to.address, to.fsw);
}

/** high, low = a * b, all 128 bits, by halves. */
function multiplyWide(f: Func, a: I64, b: I64, high: Local<'i64'>, low: Local<'i64'>): void {
  const [aLow, aHigh] = [f.let(i64.and(a, LOW_WORD)), f.let(i64.shrU(a, WORD))];
  const [bLow, bHigh] = [f.let(i64.and(b, LOW_WORD)), f.let(i64.shrU(b, WORD))];
  const lowLow = f.let(i64.mul(aLow, bLow));
  const middle1 = f.let(i64.add(i64.mul(aHigh, bLow), i64.shrU(lowLow, WORD)));
  const middle2 = f.let(i64.add(i64.mul(aLow, bHigh), i64.and(middle1, LOW_WORD)));
  const carries = i64.add(i64.shrU(middle1, WORD), i64.shrU(middle2, WORD));
  f.set(high, i64.add(i64.mul(aHigh, bHigh), carries));
  f.set(low, i64.or(i64.shl(middle2, WORD), i64.and(lowLow, LOW_WORD)));
}
