/** Control and debug registers, MSRs, CPUID, time, and TLB control. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { CPU_HLT } from '../exits.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import { isCanonical } from './descriptors.ts';
import {
  addressOf,
  generalProtection,
  linearOf,
  maskOf,
  memoryOf,
  offsetOf,
  read,
  registerOf,
  requireCpl0,
  SYSTEM_NEXT,
  type SystemOp,
  undefinedOpcode,
  write,
} from './operands.ts';

export const CR0_DEFINED =
  S.CR0_PE |
  S.CR0_MP |
  S.CR0_EM |
  S.CR0_TS |
  S.CR0_ET |
  S.CR0_NE |
  S.CR0_WP |
  S.CR0_AM |
  S.CR0_NW |
  S.CR0_CD |
  S.CR0_PG;
/** CR4 bits this processor offers. */
export const CR4_OFFERED =
  S.CR4_TSD |
  S.CR4_DE |
  S.CR4_PSE |
  S.CR4_PAE |
  S.CR4_MCE |
  S.CR4_PGE |
  S.CR4_PCE |
  S.CR4_OSFXSR |
  S.CR4_OSXMMEXCPT |
  S.CR4_FSGSBASE;
export const EFER_OFFERED = S.EFER_SCE | S.EFER_LME | S.EFER_LMA | S.EFER_NXE;

/** The reason why a CR0 value is not allowed in the given state, or undefined. Used by MOV and by KVM_SET_SREGS. */
export function badCr0(value: bigint): boolean {
  if (value >> 32n !== 0n) return true;
  const v = Number(BigInt.asIntN(32, value));
  if ((v & S.CR0_PG) !== 0 && (v & S.CR0_PE) === 0) return true;
  return (v & S.CR0_NW) !== 0 && (v & S.CR0_CD) === 0;
}

function setCr0(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  if (badCr0(value)) generalProtection();
  const v = (Number(BigInt.asIntN(32, value)) & CR0_DEFINED) | S.CR0_ET;
  const paging = (v & S.CR0_PG) !== 0;
  const wasPaging = (s.cr0 & S.CR0_PG) !== 0;
  const long = paging && (s.efer & S.EFER_LME) !== 0;
  if (long && !wasPaging && ((s.cr4 & S.CR4_PAE) === 0 || (s.access(S.CS) & S.AR_L) !== 0)) generalProtection();
  if (!paging && s.code64) generalProtection();
  const pdptes = paging && !long ? readPdptes(cpu, s.cr4, s.get64(S.CR3)) : NO_PDPTES;
  if (!pdptes) generalProtection();
  s.set32(S.EFER, long ? s.efer | S.EFER_LMA : s.efer & ~S.EFER_LMA);
  s.set32(S.CR0, v);
  usePaging(cpu, pdptes);
  cpu.flushTlb(true);
  cpu.updateMode();
}

function setCr3(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  if (s.longMode && value >> 40n !== 0n) generalProtection();
  const pdptes = currentPdptes(cpu, s.cr4, value);
  if (!pdptes) generalProtection();
  s.set64(S.CR3, value);
  usePaging(cpu, pdptes);
  cpu.flushTlb(false);
}

/** What follows from control registers that KVM set. Bad page-directory pointers are as good as none, as in KVM. */
export function refreshPaging(cpu: Cpu): void {
  usePaging(cpu, currentPdptes(cpu, cpu.state.cr4, cpu.state.get64(S.CR3)) ?? NO_PDPTES);
}

/** What is kept beside CR3: the root table's address, and the page-directory pointers of PAE paging. */
function usePaging(cpu: Cpu, pdptes: readonly number[]): void {
  const s = cpu.state;
  s.cr3Page = Number(s.get64(S.CR3) & (s.longMode ? 0xf_ffff_ffff_f000n : 0xffff_f000n));
  s.pdptes.set(pdptes);
}

const NO_PDPTES: readonly number[] = [0, 0, 0, 0];

/** readPdptes in the paging mode in force. */
function currentPdptes(cpu: Cpu, cr4: number, cr3: bigint): readonly number[] | undefined {
  return (cpu.state.cr0 & S.CR0_PG) === 0 || cpu.state.longMode ? NO_PDPTES : readPdptes(cpu, cr4, cr3);
}

/** In PAE mode outside long mode the four page-directory pointers are loaded with CR3; undefined with reserved bits: #GP. */
function readPdptes(cpu: Cpu, cr4: number, cr3: bigint): readonly number[] | undefined {
  if ((cr4 & S.CR4_PAE) === 0) return NO_PDPTES;
  const table = Number(cr3 & 0xffff_ffe0n);
  const loaded: number[] = [];
  for (let i = 0; i < 4; i++) {
    const host = cpu.physical.host(table + i * 8);
    const low = host < 0 ? 0 : (cpu.physical.u32[host >> 2] ?? 0);
    const high = host < 0 ? 0 : (cpu.physical.u32[(host >> 2) + 1] ?? 0);
    if ((low & 1) !== 0 && ((low & 0x1e6) !== 0 || high >>> 8 !== 0)) return undefined;
    loaded.push((low & 1) !== 0 ? (high & 0xff) * 0x1_0000_0000 + ((low & 0xfffff000) >>> 0) : 0);
  }
  return loaded;
}

function setCr4(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  if ((value & ~BigInt(CR4_OFFERED)) !== 0n) generalProtection();
  const v = Number(value);
  if (s.longMode && (v & S.CR4_PAE) === 0) generalProtection();
  const pdptes = currentPdptes(cpu, v, s.get64(S.CR3));
  if (!pdptes) generalProtection();
  s.set32(S.CR4, v);
  usePaging(cpu, pdptes);
  cpu.flushTlb(true);
  cpu.updateMode();
}

function setEfer(cpu: Cpu, value: bigint): boolean {
  const s = cpu.state;
  if ((value & ~BigInt(EFER_OFFERED)) !== 0n) return false;
  const v = Number(value) & ~S.EFER_LMA;
  const paging = (s.cr0 & S.CR0_PG) !== 0;
  if (paging && (v & S.EFER_LME) !== (s.efer & S.EFER_LME)) return false;
  s.set32(S.EFER, v | (s.efer & S.EFER_LMA));
  cpu.flushTlb(true);
  return true;
}

function movFromControl(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  requireCpl0(cpu);
  const values: Readonly<Record<number, () => bigint>> = {
    0: () => BigInt(s.cr0 >>> 0),
    2: () => s.get64(S.CR2),
    3: () => s.get64(S.CR3),
    4: () => BigInt(s.cr4 >>> 0),
    8: () => BigInt(cpu.host.getCr8()),
  };
  const value = values[registerOf(insn, 1)];
  if (!value) undefinedOpcode();
  write(cpu, insn, 0, value());
  return SYSTEM_NEXT;
}

function movToControl(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  requireCpl0(cpu);
  const value = read(cpu, insn, 1);
  switch (registerOf(insn, 0)) {
    case 0:
      setCr0(cpu, value);
      break;
    case 2:
      s.set64(S.CR2, value);
      break;
    case 3:
      setCr3(cpu, value);
      break;
    case 4:
      setCr4(cpu, value);
      break;
    case 8:
      if (value > 15n) generalProtection();
      cpu.host.setCr8(Number(value));
      break;
    default:
      undefinedOpcode();
  }
  return cpu.serialize();
}

/** DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
function debugNumber(cpu: Cpu, n: number): number {
  if (n !== 4 && n !== 5) return n;
  if ((cpu.state.cr4 & S.CR4_DE) !== 0) undefinedOpcode();
  return n + 2;
}
const DR7_GD = 0x2000n;
function guardDebug(cpu: Cpu): void {
  const s = cpu.state;
  requireCpl0(cpu);
  if ((s.get64(S.DR + 56) & DR7_GD) === 0n) return;
  s.set64(S.DR + 48, s.get64(S.DR + 48) | DR7_GD);
  throw new GuestFault(S.DB);
}
function movFromDebug(cpu: Cpu, insn: Insn): number {
  guardDebug(cpu);
  write(cpu, insn, 0, cpu.state.get64(S.DR + debugNumber(cpu, registerOf(insn, 1)) * 8));
  return SYSTEM_NEXT;
}
function movToDebug(cpu: Cpu, insn: Insn): number {
  guardDebug(cpu);
  const n = debugNumber(cpu, registerOf(insn, 0));
  let value = read(cpu, insn, 1);
  if (n >= 6 && value >> 32n !== 0n) generalProtection();
  if (n === 6) value = (value & 0xe00fn) | 0xffff0ff0n;
  if (n === 7) value = (value & 0xffff2fffn) | 0x400n;
  cpu.state.set64(S.DR + n * 8, value);
  return cpu.serialize();
}

// -- MSRs ----------------------------------------------------------------------------------------------------------
interface Msr {
  read(cpu: Cpu): bigint;
  /** false: #GP */
  write(cpu: Cpu, value: bigint): boolean;
}
const word = (offset: number, valid: (v: bigint) => boolean = () => true): Msr => ({
  read: (cpu) => cpu.state.get64(offset),
  write: (cpu, v) => {
    if (!valid(v)) return false;
    cpu.state.set64(offset, v);
    return true;
  },
});
const segmentBase = (n: number): Msr => ({
  read: (cpu) => cpu.state.segBase(n),
  write: (cpu, v) => {
    if (!isCanonical(v)) return false;
    cpu.state.setSegBase(n, v);
    return true;
  },
});
const PAT_TYPES = new Set([0, 1, 4, 5, 6, 7]);
const validPat = (v: bigint): boolean => {
  for (let i = 0n; i < 64n; i += 8n) if (!PAT_TYPES.has(Number((v >> i) & 0xffn))) return false;
  return true;
};
/** Reads as a constant; writes are dropped. */
const constant = (value: bigint): Msr => ({ read: () => value, write: () => true });

export const MSRS: ReadonlyMap<number, Msr> = new Map<number, Msr>([
  [0x174, word(S.SYSENTER_CS)],
  [0x175, word(S.SYSENTER_ESP, isCanonical)],
  [0x176, word(S.SYSENTER_EIP, isCanonical)],
  [0x277, word(S.PAT, validPat)],
  [0xc0000080, { read: (cpu) => BigInt(cpu.state.efer >>> 0), write: setEfer }],
  [0xc0000081, word(S.STAR)],
  [0xc0000082, word(S.LSTAR, isCanonical)],
  [0xc0000083, word(S.CSTAR, isCanonical)],
  [0xc0000084, word(S.FMASK, (v) => v >> 32n === 0n)],
  [0xc0000100, segmentBase(S.FS)],
  [0xc0000101, segmentBase(S.GS)],
  [0xc0000102, word(S.KERNEL_GS_BASE, isCanonical)],
  [0xc0000103, word(S.TSC_AUX, (v) => v >> 32n === 0n)],
  [0x8b, constant(0x1_0000_0000n)], // IA32_BIOS_SIGN_ID: a microcode revision
  [0x1a0, constant(1n)], // IA32_MISC_ENABLE: fast strings
  [0x17, constant(0n)], // IA32_PLATFORM_ID
  [0x3a, constant(1n)], // IA32_FEATURE_CONTROL: locked
]);

function rdmsr(cpu: Cpu): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const index = s.gpr32(S.RCX);
  const value = MSRS.get(index)?.read(cpu) ?? cpu.host.readMsr(index);
  if (value === undefined) generalProtection();
  s.setGpr32(S.RAX, Number(value & 0xffff_ffffn));
  s.setGpr32(S.RDX, Number((value >> 32n) & 0xffff_ffffn));
  return SYSTEM_NEXT;
}

function wrmsr(cpu: Cpu): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const index = s.gpr32(S.RCX);
  const value = (BigInt(s.gpr32(S.RDX)) << 32n) | BigInt(s.gpr32(S.RAX));
  const own = MSRS.get(index);
  if (!(own ? own.write(cpu, value) : cpu.host.writeMsr(index, value))) generalProtection();
  return cpu.serialize();
}

// -- time and identification ---------------------------------------------------------------------------------------
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
function cpuid(cpu: Cpu): number {
  const s = cpu.state;
  const r = cpu.host.cpuid(s.gpr32(S.RAX), s.gpr32(S.RCX));
  s.setGpr32(S.RAX, r.eax);
  s.setGpr32(S.RBX, r.ebx);
  s.setGpr32(S.RCX, r.ecx);
  s.setGpr32(S.RDX, r.edx);
  return SYSTEM_NEXT;
}

function invlpg(cpu: Cpu, insn: Insn): number {
  requireCpl0(cpu);
  const o = memoryOf(insn, 0);
  const s = cpu.state;
  const offset = offsetOf(cpu, insn, o);
  const linear = s.code64 ? linearOf(cpu, o.segment, offset, 1, false) : (s.segBase(o.segment) + offset) & maskOf(4);
  cpu.tlb.flushPage(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)));
  return cpu.serialize();
}

function swapgs(cpu: Cpu): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const base = s.segBase(S.GS);
  s.setSegBase(S.GS, s.get64(S.KERNEL_GS_BASE));
  s.set64(S.KERNEL_GS_BASE, base);
  return SYSTEM_NEXT;
}

/** RDFSBASE RDGSBASE WRFSBASE WRGSBASE: ModRM.reg 0..3. */
function fsGsSegment(cpu: Cpu, insn: Insn): number {
  if ((cpu.state.cr4 & S.CR4_FSGSBASE) === 0) undefinedOpcode();
  return ((insn.modrm >> 3) & 1) === 0 ? S.FS : S.GS;
}

function smsw(cpu: Cpu, insn: Insn): number {
  if ((cpu.state.cr4 & S.CR4_UMIP) !== 0) requireCpl0(cpu);
  const cr0 = BigInt(cpu.state.cr0 >>> 0);
  if (insn.operands[0]?.kind === 'memory') cpu.memory.write(addressOf(cpu, insn, 0, 2, true), 2, cr0 & 0xffffn);
  else write(cpu, insn, 0, cr0);
  return SYSTEM_NEXT;
}
/** LMSW sets PE MP EM TS; it cannot clear PE. */
function lmsw(cpu: Cpu, insn: Insn): number {
  requireCpl0(cpu);
  const old = cpu.state.cr0;
  const bits = (Number(read(cpu, insn, 0)) & 15) | (old & S.CR0_PE);
  setCr0(cpu, BigInt(((old & ~15) | bits) >>> 0));
  return cpu.serialize();
}

function clts(cpu: Cpu): number {
  requireCpl0(cpu);
  cpu.state.set32(S.CR0, cpu.state.cr0 & ~S.CR0_TS);
  cpu.updateMode();
  return cpu.serialize();
}

/** Caches have no effect here. */
function privilegedNothing(cpu: Cpu): number {
  requireCpl0(cpu);
  return SYSTEM_NEXT;
}

/** Hardware random numbers from the host's seed of this vCPU: CF says that there is one, always. */
function random(cpu: Cpu, insn: Insn): number {
  write(cpu, insn, 0, cpu.host.random64() & maskOf(insn.operandSize));
  cpu.state.arith = S.FLAG_CF;
  return SYSTEM_NEXT;
}

export const CONTROL = {
  movFromControl,
  movToControl,
  movFromDebug,
  movToDebug,
  rdmsr,
  wrmsr,
  rdtsc,
  rdtscp,
  cpuid,
  invlpg,
  swapgs,
  smsw,
  lmsw,
  clts,
  readFsGsBase: (cpu, insn) => {
    write(cpu, insn, 0, cpu.state.segBase(fsGsSegment(cpu, insn)) & maskOf(insn.operandSize));
    return SYSTEM_NEXT;
  },
  writeFsGsBase: (cpu, insn) => {
    const n = fsGsSegment(cpu, insn);
    const base = read(cpu, insn, 0);
    if (!isCanonical(base)) generalProtection();
    cpu.state.setSegBase(n, base);
    return SYSTEM_NEXT;
  },
  invd: privilegedNothing,
  wbinvd: privilegedNothing,
  hlt: (cpu) => {
    requireCpl0(cpu);
    return cpu.exitAfter(CPU_HLT);
  },
  rdpmc: () => generalProtection(), // no counters: CPUID leaf 0x0a offers none
  vmcall: (cpu) => {
    // no hypercall is offered: -KVM_ENOSYS
    if (cpu.state.cpl !== 0) return generalProtection();
    cpu.state.setGpr(S.RAX, -1000n);
    return SYSTEM_NEXT;
  },
  rsm: () => undefinedOpcode(), // outside system management mode
  undefined: () => undefinedOpcode(),
  generalProtection: () => generalProtection(),
  deviceNotAvailable: () => {
    throw new GuestFault(S.NM);
  },
  rdpid: (cpu, insn) => {
    write(cpu, insn, 0, cpu.state.get64(S.TSC_AUX) & maskOf(insn.operandSize));
    return SYSTEM_NEXT;
  },
  rdrand: random,
  rdseed: random,
  clflush: (cpu, insn) => {
    cpu.memory.read8(addressOf(cpu, insn, 0, 1, false));
    return SYSTEM_NEXT;
  },
} satisfies Record<string, SystemOp>;
