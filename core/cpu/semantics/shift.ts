/**
 * Shifts and rotates. The count is masked to 5 bits (6 for 64-bit operands); a masked count of zero changes neither
 * operand nor flags, but a 32-bit register is written all the same, which clears its upper half. OF is defined for a
 * count of one; for others it is what processors give: computed from the result by the same rule.
 */
import { type I32, i32, select } from '../../wasm/index.ts';
import type { Emit, Emitter } from './emit.ts';
import type { Int } from './width.ts';

/** Runs `body` with the masked count when it is not zero. A memory operand is read for writing in any case. */
function counted(e: Emit, countOperand: number, body: (a: Int, count: I32) => void): void {
  const a = e.readForWrite(0);
  const count = e.f.let(i32.and(e.read(countOperand) as I32, i32.const(e.size === 8 ? 63 : 31)));
  e.f.if(
    count,
    () => body(a, count),
    () => unchanged(e, a),
  );
}
function unchanged(e: Emit, a: Int): void {
  if (e.size === 4 && e.isRegister(0)) e.write(0, a);
}

const bit = (e: Emit, v: Int, index: I32): I32 => i32.and(e.w.toI32(e.w.shrU(v, e.w.fromI32(index))), i32.const(1));

export const emitShl: Emitter = (e) =>
  counted(e, 1, (a, count) => {
    const r = e.f.let(e.w.trim(shl(e, a, count)));
    // The last bit shifted out; counts beyond the size shift out zeros.
    const out = i32.sub(i32.const(e.w.bits), count);
    const cf = e.f.let(
      e.w.bits < 32 ? select(i32.ltS(out, i32.const(0)), i32.const(0), bit(e, a, out)) : bit(e, a, out),
    );
    e.write(0, r);
    e.flags.result(e.size, r, cf, i32.xor(e.w.msb(r), cf));
  });

/** Shift left of a trimmed value by 1..31 (1..63); sizes below 4 may lose bits beyond 31, which are zero anyway. */
function shl(e: Emit, a: Int, count: I32): Int {
  return e.w.shl(a, e.w.fromI32(count));
}

export const emitShr: Emitter = (e) =>
  counted(e, 1, (a, count) => {
    const r = e.f.let(e.w.shrU(a, e.w.fromI32(count)));
    const cf = e.f.let(bit(e, a, i32.sub(count, i32.const(1))));
    e.write(0, r);
    // msb of the original for a count of one; for others processors give msb(r) ^ msb-1(r) = the bit shifted down
    e.flags.result(e.size, r, cf, i32.xor(e.w.msb(r), nextToMsb(e, r)));
  });

const nextToMsb = (e: Emit, v: Int): I32 => bit(e, v, i32.const(e.w.bits - 2));

export const emitSar: Emitter = (e) =>
  counted(e, 1, (a, count) => {
    const s = e.f.let(e.w.signed(a));
    const r = e.f.let(e.w.trim(e.w.shrS(s, e.w.fromI32(count))));
    const cf = e.f.let(bit(e, s, i32.sub(count, i32.const(1))));
    e.write(0, r);
    e.flags.result(e.size, r, cf, i32.const(0));
  });

export const emitRol: Emitter = (e) =>
  counted(e, 1, (a, count) => {
    const r = e.f.let(rotateLeft(e, a, count));
    const cf = e.f.let(bit(e, r, i32.const(0)));
    e.write(0, r);
    e.flags.rotate(cf, i32.xor(e.w.msb(r), cf));
  });

export const emitRor: Emitter = (e) =>
  counted(e, 1, (a, count) => {
    const right = i32.and(i32.sub(i32.const(e.w.bits), count), i32.const(e.w.bits - 1));
    const r = e.f.let(rotateLeft(e, a, e.f.let(right)));
    e.write(0, r);
    e.flags.rotate(e.f.let(e.w.msb(r)), i32.xor(e.w.msb(r), nextToMsb(e, r)));
  });

/** a rotated left by count modulo its size. */
function rotateLeft(e: Emit, a: Int, count: I32): Int {
  if (e.size === 8) return rotl64(e, a, count);
  if (e.size === 4) return i32.rotl(a as I32, count);
  const n = e.f.let(i32.and(count, i32.const(e.w.bits - 1)));
  const left = i32.shl(a as I32, n);
  return e.w.trim(i32.or(left, i32.shrU(a as I32, i32.sub(i32.const(e.w.bits), n))));
}

function rotl64(e: Emit, a: Int, count: I32): Int {
  const n = e.f.let(e.w.fromI32(count));
  const opposite = e.w.and(e.w.sub(e.w.const(64), n), e.w.const(63));
  return e.w.or(e.w.shl(a, n), e.w.shrU(a, opposite));
}

/** RCL and RCR: a rotate of size + 1 bits through CF. */
export const emitRcl: Emitter = (e) => throughCarry(e, (n) => n, 'left');
export const emitRcr: Emitter = (e) => throughCarry(e, (n) => i32.sub(i32.const(e.w.bits + 1), n), 'right');

/**
 * With n = count modulo (size + 1), a rotate left by n is: (a << n) | (CF << n-1) | (a >> size + 1 - n); RCR by n is
 * RCL by size + 1 - n. Shifts by the whole size give zero, which WebAssembly's masked counts do not: those are split.
 */
function throughCarry(e: Emit, toLeft: (n: I32) => I32, direction: 'left' | 'right'): void {
  const a = e.readForWrite(0);
  const masked = i32.and(e.read(1) as I32, i32.const(e.size === 8 ? 63 : 31));
  const n = e.f.let(e.size <= 2 ? i32.remU(masked, i32.const(e.w.bits + 1)) : masked);
  const rotate = (): void => {
    const left = e.f.let(toLeft(n)); // 1..size
    const oldCf = e.f.let(e.flags.cf());
    const w = e.w;
    const upper = w.shl(w.shl(a, w.fromI32(i32.sub(left, i32.const(1)))), w.const(1));
    const carry = w.shl(w.fromI32(oldCf), w.fromI32(i32.sub(left, i32.const(1))));
    const lower = w.shrU(w.shrU(a, w.fromI32(i32.sub(i32.const(w.bits), left))), w.const(1));
    const r = e.f.let(w.trim(w.or(w.or(upper, carry), lower)));
    const cf = e.f.let(bit(e, a, i32.sub(i32.const(w.bits), left)));
    e.write(0, r);
    e.flags.rotate(cf, direction === 'left' ? i32.xor(w.msb(r), cf) : i32.xor(w.msb(r), nextToMsb(e, r)));
  };
  e.f.if(n, rotate, () => unchanged(e, a));
}

/** SHLD and SHRD: operand 0 filled from operand 1, count in operand 2. 16-bit counts above 16 are undefined. */
export const emitShld: Emitter = (e) => {
  const b = e.read(1);
  counted(e, 2, (a, count) => {
    const w = e.w;
    const n = w.fromI32(count);
    let r: Int;
    let cf: I32;
    if (e.size === 2) {
      // a:b:a as processors do for counts above 16
      const pair = e.f.let(i32.or(i32.shl(a as I32, i32.const(16)), b as I32));
      const more = i32.gtU(count, i32.const(16));
      const beyond = i32.shrU(i32.shl(pair, count), i32.const(16));
      const refill = i32.shrU(a as I32, i32.sub(i32.const(32), count));
      r = e.f.let(w.trim(i32.or(beyond, select(more, refill, i32.const(0)))));
      cf = e.f.let(i32.and(i32.shrU(pair, i32.sub(i32.const(32), count)), i32.const(1)));
    } else {
      const fill = w.shrU(b, w.fromI32(i32.sub(i32.const(w.bits), count)));
      r = e.f.let(w.or(w.shl(a, n), fill));
      cf = e.f.let(bit(e, a, i32.sub(i32.const(w.bits), count)));
    }
    e.write(0, r);
    e.flags.result(e.size, r, cf, i32.xor(w.msb(r), w.msb(a)));
  });
};

export const emitShrd: Emitter = (e) => {
  const b = e.read(1);
  counted(e, 2, (a, count) => {
    const w = e.w;
    let r: Int;
    let cf: I32;
    if (e.size === 2) {
      const pair = e.f.let(i32.or(i32.shl(b as I32, i32.const(16)), a as I32));
      const more = i32.gtU(count, i32.const(16));
      const refill = i32.shl(a as I32, i32.sub(i32.const(32), count));
      r = e.f.let(w.trim(i32.or(i32.shrU(pair, count), select(more, refill, i32.const(0)))));
      cf = e.f.let(i32.and(i32.shrU(pair, i32.sub(count, i32.const(1))), i32.const(1)));
    } else {
      const fill = w.shl(b, w.fromI32(i32.sub(i32.const(w.bits), count)));
      r = e.f.let(w.or(w.shrU(a, w.fromI32(count)), fill));
      cf = e.f.let(bit(e, a, i32.sub(count, i32.const(1))));
    }
    e.write(0, r);
    e.flags.result(e.size, r, cf, i32.xor(w.msb(r), w.msb(a)));
  });
};
