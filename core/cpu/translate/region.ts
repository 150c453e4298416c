/**
 * What is translated as one function: the basic blocks of one page of code that can be reached from an entry by direct
 * jumps. A page is what a write invalidates and what the TLB maps, so nothing within a region needs to be looked at again.
 */
import type { Insn } from '../decode/insn.ts';
import type { DecodedInsn } from '../interp/blocks.ts';
import { isTranslatable } from './translatable.ts';

const MAX_INSTRUCTIONS = 400;
const MAX_BLOCKS = 80;

/** An instruction, and the interpreter's record of it, where execution can always go on. */
export interface RegionInsn extends DecodedInsn {
  /** From the region's entry: its own first byte, and that of the block its record is in. */
  readonly at: number;
  readonly blockAt: number;
}

export interface RegionBlock {
  /** From the region's entry, in bytes. */
  readonly at: number;
  readonly insns: readonly RegionInsn[];
  /** The interpreter goes on at this instruction, which is not translated. */
  readonly rest: RegionInsn | undefined;
  /** Where it ends: from the entry. */
  readonly end: number;
  /** Its last instruction goes on with the next one. */
  readonly fallsThrough: boolean;
}

/** Instructions of the block at so many bytes from the entry; empty where there is none in this page. */
export type Decode = (at: number) => readonly DecodedInsn[];

/** Undefined when there is nothing to translate at the entry. */
export function findRegion(decode: Decode): ReadonlyMap<number, RegionBlock> | undefined {
  const insns = new Map<number, RegionInsn>();
  const leaders = new Set<number>();
  const waiting = [0];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (leaders.has(at) || leaders.size >= MAX_BLOCKS || insns.size >= MAX_INSTRUCTIONS) continue;
    const found = collect(decode, at, insns);
    if (!found) continue;
    leaders.add(at);
    waiting.push(...found);
  }
  if (!leaders.has(0)) return undefined;
  return new Map([...leaders].map((at) => [at, blockAt(at, insns, leaders)]));
}

/** Takes in the instructions of a block; where it may go, or undefined when its first is not for a translator. */
function collect(decode: Decode, at: number, insns: Map<number, RegionInsn>): number[] | undefined {
  const decoded = decode(at);
  const [first] = decoded;
  if (!first || !isTranslatable(first.insn)) return undefined;
  let here = at;
  for (const { insn, record } of decoded) {
    if (!insns.has(here)) insns.set(here, { insn, record, at: here, blockAt: at });
    here += insn.length;
    if (!isTranslatable(insn)) return [];
    if (insn.row.ends) return targetsOf(insn, here);
  }
  return [here]; // cut short by its length, or at the end of the page
}

function targetsOf(insn: Insn, end: number): number[] {
  const relative = insn.operands.find((o) => o.kind === 'relative');
  if (!relative) return [];
  const target = end + relative.displacement;
  return insn.row.name === 'JMP' || insn.row.name === 'CALL' ? [target] : [target, end];
}

function blockAt(at: number, all: ReadonlyMap<number, RegionInsn>, leaders: ReadonlySet<number>): RegionBlock {
  const insns: RegionInsn[] = [];
  for (let here = at; ; ) {
    const next = all.get(here);
    const known = next !== undefined && (here === at || !leaders.has(here));
    if (!known) return { at, insns, rest: undefined, end: here, fallsThrough: true };
    if (!isTranslatable(next.insn)) return { at, insns, rest: next, end: here, fallsThrough: false };
    insns.push(next);
    here += next.insn.length;
    if (next.insn.row.ends) return { at, insns, rest: undefined, end: here, fallsThrough: false };
  }
}
