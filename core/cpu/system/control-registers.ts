/** CR0, CR2, CR3, CR4, CR8 and EFER: their bits, what may be written when, and what follows. [SDM] volume 3, 2.5. */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import type { Feature } from '../features.ts';
import { PHYSICAL_ADDRESS_BITS } from '../mmu/walk.ts';
import * as S from '../state.ts';
import {
  addressOf,
  generalProtection,
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

/** CR4 bits that every processor here has, and those that come with a feature. */
const CR4_ALWAYS = S.CR4_MCE | S.CR4_PCE;
const CR4_BY_FEATURE: readonly [Feature, number][] = [
  ['vme', S.CR4_VME | S.CR4_PVI],
  ['tsc', S.CR4_TSD],
  ['de', S.CR4_DE],
  ['pse', S.CR4_PSE],
  ['pae', S.CR4_PAE],
  ['pge', S.CR4_PGE],
  ['fxsr', S.CR4_OSFXSR],
  ['sse', S.CR4_OSXMMEXCPT],
  ['umip', S.CR4_UMIP],
  ['la57', S.CR4_LA57],
  ['fsgsbase', S.CR4_FSGSBASE],
  ['pcid', S.CR4_PCIDE],
  ['xsave', S.CR4_OSXSAVE],
  ['smep', S.CR4_SMEP],
  ['smap', S.CR4_SMAP],
];
const EFER_BY_FEATURE: readonly [Feature, number][] = [
  ['syscall', S.EFER_SCE],
  ['lm', S.EFER_LME | S.EFER_LMA],
  ['nx', S.EFER_NXE],
];
const bitsOf = (features: ReadonlySet<Feature>, table: readonly [Feature, number][]): number =>
  table.reduce((bits, [feature, mask]) => (features.has(feature) ? bits | mask : bits), 0);

export const cr4Offered = (features: ReadonlySet<Feature>): number => CR4_ALWAYS | bitsOf(features, CR4_BY_FEATURE);
export const eferOffered = (features: ReadonlySet<Feature>): number => bitsOf(features, EFER_BY_FEATURE);

// -- paging --------------------------------------------------------------------------------------------------------
/** Bits whose change makes other translations of the same tables, or other page-directory pointers. */
const CR0_TRANSLATES = S.CR0_PG | S.CR0_WP;
const CR4_TRANSLATES = S.CR4_PSE | S.CR4_PAE | S.CR4_PGE | S.CR4_LA57 | S.CR4_PCIDE | S.CR4_SMEP | S.CR4_SMAP;
const CR0_LOADS_PDPTES = S.CR0_PG | S.CR0_CD | S.CR0_NW;
const CR4_LOADS_PDPTES = S.CR4_PAE | S.CR4_PGE | S.CR4_PSE | S.CR4_SMEP;

const CR3_NO_FLUSH = 1n << 63n;
const CR3_PCID = 0xfffn;
const CR3_TABLE = (1n << BigInt(PHYSICAL_ADDRESS_BITS)) - 0x1000n;

/** What follows from control registers that KVM set. Bad page-directory pointers are as good as none, as in KVM. */
export function refreshPaging(cpu: Cpu): void {
  const s = cpu.state;
  usePaging(cpu, pdptesFor(cpu, s.cr0, s.cr4, s.get64(S.CR3)) ?? NO_PDPTES);
}

/** What is kept beside CR3: the root table's address, the PCID, and the page-directory pointers of PAE paging. */
function usePaging(cpu: Cpu, pdptes: readonly number[]): void {
  const s = cpu.state;
  const cr3 = s.get64(S.CR3);
  s.cr3Page = Number(cr3 & (s.longMode ? CR3_TABLE : 0xffff_f000n));
  s.pdptes.set(pdptes);
  cpu.tlb.select((s.cr4 & S.CR4_PCIDE) !== 0 ? Number(cr3 & CR3_PCID) : 0);
}

const NO_PDPTES: readonly number[] = [-1, -1, -1, -1];

/** In PAE mode outside long mode the four page-directory pointers are loaded with CR3; undefined with reserved bits: #GP. */
function pdptesFor(cpu: Cpu, cr0: number, cr4: number, cr3: bigint): readonly number[] | undefined {
  const pae = (cr0 & S.CR0_PG) !== 0 && (cr4 & S.CR4_PAE) !== 0 && (cpu.state.efer & S.EFER_LME) === 0;
  if (!pae) return NO_PDPTES;
  const table = Number(cr3 & 0xffff_ffe0n);
  const loaded: number[] = [];
  for (let i = 0; i < 4; i++) {
    const host = cpu.physical.host(table + i * 8);
    const low = host < 0 ? 0 : (cpu.physical.u32[host >> 2] ?? 0);
    const high = host < 0 ? 0 : (cpu.physical.u32[(host >> 2) + 1] ?? 0);
    const reserved = (low & 0x1e6) !== 0 || high >>> (PHYSICAL_ADDRESS_BITS - 32) !== 0;
    if ((low & 1) !== 0 && reserved) return undefined;
    loaded.push((low & 1) !== 0 ? high * 0x1_0000_0000 + ((low & 0xfffff000) >>> 0) : -1);
  }
  return loaded;
}

// -- CR0 -----------------------------------------------------------------------------------------------------------
/** No processor has this value in CR0. Used by MOV and by KVM_SET_SREGS. */
export function badCr0(value: bigint): boolean {
  if (value >> 32n !== 0n) return true;
  const v = Number(BigInt.asIntN(32, value));
  if ((v & S.CR0_PG) !== 0 && (v & S.CR0_PE) === 0) return true;
  return (v & S.CR0_NW) !== 0 && (v & S.CR0_CD) === 0;
}

/** The checks of entering IA-32e mode: [SDM] volume 3, 10.8.5. */
function mayEnterLongMode(cpu: Cpu): boolean {
  const s = cpu.state;
  const tss16 = (s.access(S.TR) & (S.AR_S | 0xd)) === 1;
  return (s.cr4 & S.CR4_PAE) !== 0 && (s.access(S.CS) & S.AR_L) === 0 && !tss16;
}

function setCr0(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  if (badCr0(value)) generalProtection();
  const v = (Number(BigInt.asIntN(32, value)) & CR0_DEFINED) | S.CR0_ET;
  const changed = v ^ s.cr0;
  const long = (v & S.CR0_PG) !== 0 && (s.efer & S.EFER_LME) !== 0;
  if ((changed & S.CR0_PG) !== 0) {
    if (long && !mayEnterLongMode(cpu)) generalProtection();
    if ((v & S.CR0_PG) === 0 && (s.code64 || (s.cr4 & S.CR4_PCIDE) !== 0)) generalProtection();
  }
  const loads = (changed & CR0_LOADS_PDPTES) !== 0;
  const pdptes = loads ? pdptesFor(cpu, v, s.cr4, s.get64(S.CR3)) : [...s.pdptes];
  if (!pdptes) generalProtection();
  s.set32(S.EFER, long ? s.efer | S.EFER_LMA : s.efer & ~S.EFER_LMA);
  s.set32(S.CR0, v);
  usePaging(cpu, pdptes);
  if ((changed & CR0_TRANSLATES) !== 0) cpu.flushTlb(true);
  cpu.updateMode();
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

// -- CR3, CR4, EFER ------------------------------------------------------------------------------------------------
export function setCr3(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  const pcide = (s.cr4 & S.CR4_PCIDE) !== 0;
  const keep = pcide && (value & CR3_NO_FLUSH) !== 0n;
  const cr3 = pcide ? value & ~CR3_NO_FLUSH : value;
  if (s.longMode && cr3 >> BigInt(PHYSICAL_ADDRESS_BITS) !== 0n) generalProtection();
  const pdptes = pdptesFor(cpu, s.cr0, s.cr4, cr3);
  if (!pdptes) generalProtection();
  s.set64(S.CR3, cr3);
  usePaging(cpu, pdptes);
  if (!keep) cpu.flushTlb(false);
  cpu.updateAccess();
}

function setCr4(cpu: Cpu, value: bigint): void {
  const s = cpu.state;
  if ((value & ~BigInt(cr4Offered(cpu.features))) !== 0n) generalProtection();
  const v = Number(value);
  const changed = v ^ s.cr4;
  if (s.longMode && ((v & S.CR4_PAE) === 0 || (changed & S.CR4_LA57) !== 0)) generalProtection();
  const setsPcide = (changed & v & S.CR4_PCIDE) !== 0;
  if (setsPcide && (!s.longMode || (s.get64(S.CR3) & CR3_PCID) !== 0n)) generalProtection();
  const loads = (changed & CR4_LOADS_PDPTES) !== 0;
  const pdptes = loads ? pdptesFor(cpu, s.cr0, v, s.get64(S.CR3)) : [...s.pdptes];
  if (!pdptes) generalProtection();
  s.set32(S.CR4, v);
  usePaging(cpu, pdptes);
  if ((changed & CR4_TRANSLATES) !== 0) cpu.flushTlb(true);
  cpu.updateMode();
}

/** WRMSR: LMA is the processor's own, and LME stays while paging is on. False: #GP. */
export function setEfer(cpu: Cpu, value: bigint): boolean {
  const s = cpu.state;
  if ((value & ~BigInt(eferOffered(cpu.features))) !== 0n) return false;
  const v = (Number(value) & ~S.EFER_LMA) | (s.efer & S.EFER_LMA);
  const changed = v ^ s.efer;
  if ((s.cr0 & S.CR0_PG) !== 0 && (changed & S.EFER_LME) !== 0) return false;
  s.set32(S.EFER, v);
  if ((changed & S.EFER_NXE) !== 0) cpu.flushTlb(true);
  return true;
}

// -- MOV -----------------------------------------------------------------------------------------------------------
const CONTROL_REGISTER_NUMBERS = new Set([0, 2, 3, 4, 8]);
/** The number of an operand's register: one that does not exist is #UD, even where #GP would follow. */
function accessible(cpu: Cpu, insn: Insn, operand: number): number {
  const n = registerOf(insn, operand);
  if (!CONTROL_REGISTER_NUMBERS.has(n)) undefinedOpcode();
  requireCpl0(cpu);
  return n;
}

function movFromControl(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const n = accessible(cpu, insn, 1);
  const values: Readonly<Record<number, () => bigint>> = {
    0: () => BigInt(s.cr0 >>> 0),
    2: () => s.get64(S.CR2),
    3: () => s.get64(S.CR3),
    4: () => BigInt(s.cr4 >>> 0),
    8: () => BigInt(cpu.host.getCr8()),
  };
  const value = values[n];
  if (!value) undefinedOpcode();
  write(cpu, insn, 0, value());
  return SYSTEM_NEXT;
}

function movToControl(cpu: Cpu, insn: Insn): number {
  const s = cpu.state;
  const n = accessible(cpu, insn, 0);
  const value = read(cpu, insn, 1);
  switch (n) {
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

export const CONTROL_REGISTERS = { movFromControl, movToControl, smsw, lmsw, clts } satisfies Record<string, SystemOp>;
