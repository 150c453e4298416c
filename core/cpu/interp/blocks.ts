/**
 * Decoded blocks: the arena of records, the index of blocks by host address and mode, and which bytes of guest memory
 * they came from, so that a write to one of them drops exactly what must go.
 */
import type { CpuState } from '../cpu-state.ts';
import type { DecodeFailure, Decoder } from '../decode/decoder.ts';
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { X87_REGISTER_BYTES, X87_REGISTERS } from '../fpu/state.ts';
import { ARENA_SIZE, PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { FLAG_CODE, type PhysicalMemory } from '../mmu/physical.ts';
import type { Tlb } from '../mmu/tlb.ts';
import * as S from '../state.ts';
import { type Row, rowsOf } from '../table/index.ts';
import type { Interpreter } from './interpreter.ts';
import { SPECIAL_RECORD_SIZE } from './module.ts';
import * as R from './record.ts';
import { fieldsOf, isNear } from './variant.ts';

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

interface CachedBlock extends Block {
  readonly host: number;
  readonly mode: number;
}

const MAX_INSTRUCTIONS = 64;
/** Room for the largest block: records of 64 instructions, limit, guard and end. */
const MAX_BLOCK_BYTES = 65 * 128;
/** Bytes of the scratch block at the arena's end (single steps). */
const SCRATCH_BLOCK = 512;
const HASH_WORDS = S.HASH_ENTRY_SIZE / 4;
/** Code bytes are remembered in units of 4: this many words of bits a page. */
const BITMAP_WORDS = PAGE_SIZE / 4 / 32;

/** An instruction needs bytes of the next page and is not the first of its block. */
class CrossesPage extends Error {}
const CROSSES_PAGE = new CrossesPage();

export class BlockCache {
  readonly #arenaEnd: number;
  #arena: number;
  #blocks = new Map<number, CachedBlock>();
  /** Blocks that took bytes from a host page, and a bitmap of those bytes. */
  #pages = new Map<number, { keys: number[]; bitmap: Uint32Array }>();
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #source = { byte: (i: number): number => this.#fetch(i) };
  // the block being decoded
  #host = 0;
  #offset = 0;
  #second = -1;
  #first = true;
  #nextPage: () => number = () => -1;
  insns: Insn[] = [];
  flushes = 0;
  /** Told of each block that is dropped: its first record and its host address. */
  onDropped: (record: number, host: number) => void = () => {};
  /** Blocks that the hash did not have. */
  lookups = 0;
  decoded = 0;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
    readonly tlb: Tlb,
    readonly decoder: Decoder,
    readonly interpreter: Interpreter,
    readonly at: VcpuLayout,
  ) {
    this.#view = new DataView(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#arena = at.arena;
    this.#arenaEnd = at.arena + ARENA_SIZE - SCRATCH_BLOCK;
  }

  /**
   * The block at a host address: cached, or decoded now. nextPage gives the host address of the page that follows in
   * linear memory, and throws GuestFault when it cannot be fetched from.
   */
  get(host: number, mode: number, nextPage: () => number): Block {
    this.lookups++;
    const key = host * M.MODE_COUNT + mode;
    let block = this.#blocks.get(key);
    if (!block) {
      block = this.#decode(host, mode, nextPage);
      this.#blocks.set(key, block);
    }
    this.#intoHash(block);
    return block;
  }

  /**
   * The instructions of a block that begins in this page, for the translator: none where the block has a guard or a
   * limit before its first instruction.
   */
  instructions(host: number, mode: number): readonly DecodedInsn[] {
    let block: Block;
    try {
      block = this.get(host, mode, () => {
        throw CROSSES_PAGE;
      });
    } catch (e) {
      if (e === CROSSES_PAGE) return [];
      throw e;
    }
    const found: DecodedInsn[] = [];
    let { record } = block;
    if (this.#view.getUint8(record + R.RECORD_LENGTH) === 0) return [];
    this.#begin(host, () => -1);
    for (let n = 0; n < block.count; n++) {
      const insn = this.#decodeOne(mode);
      found.push({ insn, record });
      this.#offset += insn.length;
      record += recordSize(insn);
    }
    return found;
  }
  /** Host addresses of a page's blocks of a mode. */
  blocksIn(page: number, mode: number): number[] {
    const blocks = (this.#pages.get(page)?.keys ?? []).map((key) => this.#blocks.get(key));
    return blocks.flatMap((block) =>
      block?.mode === mode && Math.floor(block.host / PAGE_SIZE) === page ? [block.host] : [],
    );
  }
  /** Lets another handler than the interpreter's run a block. */
  setHandler(record: number, slot: number): void {
    this.#view.setUint32(record + R.RECORD_HANDLER, slot, true);
  }

  /** One instruction only, not kept: for single steps. */
  single(host: number, mode: number, nextPage: () => number): Block {
    this.insns.length = this.#keptInsns;
    const arena = this.#arena;
    this.#arena = this.#arenaEnd;
    try {
      return this.#build(host, mode, nextPage, 1);
    } finally {
      this.#arena = arena;
    }
  }
  /** Decodes one instruction, and nothing more. */
  insnAt(host: number, mode: number, nextPage: () => number): Insn {
    this.#begin(host, nextPage);
    return this.#decodeOne(mode);
  }
  #begin(host: number, nextPage: () => number): void {
    this.#host = host;
    this.#offset = 0;
    this.#second = -1;
    this.#first = true;
    this.#nextPage = nextPage;
  }

  /** Instructions of kept blocks; behind them lies at most the one of the last single step. */
  #keptInsns = 0;

  /** Drops the code that a write to [host, host + size) hit; true when it hit some. */
  written(host: number, size: number): boolean {
    let hit = false;
    for (let page = Math.floor(host / PAGE_SIZE); page <= Math.floor((host + size - 1) / PAGE_SIZE); page++) {
      const entry = this.#pages.get(page);
      if (!entry) continue;
      const from = Math.max(host - page * PAGE_SIZE, 0) >> 2;
      const to = Math.min(host + size - 1 - page * PAGE_SIZE, PAGE_SIZE - 1) >> 2;
      for (let unit = from; unit <= to; unit++) {
        if (((entry.bitmap[unit >> 5] ?? 0) & (1 << (unit & 31))) === 0) continue;
        this.#dropPage(page);
        hit = true;
        break;
      }
    }
    return hit;
  }

  /** Drops all code decoded from the page at or around `host`. */
  drop(host: number): void {
    this.#dropPage(Math.floor(host / PAGE_SIZE));
  }

  /** No link made before holds any more. */
  newGeneration(): void {
    const next = (this.state.get32(S.CODE_GENERATION) + 1) & 0x7fffffff;
    this.state.set32(S.CODE_GENERATION, next === 0 ? 1 : next);
  }

  flush(): void {
    this.flushes++;
    this.newGeneration();
    for (const page of this.#pages.keys()) this.memory.flags[page] = (this.memory.flags[page] ?? 0) & ~FLAG_CODE;
    for (const { record, host } of this.#blocks.values()) this.onDropped(record, host);
    this.#blocks.clear();
    this.#pages.clear();
    this.insns = [];
    this.#keptInsns = 0;
    this.#arena = this.at.arena;
    this.#words.fill(0, this.at.hash >> 2, (this.at.hash >> 2) + (S.HASH_ENTRIES * S.HASH_ENTRY_SIZE) / 4);
  }

  #dropPage(page: number): void {
    const entry = this.#pages.get(page);
    if (!entry) return;
    this.newGeneration();
    for (const key of entry.keys) {
      const block = this.#blocks.get(key);
      if (!block) continue;
      this.#blocks.delete(key);
      this.onDropped(block.record, block.host);
      this.#outOfHash(block);
    }
    this.#pages.delete(page);
    this.memory.flags[page] = (this.memory.flags[page] ?? 0) & ~FLAG_CODE;
  }

  /** The first entry of a host address's set, in words. */
  #hashSet(host: number): number {
    const set = (host ^ (host >>> 11)) & (S.HASH_SETS - 1);
    return (this.at.hash + set * 2 * S.HASH_ENTRY_SIZE) >> 2;
  }
  /** Comes first in its set; what was there is second. */
  #intoHash(block: CachedBlock): void {
    const w = this.#words;
    const at = this.#hashSet(block.host);
    if (w[at + (S.HASH_RECORD >> 2)] !== block.record) w.copyWithin(at + HASH_WORDS, at, at + HASH_WORDS);
    w[at + (S.HASH_HOST >> 2)] = block.host;
    w[at + (S.HASH_MODE >> 2)] = block.mode;
    w[at + (S.HASH_RECORD >> 2)] = block.record;
    w[at + (S.HASH_COUNT >> 2)] = block.count;
  }
  #outOfHash(block: CachedBlock): void {
    const first = this.#hashSet(block.host);
    for (const at of [first, first + HASH_WORDS])
      if (this.#words[at + (S.HASH_RECORD >> 2)] === block.record) this.#words[at + (S.HASH_HOST >> 2)] = 0;
  }

  // -- decoding ----------------------------------------------------------------------------------------------------
  #decode(host: number, mode: number, nextPage: () => number): CachedBlock {
    if (this.#arena + MAX_BLOCK_BYTES > this.#arenaEnd) this.flush();
    this.insns.length = this.#keptInsns;
    const block = this.#build(host, mode, nextPage, MAX_INSTRUCTIONS);
    this.#keptInsns = this.insns.length;
    const key = host * M.MODE_COUNT + mode;
    const inFirst = Math.min(this.#offset, PAGE_SIZE - (host % PAGE_SIZE));
    this.#remember(host, inFirst, key);
    if (inFirst < this.#offset) this.#remember(this.#second, this.#offset - inFirst, key);
    return { ...block, host, mode };
  }

  #remember(host: number, size: number, key: number): void {
    const page = Math.floor(host / PAGE_SIZE);
    let entry = this.#pages.get(page);
    if (!entry) {
      entry = { keys: [], bitmap: new Uint32Array(BITMAP_WORDS) };
      this.#pages.set(page, entry);
      this.memory.flags[page] = (this.memory.flags[page] ?? 0) | FLAG_CODE;
      this.tlb.protectHostPage(page * PAGE_SIZE);
    }
    entry.keys.push(key);
    const from = (host % PAGE_SIZE) >> 2;
    const to = ((host % PAGE_SIZE) + size - 1) >> 2;
    for (let unit = from; unit <= to; unit++)
      entry.bitmap[unit >> 5] = (entry.bitmap[unit >> 5] ?? 0) | (1 << (unit & 31));
  }

  #fetch(i: number): number {
    const at = (this.#host % PAGE_SIZE) + this.#offset + i;
    if (at < PAGE_SIZE) return this.memory.u8[this.#host + this.#offset + i] ?? 0xff;
    if (!this.#first) throw CROSSES_PAGE;
    if (this.#second < 0) this.#second = this.#nextPage();
    return this.memory.u8[this.#second + at - PAGE_SIZE] ?? 0xff;
  }

  #build(host: number, mode: number, nextPage: () => number, limit: number): Block {
    this.#begin(host, nextPage);
    const start = this.#arena;
    let count = 0;
    let ended = false;
    const first = this.#decodeOne(mode);
    if (this.#second >= 0) this.#special(this.interpreter.module.guardSlot, 0, 0, this.#second);
    // one instruction alone is checked by who asked for it
    const limited = (mode & M.MODE_FLAT_CODE) === 0 && limit > 1;
    const limitRecord = this.#arena;
    if (limited) this.#special(this.interpreter.module.limitSlot, 0, 0, 0);
    for (let insn: Insn | undefined = first; insn; ) {
      this.#record(insn);
      count++;
      this.#offset += insn.length;
      ended = insn.row.ends === true;
      // an instruction that ends a page ends the block
      if (ended || count >= limit || this.#second >= 0 || (host % PAGE_SIZE) + this.#offset >= PAGE_SIZE) break;
      this.#first = false;
      try {
        insn = this.#decodeOne(mode);
      } catch (e) {
        if (e !== CROSSES_PAGE) throw e;
        insn = undefined;
      }
    }
    if (!ended) this.#special(this.interpreter.module.endSlot, this.#offset, 0, 0);
    if (limited) this.#view.setUint32(limitRecord + R.RECORD_HEADER, this.#offset - 1, true);
    this.decoded += count;
    return { record: start, count, length: this.#offset };
  }

  #decodeOne(mode: number): Insn {
    const result = this.decoder.decode(this.#source, mode);
    if ('failure' in result) return failed(result, mode);
    return trapped(result) ?? result;
  }

  #special(slot: number, start: number, length: number, value: number): void {
    this.#header(slot, start, length);
    this.#view.setUint32(this.#arena + R.RECORD_HEADER, value, true);
    this.#arena += SPECIAL_RECORD_SIZE;
  }
  #header(slot: number, start: number, length: number): void {
    const v = this.#view;
    v.setUint32(this.#arena + R.RECORD_HANDLER, slot, true);
    v.setUint16(this.#arena + R.RECORD_START, start, true);
    v.setUint8(this.#arena + R.RECORD_LENGTH, length);
  }

  #record(insn: Insn): void {
    const { emit, system } = insn.row;
    const { interpreter } = this;
    this.#header(emit ? interpreter.slot(insn, emit) : interpreter.module.systemSlot(insn), this.#offset, insn.length);
    let at = this.#arena + R.RECORD_HEADER;
    if (system !== undefined) at = this.#systemHeader(insn, at);
    if (emit) for (const operand of insn.operands) at = this.#field(operand, insn, at);
    this.#arena = (at + 7) & ~7;
  }
  /** What an instruction needs that is, or may fall back to, a system instruction. */
  #systemHeader(insn: Insn, at: number): number {
    const v = this.#view;
    v.setUint32(this.#arena + R.RECORD_INSN, this.insns.push(insn) - 1, true);
    v.setUint16(this.#arena + R.RECORD_SIZE, recordSize(insn), true);
    v.setUint8(this.#arena + R.RECORD_MODRM, insn.modrm);
    const memory = insn.operands.find((o) => o.kind === 'memory');
    v.setUint8(this.#arena + R.RECORD_SEGMENT, memory?.segment ?? 0);
    return at + R.SYSTEM_HEADER - R.RECORD_HEADER;
  }

  /** Writes an operand's field (record.ts) at `at`; gives the address behind it. */
  #field(o: Operand, insn: Insn, at: number): number {
    const v = this.#view;
    switch (o.kind) {
      case 'register':
        v.setUint32(at, this.at.state + S.GPR + o.register * 8 + (o.high ? 1 : 0), true);
        return at + 4;
      case 'vector':
        v.setUint32(at, this.at.state + S.VEC + o.register * S.VEC_SIZE, true);
        return at + 4;
      case 'mmx':
        v.setUint32(at, this.at.state + S.X87 + X87_REGISTERS + o.register * X87_REGISTER_BYTES, true);
        return at + 4;
      case 'immediate':
        v.setInt32(at, o.low, true);
        if (o.size !== 8) return at + 4;
        v.setInt32(at + 4, o.high, true);
        return at + 8;
      case 'relative': {
        const end = this.#offset + insn.length;
        v.setInt32(at, end + o.displacement, true);
        v.setInt32(at + 4, end, true);
        return this.#links(insn, at, end, end + o.displacement);
      }
      case 'memory':
        return isNear(o, insn) ? this.#near(o, insn, at) : this.#general(o, insn, at);
      default:
        throw new Error(`${insn.row.name}: a ${o.kind} operand has no field`);
    }
  }

  /** Links of a relative jump: they may be made when the target lies in the block's page and EIP needs no check. */
  #links(insn: Insn, at: number, end: number, target: number): number {
    const start = this.#host % PAGE_SIZE;
    const inPage = (to: number): boolean => start + to >= 0 && start + to < PAGE_SIZE;
    const exact = (insn.mode & M.MODE_FLAT_CODE) !== 0 && insn.operandSize !== 2;
    const first = at + R.RELATIVE_LINKS + R.LINK_GENERATION;
    this.#view.setInt32(first, exact && inPage(target) ? 0 : R.NEVER_LINKED, true);
    this.#view.setInt32(first + R.LINK_SIZE, exact && inPage(end) ? 0 : R.NEVER_LINKED, true);
    return at + R.RELATIVE_LINKS + 2 * R.LINK_SIZE;
  }

  #base(register: number): number {
    if (register === NO_REGISTER) return this.at.state + S.ZERO;
    return this.at.state + (register === BASE_RIP ? S.RIP : S.GPR + register * 8);
  }
  /** RIP-relative displacements count from the block's first byte, where RIP stands. */
  #displacement(o: MemoryOperand, insn: Insn): number {
    return o.base === BASE_RIP ? o.displacement + this.#offset + insn.length : o.displacement;
  }
  #near(o: MemoryOperand, insn: Insn, at: number): number {
    this.#view.setUint32(at, this.#base(o.base), true);
    this.#view.setInt32(at + 4, this.#displacement(o, insn), true);
    return at + 8;
  }
  #general(o: MemoryOperand, insn: Insn, at: number): number {
    const v = this.#view;
    const long = (insn.mode & M.MODE_SIZE_MASK) === M.MODE_64;
    const flat = (insn.mode & M.MODE_FLAT) !== 0 && (o.segment === S.ES || o.segment === S.SS || o.segment === S.DS);
    v.setUint32(at + R.GENERAL_BASE, this.#base(o.base), true);
    v.setUint32(at + R.GENERAL_INDEX, this.#base(o.index), true);
    const displacement = this.#displacement(o, insn);
    v.setInt32(at + R.GENERAL_DISPLACEMENT, displacement, true);
    const high = o.base === BASE_RIP ? Math.floor(displacement / 0x1_0000_0000) : o.displacementHigh;
    v.setInt32(at + R.GENERAL_DISPLACEMENT + 4, high, true);
    const hasBase = long ? o.segment >= S.FS : !flat;
    const segment = hasBase ? S.SEG + o.segment * S.SEG_SIZE : S.ZERO;
    v.setUint32(at + R.GENERAL_SEGMENT, this.at.state + segment, true);
    v.setUint8(at + R.GENERAL_SCALE, o.scale);
    v.setUint8(at + R.GENERAL_FLAGS, long ? 0 : R.GENERAL_WRAP32 | (flat ? 0 : R.GENERAL_CHECKED));
    v.setUint16(at + 22, 0, true);
    v.setInt32(at + R.GENERAL_MASK, insn.addressSize === 2 ? 0xffff : -1, true);
    v.setInt32(at + R.GENERAL_MASK + 4, insn.addressSize === 8 ? -1 : 0, true);
    return at + R.GENERAL_SIZE;
  }
}

function recordSize(insn: Insn): number {
  const { emit, system } = insn.row;
  return R.layout(emit ? fieldsOf(insn) : [], system !== undefined).size;
}

function systemRow(op: number): Row {
  const row = rowsOf(op)[0];
  if (!row) throw new Error(`no row for ${op.toString(16)}`);
  return row;
}
const UD2 = systemRow(0x0f0b);

/** Bytes that are no instruction: raise what they raise when they are executed. */
function failed(failure: DecodeFailure, mode: number): Insn {
  const row: Row = failure.failure === 'too-long' ? { ...UD2, system: 'generalProtection' } : UD2;
  return { ...EMPTY, row, length: failure.length, mode };
}
const EMPTY: Omit<Insn, 'row'> = {
  length: 0,
  opcode: 0x0f0b,
  operandSize: 4,
  addressSize: 8,
  repeat: 0,
  lock: false,
  modrm: 0,
  operands: [],
  vectorLength: 0,
  mode: 0,
};

/** An x87, MMX or SSE instruction that CR0 and CR4 forbid now raises #UD or #NM instead. */
function trapped(insn: Insn): Insn | undefined {
  const { row, mode } = insn;
  const isX87 = row.system === 'x87';
  const isVector = row.cpuid === 'avx' || insn.row.operands.some((o) => 'VWUHL'.includes(o.place));
  const isMmx = !isVector && (row.cpuid === 'mmx' || insn.row.operands.some((o) => 'PQN'.includes(o.place)));
  if (!isX87 && !isVector && !isMmx) return undefined;
  let name: 'undefined' | 'deviceNotAvailable' | undefined;
  if (isVector && (mode & (row.vex === undefined ? M.MODE_NO_SSE : M.MODE_NO_AVX)) !== 0) name = 'undefined';
  else if (isMmx && (mode & M.MODE_EMULATE) !== 0) name = 'undefined';
  else if (isVector || isMmx) name = (mode & M.MODE_TASK_SWITCHED) !== 0 ? 'deviceNotAvailable' : undefined;
  else if ((mode & (M.MODE_TASK_SWITCHED | M.MODE_EMULATE)) !== 0) name = 'deviceNotAvailable';
  if (!name) return undefined;
  const { emit: _emit, ...rest } = row;
  return { ...insn, row: { ...rest, system: name, ends: true } };
}
