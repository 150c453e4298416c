/** BMI1, BMI2 and ADX: bit fields, deposits and extracts, shifts and products that leave the flags alone. */
import { type I32, type I64, i32, i64, type Local } from '../../wasm/index.ts';
import { RDX } from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { multiplyHighUnsigned } from './muldiv.ts';
import type { Int } from './width.ts';

/** The destination, SF and ZF from the result, CF as given, OF clear; AF and PF are undefined. */
function finish(e: Emit, r: Int, cf: I32): void {
  e.write(0, r);
  e.flags.result(e.size, r, cf, i32.const(0));
}

export const emitAndn: Emitter = (e) => {
  const b = e.read(2);
  finish(e, e.f.let(e.w.and(e.w.not(e.read(1)), b)), i32.const(0));
};

/** BLSI, BLSMSK, BLSR: of the lowest set bit. */
const lowestBit =
  (value: (e: Emit, v: Int) => Int, cf: (e: Emit, v: Int) => I32): Emitter =>
  (e) => {
    const v = e.read(1);
    finish(e, e.f.let(value(e, v)), e.f.let(cf(e, v)));
  };
const isZero = (e: Emit, v: Int): I32 => e.w.eqz(v);
export const emitBlsi = lowestBit(
  (e, v) => e.w.and(v, e.w.neg(v)),
  (e, v) => e.w.ne(v, e.w.const(0)),
);
export const emitBlsmsk = lowestBit((e, v) => e.w.xor(v, e.w.sub(v, e.w.const(1))), isZero);
export const emitBlsr = lowestBit((e, v) => e.w.and(v, e.w.sub(v, e.w.const(1))), isZero);

const byteOf = (e: Emit, v: Int, shift: number): I32 =>
  e.f.let(i32.and(i32.shrU(e.w.toI32(v), i32.const(shift)), i32.const(0xff)));

/** The lowest `count` bits of v, all of them when there are no more. */
function lowBits(e: Emit, v: Int, count: I32): Int {
  const { w } = e;
  const low = w.and(v, w.sub(w.shl(w.const(1), w.fromI32(count)), w.const(1)));
  return w.select(i32.ltU(count, i32.const(w.bits)), low, v);
}

/** Second source: start in bits 7:0, length in bits 15:8. */
export const emitBextr: Emitter = (e) => {
  const { w } = e;
  const v = e.read(1);
  const control = e.read(2);
  const start = byteOf(e, control, 0);
  const moved = w.select(i32.ltU(start, i32.const(w.bits)), w.shrU(v, w.fromI32(start)), w.const(0));
  finish(e, e.f.let(lowBits(e, e.f.let(moved), byteOf(e, control, 8))), i32.const(0));
};

export const emitBzhi: Emitter = (e) => {
  const v = e.read(1);
  const count = byteOf(e, e.read(2), 0);
  const r = e.f.let(lowBits(e, v, count));
  finish(e, r, i32.geU(count, i32.const(e.w.bits)));
};

/** RORX, SARX, SHLX, SHRX: counts modulo the width, no flags. */
const shift =
  (by: (e: Emit, v: Int, count: Int) => Int): Emitter =>
  (e) => {
    const v = e.read(1);
    const raw = e.read(2);
    const count = e.operandSize(2) === 1 ? e.w.fromI32(raw as I32) : raw;
    e.write(0, e.f.let(by(e, v, e.f.let(e.w.and(count, e.w.const(e.w.bits - 1))))));
  };
export const emitSarx = shift((e, v, count) => e.w.shrS(v, count));
export const emitShlx = shift((e, v, count) => e.w.shl(v, count));
export const emitShrx = shift((e, v, count) => e.w.shrU(v, count));
export const emitRorx = shift((e, v, count) =>
  e.w.wide ? i64.rotr(v as I64, count as I64) : i32.rotr(v as I32, count as I32),
);

/** Goes through the set bits of the mask from below: `body` with the lowest, and with the bit of that number. */
function forEachBit(e: Emit, mask: Int, body: (bit: Int, ordinal: Int) => void): void {
  const { f, w } = e;
  const left = f.local(w.wide ? 'i64' : 'i32') as Local<'i32' | 'i64'>;
  const ordinal = f.local(w.wide ? 'i64' : 'i32') as Local<'i32' | 'i64'>;
  f.set(left, mask);
  f.set(ordinal, w.const(1));
  f.if(w.ne(left, w.const(0)), () =>
    f.loop((again) => {
      body(f.let(w.and(left, w.neg(left))), ordinal);
      f.set(ordinal, w.shl(ordinal, w.const(1)));
      f.set(left, w.and(left, w.sub(left, w.const(1))));
      f.brIf(again, w.ne(left, w.const(0)));
    }),
  );
}
/** PDEP and PEXT: the low bits of the source to the places of the mask, or the other way round. */
const scatter =
  (from: (bit: Int, ordinal: Int) => Int, to: (bit: Int, ordinal: Int) => Int): Emitter =>
  (e) => {
    const { f, w } = e;
    const mask = e.read(2);
    const source = e.read(1);
    const result = f.local(w.wide ? 'i64' : 'i32') as Local<'i32' | 'i64'>;
    f.set(result, w.const(0));
    forEachBit(e, mask, (bit, ordinal) => {
      const chosen = w.ne(w.and(source, from(bit, ordinal)), w.const(0));
      f.set(result, w.or(result, w.select(chosen, to(bit, ordinal), w.const(0))));
    });
    e.write(0, result);
  };
export const emitPdep = scatter(
  (_bit, ordinal) => ordinal,
  (bit) => bit,
);
export const emitPext = scatter(
  (bit) => bit,
  (_bit, ordinal) => ordinal,
);

/** High half to the first operand, low half to the second; the high one stays where both are the same register. */
export const emitMulx: Emitter = (e) => {
  const b = e.read(2);
  const a = e.reg(RDX, e.size);
  if (e.w.wide) {
    const high = e.f.let(multiplyHighUnsigned(e, a as I64, b as I64));
    e.write(1, i64.mul(a as I64, b as I64));
    e.write(0, high);
    return;
  }
  const product = e.f.let(i64.mul(i64.extendU(a as I32), i64.extendU(b as I32)));
  e.write(1, i32.wrap(product));
  e.write(0, i32.wrap(i64.shrU(product, i64.const(32n))));
};

/** ADCX and ADOX: a carry chain in CF or OF alone. */
const addWithFlag =
  (bit: number): Emitter =>
  (e) => {
    const { f, w } = e;
    const b = e.read(1);
    const a = e.read(0);
    const flags = e.flags.arith();
    const carry = i32.and(i32.shrU(flags, i32.const(bit)), i32.const(1));
    const r = f.let(w.add(w.add(a, b), w.fromI32(carry)));
    const out = w.msb(w.or(w.and(a, b), w.and(w.or(a, b), w.not(r))));
    e.write(0, r);
    e.flags.setArith(i32.or(i32.and(flags, i32.const(~(1 << bit))), i32.shl(out, i32.const(bit))));
  };
export const emitAdcx = addWithFlag(0);
export const emitAdox = addWithFlag(11);
