/**
 * The software TLB (layout in state.ts): filled here and by refill.ts, read by generated code.
 *
 * It keeps the translations of the few PCIDs used last, each in a context of its own, so that a tag needs no PCID and a
 * switch back costs nothing. A context has a part for each kind of accessor. Global pages are in the context they were
 * used in, and stay when another PCID takes it over.
 */
import { PAGE_SIZE } from '../layout.ts';
import * as S from '../state.ts';
import { tlbSlot } from './tlb-slot.ts';
import type { Accessor, Translation } from './walk.ts';

const TAG_READ = S.TLB_READ >> 2;
const TAG_WRITE = S.TLB_WRITE >> 2;
const TAG_EXEC = S.TLB_EXEC >> 2;
const ADDEND = S.TLB_ADDEND >> 2;
const GLOBAL = S.TLB_GLOBAL >> 2;
const WORDS = S.TLB_ENTRY_SIZE >> 2;
const PART_WORDS = S.TLB_PART_SIZE >> 2;
const LARGE = S.TLB_PART_OF_LARGE;
const WRITES_CODE = S.TLB_WRITES_CODE;
/** Whether writes are allowed as they are, by looking out for code, or not yet. */
export type WriteAccess = 'plain' | 'code' | 'none';
/** The gigabyte that a linear address lies in. */
const gigabyteOf = (lo: number, hi: number): number => (hi | 0) * 4 + (lo >>> 30);

const HOLDS_OWN = S.TLB_HOLDS_OWN;
const HOLDS_GLOBAL = S.TLB_HOLDS_GLOBAL;

export class Tlb {
  readonly #words: Int32Array;
  /** By part: HOLDS_ bits. Empty ones need no sweep. */
  readonly #holdings: Uint8Array;
  /** By context: the PCID, and when it was selected. */
  readonly #pcids = new Int32Array(S.TLB_CONTEXTS).fill(-1);
  readonly #selected = new Float64Array(S.TLB_CONTEXTS);
  #selections = 0;
  /** Of all translations, or those of a PCID; and of pages. */
  flushes = 0;
  pageFlushes = 0;
  #context = 0;
  /** Gigabytes of linear addresses with parts of large pages. */
  readonly #large: Uint8Array;

  constructor(
    buffer: SharedArrayBuffer,
    readonly base: number,
  ) {
    this.#words = new Int32Array(buffer, base, S.TLB_HOLDINGS / 4);
    this.#words.fill(-1);
    this.#holdings = new Uint8Array(buffer, base + S.TLB_HOLDINGS, S.TLB_CONTEXTS * S.TLB_PARTS);
    this.#large = new Uint8Array(buffer, base + S.TLB_LARGE, S.TLB_GIGABYTES);
    this.select(0);
  }

  #part(accessor: Accessor): number {
    return this.#context * S.TLB_PARTS + accessor;
  }
  /** Address of the part that serves an accessor: TLB_BASE. */
  address(accessor: Accessor): number {
    return this.base + this.#part(accessor) * S.TLB_PART_SIZE;
  }
  #entry(lo: number, part: number): number {
    return part * PART_WORDS + (tlbSlot(lo) >> 2);
  }

  /** Goes on with the translations of a PCID; the one not selected for longest makes room. TLB_BASE changes. */
  select(pcid: number): void {
    let context = this.#pcids.indexOf(pcid);
    if (context < 0) {
      context = 0;
      for (let i = 1; i < S.TLB_CONTEXTS; i++)
        if ((this.#selected[i] ?? 0) < (this.#selected[context] ?? 0)) context = i;
      this.#dropOwn(context);
      this.#pcids[context] = pcid;
    }
    this.#selected[context] = ++this.#selections;
    this.#context = context;
  }

  /** Allows what a translation allows; writes only as given. `host` is that of the page's first byte. @hot */
  fill(lo: number, hi: number, accessor: Accessor, host: number, allowed: Translation, write: WriteAccess): void {
    const w = this.#words;
    const part = this.#part(accessor);
    const at = this.#entry(lo, part);
    const page = lo & ~(PAGE_SIZE - 1);
    const addend = (host - page) | 0;
    const same = w[at + ADDEND] === addend && this.#holds(at, page, hi);
    if (!same) {
      this.#clear(at);
      w[at + ADDEND] = addend;
    }
    w[at + GLOBAL] = (allowed.global ? 1 : 0) | (allowed.large ? LARGE : 0) | (write === 'code' ? WRITES_CODE : 0);
    this.#holdings[part] = (this.#holdings[part] ?? 0) | (allowed.global ? HOLDS_GLOBAL : HOLDS_OWN);
    if (allowed.large) this.#large[gigabyteOf(lo, hi) & (S.TLB_GIGABYTES - 1)] = 1;
    if (allowed.readable) {
      w[at + TAG_READ] = page;
      w[at + TAG_READ + 1] = hi;
    }
    if (write === 'plain') {
      w[at + TAG_WRITE] = page;
      w[at + TAG_WRITE + 1] = hi;
    }
    if (allowed.executable) {
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
    const w = this.#words;
    for (let i = at; i < at + ADDEND; i++) w[i] = -1;
  }

  /** Host address of a linear address when that access hits, or -1. `kind` is S.TLB_READ, TLB_WRITE or TLB_EXEC. @hot */
  lookup(lo: number, hi: number, accessor: Accessor, kind: number): number {
    const w = this.#words;
    const at = this.#entry(lo, this.#part(accessor));
    const tag = at + (kind >> 2);
    if (w[tag] !== (lo & ~(PAGE_SIZE - 1)) || w[tag + 1] !== hi) return -1;
    return (lo + (w[at + ADDEND] ?? 0)) >>> 0;
  }

  /** The same for writes where TLB_WRITES_CODE asks to look out for code. */
  lookupBesideCode(lo: number, hi: number, accessor: Accessor): number {
    const about = this.#words[this.#entry(lo, this.#part(accessor)) + GLOBAL] ?? 0;
    return (about & WRITES_CODE) === 0 ? -1 : this.lookup(lo, hi, accessor, S.TLB_READ);
  }

  // -- invalidation ------------------------------------------------------------------------------------------------
  /** Everything, of every PCID. */
  flush(): void {
    this.flushes++;
    for (let part = 0; part < this.#holdings.length; part++) if (this.#holdings[part] !== 0) this.#empty(part);
    this.#large.fill(0);
  }
  #empty(part: number): void {
    this.#words.fill(-1, part * PART_WORDS, (part + 1) * PART_WORDS);
    this.#holdings[part] = 0;
  }

  /** All but global pages of the PCID in use. */
  flushNonGlobal(): void {
    this.flushes++;
    this.#dropOwn(this.#context);
  }
  /** All but global pages of every PCID. */
  flushAllNonGlobal(): void {
    this.flushes++;
    for (let context = 0; context < S.TLB_CONTEXTS; context++) this.#dropOwn(context);
  }
  /** All but global pages of one PCID. */
  flushPcid(pcid: number): void {
    const context = this.#pcids.indexOf(pcid);
    if (context < 0) return;
    this.flushes++;
    this.#dropOwn(context);
  }

  #dropOwn(context: number): void {
    for (let part = context * S.TLB_PARTS; part < (context + 1) * S.TLB_PARTS; part++) {
      const holdings = this.#holdings[part] ?? 0;
      if (holdings === HOLDS_OWN) this.#empty(part);
      else if ((holdings & HOLDS_OWN) !== 0) {
        this.dropOwn(part);
        this.#holdings[part] = HOLDS_GLOBAL;
      }
    }
  }

  /** Drops what is not global of a part; generated code does the same sooner. */
  dropOwn = (part: number): void => this.#sweep(part, (at) => ((this.#words[at + GLOBAL] ?? 0) & 1) === 0);

  /** Drops the entries of a part that are so. */
  #sweep(part: number, drop: (at: number) => boolean): void {
    for (let at = part * PART_WORDS; at < (part + 1) * PART_WORDS; at += WORDS) if (drop(at)) this.#clear(at);
  }
  #eachHeld(each: (part: number) => void): void {
    for (let part = 0; part < this.#holdings.length; part++) if (this.#holdings[part] !== 0) each(part);
  }

  /** What a page fault drops: the translations of its address for the PCID in use. [SDM] volume 3, 4.10.4.1. */
  drop(lo: number, hi: number): void {
    const page = lo & ~(PAGE_SIZE - 1);
    const first = this.#context * S.TLB_PARTS;
    for (let part = first; part < first + S.TLB_PARTS; part++) this.#clearPage(part, page, hi);
  }
  #clearPage(part: number, page: number, hi: number): void {
    const at = this.#entry(page, part);
    if (this.#holds(at, page, hi)) this.#clear(at);
  }

  /** A page, global or not, in every PCID: all of it, if it is a large one that is here in parts. */
  flushPage(lo: number, hi: number): void {
    this.pageFlushes++;
    const page = lo & ~(PAGE_SIZE - 1);
    this.#eachHeld((part) => this.#clearPage(part, page, hi));
    const gigabyte = gigabyteOf(lo, hi);
    if (this.#large[gigabyte & (S.TLB_GIGABYTES - 1)] !== 0) this.#flushLarge(gigabyte);
  }
  /** Drops what large pages left in a gigabyte: no page is larger. */
  #flushLarge(gigabyte: number): void {
    const w = this.#words;
    const lies = (at: number, tag: number): boolean =>
      w[at + tag] !== -1 && gigabyteOf(w[at + tag] ?? 0, w[at + tag + 1] ?? 0) === gigabyte;
    this.#eachHeld((part) =>
      this.#sweep(part, (at) => ((w[at + GLOBAL] ?? 0) & LARGE) !== 0 && (lies(at, TAG_READ) || lies(at, TAG_EXEC))),
    );
  }

  /** Code came upon the page at `host`: writes must look out for it. */
  protectHostPage(host: number): void {
    const w = this.#words;
    this.#eachHeld((part) => {
      for (let at = part * PART_WORDS; at < (part + 1) * PART_WORDS; at += WORDS) {
        const page = w[at + TAG_WRITE] ?? -1;
        if (page !== -1 && (page + (w[at + ADDEND] ?? 0)) >>> 0 === host) this.#protect(at, WRITES_CODE);
      }
    });
  }
  /** Forbids direct writes to every page until the next slow one (the dirty log begins anew). */
  protectAll(): void {
    this.#eachHeld((part) => {
      for (let at = part * PART_WORDS; at < (part + 1) * PART_WORDS; at += WORDS) this.#protect(at, 0);
    });
  }
  #protect(at: number, access: number): void {
    this.#words[at + GLOBAL] = ((this.#words[at + GLOBAL] ?? 0) & ~WRITES_CODE) | access;
    this.#words[at + TAG_WRITE] = -1;
    this.#words[at + TAG_WRITE + 1] = -1;
  }
}
