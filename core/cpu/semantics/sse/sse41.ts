/** SSE4.1 and what SSE4.2 adds to packed integers; single elements: element.ts, strings: string-compare.ts. */
import { anyTrue, type I32, i8x16, i16x8, i32, i32x4, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { BYTE_NUMBERS, evenDwords } from './integer.ts';
import { laneMask } from './lane-mask.ts';
import { packed, packedImmediate, packedUnary } from './packed.ts';

// -- blends --------------------------------------------------------------------------------------------------------
const blend = (mask: (bits: I32) => V128, bitsPerLane: number): Emitter =>
  packedImmediate((a, b, immediate) => v128.bitselect(b, a, mask(immediate)), bitsPerLane);
export const emitPblendw = blend(laneMask.w, 0);
export const emitBlendps = blend(laneMask.d, 4);
export const emitBlendpd = blend(laneMask.q, 2);

/** By the top bits of XMM0, or in a VEX encoding of the fourth operand. */
const blendVariable = (signs: (mask: V128) => V128): Emitter =>
  packed((a, b, e, lane) => {
    const mask = e.vectorLength === 0 ? e.xmm(0) : e.readLanes(3)[lane];
    return v128.bitselect(b, a, signs(mask as V128));
  });
export const emitPblendvb = blendVariable((mask) => i8x16.shrS(mask, i32.const(7)));
export const emitBlendvps = blendVariable((mask) => i32x4.shrS(mask, i32.const(31)));
export const emitBlendvpd = blendVariable((mask) => i64x2.shrS(mask, i32.const(63)));

// -- extensions ----------------------------------------------------------------------------------------------------
/** The source: 2, 4 or 8 bytes for each lane. */
function readNarrow(e: Emit, bytes: 2 | 4 | 8): V128 {
  if (e.vectorLength === 32) return e.readVector(1, (bytes * 2) as 4 | 8 | 16);
  if (bytes !== 2) return e.readVector(1, bytes);
  return e.isMemory(1) ? i32x4.splat(e.read(1) as I32) : e.readVector(1, 4);
}
const extend =
  (bytes: 2 | 4 | 8, ...steps: ((low: V128) => V128)[]): Emitter =>
  (e) => {
    const source = readNarrow(e, bytes);
    const upper = Array.from({ length: 16 }, (_, at) => (at + bytes) % 16);
    const sources = e.vectorLength === 32 ? [source, v128.shuffle(upper, source, source)] : [source];
    e.writeLanes(
      0,
      sources.map((low) => steps.reduce((v, step) => step(v), low)),
    );
  };
export const emitPmovsx = {
  bw: extend(8, i16x8.extendLowS),
  bd: extend(4, i16x8.extendLowS, i32x4.extendLowS),
  bq: extend(2, i16x8.extendLowS, i32x4.extendLowS, i64x2.extendLowS),
  wd: extend(8, i32x4.extendLowS),
  wq: extend(4, i32x4.extendLowS, i64x2.extendLowS),
  dq: extend(8, i64x2.extendLowS),
};
export const emitPmovzx = {
  bw: extend(8, i16x8.extendLowU),
  bd: extend(4, i16x8.extendLowU, i32x4.extendLowU),
  bq: extend(2, i16x8.extendLowU, i32x4.extendLowU, i64x2.extendLowU),
  wd: extend(8, i32x4.extendLowU),
  wq: extend(4, i32x4.extendLowU, i64x2.extendLowU),
  dq: extend(8, i64x2.extendLowU),
};

// -- arithmetic and comparison -------------------------------------------------------------------------------------
export const emitPmulld = packed(i32x4.mul);
export const emitPmuldq = packed((a, b) => i64x2.extmulLowS(evenDwords(a), evenDwords(b)));
export const emitPcmpeqq = packed(i64x2.eq);
export const emitPcmpgtq = packed(i64x2.gtS);
export const emitPackusdw = packed(i16x8.narrowU);
export const emitPmin = {
  sb: packed(i8x16.minS),
  sd: packed(i32x4.minS),
  uw: packed(i16x8.minU),
  ud: packed(i32x4.minU),
};
export const emitPmax = {
  sb: packed(i8x16.maxS),
  sd: packed(i32x4.maxS),
  uw: packed(i16x8.maxU),
  ud: packed(i32x4.maxU),
};

/** The least word, and above it the number of the first lane that has it. */
export const emitPhminposuw = packedUnary((a, e) => {
  let least = a;
  for (const distance of [8, 4, 2]) {
    const turned = Array.from({ length: 16 }, (_, at) => (at + distance) % 16);
    least = e.f.let(i16x8.minU(least, v128.shuffle(turned, least, least)));
  }
  const position = i32.ctz(i16x8.bitmask(i16x8.eq(a, least)));
  const both = i32.or(v128.extractI16U(0, least), i32.shl(position, i32.const(16)));
  return v128.replaceI32(0, i32x4.const(0), both);
});

/** Four bytes of b against those at each of eight places of a, as sums of differences. */
export const emitMpsadbw = packedImmediate((a, b, immediate, e) => {
  const from = (shift: number, mask: number): I32 =>
    e.f.let(i32.shl(i32.and(i32.shrU(immediate, i32.const(shift)), i32.const(mask)), i32.const(2)));
  const [fromA, fromB] = [from(2, 1), from(0, 3)];
  let sums = i16x8.const(0);
  for (let n = 0; n < 4; n++) {
    const places = i8x16.add(BYTE_NUMBERS, i8x16.splat(i32.add(fromA, i32.const(n))));
    const x = e.f.let(i8x16.swizzle(a, places));
    const y = e.f.let(i8x16.swizzle(b, i8x16.splat(i32.add(fromB, i32.const(n)))));
    const difference = v128.or(i8x16.subSatU(x, y), i8x16.subSatU(y, x));
    sums = i16x8.add(sums, i16x8.extendLowU(difference));
  }
  return sums;
}, 3);

/** ZF: no bit in common; CF: the second has no bit that the first has not. The other flags are clear. */
const test =
  (significant: (bits: V128) => V128): Emitter =>
  (e) => {
    const b = e.readLanes(1, e.vectorLength === 0);
    const a = e.readLanes(0);
    const none = (combine: (x: V128, y: V128) => V128): I32 => {
      const lanes = a.map((x, n) => combine(x, b[n] as V128));
      return i32.eqz(anyTrue(significant(lanes.reduce((x, y) => v128.or(x, y)))));
    };
    const zf = none((x, y) => v128.and(x, y));
    const cf = none((x, y) => v128.andnot(y, x));
    e.flags.setArith(e.f.let(i32.or(i32.shl(zf, i32.const(6)), cf)));
  };
export const emitPtest = test((bits) => bits);
/** VTESTPS, VTESTPD: of the top bits alone. */
export const emitTestps = test((bits) => v128.and(bits, i32x4.const(0x8000_0000)));
export const emitTestpd = test((bits) => v128.and(bits, i64x2.const(0x8000_0000_0000_0000n)));
