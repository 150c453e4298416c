/**
 * Lane-wise SIMD operators by shape, named as in WebAssembly 2.0 (section 5.4.9 has the opcodes). All take and give
 * v128; shift counts are i32 and taken modulo the lane size.
 */
import { type I32, type I64, type V128, v128 } from './expr.ts';

type Unary = (a: V128) => V128;
type Binary = (a: V128, b: V128) => V128;
type Shift = (a: V128, count: I32) => V128;

const unary =
  (code: number): Unary =>
  (a) =>
    v128.op(code, a);
const binary =
  (code: number): Binary =>
  (a, b) =>
    v128.op(code, a, b);
const shift =
  (code: number): Shift =>
  (a, count) =>
    v128.op(code, a, count);
const bitmask =
  (code: number) =>
  (a: V128): I32 =>
    v128.test(code, a);

/** A constant from lanes of `bytes` bytes; fewer lanes than fit are repeated. */
function constant(bytes: 1 | 2 | 4 | 8, lanes: readonly (number | bigint)[]): V128 {
  const data = new Uint8Array(16);
  for (let at = 0; at < 16; at++) {
    const lane = BigInt(lanes[Math.floor(at / bytes) % lanes.length] ?? 0);
    data[at] = Number(BigInt.asUintN(8, lane >> BigInt(8 * (at % bytes))));
  }
  return v128.const(data);
}

export const i8x16 = {
  const: (...lanes: number[]): V128 => constant(1, lanes),
  splat: (a: I32): V128 => v128.op(0x0f, a),
  /** Bytes of a by index; an index beyond 15 gives zero. */
  swizzle: binary(0x0e),
  eq: binary(0x23),
  gtS: binary(0x27),
  abs: unary(0x60),
  bitmask: bitmask(0x64),
  narrowS: binary(0x65),
  narrowU: binary(0x66),
  shrS: shift(0x6c),
  shrU: shift(0x6d),
  add: binary(0x6e),
  addSatS: binary(0x6f),
  addSatU: binary(0x70),
  sub: binary(0x71),
  subSatS: binary(0x72),
  subSatU: binary(0x73),
  minS: binary(0x76),
  minU: binary(0x77),
  maxS: binary(0x78),
  maxU: binary(0x79),
  avgrU: binary(0x7b),
};

export const i16x8 = {
  const: (...lanes: number[]): V128 => constant(2, lanes),
  splat: (a: I32): V128 => v128.op(0x10, a),
  eq: binary(0x2d),
  gtS: binary(0x31),
  extaddPairwiseU: unary(0x7d),
  abs: unary(0x80),
  /** Rounded upper half of the doubled product, where -1 * -1 is the largest number. */
  q15mulrSatS: binary(0x82),
  bitmask: bitmask(0x84),
  narrowS: binary(0x85),
  narrowU: binary(0x86),
  extendLowS: unary(0x87),
  extendLowU: unary(0x89),
  shl: shift(0x8b),
  shrS: shift(0x8c),
  shrU: shift(0x8d),
  add: binary(0x8e),
  addSatS: binary(0x8f),
  addSatU: binary(0x90),
  sub: binary(0x91),
  subSatS: binary(0x92),
  subSatU: binary(0x93),
  mul: binary(0x95),
  minS: binary(0x96),
  minU: binary(0x97),
  maxS: binary(0x98),
  maxU: binary(0x99),
  avgrU: binary(0x9b),
};

export const i32x4 = {
  const: (...lanes: number[]): V128 => constant(4, lanes),
  splat: (a: I32): V128 => v128.op(0x11, a),
  eq: binary(0x37),
  gtS: binary(0x3b),
  extaddPairwiseU: unary(0x7f),
  abs: unary(0xa0),
  bitmask: bitmask(0xa4),
  extendLowS: unary(0xa7),
  extendLowU: unary(0xa9),
  shl: shift(0xab),
  shrS: shift(0xac),
  shrU: shift(0xad),
  add: binary(0xae),
  sub: binary(0xb1),
  mul: binary(0xb5),
  minS: binary(0xb6),
  minU: binary(0xb7),
  maxS: binary(0xb8),
  maxU: binary(0xb9),
  dotS: binary(0xba),
  extmulLowS: binary(0xbc),
  extmulHighS: binary(0xbd),
  extmulLowU: binary(0xbe),
  extmulHighU: binary(0xbf),
  truncSatF32S: unary(0xf8),
  /** Two lanes, and zeros above. */
  truncSatF64SZero: unary(0xfc),
};

export const i64x2 = {
  const: (...lanes: bigint[]): V128 => constant(8, lanes),
  splat: (a: I64): V128 => v128.op(0x12, a),
  bitmask: bitmask(0xc4),
  extendLowS: unary(0xc7),
  extendLowU: unary(0xc9),
  shl: shift(0xcb),
  shrS: shift(0xcc),
  shrU: shift(0xcd),
  add: binary(0xce),
  sub: binary(0xd1),
  eq: binary(0xd6),
  gtS: binary(0xd9),
  extmulLowS: binary(0xdc),
  extmulLowU: binary(0xde),
};

export const f32x4 = {
  eq: binary(0x41),
  ne: binary(0x42),
  lt: binary(0x43),
  gt: binary(0x44),
  le: binary(0x45),
  ceil: unary(0x67),
  floor: unary(0x68),
  trunc: unary(0x69),
  nearest: unary(0x6a),
  abs: unary(0xe0),
  sqrt: unary(0xe3),
  add: binary(0xe4),
  sub: binary(0xe5),
  mul: binary(0xe6),
  div: binary(0xe7),
  /** b < a ? b : a, and a < b ? b : a. */
  pmin: binary(0xea),
  pmax: binary(0xeb),
  convertI32S: unary(0xfa),
  /** Two lanes, and zeros above. */
  demoteF64Zero: unary(0x5e),
};

export const f64x2 = {
  eq: binary(0x47),
  ne: binary(0x48),
  lt: binary(0x49),
  gt: binary(0x4a),
  le: binary(0x4b),
  promoteLowF32: unary(0x5f),
  ceil: unary(0x74),
  floor: unary(0x75),
  trunc: unary(0x7a),
  nearest: unary(0x94),
  abs: unary(0xec),
  sqrt: unary(0xef),
  add: binary(0xf0),
  sub: binary(0xf1),
  mul: binary(0xf2),
  div: binary(0xf3),
  pmin: binary(0xf6),
  pmax: binary(0xf7),
  convertLowI32S: unary(0xfe),
};

/** 1 when any bit is set. */
export const anyTrue = (a: V128): I32 => v128.test(0x53, a);
