/**
 * Lazy arithmetic flags. Two words of state stand for all six, whatever instruction set them:
 *
 *   FLAG_RESULT i64: the result, sign-extended from its size. ZF = (result == 0).
 *   FLAG_AUX i32:    bit 31 CF
 *                    bit 30 carry into the sign bit: OF = bit 31 ^ bit 30
 *                    bits 15..8 parity correction: PF = even parity of (result & 0xff) ^ this
 *                    bit 3  AF
 *                    bit 0  sign correction: SF = (result < 0) ^ this
 *
 * For additions and subtractions bits 31, 30 and 3 are taken from the vector of carries (borrows) out of each bit, so
 * that no flag is computed before somebody asks.
 */
import { type Func, type I32, type I64, i32, i64, select } from '../../wasm/index.ts';
import type { Flags } from '../semantics/emit.ts';
import { type Int, type OpSize, width } from '../semantics/width.ts';
import * as S from '../state.ts';

const AUX_CF_OF = 0xc0000000 | 0;
const AUX_CARRIES = 0xc0000008 | 0;

/** Where the two words are: in memory, or in locals. */
export interface FlagWords {
  result(): I64;
  aux(): I32;
  set(result: I64, aux: I32): void;
  setAux(aux: I32): void;
}

/** The words of the flags in the vCPU's state. */
export const memoryWords = (f: Func, state: number): FlagWords => ({
  result: () => i64.load(i32.const(state + S.FLAG_RESULT)),
  aux: () => i32.load(i32.const(state + S.FLAG_AUX)),
  set: (result, aux) => {
    f.store64(i32.const(state + S.FLAG_RESULT), result);
    f.store32(i32.const(state + S.FLAG_AUX), aux);
  },
  setAux: (aux) => f.store32(i32.const(state + S.FLAG_AUX), aux),
});

export class LazyFlags implements Flags {
  constructor(
    readonly f: Func,
    readonly words: FlagWords,
  ) {}

  #result(): I64 {
    return this.words.result();
  }
  #aux(): I32 {
    return this.words.aux();
  }
  #store(size: OpSize, r: Int, aux: I32): void {
    this.words.set(width(size).signed64(r), aux);
  }

  /** Carries out of every bit, moved so that the sign bit's is bit 31 and bit 3's is bit 3. */
  #normalize(size: OpSize, carries: Int): I32 {
    if (size === 8) {
      const c = this.f.let(carries as I64);
      const high = i32.and(i32.wrap(i64.shrU(c, i64.const(32n))), i32.const(AUX_CF_OF));
      return i32.or(high, i32.and(i32.wrap(c), i32.const(8)));
    }
    if (size === 4) return i32.and(carries as I32, i32.const(AUX_CARRIES));
    const c = this.f.let(carries as I32);
    return i32.or(i32.and(c, i32.const(8)), i32.shl(c, i32.const(32 - size * 8)));
  }

  add(size: OpSize, a: Int, b: Int, r: Int): void {
    const w = width(size);
    this.#store(size, r, this.#normalize(size, w.or(w.and(a, b), w.and(w.or(a, b), w.not(r)))));
  }
  sub(size: OpSize, a: Int, b: Int, r: Int): void {
    const w = width(size);
    const notA = this.f.let(w.not(a));
    this.#store(size, r, this.#normalize(size, w.or(w.and(notA, b), w.and(w.or(notA, b), r))));
  }
  logic(size: OpSize, r: Int): void {
    this.#store(size, r, i32.const(0));
  }
  result(size: OpSize, r: Int, cf: I32, of: I32): void {
    const c = this.f.let(cf);
    this.#store(size, r, i32.or(i32.shl(c, i32.const(31)), i32.shl(i32.xor(c, of), i32.const(30))));
  }
  increment(size: OpSize, r: Int): void {
    this.stepped(size, r, r, this.cf());
  }
  decrement(size: OpSize, a: Int, r: Int): void {
    this.stepped(size, a, r, this.cf());
  }
  /** The greater one of a sum by one tells OF, when it is the most negative value, and AF, when its low nibble is 0. */
  stepped(size: OpSize, greater: Int, r: Int, cf: I32): void {
    const w = width(size);
    this.#withCf(size, r, cf, w.eq(greater, this.#mostNegative(size)), w.eqz(this.#lowNibble(size, greater)));
  }
  #mostNegative(size: OpSize): Int {
    return width(size).const(1n << BigInt(size * 8 - 1));
  }
  #lowNibble(size: OpSize, v: Int): Int {
    const w = width(size);
    return w.and(v, w.const(15));
  }
  #withCf(size: OpSize, r: Int, oldCf: I32, of: I32, af: I32): void {
    const cf = this.f.let(oldCf);
    const carries = i32.or(i32.shl(cf, i32.const(31)), i32.shl(i32.xor(cf, of), i32.const(30)));
    this.#store(size, r, i32.or(carries, i32.shl(af, i32.const(3))));
  }

  setCf(cf: I32): void {
    // flips both carry bits when CF changes, so that OF stays
    const aux = this.f.let(this.#aux());
    const change = i32.xor(i32.shrU(aux, i32.const(31)), cf);
    const flip = i32.and(i32.sub(i32.const(0), change), i32.const(AUX_CF_OF));
    this.words.setAux(i32.xor(aux, flip));
  }

  rotate(cf: I32, of: I32): void {
    const c = this.f.let(cf);
    const carries = i32.or(i32.shl(c, i32.const(31)), i32.shl(i32.xor(c, of), i32.const(30)));
    this.words.setAux(i32.or(i32.and(this.#aux(), i32.const(~AUX_CF_OF)), carries));
  }

  cf(): I32 {
    return i32.shrU(this.#aux(), i32.const(31));
  }
  #of(): I32 {
    return i32.shrU(i32.add(this.#aux(), i32.const(0x40000000)), i32.const(31));
  }
  #zf(): I32 {
    return i64.eqz(this.#result());
  }
  #sf(): I32 {
    const negative = i32.wrap(i64.shrU(this.#result(), i64.const(63n)));
    return i32.and(i32.xor(negative, this.#aux()), i32.const(1));
  }
  #pf(): I32 {
    const byte = i32.and(i32.xor(i32.wrap(this.#result()), i32.shrU(this.#aux(), i32.const(8))), i32.const(0xff));
    return i32.and(i32.xor(i32.popcnt(byte), i32.const(1)), i32.const(1));
  }

  condition(cc: number): I32 {
    const positive = this.#condition(cc >> 1);
    return (cc & 1) !== 0 ? i32.eqz(positive) : positive;
  }
  #condition(pair: number): I32 {
    switch (pair) {
      case 0:
        return this.#of();
      case 1:
        return this.cf();
      case 2:
        return this.#zf();
      case 3:
        return i32.or(this.cf(), this.#zf());
      case 4:
        return this.#sf();
      case 5:
        return this.#pf();
      case 6:
        return i32.xor(this.#sf(), this.#of());
      default:
        return i32.or(this.#zf(), i32.xor(this.#sf(), this.#of()));
    }
  }

  arith(): I32 {
    const at = (flag: I32, bit: number): I32 => i32.shl(flag, i32.const(bit));
    const af = i32.and(i32.shl(this.#aux(), i32.const(1)), i32.const(0x10));
    const low = i32.or(i32.or(this.cf(), at(this.#pf(), 2)), i32.or(af, at(this.#zf(), 6)));
    return this.f.let(i32.or(low, i32.or(at(this.#sf(), 7), at(this.#of(), 11))));
  }

  setArith(image: I32): void {
    const v = this.f.let(image);
    const bit = (n: number): I32 => i32.and(i32.shrU(v, i32.const(n)), i32.const(1));
    const cf = this.f.let(bit(0));
    const zf = this.f.let(bit(6));
    // a result of 0 or 1 gives ZF; both are positive, and of even or odd parity
    const carries = i32.or(i32.shl(cf, i32.const(31)), i32.shl(i32.xor(cf, bit(11)), i32.const(30)));
    const parity = i32.shl(i32.xor(bit(2), zf), i32.const(8));
    const af = i32.shrU(i32.and(v, i32.const(0x10)), i32.const(1));
    const aux = i32.or(i32.or(carries, parity), i32.or(af, bit(7)));
    this.words.set(select(zf, i64.const(0n), i64.const(1n)), aux);
  }
}

/** The same two words read by TypeScript: OF SF ZF AF PF CF of EFLAGS. */
export function arithFromWords(resultLow: number, resultHigh: number, aux: number): number {
  const zf = resultLow === 0 && resultHigh === 0 ? 1 : 0;
  const sf = ((resultHigh >>> 31) ^ aux) & 1;
  let byte = (resultLow ^ (aux >>> 8)) & 0xff;
  byte ^= byte >> 4;
  byte ^= byte >> 2;
  byte ^= byte >> 1;
  const pf = (byte & 1) ^ 1;
  const of = (aux >>> 31) ^ ((aux >>> 30) & 1);
  return (aux >>> 31) | (pf << 2) | ((aux & 8) << 1) | (zf << 6) | (sf << 7) | (of << 11);
}

/** FLAG_RESULT (0 or 1) and FLAG_AUX for an EFLAGS image. */
export function wordsFromArith(image: number): { result: number; aux: number } {
  const cf = image & 1;
  const zf = (image >> 6) & 1;
  const of = (image >> 11) & 1;
  const pf = (image >> 2) & 1;
  const aux = (cf << 31) | ((cf ^ of) << 30) | ((pf ^ zf) << 8) | ((image & 0x10) >> 1) | ((image >> 7) & 1);
  return { result: zf === 1 ? 0 : 1, aux };
}
