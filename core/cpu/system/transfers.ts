/**
 * Far transfers: CALL, JMP, RET and IRET through segments and call gates, software interrupts, SYSCALL and SYSENTER.
 * Not yet: task gates and task switches, virtual-8086 mode (IRET to it, interrupts in it).
 */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { CPU_DEBUG } from '../exits.ts';
import { EmulationFailure, GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import {
  type Descriptor,
  errorOf,
  isCanonical,
  isNull,
  loadCode,
  loadNull,
  loadRealSegment,
  markAccessed,
  readDescriptor,
} from './descriptors.ts';
import { enter, enterInner } from './interrupts.ts';
import {
  addressOf,
  generalProtection,
  load,
  maskOf,
  memoryOf,
  read,
  requireCpl0,
  Stack,
  type SystemOp,
  undefinedOpcode,
} from './operands.ts';

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

/** Checks a direct far transfer to a code segment; gives its descriptor. [SDM] JMP and CALL, far. */
function checkCode(cpu: Cpu, selector: number, d: Descriptor): void {
  const cpl = cpu.state.cpl;
  const conforming = (d.type & 4) !== 0;
  if (conforming ? d.dpl > cpl : (selector & 3) > cpl || d.dpl !== cpl) throw new GuestFault(S.GP, errorOf(selector));
  if (!d.present) throw new GuestFault(S.NP, errorOf(selector));
  if (cpu.state.longMode && (d.access & (S.AR_L | S.AR_DB)) === (S.AR_L | S.AR_DB))
    throw new GuestFault(S.GP, errorOf(selector));
}

function checkOffset(cpu: Cpu, d: Descriptor, offset: bigint): void {
  const long = cpu.state.longMode && (d.access & S.AR_L) !== 0;
  if (long ? !isCanonical(offset) : offset > BigInt(d.limit)) generalProtection();
}

function jumpFar(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const { selector, offset } = farTarget(cpu, insn);
  if (!s.protectedMode || s.vm86) {
    if (offset > BigInt(s.segLimit(S.CS))) generalProtection();
    loadRealSegment(cpu, S.CS, selector);
    return cpu.jump(offset);
  }
  if (isNull(selector)) generalProtection();
  const d = readDescriptor(cpu, selector);
  if (d.isSystem) {
    const gate = callGate(cpu, selector, d);
    const code = readDescriptor(cpu, gate.selector);
    if (!code.isCode) throw new GuestFault(S.GP, errorOf(gate.selector));
    checkCode(cpu, gate.selector & ~3, code);
    checkOffset(cpu, code, gate.offset);
    loadCode(cpu, gate.selector, code, s.cpl);
    return cpu.jump(gate.offset);
  }
  if (!d.isCode) throw new GuestFault(S.GP, errorOf(selector));
  checkCode(cpu, selector, d);
  checkOffset(cpu, d, offset);
  loadCode(cpu, selector, d, s.cpl);
  return cpu.jump(offset);
}

interface CallGate {
  readonly selector: number;
  readonly offset: bigint;
  readonly size: FarSize;
  readonly parameters: number;
}
const CALL_GATE_16 = 4;
const CALL_GATE_32 = 12;

function callGate(cpu: Cpu, selector: number, d: Descriptor): CallGate {
  const s = cpu.state;
  const error = errorOf(selector);
  const known = d.type === CALL_GATE_32 || (!s.longMode && d.type === CALL_GATE_16);
  if (!known) {
    const task = !s.longMode && (d.type === 1 || d.type === 9 || d.type === 5);
    if (task)
      throw new EmulationFailure('a far transfer through a task gate or TSS: task switches are not emulated yet');
    throw new GuestFault(S.GP, error);
  }
  if (d.dpl < s.cpl || d.dpl < (selector & 3)) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  const target = d.low >>> 16;
  if (isNull(target)) generalProtection();
  const low = BigInt(((d.high & 0xffff0000) | (d.low & 0xffff)) >>> 0);
  if (s.longMode) {
    const upper = cpu.memory.read32(d.linear + 8n, false);
    return { selector: target, offset: low | (BigInt(upper) << 32n), size: 8, parameters: 0 };
  }
  const is32 = d.type === CALL_GATE_32;
  return { selector: target, offset: is32 ? low : low & 0xffffn, size: is32 ? 4 : 2, parameters: d.high & 31 };
}

function callFar(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = farSize(insn);
  const { selector, offset } = farTarget(cpu, insn);
  const stack = Stack.current(cpu);
  const pushReturn = (st: Stack, n: FarSize) => {
    st.push(n, s.selector(S.CS));
    st.push(n, cpu.nextIp);
  };
  if (!s.protectedMode || s.vm86) {
    if (offset > BigInt(s.segLimit(S.CS))) generalProtection();
    pushReturn(stack, size);
    stack.commit();
    loadRealSegment(cpu, S.CS, selector);
    return cpu.jump(offset);
  }
  if (isNull(selector)) generalProtection();
  const d = readDescriptor(cpu, selector);
  if (d.isSystem) return callThroughGate(cpu, callGate(cpu, selector, d));
  if (!d.isCode) throw new GuestFault(S.GP, errorOf(selector));
  checkCode(cpu, selector, d);
  checkOffset(cpu, d, offset);
  pushReturn(stack, size);
  stack.commit();
  loadCode(cpu, selector, d, s.cpl);
  return cpu.jump(offset);
}

function callThroughGate(cpu: Cpu, gate: CallGate): number {
  const s = cpu.state;
  const code = readDescriptor(cpu, gate.selector);
  const error = errorOf(gate.selector);
  if (!code.isCode || code.dpl > s.cpl) throw new GuestFault(S.GP, error);
  if (s.longMode && (code.access & (S.AR_L | S.AR_DB)) !== S.AR_L) throw new GuestFault(S.GP, error);
  if (!code.present) throw new GuestFault(S.NP, error);
  checkOffset(cpu, code, gate.offset);
  const inner = (code.type & 4) === 0 && code.dpl < s.cpl;
  const returnIp = cpu.nextIp;
  const saved = { cs: s.selector(S.CS), ss: s.selector(S.SS), rsp: s.gpr(S.RSP) };
  if (!inner) {
    const stack = Stack.current(cpu);
    stack.push(gate.size, saved.cs);
    stack.push(gate.size, returnIp);
    stack.commit();
    loadCode(cpu, gate.selector, code, s.cpl);
    return cpu.jump(gate.offset);
  }
  const { size } = gate;
  if (size === 8) {
    if (s.segLimit(S.TR) < 4 + code.dpl * 8 + 7) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)));
    let rsp = cpu.memory.read64(s.segBase(S.TR) + BigInt(4 + code.dpl * 8), false);
    for (const value of [BigInt(saved.ss), saved.rsp, BigInt(saved.cs), returnIp]) {
      rsp = (rsp - 8n) & maskOf(8);
      cpu.memory.write(rsp, 8, value, false);
    }
    loadCode(cpu, gate.selector, code, code.dpl);
    loadNull(cpu, S.SS, code.dpl);
    s.setGpr(S.RSP, rsp);
    return cpu.jump(gate.offset);
  }
  const outer = Stack.current(cpu);
  const parameters: bigint[] = [];
  for (let i = 0; i < gate.parameters; i++) parameters.push(outer.pop(size));
  enterInner(cpu, code.dpl, 0, () => {
    const stack = Stack.current(cpu);
    for (const value of [saved.ss, saved.rsp, ...parameters.reverse(), saved.cs, returnIp]) stack.push(size, value);
    return stack;
  });
  loadCode(cpu, gate.selector, code, code.dpl);
  return cpu.jump(gate.offset);
}

/** The code segment that a far return or IRET goes to; RPL is the new CPL. */
function returnCode(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) generalProtection();
  const d = readDescriptor(cpu, selector);
  const rpl = selector & 3;
  const error = errorOf(selector);
  const conforming = (d.type & 4) !== 0;
  if (!d.isCode || rpl < cpu.state.cpl || (conforming ? d.dpl > rpl : d.dpl !== rpl)) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  return d;
}

/** The stack segment of an outer level. Null is allowed when returning to 64-bit mode below level 3. */
function returnStack(cpu: Cpu, selector: number, cpl: number, to64: boolean): Descriptor | undefined {
  if (isNull(selector)) {
    if (to64 && cpl !== 3 && (selector & 3) === cpl) return undefined;
    generalProtection();
  }
  const d = readDescriptor(cpu, selector);
  const writable = !d.isSystem && !d.isCode && (d.type & 2) !== 0;
  if ((selector & 3) !== cpl || d.dpl !== cpl || !writable) throw new GuestFault(S.GP, errorOf(selector));
  if (!d.present) throw new GuestFault(S.SS_VECTOR, errorOf(selector));
  return d;
}

function loadStack(cpu: Cpu, selector: number, d: Descriptor | undefined, rsp: bigint): void {
  const s = cpu.state;
  if (d) {
    const marked = markAccessed(cpu, d);
    s.setSegment(S.SS, selector, marked.base, marked.limit, marked.access);
  } else loadNull(cpu, S.SS, selector);
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
    if (ip > BigInt(s.segLimit(S.CS))) generalProtection();
    stack.pointer = (stack.pointer + release) & stack.mask;
    stack.commit();
    loadRealSegment(cpu, S.CS, selector);
    return cpu.jump(ip);
  }
  const d = returnCode(cpu, selector);
  checkOffset(cpu, d, ip);
  const cpl = selector & 3;
  stack.pointer = (stack.pointer + release) & stack.mask;
  if (cpl === s.cpl) {
    stack.commit();
    loadCode(cpu, selector, d, cpl);
    return cpu.jump(ip);
  }
  const rsp = stack.pop(size);
  const ss = Number(stack.pop(size) & 0xffffn);
  const stackDescriptor = returnStack(cpu, ss, cpl, (d.access & S.AR_L) !== 0);
  loadCode(cpu, selector, d, cpl);
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

function iret(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = farSize(insn);
  const stack = Stack.current(cpu);
  if (!s.protectedMode) {
    const ip = stack.pop(size);
    const selector = Number(stack.pop(size) & 0xffffn);
    const flags = Number(stack.pop(size) & 0xffff_ffffn);
    if (ip > BigInt(s.segLimit(S.CS))) generalProtection();
    stack.commit();
    const mask = writableFlags(cpu, size);
    loadRealSegment(cpu, S.CS, selector);
    s.eflags = (s.eflags & ~mask) | (flags & mask);
    return cpu.jump(ip);
  }
  if (s.vm86) throw new EmulationFailure('IRET in virtual-8086 mode: not emulated yet');
  if ((s.get32(S.EFLAGS) & S.FLAG_NT) !== 0) {
    if (s.longMode) generalProtection();
    throw new EmulationFailure('IRET with NT set returns from a nested task: task switches are not emulated yet');
  }
  const ip = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  const flags = Number(stack.pop(size) & 0xffff_ffffn);
  if ((flags & S.FLAG_VM) !== 0 && size === 4 && s.cpl === 0 && !s.longMode)
    throw new EmulationFailure('IRET to virtual-8086 mode: not emulated yet');
  const d = returnCode(cpu, selector);
  checkOffset(cpu, d, ip);
  const cpl = selector & 3;
  const mask = writableFlags(cpu, size);
  // in 64-bit mode SS:RSP are popped always
  if (cpl === s.cpl && !s.code64) {
    stack.commit();
    loadCode(cpu, selector, d, cpl);
  } else {
    const rsp = stack.pop(size);
    const ss = Number(stack.pop(size) & 0xffffn);
    const outer = cpl !== s.cpl;
    const stackDescriptor = returnStack(cpu, ss, cpl, (d.access & S.AR_L) !== 0);
    loadCode(cpu, selector, d, cpl);
    loadStack(cpu, ss, stackDescriptor, rsp);
    if (outer) dropPrivilegedSegments(cpu);
  }
  s.eflags = (s.eflags & ~mask) | (flags & mask);
  return cpu.jump(ip);
}

/** INT n, INT3 and INTO are traps through gates whose DPL counts. */
function software(cpu: Cpu, vector: number): number {
  if (cpu.state.vm86) throw new EmulationFailure('INT in virtual-8086 mode: not emulated yet');
  const ip = cpu.nextIp;
  enter(cpu, vector, undefined, 'software', ip);
  return cpu.jump(cpu.state.rip);
}

function syscall(cpu: Cpu): number {
  const s = cpu.state;
  if ((s.efer & S.EFER_SCE) === 0 || !s.protectedMode) undefinedOpcode();
  const star = s.get64(S.STAR);
  const selector = Number((star >> 32n) & 0xfffcn);
  const flags = s.eflags;
  if (!s.longMode) {
    s.setGpr(S.RCX, cpu.nextIp);
    flatSegments(cpu, selector, 0, S.AR_DB);
    s.eflags = flags & ~(S.FLAG_VM | S.FLAG_IF | S.FLAG_RF);
    return cpu.jump(star & 0xffff_ffffn);
  }
  s.setGpr(S.RCX, cpu.nextIp);
  s.setGpr(11, BigInt(flags & ~S.FLAG_RF));
  const target = s.get64(s.code64 ? S.LSTAR : S.CSTAR);
  flatSegments(cpu, selector, 0, S.AR_L);
  s.eflags = (flags & ~Number(s.get64(S.FMASK) & 0xffff_ffffn) & ~S.FLAG_RF) | 2;
  cpu.stepTrap &&= (s.get32(S.EFLAGS) & S.FLAG_TF) !== 0;
  return cpu.jump(target);
}

/** CS and the SS behind it as SYSCALL, SYSENTER and their returns make them: flat, from no descriptor. */
function flatSegments(cpu: Cpu, cs: number, cpl: number, codeBits: number, ss = cs + 8): void {
  const s = cpu.state;
  const dpl = cpl << S.AR_DPL_SHIFT;
  s.set32(S.CPL, cpl);
  s.setSegment(S.CS, (cs & ~3) | cpl, 0n, 0xffffffff, S.AR_P | S.AR_S | S.AR_G | codeBits | dpl | 0xb);
  s.setSegment(S.SS, (ss & ~3) | cpl, 0n, 0xffffffff, S.AR_P | S.AR_S | S.AR_G | S.AR_DB | dpl | 3);
  cpu.updateMode();
}

function sysret(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  if ((s.efer & S.EFER_SCE) === 0) undefinedOpcode();
  if (!s.protectedMode) generalProtection();
  requireCpl0(cpu);
  const base = Number((s.get64(S.STAR) >> 48n) & 0xffffn);
  const to64 = insn.operandSize === 8;
  const ip = to64 ? s.gpr(S.RCX) : s.gpr(S.RCX) & maskOf(4);
  if (to64 && !isCanonical(ip)) generalProtection();
  if (s.longMode) s.eflags = (Number(s.gpr(11) & 0x3c7fd7n) & ~(S.FLAG_RF | S.FLAG_VM)) | 2;
  else s.eflags = s.eflags | S.FLAG_IF;
  flatSegments(cpu, to64 ? base + 16 : base, 3, to64 ? S.AR_L : S.AR_DB, base + 8);
  return cpu.jump(ip);
}

function sysenter(cpu: Cpu): number {
  const s = cpu.state;
  const selector = Number(s.get64(S.SYSENTER_CS) & 0xfffcn);
  if (!s.protectedMode || selector === 0) generalProtection();
  s.eflags = s.eflags & ~(S.FLAG_VM | S.FLAG_IF | S.FLAG_RF);
  flatSegments(cpu, selector, 0, s.longMode ? S.AR_L : S.AR_DB);
  const mask = s.longMode ? maskOf(8) : maskOf(4);
  s.setGpr(S.RSP, s.get64(S.SYSENTER_ESP) & mask);
  return cpu.jump(s.get64(S.SYSENTER_EIP) & mask);
}

function sysexit(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const selector = Number(s.get64(S.SYSENTER_CS) & 0xfffcn);
  if (!s.protectedMode || selector === 0) generalProtection();
  requireCpl0(cpu);
  const to64 = insn.operandSize === 8;
  const mask = to64 ? maskOf(8) : maskOf(4);
  const [ip, rsp] = [s.gpr(S.RDX) & mask, s.gpr(S.RCX) & mask];
  if (to64 && (!isCanonical(ip) || !isCanonical(rsp))) generalProtection();
  flatSegments(cpu, selector + (to64 ? 32 : 16), 3, to64 ? S.AR_L : S.AR_DB);
  s.setGpr(S.RSP, rsp);
  return cpu.jump(ip);
}

export const TRANSFERS = {
  jumpFar,
  callFar,
  jumpFarIndirect: jumpFar,
  callFarIndirect: callFar,
  retFar,
  iret: (cpu, insn) => {
    const status = iret(cpu, insn);
    cpu.onIret?.();
    return status;
  },
  int3: (cpu) => {
    if (!cpu.exitOnInt3) return software(cpu, S.BP);
    cpu.debugException = S.BP;
    return cpu.exitBefore(CPU_DEBUG);
  },
  int: (cpu, insn) => software(cpu, Number(read(cpu, insn, 0))),
  into: (cpu) => ((cpu.state.eflags & S.FLAG_OF) !== 0 ? software(cpu, S.OF_VECTOR) : cpu.serialize()),
  icebp: (cpu) => {
    const ip = cpu.nextIp;
    enter(cpu, S.DB, undefined, 'external', ip);
    return cpu.jump(cpu.state.rip);
  },
  syscall,
  sysret,
  sysenter,
  sysexit,
} satisfies Record<string, SystemOp>;
