/**
 * Delivery of exceptions and interrupts: real mode, protected mode (32- and 16-bit gates), long mode with IST; double and
 * triple faults. [SDM] volume 3, chapter 6. Not yet: task gates, delivery out of virtual-8086 mode.
 */
import type { Cpu } from '../cpu.ts';
import { EmulationFailure, GuestFault, MmioWait } from '../faults.ts';
import * as S from '../state.ts';
import {
  errorOf,
  isCanonical,
  isNull,
  loadCode,
  loadNull,
  loadRealSegment,
  markAccessed,
  readDescriptor,
} from './descriptors.ts';
import { maskOf, Stack } from './operands.ts';

export class TripleFault extends Error {}

export type EventKind = 'exception' | 'external' | 'software';

/** IDT vectors as an error code. */
const idtError = (vector: number, kind: EventKind): number => vector * 8 + 2 + (kind === 'software' ? 0 : 1);

const CONTRIBUTORY = new Set([S.DE, S.TS_VECTOR, S.NP, S.SS_VECTOR, S.GP]);

/** True when a fault while delivering `first` makes a double fault. [SDM] table 6-5. */
function isDouble(first: number, second: number): boolean {
  if (first === S.PF) return second === S.PF || CONTRIBUTORY.has(second);
  return CONTRIBUTORY.has(first) && CONTRIBUTORY.has(second);
}

/** Delivers an event at RIP; faults on the way become what the architecture says. */
export function deliver(cpu: Cpu, vector: number, errorCode: number | undefined, kind: EventKind): void {
  let current = { vector, errorCode, kind };
  for (;;) {
    try {
      enter(cpu, current.vector, current.errorCode, current.kind, cpu.state.rip);
      return;
    } catch (e) {
      if (e instanceof MmioWait) throw new EmulationFailure('an interrupt is delivered through memory-mapped I/O');
      if (!(e instanceof GuestFault)) throw e;
      if (current.vector === S.DF_VECTOR && current.kind === 'exception') throw new TripleFault();
      const double = current.kind === 'exception' && isDouble(current.vector, e.vector);
      current = double
        ? { vector: S.DF_VECTOR, errorCode: 0, kind: 'exception' }
        : { vector: e.vector, errorCode: e.errorCode, kind: 'exception' };
    }
  }
}

/** Goes through the IDT or IVT; `returnIp` is pushed. */
export function enter(
  cpu: Cpu,
  vector: number,
  errorCode: number | undefined,
  kind: EventKind,
  returnIp: bigint,
): void {
  const s = cpu.state;
  cpu.stepTrap = false; // the handler begins with TF clear
  if (kind === 'exception' && vector === S.DB) s.set64(S.DR + 56, s.get64(S.DR + 56) & ~0x2000n); // DR7.GD
  if (!s.protectedMode) enterReal(cpu, vector, returnIp);
  else if (s.longMode) enterLong(cpu, vector, errorCode, kind, returnIp);
  else enterProtected(cpu, vector, errorCode, kind, returnIp);
  s.set32(S.SHADOW, 0);
}

function enterReal(cpu: Cpu, vector: number, returnIp: bigint): void {
  const s = cpu.state;
  if (vector * 4 + 3 > s.get32(S.IDTR_LIMIT)) throw new GuestFault(S.GP);
  const at = s.get64(S.IDTR_BASE) + BigInt(vector * 4);
  const offset = cpu.memory.read16(at);
  const selector = cpu.memory.read16(at + 2n);
  const stack = Stack.current(cpu);
  stack.push(2, s.eflags & 0xffff);
  stack.push(2, s.selector(S.CS));
  stack.push(2, returnIp);
  stack.commit();
  s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~(S.FLAG_IF | S.FLAG_TF | S.FLAG_AC));
  loadRealSegment(cpu, S.CS, selector);
  s.rip = BigInt(offset);
}

interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  readonly type: number;
  readonly ist: number;
}

const GATE_TASK = 5;
const GATE_INTERRUPT_16 = 6;
const GATE_TRAP_16 = 7;
const GATE_INTERRUPT = 14;
const GATE_TRAP = 15;

function readGate(cpu: Cpu, vector: number, kind: EventKind): Gate {
  const s = cpu.state;
  const size = s.longMode ? 16 : 8;
  const error = idtError(vector, kind);
  if (vector * size + size - 1 > s.get32(S.IDTR_LIMIT)) throw new GuestFault(S.GP, error);
  const at = s.get64(S.IDTR_BASE) + BigInt(vector * size);
  const low = cpu.memory.read32(at, false);
  const high = cpu.memory.read32(at + 4n, false);
  const type = (high >>> 8) & 0x1f;
  const legacy = !s.longMode && (type === GATE_TASK || type === GATE_INTERRUPT_16 || type === GATE_TRAP_16);
  if (type !== GATE_INTERRUPT && type !== GATE_TRAP && !legacy) throw new GuestFault(S.GP, error);
  if (kind === 'software' && ((high >>> 13) & 3) < s.cpl) throw new GuestFault(S.GP, error);
  if ((high & 0x8000) === 0) throw new GuestFault(S.NP, error);
  if (type === GATE_TASK)
    throw new EmulationFailure(`vector ${vector} goes through a task gate: task switches are not emulated yet`);
  let offset = BigInt(((high & 0xffff0000) | (low & 0xffff)) >>> 0);
  if (type === GATE_INTERRUPT_16 || type === GATE_TRAP_16) offset &= 0xffffn;
  if (s.longMode) offset |= BigInt(cpu.memory.read32(at + 8n, false)) << 32n;
  return { selector: low >>> 16, offset, type, ist: s.longMode ? high & 7 : 0 };
}

/** The code segment a gate leads to, and the privilege level there. */
function gateTarget(cpu: Cpu, gate: Gate, external: number) {
  const { selector } = gate;
  if (isNull(selector)) throw new GuestFault(S.GP, external);
  const d = readDescriptor(cpu, selector);
  if (!d.isCode || d.dpl > cpu.state.cpl) throw new GuestFault(S.GP, errorOf(selector) | external);
  if (!d.present) throw new GuestFault(S.NP, errorOf(selector) | external);
  if (cpu.state.longMode && (d.access & (S.AR_L | S.AR_DB)) !== S.AR_L)
    throw new GuestFault(S.GP, errorOf(selector) | external);
  const conforming = (d.type & 4) !== 0;
  return { d, cpl: conforming ? cpu.state.cpl : d.dpl };
}

function clearFlags(cpu: Cpu, gate: Gate): void {
  const s = cpu.state;
  let clear = S.FLAG_TF | S.FLAG_NT | S.FLAG_RF | S.FLAG_VM;
  if (gate.type === GATE_INTERRUPT || gate.type === GATE_INTERRUPT_16) clear |= S.FLAG_IF;
  s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~clear);
}

function enterLong(cpu: Cpu, vector: number, errorCode: number | undefined, kind: EventKind, returnIp: bigint): void {
  const s = cpu.state;
  const external = kind === 'software' ? 0 : 1;
  const gate = readGate(cpu, vector, kind);
  const { d, cpl } = gateTarget(cpu, gate, external);
  if (!isCanonical(gate.offset)) throw new GuestFault(S.GP, external);
  const inner = cpl < s.cpl;
  let rsp = s.gpr(S.RSP);
  if (gate.ist !== 0) rsp = tssStack(cpu, 36 + (gate.ist - 1) * 8);
  else if (inner) rsp = tssStack(cpu, 4 + cpl * 8);
  rsp &= ~0xfn;
  if (!isCanonical(rsp)) throw new GuestFault(S.SS_VECTOR, 0);
  // everything is written as supervisor of the new level, before any register changes
  const frame: bigint[] = [
    BigInt(s.selector(S.SS)),
    s.gpr(S.RSP),
    BigInt(savedFlags(cpu, kind)),
    BigInt(s.selector(S.CS)),
    returnIp,
  ];
  if (errorCode !== undefined) frame.push(BigInt(errorCode));
  for (const value of frame) {
    rsp = (rsp - 8n) & maskOf(8);
    cpu.memory.write(rsp, 8, value, cpl === 3);
  }
  loadCode(cpu, gate.selector, d, cpl);
  if (inner) loadNull(cpu, S.SS, cpl);
  s.setGpr(S.RSP, rsp);
  s.rip = gate.offset;
  clearFlags(cpu, gate);
}

/** RFLAGS as pushed: RF is set for faults, so that a breakpoint does not hit again; clear for traps and interrupts. */
function savedFlags(cpu: Cpu, kind: EventKind): number {
  const flags = cpu.state.eflags;
  return kind === 'exception' ? flags | S.FLAG_RF : flags;
}

function tssStack(cpu: Cpu, offset: number): bigint {
  const s = cpu.state;
  if (offset + 7 > s.segLimit(S.TR)) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)));
  return cpu.memory.read64(s.segBase(S.TR) + BigInt(offset), false);
}

function enterProtected(
  cpu: Cpu,
  vector: number,
  errorCode: number | undefined,
  kind: EventKind,
  returnIp: bigint,
): void {
  const s = cpu.state;
  const external = kind === 'software' ? 0 : 1;
  if (s.vm86) throw new EmulationFailure('an event in virtual-8086 mode: not emulated yet');
  const gate = readGate(cpu, vector, kind);
  const { d, cpl } = gateTarget(cpu, gate, external);
  const size = gate.type === GATE_INTERRUPT || gate.type === GATE_TRAP ? 4 : 2;
  if (gate.offset > BigInt(d.limit)) throw new GuestFault(S.GP, external);
  const flags = savedFlags(cpu, kind);
  if (cpl === s.cpl) {
    const stack = Stack.current(cpu);
    pushFrame(stack, size, [flags, s.selector(S.CS), returnIp], errorCode);
    loadCode(cpu, gate.selector, d, cpl);
    stack.commit();
  } else {
    const saved = [s.selector(S.SS), s.gpr(S.RSP), flags, s.selector(S.CS), returnIp];
    enterInner(cpu, cpl, external, () => pushFrame(Stack.current(cpu), size, saved, errorCode));
    loadCode(cpu, gate.selector, d, cpl);
  }
  s.rip = gate.offset;
  clearFlags(cpu, gate);
}

function pushFrame(stack: Stack, size: 2 | 4, values: (bigint | number)[], errorCode: number | undefined): Stack {
  for (const value of values) stack.push(size, value);
  if (errorCode !== undefined) stack.push(size, errorCode);
  return stack;
}

/** Switches SS:ESP to an inner level's stack from the TSS and pushes there; undone when that faults. */
export function enterInner(cpu: Cpu, cpl: number, external: number, push: () => Stack): void {
  const s = cpu.state;
  const { selector, esp } = innerStack(cpu, cpl);
  if (isNull(selector)) throw new GuestFault(S.TS_VECTOR, external);
  const ss = readDescriptor(cpu, selector, S.TS_VECTOR);
  const error = errorOf(selector) | external;
  const writable = !ss.isSystem && !ss.isCode && (ss.type & 2) !== 0;
  if ((selector & 3) !== cpl || ss.dpl !== cpl || !writable) throw new GuestFault(S.TS_VECTOR, error);
  if (!ss.present) throw new GuestFault(S.SS_VECTOR, error);
  const old = {
    cpl: s.cpl,
    seg: s.u8.slice(S.SEG + S.SS * S.SEG_SIZE, S.SEG + (S.SS + 1) * S.SEG_SIZE),
    rsp: s.gpr(S.RSP),
  };
  const marked = markAccessed(cpu, ss);
  s.set32(S.CPL, cpl);
  s.setSegment(S.SS, selector, marked.base, marked.limit, marked.access);
  s.setGpr32(S.RSP, esp);
  try {
    push().commit();
  } catch (e) {
    s.set32(S.CPL, old.cpl);
    s.u8.set(old.seg, S.SEG + S.SS * S.SEG_SIZE);
    s.setGpr(S.RSP, old.rsp);
    throw e;
  }
}

/** SS:ESP of a privilege level from the 32- or 16-bit TSS. */
function innerStack(cpu: Cpu, cpl: number): { selector: number; esp: number } {
  const s = cpu.state;
  const is32 = (s.access(S.TR) & 8) !== 0;
  const at = is32 ? 4 + cpl * 8 : 2 + cpl * 4;
  if (at + (is32 ? 5 : 3) > s.segLimit(S.TR)) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)));
  const linear = s.segBase(S.TR) + BigInt(at);
  if (is32) return { esp: cpu.memory.read32(linear, false), selector: cpu.memory.read16(linear + 4n, false) };
  return { esp: cpu.memory.read16(linear, false), selector: cpu.memory.read16(linear + 2n, false) };
}
