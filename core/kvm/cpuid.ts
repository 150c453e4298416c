/**
 * KVM_GET_SUPPORTED_CPUID of the emulated processor: what it can do, and nothing else.
 *
 * Family 6 model 28 is Intel's first Atom, a processor that executes in order and does not speculate. Nor does this one,
 * and kernels that know it by that model leave out what they do against speculation (docs/adr/0003).
 * [SDM] volume 2, CPUID; KVM's leaves: Documentation/virt/kvm/x86/cpuid.rst.
 */
import type { Feature } from '../cpu/index.ts';
import { KVM_CPUID_FLAG_SIGNIFCANT_INDEX, type KvmCpuidEntry2 } from './api.ts';

const bits = (...numbers: number[]): number => numbers.reduce((v, n) => (v | (1 << n)) >>> 0, 0);
const text = (s: string): number =>
  s.charCodeAt(0) | (s.charCodeAt(1) << 8) | (s.charCodeAt(2) << 16) | (s.charCodeAt(3) << 24);

const SIGNATURE = 0x000106ca; // family 6, model 28, stepping 10
const PHYSICAL_BITS = 40;
const LINEAR_BITS = 48;
const BRAND = 'Vivarium Virtual Processor';

/** leaf 1 ECX: SSE3 CX16 MOVBE POPCNT TSC-deadline RDRAND hypervisor */
const LEAF1_ECX = bits(0, 13, 22, 23, 24, 30, 31);
/** leaf 1 EDX: FPU DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 */
const LEAF1_EDX = bits(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26);
/** leaf 7 EBX: FSGSBASE, TSC_ADJUST, ERMS, RDSEED */
const LEAF7_EBX = bits(0, 1, 9, 18);
/** 0x80000001: LAHF in 64-bit mode, LZCNT; SYSCALL NX 1-GB pages RDTSCP long mode */
const EXT1_ECX = bits(0, 5);
const EXT1_EDX = bits(11, 20, 26, 27, 29);
/** KVM features: old and new kvmclock MSRs, no I/O delay needed, stable TSC */
const KVM_FEATURES = bits(0, 1, 3, 24);

/** Features of the instruction table that these leaves offer. */
export const FEATURES: ReadonlySet<Feature> = new Set<Feature>([
  'fpu',
  'cx8',
  'mmx',
  'fxsr',
  'sse',
  'sse2',
  'pni',
  'cx16',
  'movbe',
  'popcnt',
  'abm',
  'rdrand',
  'rdseed',
  'fsgsbase',
  'rdtscp',
  'clflush',
  'erms',
]);

function entry(leaf: number, eax = 0, ebx = 0, ecx = 0, edx = 0, index?: number): KvmCpuidEntry2 {
  return {
    function: leaf >>> 0,
    index: index ?? 0,
    flags: index === undefined ? 0 : KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
    eax: eax >>> 0,
    ebx: ebx >>> 0,
    ecx: ecx >>> 0,
    edx: edx >>> 0,
  };
}

function brandLeaf(n: number): KvmCpuidEntry2 {
  const part = BRAND.padEnd(48, '\0').slice(n * 16, n * 16 + 16);
  const word = (i: number): number => text(part.slice(i * 4));
  return entry(0x80000002 + n, word(0), word(1), word(2), word(3));
}

export function supportedCpuid(): KvmCpuidEntry2[] {
  return [
    entry(0, 7, text('Genu'), text('ntel'), text('ineI')),
    entry(1, SIGNATURE, (1 << 16) | (8 << 8), LEAF1_ECX, LEAF1_EDX), // one logical processor, 64-byte lines
    entry(2),
    entry(4, 0, 0, 0, 0, 0), // no caches are described
    entry(5),
    entry(6, bits(2)), // ARAT: the APIC timer runs always
    entry(7, 0, LEAF7_EBX, 0, 0, 0),
    entry(0x40000000, 0x40000001, text('KVMK'), text('VMKV'), text('M\0\0\0')),
    entry(0x40000001, KVM_FEATURES),
    entry(0x80000000, 0x80000008),
    entry(0x80000001, 0, 0, EXT1_ECX, EXT1_EDX),
    brandLeaf(0),
    brandLeaf(1),
    brandLeaf(2),
    entry(0x80000007, 0, 0, 0, bits(8)), // invariant TSC
    entry(0x80000008, PHYSICAL_BITS | (LINEAR_BITS << 8)),
  ];
}

const NOTHING = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/**
 * What the CPUID instruction answers by a vCPU's entries, as KVM does it: a leaf beyond its group's highest gives the
 * highest basic leaf, as on Intel's processors; another unknown leaf or subleaf gives zeros.
 */
export function readCpuid(
  entries: readonly KvmCpuidEntry2[],
  leaf: number,
  subleaf: number,
): { eax: number; ebx: number; ecx: number; edx: number } {
  const find = (f: number): KvmCpuidEntry2 | undefined =>
    entries.find((e) => e.function === f && ((e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) === 0 || e.index === subleaf));
  const exact = find(leaf);
  if (exact) return exact;
  const highestOf = (group: number): number => entries.find((e) => e.function === group)?.eax ?? 0;
  const beyond = leaf > highestOf((leaf & 0xf0000000) >>> 0);
  return (beyond ? find(highestOf(0)) : undefined) ?? NOTHING;
}
