/** AVX2 shifts in which every element has a count of its own; WebAssembly shifts all lanes by one. */
import { type I32, type I64, i32, i64, select, v128 } from '../../../wasm/index.ts';
import type { Emitter } from '../emit.ts';
import { packed } from './packed.ts';

const dwords = (by: (a: I32, count: I32) => I32): Emitter =>
  packed((a, counts, e) => {
    let result = a;
    for (let n = 0; n < 4; n++) {
      const count = e.f.let(v128.extractI32(n, counts));
      result = v128.replaceI32(n, result, by(v128.extractI32(n, a), count));
    }
    return result;
  });
const qwords = (by: (a: I64, count: I64) => I64): Emitter =>
  packed((a, counts, e) => {
    let result = a;
    for (let n = 0; n < 2; n++) {
      const count = e.f.let(v128.extractI64(n, counts));
      result = v128.replaceI64(n, result, by(v128.extractI64(n, a), count));
    }
    return result;
  });

/** A count of the element's width or more shifts everything out. */
const dword = (shifted: I32, count: I32): I32 => select(i32.ltU(count, i32.const(32)), shifted, i32.const(0));
const qword = (shifted: I64, count: I64): I64 => select(i64.ltU(count, i64.const(64n)), shifted, i64.const(0n));
export const emitPsllv = {
  d: dwords((a, count) => dword(i32.shl(a, count), count)),
  q: qwords((a, count) => qword(i64.shl(a, count), count)),
};
export const emitPsrlv = {
  d: dwords((a, count) => dword(i32.shrU(a, count), count)),
  q: qwords((a, count) => qword(i64.shrU(a, count), count)),
};
export const emitPsravd = dwords((a, count) =>
  i32.shrS(a, select(i32.ltU(count, i32.const(32)), count, i32.const(31))),
);
