/** x87 (fpu/) and the instructions that save and restore floating-point state. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
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
import {
  MXCSR_MASK,
  mxcsrOf,
  readComponents,
  writeComponents,
  writeMxcsr,
  XSTATE_SSE,
  XSTATE_X87,
} from '../fpu/xsave-area.ts';
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
import { formOf } from './xsave.ts';

/** #MF; where CR0.NE is clear, whoever raises it may make FERR# of it (Cpu.#raise). */
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
  if ((s.cr0 & S.CR0_NE) !== 0) cpu.x87.ignoresErrors = false;
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

function requireFxsr(cpu: Cpu, insn: Insn): bigint {
  if ((cpu.state.cr0 & S.CR0_EM) !== 0) undefinedOpcode();
  if ((cpu.state.cr0 & S.CR0_TS) !== 0) throw new GuestFault(S.NM);
  const linear = addressOf(cpu, insn, 0, FXSAVE_SIZE, insn.row.system === 'fxsave');
  if ((linear & 15n) !== 0n) generalProtection();
  return linear;
}
/** SSE state belongs to the image when the operating system says that it saves it. */
const fxComponents = (cpu: Cpu): number => XSTATE_X87 | ((cpu.state.cr4 & S.CR4_OSFXSR) !== 0 ? XSTATE_SSE : 0);

function fxsave(cpu: Cpu, insn: Insn): number {
  const linear = requireFxsr(cpu, insn);
  cpu.memory.probe(linear, FXSAVE_SIZE);
  const area = cpu.memory.readBytes(linear, FXSAVE_SIZE); // reserved parts stay
  const components = fxComponents(cpu);
  writeComponents(cpu, area, components, formOf(cpu, insn));
  if ((components & XSTATE_SSE) !== 0) writeMxcsr(cpu, area);
  cpu.memory.writeBytes(linear, area);
  return SYSTEM_NEXT;
}

function fxrstor(cpu: Cpu, insn: Insn): number {
  const linear = requireFxsr(cpu, insn);
  const area = cpu.memory.readBytes(linear, FXSAVE_SIZE);
  const components = fxComponents(cpu);
  const mxcsr = (components & XSTATE_SSE) !== 0 ? mxcsrOf(area) : cpu.state.get32(S.MXCSR);
  if (mxcsr === undefined) generalProtection();
  readComponents(cpu, area, components, formOf(cpu, insn));
  cpu.state.set32(S.MXCSR, mxcsr);
  return SYSTEM_NEXT;
}

/** VEX encodings are looked at with all others (interp/blocks.ts). */
function requireSse(cpu: Cpu, insn: Insn): void {
  if (insn.row.vex !== undefined) return;
  if ((cpu.state.cr0 & S.CR0_EM) !== 0 || (cpu.state.cr4 & S.CR4_OSFXSR) === 0) undefinedOpcode();
  if ((cpu.state.cr0 & S.CR0_TS) !== 0) throw new GuestFault(S.NM);
}

export const FPU = {
  x87,
  fwait,
  fxsave,
  fxrstor,
  ldmxcsr: (cpu, insn) => {
    requireSse(cpu, insn);
    const value = Number(read(cpu, insn, 0));
    if ((value & ~MXCSR_MASK) !== 0) generalProtection();
    cpu.state.set32(S.MXCSR, value);
    return SYSTEM_NEXT;
  },
  stmxcsr: (cpu, insn) => {
    requireSse(cpu, insn);
    write(cpu, insn, 0, BigInt(cpu.state.get32(S.MXCSR)));
    return SYSTEM_NEXT;
  },
} satisfies Record<string, SystemOp>;
