/** The code around a place, as findRegion() sees it: its own page, and what is known of the pages that it leads to. */
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import type { BlockCache, DecodedInsn } from '../interp/blocks.ts';
import type { CodePlace } from '../interp/fetch.ts';
import { PAGE_SIZE } from '../layout.ts';
import type { CodeAround } from './region.ts';

export class RegionCode implements CodeAround {
  readonly from: number;
  /** First records of the blocks that were looked at. */
  readonly records = new Set<number>();
  /** Host addresses by page, the place's being 0; undefined where nothing is known. */
  readonly #hosts = new Map<number, number | undefined>();

  constructor(
    readonly place: CodePlace,
    readonly blocks: BlockCache,
    readonly handler: (record: number) => number,
  ) {
    const offset = place.host % PAGE_SIZE;
    this.from = -offset;
    this.#hosts.set(0, place.host - offset);
  }

  get long(): boolean {
    return (this.place.mode & MODE_SIZE_MASK) === MODE_64;
  }
  pageOf(at: number): number {
    return Math.floor((at - this.from) / PAGE_SIZE);
  }
  /** Undefined for a page that the TLB does not have. */
  hostOf(page: number): number | undefined {
    if (this.#hosts.has(page)) return this.#hosts.get(page);
    const first = this.place.linear + BigInt(this.from + page * PAGE_SIZE);
    const host = this.place.hostOf(this.long ? BigInt.asIntN(64, first) : BigInt.asUintN(32, first));
    const known = host < 0 ? undefined : host;
    this.#hosts.set(page, known);
    return known;
  }
  decode(at: number): readonly DecodedInsn[] {
    const page = this.pageOf(at);
    const first = this.hostOf(page);
    if (first === undefined) return [];
    const host = first + at - this.from - page * PAGE_SIZE;
    const { mode } = this.place;
    // what is not in the place's page has been run before
    if (page !== 0 && !this.blocks.has(host, mode)) return [];
    const insns = this.blocks.instructions(host, mode);
    const [begin] = insns;
    if (begin) this.records.add(begin.record);
    return insns;
  }
  known(): readonly number[] {
    const { host, mode } = this.place;
    return this.blocks.blocksIn(Math.floor(host / PAGE_SIZE), mode).map((other) => other - host);
  }
}
