/**
 * The leaves of CPUID for a processor of a given identity and features.
 * [SDM] volume 2, CPUID; [APM] volume 3, appendix E; KVM's leaves: Documentation/virt/kvm/x86/cpuid.rst.
 *
 * Not described: threads and cores (every vCPU is a package of its own), caches of AMD's leaf 0x8000001d, counters.
 */
import { PHYSICAL_ADDRESS_BITS, XSTATE_AVX, XSTATE_SSE, XSTATE_X87, xsaveSize } from '../../cpu/index.ts';
import { KVM_CPUID_FLAG_SIGNIFCANT_INDEX, type KvmCpuidEntry2 } from '../api.ts';
import { CPUID_BITS, type CpuidRegisters, featureRegisters, KVM_CPUID_FEATURES } from './features.ts';

export interface CpuDescription {
  readonly vendor: 'GenuineIntel' | 'AuthenticAMD';
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** The name in leaves 0x80000002 to 0x80000004, 47 characters at most. */
  readonly brand: string;
  /** Highest basic leaf; features in higher ones raise it. */
  readonly level: number;
  /** Highest extended leaf, 0 for none; features in higher ones raise it. */
  readonly xlevel: number;
  /** By the names of CPUID_BITS. */
  readonly features: ReadonlySet<string>;
}

/** The time stamp counter and the APIC timer count ns. */
const TSC_HZ = 1_000_000_000;
const KVM_SIGNATURE = 0x4000_0000;
const EXTENDED = 0x8000_0000;
/** Bits of 1.EDX that AMD's processors repeat in 0x80000001.EDX. */
const AMD_REPEATS = 0x0183_f3ff;

export function cpuidEntries(cpu: CpuDescription): KvmCpuidEntry2[] {
  return [...basicLeaves(cpu), ...kvmLeaves(cpu), ...extendedLeaves(cpu)];
}

function entry(leaf: number, registers: Partial<CpuidRegisters> = {}, subleaf?: number): KvmCpuidEntry2 {
  const { eax = 0, ebx = 0, ecx = 0, edx = 0 } = registers;
  return {
    function: leaf,
    index: subleaf ?? 0,
    flags: subleaf === undefined ? 0 : KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
    eax: eax >>> 0,
    ebx: ebx >>> 0,
    ecx: ecx >>> 0,
    edx: edx >>> 0,
  };
}

/** Up to 4 characters as a register holds them. */
const word = (s: string): number => [...s].reduce((value, c, i) => value | (c.charCodeAt(0) << (i * 8)), 0) >>> 0;

function vendorWords(vendor: string): Omit<CpuidRegisters, 'eax'> {
  return { ebx: word(vendor.slice(0, 4)), edx: word(vendor.slice(4, 8)), ecx: word(vendor.slice(8, 12)) };
}

/** The model's own level, or the highest leaf from `base` up that a feature of it lies in. */
function highestLeaf({ features }: CpuDescription, own: number, base: number): number {
  const leaves = [...features].map((name) => CPUID_BITS.get(name)?.leaf ?? 0);
  return Math.max(own, ...leaves.filter((leaf) => leaf >= base && leaf <= base + 0xffff));
}

function basicLeaves(cpu: CpuDescription): KvmCpuidEntry2[] {
  const { features, vendor } = cpu;
  const intel = vendor === 'GenuineIntel';
  const highest = highestLeaf(cpu, Math.max(cpu.level, features.has('xsave') ? 0xd : 0), 0);
  const leaves = [
    entry(0, { eax: highest, ...vendorWords(vendor) }),
    entry(1, { ...featureRegisters(features, 1), eax: signature(cpu), ebx: processor(features) }),
    ...(intel ? [entry(2, { eax: 0x00ff_ff01 }), ...CACHES.map((cache, n) => cacheLeaf(cache, n))] : []),
    entry(5),
    entry(6, featureRegisters(features, 6)),
    entry(7, { ...featureRegisters(features, 7), eax: 1 }, 0),
    entry(7, featureRegisters(features, 7, 1), 1),
    entry(0xa),
    // one thread, one core: level types 1 (SMT) and 2 (core)
    entry(0xb, { ebx: 1, ecx: 0x100 }, 0),
    entry(0xb, { ebx: 1, ecx: 0x201 }, 1),
    ...(features.has('xsave') ? xsaveLeaves(features) : []),
    entry(0x15, { eax: 1, ebx: 1, ecx: TSC_HZ }),
    entry(0x16),
  ];
  return leaves.filter((leaf) => leaf.function <= highest);
}

function signature({ family, model, stepping }: CpuDescription): number {
  const base = Math.min(family, 15);
  return ((family - base) << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 15) << 4) | stepping;
}

/** 1.EBX: one logical processor; what CLFLUSH flushes, in 8 bytes. */
function processor(features: ReadonlySet<string>): number {
  return (1 << 16) | (features.has('clflush') ? 8 << 8 : 0);
}

interface Cache {
  readonly level: number;
  /** 1: data, 2: instructions, 3: both. */
  readonly type: number;
  readonly ways: number;
  readonly sets: number;
}
const CACHE_LINE = 64;
const CACHES: readonly Cache[] = [
  { level: 1, type: 1, ways: 8, sets: 64 },
  { level: 1, type: 2, ways: 8, sets: 64 },
  { level: 2, type: 3, ways: 16, sets: 4096 },
];
const L1_KIB = 32;
const L2_KIB = 4096;

/** Leaf 2 says with its descriptor 0xff that this one describes the caches; type 0 ends the list. */
function cacheLeaf({ level, type, ways, sets }: Cache, subleaf: number): KvmCpuidEntry2 {
  const SELF_INITIALIZING = 1 << 8;
  const eax = type | (level << 5) | SELF_INITIALIZING;
  return entry(4, { eax, ebx: ((ways - 1) << 22) | (CACHE_LINE - 1), ecx: sets - 1 }, subleaf);
}

const AVX_COMPONENT = Math.log2(XSTATE_AVX);

function xsaveLeaves(features: ReadonlySet<string>): KvmCpuidEntry2[] {
  const avx = features.has('avx');
  const legacy = XSTATE_X87 | XSTATE_SSE;
  const xcr0 = legacy | (avx ? XSTATE_AVX : 0);
  const offset = xsaveSize(legacy);
  return [
    entry(0xd, { eax: xcr0, ebx: xsaveSize(XSTATE_X87), ecx: xsaveSize(xcr0) }, 0),
    entry(0xd, featureRegisters(features, 0xd, 1), 1),
    ...(avx ? [entry(0xd, { eax: xsaveSize(xcr0) - offset, ebx: offset }, AVX_COMPONENT)] : []),
  ];
}

function kvmLeaves({ features }: CpuDescription): KvmCpuidEntry2[] {
  const [ebx, ecx, edx] = [word('KVMK'), word('VMKV'), word('M')];
  return [
    entry(KVM_SIGNATURE, { eax: KVM_CPUID_FEATURES, ebx, ecx, edx }),
    entry(KVM_CPUID_FEATURES, featureRegisters(features, KVM_CPUID_FEATURES)),
  ];
}

function extendedLeaves(cpu: CpuDescription): KvmCpuidEntry2[] {
  const { features, vendor } = cpu;
  const amd = vendor === 'AuthenticAMD';
  const highest = highestLeaf(cpu, cpu.xlevel, EXTENDED);
  if (highest < EXTENDED) return [];
  const extended = featureRegisters(features, EXTENDED + 1);
  const repeated = amd ? featureRegisters(features, 1).edx & AMD_REPEATS : 0;
  const linearBits = features.has('la57') ? 57 : features.has('lm') ? 48 : 32;
  const l2 = (L2_KIB << 16) | (8 << 12) | CACHE_LINE; // 8: 16 ways
  const l1 = (L1_KIB << 24) | (8 << 16) | (1 << 8) | CACHE_LINE;
  const leaves = [
    entry(EXTENDED, { eax: highest, ...(amd ? vendorWords(vendor) : {}) }),
    entry(EXTENDED + 1, { ...extended, eax: amd ? signature(cpu) : 0, edx: extended.edx | repeated }),
    ...[0, 1, 2].map((part) => brandLeaf(cpu.brand, part)),
    entry(EXTENDED + 5, amd ? { ecx: l1, edx: l1 } : {}),
    entry(EXTENDED + 6, { ecx: l2 }),
    entry(EXTENDED + 7, featureRegisters(features, EXTENDED + 7)),
    entry(EXTENDED + 8, {
      ...featureRegisters(features, EXTENDED + 8),
      eax: PHYSICAL_ADDRESS_BITS | (linearBits << 8),
    }),
  ];
  return leaves.filter((leaf) => leaf.function <= highest);
}

function brandLeaf(brand: string, part: number): KvmCpuidEntry2 {
  const chars = brand.padEnd(48, '\0').slice(part * 16, part * 16 + 16);
  const at = (i: number): number => word(chars.slice(i * 4, i * 4 + 4));
  return entry(EXTENDED + 2 + part, { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) });
}
