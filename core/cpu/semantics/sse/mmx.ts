/**
 * What is special about MMX registers: they are the significands of the x87 registers. Every MMX instruction first
 * raises #MF when an x87 exception is pending, and leaves all x87 registers in use with TOP 0. [SDM] volume 1, 9.5
 */
import type { V128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';

/** The MMX form of a packed instruction. */
export const mmx =
  (emit: Emitter): Emitter =>
  (e) => {
    e.checkMmx();
    emit(e);
    e.enterMmx();
  };

export const emitEmms: Emitter = (e) => {
  e.checkMmx();
  e.leaveMmx();
};

/** Bytes of the packed operand i. */
export const packedBytes = (e: Emit, i = 0): 8 | 16 => (e.isMmx(i) ? 8 : 16);

/** The whole packed operand i; XMM memory operands must be aligned. */
export function readPacked(e: Emit, i: number): V128 {
  const bytes = packedBytes(e);
  return e.readVector(i, bytes, bytes === 16);
}
