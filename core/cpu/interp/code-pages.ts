/** Blocks by the pages of memory that their bytes lie in, and which bytes those are. */
import { MODE_COUNT } from '../decode/mode.ts';
import { PAGE_SIZE } from '../layout.ts';
import { FLAG_CODE, type PhysicalMemory } from '../mmu/physical.ts';
import type { Tlb } from '../mmu/tlb.ts';
import { CODE_UNIT, CodeMap } from './code-map.ts';

/** Code that lies somewhere. */
interface PlacedCode {
  readonly host: number;
  readonly mode: number;
  /** Bytes. */
  readonly length: number;
  /** Host address of the second page that bytes come from; -1: none do. */
  readonly second: number;
}

/** A page whose code went away so often stays marked as code, for it is dear to mark it anew. */
const MAX_EMPTIED = 4;

const pageOf = (host: number): number => host >>> 12;
const keyOf = (host: number, mode: number): number => (host & (PAGE_SIZE - 1)) * MODE_COUNT + mode;

interface CodePage<T> {
  /** By offset and mode: blocks that begin here. */
  readonly blocks: Map<number, T>;
  /** Those whose end lies here, behind a page boundary: one a mode and offset of the page before. */
  readonly ends: T[];
}

export class CodePages<T extends PlacedCode> {
  readonly #pages = new Map<number, CodePage<T>>();
  readonly #map: CodeMap;
  /** How often a page lost all its code. */
  readonly #emptied = new Map<number, number>();

  constructor(
    readonly memory: PhysicalMemory,
    readonly tlb: Tlb,
  ) {
    this.#map = new CodeMap(memory.buffer, memory.codeMap);
  }

  /** @hot */
  find(host: number, mode: number): T | undefined {
    return this.#pages.get(pageOf(host))?.blocks.get(keyOf(host, mode));
  }
  /** Blocks that begin in a page. */
  in(page: number): Iterable<T> {
    return this.#pages.get(page)?.blocks.values() ?? [];
  }
  *all(): Generator<T> {
    for (const { blocks } of this.#pages.values()) yield* blocks.values();
  }

  add(block: T): void {
    const { host, length, second } = block;
    const inFirst = second < 0 ? length : PAGE_SIZE - (host % PAGE_SIZE);
    this.#page(pageOf(host)).blocks.set(keyOf(host, block.mode), block);
    this.#map.set(host, host + inFirst);
    if (second < 0) return;
    this.#page(pageOf(second)).ends.push(block);
    this.#map.set(second, second + length - inFirst);
  }
  #page(page: number): CodePage<T> {
    let entry = this.#pages.get(page);
    if (!entry) {
      entry = { blocks: new Map(), ends: [] };
      this.#pages.set(page, entry);
      this.memory.flags[page] = (this.memory.flags[page] ?? 0) | FLAG_CODE;
      this.tlb.protectHostPage(page * PAGE_SIZE);
    }
    return entry;
  }

  remove(block: T): void {
    const page = pageOf(block.host);
    const entry = this.#pages.get(page);
    entry?.blocks.delete(keyOf(block.host, block.mode));
    this.#tidy(page, entry);
    if (block.second < 0) return;
    const second = this.#pages.get(pageOf(block.second));
    if (second) second.ends.splice(second.ends.indexOf(block), 1);
    this.#tidy(pageOf(block.second), second);
  }
  /** A page without code is a common one again, unless it changes all the time. */
  #tidy(page: number, entry: CodePage<T> | undefined): void {
    if (!entry || entry.blocks.size + entry.ends.length > 0) return;
    const emptied = (this.#emptied.get(page) ?? 0) + 1;
    this.#emptied.set(page, emptied);
    if (emptied < MAX_EMPTIED) this.#unmark(page);
  }
  #unmark(page: number): void {
    this.#pages.delete(page);
    this.#map.clearPage(page);
    this.memory.flags[page] = (this.memory.flags[page] ?? 0) & ~FLAG_CODE;
  }

  /** Pages that lost their code too often get another chance. */
  forgive(): void {
    this.#emptied.clear();
    for (const [page, { blocks, ends }] of this.#pages) if (blocks.size + ends.length === 0) this.#unmark(page);
  }
  clear(): void {
    for (const page of [...this.#pages.keys()]) this.#unmark(page);
  }

  /** The blocks that have bytes, or neighbours of bytes, in [host, host + size); those bytes are code no more. @hot */
  hit(host: number, size: number): T[] {
    const found: T[] = [];
    const end = host + size;
    for (let page = pageOf(host); page * PAGE_SIZE < end; page++) {
      const entry = this.#pages.get(page);
      if (!entry) continue;
      const first = page * PAGE_SIZE;
      const from = (Math.max(host - first, 0) & -CODE_UNIT) + first;
      const to = ((Math.min(end - first, PAGE_SIZE) + CODE_UNIT - 1) & -CODE_UNIT) + first;
      if (!this.#map.any(from, to)) continue;
      this.#map.clear(from, to);
      collect(entry, from - first, to - first, found);
    }
    return found;
  }
}

/** Blocks that have bytes in [from, to) of a page. */
function collect<T extends PlacedCode>(page: CodePage<T>, from: number, to: number, found: T[]): void {
  for (const block of page.blocks.values()) {
    const at = block.host % PAGE_SIZE;
    if (at < to && at + block.length > from) found.push(block);
  }
  for (const block of page.ends) {
    const inSecond = block.length - (PAGE_SIZE - (block.host % PAGE_SIZE));
    if (inSecond > from && !found.includes(block)) found.push(block);
  }
}
