/** F16C: between singles and numbers of half the size. */
import { type Func, f32x4, type I32, i32, i32x4, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { all, allTrue, elementsOf, SINGLE, unlessCertain } from './float.ts';

const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const MAGNITUDE = i32x4.const(0x7fff);
const INFINITE_HALF = i32x4.const(0x7c00);
/** The difference of the exponents' biases: 2^(127 - 15). */
const SCALE = i32x4.const((127 + 112) << 23);

/** Four halves, which four singles are exactly: denormals too, as the product makes them normal. */
function widened(f: Func, v: V128): { r: V128; isNumber: V128 } {
  const bits = f.let(i32x4.extendLowU(v));
  const magnitude = f.let(v128.and(bits, MAGNITUDE));
  const sign = i32x4.shl(v128.xor(bits, magnitude), i32.const(16));
  const finite = f32x4.mul(i32x4.shl(magnitude, i32.const(13)), SCALE);
  const value = v128.bitselect(SINGLE.infinity, finite, i32x4.eq(magnitude, INFINITE_HALF));
  return { r: v128.or(value, sign), isNumber: v128.not(i32x4.gtS(magnitude, INFINITE_HALF)) };
}

export const emitVcvtph2ps: Emitter = (e) => {
  const { f } = e;
  const wide = e.vectorLength === 32;
  const v = e.readVector(1, wide ? 16 : 8);
  const lanes = (wide ? [v, f.let(v128.shuffle(UPPER_HALF, v, v))] : [v]).map((lane) => widened(f, lane));
  const results = lanes.map(({ r }) => {
    const result = f.local('v128');
    f.set(result, r);
    return result;
  });
  const certain = allTrue(all(lanes.map(({ isNumber }) => isNumber)));
  unlessCertain(e, certain, { name: 'fromHalf', elements: 4 * lanes.length }, [[v]], results);
  e.writeLanes(0, results);
};

const MXCSR_MASKS = 0x1f80;
/** By the exact operation always. A store that faults does so before #XM, and leaves MXCSR's flags as they were. */
export const emitVcvtps2ph: Emitter = (e: Emit) => {
  const source = e.readLanes(1);
  const before = e.f.let(e.mxcsr());
  if (e.isMemory(0)) {
    const masked = i32.and(before, i32.const(MXCSR_MASKS));
    e.f.if(i32.ne(masked, i32.const(MXCSR_MASKS)), () => e.checkWrite(0));
  }
  const operation = { name: 'toHalf', elements: elementsOf(SINGLE, source), control: e.read(2) as I32 } as const;
  const [result] = e.exactFloat(operation, [source]) as [V128];
  const bytes = e.vectorLength === 32 ? 16 : 8;
  if (!e.isMemory(0)) {
    e.writeVector(0, result, bytes);
    return;
  }
  const after = e.f.let(e.mxcsr());
  e.setMxcsr(before);
  e.writeVector(0, result, bytes);
  e.setMxcsr(after);
};
