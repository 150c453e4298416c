/** Call gates of 16 and 32 bits, with parameters, and of 64 bits. [SDM] volume 3, 5.8.3 to 5.8.5. */
import type { Cpu } from '../cpu.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import {
  type Descriptor,
  errorOf,
  isCode64,
  isConforming,
  isNull,
  loadCode,
  loadNull,
  markAccessed,
  readDescriptor,
  readSystemDescriptor,
  requireOffset,
} from './descriptors.ts';
import { enterInner, pushLong, tssStack } from './interrupts.ts';
import { generalProtection, maskOf, Stack } from './operands.ts';

const CALL_GATE_16 = 4;
const CALL_GATE_32 = 12;

interface CallGate {
  readonly selector: number;
  readonly offset: bigint;
  readonly size: 2 | 4 | 8;
  readonly parameters: number;
}

/** A call gate's descriptor, checked against CPL and RPL. In long mode every gate is of 64 bits. */
function readGate(cpu: Cpu, selector: number, d: Descriptor): CallGate {
  const s = cpu.state;
  const error = errorOf(selector);
  if (d.type !== CALL_GATE_32 && (s.longMode || d.type !== CALL_GATE_16)) throw new GuestFault(S.GP, error);
  const upper = s.longMode ? readSystemDescriptor(cpu, selector).base & ~0xffff_ffffn : 0n;
  if (d.dpl < s.cpl || d.dpl < (selector & 3)) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  const target = d.low >>> 16;
  if (isNull(target)) generalProtection();
  const low = BigInt(((d.high & 0xffff0000) | (d.low & 0xffff)) >>> 0);
  if (s.longMode) return { selector: target, offset: low | upper, size: 8, parameters: 0 };
  const is32 = d.type === CALL_GATE_32;
  return { selector: target, offset: is32 ? low : low & 0xffffn, size: is32 ? 4 : 2, parameters: d.high & 31 };
}

/** The code segment of a gate: at this level or, for a CALL (or when it conforms), an inner one. */
function gateCode(cpu: Cpu, gate: CallGate, call: boolean): Descriptor {
  const s = cpu.state;
  const d = readDescriptor(cpu, gate.selector);
  const error = errorOf(gate.selector);
  const inward = call || isConforming(d);
  if (!d.isCode || (inward ? d.dpl > s.cpl : d.dpl !== s.cpl)) throw new GuestFault(S.GP, error);
  if (s.longMode && !isCode64(d)) throw new GuestFault(S.GP, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  requireOffset(cpu, d, gate.offset);
  return markAccessed(cpu, d);
}

export function jumpThroughGate(cpu: Cpu, selector: number, d: Descriptor): number {
  const gate = readGate(cpu, selector, d);
  loadCode(cpu, gate.selector, gateCode(cpu, gate, false), cpu.state.cpl);
  return cpu.jump(gate.offset);
}

export function callThroughGate(cpu: Cpu, selector: number, d: Descriptor): number {
  const s = cpu.state;
  const gate = readGate(cpu, selector, d);
  const code = gateCode(cpu, gate, true);
  const inner = !isConforming(code) && code.dpl < s.cpl;
  const cpl = inner ? code.dpl : s.cpl;
  if (gate.size === 8) callLong(cpu, gate, code, cpl, inner);
  else {
    if (inner) pushInner(cpu, gate, gate.size, cpl);
    else {
      const stack = Stack.current(cpu);
      stack.push(gate.size, s.selector(S.CS));
      stack.push(gate.size, cpu.nextIp);
      stack.commit();
    }
    loadCode(cpu, gate.selector, code, cpl);
  }
  return cpu.jump(gate.offset);
}

/** Parameters lie on the inner stack as they did on the outer one. */
function pushInner(cpu: Cpu, gate: CallGate, size: 2 | 4, cpl: number): void {
  const s = cpu.state;
  const outer = Stack.current(cpu);
  const parameters: bigint[] = [];
  for (let i = 0; i < gate.parameters; i++) parameters.unshift(outer.pop(size));
  const frame = [s.selector(S.SS), s.gpr(S.RSP), ...parameters, s.selector(S.CS), cpu.nextIp];
  enterInner(cpu, cpl, 0, (stack) => {
    for (const value of frame) stack.push(size, value);
  });
}

function callLong(cpu: Cpu, gate: CallGate, code: Descriptor, cpl: number, inner: boolean): void {
  const s = cpu.state;
  const outer = inner ? [BigInt(s.selector(S.SS)), s.gpr(S.RSP)] : [];
  const top = inner ? tssStack(cpu, 4 + cpl * 8, 0) : s.gpr(S.RSP) & (s.code64 ? maskOf(8) : maskOf(4));
  const rsp = pushLong(cpu, top, [...outer, BigInt(s.selector(S.CS)), cpu.nextIp], cpl, 0);
  loadCode(cpu, gate.selector, code, cpl);
  if (inner) loadNull(cpu, S.SS, cpl);
  s.setGpr(S.RSP, rsp);
}
