/** Interleaving, shuffles by an immediate, and single words in and out. */
import { type I32, i8x16, i16x8, i32, i64x2, select, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packedBytes } from './mmx.ts';
import { firstSource, packed, packedImmediate, packedUnary } from './packed.ts';

// -- interleaving --------------------------------------------------------------------------------------------------
/** Byte indices that take lanes of `bytes` bytes from a and b by turns, starting at byte `from` of each. */
function interleaved(bytes: number, from: number): number[] {
  return Array.from({ length: 16 }, (_, at) => {
    const lane = Math.floor(at / bytes);
    return from + Math.floor(lane / 2) * bytes + (at % bytes) + (lane % 2) * 16;
  });
}
/** An MMX operand has its upper half at byte 4. */
const unpackHigh = (bytes: number): Emitter =>
  packed((a, b, e) => v128.shuffle(interleaved(bytes, packedBytes(e) / 2), a, b));
const unpackLow = (bytes: number): Emitter => {
  const whole = packed((a, b) => v128.shuffle(interleaved(bytes, 0), a, b));
  return (e) => {
    if (!e.isMmx(0)) return whole(e);
    // a low half in memory is 4 bytes, where XMM has 16
    const b = e.readVector(1, e.isMemory(1) ? 4 : 8);
    e.writeVector(0, v128.shuffle(interleaved(bytes, 0), e.readVector(0, 8), b), 8);
  };
};
/** PUNPCKLBW...; also UNPCKLPS (dq) and UNPCKLPD (qdq). */
export const emitPunpckl = { bw: unpackLow(1), wd: unpackLow(2), dq: unpackLow(4), qdq: unpackLow(8) };
export const emitPunpckh = { bw: unpackHigh(1), wd: unpackHigh(2), dq: unpackHigh(4), qdq: unpackHigh(8) };

// -- shuffles by immediate -----------------------------------------------------------------------------------------
/** Multiplying by these and shifting right by 6 brings field n of the immediate to words 2n and 2n + 1, or word n. */
const DWORD_WEIGHTS = i16x8.const(64, 64, 16, 16, 4, 4, 1, 1);
const WORD_WEIGHTS = i16x8.const(64, 16, 4, 1);
const fields = (imm: I32, weights: V128): V128 => i16x8.shrU(i16x8.mul(i16x8.splat(imm), weights), i32.const(6));

/** Byte indices of four dwords, each chosen by two bits of the immediate. */
function dwordIndices(imm: I32): V128 {
  const chosen = v128.and(fields(imm, DWORD_WEIGHTS), i16x8.const(3));
  return i16x8.add(i16x8.mul(chosen, i16x8.const(0x0404)), i16x8.const(0x0100, 0x0302));
}

/** PSHUFD, VPERMILPS with an immediate. */
export const emitPshufd = packedUnary((a, e) => i8x16.swizzle(a, dwordIndices(e.read(2) as I32)));

/** PSHUFLW, PSHUFHW, PSHUFW: words of one half, the other half as it is. */
const shuffleWords = (mask: V128, base: V128): Emitter =>
  packedUnary((a, e) => {
    const chosen = v128.and(fields(e.read(2) as I32, WORD_WEIGHTS), mask);
    return i8x16.swizzle(a, i16x8.add(i16x8.mul(chosen, i16x8.const(0x0202)), base));
  });
export const emitPshuflw = shuffleWords(
  i16x8.const(3, 3, 3, 3, 0, 0, 0, 0),
  i16x8.const(0x0100, 0x0100, 0x0100, 0x0100, 0x0908, 0x0b0a, 0x0d0c, 0x0f0e),
);
export const emitPshufhw = shuffleWords(
  i16x8.const(0, 0, 0, 0, 3, 3, 3, 3),
  i16x8.const(0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x0908, 0x0908, 0x0908),
);

const HALF_OF_EACH = [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31];
/** SHUFPS: two lanes of the destination, then two of the source. */
export const emitShufps = packedImmediate((a, b, immediate, e) => {
  const indices = e.f.let(dwordIndices(immediate));
  return v128.shuffle(HALF_OF_EACH, i8x16.swizzle(a, indices), i8x16.swizzle(b, indices));
});

/** SHUFPD: one qword of each; every 128 bits have two bits of the immediate. */
export const shuffleQwords = (a: V128, b: V128, immediate: I32): V128 => {
  const chosen = (v: V128, bit: number) =>
    select(i32.and(immediate, i32.const(bit)), v128.extractI64(1, v), v128.extractI64(0, v));
  return v128.replaceI64(1, v128.replaceI64(0, a, chosen(a, 1)), chosen(b, 2));
};
export const emitShufpd = packedImmediate(shuffleQwords, 2);

// -- words ---------------------------------------------------------------------------------------------------------
/** The immediate modulo the number of words. */
const wordNumber = (e: Emit, i: number, bytes: number): I32 => i32.and(e.read(i) as I32, i32.const(bytes / 2 - 1));

export const emitPextrw: Emitter = (e) => {
  const bytes = packedBytes(e, 1);
  const v = e.readVector(1, bytes);
  const index = i16x8.mul(i16x8.splat(wordNumber(e, 2, bytes)), i16x8.const(0x0202));
  e.write(0, v128.extractI16U(0, i8x16.swizzle(v, i16x8.add(index, i16x8.const(0x0100)))));
};

export const emitPinsrw: Emitter = (e) => {
  const bytes = packedBytes(e);
  const first = firstSource(e);
  const word = i16x8.splat(e.read(first + 1) as I32);
  const a = e.readVector(first, bytes);
  const there = i16x8.eq(i16x8.const(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(wordNumber(e, first + 2, bytes)));
  e.writeVector(0, v128.bitselect(word, a, there), bytes);
};

// -- SSE3 ----------------------------------------------------------------------------------------------------------
const duplicate = (indices: readonly number[]): Emitter => packedUnary((a) => v128.shuffle(indices, a, a));
const duplicateQwords = duplicate([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
/** Of 128 bits in memory it reads only the half it needs. */
export const emitMovddup: Emitter = (e) => {
  if (e.vectorLength === 32) duplicateQwords(e);
  else e.writeVector(0, i64x2.splat(v128.extractI64(0, e.readVector(1, 8))), 16);
};
export const emitMovsldup = duplicate([0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]);
export const emitMovshdup = duplicate([4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]);
