/** Bit tests, scans and counts. */
import { type I32, i32, i64 } from '../../wasm/index.ts';
import type { Emit, Emitter } from './emit.ts';
import type { Int } from './width.ts';

/**
 * BT, BTS, BTR, BTC. With a memory operand and the bit offset in a register, the offset is a signed bit number from the
 * operand's address: whole operands of it move the address. An immediate offset is taken modulo the size.
 */
function bitTest(change: ((e: Emit, v: Int, mask: Int) => Int) | undefined): Emitter {
  return (e) => {
    const w = e.w;
    const offset = e.isRegister(1) ? e.read(1) : w.fromI32(e.read(1) as I32);
    if (e.isMemory(0) && e.isRegister(1)) {
      const log = w.bits === 64 ? 6n : w.bits === 32 ? 5n : 4n;
      const elements = i64.shrS(w.signed64(offset), i64.const(log));
      e.displace(0, i64.mul(elements, i64.const(BigInt(e.size))));
    }
    const index = w.and(offset, w.const(w.bits - 1));
    const at = e.f.let(index);
    const v = change ? e.readForWrite(0) : e.read(0);
    const bit = e.f.let(i32.and(w.toI32(w.shrU(v, at)), i32.const(1)));
    if (change) e.write(0, e.f.let(change(e, v, w.shl(w.const(1), at))));
    e.flags.setCf(bit);
  };
}
export const emitBt = bitTest(undefined);
export const emitBts = bitTest((e, v, mask) => e.w.or(v, mask));
export const emitBtr = bitTest((e, v, mask) => e.w.and(v, e.w.not(mask)));
export const emitBtc = bitTest((e, v, mask) => e.w.xor(v, mask));

/**
 * BSF and BSR: ZF says the source was zero, and then the destination keeps its value (documented by AMD, true of
 * Intel's). The other flags, undefined, follow the source.
 */
function scan(index: (e: Emit, v: Int) => Int): Emitter {
  return (e) => {
    const v = e.read(1);
    e.f.if(e.f.let(e.w.ne(v, e.w.const(0))), () => e.write(0, e.f.let(index(e, v))));
    e.flags.logic(e.size, v);
  };
}
export const emitBsf = scan((e, v) => e.w.ctz(v));
export const emitBsr = scan((e, v) => e.w.sub(e.w.const(e.w.wide ? 63 : 31), e.w.clz(v)));

/** TZCNT and LZCNT: CF says the source was zero, ZF that the result is. */
function count(value: (e: Emit, v: Int) => Int): Emitter {
  return (e) => {
    const v = e.read(1);
    const r = e.f.let(value(e, v));
    e.write(0, r);
    e.flags.result(e.size, r, e.w.eqz(v), i32.const(0));
  };
}
export const emitTzcnt = count((e, v) => (e.size === 2 ? i32.ctz(i32.or(v as I32, i32.const(0x10000))) : e.w.ctz(v)));
export const emitLzcnt = count((e, v) => (e.size === 2 ? i32.sub(i32.clz(v as I32), i32.const(16)) : e.w.clz(v)));

export const emitPopcnt: Emitter = (e) => {
  const v = e.read(1);
  const r = e.f.let(e.w.popcnt(v));
  e.write(0, r);
  // ZF by the source; the others clear
  e.flags.setArith(e.f.let(i32.shl(e.w.eqz(v), i32.const(6))));
};
