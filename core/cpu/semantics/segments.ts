/**
 * Segment registers as systems of 32 bits load them at every entry and exit of the kernel, and POPF. What loadSegment
 * (interp/segment-loads.ts) does not take is left to system/ before anything has changed.
 */
import { hasBits, type I32, i32, i64 } from '../../wasm/index.ts';
import * as S from '../state.ts';
import type { Emit, Emitter } from './emit.ts';

const not = i32.eqz;

/** MOV from a segment register; into memory it is 16 bits whatever the operand size. */
export const emitMovFromSegment: Emitter = (e) => {
  if (e.isMemory(0)) e.fallBackIf(i32.const(1));
  else e.write(0, e.w.from64(i64.extendU(e.selector(e.read(1) as I32))));
};

/** PUSH of segment register n, zero-extended. */
export const pushSegment =
  (n: number): Emitter =>
  (e) => {
    e.fallBackIf(i32.const(e.size === 2 ? 1 : 0));
    e.push(e.size, e.w.from64(i64.extendU(e.selector(i32.const(n)))));
  };

/** The value of an operand, of which there may be only one read. */
const low = (e: Emit, value: ReturnType<Emit['top']>): I32 => e.f.let(i32.wrap(e.w.unsigned64(value)));

/** POP of segment register n. */
export const popSegment =
  (n: number): Emitter =>
  (e) => {
    e.fallBackIf(e.systemRoutine('loadSegment', i32.const(n), low(e, e.top(e.size))));
    e.popped(e.size);
    e.endBlock();
  };

export const emitMovToSegment: Emitter = (e) => {
  const number = e.read(0) as I32;
  const selector = e.isMemory(1) ? i32.load16U(e.hostOrFallBack(1, 2, false)) : (e.read(1) as I32);
  e.fallBackIf(e.systemRoutine('loadSegment', number, selector));
  e.endBlock();
};

/** POPF, where nothing follows it but the next instruction: no trap, interrupt or alignment check. */
export const emitPopf: Emitter = (e) => {
  const { f } = e;
  const flags = f.let(e.systemFlags());
  e.fallBackIf(hasBits(flags, S.FLAG_VM | S.FLAG_TF | S.FLAG_RF));
  const image = low(e, e.top(e.size));
  const wide = e.size === 2 ? 0 : S.FLAG_ID | S.FLAG_AC;
  const changed = f.let(i32.xor(flags, image));
  const iopl = i32.and(i32.shrU(flags, i32.const(12)), i32.const(3));
  const supervisor = i32.mul(not(e.cpl()), i32.const(S.FLAG_IOPL));
  const mayMask = i32.mul(i32.leU(e.cpl(), iopl), i32.const(S.FLAG_IF));
  const mask = f.let(i32.or(i32.or(supervisor, mayMask), i32.const(S.FLAG_DF | S.FLAG_NT | (wide & S.FLAG_ID))));
  const opens = i32.and(hasBits(image, S.FLAG_IF), i32.ne(i32.load(e.field(S.WINDOW)), i32.const(0)));
  const checks = hasBits(changed, wide & S.FLAG_AC);
  e.fallBackIf(i32.or(i32.or(hasBits(image, S.FLAG_TF), checks), opens));
  e.popped(e.size);
  e.setSystemFlags(i32.xor(flags, i32.and(changed, mask)));
  e.flags.setArith(image);
  e.endBlock();
};
