/** Moves between XMM, MMX and general registers and memory. Lanes are given by their bytes. */
import { anyTrue, type I32, i8x16, i32, i32x4, i64, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import type { Int } from '../width.ts';
import { packedBytes } from './mmx.ts';
import { firstSource } from './packed.ts';

/** Low `bytes` of b, the rest of a. */
export function mergeLow(bytes: 4 | 8, a: V128, b: V128): V128 {
  return v128.shuffle(
    Array.from({ length: 16 }, (_, at) => (at < bytes ? 16 + at : at)),
    a,
    b,
  );
}

/** A v128 of the low `bytes` of v, zeros above. */
function zeroExtended(bytes: 4 | 8, v: V128): V128 {
  return mergeLow(bytes, i64x2.const(0n), v);
}

/** A general register's value in the low lane, zeros above. */
function fromInt(e: Emit, value: Int): V128 {
  if (e.size === 8) return v128.replaceI64(0, i64x2.const(0n), value);
  return v128.replaceI32(0, i32x4.const(0), value);
}

/** MOVAPS, MOVUPS, MOVDQA and their like: 16 bytes either way. */
const move =
  (aligned: boolean): Emitter =>
  (e) =>
    e.writeLanes(0, e.readLanes(1, aligned), aligned);
export const emitMoveAligned = move(true);
export const emitMoveUnaligned = move(false);

/** MOVQ of MMX registers and memory, MOVNTQ. */
export const emitMoveMmx: Emitter = (e) => e.writeVector(0, e.readVector(1, 8), 8);

/** MOVSS and MOVSD: from memory the upper lanes become zero, between registers they are those of the first source. */
const moveScalar =
  (bytes: 4 | 8): Emitter =>
  (e) => {
    if (e.isMemory(0) || e.isMemory(1)) {
      e.writeVector(0, e.readVector(1, bytes), bytes);
      return;
    }
    const first = firstSource(e);
    e.writeVector(0, mergeLow(bytes, e.readVector(first, 16), e.readVector(first + 1, bytes)), bytes);
  };
export const emitMovss = moveScalar(4);
export const emitMovsd = moveScalar(8);

/** MOVLPS, MOVLPD from memory; MOVHLPS. */
export const emitLoadLow: Emitter = (e) => {
  const first = firstSource(e);
  const b = e.readVector(first + 1, 8);
  e.writeVector(0, mergeLow(8, e.readVector(first, 16), b), 16);
};
export const emitMovhlps: Emitter = (e) => {
  const first = firstSource(e);
  const [a, b] = [e.readVector(first, 16), e.readVector(first + 1, 16)];
  e.writeVector(0, v128.replaceI64(0, a, v128.extractI64(1, b)), 16);
};
/** MOVHPS, MOVHPD from memory; MOVLHPS: the low half of the source becomes the upper half. */
export const emitLoadHigh: Emitter = (e) => {
  const first = firstSource(e);
  const b = e.readVector(first + 1, 8);
  e.writeVector(0, v128.replaceI64(1, e.readVector(first, 16), v128.extractI64(0, b)), 16);
};
export const emitStoreLow: Emitter = (e) => e.writeVector(0, e.readVector(1, 16), 8);
export const emitStoreHigh: Emitter = (e) => {
  const b = e.readVector(1, 16);
  e.writeVector(0, i64x2.splat(v128.extractI64(1, b)), 8);
};

/** MOVQ xmm, xmm/m64 and xmm/m64, xmm: a register's upper half becomes zero. MOVQ2DQ, MOVDQ2Q. */
export const emitMovq: Emitter = (e) => e.writeVector(0, zeroExtended(8, e.readVector(1, 8)), 8);

/** MOVD and MOVQ with general registers and memory, by operand size. */
export const emitMovdTo: Emitter = (e) => e.writeVector(0, fromInt(e, e.read(1)), packedBytes(e));
export const emitMovdFrom: Emitter = (e) => {
  const v = e.readVector(1, packedBytes(e, 1));
  e.write(0, e.size === 8 ? v128.extractI64(0, v) : v128.extractI32(0, v));
};

/** MASKMOVDQU and MASKMOVQ: bytes whose mask has its top bit set, one by one, so that no other is touched. */
export const emitMaskMove: Emitter = (e) => {
  const { f } = e;
  const bytes = packedBytes(e);
  const source = e.readVector(0, bytes);
  const mask = e.readVector(1, bytes);
  f.if(anyTrue(v128.and(mask, i8x16.const(0x80))), () => {
    const at = f.local('i32');
    f.set(at, i32.const(0));
    f.loop((again) => {
      const lane = f.let(i8x16.splat(at));
      const chosen = v128.extractI8U(0, i8x16.swizzle(mask, lane));
      f.if(i32.and(chosen, i32.const(0x80)), () => {
        e.advance(2, i64.extendU(at));
        e.write(2, v128.extractI8U(0, i8x16.swizzle(source, lane)));
      });
      f.set(at, i32.add(at, i32.const(1)));
      f.brIf(again, i32.ltU(at, i32.const(bytes)));
    });
  });
};

/** MOVMSKPS, MOVMSKPD, PMOVMSKB: the top bits of the lanes. */
const signs =
  (bitmask: (v: V128) => I32, bits: number): Emitter =>
  (e) => {
    const [low, high] = e.readLanes(1).map(bitmask);
    if (e.isMmx(1)) e.write(0, i32.and(low as I32, i32.const(0xff)));
    else e.write(0, high === undefined ? (low as I32) : i32.or(low as I32, i32.shl(high, i32.const(bits))));
  };
export const emitMovmskps = signs(i32x4.bitmask, 4);
export const emitMovmskpd = signs(i64x2.bitmask, 2);
export const emitPmovmskb = signs(i8x16.bitmask, 16);
