/** Instructions that TypeScript may have to run, by the numbers that their records have. */
import type { Insn } from '../decode/insn.ts';

export class InsnStore {
  readonly #insns: Insn[] = [];
  readonly #free: number[] = [];

  keep(insn: Insn): number {
    const number = this.#free.pop() ?? this.#insns.length;
    this.#insns[number] = insn;
    return number;
  }
  release(numbers: readonly number[]): void {
    this.#free.push(...numbers);
  }
  /** @hot */
  get(number: number): Insn {
    return this.#insns[number] as Insn;
  }
}
