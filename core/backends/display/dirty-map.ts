/**
 * Which pages of video memory were written since the display last looked: one bit a page in shared memory, with
 * Atomics. Those who write set bits, one reader (the display) takes them.
 *
 * Guests write through memory slots, and the pages that they touch are in KVM's dirty log, which only the machine's
 * thread can take. So the display asks: request() says whether there is anything to ask for, and the caller kicks the
 * machine's thread, which answers the request with what its log holds. A machine whose guest has slept since the last
 * answer is not stale and is left asleep: while nothing happens, nobody wakes anybody.
 */
const PAGE_BYTES = 4096;
const PAGE_SHIFT = 12;
/** The largest video memory that a machine has, in pages. */
const MAX_PAGES = (64 * 2 ** 20) / PAGE_BYTES;
const MAP_WORDS = MAX_PAGES / 32;

const MARKED = 0; // some bit below is set
const STALE = 1; //  the guest may have written since the log was taken
const WANTED = 2; // the display waits for the log
const MAP = 3;

/** Words of shared memory a DirtyMap takes. */
export const DIRTY_WORDS = MAP + MAP_WORDS;

/** Pages that a reader took. */
export class DirtyPages {
  readonly words = new Int32Array(MAP_WORDS);

  /** Whether a page of [offset, offset + length) is among them. @hot */
  touches(offset: number, length: number): boolean {
    const last = Math.min((offset + length - 1) >>> PAGE_SHIFT, MAX_PAGES - 1);
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      if ((this.words[page >> 5] ?? 0) & (1 << (page & 31))) return true;
    }
    return false;
  }
}

export class DirtyMap {
  readonly #words: Int32Array;

  /** @param words DIRTY_WORDS words of (usually shared) memory, zeros at first: clean, and nothing to ask for. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Bytes of video memory at [offset, offset + length) changed. */
  mark(offset: number, length: number): void {
    if (length <= 0) return;
    const last = Math.min((offset + length - 1) >>> PAGE_SHIFT, MAX_PAGES - 1);
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      Atomics.or(this.#words, MAP + (page >> 5), 1 << (page & 31));
    }
    Atomics.store(this.#words, MARKED, 1);
  }

  /** The display's side: moves all marks to `target`; false where there were none. */
  take(target: DirtyPages): boolean {
    if (Atomics.load(this.#words, MARKED) === 0) return false;
    Atomics.store(this.#words, MARKED, 0);
    for (let i = 0; i < MAP_WORDS; i++) target.words[i] = Atomics.exchange(this.#words, MAP + i, 0);
    return true;
  }

  /** The display's side: asks for the log. True where the machine's thread must be kicked for it. */
  request(): boolean {
    if (Atomics.load(this.#words, STALE) === 0) return false;
    Atomics.store(this.#words, WANTED, 1);
    return true;
  }

  /** The machine's side: whether the display waits; asking ends the wait. */
  takeRequest(): boolean {
    return Atomics.load(this.#words, WANTED) !== 0 && Atomics.exchange(this.#words, WANTED, 0) !== 0;
  }

  /** The machine's side: whether its guest may write, or has written, what the log was not asked for yet. */
  set stale(value: boolean) {
    Atomics.store(this.#words, STALE, value ? 1 : 0);
  }
}
