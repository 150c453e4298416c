/** Turns code bytes into a block of records. */
import type { DecodeFailure, Decoder } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/physical.ts';
import { type Row, rowsOf } from '../table/index.ts';
import type { Interpreter } from './interpreter.ts';
import * as R from './record.ts';
import { RecordWriter } from './record-writer.ts';

const MAX_INSTRUCTIONS = 64;
/** Room for the largest block: records of its instructions, and guard, limit and end. */
export const MAX_BLOCK_BYTES = (MAX_INSTRUCTIONS + 1) * 128;

/** A block as it was decoded. */
export interface DecodedBlock {
  /** Instructions. */
  readonly count: number;
  /** Bytes of code, and of records. */
  readonly length: number;
  readonly size: number;
  /** Host address of the second page that bytes come from; -1: none do. */
  readonly second: number;
  /** From the first record: the links of its jump, 0 when there are none. */
  readonly links: number;
  /** Numbers of instructions that are kept. */
  readonly numbers: readonly number[];
}

/** An instruction needs bytes of the next page and is not the first of its block. */
class CrossesPage extends Error {}
export const CROSSES_PAGE = new CrossesPage();

export class BlockDecoder {
  readonly #u8: Uint8Array;
  readonly #words: Int32Array;
  readonly #writer: RecordWriter;
  readonly #source = { byte: (i: number): number => this.#fetch(i) };
  #host = 0;
  #start = 0;
  #offset = 0;
  #second = -1;
  #first = true;
  #nextPage: () => number = () => -1;

  constructor(
    memory: PhysicalMemory,
    readonly decoder: Decoder,
    readonly interpreter: Interpreter,
    at: VcpuLayout,
    keep: (insn: Insn) => number,
  ) {
    this.#u8 = memory.u8;
    this.#words = new Int32Array(memory.buffer);
    this.#writer = new RecordWriter(memory.buffer, interpreter, at, keep);
  }

  /** Instructions that follow each other from a host address, of one page. */
  *insns(host: number, mode: number, count: number): Generator<Insn> {
    this.#begin(host, () => -1);
    for (let n = 0; n < count; n++) {
      const insn = this.#decodeOne(mode);
      yield insn;
      this.#offset += insn.length;
    }
  }

  one(host: number, mode: number, nextPage: () => number): Insn {
    this.#begin(host, nextPage);
    return this.#decodeOne(mode);
  }
  #begin(host: number, nextPage: () => number): void {
    this.#host = host;
    this.#start = host % PAGE_SIZE;
    this.#offset = 0;
    this.#second = -1;
    this.#first = true;
    this.#nextPage = nextPage;
  }

  #fetch(i: number): number {
    const at = this.#start + this.#offset + i;
    if (at < PAGE_SIZE) return this.#u8[this.#host + this.#offset + i] ?? 0xff;
    if (!this.#first) throw CROSSES_PAGE;
    if (this.#second < 0) this.#second = this.#nextPage();
    return this.#u8[this.#second + at - PAGE_SIZE] ?? 0xff;
  }

  /** Writes the block at a host address to `at`; `alone`: its first instruction only. */
  build(at: number, host: number, mode: number, nextPage: () => number, alone: boolean): DecodedBlock {
    const writer = this.#writer;
    const { module } = this.interpreter;
    this.#begin(host, nextPage);
    const first = this.#decodeOne(mode);
    writer.begin(at, this.#start);
    if (this.#second >= 0) writer.special(module.guardSlot, 0, this.#second);
    // one instruction alone is checked by who asked for it
    const limited = (mode & M.MODE_FLAT_CODE) === 0 && !alone;
    const limit = limited ? writer.special(module.limitSlot, 0, 0) : 0;
    const { count, ended } = this.#body(first, mode, alone ? 1 : MAX_INSTRUCTIONS);
    const length = this.#offset;
    if (!ended) writer.special(module.endSlot, length, 0);
    if (limited) this.#words[(limit + R.RECORD_HEADER) >> 2] = length - 1;
    const { links, numbers, end } = writer;
    return { count, length, size: end - at, second: this.#second, links: links && links - at, numbers };
  }
  #body(first: Insn, mode: number, most: number): { count: number; ended: boolean } {
    let insn: Insn | undefined = first;
    for (let count = 1; ; count++) {
      this.#writer.insn(insn, this.#offset);
      this.#offset += insn.length;
      if (insn.row.ends) return { count, ended: true };
      // an instruction that ends a page ends the block
      if (count >= most || this.#second >= 0 || this.#start + this.#offset >= PAGE_SIZE) return { count, ended: false };
      this.#first = false;
      insn = this.#next(mode);
      if (!insn) return { count, ended: false };
    }
  }
  #next(mode: number): Insn | undefined {
    try {
      return this.#decodeOne(mode);
    } catch (e) {
      if (e !== CROSSES_PAGE) throw e;
      return undefined;
    }
  }

  #decodeOne(mode: number): Insn {
    const result = this.decoder.decode(this.#source, mode);
    if ('failure' in result) return failed(result, mode);
    return (mode & FORBIDS) === 0 ? result : (trapped(result) ?? result);
  }
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

/** Modes in which some x87, MMX or SSE instructions raise an exception. */
const FORBIDS = M.MODE_NO_SSE | M.MODE_NO_AVX | M.MODE_EMULATE | M.MODE_TASK_SWITCHED;

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
