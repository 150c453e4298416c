/** Data movement. */
import { type I32, type I64, i32, i64 } from '../../wasm/index.ts';
import { RAX, RBP, RDX } from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { type Int, type OpSize, width } from './width.ts';

export const emitNop: Emitter = () => {};

export const emitMov: Emitter = (e) => e.write(0, e.read(1));

/** MOVZX, and MOV of a shorter immediate: the source is already zero-extended. */
export const emitMovzx: Emitter = (e) => {
  const from = width(e.operandSize(1));
  e.write(0, width(e.operandSize(0)).from64(from.unsigned64(e.read(1))));
};

/** MOVSX, MOVSXD */
export const emitMovsx: Emitter = (e) => {
  const from = width(e.operandSize(1));
  e.write(0, width(e.operandSize(0)).from64(from.signed64(e.read(1))));
};

export const emitLea: Emitter = (e) => e.write(0, e.w.from64(e.offset(1)));

export const emitXchg: Emitter = (e) => {
  const a = e.readForWrite(0);
  const b = e.read(1);
  e.write(0, b);
  e.write(1, a);
};

/** A 32-bit CMOV clears the upper half even when the condition is false. */
export function emitCmov(cc: number): Emitter {
  return (e) => {
    const source = e.read(1);
    const old = e.read(0);
    e.write(0, e.f.let(e.w.select(e.flags.condition(cc), source, old)));
  };
}

export function emitSetcc(cc: number): Emitter {
  return (e) => e.write(0, e.flags.condition(cc));
}

/** The bytes of a 4- or 8-byte value in reverse order. */
function swapBytes(e: Emit, v: Int): Int {
  if (e.size === 4) {
    const x = v as I32;
    const low = i32.and(i32.rotl(x, i32.const(8)), i32.const(0x00ff00ff));
    return i32.or(low, i32.and(i32.rotr(x, i32.const(8)), i32.const(0xff00ff00 | 0)));
  }
  const swap = (x: I64, shift: bigint, mask: bigint): I64 =>
    i64.or(
      i64.and(i64.shrU(x, i64.const(shift)), i64.const(mask)),
      i64.shl(i64.and(x, i64.const(mask)), i64.const(shift)),
    );
  const bytes = e.f.let(swap(v as I64, 8n, 0x00ff00ff00ff00ffn));
  const words = e.f.let(swap(bytes, 16n, 0x0000ffff0000ffffn));
  return i64.rotl(words, i64.const(32n));
}

/** BSWAP of a 16-bit register is undefined; processors give zero. */
export const emitBswap: Emitter = (e) => e.write(0, e.size === 2 ? i32.const(0) : e.f.let(swapBytes(e, e.read(0))));

export const emitMovbe: Emitter = (e) => {
  const v = e.read(1);
  const swapped16 = () => e.w.trim(i32.or(i32.shl(v as I32, i32.const(8)), i32.shrU(v as I32, i32.const(8))));
  e.write(0, e.f.let(e.size === 2 ? swapped16() : swapBytes(e, v)));
};

/** CBW, CWDE, CDQE: the accumulator's lower half, sign-extended. */
export const emitCbw: Emitter = (e) => {
  const half = (e.size / 2) as OpSize;
  e.setReg(RAX, e.size, e.w.from64(width(half).signed64(e.reg(RAX, half))));
};

/** CWD, CDQ, CQO */
export const emitCwd: Emitter = (e) => {
  const a = e.w.signed(e.reg(RAX, e.size));
  e.setReg(RDX, e.size, e.w.trim(e.w.shrS(a, e.w.const(e.w.wide ? 63 : 31))));
};

export const emitPush: Emitter = (e) => {
  const from = width(e.operandSize(0));
  const value = e.read(0);
  e.push(e.size, e.w.from64(from.unsigned64(value)));
};

/** PUSH of an immediate: sign-extended to the operand size by the decoder. */
export const emitPushImmediate: Emitter = (e) => e.push(e.size, e.read(0));

export const emitPopRegister: Emitter = (e) => {
  const value = e.top(e.size);
  e.popped(e.size); // before the write: POP RSP leaves what was popped
  e.write(0, value);
};

/** SAHF and LAHF: SF ZF AF PF CF through AH; OF stays. */
export const emitSahf: Emitter = (e) => {
  const ah = i32.and(i32.shrU(e.reg(RAX, 2) as I32, i32.const(8)), i32.const(0xd5));
  const of = i32.and(e.flags.arith(), i32.const(0x800));
  e.flags.setArith(e.f.let(i32.or(ah, of)));
};
export const emitLahf: Emitter = (e) => {
  const image = i32.or(i32.and(e.flags.arith(), i32.const(0xd5)), i32.const(2));
  const al = i32.and(e.reg(RAX, 2) as I32, i32.const(0xff));
  e.setReg(RAX, 2, i32.or(i32.shl(image, i32.const(8)), al));
};

/** LEAVE: the stack pointer takes BP at the stack-address size; BP is popped. */
export const emitLeave: Emitter = (e) => {
  const value = e.leaveTop(e.size);
  e.setReg(RBP, e.size, value);
};

/** XLAT: AL = [DS:rBX + AL]; operand 0 is that byte, displaced by AL. */
export const emitXlat: Emitter = (e) => {
  e.displace(0, i64.extendU(e.reg(RAX, 1) as I32));
  e.setReg(RAX, 1, e.read(0));
};
