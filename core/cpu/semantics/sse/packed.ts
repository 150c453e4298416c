/**
 * The shapes of vector instructions. A meaning is written once, for one 128-bit lane; the shape makes an emitter of it
 * that serves the legacy encoding (destination and first source are one, memory must be aligned, the upper half of a
 * YMM register stays), MMX, and VEX encodings of 128 and 256 bits (a destination of its own).
 */
import { type I32, i32, type V128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import { packedBytes, readPacked } from './mmx.ts';

/** One lane of the result from one lane of each source; `lane` says which. Operands are let() values. */
export type Unary = (a: V128, e: Emit) => V128;
export type Binary = (a: V128, b: V128, e: Emit, lane: number) => V128;
export type BinaryImmediate = (a: V128, b: V128, immediate: I32, e: Emit) => V128;

/** Where sources begin: a legacy destination is the first of two sources as well. */
export const firstSource = (e: Emit): number => (e.vectorLength === 0 ? 0 : 1);

/** Destination = operation(first, second). The last source is read first, because it may be memory and fault. */
export const packed =
  (operation: Binary): Emitter =>
  (e) => {
    if (e.isMmx(0)) {
      const b = readPacked(e, 1);
      e.writeVector(0, operation(e.readVector(0, 8), b, e, 0), 8);
      return;
    }
    const first = firstSource(e);
    const second = e.readLanes(first + 1, e.vectorLength === 0);
    const lanes = e.readLanes(first);
    e.writeLanes(
      0,
      zip(lanes, second, (a, b, lane) => operation(a, b, e, lane)),
    );
  };

/**
 * `packed` with an immediate byte behind the sources. A lane's immediate begins `bitsPerLane` above that of the lane
 * below; 0: all lanes have the same.
 */
export const packedImmediate = (operation: BinaryImmediate, bitsPerLane = 0): Emitter =>
  packed((a, b, e, lane) => {
    const immediate = e.read(firstSource(e) + 2) as I32;
    return operation(a, b, e.f.let(i32.shrU(immediate, i32.const(lane * bitsPerLane))), e);
  });

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
export function zip<T extends V128>(
  a: readonly V128[],
  b: readonly V128[],
  operation: (a: V128, b: V128, lane: number) => T,
): T[] {
  return a.map((lane, n) => operation(lane, b[n] as V128, n));
}
