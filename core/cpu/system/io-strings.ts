/**
 * INS and OUTS. Repeated, they leave once for as many elements as lie on one page: like KVM, which fills the page of port
 * data. Nothing comes between those elements; between two exits interrupts do, with the registers telling how far it is.
 * In-kernel devices get theirs one by one.
 */
import type { Cpu } from '../cpu.ts';
import type { Insn, MemoryOperand } from '../decode/insn.ts';
import { CPU_IO } from '../exits.ts';
import { elementsOnPage } from '../mmu/bulk-strings.ts';
import { accessorOf, WRITE } from '../mmu/walk.ts';
import * as S from '../state.ts';
import { describePort, getElement, type PortSize, portSize, putPort, requirePort, writeInKernel } from './io.ts';
import { linearOf, maskOf, memoryOf, offsetOf, read, type SystemOp, writeRegister } from './operands.ts';

const isBackward = (cpu: Cpu): boolean => (cpu.state.get32(S.EFLAGS) & S.FLAG_DF) !== 0;
const lowWord = (linear: bigint): number => Number(BigInt.asIntN(32, linear));
const highWord = (linear: bigint): number => Number(BigInt.asIntN(32, linear >> 32n));

/** rCX, for what is repeated. */
function countOf(cpu: Cpu, insn: Insn): bigint {
  return cpu.state.gpr(S.RCX) & maskOf(insn.addressSize);
}
const isOver = (cpu: Cpu, insn: Insn): boolean => insn.repeat !== 0 && countOf(cpu, insn) === 0n;

/** After `done` elements: moves the pointer and, under REP, counts; true when the instruction is finished. */
function advance(cpu: Cpu, insn: Insn, pointer: number, size: PortSize, done: number): boolean {
  const mask = maskOf(insn.addressSize);
  const by = BigInt(isBackward(cpu) ? -size * done : size * done);
  writeRegister(cpu, pointer, insn.addressSize, (cpu.state.gpr(pointer) + by) & mask);
  if (insn.repeat === 0) return true;
  const left = (countOf(cpu, insn) - BigInt(done)) & mask;
  writeRegister(cpu, S.RCX, insn.addressSize, left);
  return left === 0n;
}

/** Elements from the one at `offset` on that the segment and the address size leave room for. */
function roomInSegment(cpu: Cpu, insn: Insn, segment: number, offset: bigint, size: PortSize): number {
  const s = cpu.state;
  const at = S.SEG + segment * S.SEG_SIZE;
  let [low, high] = [0n, maskOf(insn.addressSize)];
  if (!s.code64) {
    low = BigInt(s.u32[(at + S.SEG_LOW) >> 2] ?? 0);
    const limit = BigInt(s.u32[(at + S.SEG_HIGH) >> 2] ?? 0);
    if (limit < high) high = limit;
  }
  const bytes = isBackward(cpu) ? offset - low + BigInt(size) : high - offset + 1n;
  return Number(bytes / BigInt(size));
}

/** How many elements may go at once, where those on the page of the first one can. A trap follows each by itself. */
function elementsAtOnce(cpu: Cpu, insn: Insn, o: MemoryOperand, linear: bigint, size: PortSize): number {
  if (insn.repeat === 0 || cpu.stepTrap || cpu.breakpoints.hits !== 0) return 1;
  const onPage = elementsOnPage(lowWord(linear), size, isBackward(cpu));
  const room = roomInSegment(cpu, insn, o.segment, offsetOf(cpu, insn, o), size);
  const count = countOf(cpu, insn);
  const most = Math.min(onPage, room);
  return Math.max(1, count < BigInt(most) ? Number(count) : most);
}

/** Copies elements between memory and port data, which has them in the order of the port. */
function copyElements(from: Uint8Array, to: Uint8Array, size: PortSize, backward: boolean): void {
  if (!backward) {
    to.set(from);
    return;
  }
  for (let at = 0; at < from.length; at += size) to.set(from.subarray(at, at + size), from.length - size - at);
}

/** Writing there raises nothing (which this throws), and nobody looks at it: memory, and no breakpoint. */
function isPlainTarget(cpu: Cpu, linear: bigint, size: PortSize): boolean {
  const { memory, physical } = cpu;
  memory.probe(linear, size);
  const [lo, hi, accessor] = [lowWord(linear), highWord(linear), accessorOf(cpu.state)];
  if (memory.tlb.lookup(lo, hi, accessor, S.TLB_WRITE) >= 0) return true;
  if (cpu.breakpoints.watchesData(lo, hi, accessor)) return false;
  const gpa = memory.translate(lo, hi, WRITE, accessor);
  return physical.host(gpa) >= 0 && !physical.isReadOnly(gpa);
}

function ins(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = cpu.state.gpr16(S.RDX);
  if (isOver(cpu, insn)) return cpu.serialize();
  requirePort(cpu, port, size);
  const o = memoryOf(insn, 0);
  const linear = linearOf(cpu, o.segment, offsetOf(cpu, insn, o), size, true);
  const plain = isPlainTarget(cpu, linear, size);
  if (cpu.host.claimsPort(port)) {
    cpu.memory.write(linear, size, cpu.host.readPort(port, size) >>> 0);
    return advance(cpu, insn, S.RDI, size, 1) ? cpu.serialize() : cpu.jump(cpu.ip);
  }
  const count = plain ? elementsAtOnce(cpu, insn, o, linear, size) : 1;
  const [here, next] = [cpu.ip, cpu.nextIp];
  describePort(cpu, 'in', port, size, count);
  cpu.completeIn = () => {
    storeElements(cpu, linear, size, count);
    cpu.state.rip = advance(cpu, insn, S.RDI, size, count) ? next : here;
  };
  return cpu.exitBefore(CPU_IO);
}

/** Faults, before anything is written, when mappings have changed since isPlainTarget. */
function storeElements(cpu: Cpu, linear: bigint, size: PortSize, count: number): void {
  const { portData } = cpu.host;
  if (count === 1) {
    cpu.memory.write(linear, size, getElement(portData, size));
    return;
  }
  const bytes = new Uint8Array(size * count);
  const backward = isBackward(cpu);
  copyElements(portData.subarray(0, bytes.length), bytes, size, backward);
  cpu.memory.writeBytes(backward ? linear - BigInt(bytes.length - size) : linear, bytes);
}

function outs(cpu: Cpu, insn: Insn): number {
  const size = portSize(insn, 0);
  const port = cpu.state.gpr16(S.RDX);
  if (isOver(cpu, insn)) return cpu.serialize();
  requirePort(cpu, port, size);
  const value = Number(read(cpu, insn, 0) & 0xffff_ffffn);
  if (writeInKernel(cpu, port, size, value)) {
    return advance(cpu, insn, S.RSI, size, 1) ? cpu.serialize() : cpu.jump(cpu.ip);
  }
  const count = gather(cpu, insn, port, size, value);
  return advance(cpu, insn, S.RSI, size, count) ? cpu.exitAfter(CPU_IO) : cpu.exitBefore(CPU_IO);
}

/** The element that was read and, where memory can be read without looking, those behind it; says how many. */
function gather(cpu: Cpu, insn: Insn, port: number, size: PortSize, first: number): number {
  const o = memoryOf(insn, 0);
  const linear = linearOf(cpu, o.segment, offsetOf(cpu, insn, o), size, false);
  const { u8 } = cpu.physical;
  const host = cpu.memory.tlb.lookup(lowWord(linear), highWord(linear), accessorOf(cpu.state), S.TLB_READ);
  const count = host < 0 ? 1 : elementsAtOnce(cpu, insn, o, linear, size);
  putPort(cpu, port, size, first);
  if (count === 1) return 1;
  const backward = isBackward(cpu);
  const start = backward ? host - size * (count - 1) : host;
  copyElements(u8.subarray(start, start + size * count), cpu.host.portData, size, backward);
  cpu.io.count = count;
  return count;
}

export const IO_STRINGS = { ins, outs } satisfies Record<string, SystemOp>;
