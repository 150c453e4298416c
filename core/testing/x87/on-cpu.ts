/** Runs a case on a whole CPU: emitters where there are any, in the interpreter or translated, and the soft FPU. */
import { loadState, storeState } from '../../cpu/fpu/image.ts';
import { ENVIRONMENT_32 } from '../../cpu/fpu/instruction.ts';
import { Cpu, FEATURE_NAMES, CpuOffsets as S } from '../../cpu/index.ts';
import type { Translation } from '../../cpu/translate/translator.ts';
import { TestCpu } from '../test-cpu.ts';
import { IMAGE_BYTES, MEMORY_BYTES, type X87Case } from './cases.ts';
import type { X87Outcome } from './outcome.ts';

const CODE = 0x10000;
const CODE_BYTES = 0x8000;
const DATA = 0x4000;
const OPERAND_SIZE = 0x66;
const UD2 = [0x0f, 0x0b];
/** Of the code of one encoding. */
const SLOT = 8;
const SLICE = 100;
const SIGFPE = 8;
const SIGILL = 4;
const SIGSEGV = 11;
/** As Linux makes them of exceptions. */
const SIGNALS: Readonly<Record<number, number>> = { [S.MF]: SIGFPE, [S.UD]: SIGILL, [S.PF]: SIGSEGV };

export class X87OnCpu {
  readonly #cpu: TestCpu;
  readonly #code: Uint8Array;
  readonly #data: Uint8Array;
  /** Where the code of an encoding lies: it is decoded, or translated, once. */
  readonly #known = new Map<string, number>();
  /** Instructions that the soft FPU has run. */
  soft = 0;

  constructor(when: Translation) {
    const before = Cpu.translation;
    Cpu.translation = when;
    this.#cpu = TestCpu.create(new Set(FEATURE_NAMES));
    Cpu.translation = before;
    const { x87 } = this.#cpu;
    const execute = x87.execute.bind(x87);
    x87.execute = (...args) => {
      this.soft++;
      return execute(...args);
    };
    this.#code = this.#cpu.map(CODE, CODE_BYTES);
    this.#data = this.#cpu.map(DATA, MEMORY_BYTES);
  }

  /** `address`: of the memory operand. */
  run(c: X87Case, address = DATA): X87Outcome {
    const cpu = this.#cpu;
    const s = cpu.state;
    cpu.x87.words.fill(0);
    cpu.x87.operandBytes.set(c.image);
    loadState(cpu.x87, ENVIRONMENT_32);
    s.eflags = c.eflags;
    s.setGpr(S.RAX, 0n);
    s.setGpr(S.RSI, BigInt(address));
    this.#data.set(c.memory);
    const start = this.#codeOf(c);
    s.rip = BigInt(start);
    cpu.raised = undefined;
    while (this.#raised() < 0) cpu.run(SLICE, false);
    const signal = s.rip !== BigInt(start) ? 0 : (SIGNALS[this.#raised()] ?? -1);
    storeState(cpu.x87, ENVIRONMENT_32);
    const image = cpu.x87.operandBytes.slice(0, IMAGE_BYTES);
    const memory = this.#data.slice(0, MEMORY_BYTES);
    return { signal, image, eflags: s.eflags, ax: Number(s.gpr(S.RAX)) & 0xffff, memory };
  }
  #raised(): number {
    return this.#cpu.raised?.vector ?? -1;
  }
  #codeOf({ narrow, opcode, modrm }: X87Case): number {
    const bytes = narrow ? [OPERAND_SIZE, opcode, modrm] : [opcode, modrm];
    const key = bytes.join();
    let at = this.#known.get(key);
    if (at === undefined) {
      at = this.#known.size * SLOT;
      this.#known.set(key, at);
      this.#code.set([...bytes, ...UD2], at);
    }
    return CODE + at;
  }
}
