/** MUL, IMUL, DIV, IDIV. */
import { type I32, type I64, i32, i64 } from '../../wasm/index.ts';
import { DE, RAX, RDX } from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { type Int, width } from './width.ts';

/** High 64 bits of the unsigned product of two let() values, by 32-bit parts. */
export function multiplyHighUnsigned(e: Emit, a: I64, b: I64): I64 {
  const low = (x: I64) => i64.and(x, i64.const(0xffff_ffffn));
  const high = (x: I64) => i64.shrU(x, i64.const(32n));
  const ll = e.f.let(i64.mul(low(a), low(b)));
  const lh = e.f.let(i64.mul(low(a), high(b)));
  const hl = e.f.let(i64.mul(high(a), low(b)));
  const middle = e.f.let(i64.add(i64.add(high(ll), low(lh)), low(hl)));
  return i64.add(i64.add(i64.mul(high(a), high(b)), high(lh)), i64.add(high(hl), high(middle)));
}

/** The same of the signed product: each negative factor subtracts the other from the high half. */
function multiplyHighSigned(e: Emit, a: I64, b: I64): I64 {
  const unsigned = multiplyHighUnsigned(e, a, b);
  const ifNegative = (sign: I64, other: I64) => i64.and(i64.shrS(sign, i64.const(63n)), other);
  return i64.sub(i64.sub(unsigned, ifNegative(a, b)), ifNegative(b, a));
}

/** CF = OF = overflow; SF, ZF, PF (undefined) from the low half. */
function productFlags(e: Emit, low: Int, overflow: I32): void {
  const o = e.f.let(overflow);
  e.flags.result(e.size, low, o, o);
}

/** One-operand MUL and IMUL: rDX:rAX (AX for bytes) = rAX * operand 0. */
function multiply(signed: boolean): Emitter {
  return (e) => {
    const w = e.w;
    const b = e.read(0);
    const a = e.reg(RAX, e.size);
    if (e.size === 8) {
      const low = e.f.let(i64.mul(a as I64, b as I64));
      const high = e.f.let(
        signed ? multiplyHighSigned(e, a as I64, b as I64) : multiplyHighUnsigned(e, a as I64, b as I64),
      );
      e.setReg(RAX, 8, low);
      e.setReg(RDX, 8, high);
      productFlags(e, low, i64.ne(high, signed ? i64.shrS(low, i64.const(63n)) : i64.const(0n)));
      return;
    }
    const extend = (v: Int) => (signed ? w.signed64(v) : w.unsigned64(v));
    const product = e.f.let(i64.mul(extend(a), extend(b)));
    const low = e.f.let(w.from64(product));
    if (e.size === 1) e.setReg(RAX, 2, width(2).from64(product));
    else {
      e.setReg(RAX, e.size, low);
      e.setReg(RDX, e.size, w.from64(i64.shrU(product, i64.const(BigInt(w.bits)))));
    }
    productFlags(e, low, i64.ne(product, extend(low)));
  };
}
export const emitMul = multiply(false);
export const emitImul1 = multiply(true);

/** IMUL of two and three operands: operand 0 = operand `first` * the one after it. */
function multiplyTruncated(first: 0 | 1): Emitter {
  return (e) => {
    const w = e.w;
    const a = e.read(first);
    const b = e.read(first + 1);
    if (e.size === 8) {
      const low = e.f.let(i64.mul(a as I64, b as I64));
      const high = multiplyHighSigned(e, a as I64, b as I64);
      const overflow = e.f.let(i64.ne(high, i64.shrS(low, i64.const(63n))));
      e.write(0, low);
      productFlags(e, low, overflow);
      return;
    }
    const product = e.f.let(i64.mul(w.signed64(a), w.signed64(b)));
    const low = e.f.let(w.from64(product));
    e.write(0, low);
    productFlags(e, low, i64.ne(product, w.signed64(low)));
  };
}
export const emitImul2 = multiplyTruncated(0);
export const emitImul3 = multiplyTruncated(1);

/** DIV and IDIV of up to 32-bit operands, in 64-bit arithmetic. Flags stay (undefined). */
function divide(signed: boolean): Emitter {
  return (e) => {
    if (e.size === 8) return signed ? divide128Signed(e) : divide128Unsigned(e);
    const w = e.w;
    const divisor = e.f.let(signed ? w.signed64(e.read(0)) : w.unsigned64(e.read(0)));
    const dividend = e.f.let(dividendOf(e, signed));
    e.f.if(i64.eqz(divisor), () => e.raise(DE));
    if (signed && e.size === 4) {
      // the one quotient that WebAssembly itself traps on
      const most = i64.eq(dividend, i64.const(-0x8000_0000_0000_0000n));
      e.f.if(i32.and(most, i64.eq(divisor, i64.const(-1n))), () => e.raise(DE));
    }
    const quotient = e.f.let(signed ? i64.divS(dividend, divisor) : i64.divU(dividend, divisor));
    const low = e.f.let(w.from64(quotient));
    e.f.if(i64.ne(quotient, signed ? w.signed64(low) : w.unsigned64(low)), () => e.raise(DE));
    const rest = e.f.let(w.from64(signed ? i64.remS(dividend, divisor) : i64.remU(dividend, divisor)));
    if (e.size === 1) e.setReg(RAX, 2, i32.or(i32.shl(rest as I32, i32.const(8)), low as I32));
    else {
      e.setReg(RAX, e.size, low);
      e.setReg(RDX, e.size, rest);
    }
  };
}

/** AX, DX:AX or EDX:EAX as an i64. */
function dividendOf(e: Emit, signed: boolean): I64 {
  if (e.size === 1) {
    const ax = width(2);
    return signed ? ax.signed64(e.reg(RAX, 2)) : ax.unsigned64(e.reg(RAX, 2));
  }
  const low = e.w.unsigned64(e.reg(RAX, e.size));
  const high = signed ? e.w.signed64(e.reg(RDX, e.size)) : e.w.unsigned64(e.reg(RDX, e.size));
  return i64.or(i64.shl(high, i64.const(BigInt(e.w.bits))), low);
}

/**
 * 128 by 64 bits. When the high half is zero, one 64-bit division does; otherwise schoolbook division, a bit at a
 * time, of (high:low) with high < divisor, which is what makes the quotient fit.
 */
function divide128Unsigned(e: Emit): void {
  const divisor = e.read(0) as I64;
  const high = e.reg(RDX, 8) as I64;
  const low = e.reg(RAX, 8) as I64;
  e.f.if(i64.geU(high, divisor), () => e.raise(DE)); // also a zero divisor
  const { quotient, rest } = longDivision(e, high, low, divisor);
  e.setReg(RAX, 8, quotient);
  e.setReg(RDX, 8, rest);
}

function longDivision(e: Emit, high: I64, low: I64, divisor: I64): { quotient: I64; rest: I64 } {
  const f = e.f;
  const quotient = f.local('i64');
  const rest = f.local('i64');
  f.if(
    i64.eqz(high),
    () => {
      f.set(quotient, i64.divU(low, divisor));
      f.set(rest, i64.remU(low, divisor));
    },
    () => {
      const count = f.local('i32');
      f.set(rest, high);
      f.set(quotient, low);
      f.set(count, i32.const(64));
      f.loop((again) => {
        const carry = f.let(i64.shrU(rest, i64.const(63n)));
        f.set(rest, i64.or(i64.shl(rest, i64.const(1n)), i64.shrU(quotient, i64.const(63n))));
        f.set(quotient, i64.shl(quotient, i64.const(1n)));
        f.if(i32.or(i32.wrap(carry), i64.geU(rest, divisor)), () => {
          f.set(rest, i64.sub(rest, divisor));
          f.set(quotient, i64.or(quotient, i64.const(1n)));
        });
        f.set(count, i32.sub(count, i32.const(1)));
        f.brIf(again, count);
      });
    },
  );
  return { quotient, rest };
}

/** By magnitudes: the quotient is negative when the signs differ, the rest has the dividend's sign. */
function divide128Signed(e: Emit): void {
  const f = e.f;
  const divisor = e.read(0) as I64;
  const high = e.reg(RDX, 8) as I64;
  const low = e.reg(RAX, 8) as I64;
  const zero = i64.const(0n);
  const negative = f.let(i64.ltS(high, zero));
  const divisorNegative = f.let(i64.ltS(divisor, zero));
  const magnitude = f.local('i64');
  const magnitudeHigh = f.local('i64');
  f.set(magnitude, low);
  f.set(magnitudeHigh, high);
  f.if(negative, () => {
    f.set(magnitude, i64.sub(zero, low));
    // -(high:low) = ~high + 1 when low is zero, else ~high
    f.set(magnitudeHigh, i64.add(i64.xor(high, i64.const(-1n)), i64.extendU(i64.eqz(low))));
  });
  const by = f.local('i64');
  f.set(by, divisor);
  f.if(divisorNegative, () => f.set(by, i64.sub(zero, divisor)));
  f.if(i64.geU(magnitudeHigh, by), () => e.raise(DE));
  const { quotient, rest } = longDivision(e, magnitudeHigh, magnitude, by);
  const differ = f.let(i32.xor(negative, divisorNegative));
  // the quotient's magnitude may reach 2^63 only when it is negative
  const limit = i64.add(i64.const(0x7fff_ffff_ffff_ffffn), i64.extendU(differ));
  f.if(i64.gtU(quotient, limit), () => e.raise(DE));
  const signedBy = (v: I64, minus: I32): I64 => {
    const mask = f.let(i64.sub(zero, i64.extendU(minus)));
    return i64.sub(i64.xor(v, mask), mask);
  };
  e.setReg(RAX, 8, f.let(signedBy(quotient, differ)));
  e.setReg(RDX, 8, f.let(signedBy(rest, negative)));
}

export const emitDiv = divide(false);
export const emitIdiv = divide(true);

/** AAM: AH = AL / imm, AL = AL % imm. */
export const emitAam: Emitter = (e) => {
  const base = e.read(0) as I32;
  const al = e.reg(RAX, 1) as I32;
  e.f.if(i32.eqz(base), () => e.raise(DE));
  const low = e.f.let(i32.remU(al, base));
  e.setReg(RAX, 2, i32.or(i32.shl(i32.divU(al, base), i32.const(8)), low));
  e.flags.logic(1, low);
};

/** AAD: AL = AL + AH * imm, AH = 0. */
export const emitAad: Emitter = (e) => {
  const base = e.read(0) as I32;
  const ax = e.reg(RAX, 2) as I32;
  const sum = i32.add(i32.and(ax, i32.const(0xff)), i32.mul(i32.shrU(ax, i32.const(8)), base));
  const al = e.f.let(i32.and(sum, i32.const(0xff)));
  e.setReg(RAX, 2, al);
  e.flags.logic(1, al);
};
