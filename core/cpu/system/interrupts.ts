/**
 * Delivery of exceptions and interrupts: real mode, protected mode (32-bit, 16-bit and task gates), out of virtual-8086
 * mode, long mode with IST; double and triple faults. [SDM] volume 3, chapter 6.
 */
import type { Cpu } from '../cpu.ts';
import { EmulationFailure, GuestFault, MmioWait } from '../faults.ts';
import { eventFlags } from '../interp/event-entry.ts';
import * as S from '../state.ts';
import {
  type Descriptor,
  errorOf,
  isCanonical,
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
import { maskOf, Stack } from './operands.ts';
import { interruptTask } from './tasks.ts';

export class TripleFault extends Error {}

export type EventKind = 'exception' | 'external' | 'software';

/** IDT vectors as an error code. */
const idtError = (vector: number, kind: EventKind): number => vector * 8 + 2 + (kind === 'software' ? 0 : 1);

const CONTRIBUTORY = new Set([S.DE, S.TS_VECTOR, S.NP, S.SS_VECTOR, S.GP, S.CP]);
const PAGE_FAULTS = new Set([S.PF, S.VE]);

/** True when a fault while delivering `first` makes a double fault. [SDM] tables 6-4 and 6-5. */
function isDouble(first: number, second: number): boolean {
  if (PAGE_FAULTS.has(first)) return PAGE_FAULTS.has(second) || CONTRIBUTORY.has(second);
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
  if (kind !== 'software' && vector === S.DB) s.set64(S.DR + 56, s.get64(S.DR + 56) & ~0x2000n); // DR7.GD
  if (!s.protectedMode) enterReal(cpu, vector, returnIp);
  else if (kind === 'software' || returnIp !== s.rip || !deliverFast(cpu, vector, errorCode, kind))
    enterByGate(cpu, vector, errorCode, kind, returnIp);
  s.set32(S.SHADOW, 0);
}

function enterByGate(cpu: Cpu, vector: number, errorCode: number | undefined, kind: EventKind, returnIp: bigint): void {
  if (cpu.state.longMode) enterLong(cpu, vector, errorCode, kind, returnIp);
  else enterProtected(cpu, vector, errorCode, kind, returnIp);
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
  s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~(S.FLAG_IF | S.FLAG_TF | S.FLAG_RF | S.FLAG_AC));
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
  let offset = BigInt(((high & 0xffff0000) | (low & 0xffff)) >>> 0);
  if (type === GATE_INTERRUPT_16 || type === GATE_TRAP_16) offset &= 0xffffn;
  if (s.longMode) offset |= BigInt(cpu.memory.read32(at + 8n, false)) << 32n;
  return { selector: low >>> 16, offset, type, ist: s.longMode ? high & 7 : 0 };
}

/**
 * The code segment a gate leads to, and the privilege level there. Out of virtual-8086 mode that is 0 always. Errors from
 * now on have EXT set unless software asked for the interrupt.
 */
function gateTarget(cpu: Cpu, gate: Gate, external: number): { code: Descriptor; cpl: number } {
  const s = cpu.state;
  const { selector } = gate;
  if (isNull(selector)) throw new GuestFault(S.GP, external);
  const d = readDescriptor(cpu, selector, S.GP, external);
  const error = errorOf(selector) | external;
  if (!d.isCode || d.dpl > s.cpl || (s.longMode && !isCode64(d))) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  if (s.vm86 && (isConforming(d) || d.dpl !== 0)) throw new GuestFault(S.GP, error);
  requireOffset(cpu, d, gate.offset, external);
  return { code: markAccessed(cpu, d), cpl: isConforming(d) ? s.cpl : d.dpl };
}

function clearFlags(cpu: Cpu, gate: Gate): void {
  const s = cpu.state;
  let clear = S.FLAG_TF | S.FLAG_NT | S.FLAG_RF | S.FLAG_VM;
  if (gate.type === GATE_INTERRUPT || gate.type === GATE_INTERRUPT_16) clear |= S.FLAG_IF;
  s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~clear);
}

/** The same by generated code (interp/event-entry.ts), where it can. */
function deliverFast(cpu: Cpu, vector: number, errorCode: number | undefined, kind: EventKind): boolean {
  const about = eventFlags(errorCode !== undefined, kind === 'exception');
  return cpu.engine.deliver(vector, errorCode ?? 0, about) !== 0;
}

function enterLong(cpu: Cpu, vector: number, errorCode: number | undefined, kind: EventKind, returnIp: bigint): void {
  const s = cpu.state;
  const external = kind === 'software' ? 0 : 1;
  const gate = readGate(cpu, vector, kind);
  const { code, cpl } = gateTarget(cpu, gate, external);
  const inner = cpl < s.cpl;
  let rsp = s.gpr(S.RSP);
  if (gate.ist !== 0) rsp = tssStack(cpu, 36 + (gate.ist - 1) * 8, external);
  else if (inner) rsp = tssStack(cpu, 4 + cpl * 8, external);
  // everything is written as supervisor of the new level, before any register changes
  const frame: bigint[] = [
    BigInt(s.selector(S.SS)),
    s.gpr(S.RSP),
    BigInt(savedFlags(cpu, kind)),
    BigInt(s.selector(S.CS)),
    returnIp,
  ];
  if (errorCode !== undefined) frame.push(BigInt(errorCode));
  rsp = pushLong(cpu, rsp & ~0xfn, frame, cpl, external);
  clearFlags(cpu, gate);
  loadCode(cpu, gate.selector, code, cpl);
  if (inner) loadNull(cpu, S.SS, cpl);
  s.setGpr(S.RSP, rsp);
  s.rip = gate.offset;
}

/** Pushes 8-byte values on a 64-bit stack of level `cpl`; gives the new RSP. */
export function pushLong(cpu: Cpu, rsp: bigint, values: readonly bigint[], cpl: number, external: number): bigint {
  let at = rsp;
  for (const value of values) {
    at = (at - 8n) & maskOf(8);
    if (!isCanonical(cpu, at)) throw new GuestFault(S.SS_VECTOR, external);
    cpu.memory.write(at, 8, value, cpl === 3);
  }
  return at;
}

/** RFLAGS as pushed: RF is set for faults, so that a breakpoint does not hit again; clear for traps and interrupts. */
function savedFlags(cpu: Cpu, kind: EventKind): number {
  const flags = cpu.state.eflags;
  return kind === 'exception' ? flags | S.FLAG_RF : flags;
}

/** A stack pointer of the 64-bit TSS. */
export function tssStack(cpu: Cpu, offset: number, external: number): bigint {
  const s = cpu.state;
  if (offset + 7 > s.segLimit(S.TR)) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)) | external);
  const rsp = cpu.memory.read64(s.segBase(S.TR) + BigInt(offset), false);
  if (!isCanonical(cpu, rsp)) throw new GuestFault(S.SS_VECTOR, external);
  return rsp;
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
  const gate = readGate(cpu, vector, kind);
  const flags = savedFlags(cpu, kind);
  if (gate.type === GATE_TASK) {
    interruptTask(cpu, gate.selector, { external, ip: returnIp, flags, errorCode });
    return;
  }
  const { code, cpl } = gateTarget(cpu, gate, external);
  const size = gate.type === GATE_INTERRUPT || gate.type === GATE_TRAP ? 4 : 2;
  const virtual = s.vm86;
  const frame: (bigint | number)[] = [flags, s.selector(S.CS), returnIp];
  if (errorCode !== undefined) frame.push(errorCode);
  if (cpl === s.cpl) {
    const stack = Stack.current(cpu, external);
    for (const value of frame) stack.push(size, value);
    stack.commit();
  } else {
    frame.unshift(s.selector(S.SS), s.gpr(S.RSP));
    if (virtual) frame.unshift(...DATA_SEGMENTS.map((n) => s.selector(n)));
    enterInner(cpu, cpl, external, (stack) => {
      for (const value of frame) stack.push(size, value);
    });
  }
  clearFlags(cpu, gate);
  if (virtual) for (const n of DATA_SEGMENTS) loadNull(cpu, n, 0);
  loadCode(cpu, gate.selector, code, cpl);
  s.rip = gate.offset;
}

/** In the order that virtual-8086 mode leaves them on the stack. */
const DATA_SEGMENTS = [S.GS, S.FS, S.DS, S.ES] as const;

/** Switches SS:ESP to an inner level's stack from the TSS and pushes there; undone when that faults. */
export function enterInner(cpu: Cpu, cpl: number, external: number, push: (stack: Stack) => void): void {
  const s = cpu.state;
  const { selector, esp } = innerStack(cpu, cpl, external);
  const error = errorOf(selector) | external;
  if (isNull(selector)) throw new GuestFault(S.TS_VECTOR, external);
  const ss = readDescriptor(cpu, selector, S.TS_VECTOR, external);
  if ((selector & 3) !== cpl || ss.dpl !== cpl || !isWritableData(ss)) throw new GuestFault(S.TS_VECTOR, error);
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
    const stack = Stack.current(cpu, error);
    push(stack);
    stack.commit();
  } catch (e) {
    s.set32(S.CPL, old.cpl);
    s.u8.set(old.seg, S.SEG + S.SS * S.SEG_SIZE);
    s.setGpr(S.RSP, old.rsp);
    throw e;
  }
}

/** SS:ESP of a privilege level from the 32- or 16-bit TSS. */
function innerStack(cpu: Cpu, cpl: number, external: number): { selector: number; esp: number } {
  const s = cpu.state;
  const is32 = (s.access(S.TR) & 8) !== 0;
  const at = is32 ? 4 + cpl * 8 : 2 + cpl * 4;
  if (at + (is32 ? 5 : 3) > s.segLimit(S.TR)) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)) | external);
  const linear = s.segBase(S.TR) + BigInt(at);
  if (is32) return { esp: cpu.memory.read32(linear, false), selector: cpu.memory.read16(linear + 4n, false) };
  return { esp: cpu.memory.read16(linear, false), selector: cpu.memory.read16(linear + 2n, false) };
}
