/**
 * Gathers: VGATHERxPx, VPGATHERxx. Elements are loaded in order, and each one's mask element is cleared when it is
 * there, so that after a fault the instruction goes on where it stopped. [SDM] volume 2, VPGATHERDD
 */
import type { Cpu } from '../cpu.ts';
import { type Insn, type MemoryOperand, NO_REGISTER } from '../decode/insn.ts';
import * as S from '../state.ts';
import { linearOf, load, maskOf, memoryOf, offsetOf, registerOf, SYSTEM_NEXT, undefinedOpcode } from './operands.ts';

/** Opcodes 90 and 92 have dword indices, 91 and 93 qword ones. */
const indexBytes = (insn: Insn): 4 | 8 => ((insn.opcode & 1) === 0 ? 4 : 8);

/** Elements of a vector register. */
class Elements {
  constructor(
    readonly cpu: Cpu,
    register: number,
    readonly bytes: 4 | 8,
  ) {
    this.#at = S.VEC + register * S.VEC_SIZE;
  }
  readonly #at: number;
  /** Signed. */
  get(n: number): bigint {
    const { state } = this.cpu;
    if (this.bytes === 8) return BigInt.asIntN(64, state.get64(this.#at + n * 8));
    return BigInt(state.get32(this.#at + n * 4) | 0);
  }
  set(n: number, value: bigint): void {
    const { state } = this.cpu;
    if (this.bytes === 8) state.set64(this.#at + n * 8, BigInt.asUintN(64, value));
    else state.set32(this.#at + n * 4, Number(BigInt.asIntN(32, value)));
  }
  /** Zeros from element n on. */
  clearFrom(n: number): void {
    this.cpu.state.u8.fill(0, this.#at + n * this.bytes, this.#at + S.VEC_SIZE);
  }
}

function linearAt(cpu: Cpu, insn: Insn, o: MemoryOperand, index: bigint): bigint {
  const offset =
    (offsetOf(cpu, insn, { ...o, index: NO_REGISTER }) + (index << BigInt(o.scale))) & maskOf(insn.addressSize);
  return linearOf(cpu, o.segment, offset, o.size, false);
}

function gather(cpu: Cpu, insn: Insn): number {
  const o = memoryOf(insn, 1);
  const registers = [registerOf(insn, 0), o.index, registerOf(insn, 2)] as const;
  if (new Set(registers).size !== registers.length) undefinedOpcode();
  const bytes = o.size as 4 | 8;
  const destination = new Elements(cpu, registers[0], bytes);
  const indices = new Elements(cpu, registers[1], indexBytes(insn));
  const mask = new Elements(cpu, registers[2], bytes);
  const count = insn.vectorLength / Math.max(bytes, indices.bytes);
  for (let n = 0; n < count; n++) {
    if (mask.get(n) < 0n) destination.set(n, load(cpu, linearAt(cpu, insn, o, indices.get(n)), bytes));
    mask.set(n, 0n);
  }
  mask.clearFrom(0);
  destination.clearFrom(count);
  return SYSTEM_NEXT;
}

export const GATHERS = { gather };
