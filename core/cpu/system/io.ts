/** Port I/O. In-kernel devices answer at once; others are an exit to userspace, which IN and INS wait for. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { CPU_IO } from '../exits.ts';
import * as S from '../state.ts';
import {
  generalProtection,
  linearOf,
  maskOf,
  memoryOf,
  offsetOf,
  read,
  type SystemOp,
  writeRegister,
} from './operands.ts';

type PortSize = 1 | 2 | 4;
/** Size of operand i, the accumulator or the element in memory; there is no 64-bit port. */
function portSize(insn: Insn, i: number): PortSize {
  const o = insn.operands[i];
  const size = o?.kind === 'register' || o?.kind === 'memory' ? o.size : 1;
  return size > 4 ? 4 : (size as PortSize);
}

/** CPL above IOPL (and virtual-8086 mode) asks the TSS's I/O permission bitmap. */
function requirePort(cpu: Cpu, port: number, size: number): void {
  cpu.breakpoints.accessedPort(port, size);
  const s = cpu.state;
  if (!s.protectedMode) return;
  const iopl = (s.get32(S.EFLAGS) & S.FLAG_IOPL) >> 12;
  if (s.cpl <= iopl && !s.vm86) return;
  const limit = s.segLimit(S.TR);
  if ((s.access(S.TR) & 8) === 0 || limit < 103) generalProtection();
  const base = s.segBase(S.TR);
  const map = cpu.memory.read16(base + 102n, false);
  const at = map + (port >> 3);
  if (at + 1 > limit) generalProtection();
  const bits = cpu.memory.read16(base + BigInt(at), false) >> (port & 7);
  if ((bits & ((1 << size) - 1)) !== 0) generalProtection();
}

function portIn(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = Number(read(cpu, insn, 1) & 0xffffn);
  requirePort(cpu, port, size);
  if (cpu.host.claimsPort(port)) {
    writeRegister(cpu, S.RAX, size, BigInt(cpu.host.readPort(port, size)));
    return cpu.serialize();
  }
  cpu.io = { direction: 'in', port, size, value: 0 };
  cpu.completeIn = (value) => writeRegister(cpu, S.RAX, size, BigInt(value) & maskOf(size));
  return cpu.exitAfter(CPU_IO);
}

function portOut(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 1);
  const port = Number(read(cpu, insn, 0) & 0xffffn);
  requirePort(cpu, port, size);
  const value = cpu.state.gpr32(S.RAX) & (size === 4 ? -1 : (1 << (size * 8)) - 1);
  return output(cpu, port, size, value >>> 0, true);
}

/** Writes a port; `retire` false leaves RIP at this instruction (a repeated one that is not done). */
function output(cpu: Cpu, port: number, size: PortSize, value: number, retire: boolean): number {
  if (cpu.host.claimsPort(port)) {
    cpu.host.writePort(port, size, value);
    return retire ? cpu.serialize() : cpu.jump(cpu.ip);
  }
  cpu.io = { direction: 'out', port, size, value };
  return retire ? cpu.exitAfter(CPU_IO) : cpu.exitBefore(CPU_IO);
}

/** rCX, and whether one more element is to be done. Counts one element; says whether it was the last. */
function countOf(cpu: Cpu, insn: Insn): bigint {
  return cpu.state.gpr(S.RCX) & maskOf(insn.addressSize);
}
function advance(cpu: Cpu, insn: Insn, register: number, size: number): void {
  const s = cpu.state;
  const step = (s.get32(S.EFLAGS) & S.FLAG_DF) !== 0 ? -size : size;
  writeRegister(cpu, register, insn.addressSize, (s.gpr(register) + BigInt(step)) & maskOf(insn.addressSize));
}
/** After an element: decrements rCX under REP; true when the instruction is finished. */
function counted(cpu: Cpu, insn: Insn): boolean {
  if (insn.repeat === 0) return true;
  const left = (countOf(cpu, insn) - 1n) & maskOf(insn.addressSize);
  writeRegister(cpu, S.RCX, insn.addressSize, left);
  return left === 0n;
}

function ins(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = cpu.state.gpr16(S.RDX);
  if (insn.repeat !== 0 && countOf(cpu, insn) === 0n) return cpu.serialize();
  requirePort(cpu, port, size);
  const o = memoryOf(insn, 0);
  const linear = linearOf(cpu, o.segment, offsetOf(cpu, insn, o), size, true);
  cpu.memory.probe(linear, size);
  const store = (value: number): boolean => {
    cpu.memory.write(linear, size, value >>> 0);
    advance(cpu, insn, S.RDI, size);
    return counted(cpu, insn);
  };
  if (cpu.host.claimsPort(port)) return store(cpu.host.readPort(port, size)) ? cpu.serialize() : cpu.jump(cpu.ip);
  const [here, next] = [cpu.ip, cpu.nextIp];
  cpu.io = { direction: 'in', port, size, value: 0 };
  cpu.completeIn = (value) => {
    cpu.state.rip = store(value) ? next : here;
  };
  return cpu.exitBefore(CPU_IO);
}

function outs(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = cpu.state.gpr16(S.RDX);
  if (insn.repeat !== 0 && countOf(cpu, insn) === 0n) return cpu.serialize();
  requirePort(cpu, port, size);
  const value = Number(read(cpu, insn, 0) & 0xffff_ffffn);
  advance(cpu, insn, S.RSI, size);
  return output(cpu, port, size, value, counted(cpu, insn));
}

export const IO = { in: portIn, out: portOut, ins, outs } satisfies Record<string, SystemOp>;
