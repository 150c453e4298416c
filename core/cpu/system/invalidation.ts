/** Translations and caches: INVLPG, INVPCID, STAC and CLAC, and what works on cache lines. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { accessorOf, READ } from '../mmu/walk.ts';
import * as S from '../state.ts';
import { isCanonicalBase } from './descriptors.ts';
import {
  addressOf,
  generalProtection,
  linearOf,
  load,
  maskOf,
  memoryOf,
  offsetOf,
  registerOf,
  requireCpl0,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
} from './operands.ts';

/** Bits of a segment's type. */
const CODE = 8;
const READABLE = 2;

const halves = (linear: bigint): [lo: number, hi: number] => [
  Number(BigInt.asIntN(32, linear)),
  Number(BigInt.asIntN(32, linear >> 32n)),
];

function flushPage(cpu: Cpu, linear: bigint): void {
  cpu.tlb.flushPage(...halves(linear));
}

function invlpg(cpu: Cpu, insn: Insn): number {
  requireCpl0(cpu);
  const o = memoryOf(insn, 0);
  const s = cpu.state;
  const offset = offsetOf(cpu, insn, o);
  const linear = s.code64 ? linearOf(cpu, o.segment, offset, 1, false) : (s.segBase(o.segment) + offset) & maskOf(4);
  flushPage(cpu, linear);
  return cpu.serialize();
}

// INVPCID types
const INDIVIDUAL_ADDRESS = 0n;
const SINGLE_CONTEXT = 1n;
const ALL_WITH_GLOBAL = 2n;
const ALL_CONTEXTS = 3n;

/** [SDM] volume 2, INVPCID. */
function invpcid(cpu: Cpu, insn: Insn): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const type = s.gpr(registerOf(insn, 0)) & maskOf(s.code64 ? 8 : 4);
  const at = addressOf(cpu, insn, 1, 16, false);
  const pcid = load(cpu, at, 8);
  const linear = load(cpu, s.code64 ? (at + 8n) & maskOf(8) : (at + 8n) & maskOf(4), 8);
  if (type > ALL_CONTEXTS || pcid >> 12n !== 0n) generalProtection();
  if (type <= SINGLE_CONTEXT && pcid !== 0n && (s.cr4 & S.CR4_PCIDE) === 0) generalProtection();
  if (type === INDIVIDUAL_ADDRESS && !isCanonicalBase(cpu, linear)) generalProtection();
  if (type === INDIVIDUAL_ADDRESS) flushPage(cpu, linear);
  else if (type === SINGLE_CONTEXT) cpu.tlb.flushPcid(Number(pcid));
  else if (type === ALL_WITH_GLOBAL) cpu.tlb.flush();
  else cpu.tlb.flushAllNonGlobal();
  return cpu.serialize();
}

/** STAC and CLAC: EFLAGS.AC, which SMAP goes by. */
function setAc(on: boolean): SystemOp {
  return (cpu) => {
    const s = cpu.state;
    if (s.cpl !== 0) undefinedOpcode();
    const flags = s.get32(S.EFLAGS);
    s.set32(S.EFLAGS, on ? flags | S.FLAG_AC : flags & ~S.FLAG_AC);
    return SYSTEM_NEXT;
  };
}

/** Caches have no effect here. */
function privilegedNothing(cpu: Cpu): number {
  requireCpl0(cpu);
  return SYSTEM_NEXT;
}

/** A byte's address in code that can be executed only; undefined in other segments. */
function addressInUnreadableCode(cpu: Cpu, insn: Insn): bigint | undefined {
  const s = cpu.state;
  const o = memoryOf(insn, 0);
  const kind = s.access(o.segment) & (S.AR_P | S.AR_S | S.SEG_UNUSABLE | CODE | READABLE);
  if (s.code64 || kind !== (S.AR_P | S.AR_S | CODE)) return undefined;
  const offset = offsetOf(cpu, insn, o);
  if (offset > BigInt(s.segLimit(o.segment))) generalProtection();
  return (s.segBase(o.segment) + offset) & maskOf(4);
}

/**
 * CLFLUSH, CLFLUSHOPT and CLWB fault as a load of a byte does, and read nothing: a device would notice. Code that cannot be
 * read can be flushed: [SDM] volume 2, CLFLUSH.
 */
function cacheLine(cpu: Cpu, insn: Insn): number {
  const linear = addressInUnreadableCode(cpu, insn) ?? addressOf(cpu, insn, 0, 1, false);
  cpu.memory.translate(...halves(linear), READ, accessorOf(cpu.state));
  return SYSTEM_NEXT;
}

function monitor(cpu: Cpu, insn: Insn): number {
  if (cpu.state.cpl !== 0) undefinedOpcode();
  if (cpu.state.gpr32(S.RCX) !== 0) generalProtection();
  return cacheLine(cpu, insn);
}
/** MWAIT may end for any reason ([SDM] volume 2, MWAIT), and does at once, as in KVM. ECX bit 0 is an extension. */
function mwait(cpu: Cpu): number {
  if (cpu.state.cpl !== 0) undefinedOpcode();
  if (cpu.state.gpr32(S.RCX) >>> 1 !== 0) generalProtection();
  return SYSTEM_NEXT;
}

export const INVALIDATION = {
  invlpg,
  invpcid,
  stac: setAc(true),
  clac: setAc(false),
  invd: privilegedNothing,
  wbinvd: privilegedNothing,
  clflush: cacheLine,
  monitor,
  mwait,
} satisfies Record<string, SystemOp>;
