/** Port I/O: IN and OUT. In-kernel devices answer at once; others are an exit to userspace, which IN and INS wait for. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { CPU_IO } from '../exits.ts';
import * as S from '../state.ts';
import { generalProtection, type SystemOp } from './operands.ts';

export type PortSize = 1 | 2 | 4;
/** Size of operand i, the accumulator or the element in memory; there is no 64-bit port. */
export function portSize(insn: Insn, i: number): PortSize {
  const o = insn.operands[i];
  const size = o?.kind === 'register' || o?.kind === 'memory' ? o.size : 1;
  return size > 4 ? 4 : (size as PortSize);
}

/** DX or an immediate byte. */
function portOf(cpu: Cpu, insn: Insn, i: number): number {
  const o = insn.operands[i];
  return o?.kind === 'immediate' ? o.low & 0xff : cpu.state.gpr16(S.RDX);
}

/** CPL above IOPL (and virtual-8086 mode) asks the TSS's I/O permission bitmap. */
export function requirePort(cpu: Cpu, port: number, size: number): void {
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

/** An element in little-endian bytes, unsigned. */
export function getElement(bytes: Uint8Array, size: PortSize): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[i] ?? 0);
  return value;
}
function putElement(bytes: Uint8Array, size: PortSize, value: number): void {
  for (let i = 0; i < size; i++) bytes[i] = value >>> (8 * i);
}

/** Leaves for `count` elements of userspace's, which lie in, or go to, the host's portData. */
export function describePort(cpu: Cpu, direction: 'in' | 'out', port: number, size: PortSize, count: number): void {
  const { io } = cpu;
  io.direction = direction;
  io.port = port;
  io.size = size;
  io.count = count;
}

/** Writes an element to a port whose device is in the kernel, or to one whose writes may wait; false for others. */
export function writeInKernel(cpu: Cpu, port: number, size: PortSize, value: number): boolean {
  const { host } = cpu;
  if (!host.claimsPort(port)) return host.postPort(port, size, value);
  host.writePort(port, size, value);
  return true;
}
/** One element for userspace. */
export function putPort(cpu: Cpu, port: number, size: PortSize, value: number): void {
  putElement(cpu.host.portData, size, value);
  describePort(cpu, 'out', port, size, 1);
}

function setAccumulator(cpu: Cpu, size: PortSize, value: number): void {
  if (size === 4) cpu.state.setGpr32(S.RAX, value);
  else if (size === 2) cpu.state.setGpr16(S.RAX, value);
  else cpu.state.setGpr8(S.RAX, value);
}
const completeIn = (cpu: Cpu): void => setAccumulator(cpu, cpu.io.size, getElement(cpu.host.portData, cpu.io.size));

function portIn(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = portOf(cpu, insn, 1);
  requirePort(cpu, port, size);
  if (cpu.host.claimsPort(port)) {
    setAccumulator(cpu, size, cpu.host.readPort(port, size));
    return cpu.serialize();
  }
  describePort(cpu, 'in', port, size, 1);
  cpu.completeIn = completeIn;
  return cpu.exitAfter(CPU_IO);
}

function portOut(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 1);
  const port = portOf(cpu, insn, 0);
  requirePort(cpu, port, size);
  const rax = cpu.state.gpr32(S.RAX);
  const value = size === 4 ? rax : rax & (size === 2 ? 0xffff : 0xff);
  if (writeInKernel(cpu, port, size, value)) return cpu.serialize();
  putPort(cpu, port, size, value);
  return cpu.exitAfter(CPU_IO);
}

export const IO = { in: portIn, out: portOut } satisfies Record<string, SystemOp>;
