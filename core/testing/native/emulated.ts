/** The emulated CPU as one that runs single instructions. */

import { X87_REGISTER_BYTES, X87_REGISTERS } from '../../cpu/fpu/state.ts';
import { type Feature, CpuOffsets as S } from '../../cpu/index.ts';
import { TestCpu } from '../test-cpu.ts';
import {
  CODE,
  CODE_BYTES,
  DATA,
  DATA_BYTES,
  EXPONENT_BEFORE,
  type InstructionCase,
  NO_VECTOR,
  type Outcome,
  START,
  VECTOR_BYTES,
  WINDOW,
  WINDOW_BYTES,
} from './case.ts';

const INT3 = 0xcc;
const VECTORS = 16;

export class EmulatedMachine {
  readonly #cpu: TestCpu;
  readonly #code: Uint8Array;
  readonly #data: Uint8Array;

  constructor(features: ReadonlySet<Feature>) {
    this.#cpu = TestCpu.create(features);
    this.#data = this.#cpu.map(DATA, DATA_BYTES);
    this.#code = this.#cpu.map(CODE, CODE_BYTES).fill(INT3);
  }

  run(c: InstructionCase): Outcome {
    const cpu = this.#cpu;
    this.#load(c);
    const raised = cpu.step(c.repeats);
    return {
      ...this.#save(),
      vector: raised?.vector ?? NO_VECTOR,
      error: raised?.errorCode ?? 0,
    };
  }

  #load(c: InstructionCase): void {
    const cpu = this.#cpu;
    const s = cpu.state;
    const code = START - CODE;
    this.#code.fill(INT3, code, code + 16).set(c.code, code);
    this.#data.fill(0).set(c.memory, WINDOW - DATA);
    s.rip = BigInt(START);
    cpu.setLong(c.long);
    c.gprs.forEach((value, n) => {
      s.setGpr(n, value);
    });
    s.eflags = c.eflags;
    s.set32(S.MXCSR, c.mxcsr);
    for (let n = 0; n < VECTORS; n++)
      s.u8.set(c.ymm.subarray(n * VECTOR_BYTES, (n + 1) * VECTOR_BYTES), S.VEC + n * S.VEC_SIZE);
    cpu.x87.fcw = c.fcw;
    cpu.x87.fsw = c.fsw;
    cpu.x87.ftw = c.ftw;
    c.mm.forEach((value, n) => {
      const at = mmxRegister(n);
      s.set64(at, value);
      s.set64(at + 8, BigInt(EXPONENT_BEFORE));
    });
  }

  #save(): Omit<Outcome, 'vector' | 'error'> {
    const cpu = this.#cpu;
    const s = cpu.state;
    const ymm = new Uint8Array(VECTORS * VECTOR_BYTES);
    for (let n = 0; n < VECTORS; n++)
      ymm.set(s.u8.subarray(S.VEC + n * S.VEC_SIZE, S.VEC + n * S.VEC_SIZE + VECTOR_BYTES), n * VECTOR_BYTES);
    return {
      gprs: BigUint64Array.from({ length: 16 }, (_, n) => s.gpr(n)),
      rip: s.rip,
      eflags: s.eflags,
      mxcsr: s.get32(S.MXCSR),
      cr2: s.get64(S.CR2),
      fsw: cpu.x87.fsw,
      ftw: cpu.x87.ftw,
      exponents: Uint16Array.from({ length: 8 }, (_, n) => s.u16[(mmxRegister(n) + 8) >> 1] ?? 0),
      ymm,
      mm: BigUint64Array.from({ length: 8 }, (_, n) => s.get64(mmxRegister(n))),
      memory: this.#data.slice(WINDOW - DATA, WINDOW - DATA + WINDOW_BYTES),
    };
  }
}

const mmxRegister = (n: number): number => S.X87 + X87_REGISTERS + n * X87_REGISTER_BYTES;
