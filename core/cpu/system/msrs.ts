/** Model-specific registers that the processor core holds itself, and RDMSR, WRMSR. [SDM] volume 4. */
import type { Cpu } from '../cpu.ts';
import type { Feature } from '../features.ts';
import * as S from '../state.ts';
import { setEfer } from './control-registers.ts';
import { isCanonicalBase } from './descriptors.ts';
import { generalProtection, requireCpl0, SYSTEM_NEXT, type SystemOp } from './operands.ts';

interface Msr {
  /** A guest has the register when the processor has one of these. */
  readonly features?: readonly Feature[];
  read(cpu: Cpu): bigint;
  /** false: #GP */
  write(cpu: Cpu, value: bigint): boolean;
}

type Valid = (cpu: Cpu, value: bigint) => boolean;
const is32Bits: Valid = (_, v) => v >> 32n === 0n;

/** A word of the state. */
const word = (offset: number, valid: Valid = () => true): Msr => ({
  read: (cpu) => cpu.state.get64(offset),
  write: (cpu, v) => {
    if (!valid(cpu, v)) return false;
    cpu.state.set64(offset, v);
    return true;
  },
});
const segmentBase = (n: number): Msr => ({
  read: (cpu) => cpu.state.segBase(n),
  write: (cpu, v) => {
    if (!isCanonicalBase(cpu, v)) return false;
    cpu.state.setSegBase(n, v);
    return true;
  },
});
/** Reads as a constant; writes are dropped. */
const constant = (value: bigint): Msr => ({ read: () => value, write: () => true });

const PAT_TYPES = new Set([0, 1, 4, 5, 6, 7]);
const isPat: Valid = (_, v) => {
  for (let i = 0n; i < 64n; i += 8n) if (!PAT_TYPES.has(Number((v >> i) & 0xffn))) return false;
  return true;
};

const SEP: readonly Feature[] = ['sep'];
const SYSCALL: readonly Feature[] = ['syscall'];
const LONG: readonly Feature[] = ['lm'];

/** Fast strings; no branch trace store, no event-based sampling. */
const MISC_ENABLE = 0x1801n;

export const MSRS: ReadonlyMap<number, Msr> = new Map<number, Msr>([
  [0x174, { ...word(S.SYSENTER_CS), features: SEP }],
  [0x175, { ...word(S.SYSENTER_ESP, isCanonicalBase), features: SEP }],
  [0x176, { ...word(S.SYSENTER_EIP, isCanonicalBase), features: SEP }],
  [0x277, { ...word(S.PAT, isPat), features: ['pat'] }],
  [0xc0000080, { read: (cpu) => BigInt(cpu.state.efer >>> 0), write: setEfer, features: [...SYSCALL, ...LONG, 'nx'] }],
  [0xc0000081, { ...word(S.STAR), features: SYSCALL }],
  [0xc0000082, { ...word(S.LSTAR, isCanonicalBase), features: LONG }],
  [0xc0000083, { ...word(S.CSTAR, isCanonicalBase), features: LONG }],
  [0xc0000084, { ...word(S.FMASK, is32Bits), features: LONG }],
  [0xc0000100, { ...segmentBase(S.FS), features: LONG }],
  [0xc0000101, { ...segmentBase(S.GS), features: LONG }],
  [0xc0000102, { ...word(S.KERNEL_GS_BASE, isCanonicalBase), features: LONG }],
  [0xc0000103, { ...word(S.TSC_AUX, is32Bits), features: ['rdtscp', 'rdpid'] }],
  [0x1a0, constant(MISC_ENABLE)],
  [0x17, constant(0n)], // IA32_PLATFORM_ID
  [0x3a, constant(1n)], // IA32_FEATURE_CONTROL: locked
]);

/** The register as a guest sees it: undefined when its processor has none. */
function guestMsr(cpu: Cpu, index: number): Msr | 'host' | undefined {
  const own = MSRS.get(index);
  if (!own) return 'host';
  return own.features === undefined || own.features.some((f) => cpu.features.has(f)) ? own : undefined;
}

function rdmsr(cpu: Cpu): number {
  requireCpl0(cpu);
  const s = cpu.state;
  const index = s.gpr32(S.RCX);
  const msr = guestMsr(cpu, index);
  const value = msr === 'host' ? cpu.host.readMsr(index) : msr?.read(cpu);
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
  const msr = guestMsr(cpu, index);
  const written = msr === 'host' ? cpu.host.writeMsr(index, value) : (msr?.write(cpu, value) ?? false);
  if (!written) generalProtection();
  cpu.refreshTsc();
  return cpu.serialize();
}

export const MSR_INSTRUCTIONS = { rdmsr, wrmsr } satisfies Record<string, SystemOp>;
