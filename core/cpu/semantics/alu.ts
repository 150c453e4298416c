/** Two-operand arithmetic and logic, INC, DEC, NEG, NOT. */
import type { Emit, Emitter } from './emit.ts';

export const emitAdd: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const r = e.f.let(e.w.trim(e.w.add(a, b)));
  e.write(0, r);
  e.flags.add(e.size, a, b, r);
};

export const emitAdc: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const r = e.f.let(e.w.trim(e.w.add(e.w.add(a, b), e.w.fromI32(e.flags.cf()))));
  e.write(0, r);
  e.flags.add(e.size, a, b, r);
};

export const emitSub: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const r = e.f.let(e.w.trim(e.w.sub(a, b)));
  e.write(0, r);
  e.flags.sub(e.size, a, b, r);
};

export const emitSbb: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const r = e.f.let(e.w.trim(e.w.sub(e.w.sub(a, b), e.w.fromI32(e.flags.cf()))));
  e.write(0, r);
  e.flags.sub(e.size, a, b, r);
};

export const emitCmp: Emitter = (e) => {
  const a = e.read(0);
  const b = e.read(1);
  e.flags.sub(e.size, a, b, e.f.let(e.w.trim(e.w.sub(a, b))));
};

function logic(op: 'and' | 'or' | 'xor', writes: boolean): Emitter {
  return (e) => {
    const a = writes ? e.readForWrite(0) : e.read(0);
    const b = e.read(1);
    const r = e.f.let(e.w[op](a, b));
    if (writes) e.write(0, r);
    e.flags.logic(e.size, r);
  };
}
export const emitAnd = logic('and', true);
export const emitOr = logic('or', true);
export const emitXor = logic('xor', true);
export const emitTest = logic('and', false);

export const emitInc: Emitter = (e) => {
  const a = e.readForWrite(0);
  const r = e.f.let(e.w.trim(e.w.add(a, e.w.const(1))));
  e.write(0, r);
  e.flags.increment(e.size, r);
};

export const emitDec: Emitter = (e) => {
  const a = e.readForWrite(0);
  const r = e.f.let(e.w.trim(e.w.sub(a, e.w.const(1))));
  e.write(0, r);
  e.flags.decrement(e.size, a, r);
};

export const emitNeg: Emitter = (e) => {
  const a = e.readForWrite(0);
  const zero = e.w.const(0);
  const r = e.f.let(e.w.trim(e.w.sub(zero, a)));
  e.write(0, r);
  e.flags.sub(e.size, zero, a, r);
};

export const emitNot: Emitter = (e) => {
  const a = e.readForWrite(0);
  e.write(0, e.w.trim(e.w.not(a)));
};

export const emitXadd: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const r = e.f.let(e.w.trim(e.w.add(a, b)));
  // The destination is written last among registers, so that XADD of a register with itself gives the sum.
  if (e.isMemory(0)) {
    e.write(0, r);
    e.write(1, a);
  } else {
    e.write(1, a);
    e.write(0, r);
  }
  e.flags.add(e.size, a, b, r);
};

export const emitCmpxchg: Emitter = (e: Emit) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  const accumulator = e.reg(0, e.size);
  const r = e.f.let(e.w.trim(e.w.sub(accumulator, a)));
  const equal = e.f.let(e.w.eq(accumulator, a));
  // Memory is written in either case, with its old value when they differ, as on the real processor.
  if (e.isMemory(0)) {
    e.write(0, e.f.let(e.w.select(equal, b, a)));
    e.f.if(
      equal,
      () => {},
      () => e.setReg(0, e.size, a),
    );
  } else {
    e.f.if(
      equal,
      () => e.write(0, b),
      () => e.setReg(0, e.size, a),
    );
  }
  e.flags.sub(e.size, accumulator, a, r);
};
