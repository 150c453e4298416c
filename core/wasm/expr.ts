/**
 * Typed WebAssembly expressions as values: an Expr is code that will be emitted where it is used, so it must be used
 * once, and in program order when it reads what a statement in between may change; Func.let() gives it a local.
 * Operators on constants fold, so that a generator whose operands are constants pays for nothing.
 */
import type { ByteSink } from './encode.ts';

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export type ConstOf<T extends ValType> = T extends 'i64' ? bigint : number;

export interface Expr<T extends ValType = ValType> {
  readonly type: T;
  /** The value, where it is known now. i32 as a signed number, i64 as a signed bigint. */
  readonly value?: ConstOf<T>;
  /** Cheap to repeat and unaffected by any statement: a constant, or a parameter nobody assigns. */
  readonly stable?: boolean;
  emit(out: ByteSink): void;
}
export type I32 = Expr<'i32'>;
export type I64 = Expr<'i64'>;
export type F32 = Expr<'f32'>;
export type F64 = Expr<'f64'>;
export type V128 = Expr<'v128'>;

const raw = <T extends ValType>(type: T, emit: (out: ByteSink) => void): Expr<T> => ({ type, emit });

function simd(out: ByteSink, op: number): void {
  out.byte(0xfd);
  out.u32(op);
}

function op1<A extends ValType, R extends ValType>(type: R, code: number, prefix = 0) {
  return (a: Expr<A>): Expr<R> =>
    raw(type, (out) => {
      a.emit(out);
      if (prefix) {
        out.byte(prefix);
        out.u32(code);
      } else out.byte(code);
    });
}

function op2<A extends ValType, R extends ValType>(type: R, code: number) {
  return (a: Expr<A>, b: Expr<A>): Expr<R> =>
    raw(type, (out) => {
      a.emit(out);
      b.emit(out);
      out.byte(code);
    });
}

type Fold<T extends ValType> = (a: ConstOf<T>, b: ConstOf<T>) => ConstOf<T>;

/** A binary operator with constant folding and, where there is one, a right identity (x op id = x). */
function fold32(code: number, fn: Fold<'i32'>, identity?: number): (a: I32, b: I32) => I32 {
  const plain = op2<'i32', 'i32'>('i32', code);
  return (a, b) => {
    if (a.value !== undefined && b.value !== undefined) return i32.const(fn(a.value, b.value));
    if (identity !== undefined && b.value === identity) return a;
    return plain(a, b);
  };
}
function fold64(code: number, fn: Fold<'i64'>, identity?: bigint): (a: I64, b: I64) => I64 {
  const plain = op2<'i64', 'i64'>('i64', code);
  return (a, b) => {
    if (a.value !== undefined && b.value !== undefined) return i64.const(fn(a.value, b.value));
    if (identity !== undefined && b.value === identity) return a;
    return plain(a, b);
  };
}

function load<T extends ValType>(type: T, code: number, align: number, isSimd = false) {
  return (address: I32, offset = 0): Expr<T> =>
    raw(type, (out) => {
      const folded = foldAddress(address, offset);
      folded.address.emit(out);
      if (isSimd) simd(out, code);
      else out.byte(code);
      out.u32(align);
      out.u32(folded.offset);
    });
}

/** Constant addresses become offsets of address 0, so that the engine sees one immediate. */
export function foldAddress(address: I32, offset: number): { address: I32; offset: number } {
  if (address.value === undefined) return { address, offset };
  return { address: i32.const(0), offset: (address.value >>> 0) + offset };
}

const s32 = (n: number): number => n | 0;
const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const s64 = (n: bigint): bigint => BigInt.asIntN(64, n);

export const i32 = {
  const: (value: number): I32 => ({
    type: 'i32',
    value: value | 0,
    stable: true,
    emit(out) {
      out.byte(0x41);
      out.s32(value);
    },
  }),
  add: fold32(0x6a, (a, b) => s32(a + b), 0),
  sub: fold32(0x6b, (a, b) => s32(a - b), 0),
  mul: fold32(0x6c, (a, b) => Math.imul(a, b), 1),
  divS: op2<'i32', 'i32'>('i32', 0x6d),
  divU: op2<'i32', 'i32'>('i32', 0x6e),
  remS: op2<'i32', 'i32'>('i32', 0x6f),
  remU: op2<'i32', 'i32'>('i32', 0x70),
  and: fold32(0x71, (a, b) => a & b, -1),
  or: fold32(0x72, (a, b) => a | b, 0),
  xor: fold32(0x73, (a, b) => a ^ b, 0),
  shl: fold32(0x74, (a, b) => a << b, 0),
  shrS: fold32(0x75, (a, b) => a >> b, 0),
  shrU: fold32(0x76, (a, b) => s32(a >>> b), 0),
  rotl: op2<'i32', 'i32'>('i32', 0x77),
  rotr: op2<'i32', 'i32'>('i32', 0x78),
  clz: op1<'i32', 'i32'>('i32', 0x67),
  ctz: op1<'i32', 'i32'>('i32', 0x68),
  popcnt: op1<'i32', 'i32'>('i32', 0x69),
  eqz: op1<'i32', 'i32'>('i32', 0x45),
  eq: op2<'i32', 'i32'>('i32', 0x46),
  ne: op2<'i32', 'i32'>('i32', 0x47),
  ltS: op2<'i32', 'i32'>('i32', 0x48),
  ltU: op2<'i32', 'i32'>('i32', 0x49),
  gtS: op2<'i32', 'i32'>('i32', 0x4a),
  gtU: op2<'i32', 'i32'>('i32', 0x4b),
  leS: op2<'i32', 'i32'>('i32', 0x4c),
  leU: op2<'i32', 'i32'>('i32', 0x4d),
  geS: op2<'i32', 'i32'>('i32', 0x4e),
  geU: op2<'i32', 'i32'>('i32', 0x4f),
  extend8S: op1<'i32', 'i32'>('i32', 0xc0),
  extend16S: op1<'i32', 'i32'>('i32', 0xc1),
  wrap: (a: I64): I32 =>
    a.value !== undefined ? i32.const(Number(BigInt.asIntN(32, a.value))) : op1<'i64', 'i32'>('i32', 0xa7)(a),
  truncSatF32S: op1<'f32', 'i32'>('i32', 0, 0xfc),
  truncSatF64S: op1<'f64', 'i32'>('i32', 2, 0xfc),
  reinterpretF32: op1<'f32', 'i32'>('i32', 0xbc),
  load: load('i32', 0x28, 2),
  load8U: load('i32', 0x2d, 0),
  load8S: load('i32', 0x2c, 0),
  load16U: load('i32', 0x2f, 0),
  load16S: load('i32', 0x2e, 0),
  /** Unaligned-tolerant hint: alignment is only a hint in WebAssembly. */
  loadU: load('i32', 0x28, 0),
};

export const i64 = {
  const: (value: bigint): I64 => ({
    type: 'i64',
    value: s64(value),
    stable: true,
    emit(out) {
      out.byte(0x42);
      out.s64(value);
    },
  }),
  add: fold64(0x7c, (a, b) => s64(a + b), 0n),
  sub: fold64(0x7d, (a, b) => s64(a - b), 0n),
  mul: fold64(0x7e, (a, b) => s64(a * b), 1n),
  divS: op2<'i64', 'i64'>('i64', 0x7f),
  divU: op2<'i64', 'i64'>('i64', 0x80),
  remS: op2<'i64', 'i64'>('i64', 0x81),
  remU: op2<'i64', 'i64'>('i64', 0x82),
  and: fold64(0x83, (a, b) => a & b, -1n),
  or: fold64(0x84, (a, b) => a | b, 0n),
  xor: fold64(0x85, (a, b) => a ^ b, 0n),
  shl: fold64(0x86, (a, b) => s64(a << (b & 63n)), 0n),
  shrS: fold64(0x87, (a, b) => a >> (b & 63n), 0n),
  shrU: fold64(0x88, (a, b) => s64(u64(a) >> (b & 63n)), 0n),
  rotl: op2<'i64', 'i64'>('i64', 0x89),
  rotr: op2<'i64', 'i64'>('i64', 0x8a),
  clz: op1<'i64', 'i64'>('i64', 0x79),
  ctz: op1<'i64', 'i64'>('i64', 0x7a),
  popcnt: op1<'i64', 'i64'>('i64', 0x7b),
  eqz: op1<'i64', 'i32'>('i32', 0x50),
  eq: op2<'i64', 'i32'>('i32', 0x51),
  ne: op2<'i64', 'i32'>('i32', 0x52),
  ltS: op2<'i64', 'i32'>('i32', 0x53),
  ltU: op2<'i64', 'i32'>('i32', 0x54),
  gtS: op2<'i64', 'i32'>('i32', 0x55),
  gtU: op2<'i64', 'i32'>('i32', 0x56),
  leS: op2<'i64', 'i32'>('i32', 0x57),
  leU: op2<'i64', 'i32'>('i32', 0x58),
  geS: op2<'i64', 'i32'>('i32', 0x59),
  geU: op2<'i64', 'i32'>('i32', 0x5a),
  extend8S: op1<'i64', 'i64'>('i64', 0xc2),
  extend16S: op1<'i64', 'i64'>('i64', 0xc3),
  extend32S: op1<'i64', 'i64'>('i64', 0xc4),
  extendS: (a: I32): I64 => (a.value !== undefined ? i64.const(BigInt(a.value)) : op1<'i32', 'i64'>('i64', 0xac)(a)),
  extendU: (a: I32): I64 =>
    a.value !== undefined ? i64.const(BigInt(a.value >>> 0)) : op1<'i32', 'i64'>('i64', 0xad)(a),
  truncSatF32S: op1<'f32', 'i64'>('i64', 4, 0xfc),
  truncSatF64S: op1<'f64', 'i64'>('i64', 6, 0xfc),
  reinterpretF64: op1<'f64', 'i64'>('i64', 0xbd),
  load: load('i64', 0x29, 3),
  load8U: load('i64', 0x31, 0),
  load16U: load('i64', 0x33, 0),
  load32U: load('i64', 0x35, 0),
  load32S: load('i64', 0x34, 0),
  loadU: load('i64', 0x29, 0),
};

export const f32 = {
  const: (value: number): F32 =>
    raw('f32', (out) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setFloat32(0, value, true);
      out.byte(0x43);
      out.bytes(bytes);
    }),
  add: op2<'f32', 'f32'>('f32', 0x92),
  sub: op2<'f32', 'f32'>('f32', 0x93),
  mul: op2<'f32', 'f32'>('f32', 0x94),
  div: op2<'f32', 'f32'>('f32', 0x95),
  sqrt: op1<'f32', 'f32'>('f32', 0x91),
  neg: op1<'f32', 'f32'>('f32', 0x8c),
  ceil: op1<'f32', 'f32'>('f32', 0x8d),
  floor: op1<'f32', 'f32'>('f32', 0x8e),
  trunc: op1<'f32', 'f32'>('f32', 0x8f),
  nearest: op1<'f32', 'f32'>('f32', 0x90),
  eq: op2<'f32', 'i32'>('i32', 0x5b),
  ne: op2<'f32', 'i32'>('i32', 0x5c),
  lt: op2<'f32', 'i32'>('i32', 0x5d),
  gt: op2<'f32', 'i32'>('i32', 0x5e),
  le: op2<'f32', 'i32'>('i32', 0x5f),
  ge: op2<'f32', 'i32'>('i32', 0x60),
  convertI32S: op1<'i32', 'f32'>('f32', 0xb2),
  convertI64S: op1<'i64', 'f32'>('f32', 0xb4),
  convertI64U: op1<'i64', 'f32'>('f32', 0xb5),
  demote: op1<'f64', 'f32'>('f32', 0xb6),
  reinterpretI32: op1<'i32', 'f32'>('f32', 0xbe),
  load: load('f32', 0x2a, 0),
};

export const f64 = {
  const: (value: number): F64 =>
    raw('f64', (out) => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, value, true);
      out.byte(0x44);
      out.bytes(bytes);
    }),
  add: op2<'f64', 'f64'>('f64', 0xa0),
  sub: op2<'f64', 'f64'>('f64', 0xa1),
  mul: op2<'f64', 'f64'>('f64', 0xa2),
  div: op2<'f64', 'f64'>('f64', 0xa3),
  sqrt: op1<'f64', 'f64'>('f64', 0x9f),
  neg: op1<'f64', 'f64'>('f64', 0x9a),
  ceil: op1<'f64', 'f64'>('f64', 0x9b),
  floor: op1<'f64', 'f64'>('f64', 0x9c),
  trunc: op1<'f64', 'f64'>('f64', 0x9d),
  nearest: op1<'f64', 'f64'>('f64', 0x9e),
  eq: op2<'f64', 'i32'>('i32', 0x61),
  ne: op2<'f64', 'i32'>('i32', 0x62),
  lt: op2<'f64', 'i32'>('i32', 0x63),
  gt: op2<'f64', 'i32'>('i32', 0x64),
  le: op2<'f64', 'i32'>('i32', 0x65),
  ge: op2<'f64', 'i32'>('i32', 0x66),
  convertI32S: op1<'i32', 'f64'>('f64', 0xb7),
  convertI64S: op1<'i64', 'f64'>('f64', 0xb9),
  convertI64U: op1<'i64', 'f64'>('f64', 0xba),
  promote: op1<'f32', 'f64'>('f64', 0xbb),
  reinterpretI64: op1<'i64', 'f64'>('f64', 0xbf),
  load: load('f64', 0x2b, 0),
};

/** Any SIMD operator by its opcode ([SIMD] proposal numbering, wasm 2.0 section 5.4.9). */
function vop<R extends ValType>(type: R, code: number) {
  return (...args: Expr[]): Expr<R> =>
    raw(type, (out) => {
      for (const a of args) a.emit(out);
      simd(out, code);
    });
}
function vlane<R extends ValType>(type: R, code: number) {
  return (lane: number, ...args: Expr[]): Expr<R> =>
    raw(type, (out) => {
      for (const a of args) a.emit(out);
      simd(out, code);
      out.byte(lane);
    });
}

export const v128 = {
  const: (bytes: ArrayLike<number>): V128 =>
    raw('v128', (out) => {
      simd(out, 0x0c);
      for (let i = 0; i < 16; i++) out.byte(bytes[i] ?? 0);
    }),
  load: load('v128', 0x00, 0, true),
  load32Zero: load('v128', 0x5c, 0, true),
  load64Zero: load('v128', 0x5d, 0, true),
  /** 16 byte indices, 0..15 from a, 16..31 from b. */
  shuffle: (lanes: readonly number[], a: V128, b: V128): V128 =>
    raw('v128', (out) => {
      a.emit(out);
      b.emit(out);
      simd(out, 0x0d);
      for (const lane of lanes) out.byte(lane);
    }),
  /** Operator by opcode with a v128 result. */
  op: (code: number, ...args: Expr[]): V128 => vop('v128', code)(...args),
  /** Operator by opcode with an i32 result (any_true, all_true, bitmask). */
  test: (code: number, ...args: Expr[]): I32 => vop('i32', code)(...args),
  not: vop('v128', 0x4d),
  and: vop('v128', 0x4e),
  andnot: vop('v128', 0x4f),
  or: vop('v128', 0x50),
  xor: vop('v128', 0x51),
  bitselect: vop('v128', 0x52),
  extractI8U: vlane('i32', 0x16),
  replaceI8: vlane('v128', 0x17),
  extractI16U: vlane('i32', 0x19),
  replaceI16: vlane('v128', 0x1a),
  extractI32: vlane('i32', 0x1b),
  replaceI32: vlane('v128', 0x1c),
  extractI64: vlane('i64', 0x1d),
  replaceI64: vlane('v128', 0x1e),
  extractF32: vlane('f32', 0x1f),
  replaceF32: vlane('v128', 0x20),
  extractF64: vlane('f64', 0x21),
  replaceF64: vlane('v128', 0x22),
};

/** cond ? a : b, both evaluated. */
export function select<T extends ValType>(cond: I32, a: Expr<T>, b: Expr<T>): Expr<T> {
  if (cond.value !== undefined) return cond.value !== 0 ? a : b;
  return raw(a.type, (out) => {
    a.emit(out);
    b.emit(out);
    cond.emit(out);
    out.byte(0x1b);
  });
}

export function makeExpr<T extends ValType>(type: T, emit: (out: ByteSink) => void): Expr<T> {
  return raw(type, emit);
}

/** 1 when any of these bits of a word is set. */
export const hasBits = (word: I32, bits: number): I32 => i32.ne(i32.and(word, i32.const(bits)), i32.const(0));
