/** Segment registers, descriptor tables, and the instructions that ask about descriptors. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import {
  type Descriptor,
  errorOf,
  isCanonicalBase,
  isNull,
  loadNull,
  loadSegment,
  readSystemDescriptor,
  tryReadDescriptor,
} from './descriptors.ts';
import {
  addressOf,
  generalProtection,
  load,
  maskOf,
  read,
  registerOf,
  requireCpl0,
  Stack,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
  write,
} from './operands.ts';

const PUSH_POP: Readonly<Record<number, number>> = {
  6: S.ES,
  7: S.ES,
  14: S.CS,
  22: S.SS,
  23: S.SS,
  30: S.DS,
  31: S.DS,
  4000: S.FS,
  4001: S.FS,
  4008: S.GS,
  4009: S.GS,
};
const segmentOf = (insn: Insn): number => PUSH_POP[insn.opcode] ?? S.DS;
const stackSize = (insn: Insn): 2 | 4 | 8 => insn.operandSize as 2 | 4 | 8;

/** MOV SS and POP SS hold interrupts and single-step traps back for one instruction: SS:rSP are loaded as a pair. */
function shadow(cpu: Cpu): void {
  cpu.state.set64(S.SHADOW_RIP, cpu.nextIp);
  cpu.state.set32(S.SHADOW, S.SHADOW_MOV_SS);
}

function pushSegment(cpu: Cpu, insn: Insn): number {
  const stack = Stack.current(cpu);
  stack.push(stackSize(insn), cpu.state.selector(segmentOf(insn)));
  stack.commit();
  return SYSTEM_NEXT;
}

function popSegment(cpu: Cpu, insn: Insn): number {
  const n = segmentOf(insn);
  const stack = Stack.current(cpu);
  const selector = Number(stack.pop(stackSize(insn)) & 0xffffn);
  loadSegment(cpu, n, selector);
  stack.commit();
  if (n === S.SS) shadow(cpu);
  return cpu.serialize();
}

/** To a register the selector is zero-extended to the operand size; to memory it is 16 bits. */
function movFromSegment(cpu: Cpu, insn: Insn): number {
  const selector = BigInt(cpu.state.selector(registerOf(insn, 1)));
  if (insn.operands[0]?.kind === 'memory') cpu.memory.write(addressOf(cpu, insn, 0, 2, true), 2, selector);
  else write(cpu, insn, 0, selector);
  return SYSTEM_NEXT;
}

function movToSegment(cpu: Cpu, insn: Insn): number {
  const n = registerOf(insn, 0);
  if (n === S.CS) undefinedOpcode();
  loadSegment(cpu, n, Number(read(cpu, insn, 1)));
  if (n === S.SS) shadow(cpu);
  return cpu.serialize();
}

const FAR_LOADS: Readonly<Record<number, number>> = { 196: S.ES, 197: S.DS, 4018: S.SS, 4020: S.FS, 4021: S.GS };
function loadFarPointer(cpu: Cpu, insn: Insn): number {
  const size = insn.operandSize;
  const offset = load(cpu, addressOf(cpu, insn, 1, size, false), size);
  const selector = Number(load(cpu, addressOf(cpu, insn, 1, 2, false, size), 2));
  loadSegment(cpu, FAR_LOADS[insn.opcode] ?? S.DS, selector);
  write(cpu, insn, 0, offset);
  return cpu.serialize();
}

// -- descriptor tables ---------------------------------------------------------------------------------------------
function storeTable(base: number, limit: number): SystemOp {
  return (cpu, insn) => {
    const s = cpu.state;
    if ((s.cr4 & S.CR4_UMIP) !== 0) requireCpl0(cpu);
    const size = s.code64 ? 8 : 4;
    const bytes = new Uint8Array(2 + size);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, s.get32(limit), true);
    if (size === 8) view.setBigUint64(2, s.get64(base), true);
    else view.setUint32(2, Number(s.get64(base) & 0xffff_ffffn), true);
    cpu.memory.writeBytes(addressOf(cpu, insn, 0, bytes.length, true), bytes);
    return SYSTEM_NEXT;
  };
}

function loadTable(base: number, limit: number): SystemOp {
  return (cpu, insn) => {
    const s = cpu.state;
    requireCpl0(cpu);
    const size = s.code64 ? 8 : 4;
    const newLimit = Number(load(cpu, addressOf(cpu, insn, 0, 2, false), 2));
    let newBase = load(cpu, addressOf(cpu, insn, 0, size, false, 2), size);
    if (size === 8 && !isCanonicalBase(cpu, newBase)) generalProtection();
    if (size === 4 && insn.operandSize === 2) newBase &= 0xff_ffffn;
    s.set64(base, newBase);
    s.set32(limit, newLimit);
    return SYSTEM_NEXT;
  };
}

function loadLdt(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  if (!s.protectedMode || s.vm86) undefinedOpcode();
  requireCpl0(cpu);
  const selector = Number(read(cpu, insn, 0));
  if (isNull(selector)) {
    loadNull(cpu, S.LDTR, selector);
    return SYSTEM_NEXT;
  }
  if ((selector & 4) !== 0) throw new GuestFault(S.GP, errorOf(selector));
  const d = readSystemDescriptor(cpu, selector);
  if (!d.isSystem || d.type !== 2) throw new GuestFault(S.GP, errorOf(selector));
  if (!d.present) throw new GuestFault(S.NP, errorOf(selector));
  s.setSegment(S.LDTR, selector, d.base, d.limit, d.access);
  return SYSTEM_NEXT;
}

const TSS_AVAILABLE_16 = 1;
const TSS_AVAILABLE = 9;
const TSS_BUSY_BIT = 2;

function loadTask(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  if (!s.protectedMode || s.vm86) undefinedOpcode();
  requireCpl0(cpu);
  const selector = Number(read(cpu, insn, 0));
  if (isNull(selector) || (selector & 4) !== 0) throw new GuestFault(S.GP, errorOf(selector));
  const d = readSystemDescriptor(cpu, selector);
  const available = d.type === TSS_AVAILABLE || (d.type === TSS_AVAILABLE_16 && !s.longMode);
  if (!d.isSystem || !available) throw new GuestFault(S.GP, errorOf(selector));
  if (!d.present) throw new GuestFault(S.NP, errorOf(selector));
  cpu.memory.write(d.linear + 5n, 1, (d.access & 0xff) | TSS_BUSY_BIT, false);
  s.setSegment(S.TR, selector, d.base, d.limit, d.access | TSS_BUSY_BIT);
  return SYSTEM_NEXT;
}

function storeSelector(n: number): SystemOp {
  return (cpu, insn) => {
    const s = cpu.state;
    if (!s.protectedMode || s.vm86) undefinedOpcode();
    if ((s.cr4 & S.CR4_UMIP) !== 0) requireCpl0(cpu);
    const selector = BigInt(s.selector(n));
    if (insn.operands[0]?.kind === 'memory') cpu.memory.write(addressOf(cpu, insn, 0, 2, true), 2, selector);
    else write(cpu, insn, 0, selector);
    return SYSTEM_NEXT;
  };
}

// -- questions -----------------------------------------------------------------------------------------------------
function setZf(cpu: Cpu, on: boolean): void {
  const s = cpu.state;
  s.arith = (s.eflags & ~S.FLAG_ZF) | (on ? S.FLAG_ZF : 0);
}

/** The descriptor of a selector that the current level may see, or undefined. */
function visible(cpu: Cpu, selector: number): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const d = tryReadDescriptor(cpu, selector);
  if (!d) return undefined;
  const conforming = d.isCode && (d.type & 4) !== 0;
  return !conforming && (d.dpl < cpu.state.cpl || d.dpl < (selector & 3)) ? undefined : d;
}

function verify(writes: boolean): SystemOp {
  return (cpu, insn) => {
    if (!cpu.state.protectedMode || cpu.state.vm86) undefinedOpcode();
    const d = visible(cpu, Number(read(cpu, insn, 0)));
    const ok = d && !d.isSystem && (writes ? !d.isCode && (d.type & 2) !== 0 : !d.isCode || (d.type & 2) !== 0);
    setZf(cpu, ok === true);
    return SYSTEM_NEXT;
  };
}

/** System descriptor types that LAR and LSL accept. */
const LAR_TYPES = new Set([1, 2, 3, 4, 5, 9, 11, 12]);
const LSL_TYPES = new Set([1, 2, 3, 9, 11]);
const LONG_TYPES = new Set([2, 9, 11, 12]);

function ask(types: ReadonlySet<number>, answer: (d: Descriptor) => number): SystemOp {
  return (cpu, insn) => {
    if (!cpu.state.protectedMode || cpu.state.vm86) undefinedOpcode();
    const d = visible(cpu, Number(read(cpu, insn, 1) & 0xffffn));
    const ok = d && (!d.isSystem || (types.has(d.type) && (!cpu.state.longMode || LONG_TYPES.has(d.type))));
    if (ok) write(cpu, insn, 0, BigInt(answer(d) >>> 0) & maskOf(insn.operandSize));
    setZf(cpu, ok === true);
    return SYSTEM_NEXT;
  };
}

function arpl(cpu: Cpu, insn: Insn): number {
  if (!cpu.state.protectedMode || cpu.state.vm86) undefinedOpcode();
  const destination = read(cpu, insn, 0);
  const rpl = read(cpu, insn, 1) & 3n;
  const lower = (destination & 3n) < rpl;
  if (lower) write(cpu, insn, 0, (destination & ~3n) | rpl);
  setZf(cpu, lower);
  return SYSTEM_NEXT;
}

export const SEGMENTS = {
  pushSegment,
  popSegment,
  movFromSegment,
  movToSegment,
  loadFarPointer,
  arpl,
  sgdt: storeTable(S.GDTR_BASE, S.GDTR_LIMIT),
  sidt: storeTable(S.IDTR_BASE, S.IDTR_LIMIT),
  lgdt: loadTable(S.GDTR_BASE, S.GDTR_LIMIT),
  lidt: loadTable(S.IDTR_BASE, S.IDTR_LIMIT),
  sldt: storeSelector(S.LDTR),
  str: storeSelector(S.TR),
  lldt: loadLdt,
  ltr: loadTask,
  verr: verify(false),
  verw: verify(true),
  lar: ask(LAR_TYPES, (d) => d.high & 0x00ffff00),
  lsl: ask(LSL_TYPES, (d) => d.limit),
} satisfies Record<string, SystemOp>;
