/** Writes instructions as records (record.ts). */
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand } from '../decode/insn.ts';
import * as M from '../decode/mode.ts';
import { X87_REGISTER_BYTES, X87_REGISTERS } from '../fpu/state.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import type { Interpreter } from './interpreter.ts';
import { SPECIAL_RECORD_SIZE } from './module.ts';
import * as R from './record.ts';
import { isNear } from './variant.ts';

const NONE: readonly number[] = [];

/** @hot Every instruction that is decoded comes by here. */
export class RecordWriter {
  readonly #words: Int32Array;
  /** Where the next record goes, and its instruction's place in the block. */
  #at = 0;
  #offset = 0;
  /** Where the block's first byte lies within its page. */
  #start = 0;
  /** The links of the block's jump; 0 when it has none. */
  links = 0;
  /** Numbers of the block's instructions that are kept. */
  numbers: readonly number[] = NONE;

  constructor(
    buffer: SharedArrayBuffer,
    readonly interpreter: Interpreter,
    readonly at: VcpuLayout,
    /** Keeps an instruction that TypeScript may have to run; gives its number. */
    readonly keep: (insn: Insn) => number,
  ) {
    this.#words = new Int32Array(buffer);
  }

  /** Begins a block whose first byte lies so far into its page. */
  begin(at: number, start: number): void {
    this.#at = at;
    this.#start = start;
    this.links = 0;
    this.numbers = NONE;
  }
  /** Address behind the last record. */
  get end(): number {
    return this.#at;
  }

  /** A record of no instruction; gives its address. */
  special(slot: number, start: number, value: number): number {
    const at = this.#at;
    const w = this.#words;
    w[(at + R.RECORD_HANDLER) >> 2] = slot;
    w[(at + R.RECORD_START) >> 2] = start;
    w[(at + R.RECORD_HEADER) >> 2] = value;
    this.#at = at + SPECIAL_RECORD_SIZE;
    return at;
  }

  /** The instruction `offset` bytes into the block. */
  insn(insn: Insn, offset: number): void {
    const { emit, system } = insn.row;
    const first = this.#at;
    this.#offset = offset;
    const slot = emit ? this.interpreter.slot(insn, emit) : this.interpreter.module.systemSlot(insn);
    this.#words[(first + R.RECORD_HANDLER) >> 2] = slot;
    this.#words[(first + R.RECORD_START) >> 2] = offset | (insn.length << 16);
    let at = first + (system === undefined ? R.RECORD_HEADER : R.SYSTEM_HEADER);
    if (emit) for (const operand of insn.operands) at = this.#field(operand, insn, at);
    this.#at = (at + 7) & ~7;
    if (system !== undefined) this.#systemHeader(insn, first);
  }
  /** What an instruction needs that is, or may fall back to, a system instruction. */
  #systemHeader(insn: Insn, first: number): void {
    const number = this.keep(insn);
    this.numbers = [...this.numbers, number];
    let segment = 0;
    for (const o of insn.operands) if (o.kind === 'memory') segment = o.segment;
    this.#words[(first + R.RECORD_INSN) >> 2] = number;
    this.#words[(first + R.RECORD_SIZE) >> 2] = (this.#at - first) | (insn.modrm << 16) | (segment << 24);
  }

  /** Writes an operand's field (record.ts) at `at`; gives the address behind it. */
  #field(o: Operand, insn: Insn, at: number): number {
    const w = this.#words;
    const { state } = this.at;
    switch (o.kind) {
      case 'register':
        w[at >> 2] = state + S.GPR + o.register * 8 + (o.high ? 1 : 0);
        return at + 4;
      case 'vector':
        w[at >> 2] = state + S.VEC + o.register * S.VEC_SIZE;
        return at + 4;
      case 'mmx':
        w[at >> 2] = state + S.X87 + X87_REGISTERS + o.register * X87_REGISTER_BYTES;
        return at + 4;
      case 'immediate':
        w[at >> 2] = o.low;
        if (o.size !== 8) return at + 4;
        w[(at + 4) >> 2] = o.high;
        return at + 8;
      case 'segment':
      case 'control':
        w[at >> 2] = o.register;
        return at + 4;
      case 'relative':
        return this.#relative(o.displacement, insn, at);
      case 'memory':
        return isNear(o, insn) ? this.#near(o, insn, at) : this.#general(o, insn, at);
      default:
        throw new Error(`${insn.row.name}: a ${o.kind} operand has no field`);
    }
  }

  /** Links may be made when the target lies in the block's page and EIP needs no check. */
  #relative(displacement: number, insn: Insn, at: number): number {
    const w = this.#words;
    const end = this.#offset + insn.length;
    w[at >> 2] = end + displacement;
    w[(at + 4) >> 2] = end;
    const exact = (insn.mode & M.MODE_FLAT_CODE) !== 0 && insn.operandSize !== 2;
    this.links = at + R.RELATIVE_LINKS;
    this.#link(this.links, exact, end + displacement);
    this.#link(this.links + R.LINK_SIZE, exact, end);
    return this.links + 2 * R.LINK_SIZE;
  }
  #link(at: number, exact: boolean, target: number): void {
    const inPage = this.#start + target >= 0 && this.#start + target < PAGE_SIZE;
    this.#words[(at + R.LINK_RECORD) >> 2] = 0;
    this.#words[(at + R.LINK_GENERATION) >> 2] = exact && inPage ? R.UNLINKED : R.NEVER_LINKED;
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
    this.#words[at >> 2] = this.#base(o.base);
    this.#words[(at + 4) >> 2] = this.#displacement(o, insn);
    return at + 8;
  }
  #general(o: MemoryOperand, insn: Insn, at: number): number {
    const w = this.#words;
    const long = (insn.mode & M.MODE_SIZE_MASK) === M.MODE_64;
    const flat = (insn.mode & M.MODE_FLAT) !== 0 && (o.segment === S.ES || o.segment === S.SS || o.segment === S.DS);
    w[(at + R.GENERAL_BASE) >> 2] = this.#base(o.base);
    w[(at + R.GENERAL_INDEX) >> 2] = this.#base(o.index);
    const displacement = this.#displacement(o, insn);
    w[(at + R.GENERAL_DISPLACEMENT) >> 2] = displacement;
    const high = o.base === BASE_RIP ? Math.floor(displacement / 0x1_0000_0000) : o.displacementHigh;
    w[(at + R.GENERAL_DISPLACEMENT + 4) >> 2] = high;
    const hasBase = long ? o.segment >= S.FS : !flat;
    const segment = hasBase ? S.SEG + o.segment * S.SEG_SIZE : S.ZERO;
    w[(at + R.GENERAL_SEGMENT) >> 2] = this.at.state + segment;
    const flags = long ? 0 : R.GENERAL_WRAP32 | (flat ? 0 : R.GENERAL_CHECKED);
    w[(at + R.GENERAL_SCALE) >> 2] = o.scale | (flags << 8);
    w[(at + R.GENERAL_MASK) >> 2] = insn.addressSize === 2 ? 0xffff : -1;
    w[(at + R.GENERAL_MASK + 4) >> 2] = insn.addressSize === 8 ? -1 : 0;
    return at + R.GENERAL_SIZE;
  }
}
