/** AVX: one element, or 128 bits, in every place of a vector; 128 bits in and out of 256. */
import { type I32, type I64, i8x16, i16x8, i32, i32x4, i64x2, select, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import type { Int } from '../width.ts';

const ofEveryLane = (e: Emit, lane: V128): void => {
  const v = e.f.let(lane);
  e.writeLanes(0, e.vectorLength === 32 ? [v, v] : [v]);
};

/** From memory, or the lowest element of a register. */
const broadcast =
  (splat: (value: Int) => V128, lowest: (v: V128) => Int): Emitter =>
  (e) =>
    ofEveryLane(e, splat(e.isMemory(1) ? e.read(1) : lowest(e.readVector(1, 16))));
export const emitBroadcast = {
  b: broadcast(
    (value) => i8x16.splat(value as I32),
    (v) => v128.extractI8U(0, v),
  ),
  w: broadcast(
    (value) => i16x8.splat(value as I32),
    (v) => v128.extractI16U(0, v),
  ),
  d: broadcast(
    (value) => i32x4.splat(value as I32),
    (v) => v128.extractI32(0, v),
  ),
  q: broadcast(
    (value) => i64x2.splat(value as I64),
    (v) => v128.extractI64(0, v),
  ),
};
/** VBROADCASTF128, VBROADCASTI128 */
export const emitBroadcast128: Emitter = (e) => ofEveryLane(e, e.readVector(1, 16));

const chooses = (immediate: Int, bit: number): I32 => i32.and(immediate as I32, i32.const(bit));

/** VINSERTF128, VINSERTI128 */
export const emitInsert128: Emitter = (e) => {
  const inserted = e.readVector(2, 16);
  const [low, high] = e.readLanes(1) as [V128, V128];
  const upper = e.f.let(chooses(e.read(3), 1));
  e.writeLanes(0, [select(upper, low, inserted), select(upper, inserted, high)]);
};

/** VEXTRACTF128, VEXTRACTI128 */
export const emitExtract128: Emitter = (e) => {
  const [low, high] = e.readLanes(1) as [V128, V128];
  e.writeVector(0, select(chooses(e.read(2), 1), high, low), 16);
};
