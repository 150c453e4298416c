/** FS and GS bases in 64-bit mode: SWAPGS, and RDFSBASE and its like. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import * as S from '../state.ts';
import { isCanonicalBase } from './descriptors.ts';
import {
  generalProtection,
  maskOf,
  read,
  requireCpl0,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
  write,
} from './operands.ts';

function swapgs(cpu: Cpu): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const base = s.segBase(S.GS);
  s.setSegBase(S.GS, s.get64(S.KERNEL_GS_BASE));
  s.set64(S.KERNEL_GS_BASE, base);
  return SYSTEM_NEXT;
}

/** RDFSBASE RDGSBASE WRFSBASE WRGSBASE: ModRM.reg 0..3. */
function segmentOf(cpu: Cpu, insn: Insn): number {
  if ((cpu.state.cr4 & S.CR4_FSGSBASE) === 0) undefinedOpcode();
  return ((insn.modrm >> 3) & 1) === 0 ? S.FS : S.GS;
}

function readFsGsBase(cpu: Cpu, insn: Insn): number {
  write(cpu, insn, 0, cpu.state.segBase(segmentOf(cpu, insn)) & maskOf(insn.operandSize));
  return SYSTEM_NEXT;
}

function writeFsGsBase(cpu: Cpu, insn: Insn): number {
  const n = segmentOf(cpu, insn);
  const base = read(cpu, insn, 0);
  if (!isCanonicalBase(cpu, base)) generalProtection();
  cpu.state.setSegBase(n, base);
  return SYSTEM_NEXT;
}

export const BASES = { swapgs, readFsGsBase, writeFsGsBase } satisfies Record<string, SystemOp>;
