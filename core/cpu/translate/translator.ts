/**
 * Finds code that is worth a translation, makes it, and puts it where the interpreter would run the block. What a page of
 * code has is dropped with its blocks.
 */

import { MODE_COUNT } from '../decode/mode.ts';
import type { BlockCache } from '../interp/blocks.ts';
import { ExtensionBuilder } from '../interp/handlers.ts';
import type { Interpreter } from '../interp/interpreter.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { findRegion, type Region } from './region.ts';
import { RegionCompiler } from './region-compiler.ts';
import { isTranslatableMode } from './translatable.ts';

/** When a block is translated: when it turns out to be hot, at its first execution (for tests), or never. */
export type Translation = 'hot' | 'always' | 'never';

/** So many ends of a slice at a block make it hot. */
const HOT = 16;
/** Modules are dear (about 2 ms each), functions are cheap: so many wait for each other, or for so many slices. */
const BATCH = 24;
const BATCH_SLICES = 96;
/** More regions than that, of about 0.1 MiB each, and all code is dropped: what is hot comes back soon. */
const MAX_REGIONS = 2000;
/** Places remembered as sampled once. */
const MAX_SAMPLES = 1 << 17;
/** A page whose translations were dropped so often is left to the interpreter, until so many slices have passed. */
const MAX_DROPS = 8;
const FORGIVE_SLICES = 1 << 16;

interface Place {
  readonly host: number;
  readonly mode: number;
}

export class Translator {
  /** Table slots of translations, by the first record of their entry's block. */
  readonly #slots = new Map<number, number>();
  /** How many entries lead to a slot. */
  readonly #uses = new Map<number, number>();
  readonly #samples = new Map<number, number>();
  readonly #drops = new Map<number, number>();
  readonly #waiting = new Map<number, Place>();
  #slices = 0;
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

  /** A slice has ended, at a block. */
  sample(host: number, mode: number): void {
    if (this.when !== 'hot') return;
    const key = host * MODE_COUNT + mode;
    const count = (this.#samples.get(key) ?? 0) + 1;
    if (this.#samples.size >= MAX_SAMPLES) this.#samples.clear();
    // counting begins anew: the code may be dropped, and others may be hot in its place
    this.#samples.set(key, count % HOT);
    if (count === HOT) this.#waiting.set(key, { host, mode });
    this.#slices++;
    if (this.#slices % FORGIVE_SLICES === 0) this.#drops.clear();
    if (this.#slices % BATCH_SLICES !== 0 && this.#waiting.size < BATCH) return;
    this.#translateAll([...this.#waiting.values()]);
    this.#waiting.clear();
  }

  /** Translates from the block at a host address now, if that can be done. */
  translate(host: number, mode: number): void {
    this.#translateAll([{ host, mode }]);
  }

  #translateAll(places: readonly Place[]): void {
    if (this.#uses.size + places.length > MAX_REGIONS) {
      this.blocks.flush();
      this.#samples.clear();
      return;
    }
    const { flushes } = this.blocks;
    const regions = places.flatMap((place) => this.#find(place) ?? []);
    if (regions.length === 0 || this.blocks.flushes !== flushes) return; // their records are no more
    const b = new ExtensionBuilder(this.at);
    regions.forEach((region, n) => {
      const f = b.m.func(['i32'], ['i32']);
      new RegionCompiler(f, this.at, b.rt, region).compile();
      b.m.export(String(n), f);
    });
    const slots = this.interpreter.install(new WebAssembly.Module(b.m.encode()), regions.length);
    regions.forEach((region, n) => {
      this.#install(region, slots[n] as number);
    });
  }

  #install({ entries, blocks }: Region, slot: number): void {
    for (const { record } of entries) {
      if (this.#slots.has(record)) continue; // of another region, which serves as well
      this.#slots.set(record, slot);
      this.#uses.set(slot, (this.#uses.get(slot) ?? 0) + 1);
      this.blocks.setHandler(record, slot);
    }
    this.regions++;
    for (const block of blocks.values()) this.instructions += block.insns.length;
  }

  #find({ host, mode }: Place): Region | undefined {
    const page = Math.floor(host / PAGE_SIZE);
    const unsteady = (this.#drops.get(page) ?? 0) >= MAX_DROPS && this.when !== 'always';
    if (unsteady || !isTranslatableMode(mode)) return undefined;
    const [first] = this.blocks.instructions(host, mode);
    if (!first || this.#slots.has(first.record)) return undefined;
    const from = page * PAGE_SIZE - host;
    return findRegion({
      from,
      to: from + PAGE_SIZE,
      decode: (at) => this.blocks.instructions(host + at, mode),
      known: () => this.blocks.blocksIn(page, mode).map((other) => other - host),
    });
  }

  #dropped(record: number, host: number): void {
    const slot = this.#slots.get(record);
    if (slot === undefined) return;
    this.#slots.delete(record);
    const uses = (this.#uses.get(slot) ?? 0) - 1;
    this.#uses.set(slot, uses);
    if (uses > 0) return;
    this.#uses.delete(slot);
    this.interpreter.remove(slot);
    const page = Math.floor(host / PAGE_SIZE);
    this.#drops.set(page, (this.#drops.get(page) ?? 0) + 1);
  }
}
