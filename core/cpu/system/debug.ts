/** Instructions that access debug registers. [SDM] volume 3, 18.2. The breakpoints themselves: breakpoints.ts */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { DebugFault } from '../faults.ts';
import * as S from '../state.ts';
import { DR6_BD, DR6_ONES, DR7_GD, DR7_ONES } from './breakpoints.ts';
import {
  generalProtection,
  read,
  registerOf,
  requireCpl0,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
  write,
} from './operands.ts';

/** DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
function debugNumber(cpu: Cpu, n: number): number {
  if (n > 7) undefinedOpcode();
  if (n !== 4 && n !== 5) return n;
  if ((cpu.state.cr4 & S.CR4_DE) !== 0) undefinedOpcode();
  return n + 2;
}

/** The register, if it may be accessed now: #UD comes before #GP, and both before #DB for DR7.GD. */
function accessible(cpu: Cpu, insn: Insn, operand: number): number {
  const n = debugNumber(cpu, registerOf(insn, operand));
  requireCpl0(cpu);
  if ((cpu.breakpoints.dr7 & DR7_GD) !== 0n) throw new DebugFault(DR6_BD);
  return n;
}

/** DR6 and DR7 as they read: reserved bits are fixed, GE and LE are kept. */
export function debugRegister(n: number, value: bigint): bigint {
  if (n === 6) return (value & 0xe00fn) | DR6_ONES;
  if (n === 7) return (value & 0xffff23ffn) | DR7_ONES;
  return value;
}

function movFromDebug(cpu: Cpu, insn: Insn): number {
  const n = accessible(cpu, insn, 1);
  write(cpu, insn, 0, cpu.state.get64(S.DR + n * 8));
  return SYSTEM_NEXT;
}

function movToDebug(cpu: Cpu, insn: Insn): number {
  const n = accessible(cpu, insn, 0);
  const value = read(cpu, insn, 1);
  if (n >= 6 && value >> 32n !== 0n) generalProtection();
  cpu.state.set64(S.DR + n * 8, debugRegister(n, value));
  cpu.breakpoints.update();
  return cpu.serialize();
}

export const DEBUG = { movFromDebug, movToDebug } satisfies Record<string, SystemOp>;
