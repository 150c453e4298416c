/** Runs a case on the soft FPU, with the outcome in the form in which the native harness gives it. */
import { loadState, storeState } from '../../cpu/fpu/image.ts';
import {
  ENVIRONMENT_16,
  ENVIRONMENT_32,
  X87_MATH_FAULT,
  X87_UNDEFINED,
  type X87Memory,
} from '../../cpu/fpu/instruction.ts';
import { X87_AREA_BYTES, X87_CS, X87_EFLAGS, X87_IP } from '../../cpu/fpu/state.ts';
import { X87 } from '../../cpu/fpu/x87.ts';
import { IMAGE_BYTES, type X87Case } from './cases.ts';
import type { X87Outcome } from './outcome.ts';

/** Memory that is there, for an FPU's operand field. */
export class FlatMemory implements X87Memory {
  constructor(
    private readonly operand: Uint8Array,
    readonly bytes: Uint8Array,
  ) {}

  load(count: number): boolean {
    this.operand.set(this.bytes.subarray(0, count));
    return true;
  }

  store(count: number): boolean {
    this.bytes.set(this.operand.subarray(0, count));
    return true;
  }
}

/** An FPU over memory of its own. */
export function newX87(): X87 {
  return new X87(new DataView(new SharedArrayBuffer(X87_AREA_BYTES)), 0);
}

const fpu = newX87();

export function runCase(c: X87Case): X87Outcome {
  fpu.words.fill(0);
  fpu.operandBytes.set(c.image);
  loadState(fpu, ENVIRONMENT_32);
  fpu.words[X87_EFLAGS / 4] = c.eflags;
  fpu.words[X87_IP / 4] = 0x1000;
  fpu.words[X87_CS / 4] = 0x33;
  const memory = new FlatMemory(fpu.operandBytes, c.memory.slice());
  const result = fpu.execute(c.opcode, c.modrm, memory, c.narrow ? ENVIRONMENT_16 : ENVIRONMENT_32);
  const signal = result === X87_MATH_FAULT ? 8 : result === X87_UNDEFINED ? 4 : 0;
  const ax = c.opcode === 0xdf && c.modrm === 0xe0 ? (fpu.operand[0] as number) & 0xffff : 0;
  const eflags = fpu.words[X87_EFLAGS / 4] as number;
  storeState(fpu, ENVIRONMENT_32);
  return { signal, image: fpu.operandBytes.slice(0, IMAGE_BYTES), eflags, ax, memory: memory.bytes };
}
