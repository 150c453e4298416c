/** Arithmetic and comparison over the registers: the common case of cpu/fpu/operate.ts. */
import { type I32, i32 } from '../../../wasm/index.ts';
import { C0, C1, C2, C3, SIGN } from '../../fpu/ext80.ts';
import type { Emit, Emitter } from '../emit.ts';
import { Registers } from './registers.ts';
import { readSource, type Source } from './source.ts';
import type { Value } from './value.ts';

type Calculation = (e: Emit, a: Value, b: Value, address: I32, fsw: I32) => I32;

const negated = (v: Value): Value => ({ ...v, signExponent: i32.xor(v.signExponent, i32.const(SIGN)) });
const calls =
  (name: 'x87Add' | 'x87Multiply' | 'x87Divide'): Calculation =>
  (e, a, b, address, fsw) =>
    e.x87Routine(name, a.significand, a.signExponent, b.significand, b.signExponent, address, fsw);

const add = calls('x87Add');
const divide = calls('x87Divide');

/** By the reg field of ModRM, a being ST(0), as cpu/fpu/operate.ts has them. */
const CALCULATIONS: Readonly<Record<number, Calculation>> = {
  0: add,
  1: calls('x87Multiply'),
  4: (e, a, b, address, fsw) => add(e, a, negated(b), address, fsw),
  5: (e, a, b, address, fsw) => add(e, b, negated(a), address, fsw),
  6: divide,
  7: (e, a, b, address, fsw) => divide(e, b, a, address, fsw),
};
function calculationOf(reg: number): Calculation {
  const calculation = CALCULATIONS[reg];
  if (!calculation) throw new Error(`/${reg} does not calculate`);
  return calculation;
}

/** op ST(0), memory. */
export function memoryArithmetic(opcode: number, reg: number, source: Source): Emitter {
  const calculate = calculationOf(reg);
  return (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const b = readSource(e, source);
    e.fallBackIf(calculate(e, r.value(r.top), b, r.address(r.top), r.cleared()));
    r.recordPointers(opcode, true);
  };
}

/** op ST(0), ST(i) or, with `toRegister`, op ST(i), ST(0) and perhaps a pop. */
export function registerArithmetic(opcode: number, reg: number, toRegister: boolean, pop: boolean): Emitter {
  const calculate = calculationOf(reg);
  return (e) => {
    const r = new Registers(e);
    const other = r.named();
    r.require(r.top, other);
    const address = r.address(toRegister ? other : r.top);
    const fsw = pop ? r.moved(1) : r.cleared();
    e.fallBackIf(calculate(e, r.value(r.top), r.value(other), address, fsw));
    if (pop) r.setTags(r.popped(1));
    r.recordPointers(opcode, false);
  };
}

const unary =
  (name: 'x87SquareRoot' | 'x87RoundToInteger') =>
  (opcode: number): Emitter =>
  (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const { significand, signExponent } = r.value(r.top);
    e.fallBackIf(e.x87Routine(name, significand, signExponent, r.address(r.top), r.cleared()));
    r.recordPointers(opcode, false);
  };
export const squareRoot = unary('x87SquareRoot');
export const roundToInteger = unary('x87RoundToInteger');

/** C3 and C0 for a : b. */
function compare(e: Emit, a: Value, b: Value): I32 {
  const relation = e.x87Routine('x87Compare', a.significand, a.signExponent, b.significand, b.signExponent);
  e.fallBackIf(i32.ltS(relation, i32.const(0)));
  return relation;
}
function setComparison(r: Registers, relation: I32, pops: number): void {
  const fsw = i32.and(r.moved(pops), i32.const(~(C0 | C1 | C2 | C3)));
  r.setFsw(i32.or(fsw, relation));
  if (pops > 0) r.setTags(r.popped(pops));
}

/** FCOM, FUCOM and, with pops, FCOMP and so on: plain operands make no difference between the two. */
export function registerCompare(opcode: number, pops: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    const other = r.named();
    r.require(r.top, other);
    setComparison(r, compare(e, r.value(r.top), r.value(other)), pops);
    r.recordPointers(opcode, false);
  };
}
export function memoryCompare(opcode: number, pops: number, source: Source): Emitter {
  return (e) => {
    const r = new Registers(e);
    r.require(r.top);
    const b = readSource(e, source);
    setComparison(r, compare(e, r.value(r.top), b), pops);
    r.recordPointers(opcode, true);
  };
}
/** FCOMI and FUCOMI: the answer in ZF and CF; C1 stays. */
export function compareToEflags(opcode: number, pops: number): Emitter {
  return (e) => {
    const r = new Registers(e);
    const other = r.named();
    r.require(r.top, other);
    const relation = compare(e, r.value(r.top), r.value(other));
    if (pops > 0) {
      r.setFsw(i32.or(r.moved(pops), i32.and(r.fsw, i32.const(C1))));
      r.setTags(r.popped(pops));
    }
    r.recordPointers(opcode, false);
    // C3 and C0 stand 8 bits above ZF and CF
    e.flags.setArith(i32.shrU(relation, i32.const(8)));
  };
}
