/** SYSCALL, SYSENTER and their returns: to and from level 0 by MSRs, with flat segments of no descriptor. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import * as S from '../state.ts';
import { isCanonical } from './descriptors.ts';
import { generalProtection, maskOf, requireCpl0, type SystemOp, undefinedOpcode } from './operands.ts';

/** The first word of the vendor's name in CPUID leaf 0: vendors differ in where these instructions exist. */
const INTEL = 0x756e6547;
const AMD = 0x68747541;
const isVendor = (cpu: Cpu, word: number): boolean => cpu.host.cpuid(0, 0).ebx >>> 0 === word;

/** SYSCALL and SYSRET outside 64-bit mode are AMD's. */
function requireSyscall(cpu: Cpu): void {
  const s = cpu.state;
  if ((s.efer & S.EFER_SCE) === 0 || (!s.code64 && isVendor(cpu, INTEL))) undefinedOpcode();
}
/** SYSENTER and SYSEXIT in long mode are Intel's. */
function requireSysenter(cpu: Cpu): void {
  const s = cpu.state;
  if (s.longMode && isVendor(cpu, AMD)) undefinedOpcode();
  if (!s.protectedMode || (s.get64(S.SYSENTER_CS) & 0xfffcn) === 0n) generalProtection();
}

function syscall(cpu: Cpu): number {
  const s = cpu.state;
  requireSyscall(cpu);
  if (!s.protectedMode) undefinedOpcode();
  const star = s.get64(S.STAR);
  const selector = Number((star >> 32n) & 0xfffcn);
  const flags = s.eflags;
  if (!s.longMode) {
    s.setGpr(S.RCX, cpu.nextIp);
    flatSegments(cpu, selector, 0, S.AR_DB);
    s.eflags = flags & ~(S.FLAG_VM | S.FLAG_IF | S.FLAG_RF);
    return cpu.jump(star & 0xffff_ffffn);
  }
  s.setGpr(S.RCX, cpu.nextIp);
  s.setGpr(11, BigInt(flags & ~S.FLAG_RF));
  const target = s.get64(s.code64 ? S.LSTAR : S.CSTAR);
  flatSegments(cpu, selector, 0, S.AR_L);
  s.eflags = (flags & ~Number(s.get64(S.FMASK) & 0xffff_ffffn) & ~S.FLAG_RF) | 2;
  cpu.stepTrap &&= (s.get32(S.EFLAGS) & S.FLAG_TF) !== 0;
  return cpu.jump(target);
}

/** CS and the SS behind it as SYSCALL, SYSENTER and their returns make them: flat, from no descriptor. */
function flatSegments(cpu: Cpu, cs: number, cpl: number, codeBits: number, ss = cs + 8): void {
  const s = cpu.state;
  const dpl = cpl << S.AR_DPL_SHIFT;
  s.set32(S.CPL, cpl);
  s.setSegment(S.CS, (cs & ~3) | cpl, 0n, 0xffffffff, S.AR_P | S.AR_S | S.AR_G | codeBits | dpl | 0xb);
  s.setSegment(S.SS, (ss & ~3) | cpl, 0n, 0xffffffff, S.AR_P | S.AR_S | S.AR_G | S.AR_DB | dpl | 3);
  cpu.updateMode();
}

function sysret(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  requireSyscall(cpu);
  if (!s.protectedMode) generalProtection();
  requireCpl0(cpu);
  const base = Number((s.get64(S.STAR) >> 48n) & 0xffffn);
  const to64 = insn.operandSize === 8;
  const ip = to64 ? s.gpr(S.RCX) : s.gpr(S.RCX) & maskOf(4);
  // AMD's processors fault where they arrive, at level 3
  if (to64 && !isCanonical(cpu, ip) && !isVendor(cpu, AMD)) generalProtection();
  if (s.longMode) s.eflags = (Number(s.gpr(11) & 0x3c7fd7n) & ~(S.FLAG_RF | S.FLAG_VM)) | 2;
  else s.eflags = s.eflags | S.FLAG_IF;
  flatSegments(cpu, to64 ? base + 16 : base, 3, to64 ? S.AR_L : S.AR_DB, base + 8);
  cpu.stepTrap = cpu.singleStep || (s.get32(S.EFLAGS) & S.FLAG_TF) !== 0; // the trap comes before the next instruction
  return cpu.jump(ip);
}

function sysenter(cpu: Cpu): number {
  const s = cpu.state;
  requireSysenter(cpu);
  const selector = Number(s.get64(S.SYSENTER_CS) & 0xfffcn);
  s.eflags = s.eflags & ~(S.FLAG_VM | S.FLAG_IF | S.FLAG_RF);
  flatSegments(cpu, selector, 0, s.longMode ? S.AR_L : S.AR_DB);
  const mask = s.longMode ? maskOf(8) : maskOf(4);
  s.setGpr(S.RSP, s.get64(S.SYSENTER_ESP) & mask);
  return cpu.jump(s.get64(S.SYSENTER_EIP) & mask);
}

function sysexit(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  requireSysenter(cpu);
  const selector = Number(s.get64(S.SYSENTER_CS) & 0xfffcn);
  requireCpl0(cpu);
  const to64 = insn.operandSize === 8;
  const mask = to64 ? maskOf(8) : maskOf(4);
  const [ip, rsp] = [s.gpr(S.RDX) & mask, s.gpr(S.RCX) & mask];
  if (to64 && (!isCanonical(cpu, ip) || !isCanonical(cpu, rsp))) generalProtection();
  flatSegments(cpu, selector + (to64 ? 32 : 16), 3, to64 ? S.AR_L : S.AR_DB);
  s.setGpr(S.RSP, rsp);
  return cpu.jump(ip);
}

export const FAST_CALLS = { syscall, sysret, sysenter, sysexit } satisfies Record<string, SystemOp>;
