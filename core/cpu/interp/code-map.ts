/**
 * Which bytes of memory are decoded code: a bit for each unit of 4 bytes, in the VM's shared memory, where generated code looks
 * before it writes to a page with code (mmu/code-writes.ts).
 */
import { PAGE_SIZE } from '../layout.ts';

export const CODE_UNIT = 4;
/** Bytes of memory that a byte of the map, and a word, stands for. */
const PER_WORD = CODE_UNIT * 32;

export class CodeMap {
  readonly #words: Int32Array;

  /** `at`: address of the bits of address 0. */
  constructor(
    buffer: SharedArrayBuffer,
    readonly at: number,
  ) {
    this.#words = new Int32Array(buffer);
  }

  #word(address: number): number {
    return (this.at >> 2) + Math.floor(address / PER_WORD);
  }
  /** Bits of [from, to) that are in the word of `from`. */
  #mask(from: number, to: number): number {
    const first = (from % PER_WORD) / CODE_UNIT;
    const last = Math.min(first + (to - from - 1) / CODE_UNIT, 31) | 0;
    return (-1 << (first | 0)) & (-1 >>> (31 - last));
  }

  set(from: number, to: number): void {
    for (let at = from; at < to; at = next(at)) {
      const word = this.#word(at);
      this.#words[word] = (this.#words[word] ?? 0) | this.#mask(at, to);
    }
  }
  clear(from: number, to: number): void {
    for (let at = from; at < to; at = next(at)) {
      const word = this.#word(at);
      this.#words[word] = (this.#words[word] ?? 0) & ~this.#mask(at, to);
    }
  }
  /** Some of [from, to) may be code. @hot */
  any(from: number, to: number): boolean {
    for (let at = from; at < to; at = next(at))
      if (((this.#words[this.#word(at)] ?? 0) & this.#mask(at, to)) !== 0) return true;
    return false;
  }
  clearPage(page: number): void {
    const first = this.#word(page * PAGE_SIZE);
    this.#words.fill(0, first, first + PAGE_SIZE / PER_WORD);
  }
}
/** Where the next word begins. */
const next = (at: number): number => (Math.floor(at / PER_WORD) + 1) * PER_WORD;
