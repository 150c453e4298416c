/**
 * Finds code that is worth a translation, makes it, and puts it where the interpreter would run the block. What a page of
 * code has is dropped with its blocks.
 */

import { MODE_COUNT } from '../decode/mode.ts';
import type { CpuHost } from '../host.ts';
import type { BlockCache } from '../interp/blocks.ts';
import type { CodePlace } from '../interp/fetch.ts';
import { ExtensionBuilder } from '../interp/handlers.ts';
import type { Interpreter } from '../interp/interpreter.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { findRegion } from './region.ts';
import { RegionCode } from './region-code.ts';
import { RegionCompiler } from './region-compiler.ts';
import { type FoundRegion, Regions } from './regions.ts';

/** When a block is translated: when it turns out to be hot, at its first execution (for tests), or never. */
export type Translation = 'hot' | 'always' | 'never';

/** Instructions from one sample to the next, and how many of them at a block make it hot. */
const INTERVAL = 20_000;
const HOT = 16;
/** Modules are dear (about 2 ms each), functions are cheap: so many wait for each other, or for so many samples. */
const BATCH = 24;
const BATCH_SAMPLES = 96;
/** More regions than that, of about 0.3 MiB each with all that V8 keeps of them, are not kept. */
const MAX_REGIONS = 1200;
/** After so many samples all counts are halved: what runs now and then does not get hot in the end. */
const AGEING = 1 << 14;
/** A page whose translations were dropped so often is left to the interpreter, until so many samples have passed. */
const MAX_DROPS = 8;
const FORGIVE_SAMPLES = 1 << 16;

export class Translator {
  readonly #installed: Regions;
  readonly #samples = new Map<number, number>();
  readonly #drops = new Map<number, number>();
  readonly #waiting = new Map<number, CodePlace>();
  #sampled = 0;
  interval = INTERVAL;
  /** What was translated since the beginning, and what became of it. */
  regions = 0;
  instructions = 0;
  modules = 0;
  drops = 0;
  timeNs = 0;

  constructor(
    readonly at: VcpuLayout,
    readonly blocks: BlockCache,
    readonly interpreter: Interpreter,
    readonly when: Translation,
    readonly host: Pick<CpuHost, 'nowNs' | 'reclaim'>,
  ) {
    const dropped = (page: number): void => {
      this.drops++;
      this.#drops.set(page, (this.#drops.get(page) ?? 0) + 1);
    };
    this.#installed = new Regions(blocks, interpreter, MAX_REGIONS, dropped, () => host.reclaim?.());
    blocks.onDropped = (record) => this.#installed.dropped(record);
  }

  /** Regions that can run now. */
  get size(): number {
    return this.#installed.size;
  }

  /** Modules that made room for others. */
  get evictions(): number {
    return this.#installed.evictions;
  }

  /** So many instructions have run, and a block is next. */
  sample(place: CodePlace): void {
    if (this.when !== 'hot') return;
    const { host, mode } = place;
    const key = host * MODE_COUNT + mode;
    const count = (this.#samples.get(key) ?? 0) + 1;
    // counting begins anew: the code may be dropped, and others may be hot in its place
    this.#samples.set(key, count % HOT);
    if (count === HOT) this.#waiting.set(key, place);
    this.#sampled++;
    this.#installed.use(Math.floor(host / PAGE_SIZE), this.#sampled);
    if (this.#sampled % FORGIVE_SAMPLES === 0) this.#forgive();
    if (this.#sampled % AGEING === 0) this.#age();
    if (this.#sampled % BATCH_SAMPLES !== 0 && this.#waiting.size < BATCH) return;
    this.#translateAll([...this.#waiting.values()]);
    this.#waiting.clear();
  }

  #age(): void {
    for (const [key, count] of this.#samples)
      if (count > 1) this.#samples.set(key, count >> 1);
      else this.#samples.delete(key);
  }
  #forgive(): void {
    this.#drops.clear();
    this.blocks.forgive();
  }

  /** Translates from the block at a place now, if that can be done. */
  translate(place: CodePlace): void {
    this.#translateAll([place]);
  }

  #translateAll(places: readonly CodePlace[]): void {
    const beganNs = this.host.nowNs();
    this.#translateNow(places);
    this.timeNs += this.host.nowNs() - beganNs;
  }

  #translateNow(places: readonly CodePlace[]): void {
    const { drops } = this.blocks;
    const found: FoundRegion[] = [];
    const entered = new Set<number>();
    for (const place of places) {
      const region = this.#find(place, entered);
      if (!region) continue;
      found.push(region);
      for (const { record } of region.region.entries) entered.add(record);
    }
    if (found.length === 0 || this.blocks.drops !== drops) return; // some of their records are no more
    const b = new ExtensionBuilder(this.at, 'when called');
    found.forEach(({ region }, n) => {
      const f = b.m.func(['i32'], ['i32']);
      new RegionCompiler(f, this.at, b.rt, region).compile();
      b.m.export(String(n), f);
    });
    this.modules++;
    this.#installed.install(new WebAssembly.Module(b.m.encode()), found);
    this.regions += found.length;
    for (const { region } of found) for (const block of region.blocks.values()) this.instructions += block.insns.length;
  }

  /** What `entered` has are the entries of others that are being made. */
  #find(place: CodePlace, entered: ReadonlySet<number>): FoundRegion | undefined {
    const { host, mode } = place;
    const page = Math.floor(host / PAGE_SIZE);
    const unsteady = (this.#drops.get(page) ?? 0) >= MAX_DROPS && this.when !== 'always';
    if (unsteady) return undefined;
    const entry = this.blocks.blockAt(host, mode);
    if (!entry || entered.has(entry.record) || this.#installed.isEntry(entry.record)) return undefined;
    const handler = (record: number): number => this.#installed.handlerOf(record);
    const code = new RegionCode(place, this.blocks, handler, this.when === 'always');
    const region = findRegion(code);
    if (!region || region.entries.every(({ record }) => this.#installed.isEntry(record))) return undefined;
    return { region, page, records: code.records };
  }
}
