/** x87 (fpu/) and the instructions that save and restore floating-point state. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import { readFxsave, writeFxsave } from '../fpu/image.ts';
import {
  ENVIRONMENT_16,
  ENVIRONMENT_32,
  ENVIRONMENT_REAL,
  X87_MATH_FAULT,
  X87_UNDEFINED,
  type X87Memory,
  type X87Result,
} from '../fpu/instruction.ts';
import { X87_CS, X87_DP, X87_DS, X87_EFLAGS, X87_IP } from '../fpu/state.ts';
import * as S from '../state.ts';
import {
  addressOf,
  generalProtection,
  linearOf,
  memoryOf,
  offsetOf,
  read,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
  write,
} from './operands.ts';

/** #MF with CR0.NE; without it FERR# would go to IRQ 13 of the PC, and the instruction waits: raised as #MF as well. */
function finish(result: X87Result): number {
  if (result === X87_MATH_FAULT) throw new GuestFault(S.MF);
  if (result === X87_UNDEFINED) undefinedOpcode();
  return SYSTEM_NEXT;
}

class OperandMemory implements X87Memory {
  constructor(
    readonly cpu: Cpu,
    readonly insn: Insn,
  ) {}
  #linear(bytes: number, writes: boolean): bigint {
    const o = memoryOf(this.insn, 0);
    return linearOf(this.cpu, o.segment, offsetOf(this.cpu, this.insn, o), bytes, writes);
  }
  // faults are thrown: the x87 has changed nothing before its last access
  load(bytes: number): boolean {
    const { x87 } = this.cpu;
    x87.operandBytes.set(this.cpu.memory.readBytes(this.#linear(bytes, false), bytes));
    return true;
  }
  store(bytes: number): boolean {
    const { x87 } = this.cpu;
    this.cpu.memory.writeBytes(this.#linear(bytes, true), x87.operandBytes.slice(0, bytes));
    return true;
  }
}

function setWords(cpu: Cpu, offset: number, value: bigint): void {
  cpu.x87.words[offset >> 2] = Number(BigInt.asIntN(32, value));
  cpu.x87.words[(offset >> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

const FNSTSW_AX = 0xe0;

function x87(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const { words } = cpu.x87;
  setWords(cpu, X87_IP, cpu.ip);
  words[X87_CS >> 2] = s.selector(S.CS);
  const o = insn.operands[0];
  if (o?.kind === 'memory') {
    setWords(cpu, X87_DP, offsetOf(cpu, insn, o));
    words[X87_DS >> 2] = s.selector(o.segment);
  }
  const flags = s.eflags;
  words[X87_EFLAGS >> 2] = flags;
  const real = !s.protectedMode || s.vm86;
  const environment = (insn.operandSize === 2 ? ENVIRONMENT_16 : ENVIRONMENT_32) | (real ? ENVIRONMENT_REAL : 0);
  const status = finish(cpu.x87.execute(insn.opcode, insn.modrm, new OperandMemory(cpu, insn), environment));
  const after = words[X87_EFLAGS >> 2] ?? 0;
  if (after !== flags) s.arith = after;
  if (insn.opcode === 0xdf && insn.modrm === FNSTSW_AX) s.setGpr16(S.RAX, (cpu.x87.operand[0] ?? 0) & 0xffff);
  return status;
}

function fwait(cpu: Cpu): number {
  const trap = S.CR0_MP | S.CR0_TS;
  if ((cpu.state.cr0 & trap) === trap) throw new GuestFault(S.NM);
  return finish(cpu.x87.wait());
}

// -- FXSAVE --------------------------------------------------------------------------------------------------------
const FXSAVE_SIZE = 512;
const FX_MXCSR = 24;
const FX_XMM = 160;
/** MXCSR bits that may be set: flags, DAZ, masks, rounding, FTZ. */
export const MXCSR_MASK = 0xffff;

function requireFxsr(cpu: Cpu, insn: Insn): bigint {
  if ((cpu.state.cr0 & S.CR0_EM) !== 0) undefinedOpcode();
  if ((cpu.state.cr0 & S.CR0_TS) !== 0) throw new GuestFault(S.NM);
  const linear = addressOf(cpu, insn, 0, FXSAVE_SIZE, insn.row.system === 'fxsave');
  if ((linear & 15n) !== 0n) generalProtection();
  return linear;
}
const registerCount = (cpu: Cpu): number => (cpu.state.code64 ? 16 : 8);

function fxsave(cpu: Cpu, insn: Insn): number {
  const linear = requireFxsr(cpu, insn);
  const s = cpu.state;
  const area = cpu.memory.readBytes(linear, FXSAVE_SIZE); // reserved parts stay
  const view = new DataView(area.buffer);
  writeFxsave(cpu.x87, view, 0, insn.operandSize === 8);
  if ((s.cr4 & S.CR4_OSFXSR) !== 0) {
    view.setUint32(FX_MXCSR, s.get32(S.MXCSR), true);
    view.setUint32(FX_MXCSR + 4, MXCSR_MASK, true);
    for (let n = 0; n < registerCount(cpu); n++)
      area.set(s.u8.subarray(S.VEC + n * S.VEC_SIZE, S.VEC + n * S.VEC_SIZE + 16), FX_XMM + n * 16);
  }
  cpu.memory.writeBytes(linear, area);
  return SYSTEM_NEXT;
}

function fxrstor(cpu: Cpu, insn: Insn): number {
  const linear = requireFxsr(cpu, insn);
  const s = cpu.state;
  const area = cpu.memory.readBytes(linear, FXSAVE_SIZE);
  const view = new DataView(area.buffer);
  const mxcsr = view.getUint32(FX_MXCSR, true);
  const simd = (s.cr4 & S.CR4_OSFXSR) !== 0;
  if (simd && (mxcsr & ~MXCSR_MASK) !== 0) generalProtection();
  readFxsave(cpu.x87, view, 0, insn.operandSize === 8);
  if (simd) {
    s.set32(S.MXCSR, mxcsr);
    for (let n = 0; n < registerCount(cpu); n++)
      s.u8.set(area.subarray(FX_XMM + n * 16, FX_XMM + n * 16 + 16), S.VEC + n * S.VEC_SIZE);
  }
  return SYSTEM_NEXT;
}

function requireSse(cpu: Cpu): void {
  if ((cpu.state.cr0 & S.CR0_EM) !== 0 || (cpu.state.cr4 & S.CR4_OSFXSR) === 0) undefinedOpcode();
  if ((cpu.state.cr0 & S.CR0_TS) !== 0) throw new GuestFault(S.NM);
}

export const FPU = {
  x87,
  fwait,
  fxsave,
  fxrstor,
  ldmxcsr: (cpu, insn) => {
    requireSse(cpu);
    const value = Number(read(cpu, insn, 0));
    if ((value & ~MXCSR_MASK) !== 0) generalProtection();
    cpu.state.set32(S.MXCSR, value);
    return SYSTEM_NEXT;
  },
  stmxcsr: (cpu, insn) => {
    requireSse(cpu);
    write(cpu, insn, 0, BigInt(cpu.state.get32(S.MXCSR)));
    return SYSTEM_NEXT;
  },
} satisfies Record<string, SystemOp>;
