/** Data transfer, and the control and status words: the common case of cpu/fpu/load-store.ts and control.ts. */
import { type I32, type I64, i32, i64 } from '../../../wasm/index.ts';
import { EXP_BIAS, PE, RC, RC_ZERO, SIGN } from '../../fpu/ext80.ts';
import { FCW_BITS, FCW_ONES, X87_ES, X87_EXCEPTIONS, X87_FCW, X87_OPERAND } from '../../fpu/state.ts';
import { CR0_MP, CR0_TS, RAX } from '../../state.ts';
import type { ConditionCode, Emit, Emitter } from '../emit.ts';
import { Registers } from './registers.ts';
import { readSource, type Source } from './source.ts';
import { TOP_BIT, ZERO } from './value.ts';

const EXTENDED_BYTES = 10;

/** FLD m32, m64 and FILD. */
export function load(opcode: number, source: Source): Emitter {
  return (e) => {
    const r = new Registers(e);
    const number = r.requireRoom();
    const { significand, signExponent } = readSource(e, source);
    r.push(number, significand, signExponent);
    r.recordPointers(opcode, true);
  };
}
/** FLD m80: any pattern is loaded as it is. */
export function loadExtended(opcode: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    const number = r.requireRoom();
    const from = e.hostOrFallBack(0, EXTENDED_BYTES, false);
    r.push(number, i64.load(from), i32.load16U(from, 8));
    r.recordPointers(opcode, true);
  };
}
/** FSTP m80. */
export function storeExtended(opcode: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const to = e.hostOrFallBack(0, EXTENDED_BYTES, true);
    const { significand, signExponent } = r.value(r.top);
    e.f.store64(to, significand);
    e.f.store16(to, signExponent, 8);
    r.setFsw(r.moved(1));
    r.setTags(r.popped(1));
    r.recordPointers(opcode, true);
  };
}
/** FLD ST(i). */
export function loadRegister(opcode: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    const from = r.named();
    r.require(from);
    const number = r.requireRoom();
    r.copy(from, number);
    r.pushed(number);
    r.recordPointers(opcode, false);
  };
}
/** FLD1 and FLDZ. */
export function loadWhole(opcode: number, value: 0 | 1): Emitter {
  return (e) => {
    const r = new Registers(e);
    const number = r.requireRoom();
    r.push(number, value === 0 ? ZERO : TOP_BIT, i32.const(value === 0 ? 0 : EXP_BIAS));
    r.recordPointers(opcode, false);
  };
}

/** Stores what a routine made of ST(0), unless it or an unmasked PE falls back, then pops. */
function storeConverted(opcode: number, pop: boolean, convert: (e: Emit, r: Registers) => I32 | I64): Emitter {
  return (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const value = convert(e, r);
    const raised = e.f.let(i32.load(e.x87(X87_OPERAND)));
    const masked = i32.load(e.x87(X87_FCW));
    const unmasked = i32.and(i32.and(raised, i32.const(PE)), i32.xor(masked, i32.const(-1)));
    e.fallBackIf(i32.or(i32.ltS(raised, i32.const(0)), unmasked));
    e.write(0, value);
    r.setFsw(i32.or(pop ? r.moved(1) : r.cleared(), raised));
    if (pop) r.setTags(r.popped(1));
    r.recordPointers(opcode, true);
  };
}
/** FST and FSTP m32, m64. */
export function storeFloat(opcode: number, bytes: 4 | 8, pop: boolean): Emitter {
  return storeConverted(opcode, pop, (e, r) => {
    const { significand, signExponent } = r.value(r.top);
    const name = bytes === 4 ? 'x87ToFloat32' : 'x87ToFloat64';
    const bits = e.x87Routine(name, significand, signExponent);
    return bytes === 4 ? i32.wrap(bits) : bits;
  });
}
/** FIST, FISTP and, with `truncate`, FISTTP. */
export function storeInteger(opcode: number, bytes: 2 | 4 | 8, pop: boolean, truncate = false): Emitter {
  return storeConverted(opcode, pop, (e, r) => {
    const { significand, signExponent } = r.value(r.top);
    const rounding = truncate ? i32.const(RC_ZERO) : i32.and(i32.load(e.x87(X87_FCW)), i32.const(RC));
    const integer = e.x87Routine('x87ToInteger', significand, signExponent, rounding, i32.const(bytes * 8));
    return bytes === 8 ? integer : i32.wrap(integer);
  });
}

/** FST ST(i) and FSTP ST(i). */
export function storeRegister(opcode: number, pop: boolean): Emitter {
  return (e) => {
    const r = new Registers(e);
    const to = r.named();
    r.require(r.top);
    r.copy(r.top, to);
    const tags = e.f.let(r.with(to));
    r.setTags(pop ? r.without(r.top, tags) : tags);
    r.setFsw(pop ? r.moved(1) : r.cleared());
    r.recordPointers(opcode, false);
  };
}

export function exchange(opcode: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    const other = r.named();
    r.require(r.top, other);
    const [a, b] = [r.value(r.top), r.value(other)];
    r.store(r.top, b.significand, b.signExponent);
    r.store(other, a.significand, a.signExponent);
    r.setFsw(r.cleared());
    r.recordPointers(opcode, false);
  };
}

/** FABS and FCHS. */
export function changeSign(opcode: number, change: 'clear' | 'flip'): Emitter {
  return (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const at = r.address(r.top);
    const was = i32.load16U(at, 8);
    const signExponent = change === 'clear' ? i32.and(was, i32.const(~SIGN)) : i32.xor(was, i32.const(SIGN));
    e.f.store32(at, signExponent, 8);
    r.setFsw(r.cleared());
    r.recordPointers(opcode, false);
  };
}

/** FCMOVcc. C1 stays. */
export function conditionalMove(opcode: number, cc: ConditionCode): Emitter {
  return (e) => {
    const r = new Registers(e);
    const from = r.named();
    r.require(r.top, from);
    e.f.if(e.flags.condition(cc), () => r.copy(from, r.top));
    r.recordPointers(opcode, false);
  };
}

/** FLDCW; an exception that it makes pending is left to the fall-back. */
export const emitFldcw: Emitter = (e) => {
  const r = new Registers(e);
  r.require();
  const word = i32.and(e.read(0) as I32, i32.const(FCW_BITS));
  const control = e.f.let(i32.or(word, i32.const(FCW_ONES)));
  const unmasked = i32.and(r.fsw, i32.xor(control, i32.const(-1)));
  e.fallBackIf(i32.and(unmasked, i32.const(X87_EXCEPTIONS)));
  e.f.store32(e.x87(X87_FCW), control);
};
/** CR0.MP makes it heed TS. [SDM] volume 2, WAIT */
export const emitFwait: Emitter = (e) => {
  const switched = CR0_MP | CR0_TS;
  const r = new Registers(e);
  const trap = i32.eq(i32.and(e.cr0(), i32.const(switched)), i32.const(switched));
  e.fallBackIf(i32.or(trap, i32.and(r.fsw, i32.const(X87_ES))));
};
export const emitFnstcw: Emitter = (e) => e.write(0, i32.load(e.x87(X87_FCW)));
export const emitFnstsw: Emitter = (e) => e.write(0, new Registers(e).fsw);
export const emitFnstswAx: Emitter = (e) => e.setReg(RAX, 2, new Registers(e).fsw);
