/**
 * Arithmetic on packed and scalar floats. Values follow x86 to the bit: WebAssembly leaves the bits of a NaN result
 * open, so they are worked out here by the rule of [SDM] volume 1, table 4-7: the first operand if it is a NaN, else
 * the second, made quiet; the default NaN where neither is one.
 */
import {
  anyTrue,
  type Expr,
  type Func,
  f32,
  f32x4,
  f64,
  f64x2,
  type I32,
  i32,
  i32x4,
  i64x2,
  type V128,
  v128,
} from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { mergeLow } from './move.ts';

type Operation = 'add' | 'sub' | 'mul' | 'div';

/** One of the two formats: its operators, and its constants in every lane. */
interface Format {
  readonly bytes: 4 | 8;
  readonly packed: typeof f32x4 | typeof f64x2;
  readonly quiet: V128;
  readonly defaultNan: V128;
  readonly sign: V128;
  readonly one: V128;
  readonly leastNormal: V128;
  /** The operation on the low lanes: whether it gives a NaN, and its result with the rest of a. */
  scalar(f: Func, op: Operation, a: V128, b: V128): { isNan: I32; merged: V128 };
}
const SINGLE: Format = {
  bytes: 4,
  packed: f32x4,
  quiet: i32x4.const(0x0040_0000),
  defaultNan: i32x4.const(0xffc0_0000),
  sign: i32x4.const(0x8000_0000),
  one: i32x4.const(0x3f80_0000),
  leastNormal: i32x4.const(0x0080_0000),
  scalar(f, op, a, b) {
    const r = f.let(f32[op](v128.extractF32(0, a), v128.extractF32(0, b)));
    return { isNan: f32.ne(r, r), merged: v128.replaceF32(0, a, r) };
  },
};
const DOUBLE: Format = {
  bytes: 8,
  packed: f64x2,
  quiet: i64x2.const(0x0008_0000_0000_0000n),
  defaultNan: i64x2.const(0xfff8_0000_0000_0000n),
  sign: i64x2.const(0x8000_0000_0000_0000n),
  one: i64x2.const(0x3ff0_0000_0000_0000n),
  leastNormal: i64x2.const(0x0010_0000_0000_0000n),
  scalar(f, op, a, b) {
    const r = f.let(f64[op](v128.extractF64(0, a), v128.extractF64(0, b)));
    return { isNan: f64.ne(r, r), merged: v128.replaceF64(0, a, r) };
  },
};

/** The NaN that an invalid or NaN operation on a and b gives, in every lane. */
function nanOf(s: Format, a: V128, b: V128): V128 {
  const second = v128.bitselect(v128.or(b, s.quiet), s.defaultNan, s.packed.ne(b, b));
  return v128.bitselect(v128.or(a, s.quiet), second, s.packed.ne(a, a));
}

/** The result r of an operation on a and b, with x86's NaNs. */
function withNans(f: Func, s: Format, a: V128, b: V128, r: V128): V128 {
  const result = f.local('v128');
  f.set(result, r);
  f.if(anyTrue(s.packed.ne(result, result)), () =>
    f.set(result, v128.bitselect(nanOf(s, a, b), result, s.packed.ne(result, result))),
  );
  return result;
}

const packedArithmetic =
  (s: Format, op: Operation): Emitter =>
  (e) => {
    const b = e.readVector(1, 16, true);
    const a = e.readVector(0, 16);
    e.writeVector(0, withNans(e.f, s, a, b, s.packed[op](a, b)), 16);
  };

/** The low lanes as scalars: cheaper than packed, and no other lane's denormals or NaNs cost anything. */
const scalarArithmetic =
  (s: Format, op: Operation): Emitter =>
  (e) => {
    const { f } = e;
    const b = e.readVector(1, s.bytes);
    const a = e.readVector(0, 16);
    const { isNan, merged } = s.scalar(f, op, a, b);
    const result = f.local('v128');
    f.if(
      isNan,
      () => f.set(result, mergeLow(s.bytes, a, nanOf(s, a, b))),
      () => f.set(result, merged),
    );
    e.writeVector(0, result, 16);
  };

/** The same instruction in its four forms: PS, PD, SS, SD. */
interface FourForms {
  readonly ps: Emitter;
  readonly pd: Emitter;
  readonly ss: Emitter;
  readonly sd: Emitter;
}
const arithmetic = (op: Operation): FourForms => ({
  ps: packedArithmetic(SINGLE, op),
  pd: packedArithmetic(DOUBLE, op),
  ss: scalarArithmetic(SINGLE, op),
  sd: scalarArithmetic(DOUBLE, op),
});
export const emitAddFloat = arithmetic('add');
export const emitSubFloat = arithmetic('sub');
export const emitMulFloat = arithmetic('mul');
export const emitDivFloat = arithmetic('div');

/** Operations that are cheap enough to compute in all lanes; a scalar form keeps the low one. */
type Lanewise = (e: Emit, s: Format, a: V128, b: V128) => V128;
function lanewise(op: Lanewise): FourForms {
  const packed =
    (s: Format): Emitter =>
    (e) => {
      const b = e.readVector(1, 16, true);
      const a = e.readVector(0, 16);
      e.writeVector(0, op(e, s, a, b), 16);
    };
  const scalar =
    (s: Format): Emitter =>
    (e) => {
      const b = e.readVector(1, s.bytes);
      const a = e.readVector(0, 16);
      e.writeVector(0, mergeLow(s.bytes, a, op(e, s, a, b)), 16);
    };
  return { ps: packed(SINGLE), pd: packed(DOUBLE), ss: scalar(SINGLE), sd: scalar(DOUBLE) };
}

/** The second operand, unchanged, when either is a NaN or both are zeros: pmin(b, a) is a < b ? a : b. */
export const emitMinFloat = lanewise((_e, s, a, b) => s.packed.pmin(b, a));
export const emitMaxFloat = lanewise((_e, s, a, b) => s.packed.pmax(b, a));

/** Only the low lane of a scalar's root is taken, but the others are computed: of memory they are zeros. */
export const emitSqrt = lanewise((e, s, _a, b) => withNans(e.f, s, b, b, s.packed.sqrt(b)));

/** Denormals as zeros of their sign. */
function flushed(f: Func, s: Format, v: V128): V128 {
  const value = f.let(v);
  const small = s.packed.lt(s.packed.abs(value), s.leastNormal);
  return v128.bitselect(v128.and(value, s.sign), value, small);
}
/**
 * RCPPS and RSQRTPS: x86 promises 12 bits; these are good to the last one or two. Denormal operands count as zeros, and
 * results too small for a normal number become zeros.
 */
export const emitRcp = lanewise((e, s, _a, b) => {
  const r = s.packed.div(s.one, flushed(e.f, s, b));
  return withNans(e.f, s, b, b, flushed(e.f, s, r));
});
export const emitRsqrt = lanewise((e, s, _a, b) =>
  withNans(e.f, s, b, b, s.packed.div(s.one, s.packed.sqrt(flushed(e.f, s, b)))),
);

// -- comparisons ---------------------------------------------------------------------------------------------------
/** CMPPS and so on: predicates EQ LT LE UNORD, and with bit 2 their opposites. */
export const emitCmpFloat = lanewise((e, s, a, b) => {
  const { f } = e;
  const predicate = f.let(i32.and(e.read(2) as I32, i32.const(7)));
  const result = f.local('v128');
  const set = (value: V128) => () => f.set(result, value);
  f.if(
    i32.and(predicate, i32.const(2)),
    () =>
      f.if(
        i32.and(predicate, i32.const(1)),
        set(v128.or(s.packed.ne(a, a), s.packed.ne(b, b))),
        set(s.packed.le(a, b)),
      ),
    () => f.if(i32.and(predicate, i32.const(1)), set(s.packed.lt(a, b)), set(s.packed.eq(a, b))),
  );
  const opposite = i32.sub(i32.const(0), i32.shrU(predicate, i32.const(2)));
  return v128.xor(result, i32x4.splat(opposite));
});

/** COMISS, UCOMISS and so on: ZF PF CF = 111 unordered, 000 greater, 001 less, 100 equal; the others clear. */
function compareOrdered<T extends 'f32' | 'f64'>(
  e: Emit,
  ops: Record<'lt' | 'gt' | 'eq', (a: Expr<T>, b: Expr<T>) => I32>,
  a: Expr<T>,
  b: Expr<T>,
): void {
  const { f } = e;
  const [x, y] = [f.let(a), f.let(b)];
  const less = f.let(ops.lt(x, y));
  const greater = f.let(ops.gt(x, y));
  const equal = f.let(ops.eq(x, y));
  const unordered = f.let(i32.eqz(i32.or(i32.or(less, greater), equal)));
  const cf = i32.or(less, unordered);
  const zf = i32.shl(i32.or(equal, unordered), i32.const(6));
  e.flags.setArith(i32.or(i32.or(cf, zf), i32.shl(unordered, i32.const(2))));
}
export const emitComiss: Emitter = (e) => {
  const b = e.readVector(1, 4);
  compareOrdered(e, f32, v128.extractF32(0, e.readVector(0, 16)), v128.extractF32(0, b));
};
export const emitComisd: Emitter = (e) => {
  const b = e.readVector(1, 8);
  compareOrdered(e, f64, v128.extractF64(0, e.readVector(0, 16)), v128.extractF64(0, b));
};

// -- SSE3 ----------------------------------------------------------------------------------------------------------
/** ADDSUBPS, ADDSUBPD: even lanes subtract, odd lanes add. */
const addSub =
  (s: Format, odd: V128): Emitter =>
  (e) => {
    const b = e.readVector(1, 16, true);
    const a = e.readVector(0, 16);
    const r = v128.bitselect(s.packed.add(a, b), s.packed.sub(a, b), odd);
    e.writeVector(0, withNans(e.f, s, a, b, r), 16);
  };
export const emitAddsubps = addSub(SINGLE, i32x4.const(0, -1));
export const emitAddsubpd = addSub(DOUBLE, i64x2.const(0n, -1n));

const EVEN = {
  4: [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27],
  8: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
};
/** HADDPS and so on: pairs of neighbours, first those of the destination, then those of the source. */
const horizontal =
  (s: Format, op: 'add' | 'sub'): Emitter =>
  (e) => {
    const { f } = e;
    const b = e.readVector(1, 16, true);
    const a = e.readVector(0, 16);
    const even = EVEN[s.bytes];
    const x = f.let(v128.shuffle(even, a, b));
    const y = f.let(
      v128.shuffle(
        even.map((at) => at + s.bytes),
        a,
        b,
      ),
    );
    e.writeVector(0, withNans(f, s, x, y, s.packed[op](x, y)), 16);
  };
export const emitHaddps = horizontal(SINGLE, 'add');
export const emitHaddpd = horizontal(DOUBLE, 'add');
export const emitHsubps = horizontal(SINGLE, 'sub');
export const emitHsubpd = horizontal(DOUBLE, 'sub');
