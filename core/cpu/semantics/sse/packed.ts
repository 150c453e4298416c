/**
 * The shapes of vector instructions. A meaning is written once, for one 128-bit lane; the shape makes an emitter of it
 * that serves the legacy encoding (destination and first source are one, memory must be aligned, the upper half of a
 * YMM register stays), MMX, and VEX encodings of 128 and 256 bits (a destination of its own).
 */
import type { V128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packedBytes, readPacked } from './mmx.ts';

/** One lane of the result from one lane of each source. Operands are let() values. */
export type Unary = (a: V128, e: Emit) => V128;
export type Binary = (a: V128, b: V128, e: Emit) => V128;

/** Where sources begin: a legacy destination is the first of two sources as well. */
const firstSource = (e: Emit): number => (e.vectorLength === 0 ? 0 : 1);

/** Destination = operation(first, second). The last source is read first, because it may be memory and fault. */
export const packed =
  (operation: Binary): Emitter =>
  (e) => {
    if (e.isMmx(0)) {
      const b = readPacked(e, 1);
      e.writeVector(0, operation(e.readVector(0, 8), b, e), 8);
      return;
    }
    const first = firstSource(e);
    const second = e.readLanes(first + 1, e.vectorLength === 0);
    const lanes = e.readLanes(first);
    e.writeLanes(
      0,
      zip(lanes, second, (a, b) => operation(a, b, e)),
    );
  };

/** Destination = operation(source): two operands in every encoding. */
export const packedUnary =
  (operation: Unary): Emitter =>
  (e) => {
    if (e.isMmx(0)) {
      e.writeVector(0, operation(readPacked(e, 1), e), packedBytes(e));
      return;
    }
    const source = e.readLanes(1, e.vectorLength === 0);
    e.writeLanes(
      0,
      source.map((a) => operation(a, e)),
    );
  };

/** Lane by lane. */
export function zip(a: readonly V128[], b: readonly V128[], operation: (a: V128, b: V128) => V128): V128[] {
  return a.map((lane, n) => operation(lane, b[n] as V128));
}
