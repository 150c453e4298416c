/** AVX moves of the elements whose mask has its top bit set; the others are not touched and cannot fault. */
import { type I32, i32, i64, i64x2, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';
import type { Int } from '../width.ts';

interface Elements {
  readonly bytes: 4 | 8;
  extract(n: number, v: V128): Int;
  replace(n: number, v: V128, element: Int): V128;
  /** The top bit of element n. */
  sign(n: number, mask: V128): I32;
}
const DWORDS: Elements = {
  bytes: 4,
  extract: (n, v) => v128.extractI32(n, v),
  replace: (n, v, element) => v128.replaceI32(n, v, element),
  sign: (n, mask) => i32.and(v128.extractI32(n, mask), i32.const(0x8000_0000 | 0)),
};
const QWORDS: Elements = {
  bytes: 8,
  extract: (n, v) => v128.extractI64(n, v),
  replace: (n, v, element) => v128.replaceI64(n, v, element),
  sign: (n, mask) => i64.ltS(v128.extractI64(n, mask), i64.const(0n)),
};

/** `body` for each chosen element, with memory operand i there. */
function forEachChosen(
  e: Emit,
  i: number,
  { bytes, sign }: Elements,
  masks: readonly V128[],
  body: (lane: number, n: number) => void,
): void {
  masks.forEach((mask, lane) => {
    for (let n = 0; n < 16 / bytes; n++)
      e.f.if(sign(n, mask), () => {
        e.advance(i, i64.const(BigInt(lane * 16 + n * bytes)));
        body(lane, n);
      });
  });
}

const load =
  (elements: Elements): Emitter =>
  (e) => {
    const masks = e.readLanes(1);
    const results = masks.map(() => e.f.local('v128'));
    for (const result of results) e.f.set(result, i64x2.const(0n));
    forEachChosen(e, 2, elements, masks, (lane, n) => {
      const result = results[lane];
      if (result) e.f.set(result, elements.replace(n, result, e.read(2)));
    });
    e.writeLanes(0, results);
  };
/** All elements are looked at before the first is stored. */
const store =
  (elements: Elements): Emitter =>
  (e) => {
    const masks = e.readLanes(1);
    const source = e.readLanes(2);
    forEachChosen(e, 0, elements, masks, () => e.readForWrite(0));
    forEachChosen(e, 0, elements, masks, (lane, n) => e.write(0, elements.extract(n, source[lane] as V128)));
  };
/** VMASKMOVPS and VPMASKMOVD (d), VMASKMOVPD and VPMASKMOVQ (q). */
export const emitMaskLoad = { d: load(DWORDS), q: load(QWORDS) };
export const emitMaskStore = { d: store(DWORDS), q: store(QWORDS) };
