/** Divide and square root: what cpu/fpu/arithmetic.ts does, for normal numbers and zeros. */
import { type Callable, type Func, f64, type I64, i32, i64, type Local, select } from '../../../wasm/index.ts';
import { EXP_BIAS } from '../../fpu/ext80.ts';
import { destinationParam, LOW_WORD, signOfProduct, store, unlessNormal, WORD } from './arithmetic.ts';
import { exponentOf, FALL_BACK, isNormal, isZero, ONE, signOf, TOP_BIT, valueParam, ZERO } from './value.ts';

/** A rest of more than one half. */
const ABOVE_HALF = i64.const(-0x7fff_ffff_ffff_ffffn);

export function emitDivide(f: Func, area: number, round: Callable): void {
  const [a, b, to] = [valueParam(f, 0), valueParam(f, 2), destinationParam(f, 4)];
  unlessNormal(f, a, b, () => {
    f.if(isZero(b), () => f.return(FALL_BACK));
    store(f, area, to, signOfProduct(a, b), ZERO, i32.const(0));
  });
  const [high, low, exponent] = [f.local('i64'), f.local('i64'), f.local('i32')];
  f.set(high, a.significand);
  f.set(exponent, i32.sub(exponentOf(a), i32.sub(exponentOf(b), i32.const(EXP_BIAS))));
  // a quotient of 1 or more is halved: then all its 64 digits are below the point
  f.if(
    i64.geU(high, b.significand),
    () => {
      f.set(low, i64.shl(high, i64.const(63n)));
      f.set(high, i64.shrU(high, ONE));
    },
    () => f.set(exponent, i32.sub(exponent, i32.const(1))),
  );
  const divisor = f.let(b.significand);
  const first = divideStep(f, high, i64.shrU(low, WORD), divisor);
  const second = divideStep(f, high, ZERO, divisor);
  const rest = f.local('i64');
  f.set(rest, restOf(f, high, divisor));
  const quotient = i64.or(i64.shl(first, WORD), second);
  f.returnCall(round, signOfProduct(a, b), exponent, quotient, rest, to.address, to.fsw);
}

/**
 * The next 32-bit digit of remainder : divisor, and the remainder behind it. The divisor is normalised: a digit guessed
 * from its upper half is too great by two at most.
 */
function divideStep(f: Func, remainder: Local<'i64'>, next: I64, divisor: I64): I64 {
  const [digit, left] = [f.local('i64'), f.local('i64')];
  const [divisorHigh, divisorLow] = [f.let(i64.shrU(divisor, WORD)), f.let(i64.and(divisor, LOW_WORD))];
  const below = f.let(next);
  f.set(digit, i64.divU(remainder, divisorHigh));
  f.set(left, i64.sub(remainder, i64.mul(digit, divisorHigh)));
  f.block((done) => {
    f.loop((again) => {
      const small = i64.leU(i64.mul(digit, divisorLow), i64.or(i64.shl(left, WORD), below));
      f.brIf(done, i32.and(small, i64.leU(digit, LOW_WORD)));
      f.set(digit, i64.sub(digit, ONE));
      f.set(left, i64.add(left, divisorHigh));
      f.brIf(again, i64.leU(left, LOW_WORD));
    });
  });
  f.set(remainder, i64.sub(i64.or(i64.shl(remainder, WORD), below), i64.mul(digit, divisor)));
  return digit;
}

/** What a remainder below its divisor is as the rest below a quotient: under, at or over one half. */
function restOf(f: Func, remainder: I64, divisor: I64): I64 {
  const twice = f.let(i64.shl(remainder, ONE));
  const over = i32.or(i64.ltS(remainder, ZERO), i64.gtU(twice, divisor));
  const whole = select(over, ABOVE_HALF, ONE);
  const half = f.let(i32.and(i64.geS(remainder, ZERO), i64.eq(twice, divisor)));
  return select(half, TOP_BIT, select(i64.eqz(remainder), ZERO, whole));
}

/** The root of the upper half by a double's, then as by hand: a digit of 32 bits is the remainder over twice the root. */
export function emitSquareRoot(f: Func, area: number, round: Callable): void {
  const a = valueParam(f, 0);
  const to = destinationParam(f, 2);
  f.if(isZero(a), () => store(f, area, to, signOf(a), ZERO, i32.const(0)));
  f.if(i32.or(i32.eqz(isNormal(a)), signOf(a)), () => f.return(FALL_BACK));
  const exponent = f.let(i32.sub(exponentOf(a), i32.const(EXP_BIAS)));
  // as 2.62 bits, in [1, 4); an even exponent leaves the lowest bit to the next word
  const odd = f.let(i32.and(exponent, i32.const(1)));
  const operand = f.let(select(odd, a.significand, i64.shrU(a.significand, ONE)));
  const lowest = f.let(i64.and(a.significand, i64.extendU(i32.eqz(odd))));
  const root = upperRoot(f, operand);
  const left = f.let(i64.sub(operand, i64.mul(root, root)));
  // (left, lowest, 63 zeros) / 2: the digit, and what remains of the 32 bits that it is made of
  const [digit, rest] = [f.local('i64'), f.local('i64')];
  const dividend = f.let(i64.or(i64.shl(left, i64.const(31n)), i64.shl(lowest, i64.const(30n))));
  f.set(digit, i64.divU(dividend, root));
  f.if(i64.gtU(digit, LOW_WORD), () => f.set(digit, LOW_WORD));
  f.set(rest, i64.shl(i64.sub(dividend, i64.mul(digit, root)), ONE));
  // (over, remainder) = rest * 2^32 - digit^2
  const [whole, over, remainder] = [f.local('i64'), f.local('i64'), f.local('i64')];
  f.set(whole, i64.or(i64.shl(root, WORD), digit));
  const square = f.let(i64.mul(digit, digit));
  const low = f.let(i64.shl(rest, WORD));
  f.set(over, i64.sub(i64.shrU(rest, WORD), i64.extendU(i64.ltU(low, square))));
  f.set(remainder, i64.sub(low, square));
  f.if(i64.ltS(over, ZERO), () => {
    // one too many: 2 * root + 1 comes back
    f.set(whole, i64.sub(whole, ONE));
    const back = f.let(i64.or(i64.shl(whole, ONE), ONE));
    f.set(remainder, i64.add(remainder, back));
    const carry = i64.extendU(i64.ltU(remainder, back));
    f.set(over, i64.add(i64.add(over, i64.shrU(whole, i64.const(63n))), carry));
  });
  // exactly half is impossible; above half is a remainder above the root
  const above = i32.or(i64.ne(over, ZERO), i64.gtU(remainder, whole));
  const inexact = select(above, ABOVE_HALF, ONE);
  const sticky = f.let(select(i64.eqz(i64.or(over, remainder)), ZERO, inexact));
  const halved = i32.add(i32.shrS(exponent, i32.const(1)), i32.const(EXP_BIAS));
  f.returnCall(round, i32.const(0), halved, whole, sticky, to.address, to.fsw);
}

/** The root of a 64-bit number, 2^62 or more, rounded down. */
function upperRoot(f: Func, operand: I64): Local<'i64'> {
  const root = f.local('i64');
  f.set(root, i64.truncSatF64S(f64.sqrt(f64.convertI64U(operand))));
  f.if(i64.gtU(root, LOW_WORD), () => f.set(root, LOW_WORD));
  // a double's is off by one at most
  f.if(i64.gtU(i64.mul(root, root), operand), () => f.set(root, i64.sub(root, ONE)));
  const next = i64.gtU(i64.sub(operand, i64.mul(root, root)), i64.shl(root, ONE));
  f.if(next, () => f.set(root, i64.add(root, ONE)));
  return root;
}
