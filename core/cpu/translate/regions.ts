/**
 * The translations that are installed: what they were made of, and when that was last run. Their code is freed by the module, so
 * it is modules that make room for others, those that have not run for longest first.
 */
import type { BlockCache } from '../interp/blocks.ts';
import type { Interpreter } from '../interp/interpreter.ts';
import type { Region } from './region.ts';

/** A region, and the blocks whose records it leads to. */
export interface FoundRegion {
  readonly region: Region;
  readonly page: number;
  readonly records: ReadonlySet<number>;
}

interface Module {
  readonly regions: Set<Installed>;
}
interface Installed {
  readonly slot: number;
  readonly page: number;
  readonly module: Module;
  readonly records: ReadonlySet<number>;
  /** Those of them where it is entered. */
  readonly entries: readonly number[];
}

/** V8 gives memory of modules back when it collects all garbage, which it does not do by itself for their sake: after so many. */
export const MODULES_TO_RECLAIM = 400;

export class Regions {
  /** By the records of the blocks that they depend on. */
  readonly #byRecord = new Map<number, Set<Installed>>();
  /** Records of entries, and the interpreter's handlers of them. */
  readonly #handlers = new Map<number, number>();
  readonly #modules = new Set<Module>();
  /** When a page was last seen running. */
  readonly #used = new Map<number, number>();
  /** Regions that can run now. */
  size = 0;
  /** Modules that made room. */
  evictions = 0;

  constructor(
    readonly blocks: Pick<BlockCache, 'setHandler' | 'handlerOf'>,
    readonly interpreter: Pick<Interpreter, 'install' | 'remove'>,
    readonly most: number,
    readonly onDropped: (page: number) => void,
    readonly reclaim: () => void = () => {},
  ) {}
  #freed = 0;

  isEntry(record: number): boolean {
    return this.#handlers.has(record);
  }
  /** The interpreter's handler of a record. */
  handlerOf(record: number): number {
    return this.#handlers.get(record) ?? this.blocks.handlerOf(record);
  }

  /** A page runs, at some time. */
  use(page: number, time: number): void {
    this.#used.set(page, time);
  }

  /** Function n of the compiled module is the translation of found[n]. */
  install(compiled: WebAssembly.Module, found: readonly FoundRegion[]): void {
    while (this.size + found.length > this.most && this.#modules.size > 0) this.#evict();
    const slots = this.interpreter.install(compiled, found.length);
    const module: Module = { regions: new Set() };
    found.forEach((one, n) => {
      this.#add(one, slots[n] as number, module);
    });
    if (module.regions.size > 0) this.#modules.add(module);
  }

  #add({ region, page, records }: FoundRegion, slot: number, module: Module): void {
    // an entry of another region is served by that as well
    const entries = region.entries.flatMap(({ record }, n) => (this.#handlers.has(record) ? [] : [{ record, n }]));
    if (entries.length === 0) {
      this.interpreter.remove(slot);
      return;
    }
    for (const { record, n } of entries) {
      this.#handlers.set(record, this.blocks.handlerOf(record));
      this.blocks.setHandler(record, slot, n);
    }
    const installed: Installed = { slot, page, module, records, entries: entries.map(({ record }) => record) };
    for (const record of records) {
      const known = this.#byRecord.get(record);
      if (known) known.add(installed);
      else this.#byRecord.set(record, new Set([installed]));
    }
    module.regions.add(installed);
    this.size++;
  }

  /** A block is no more. */
  dropped(record: number): void {
    const regions = this.#byRecord.get(record);
    if (!regions) return;
    for (const region of [...regions]) {
      this.#remove(region);
      this.onDropped(region.page);
    }
  }

  #remove(region: Installed): void {
    for (const record of region.entries) {
      this.blocks.setHandler(record, this.handlerOf(record));
      this.#handlers.delete(record);
    }
    for (const record of region.records) {
      const others = this.#byRecord.get(record);
      others?.delete(region);
      if (others?.size === 0) this.#byRecord.delete(record);
    }
    this.interpreter.remove(region.slot);
    region.module.regions.delete(region);
    if (region.module.regions.size === 0) this.#free(region.module);
    this.size--;
  }

  #free(module: Module): void {
    this.#modules.delete(module);
    this.#freed++;
    if (this.#freed % MODULES_TO_RECLAIM === 0) this.reclaim();
  }

  #evict(): void {
    let oldest: Module | undefined;
    let time = Number.POSITIVE_INFINITY;
    for (const module of this.#modules) {
      const used = Math.max(...[...module.regions].map(({ page }) => this.#used.get(page) ?? 0));
      if (used < time) [oldest, time] = [module, used];
    }
    if (!oldest) return;
    for (const region of [...oldest.regions]) this.#remove(region);
    this.evictions++;
  }
}
