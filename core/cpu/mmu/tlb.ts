/** The software TLB (layout in state.ts): filled here, read by generated code. */
import { PAGE_SIZE } from '../layout.ts';
import * as S from '../state.ts';

const TAG_READ = S.TLB_READ >> 2;
const TAG_WRITE = S.TLB_WRITE >> 2;
const TAG_EXEC = S.TLB_EXEC >> 2;
const ADDEND = S.TLB_ADDEND >> 2;
const GLOBAL = S.TLB_GLOBAL >> 2;
const WORDS = S.TLB_ENTRY_SIZE >> 2;
/** In the word TLB_GLOBAL: the page is a part of a larger one. */
const LARGE = 2;
/** The gigabyte that a linear address lies in. */
const gigabyteOf = (lo: number, hi: number): number => (hi | 0) * 4 + (lo >>> 30);

export class Tlb {
  readonly #words: Int32Array;
  /** Gigabytes of linear addresses with parts of large pages. */
  readonly #large = new Set<number>();

  constructor(
    buffer: SharedArrayBuffer,
    readonly base: number,
  ) {
    this.#words = new Int32Array(buffer, base, (2 * S.TLB_HALF_SIZE) / 4);
    this.flush();
  }

  /** Address of the half that serves user or supervisor accesses. */
  half(user: boolean): number {
    return this.base + (user ? S.TLB_HALF_SIZE : 0);
  }

  #entry(lo: number, user: boolean): number {
    return (((lo >>> 12) & (S.TLB_ENTRIES - 1)) + (user ? S.TLB_ENTRIES : 0)) * WORDS;
  }

  /** Allows reads, and the other kinds as given, of a page whose first byte is at `host`. @hot */
  fill(
    lo: number,
    hi: number,
    user: boolean,
    host: number,
    write: boolean,
    execute: boolean,
    global: boolean,
    large: boolean,
  ): void {
    const w = this.#words;
    const at = this.#entry(lo, user);
    const page = lo & ~(PAGE_SIZE - 1);
    const addend = (host - page) | 0;
    const same = w[at + ADDEND] === addend && this.#holds(at, page, hi);
    if (!same) {
      this.#clear(at);
      w[at + ADDEND] = addend;
    }
    w[at + GLOBAL] = (global ? 1 : 0) | (large ? LARGE : 0);
    if (large) this.#large.add(gigabyteOf(lo, hi));
    w[at + TAG_READ] = page;
    w[at + TAG_READ + 1] = hi;
    if (write) {
      w[at + TAG_WRITE] = page;
      w[at + TAG_WRITE + 1] = hi;
    }
    if (execute) {
      w[at + TAG_EXEC] = page;
      w[at + TAG_EXEC + 1] = hi;
    }
  }

  /** Some kind of access to this page is in the entry. */
  #holds(at: number, page: number, hi: number): boolean {
    const w = this.#words;
    return (
      (w[at + TAG_READ] === page && w[at + TAG_READ + 1] === hi) ||
      (w[at + TAG_WRITE] === page && w[at + TAG_WRITE + 1] === hi) ||
      (w[at + TAG_EXEC] === page && w[at + TAG_EXEC + 1] === hi)
    );
  }

  #clear(at: number): void {
    this.#words.fill(-1, at, at + ADDEND);
  }

  /** Host address of a linear address when that access hits, or -1. `kind` is S.TLB_READ, TLB_WRITE or TLB_EXEC. @hot */
  lookup(lo: number, hi: number, user: boolean, kind: number): number {
    const w = this.#words;
    const at = this.#entry(lo, user);
    const tag = at + (kind >> 2);
    if (w[tag] !== (lo & ~(PAGE_SIZE - 1)) || w[tag + 1] !== hi) return -1;
    return (lo + (w[at + ADDEND] ?? 0)) >>> 0;
  }

  flush(): void {
    this.#words.fill(-1);
    this.#large.clear();
  }

  /** All but global mappings (a CR3 load). */
  flushNonGlobal(): void {
    const w = this.#words;
    for (let at = 0; at < w.length; at += WORDS) if (((w[at + GLOBAL] ?? 0) & 1) === 0) w.fill(-1, at, at + ADDEND);
  }

  /** INVLPG: all of the page, which may be a large one that is here in parts. */
  flushPage(lo: number, hi: number): void {
    const page = lo & ~(PAGE_SIZE - 1);
    for (const user of [false, true]) {
      const at = this.#entry(lo, user);
      if (this.#holds(at, page, hi)) this.#clear(at);
    }
    if (this.#large.has(gigabyteOf(lo, hi))) this.#flushLarge(lo, hi);
  }
  /** Drops what large pages left in the gigabyte of an address: no page is larger. */
  #flushLarge(lo: number, hi: number): void {
    const w = this.#words;
    for (let at = 0; at < w.length; at += WORDS) {
      const tag = at + TAG_READ;
      if (((w[at + GLOBAL] ?? 0) & LARGE) !== 0 && gigabyteOf(w[tag] ?? 0, w[tag + 1] ?? 0) === gigabyteOf(lo, hi))
        this.#clear(at);
    }
  }

  /** Forbids direct writes to the page at `host` until the next slow write (code or dirty log came upon it). */
  protectHostPage(host: number): void {
    const w = this.#words;
    for (let at = 0; at < w.length; at += WORDS) {
      const page = w[at + TAG_WRITE] ?? -1;
      if ((page & (PAGE_SIZE - 1)) !== 0) continue;
      if ((page + (w[at + ADDEND] ?? 0)) >>> 0 === host) {
        w[at + TAG_WRITE] = -1;
        w[at + TAG_WRITE + 1] = -1;
      }
    }
  }

  /** The same for every page. */
  protectAll(): void {
    const w = this.#words;
    for (let at = 0; at < w.length; at += WORDS) {
      w[at + TAG_WRITE] = -1;
      w[at + TAG_WRITE + 1] = -1;
    }
  }
}
