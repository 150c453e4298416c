/** CPUID, the time stamp, counters, and random numbers: what an instruction asks the processor about itself. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import * as S from '../state.ts';
import { generalProtection, maskOf, requireCpl0, SYSTEM_NEXT, type SystemOp, write } from './operands.ts';

function cpuid(cpu: Cpu): number {
  const s = cpu.state;
  const r = cpu.host.cpuid(s.gpr32(S.RAX), s.gpr32(S.RCX));
  s.setGpr32(S.RAX, r.eax);
  s.setGpr32(S.RBX, r.ebx);
  s.setGpr32(S.RCX, r.ecx);
  s.setGpr32(S.RDX, r.edx);
  return SYSTEM_NEXT;
}

function rdtsc(cpu: Cpu): number {
  const s = cpu.state;
  if ((s.cr4 & S.CR4_TSD) !== 0) requireCpl0(cpu);
  const tsc = cpu.host.tsc();
  s.setGpr32(S.RAX, Number(tsc & 0xffff_ffffn));
  s.setGpr32(S.RDX, Number((tsc >> 32n) & 0xffff_ffffn));
  return SYSTEM_NEXT;
}
function rdtscp(cpu: Cpu): number {
  const status = rdtsc(cpu);
  cpu.state.setGpr32(S.RCX, Number(cpu.state.get64(S.TSC_AUX)));
  return status;
}
function rdpid(cpu: Cpu, insn: Insn): number {
  write(cpu, insn, 0, cpu.state.get64(S.TSC_AUX) & maskOf(insn.operandSize));
  return SYSTEM_NEXT;
}

/** Hardware random numbers from the host's seed of this vCPU: CF says that there is one, always. */
function random(cpu: Cpu, insn: Insn): number {
  write(cpu, insn, 0, cpu.host.random64() & maskOf(insn.operandSize));
  cpu.state.arith = S.FLAG_CF;
  return SYSTEM_NEXT;
}

export const IDENTIFICATION = {
  cpuid,
  rdtsc,
  rdtscp,
  rdpid,
  rdpmc: () => generalProtection(), // no counters, at any level: CPUID leaf 0x0a offers none
  rdrand: random,
  rdseed: random,
} satisfies Record<string, SystemOp>;
