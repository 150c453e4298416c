/**
 * Finds code that is worth a translation, makes it, and puts it where the interpreter would run the block. What a page of
 * code has is dropped with its blocks.
 */

import { MODE_COUNT } from '../decode/mode.ts';
import type { BlockCache } from '../interp/blocks.ts';
import { ExtensionBuilder } from '../interp/handlers.ts';
import type { Interpreter } from '../interp/interpreter.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { findRegion } from './region.ts';
import { RegionCompiler } from './region-compiler.ts';
import { isTranslatableMode } from './translatable.ts';

/** When a block is translated: when it turns out to be hot, at its first execution (for tests), or never. */
export type Translation = 'hot' | 'always' | 'never';

/** So many ends of a slice at a block make it hot. */
const HOT = 2;
/** A page whose translations were dropped so often is left to the interpreter. */
const MAX_DROPS = 8;

export class Translator {
  /** Table slots of translations, by the first record of their entry's block. */
  readonly #slots = new Map<number, number>();
  readonly #samples = new Map<number, number>();
  readonly #drops = new Map<number, number>();
  regions = 0;
  instructions = 0;

  constructor(
    readonly at: VcpuLayout,
    readonly blocks: BlockCache,
    readonly interpreter: Interpreter,
    readonly when: Translation,
  ) {
    blocks.onDropped = (record, host) => this.#dropped(record, host);
  }

  /** A slice has ended at a block. */
  sample(host: number, mode: number): void {
    if (this.when !== 'hot') return;
    const key = host * MODE_COUNT + mode;
    const count = (this.#samples.get(key) ?? 0) + 1;
    this.#samples.set(key, count);
    if (count === HOT) this.translate(host, mode);
  }

  /** Translates from the block at a host address, if that can be done. */
  translate(host: number, mode: number): void {
    if (!isTranslatableMode(mode)) return;
    if ((this.#drops.get(Math.floor(host / PAGE_SIZE)) ?? 0) >= MAX_DROPS) return;
    const { flushes } = this.blocks;
    const page = Math.floor(host / PAGE_SIZE);
    const region = findRegion((at) =>
      Math.floor((host + at) / PAGE_SIZE) === page ? this.blocks.instructions(host + at, mode) : [],
    );
    const entry = region?.get(0)?.insns[0]?.record;
    if (!region || entry === undefined || this.blocks.flushes !== flushes || this.#slots.has(entry)) return;
    const b = new ExtensionBuilder(this.at);
    const f = b.m.func(['i32'], ['i32']);
    new RegionCompiler(f, this.at, b.rt, region).compile();
    b.m.export('0', f);
    const slot = this.interpreter.install(new WebAssembly.Module(b.m.encode()));
    this.#slots.set(entry, slot);
    this.blocks.setHandler(entry, slot);
    this.regions++;
    for (const block of region.values()) this.instructions += block.insns.length;
  }

  #dropped(record: number, host: number): void {
    const slot = this.#slots.get(record);
    if (slot === undefined) return;
    this.#slots.delete(record);
    this.interpreter.remove(slot);
    const page = Math.floor(host / PAGE_SIZE);
    this.#drops.set(page, (this.#drops.get(page) ?? 0) + 1);
  }
}
