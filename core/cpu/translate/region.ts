/**
 * What is translated as one function: the basic blocks of one page of code that can be reached from an entry by direct
 * jumps, and from where calls return to. A page is what a write invalidates and what the TLB maps, so nothing within a region
 * needs to be looked at again.
 */
import type { Insn } from '../decode/insn.ts';
import type { DecodedInsn } from '../interp/blocks.ts';
import { isTranslatable } from './translatable.ts';

const MAX_INSTRUCTIONS = 400;
const MAX_BLOCKS = 100;
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
 * A block where the region can be entered: the interpreter's record of it, the handler that this had, and how many
 * instructions that block counts.
 */
export interface RegionEntry {
  readonly at: number;
  readonly record: number;
  readonly handler: number;
  readonly count: number;
}

export interface Region {
  readonly blocks: ReadonlyMap<number, RegionBlock>;
  /** The first is at 0. */
  readonly entries: readonly RegionEntry[];
  /** The page, from the first entry: its first byte, and the one behind it. */
  readonly from: number;
  readonly to: number;
}

/** Of a page of code: instructions of the block at so many bytes from the entry, none where there is none. */
export interface CodePage {
  readonly from: number;
  readonly to: number;
  decode(at: number): readonly DecodedInsn[];
  /** Blocks that have been run. */
  known(): readonly number[];
  /** The interpreter's handler of a record. */
  handler(record: number): number;
}

/** Undefined when there is nothing to translate at the entry. */
export function findRegion(page: CodePage): Region | undefined {
  const finder = new RegionFinder(page);
  finder.follow([0]);
  if (!finder.entries.has(0)) return undefined;
  if (finder.jumpsIndirectly) finder.enterAt([...page.known()].sort((a, b) => Math.abs(a) - Math.abs(b)));
  const blocks = new Map([...finder.leaders].map((at) => [at, finder.block(at)]));
  return { blocks, entries: [...finder.entries.values()], from: page.from, to: page.to };
}

class RegionFinder {
  readonly #insns = new Map<number, RegionInsn>();
  readonly leaders = new Set<number>();
  readonly entries = new Map<number, RegionEntry>();
  jumpsIndirectly = false;

  constructor(readonly page: CodePage) {}

  follow(from: readonly number[]): void {
    const waiting = [...from];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (this.leaders.has(at) || this.leaders.size >= MAX_BLOCKS || this.#insns.size >= MAX_INSTRUCTIONS) continue;
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
    const decoded = this.page.decode(at);
    const [first] = decoded;
    if (!first || !this.leaders.has(at) || this.entries.size >= MAX_ENTRIES) return;
    const { record } = first;
    this.entries.set(at, { at, record, handler: this.page.handler(record), count: decoded.length });
  }

  /** Takes in the instructions of a block; where it may go, or undefined when its first is not for a translator. */
  #collect(at: number): number[] | undefined {
    if (at < this.page.from || at >= this.page.to) return undefined;
    const decoded = this.page.decode(at);
    const [first] = decoded;
    if (!first || !isTranslatable(first.insn)) return undefined;
    this.leaders.add(at);
    if (this.entries.size === 0) this.#enter(at);
    let here = at;
    for (const { insn, record } of decoded) {
      if (!this.#insns.has(here)) this.#insns.set(here, { insn, record, at: here, blockAt: at });
      here += insn.length;
      if (!isTranslatable(insn)) return [];
      if (insn.row.ends) return this.#targets(insn, here);
    }
    return [here]; // cut short by its length, or at the end of the page
  }

  #targets(insn: Insn, end: number): number[] {
    const target = targetOf(insn, end);
    if (insn.row.name === 'CALL') {
      // where it returns to
      this.follow([end]);
      this.#enter(end);
    } else if (target === undefined) {
      if (insn.row.name === 'JMP') this.jumpsIndirectly = true;
      return [];
    }
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
