/** Far transfers: JMP, CALL, RET and IRET between segments. Call gates, tasks and virtual-8086 mode have files of their own. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import { callThroughGate, jumpThroughGate } from './call-gates.ts';
import {
  type Descriptor,
  errorOf,
  isCode64,
  isConforming,
  isNull,
  isWritableData,
  loadCode,
  loadNull,
  loadRealSegment,
  markAccessed,
  readDescriptor,
  requireOffset,
} from './descriptors.ts';
import { addressOf, generalProtection, load, maskOf, memoryOf, read, Stack, type SystemOp } from './operands.ts';
import { returnTask, transferTask } from './tasks.ts';
import { requireFlagAccess, returnToVirtual8086, virtualFlags } from './virtual8086.ts';

type FarSize = 2 | 4 | 8;
const farSize = (insn: Insn): FarSize => insn.operandSize as FarSize;

/** The ptr16:16/32 operand, or m16:16/32/64 in memory. */
function farTarget(cpu: Cpu, insn: Insn): { selector: number; offset: bigint } {
  const o = insn.operands[0];
  if (o?.kind === 'far') return { selector: o.selector, offset: BigInt(o.offset >>> 0) & maskOf(insn.operandSize) };
  const size = insn.operandSize;
  memoryOf(insn, 0);
  const offset = load(cpu, addressOf(cpu, insn, 0, size, false), size);
  const selector = Number(load(cpu, addressOf(cpu, insn, 0, 2, false, size), 2));
  return { selector, offset };
}

/**
 * The code segment of a direct far transfer, marked as accessed. [SDM] volume 2, JMP and CALL, far.
 */
function directCode(cpu: Cpu, selector: number, d: Descriptor, offset: bigint): Descriptor {
  const { cpl, longMode } = cpu.state;
  const error = errorOf(selector);
  if (!d.isCode) throw new GuestFault(S.GP, error);
  const allowed = isConforming(d) ? d.dpl <= cpl : (selector & 3) <= cpl && d.dpl === cpl;
  if (!allowed || (longMode && hasBadSize(d))) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  requireOffset(cpu, d, offset);
  return markAccessed(cpu, d);
}

/** L and D at once mean nothing. */
const hasBadSize = (d: Descriptor): boolean => (d.access & S.AR_L) !== 0 && !isCode64(d);

/** In real mode the limit that CS has stays; in virtual-8086 mode it is 64 KiB always. */
function requireRealOffset(cpu: Cpu, offset: bigint): void {
  if (offset > BigInt(cpu.state.segLimit(S.CS))) generalProtection();
}

const isTask = (cpu: Cpu, d: Descriptor): boolean => !cpu.state.longMode && [1, 3, 5, 9, 11].includes(d.type);

function jumpFar(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const { selector, offset } = farTarget(cpu, insn);
  if (!s.protectedMode || s.vm86) {
    requireRealOffset(cpu, offset);
    loadRealSegment(cpu, S.CS, selector);
    return cpu.jump(offset);
  }
  if (isNull(selector)) generalProtection();
  const d = readDescriptor(cpu, selector);
  if (d.isSystem) return throughSystem(cpu, 'jump', selector, d);
  loadCode(cpu, selector, directCode(cpu, selector, d, offset), s.cpl);
  return cpu.jump(offset);
}

/** JMP or CALL to a call gate, task gate or TSS. */
function throughSystem(cpu: Cpu, how: 'jump' | 'call', selector: number, d: Descriptor): number {
  if (!isTask(cpu, d)) return how === 'jump' ? jumpThroughGate(cpu, selector, d) : callThroughGate(cpu, selector, d);
  transferTask(cpu, how, selector, d);
  return cpu.jump(cpu.state.rip);
}

function callFar(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = farSize(insn);
  const { selector, offset } = farTarget(cpu, insn);
  const real = !s.protectedMode || s.vm86;
  if (!real && isNull(selector)) generalProtection();
  const d = real ? undefined : readDescriptor(cpu, selector);
  if (d?.isSystem) return throughSystem(cpu, 'call', selector, d);
  const code = d && directCode(cpu, selector, d, offset);
  if (!code) requireRealOffset(cpu, offset);
  const stack = Stack.current(cpu);
  stack.push(size, s.selector(S.CS));
  stack.push(size, cpu.nextIp);
  stack.commit();
  if (code) loadCode(cpu, selector, code, s.cpl);
  else loadRealSegment(cpu, S.CS, selector);
  return cpu.jump(offset);
}

/** The code segment that a far return or IRET goes to; RPL is the new CPL. */
function returnCode(cpu: Cpu, selector: number, offset: bigint): Descriptor {
  if (isNull(selector)) generalProtection();
  const d = readDescriptor(cpu, selector);
  const rpl = selector & 3;
  const error = errorOf(selector);
  const { cpl, longMode } = cpu.state;
  const allowed = rpl >= cpl && (isConforming(d) ? d.dpl <= rpl : d.dpl === rpl);
  if (!d.isCode || !allowed || (longMode && hasBadSize(d))) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  requireOffset(cpu, d, offset);
  return markAccessed(cpu, d);
}

/** The stack segment of an outer level. Null is allowed when returning to 64-bit mode below level 3. */
function returnStack(cpu: Cpu, selector: number, cpl: number, to64: boolean): Descriptor | undefined {
  if (isNull(selector)) {
    if (to64 && cpl !== 3 && (selector & 3) === cpl) return undefined;
    generalProtection();
  }
  const d = readDescriptor(cpu, selector);
  if ((selector & 3) !== cpl || d.dpl !== cpl || !isWritableData(d)) throw new GuestFault(S.GP, errorOf(selector));
  if (!d.present) throw new GuestFault(S.SS_VECTOR, errorOf(selector));
  return markAccessed(cpu, d);
}

function loadStack(cpu: Cpu, selector: number, d: Descriptor | undefined, rsp: bigint): void {
  const s = cpu.state;
  if (d) s.setSegment(S.SS, selector, d.base, d.limit, d.access);
  else loadNull(cpu, S.SS, selector);
  if (!s.code64 && (s.access(S.SS) & S.AR_DB) === 0) s.setGpr16(S.RSP, Number(rsp & 0xffffn));
  else s.setGpr(S.RSP, s.code64 ? rsp : rsp & maskOf(4));
  cpu.updateMode();
}

/** Data segments that the outer level may not use become null. */
function dropPrivilegedSegments(cpu: Cpu): void {
  const s = cpu.state;
  for (const n of [S.ES, S.DS, S.FS, S.GS]) {
    const access = s.access(n);
    const conforming = (access & 0x1c) === 0x1c;
    const dpl = (access >> S.AR_DPL_SHIFT) & 3;
    if ((access & S.SEG_UNUSABLE) === 0 && !conforming && dpl < s.cpl) loadNull(cpu, n, 0);
  }
}

function retFar(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = farSize(insn);
  const release = insn.operands.length > 0 ? read(cpu, insn, 0) : 0n;
  const stack = Stack.current(cpu);
  const ip = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  if (!s.protectedMode || s.vm86) {
    requireRealOffset(cpu, ip);
    stack.pointer = (stack.pointer + release) & stack.mask;
    stack.commit();
    loadRealSegment(cpu, S.CS, selector);
    return cpu.jump(ip);
  }
  const cpl = selector & 3;
  const code = returnCode(cpu, selector, ip);
  stack.pointer = (stack.pointer + release) & stack.mask;
  if (cpl === s.cpl) {
    stack.commit();
    loadCode(cpu, selector, code, cpl);
    return cpu.jump(ip);
  }
  const rsp = stack.pop(size);
  const ss = Number(stack.pop(size) & 0xffffn);
  const stackDescriptor = returnStack(cpu, ss, cpl, (code.access & S.AR_L) !== 0);
  loadCode(cpu, selector, code, cpl);
  loadStack(cpu, ss, stackDescriptor, rsp + release);
  dropPrivilegedSegments(cpu);
  return cpu.jump(ip);
}

/** EFLAGS that POPF and IRET may change at a privilege level, for an operand size. */
export function writableFlags(cpu: Cpu, size: number): number {
  const s = cpu.state;
  let mask = S.FLAGS_ARITH | S.FLAG_TF | S.FLAG_DF | S.FLAG_NT;
  if (size !== 2) mask |= S.FLAG_AC | S.FLAG_ID | S.FLAG_RF;
  const iopl = (s.get32(S.EFLAGS) & S.FLAG_IOPL) >> 12;
  if (s.cpl === 0) mask |= S.FLAG_IOPL;
  if (s.cpl <= iopl) mask |= S.FLAG_IF;
  return mask;
}

interface ReturnFrame {
  readonly ip: bigint;
  readonly selector: number;
  readonly flags: number;
}

function iret(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = farSize(insn);
  if (s.vm86) requireFlagAccess(cpu, size);
  else if (s.protectedMode && (s.get32(S.EFLAGS) & S.FLAG_NT) !== 0) {
    if (s.longMode) generalProtection();
    returnTask(cpu);
    return cpu.jump(s.rip);
  }
  const stack = Stack.current(cpu);
  const ip = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  const flags = Number(stack.pop(size) & 0xffff_ffffn);
  if (!s.protectedMode || s.vm86) return iretReal(cpu, size, stack, { ip, selector, flags });
  const toVirtual = (flags & S.FLAG_VM) !== 0 && size === 4 && s.cpl === 0 && !s.longMode;
  if (toVirtual) return returnToVirtual8086(cpu, stack, ip, selector, flags);
  return iretProtected(cpu, size, stack, { ip, selector, flags });
}

function iretReal(cpu: Cpu, size: FarSize, stack: Stack, { ip, selector, flags }: ReturnFrame): number {
  const s = cpu.state;
  const mask = writableFlags(cpu, size);
  const image = s.vm86 ? virtualFlags(cpu, size, flags) : (s.eflags & ~mask) | (flags & mask);
  requireRealOffset(cpu, ip);
  stack.commit();
  loadRealSegment(cpu, S.CS, selector);
  s.eflags = image;
  return cpu.jump(ip);
}

function iretProtected(cpu: Cpu, size: FarSize, stack: Stack, { ip, selector, flags }: ReturnFrame): number {
  const s = cpu.state;
  const cpl = selector & 3;
  const outer = cpl !== s.cpl;
  const code = returnCode(cpu, selector, ip);
  const virtual = s.cpl === 0 && size !== 2 ? S.FLAG_VIF | S.FLAG_VIP : 0;
  const mask = writableFlags(cpu, size) | virtual;
  // in 64-bit mode SS:RSP are popped always
  if (!outer && !s.code64) {
    stack.commit();
    loadCode(cpu, selector, code, cpl);
  } else {
    const rsp = stack.pop(size);
    const ss = Number(stack.pop(size) & 0xffffn);
    const stackDescriptor = returnStack(cpu, ss, cpl, (code.access & S.AR_L) !== 0);
    loadCode(cpu, selector, code, cpl);
    loadStack(cpu, ss, stackDescriptor, rsp);
    if (outer) dropPrivilegedSegments(cpu);
  }
  s.eflags = (s.eflags & ~mask) | (flags & mask);
  return cpu.jump(ip);
}

export const TRANSFERS = {
  jumpFar,
  callFar,
  jumpFarIndirect: jumpFar,
  callFarIndirect: callFar,
  retFar,
  iret: (cpu, insn) => {
    cpu.unmaskNmi(); // even when it faults: [SDM] volume 3, 6.7.1
    return iret(cpu, insn);
  },
} satisfies Record<string, SystemOp>;
