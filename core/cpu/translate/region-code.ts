/** The code around a place, as findRegion() sees it: its own page, and what is known of the pages that it leads to. */
import type { BlockCache, DecodedBlock } from '../interp/blocks.ts';
import type { CodePlace } from '../interp/fetch.ts';
import { PAGE_SIZE } from '../layout.ts';
import type { CodeAround } from './region.ts';
import { isLong } from './translatable.ts';

export class RegionCode implements CodeAround {
  readonly from: number;
  /** First records of the blocks that were looked at. */
  readonly records = new Set<number>();
  /** Host addresses by page, the place's being 0; undefined where nothing is known. */
  readonly #hosts = new Map<number, number | undefined>();

  readonly #decoded = new Map<number, DecodedBlock | undefined>();

  constructor(
    readonly place: CodePlace,
    readonly blocks: BlockCache,
    readonly handler: (record: number) => number,
    /** Also what has not been run yet. */
    readonly eager: boolean,
  ) {
    const offset = place.host % PAGE_SIZE;
    this.from = -offset;
    this.#hosts.set(0, place.host - offset);
  }

  get mode(): number {
    return this.place.mode;
  }
  pageOf(at: number): number {
    return Math.floor((at - this.from) / PAGE_SIZE);
  }
  /** Undefined for a page that the TLB does not have. */
  hostOf(page: number): number | undefined {
    if (this.#hosts.has(page)) return this.#hosts.get(page);
    const first = this.place.linear + BigInt(this.from + page * PAGE_SIZE);
    const host = this.place.hostOf(isLong(this.mode) ? BigInt.asIntN(64, first) : BigInt.asUintN(32, first));
    const known = host < 0 ? undefined : host;
    this.#hosts.set(page, known);
    return known;
  }
  decode(at: number): DecodedBlock | undefined {
    const known = this.#decoded.get(at);
    if (known || this.#decoded.has(at)) return known;
    const block = this.#decode(at);
    this.#decoded.set(at, block);
    return block;
  }
  #decode(at: number): DecodedBlock | undefined {
    const page = this.pageOf(at);
    const first = this.hostOf(page);
    if (first === undefined) return undefined;
    const host = first + at - this.from - page * PAGE_SIZE;
    const { mode } = this.place;
    if (!this.eager && !this.blocks.has(host, mode)) return undefined;
    const block = this.blocks.blockAt(host, mode);
    if (block) this.records.add(block.record);
    return block;
  }
  known(): readonly number[] {
    const { host, mode } = this.place;
    return this.blocks.blocksIn(Math.floor(host / PAGE_SIZE), mode).map((other) => other - host);
  }
}
