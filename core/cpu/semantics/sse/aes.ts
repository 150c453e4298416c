/**
 * AES rounds. [FIPS 197]. The state is a vector, column by column, as in memory. Substitution is sixteen lookups by
 * swizzle, of which all but one find nothing: no table in memory, and no time that depends on the data.
 */
import { type Func, type I32, i8x16, i32, i32x4, type V128, v128 } from '../../../wasm/index.ts';
import type { Emitter } from '../emit.ts';
import { packed, packedUnary } from './packed.ts';

// -- substitution --------------------------------------------------------------------------------------------------
/** Twice a polynomial of GF(2^8), modulo x^8 + x^4 + x^3 + x + 1. */
const doubled = (a: number): number => (a << 1) ^ (a < 0x80 ? 0 : 0x11b);

/** [FIPS 197] 5.1.1: the inverse, then an affine transformation. */
function makeSubstitution(): Uint8Array {
  const powers = [1]; // of x + 1, which generates all
  for (let n = 1; n < 255; n++) {
    const last = powers[n - 1] as number;
    powers.push(last ^ doubled(last));
  }
  const box = new Uint8Array(256).fill(0x63);
  powers.forEach((value, n) => {
    const inverse = powers[(255 - n) % 255] as number;
    let sum = 0x63;
    for (let turn = 0; turn < 5; turn++) sum ^= (inverse << turn) | (inverse >> (8 - turn));
    box[value] = sum;
  });
  return box;
}
function inverted(box: Uint8Array): Uint8Array {
  const inverse = new Uint8Array(256);
  box.forEach((to, from) => {
    inverse[to] = from;
  });
  return inverse;
}
const rowsOf = (box: Uint8Array): readonly V128[] =>
  Array.from({ length: 16 }, (_, row) => v128.const(box.subarray(row * 16, row * 16 + 16)));
const BOX = makeSubstitution();
const SUBSTITUTION = rowsOf(BOX);
const INVERSE_SUBSTITUTION = rowsOf(inverted(BOX));

/** Bytes of v by the box. An index of another row is out of range, and gives zero. */
function substitute(f: Func, v: V128, rows: readonly V128[]): V128 {
  const number = f.let(v);
  return rows
    .map((row, n) => i8x16.swizzle(row, i8x16.sub(number, i8x16.const(n * 16))))
    .reduce((found, next) => v128.or(found, next));
}

// -- rows and columns ----------------------------------------------------------------------------------------------
/** Byte indices: row r of the state comes from r columns further, or (-1) back. */
const shiftedRows = (direction: 1 | -1): number[] =>
  Array.from({ length: 16 }, (_, at) => (at + 4 * direction * (at % 4) + 64) % 16);
const SHIFT_ROWS = shiftedRows(1);
const INVERSE_SHIFT_ROWS = shiftedRows(-1);

/** Every column turned by so many bytes. */
function turned(v: V128, by: number): V128 {
  const from = Array.from({ length: 16 }, (_, at) => (at & 12) | ((at + by) & 3));
  return v128.shuffle(from, v, v);
}
function doubledBytes(f: Func, v: V128): V128 {
  const a = f.let(v);
  return v128.xor(i8x16.add(a, a), v128.and(i8x16.shrS(a, i32.const(7)), i8x16.const(0x1b)));
}
/** [FIPS 197] 5.1.3: 2a + 3b + c + d is 2(a + b) + b + (c + d). */
function mixColumns(f: Func, v: V128): V128 {
  const a = f.let(v);
  const b = f.let(turned(a, 1));
  const sums = f.let(v128.xor(a, b));
  return v128.xor(v128.xor(doubledBytes(f, sums), b), turned(sums, 2));
}
/** [FIPS 197] 5.3.3: its matrix is that of mixColumns times one that adds 4(a + c). */
function inverseMixColumns(f: Func, v: V128): V128 {
  const a = f.let(v);
  const fourfold = doubledBytes(f, doubledBytes(f, v128.xor(a, turned(a, 2))));
  return mixColumns(f, v128.xor(a, fourfold));
}

// -- instructions --------------------------------------------------------------------------------------------------
type Mix = (f: Func, v: V128) => V128;
const round = (rowShift: readonly number[], box: readonly V128[], mix: Mix): Emitter =>
  packed((state, key, { f }) => v128.xor(mix(f, substitute(f, v128.shuffle(rowShift, state, state), box)), key));
const unmixed: Mix = (_f, v) => v;
export const emitAesenc = round(SHIFT_ROWS, SUBSTITUTION, mixColumns);
export const emitAesenclast = round(SHIFT_ROWS, SUBSTITUTION, unmixed);
export const emitAesdec = round(INVERSE_SHIFT_ROWS, INVERSE_SUBSTITUTION, inverseMixColumns);
export const emitAesdeclast = round(INVERSE_SHIFT_ROWS, INVERSE_SUBSTITUTION, unmixed);
export const emitAesimc = packedUnary((v, { f }) => inverseMixColumns(f, v));

/** Dwords 1 and 3, each as it is and turned by a byte. */
const KEY_WORDS = [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12];
export const emitAeskeygenassist = packedUnary((v, e) => {
  const words = substitute(e.f, v128.shuffle(KEY_WORDS, v, v), SUBSTITUTION);
  return v128.xor(words, v128.and(i32x4.splat(e.read(2) as I32), i32x4.const(0, -1)));
});
