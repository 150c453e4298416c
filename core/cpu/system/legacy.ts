/** Stack and decimal instructions of older processors, POP to memory, POPF, ENTER, CMPXCHG8B and 16B. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import {
  addressOf,
  generalProtection,
  linearOf,
  load,
  maskOf,
  memoryOf,
  offsetOf,
  read,
  Stack,
  SYSTEM_NEXT,
  type SystemOp,
  write,
  writeRegister,
} from './operands.ts';
import { writableFlags } from './transfers.ts';
import { requireFlagAccess, virtualFlags } from './virtual8086.ts';

const stackSize = (insn: Insn): 2 | 4 | 8 => insn.operandSize as 2 | 4 | 8;

function pusha(cpu: Cpu, insn: Insn): number {
  const size = stackSize(insn);
  const stack = Stack.current(cpu);
  for (let n = 0; n < 8; n++) stack.push(size, cpu.state.gpr(n) & maskOf(size));
  stack.commit();
  return SYSTEM_NEXT;
}

/** The saved rSP is skipped. */
function popa(cpu: Cpu, insn: Insn): number {
  const size = stackSize(insn);
  const stack = Stack.current(cpu);
  const values: bigint[] = [];
  for (let n = 0; n < 8; n++) values.push(stack.pop(size));
  stack.commit();
  values.forEach((v, i) => {
    if (i !== 3) writeRegister(cpu, 7 - i, size, v);
  });
  return SYSTEM_NEXT;
}

/** POP to memory: an address by rSP uses its value after the pop. */
function popMemory(cpu: Cpu, insn: Insn): number {
  const size = stackSize(insn);
  const stack = Stack.current(cpu);
  const value = stack.pop(size);
  const before = cpu.state.gpr(S.RSP);
  stack.commit();
  try {
    write(cpu, insn, 0, value);
  } catch (e) {
    cpu.state.setGpr(S.RSP, before);
    throw e;
  }
  return SYSTEM_NEXT;
}

function popf(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = stackSize(insn);
  if (s.vm86) requireFlagAccess(cpu, size);
  const stack = Stack.current(cpu);
  const flags = Number(stack.pop(size) & 0xffff_ffffn);
  const mask = writableFlags(cpu, size);
  const image = s.vm86 ? virtualFlags(cpu, size, flags) : (s.eflags & ~mask) | (flags & mask);
  stack.commit();
  s.eflags = image & ~S.FLAG_RF;
  return cpu.serialize();
}

/** ENTER: a stack frame, with copies of outer frame pointers for nested procedures. */
function enterFrame(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const size = stackSize(insn);
  const bytes = read(cpu, insn, 0);
  const level = Number(read(cpu, insn, 1)) & 31;
  const stack = Stack.current(cpu);
  stack.push(size, s.gpr(S.RBP) & maskOf(size));
  // of a 16-bit stack the upper half of ESP goes along
  const frame = (s.gpr(S.RSP) & ~stack.mask) | stack.pointer;
  let outer = s.gpr(S.RBP) & stack.mask;
  for (let i = 1; i < level; i++) {
    outer = (outer - BigInt(size)) & stack.mask;
    stack.push(size, load(cpu, linearOf(cpu, S.SS, outer, size, false), size));
  }
  if (level > 0) stack.push(size, frame);
  stack.pointer = (stack.pointer - bytes) & stack.mask;
  // the new top of stack must be writable
  cpu.memory.probe(linearOf(cpu, S.SS, stack.pointer, size, true), size);
  stack.commit();
  writeRegister(cpu, S.RBP, stack.mask === maskOf(8) ? 8 : size, frame);
  return SYSTEM_NEXT;
}

function bound(cpu: Cpu, insn: Insn): number {
  const size = insn.operandSize;
  const signed = (v: bigint) => BigInt.asIntN(size * 8, v);
  const index = signed(read(cpu, insn, 0));
  const lower = signed(load(cpu, addressOf(cpu, insn, 1, size, false), size));
  const upper = signed(load(cpu, addressOf(cpu, insn, 1, size, false, size), size));
  if (index < lower || index > upper) throw new GuestFault(S.BR);
  return SYSTEM_NEXT;
}

// -- decimal adjustments -------------------------------------------------------------------------------------------
/** OSZAPC with SF, ZF and PF from a byte; OF clear. */
function byteFlags(byte: number, af: boolean, cf: boolean): number {
  let parity = byte ^ (byte >> 4);
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (
    (cf ? S.FLAG_CF : 0) |
    ((parity & 1) === 0 ? S.FLAG_PF : 0) |
    (af ? S.FLAG_AF : 0) |
    (byte === 0 ? S.FLAG_ZF : 0) |
    (byte & 0x80)
  );
}

function decimalAdjust(sign: 1 | -1): SystemOp {
  return (cpu) => {
    const s = cpu.state;
    const flags = s.eflags;
    const old = s.gpr8(S.RAX);
    let al = old;
    let cf = (flags & S.FLAG_CF) !== 0;
    const oldCf = cf;
    let af = false;
    if ((old & 15) > 9 || (flags & S.FLAG_AF) !== 0) {
      al += 6 * sign;
      cf = oldCf || al < 0 || al > 0xff;
      af = true;
    } else cf = false;
    if (old > 0x99 || oldCf) {
      al += 0x60 * sign;
      cf = true;
    } else if (sign > 0) cf = false;
    s.setGpr8(S.RAX, al);
    s.arith = byteFlags(al & 0xff, af, cf);
    return SYSTEM_NEXT;
  };
}

function asciiAdjust(sign: 1 | -1): SystemOp {
  return (cpu) => {
    const s = cpu.state;
    let ax = s.gpr16(S.RAX);
    const adjust = (ax & 15) > 9 || (s.eflags & S.FLAG_AF) !== 0;
    if (adjust) ax += sign > 0 ? 0x106 : -0x106;
    ax &= 0xff0f;
    s.setGpr16(S.RAX, ax);
    s.arith = byteFlags(ax & 0xff, adjust, adjust);
    return SYSTEM_NEXT;
  };
}

function salc(cpu: Cpu): number {
  cpu.state.setGpr8(S.RAX, (cpu.state.eflags & S.FLAG_CF) !== 0 ? 0xff : 0);
  return SYSTEM_NEXT;
}

// -- wide compare and exchange -------------------------------------------------------------------------------------
function cmpxchg8b(cpu: Cpu, insn: Insn): number {
  return insn.operandSize === 8 ? compareExchange(cpu, insn, 8) : compareExchange(cpu, insn, 4);
}

/** Compares rDX:rAX with a pair in memory; equal: stores rCX:rBX, else loads. Memory is written in either case. */
function compareExchange(cpu: Cpu, insn: Insn, half: 4 | 8): number {
  const s = cpu.state;
  const o = memoryOf(insn, 0);
  const linear = linearOf(cpu, o.segment, offsetOf(cpu, insn, o), half * 2, true);
  if (half === 8 && (linear & 15n) !== 0n) generalProtection();
  cpu.memory.probe(linear, half * 2);
  const low = load(cpu, linear, half);
  const high = load(cpu, linear + BigInt(half), half);
  const mask = maskOf(half);
  const equal = low === (s.gpr(S.RAX) & mask) && high === (s.gpr(S.RDX) & mask);
  cpu.memory.write(linear, half, equal ? s.gpr(S.RBX) & mask : low);
  cpu.memory.write(linear + BigInt(half), half, equal ? s.gpr(S.RCX) & mask : high);
  if (!equal) {
    writeRegister(cpu, S.RAX, half, low);
    writeRegister(cpu, S.RDX, half, high);
  }
  s.arith = (s.eflags & ~S.FLAG_ZF) | (equal ? S.FLAG_ZF : 0);
  return SYSTEM_NEXT;
}

export const LEGACY = {
  pusha,
  popa,
  popMemory,
  popf,
  enter: enterFrame,
  bound,
  salc,
  cmpxchg8b,
  daa: decimalAdjust(1),
  das: decimalAdjust(-1),
  aaa: asciiAdjust(1),
  aas: asciiAdjust(-1),
} satisfies Record<string, SystemOp>;
