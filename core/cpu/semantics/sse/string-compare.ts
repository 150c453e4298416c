/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: two strings of bytes or words, each in a vector, compared in one of four
 * ways. [SDM] volume 1, 12.2.15 and volume 2, 4.1 (imm8 control byte).
 *
 * Results of all elements are bits of an i32, bit n for element n of the second string.
 */
import { type I32, i8x16, i16x8, i32, i64x2, select, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { laneMask } from './lane-mask.ts';

// imm8
const WORDS = 1;
const SIGNED = 2;
const AGGREGATION = 0x0c;
const EQUAL_ANY = 0;
const RANGES = 4;
const EQUAL_EACH = 8;
const NEGATIVE = 0x10;
const MASKED = 0x20;
/** The last index instead of the first; a mask of elements instead of bits. */
const LAST_OR_ELEMENTS = 0x40;

const RCX = 1;

/** Bytes or words: how many, and what tells them apart. */
interface Elements {
  readonly count: 16 | 8;
  readonly eq: (a: V128, b: V128) => V128;
  readonly gtS: (a: V128, b: V128) => V128;
  readonly bitmask: (v: V128) => I32;
  /** Every element is element n of v. */
  readonly broadcast: (v: V128, n: I32) => V128;
  /** What turns the order of unsigned elements into that of signed ones. */
  readonly bias: V128;
  readonly mask: (bits: I32) => V128;
}
const BYTES: Elements = {
  count: 16,
  eq: i8x16.eq,
  gtS: i8x16.gtS,
  bitmask: i8x16.bitmask,
  broadcast: (v, n) => i8x16.swizzle(v, i8x16.splat(n)),
  bias: i8x16.const(0x80),
  mask: laneMask.b,
};
const WORD_ELEMENTS: Elements = {
  count: 8,
  eq: i16x8.eq,
  gtS: i16x8.gtS,
  bitmask: i16x8.bitmask,
  broadcast: (v, n) => i8x16.swizzle(v, i16x8.splat(i32.add(i32.mul(n, i32.const(0x0202)), i32.const(0x0100)))),
  bias: i16x8.const(0x8000),
  mask: laneMask.w,
};

/** How long each string is, at most `count`. */
type Lengths = (e: Emit, t: Elements, a: V128, b: V128) => readonly [I32, I32];

/** Up to the first zero. */
const implicit: Lengths = (e, t, a, b) => {
  const length = (v: V128): I32 =>
    e.f.let(i32.ctz(i32.or(t.bitmask(t.eq(v, i64x2.const(0n))), i32.const(1 << t.count))));
  return [length(a), length(b)];
};
/** The magnitudes of EAX and EDX, or RAX and RDX. */
const explicit: Lengths = (e, t) => {
  const length = (operand: number): I32 => {
    const { w } = e;
    const value = e.read(operand);
    const magnitude = e.f.let(w.select(w.ltS(value, w.const(0)), w.neg(value), value));
    const most = w.const(t.count);
    return e.f.let(w.toI32(w.select(w.gtU(magnitude, most), most, magnitude)));
  };
  return [length(3), length(4)];
};

const lowBits = (count: I32): I32 => i32.sub(i32.shl(i32.const(1), count), i32.const(1));

interface Strings {
  readonly a: V128;
  readonly b: V128;
  readonly lengthA: I32;
  /** Bits of the elements that the strings have. */
  readonly validA: I32;
  readonly validB: I32;
}

/** Combines what `bits` says of each element of a, by `step`, into a result that begins as `initial`. */
function overElements(e: Emit, s: Strings, step: number, initial: number, next: (result: I32, n: I32) => I32): I32 {
  const { f } = e;
  const [n, result] = [f.local('i32'), f.local('i32')];
  f.set(n, i32.const(0));
  f.set(result, i32.const(initial));
  f.block((end) => {
    f.loop((again) => {
      // a pair of which only one half is there does not count
      f.brIf(end, i32.gtU(i32.add(n, i32.const(step)), s.lengthA));
      f.set(result, next(result, n));
      f.set(n, i32.add(n, i32.const(step)));
      f.br(again);
    });
  });
  return result;
}

const equalAny = (e: Emit, t: Elements, s: Strings): I32 => {
  const any = overElements(e, s, 1, 0, (r, n) => i32.or(r, t.bitmask(t.eq(s.b, t.broadcast(s.a, n)))));
  return i32.and(any, s.validB);
};
/** a holds pairs, the lower and the upper end of a range. */
const ranges = (e: Emit, t: Elements, s: Strings): I32 => {
  const any = overElements(e, s, 2, 0, (r, n) => {
    const below = t.gtS(t.broadcast(s.a, n), s.b);
    const above = t.gtS(s.b, t.broadcast(s.a, i32.add(n, i32.const(1))));
    return i32.or(r, i32.xor(t.bitmask(v128.or(below, above)), i32.const((1 << t.count) - 1)));
  });
  return i32.and(any, s.validB);
};
/** Elements that neither string has are equal, those that one has are not. */
const equalEach = (_e: Emit, t: Elements, s: Strings): I32 => {
  const same = i32.xor(i32.xor(s.validA, s.validB), i32.const((1 << t.count) - 1));
  return i32.and(same, i32.or(t.bitmask(t.eq(s.a, s.b)), i32.xor(s.validA, i32.const(-1))));
};
/** Where a begins in b; what would lie beyond the vector counts as equal. */
const equalOrdered = (e: Emit, t: Elements, s: Strings): I32 => {
  const all = overElements(e, s, 1, -1, (r, n) => {
    const equal = i32.and(t.bitmask(t.eq(s.b, t.broadcast(s.a, n))), s.validB);
    return i32.and(r, i32.shrS(i32.or(equal, i32.const(-1 << t.count)), n));
  });
  return i32.and(all, i32.const((1 << t.count) - 1));
};

/** IntRes1, by the kind of aggregation. */
function aggregate(e: Emit, t: Elements, immediate: I32, s: Strings): I32 {
  const { f } = e;
  const kind = f.let(i32.and(immediate, i32.const(AGGREGATION)));
  const result = f.local('i32');
  const when = (value: number, then: typeof equalAny, otherwise: () => void): void =>
    f.if(i32.eq(kind, i32.const(value)), () => f.set(result, then(e, t, s)), otherwise);
  when(EQUAL_EACH, equalEach, () =>
    when(EQUAL_ANY, equalAny, () => when(RANGES, ranges, () => f.set(result, equalOrdered(e, t, s)))),
  );
  return result;
}

/** IntRes2: negated all, or where b has elements. */
function applyPolarity(e: Emit, t: Elements, immediate: I32, validB: I32, result: I32): I32 {
  const where = select(i32.and(immediate, i32.const(MASKED)), validB, i32.const((1 << t.count) - 1));
  const negated = i32.and(immediate, i32.const(NEGATIVE));
  return e.f.let(i32.xor(result, select(negated, where, i32.const(0))));
}

type Output = (e: Emit, t: Elements, immediate: I32, result: I32) => void;

const index: Output = (e, t, immediate, result) => {
  const last = i32.sub(i32.const(31), i32.clz(result));
  const found = select(i32.and(immediate, i32.const(LAST_OR_ELEMENTS)), last, i32.ctz(result));
  e.setReg(RCX, 4, select(result, found, i32.const(t.count)));
};
const mask: Output = (e, t, immediate, result) => {
  const bits = v128.replaceI32(0, i64x2.const(0n), result);
  e.setXmm(0, select(i32.and(immediate, i32.const(LAST_OR_ELEMENTS)), t.mask(result), bits));
};

function compare(e: Emit, t: Elements, lengths: Lengths, output: Output, a: V128, b: V128, immediate: I32): void {
  const { f } = e;
  const [lengthA, lengthB] = lengths(e, t, a, b);
  const bias = f.let(select(i32.and(immediate, i32.const(SIGNED)), i64x2.const(0n), t.bias));
  const strings: Strings = {
    a: f.let(v128.xor(a, bias)),
    b: f.let(v128.xor(b, bias)),
    lengthA,
    validA: f.let(lowBits(lengthA)),
    validB: f.let(lowBits(lengthB)),
  };
  const result = applyPolarity(e, t, immediate, strings.validB, aggregate(e, t, immediate, strings));
  output(e, t, immediate, result);
  const shorter = (length: I32): I32 => i32.ltU(length, i32.const(t.count));
  const flag = (value: I32, position: number): I32 => i32.shl(value, i32.const(position));
  const [cf, of] = [i32.ne(result, i32.const(0)), i32.and(result, i32.const(1))];
  const zfSf = i32.or(flag(shorter(lengthB), 6), flag(shorter(lengthA), 7));
  e.flags.setArith(f.let(i32.or(i32.or(cf, flag(of, 11)), zfSf)));
}

const stringCompare =
  (lengths: Lengths, output: Output): Emitter =>
  (e) => {
    const b = e.readVector(1, 16);
    const a = e.readVector(0, 16);
    const immediate = e.f.let(e.read(2) as I32);
    const as = (t: Elements) => () => compare(e, t, lengths, output, a, b, immediate);
    e.f.if(i32.and(immediate, i32.const(WORDS)), as(WORD_ELEMENTS), as(BYTES));
  };
export const emitPcmpestri = stringCompare(explicit, index);
export const emitPcmpestrm = stringCompare(explicit, mask);
export const emitPcmpistri = stringCompare(implicit, index);
export const emitPcmpistrm = stringCompare(implicit, mask);
