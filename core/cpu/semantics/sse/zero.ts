/** VZEROUPPER and VZEROALL; a VEX encoding that writes XMM zeroes the upper half. */
import { i64x2 } from '../../../wasm/index.ts';
import type { Emitter } from '../emit.ts';

/** Of so many registers. */
export const emitZeroUpper =
  (registers: number): Emitter =>
  (e) => {
    for (let n = 0; n < registers; n++) e.setXmm(n, e.xmm(n));
  };
export const emitZeroAll =
  (registers: number): Emitter =>
  (e) => {
    for (let n = 0; n < registers; n++) e.setXmm(n, i64x2.const(0n));
  };
