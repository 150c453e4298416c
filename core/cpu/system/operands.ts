/** Operands of system instructions, read and written by TypeScript. Integer values are unsigned bigints. */
import type { Cpu } from '../cpu.ts';
import {
  BASE_RIP,
  type Insn,
  type MemoryOperand,
  NO_REGISTER,
  type Operand,
  type RegisterOperand,
} from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import { SYSTEM_NEXT } from '../interp/module.ts';
import * as S from '../state.ts';

export type SystemOp = (cpu: Cpu, insn: Insn) => number;
export { SYSTEM_NEXT };

const MASKS: Readonly<Record<number, bigint>> = { 2: 0xffffn, 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn };
export const maskOf = (size: number): bigint => MASKS[size] ?? 0xffn;

/** Raises #GP(0). */
export function generalProtection(errorCode = 0): never {
  throw new GuestFault(S.GP, errorCode);
}
export function undefinedOpcode(): never {
  throw new GuestFault(S.UD);
}
export function requireCpl0(cpu: Cpu): void {
  if (cpu.state.cpl !== 0) generalProtection();
}

/** Offset of a memory operand within its segment. */
export function offsetOf(cpu: Cpu, insn: Insn, o: MemoryOperand): bigint {
  const s = cpu.state;
  let offset = (BigInt(o.displacementHigh) << 32n) | BigInt(o.displacement >>> 0);
  if (o.base === BASE_RIP) offset += cpu.nextIp;
  else if (o.base !== NO_REGISTER) offset += s.gpr(o.base);
  if (o.index !== NO_REGISTER) offset += s.gpr(o.index) << BigInt(o.scale);
  return offset & maskOf(insn.addressSize);
}

/** Linear address of segment:offset for an access of `size` bytes; #GP or #SS when the segment forbids it. */
export function linearOf(
  cpu: Cpu,
  segment: number,
  offset: bigint,
  size: number,
  writes: boolean,
  errorCode = 0,
): bigint {
  const s = cpu.state;
  if (s.code64) {
    const base = segment >= S.FS ? s.segBase(segment) : 0n;
    return (base + offset) & maskOf(8);
  }
  const at = S.SEG + segment * S.SEG_SIZE;
  const right = writes ? S.SEG_CAN_WRITE : S.SEG_CAN_READ;
  const low = BigInt(s.u32[(at + S.SEG_LOW) >> 2] ?? 0);
  const high = BigInt(s.u32[(at + S.SEG_HIGH) >> 2] ?? 0);
  if ((s.get32(at + S.SEG_RIGHTS) & right) === 0 || offset < low || offset + BigInt(size - 1) > high)
    throw new GuestFault(segment === S.SS ? S.SS_VECTOR : S.GP, errorCode);
  return (s.segBase(segment) + offset) & maskOf(4);
}

export function memoryOf(insn: Insn, i: number): MemoryOperand {
  const o = insn.operands[i];
  if (o?.kind !== 'memory') undefinedOpcode();
  return o;
}

/** Linear address of memory operand i, `at` bytes further. */
export function addressOf(cpu: Cpu, insn: Insn, i: number, size: number, writes: boolean, at = 0): bigint {
  const o = memoryOf(insn, i);
  return linearOf(cpu, o.segment, (offsetOf(cpu, insn, o) + BigInt(at)) & maskOf(insn.addressSize), size, writes);
}

export function load(cpu: Cpu, linear: bigint, size: number): bigint {
  if (size === 8) return cpu.memory.read64(linear);
  if (size === 4) return BigInt(cpu.memory.read32(linear));
  return BigInt(size === 2 ? cpu.memory.read16(linear) : cpu.memory.read8(linear));
}

function readRegister(cpu: Cpu, o: RegisterOperand): bigint {
  const v = cpu.state.gpr(o.register);
  return (o.high ? v >> 8n : v) & maskOf(o.size);
}
export function writeRegister(cpu: Cpu, register: number, size: number, value: bigint, high = false): void {
  const s = cpu.state;
  if (size === 8) s.setGpr(register, value);
  else if (size === 4) s.setGpr32(register, Number(value & 0xffff_ffffn));
  else if (size === 2) s.setGpr16(register, Number(value & 0xffffn));
  else s.u8[register * 8 + (high ? 1 : 0)] = Number(value & 0xffn);
}

export function read(cpu: Cpu, insn: Insn, i: number): bigint {
  const o = insn.operands[i] as Operand;
  switch (o.kind) {
    case 'register':
      return readRegister(cpu, o);
    case 'immediate':
      return ((BigInt(o.high) << 32n) | BigInt(o.low >>> 0)) & maskOf(o.size);
    case 'memory':
      return load(cpu, addressOf(cpu, insn, i, o.size, false), o.size);
    default:
      throw new Error(`${insn.row.name}: operand ${i} is a ${o.kind}`);
  }
}

export function write(cpu: Cpu, insn: Insn, i: number, value: bigint): void {
  const o = insn.operands[i] as Operand;
  if (o.kind === 'register') writeRegister(cpu, o.register, o.size, value, o.high);
  else if (o.kind === 'memory')
    cpu.memory.write(addressOf(cpu, insn, i, o.size, true), o.size as 1 | 2 | 4 | 8, value & maskOf(o.size));
  else throw new Error(`${insn.row.name}: operand ${i} is a ${o.kind}`);
}

/** Register number of a segment, control, debug or general register operand. */
export function registerOf(insn: Insn, i: number): number {
  const o = insn.operands[i] as Operand;
  if (o.kind === 'memory' || o.kind === 'immediate' || o.kind === 'relative' || o.kind === 'far')
    throw new Error(`${insn.row.name}: operand ${i} is a ${o.kind}`);
  return o.register;
}

// -- stack ---------------------------------------------------------------------------------------------------------
/** A stack being pushed to or popped from; the stack pointer register changes only with commit(). */
export class Stack {
  readonly mask: bigint;
  constructor(
    readonly cpu: Cpu,
    public pointer: bigint,
    mask: bigint,
    /** Error code of #SS. */
    readonly errorCode = 0,
  ) {
    this.mask = mask;
  }

  /** The current stack. */
  static current(cpu: Cpu, errorCode = 0): Stack {
    const s = cpu.state;
    const mask = s.code64 ? maskOf(8) : (s.access(S.SS) & S.AR_DB) !== 0 ? maskOf(4) : maskOf(2);
    return new Stack(cpu, s.gpr(S.RSP) & mask, mask, errorCode);
  }
  push(size: 2 | 4 | 8, value: bigint | number): void {
    const pointer = (this.pointer - BigInt(size)) & this.mask;
    const v = BigInt(value) & maskOf(size);
    this.cpu.memory.write(linearOf(this.cpu, S.SS, pointer, size, true, this.errorCode), size, v);
    this.pointer = pointer;
  }
  pop(size: 2 | 4 | 8): bigint {
    const v = load(this.cpu, linearOf(this.cpu, S.SS, this.pointer, size, false), size);
    this.pointer = (this.pointer + BigInt(size)) & this.mask;
    return v;
  }
  commit(): void {
    const s = this.cpu.state;
    if (this.mask === maskOf(2)) s.setGpr16(S.RSP, Number(this.pointer));
    else s.setGpr(S.RSP, this.pointer);
  }
}
