/**
 * Typed WebAssembly expressions as values: an Expr is code that will be emitted where it is used, so it must be used
 * once, and in program order when it reads what a statement in between may change; Func.let() gives it a local.
 * Operators on constants fold, so that a generator whose operands are constants pays for nothing.
 */
import { type ByteSink, unsigned } from './encode.ts';

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export type ConstOf<T extends ValType> = T extends 'i64' ? bigint : number;

/** All have the same members, so that the engine sees objects of one shape. */
export interface Expr<T extends ValType = ValType> {
  readonly type: T;
  /** The value, where it is known now. i32 as a signed number, i64 as a signed bigint. */
  readonly value: ConstOf<T> | undefined;
  /** No statement changes it: a constant, or what Func.let() gives. */
  readonly fixed: boolean;
  /** What the operator takes, in this order, and the operator with its immediates; a constant has neither. */
  readonly a: Expr | undefined;
  readonly b: Expr | undefined;
  readonly c: Expr | undefined;
  readonly operator: readonly number[];
}
export type I32 = Expr<'i32'>;
export type I64 = Expr<'i64'>;
export type F32 = Expr<'f32'>;
export type F64 = Expr<'f64'>;
export type V128 = Expr<'v128'>;

const NO_OPERATOR: readonly number[] = [];
const WRAP = [0xa7];
const EXTEND_S = [0xac];
const EXTEND_U = [0xad];
const SELECT = [0x1b];
const LOCAL_GET = 0x20;

function operation<T extends ValType>(type: T, operator: readonly number[], a?: Expr, b?: Expr, c?: Expr): Expr<T> {
  return { type, value: undefined, fixed: false, a, b, c, operator };
}
function constant<T extends 'i32' | 'i64'>(type: T, value: ConstOf<T>): Expr<T> {
  return { type, value, fixed: true, a: undefined, b: undefined, c: undefined, operator: NO_OPERATOR };
}
export interface Local<T extends ValType = ValType> extends Expr<T> {
  readonly index: number;
  /** The same, where nothing is assigned to it any more. */
  readonly final: Expr<T>;
}
export function makeLocal<T extends ValType>(type: T, index: number): Local<T> {
  const operator = [LOCAL_GET, ...unsigned(index)];
  const nothing = undefined;
  const final: Expr<T> = { type, value: nothing, fixed: true, a: nothing, b: nothing, c: nothing, operator };
  return { type, value: nothing, fixed: false, a: nothing, b: nothing, c: nothing, operator, index, final };
}

export function emit(out: ByteSink, { value, a, b, c, operator }: Expr): void {
  if (value !== undefined) {
    emitConstant(out, value);
    return;
  }
  if (a) emit(out, a);
  if (b) emit(out, b);
  if (c) emit(out, c);
  for (let n = 0; n < operator.length; n++) out.byte(operator[n] as number);
}
function emitConstant(out: ByteSink, value: number | bigint): void {
  if (typeof value === 'bigint') {
    out.byte(0x42);
    out.s64(value);
  } else {
    out.byte(0x41);
    out.s32(value);
  }
}

const simd = (code: number): number[] => [0xfd, ...unsigned(code)];

function op1<A extends ValType, R extends ValType>(type: R, ...operator: number[]) {
  return (a: Expr<A>): Expr<R> => operation(type, operator, a);
}

function op2<A extends ValType, R extends ValType>(type: R, code: number) {
  const operator = [code];
  return (a: Expr<A>, b: Expr<A>): Expr<R> => operation(type, operator, a, b);
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

function load<T extends ValType>(type: T, align: number, ...operator: number[]) {
  return (address: I32, offset = 0): Expr<T> => {
    const folded = foldAddress(address, offset);
    return operation(type, operator.concat(align, unsigned(folded.offset)), folded.address);
  };
}

/** Constant addresses become offsets of address 0, so that the engine sees one immediate. */
export function foldAddress(address: I32, offset: number): { address: I32; offset: number } {
  if (address.value === undefined) return { address, offset };
  return { address: ZERO, offset: (address.value >>> 0) + offset };
}

const ZERO = constant('i32', 0);
const s32 = (n: number): number => n | 0;
const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const s64 = (n: bigint): bigint => BigInt.asIntN(64, n);

export const i32 = {
  const: (value: number): I32 => constant('i32', value | 0),
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
    a.value !== undefined ? i32.const(Number(BigInt.asIntN(32, a.value))) : operation('i32', WRAP, a),
  truncSatF32S: op1<'f32', 'i32'>('i32', 0xfc, 0),
  truncSatF64S: op1<'f64', 'i32'>('i32', 0xfc, 2),
  reinterpretF32: op1<'f32', 'i32'>('i32', 0xbc),
  load: load('i32', 2, 0x28),
  load8U: load('i32', 0, 0x2d),
  load8S: load('i32', 0, 0x2c),
  load16U: load('i32', 0, 0x2f),
  load16S: load('i32', 0, 0x2e),
  /** Unaligned-tolerant hint: alignment is only a hint in WebAssembly. */
  loadU: load('i32', 0, 0x28),
};

export const i64 = {
  const: (value: bigint): I64 => constant('i64', s64(value)),
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
  extendS: (a: I32): I64 => (a.value !== undefined ? i64.const(BigInt(a.value)) : operation('i64', EXTEND_S, a)),
  extendU: (a: I32): I64 => (a.value !== undefined ? i64.const(BigInt(a.value >>> 0)) : operation('i64', EXTEND_U, a)),
  truncSatF32S: op1<'f32', 'i64'>('i64', 0xfc, 4),
  truncSatF64S: op1<'f64', 'i64'>('i64', 0xfc, 6),
  reinterpretF64: op1<'f64', 'i64'>('i64', 0xbd),
  load: load('i64', 3, 0x29),
  load8U: load('i64', 0, 0x31),
  load16U: load('i64', 0, 0x33),
  load32U: load('i64', 0, 0x35),
  load32S: load('i64', 0, 0x34),
  loadU: load('i64', 0, 0x29),
};

export const f32 = {
  const: (value: number): F32 => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return operation('f32', [0x43, ...bytes]);
  },
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
  load: load('f32', 0, 0x2a),
};

export const f64 = {
  const: (value: number): F64 => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return operation('f64', [0x44, ...bytes]);
  },
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
  load: load('f64', 0, 0x2b),
};

/** Any SIMD operator by its opcode ([SIMD] proposal numbering, wasm 2.0 section 5.4.9). */
function vop<R extends ValType>(type: R, code: number) {
  const operator = simd(code);
  return (a?: Expr, b?: Expr, c?: Expr): Expr<R> => operation(type, operator, a, b, c);
}
function vlane<R extends ValType>(type: R, code: number) {
  const operator = simd(code);
  return (lane: number, a: Expr, b?: Expr): Expr<R> => operation(type, [...operator, lane], a, b);
}

export const v128 = {
  const: (bytes: ArrayLike<number>): V128 => operation('v128', [...simd(0x0c), ...Array.from(bytes)]),
  load: load('v128', 0, ...simd(0x00)),
  load32Zero: load('v128', 0, ...simd(0x5c)),
  load64Zero: load('v128', 0, ...simd(0x5d)),
  /** 16 byte indices, 0..15 from a, 16..31 from b. */
  shuffle: (lanes: readonly number[], a: V128, b: V128): V128 => operation('v128', [...simd(0x0d), ...lanes], a, b),
  /** Operator by opcode with a v128 result. */
  op: (code: number, a?: Expr, b?: Expr): V128 => operation('v128', simd(code), a, b),
  /** Operator by opcode with an i32 result (any_true, all_true, bitmask). */
  test: (code: number, a: Expr): I32 => operation('i32', simd(code), a),
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
  return operation(a.type, SELECT, a, b, cond);
}

/** 1 when any of these bits of a word is set. */
export const hasBits = (word: I32, bits: number): I32 => i32.ne(i32.and(word, i32.const(bits)), i32.const(0));
