/**
 * String instructions. Operands are ordinary memory operands: [rSI] in DS or the overriding segment, [rDI] in ES. A
 * repeated one is a loop whose registers are exact after every element, so that a fault or an interrupt leaves at this
 * instruction and resumes it.
 */
import { type I32, i32, i64, select } from '../../wasm/index.ts';
import { FLAG_DF, RAX, RCX, RDI, RSI } from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { type Int, width } from './width.ts';

/** rSI or rDI forward or back by one element. */
function advance(e: Emit, register: number): void {
  const w = width(e.addressSize);
  const step = select(i32.and(e.systemFlags(), i32.const(FLAG_DF)), i32.const(-e.size), i32.const(e.size));
  const delta: Int = w.wide ? i64.extendS(step) : step;
  e.setReg(register, e.addressSize, e.f.let(w.trim(w.add(e.reg(register, e.addressSize), delta))));
}

/**
 * Runs `element` once, or under REP as often as rCX says. `condition` (REPE, REPNE) is looked at after each element.
 */
function repeated(e: Emit, element: () => void, bulk?: () => void, condition?: () => I32): void {
  if (e.repeat === 0) {
    element();
    return;
  }
  const w = width(e.addressSize);
  const done = (): I32 => w.eqz(e.reg(RCX, e.addressSize));
  e.f.block((end) => {
    e.f.brIf(end, done());
    e.f.loop((again) => {
      if (bulk) {
        bulk();
        e.f.brIf(end, done());
      }
      element();
      e.setReg(RCX, e.addressSize, e.f.let(w.trim(w.sub(e.reg(RCX, e.addressSize), w.const(1)))));
      e.f.brIf(end, done());
      if (condition) e.f.brIf(end, i32.eqz(condition()));
      e.repeatFrom(again);
    });
  });
}

export const emitMovs: Emitter = (e) =>
  repeated(
    e,
    () => {
      e.write(0, e.read(1));
      advance(e, RSI);
      advance(e, RDI);
    },
    () => e.bulkString('movs'),
  );

export const emitStos: Emitter = (e) =>
  repeated(
    e,
    () => {
      e.write(0, e.reg(RAX, e.size));
      advance(e, RDI);
    },
    () => e.bulkString('stos'),
  );

export const emitLods: Emitter = (e) =>
  repeated(e, () => {
    e.setReg(RAX, e.size, e.read(0));
    advance(e, RSI);
  });

const whileEqual = (e: Emit) => (): I32 => e.flags.condition(e.repeat === 0xf3 ? 4 : 5);

/** CMPS: operand 0 [rSI] - operand 1 [rDI]. */
export const emitCmps: Emitter = (e) =>
  repeated(
    e,
    () => {
      const a = e.read(0);
      const b = e.read(1);
      e.flags.sub(e.size, a, b, e.f.let(e.w.trim(e.w.sub(a, b))));
      advance(e, RSI);
      advance(e, RDI);
    },
    () => e.bulkString('cmps'),
    whileEqual(e),
  );

/** SCAS: rAX - operand 0 [rDI]. */
export const emitScas: Emitter = (e) =>
  repeated(
    e,
    () => {
      const a = e.reg(RAX, e.size);
      const b = e.read(0);
      e.flags.sub(e.size, a, b, e.f.let(e.w.trim(e.w.sub(a, b))));
      advance(e, RDI);
    },
    () => e.bulkString('scas'),
    whileEqual(e),
  );
