/** Near transfers of control, flag instructions. Far ones are system instructions. */
import { type I32, i32, i64 } from '../../wasm/index.ts';
import { FLAG_DF, FLAG_IF, FLAG_IOPL, FLAG_RF, FLAG_VM, GP, RCX } from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { width } from './width.ts';

export const emitJmpRelative: Emitter = (e) => e.jumpRelative(0);
export const emitJmpNear: Emitter = (e) => e.jump(e.f.let(e.w.unsigned64(e.read(0))));

export const emitCallRelative: Emitter = (e) => {
  e.push(e.size, e.w.from64(e.nextIp()));
  e.jumpRelative(0);
};

export const emitCallNear: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.read(0)));
  e.push(e.size, e.w.from64(e.nextIp()));
  e.jump(target);
};

export const emitRet: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.top(e.size)));
  e.popped(e.size);
  e.jump(target);
};

/** RET imm16: the immediate's bytes are released after the return address. */
export const emitRetImmediate: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.top(e.size)));
  e.popped(e.size);
  e.release(i64.extendU(e.read(0) as I32));
  e.jump(target);
};

export function emitJcc(cc: number): Emitter {
  return (e) => e.branch(e.flags.condition(cc), 0);
}

/** rCX at the address size, less one. */
function decrementCount(e: Emit): I32 {
  const w = width(e.addressSize);
  const left = e.f.let(w.trim(w.sub(e.reg(RCX, e.addressSize), w.const(1))));
  e.setReg(RCX, e.addressSize, left);
  return w.ne(left, w.const(0));
}
export const emitLoop: Emitter = (e) => e.branch(decrementCount(e), 0);
export const emitLoope: Emitter = (e) => {
  const more = e.f.let(decrementCount(e));
  e.branch(i32.and(more, e.flags.condition(4)), 0);
};
export const emitLoopne: Emitter = (e) => {
  const more = e.f.let(decrementCount(e));
  e.branch(i32.and(more, e.flags.condition(5)), 0);
};
export const emitJcxz: Emitter = (e) => e.branch(width(e.addressSize).eqz(e.reg(RCX, e.addressSize)), 0);

export const emitClc: Emitter = (e) => e.flags.setCf(i32.const(0));
export const emitStc: Emitter = (e) => e.flags.setCf(i32.const(1));
export const emitCmc: Emitter = (e) => e.flags.setCf(e.f.let(i32.xor(e.flags.cf(), i32.const(1))));
export const emitCld: Emitter = (e) => e.setSystemFlags(i32.and(e.systemFlags(), i32.const(~FLAG_DF)));
export const emitStd: Emitter = (e) => e.setSystemFlags(i32.or(e.systemFlags(), i32.const(FLAG_DF)));

/** CPL <= IOPL (virtual-8086 mode has CPL 3): what CLI and STI ask for. CR4.VME and PVI are not offered. */
function mayChangeIf(e: Emit): I32 {
  const iopl = i32.and(i32.shrU(e.systemFlags(), i32.const(12)), i32.const(3));
  return i32.leU(e.cpl(), iopl);
}

export const emitCli: Emitter = (e) => {
  e.f.if(i32.eqz(mayChangeIf(e)), () => e.raise(GP));
  e.setSystemFlags(i32.and(e.systemFlags(), i32.const(~FLAG_IF)));
};

export const emitSti: Emitter = (e) => {
  e.f.if(i32.eqz(mayChangeIf(e)), () => e.raise(GP));
  const flags = e.systemFlags();
  e.f.if(i32.eqz(i32.and(flags, i32.const(FLAG_IF))), () => {
    e.setSystemFlags(i32.or(flags, i32.const(FLAG_IF)));
    e.interruptShadow();
  });
  e.endBlock();
};

/** PUSHF: RF and VM read as zero. In virtual-8086 mode with IOPL < 3 it is not allowed. */
export const emitPushf: Emitter = (e) => {
  const noIopl3 = i32.ne(i32.and(e.systemFlags(), i32.const(FLAG_IOPL)), i32.const(FLAG_IOPL));
  e.f.if(i32.and(i32.eq(i32.and(e.systemFlags(), i32.const(FLAG_VM)), i32.const(FLAG_VM)), noIopl3), () => e.raise(GP));
  const image = i32.or(i32.and(e.systemFlags(), i32.const(~(FLAG_RF | FLAG_VM))), e.flags.arith());
  e.push(e.size, e.w.from64(i64.extendU(image)));
};
