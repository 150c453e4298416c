/**
 * Decoded blocks: found by host address and mode, decoded where there is none, and dropped when a byte they came from is
 * written.
 */
import type { CpuState } from '../cpu-state.ts';
import type { Decoder } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { ARENA_SIZE, type VcpuLayout } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/physical.ts';
import type { Tlb } from '../mmu/tlb.ts';
import { accessorOf } from '../mmu/walk.ts';
import * as S from '../state.ts';
import { Arena } from './arena.ts';
import { BlockDecoder, CROSSES_PAGE, MAX_BLOCK_BYTES } from './block-decoder.ts';
import { CodePages } from './code-pages.ts';
import { InsnStore } from './insn-store.ts';
import type { Interpreter } from './interpreter.ts';
import { SPECIAL_RECORD_SIZE } from './module.ts';
import * as R from './record.ts';
import { fieldsOf } from './variant.ts';

export interface Block {
  /** Address of the first record. */
  readonly record: number;
  /** Instructions. */
  readonly count: number;
  /** Bytes. */
  readonly length: number;
}

/** An instruction of a block, and the address of its record. */
export interface DecodedInsn {
  readonly insn: Insn;
  readonly record: number;
}

/** The instructions of a block, and the record where it begins. */
export interface DecodedBlock {
  readonly record: number;
  readonly insns: readonly DecodedInsn[];
}

interface CachedBlock extends Block {
  readonly host: number;
  readonly mode: number;
  /** Host address of the second page that bytes come from; -1: none do. */
  readonly second: number;
  /** Bytes of records. */
  readonly size: number;
  /** Address of the links of its jump; 0: there are none. */
  readonly links: number;
  readonly numbers: readonly number[];
}

const HASH_WORDS = S.HASH_ENTRY_SIZE / 4;
/** So many blocks are unlinked one by one; when more are dropped, all links are. */
const MAX_UNLINKED = 4;

export class BlockCache {
  readonly #arena: Arena;
  /** Where blocks are decoded, and where single steps run. */
  readonly #scratch: number;
  readonly #decoder: BlockDecoder;
  readonly #pages: CodePages<CachedBlock>;
  readonly #insns = new InsnStore();
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** Numbers of the last single step. */
  #single: readonly number[] = [];
  /** Blocks that are kept. */
  size = 0;
  /** All code was dropped. */
  flushes = 0;
  /** Blocks dropped since the beginning. */
  drops = 0;
  /** Told of each block that is dropped, by its first record. */
  onDropped: (record: number) => void = () => {};
  /** Blocks that the hash did not have, those of them that were decoded, and their instructions. */
  lookups = 0;
  decodes = 0;
  decoded = 0;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
    readonly tlb: Tlb,
    readonly decoder: Decoder,
    readonly interpreter: Interpreter,
    readonly at: VcpuLayout,
  ) {
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = memory.u8;
    this.#scratch = at.arena + ARENA_SIZE - MAX_BLOCK_BYTES;
    this.#arena = new Arena(at.arena, ARENA_SIZE - MAX_BLOCK_BYTES, (from, to) => this.#evict(from, to));
    this.#pages = new CodePages(memory, tlb);
    this.#decoder = new BlockDecoder(memory, decoder, interpreter, at, (insn) => this.#insns.keep(insn));
  }

  /** An instruction by the number that its record has. */
  insn(number: number): Insn {
    return this.#insns.get(number);
  }

  /**
   * The block at a host address: cached, or decoded now. nextPage gives the host address of the page that follows in
   * linear memory, and throws GuestFault when it cannot be fetched from. @hot
   */
  get(host: number, mode: number, nextPage: () => number): Block {
    this.lookups++;
    const block = this.#pages.find(host, mode) ?? this.#decode(host, mode, nextPage);
    this.#intoHash(block);
    return block;
  }

  #decode(host: number, mode: number, nextPage: () => number): CachedBlock {
    const { count, length, size, second, links, numbers } = this.#decoder.build(
      this.#scratch,
      host,
      mode,
      nextPage,
      false,
    );
    this.decodes++;
    this.decoded += count;
    const record = this.#arena.take(size);
    const from = this.#scratch >> 2;
    this.#words.copyWithin(record >> 2, from, from + (size >> 2));
    const block = { record, count, length, host, mode, second, size, links: links && links + record, numbers };
    this.#pages.add(block);
    this.size++;
    return block;
  }

  /** There is such a block. */
  has(host: number, mode: number): boolean {
    return this.#pages.find(host, mode) !== undefined;
  }

  /** A block for the translator: none where instructions lie in the next page as well. */
  blockAt(host: number, mode: number): DecodedBlock | undefined {
    let block: Block;
    try {
      block = this.get(host, mode, () => {
        throw CROSSES_PAGE;
      });
    } catch (e) {
      if (e === CROSSES_PAGE) return undefined;
      throw e;
    }
    if ((this.#pages.find(host, mode)?.second ?? 0) >= 0) return undefined;
    // where code is not flat, a limit comes first
    let record = block.record + ((mode & M.MODE_FLAT_CODE) === 0 ? SPECIAL_RECORD_SIZE : 0);
    const insns: DecodedInsn[] = [];
    for (const insn of this.#decoder.insns(host, mode, block.count)) {
      insns.push({ insn, record });
      record += recordSize(insn);
    }
    return { record: block.record, insns };
  }
  /** Host addresses of a page's blocks of a mode. */
  blocksIn(page: number, mode: number): number[] {
    return [...this.#pages.in(page)].flatMap((block) => (block.mode === mode ? [block.host] : []));
  }
  handlerOf(record: number): number {
    return this.#words[(record + R.RECORD_HANDLER) >> 2] ?? 0;
  }
  /** Lets another handler run a block; `entry` tells it which of its blocks that is. */
  setHandler(record: number, slot: number, entry = 0): void {
    this.#words[(record + R.RECORD_HANDLER) >> 2] = slot;
    this.#bytes[record + R.RECORD_ENTRY] = entry;
  }

  /** One instruction only, not kept: for single steps. */
  single(host: number, mode: number, nextPage: () => number): Block {
    this.#insns.release(this.#single);
    this.#single = [];
    const { count, length, numbers } = this.#decoder.build(this.#scratch, host, mode, nextPage, true);
    this.decoded += count;
    this.#single = numbers;
    return { record: this.#scratch, count, length };
  }
  /** Decodes one instruction, and nothing more. */
  insnAt(host: number, mode: number, nextPage: () => number): Insn {
    return this.#decoder.one(host, mode, nextPage);
  }

  // -- dropping ----------------------------------------------------------------------------------------------------
  /**
   * Drops the code that a write to [host, host + size) hit; true when that may be what runs now, which then must not go on
   * behind the instruction that wrote. What runs lies in the page that RIP is in. @hot
   */
  written(host: number, size: number): boolean {
    const blocks = this.#pages.hit(host, size);
    if (blocks.length === 0) return false;
    const running = this.#runningPage();
    this.#dropAll(blocks);
    return running < 0 || blocks.some((block) => block.host >>> 12 === running);
  }
  runsIn(host: number): boolean {
    const running = this.#runningPage();
    return running < 0 || running === host >>> 12;
  }
  /** Number of the host page that RIP is in; -1: it is not known. */
  #runningPage(): number {
    const { u32, i32 } = this.state;
    const base = (S.SEG + S.CS * S.SEG_SIZE + S.SEG_BASE) >> 2;
    const lo = (u32[S.RIP >> 2] ?? 0) + (u32[base] ?? 0);
    const carry = lo > 0xffff_ffff ? 1 : 0;
    const hi = ((i32[(S.RIP >> 2) + 1] ?? 0) + (i32[base + 1] ?? 0) + carry) & (i32[(S.CODE_MASK >> 2) + 1] ?? 0);
    const host = this.tlb.lookup(lo | 0, hi, accessorOf(this.state), S.TLB_EXEC);
    return host < 0 ? -1 : host >>> 12;
  }

  /** Drops all code that has the byte at `host`. */
  drop(host: number): void {
    this.#dropAll(this.#pages.hit(host, 1));
  }

  #dropAll(blocks: readonly CachedBlock[]): void {
    if (blocks.length > MAX_UNLINKED) this.newGeneration();
    else for (const block of blocks) this.#unlink(block);
    for (const block of blocks) this.#drop(block);
  }
  #drop(block: CachedBlock): void {
    const { record, size, numbers } = block;
    this.#pages.remove(block);
    this.#outOfHash(block);
    this.onDropped(record);
    this.#arena.release(record, size);
    this.#insns.release(numbers);
    this.size--;
    this.drops++;
  }
  /** Links lead to blocks of the same page. */
  #unlink({ host, record }: CachedBlock): void {
    const w = this.#words;
    for (const { links } of this.#pages.in(host >>> 12)) {
      if (links === 0) continue;
      for (const link of [links, links + R.LINK_SIZE])
        if (w[(link + R.LINK_RECORD) >> 2] === record) {
          w[(link + R.LINK_RECORD) >> 2] = 0;
          w[(link + R.LINK_GENERATION) >> 2] = R.UNLINKED;
        }
    }
  }

  /** No link made before holds any more. */
  newGeneration(): void {
    const next = (this.state.get32(S.CODE_GENERATION) + 1) & 0x7fffffff;
    this.state.set32(S.CODE_GENERATION, next === 0 ? 1 : next);
  }

  #evict(from: number, to: number): void {
    const blocks = [...this.#pages.all()].filter(({ record }) => record >= from && record < to);
    this.newGeneration();
    for (const block of blocks) this.#drop(block);
  }
  flush(): void {
    this.flushes++;
    this.#evict(0, Number.POSITIVE_INFINITY);
    this.#pages.clear();
    this.#arena.clear();
  }
  /** Pages whose code was rewritten all the time may be quiet now. */
  forgive(): void {
    this.#pages.forgive();
  }

  // -- the hash that generated code looks into ---------------------------------------------------------------------
  /** The first entry of a host address's set, in words. */
  #hashSet(host: number): number {
    const set = (host ^ (host >>> 11)) & (S.HASH_SETS - 1);
    return (this.at.hash + set * 2 * S.HASH_ENTRY_SIZE) >> 2;
  }
  /** Comes first in its set; what was there is second. */
  #intoHash(block: CachedBlock): void {
    const w = this.#words;
    const at = this.#hashSet(block.host);
    if (w[at + (S.HASH_RECORD >> 2)] !== block.record)
      for (let n = at; n < at + HASH_WORDS; n++) w[n + HASH_WORDS] = w[n] ?? 0;
    w[at + (S.HASH_HOST >> 2)] = block.host;
    w[at + (S.HASH_MODE >> 2)] = block.mode;
    w[at + (S.HASH_RECORD >> 2)] = block.record;
    w[at + (S.HASH_COUNT >> 2)] = block.count;
  }
  #outOfHash(block: CachedBlock): void {
    const first = this.#hashSet(block.host);
    for (const at of [first, first + HASH_WORDS])
      if (this.#words[at + (S.HASH_RECORD >> 2)] === block.record) {
        this.#words[at + (S.HASH_HOST >> 2)] = 0;
        this.#words[at + (S.HASH_RECORD >> 2)] = 0;
      }
  }
}

function recordSize(insn: Insn): number {
  const { emit, system } = insn.row;
  return R.layout(emit ? fieldsOf(insn) : [], system !== undefined).size;
}
