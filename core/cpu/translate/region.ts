/**
 * What is translated as one function: the basic blocks that can be reached from an entry by direct jumps and calls, and from
 * where those return to. A page is what the TLB maps: whoever goes from one to another looks, once, whether it is there.
 */
import type { Insn } from '../decode/insn.ts';
import type { DecodedBlock, DecodedInsn } from '../interp/blocks.ts';
import { isTranslatable } from './translatable.ts';

const MAX_INSTRUCTIONS = 400;
const MAX_BLOCKS = 100;
const MAX_PAGES = 8;
/** So that sums of a few places are small integers. */
const MAX_DISTANCE = 2 ** 28;
/** Places where a region can be entered, from outside or by an indirect jump. */
const MAX_ENTRIES = 100;

/** An instruction, and the interpreter's record of it, where execution can always go on. */
export interface RegionInsn extends DecodedInsn {
  /** From the region's first entry: its own first byte, and that of the block its record is in. */
  readonly at: number;
  readonly blockAt: number;
}

export interface RegionBlock {
  /** From the region's first entry, in bytes. */
  readonly at: number;
  readonly insns: readonly RegionInsn[];
  /** The interpreter goes on at this instruction, which is not translated. */
  readonly rest: RegionInsn | undefined;
  /** Where it ends. */
  readonly end: number;
  /** Its last instruction goes on with the next one. */
  readonly fallsThrough: boolean;
}

/**
 * Where the region can be entered: at a block, or within one behind an instruction that is not translated. The interpreter's
 * record there, the handler that this had, and how many instructions of its block are left.
 */
export interface RegionEntry {
  readonly at: number;
  /** Where RIP is: at the block's beginning. */
  readonly blockAt: number;
  readonly record: number;
  readonly handler: number;
  readonly count: number;
}

export interface Region {
  readonly blocks: ReadonlyMap<number, RegionBlock>;
  /** The first is at 0. */
  readonly entries: readonly RegionEntry[];
  /** First byte of the first entry's page, from there. */
  readonly from: number;
  /** Addresses of the pages in host memory; 0 is that of the first entry. */
  readonly pages: ReadonlyMap<number, number>;
  /** CODE_MODE (decode/mode.ts). */
  readonly mode: number;
}

/** Code around an entry; places are bytes from there, pages count from the entry's. */
export interface CodeAround {
  /** First byte of the entry's page. */
  readonly from: number;
  readonly mode: number;
  pageOf(at: number): number;
  hostOf(page: number): number | undefined;
  /** The block at a place, where there is one that has been run. */
  decode(at: number): DecodedBlock | undefined;
  /** Blocks of the entry's page that have been run. */
  known(): readonly number[];
  /** The interpreter's handler of a record. */
  handler(record: number): number;
}

/** Undefined when there is nothing to translate at the entry. */
export function findRegion(code: CodeAround): Region | undefined {
  const finder = new RegionFinder(code);
  finder.follow([0]);
  if (finder.entries.size === 0) return undefined;
  if (finder.jumpsIndirectly) finder.enterAt(indirectTargets(code).sort((a, b) => Math.abs(a) - Math.abs(b)));
  const blocks = new Map([...finder.leaders].map((at) => [at, finder.block(at)]));
  const pages = new Map([...finder.leaders].map((at) => [code.pageOf(at), code.hostOf(code.pageOf(at)) ?? 0]));
  const { from, mode } = code;
  return { blocks, entries: [...finder.entries.values()], from, pages, mode };
}

/** Blocks of the entry's page that something else than a direct jump must have led to: functions, cases of a switch. */
function indirectTargets(code: CodeAround): number[] {
  const direct = new Set<number>();
  for (const at of code.known()) {
    let end = at;
    const insns = code.decode(at)?.insns ?? [];
    for (const { insn } of insns) end += insn.length;
    const last = insns.at(-1)?.insn;
    const target = last && targetOf(last, end);
    if (target !== undefined) direct.add(target);
    if (last?.row.name !== 'JMP' && last?.row.name !== 'RET') direct.add(end);
  }
  return code.known().filter((at) => !direct.has(at));
}

class RegionFinder {
  readonly #insns = new Map<number, RegionInsn>();
  /** The interpreter's blocks that were looked at. */
  readonly #seen = new Set<number>();
  readonly leaders = new Set<number>();
  /** By their records. */
  readonly entries = new Map<number, RegionEntry>();
  readonly #pages = new Set<number>();
  jumpsIndirectly = false;

  constructor(readonly code: CodeAround) {}

  follow(from: readonly number[]): void {
    const waiting = [...from];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (this.#seen.has(at) || this.leaders.size >= MAX_BLOCKS || this.#insns.size >= MAX_INSTRUCTIONS) continue;
      this.#seen.add(at);
      const found = this.#collect(at);
      if (found) waiting.push(...found);
    }
  }
  enterAt(places: readonly number[]): void {
    for (const at of places) {
      if (this.entries.size >= MAX_ENTRIES) return;
      this.follow([at]);
      this.#enter(at);
    }
  }
  #enter(at: number): void {
    const block = this.leaders.has(at) ? this.code.decode(at) : undefined;
    if (block) this.#enterBy({ at, blockAt: at, record: block.record, count: block.insns.length });
  }
  #enterBy(entry: Omit<RegionEntry, 'handler'>): void {
    const { record } = entry;
    if (this.entries.size < MAX_ENTRIES) this.entries.set(record, { ...entry, handler: this.code.handler(record) });
  }

  /** Takes in the instructions of a block; where it may go, or undefined when none of it is for a translator. */
  #collect(at: number): number[] | undefined {
    const page = this.code.pageOf(at);
    if (Math.abs(at) > MAX_DISTANCE || (!this.#pages.has(page) && this.#pages.size >= MAX_PAGES)) return undefined;
    const insns = this.code.decode(at)?.insns ?? [];
    if (!insns.some(({ insn }) => isTranslatable(insn))) return undefined;
    this.#pages.add(page);
    let here = at;
    let goesOn = false;
    for (const [n, { insn, record }] of insns.entries()) {
      const translatable = isTranslatable(insn);
      if (translatable && !goesOn) this.#lead(here, at, record, insns.length - n);
      goesOn = translatable;
      if (!this.#insns.has(here)) this.#insns.set(here, { insn, record, at: here, blockAt: at });
      here += insn.length;
      if (insn.row.ends) return this.#targets(insn, here);
    }
    return [here]; // cut short by its length, or at the end of the page
  }
  /** A block of the region begins where one of the interpreter's does, or behind what is not translated. */
  #lead(at: number, blockAt: number, record: number, count: number): void {
    this.leaders.add(at);
    if (at !== blockAt) this.#enterBy({ at, blockAt, record, count });
    else if (this.entries.size === 0) this.#enter(at);
  }

  #targets(insn: Insn, end: number): number[] {
    const target = targetOf(insn, end);
    if (insn.row.name === 'CALL' || !insn.row.near) {
      // where it returns to, or goes on
      this.follow([end]);
      this.#enter(end);
    }
    if (target === undefined && (insn.row.name === 'JMP' || insn.row.name === 'CALL')) this.jumpsIndirectly = true;
    return target === undefined ? [] : goesOn(insn) ? [target, end] : [target];
  }

  block(at: number): RegionBlock {
    const insns: RegionInsn[] = [];
    for (let here = at; ; ) {
      const next = this.#insns.get(here);
      const known = next !== undefined && (here === at || !this.leaders.has(here));
      if (!known) return { at, insns, rest: undefined, end: here, fallsThrough: true };
      if (!isTranslatable(next.insn)) return { at, insns, rest: next, end: here, fallsThrough: false };
      insns.push(next);
      here += next.insn.length;
      if (next.insn.row.ends) return { at, insns, rest: undefined, end: here, fallsThrough: false };
    }
  }
}

/** Where a direct jump behind which the code goes on at `end` leads. */
function targetOf(insn: Insn, end: number): number | undefined {
  const relative = insn.operands.find((o) => o.kind === 'relative');
  return relative && end + relative.displacement;
}
/** A jump that may not be taken. */
const goesOn = ({ row }: Insn): boolean => row.name !== 'JMP' && row.name !== 'CALL';

/** Blocks that a block leads to directly, wherever they are. */
export function successorsOf(block: RegionBlock): number[] {
  if (block.fallsThrough) return [block.end];
  const last = block.insns.at(-1)?.insn;
  const target = last && !block.rest ? targetOf(last, block.end) : undefined;
  if (!last || target === undefined) return [];
  return goesOn(last) ? [target, block.end] : [target];
}
