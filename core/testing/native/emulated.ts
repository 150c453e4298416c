/** The emulated CPU as one that runs single instructions. */

import { X87_FOP, X87_REGISTER_BYTES, X87_REGISTERS } from '../../cpu/fpu/state.ts';
import { type Feature, CpuOffsets as S } from '../../cpu/index.ts';
import { TestCpu } from '../test-cpu.ts';
import {
  CODE,
  CODE_BYTES,
  DATA,
  DATA_BYTES,
  DATA_COPY,
  EXPONENT_BEFORE,
  type InstructionCase,
  NO_VECTOR,
  type Outcome,
  VECTOR_BYTES,
  WINDOW,
  WINDOW_BYTES,
} from './case.ts';
import { descriptor, GDT, LDT } from './segments.ts';

const INT3 = 0xcc;
/** Bytes of code. */
const LONGEST = 16;
const VECTORS = 16;
const NOT_PRESENT = 11;
const ERROR_IDT = 2;
/** Gates that lead nowhere: #NP tells that an interrupt of a program came as far. A user program has Linux's INT3 and INTO. */
const IDT = Array.from({ length: 256 }, (_, n) => (n === 3 || n === 4 ? 0x6en : 0x0en) << 40n);

export class EmulatedMachine {
  readonly #cpu: TestCpu;
  readonly #code: Uint8Array;
  readonly #data: Uint8Array;
  /** Where the last case's code lies. */
  #last = 0;
  /** What the segment registers hold, where that is known. */
  #selectors: readonly number[] | undefined;

  constructor(features: ReadonlySet<Feature>) {
    this.#cpu = TestCpu.create(features);
    this.#data = this.#cpu.map(DATA, DATA_BYTES, DATA_COPY);
    this.#cpu.setTables(GDT, LDT.map(descriptor), IDT);
    this.#code = this.#cpu.map(CODE, CODE_BYTES).fill(INT3);
  }

  run(c: InstructionCase): Outcome {
    const cpu = this.#cpu;
    this.#load(c);
    const raised = cpu.step(c.repeats, c.row.emit !== undefined);
    const outcome = this.#save();
    const error = raised?.errorCode ?? 0;
    if (raised?.vector !== NOT_PRESENT || (error & ERROR_IDT) === 0)
      return { ...outcome, vector: raised?.vector ?? NO_VECTOR, error };
    return { ...outcome, vector: error >> 3, error: 0, rip: outcome.rip + BigInt(c.code.length) };
  }

  #load(c: InstructionCase): void {
    const cpu = this.#cpu;
    const s = cpu.state;
    const code = c.start - CODE;
    this.#code.fill(INT3, this.#last, this.#last + LONGEST).set(c.code, code);
    this.#last = code;
    this.#data.fill(0).set(c.memory, WINDOW - DATA);
    this.#loadSegments(c);
    s.rip = BigInt(c.start) - (c.long ? 0n : s.segBase(S.CS));
    if (c.long) {
      s.set64(S.SEG + S.FS * S.SEG_SIZE + S.SEG_BASE, c.fsBase);
      s.set64(S.SEG + S.GS * S.SEG_SIZE + S.SEG_BASE, c.gsBase);
    }
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
    s.u8.fill(0, S.X87 + X87_FOP, S.X87 + X87_REGISTERS); // the pointers to the last instruction
    c.mm.forEach((value, n) => {
      const at = mmxRegister(n);
      s.set64(at, value);
      s.set64(at + 8, BigInt(EXPONENT_BEFORE));
    });
  }

  #loadSegments(c: InstructionCase): void {
    const { selectors, row } = c;
    if (selectors !== this.#selectors) {
      this.#cpu.setLong(c.long);
      this.#cpu.setSegments(selectors);
    }
    // where there is only an emitter no instruction loads a segment register
    this.#selectors = row.system !== undefined ? undefined : selectors;
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
      selectors: [S.ES, S.CS, S.SS, S.DS, S.FS, S.GS].map((n) => s.selector(n)),
      fsBase: s.segBase(S.FS),
      gsBase: s.segBase(S.GS),
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
