/**
 * The bits of CPUID by libvirt's names for them (its cpu_map; bits that came later have the kernel's name). One row is
 * one register of one leaf, names from bit 0 up; `-` has no name there.
 * [SDM] volume 2, CPUID; [APM] volume 3, appendix E; KVM's leaf: Documentation/virt/kvm/x86/cpuid.rst.
 */
import { FEATURE_NAMES, type Feature } from '../../cpu/index.ts';
import type { KvmCpuidEntry2 } from '../api.ts';

export type CpuidRegisterName = 'eax' | 'ebx' | 'ecx' | 'edx';
export type CpuidRegisters = Record<CpuidRegisterName, number>;

export interface CpuidBit {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: CpuidRegisterName;
  readonly bit: number;
}

type Row = readonly [leaf: number, subleaf: number, register: CpuidRegisterName, names: string];

/** KVM's features, leaf 0x40000001. */
export const KVM_CPUID_FEATURES = 0x4000_0001;

const ROWS: readonly Row[] = [
  [
    1,
    0,
    'edx',
    'fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe',
  ],
  [
    1,
    0,
    'ecx',
    'pni pclmuldq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor',
  ],
  [6, 0, 'eax', '- - arat'],
  [
    7,
    0,
    'ebx',
    'fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cmt - mpx - avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl',
  ],
  [
    7,
    0,
    'ecx',
    'prefetchwt1 avx512vbmi umip pku ospke waitpkg avx512vbmi2 shstk gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks',
  ],
  [
    7,
    0,
    'edx',
    '- - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - md-clear - - - serialize - tsx-ldtrk - pconfig arch-lbr ibt - amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp flush-l1d arch-capabilities core-capability ssbd',
  ],
  [7, 1, 'eax', '- - - - avx-vnni avx512-bf16 - - - - fzrm fsrs fsrc'],
  [0xd, 1, 'eax', 'xsaveopt xsavec xgetbv1 xsaves'],
  [
    0x8000_0001,
    0,
    'ecx',
    'lahf_lm cmp_legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb',
  ],
  [
    0x8000_0001,
    0,
    'edx',
    '- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow',
  ],
  [0x8000_0007, 0, 'edx', '- - - - - - - - invtsc'],
  [
    0x8000_0008,
    0,
    'ebx',
    'clzero - xsaveerptr - - - - - - wbnoinvd - - ibpb - ibrs amd-stibp - - - - - - - - amd-ssbd virt-ssbd amd-no-ssb',
  ],
  [
    KVM_CPUID_FEATURES,
    0,
    'eax',
    'kvmclock kvm-nopiodelay kvm-mmu kvmclock2 kvm-asyncpf kvm-steal-time kvm-pv-eoi kvm-pv-unhalt - kvm-pv-tlb-flush kvm-asyncpf-vmexit kvm-pv-ipi kvm-poll-control kvm-pv-sched-yield kvm-asyncpf-int kvm-msi-ext-dest-id - - - - - - - - kvmclock-stable-bit',
  ],
  [KVM_CPUID_FEATURES, 0, 'edx', 'kvm-hint-dedicated'],
];

export const CPUID_BITS: ReadonlyMap<string, CpuidBit> = new Map(
  ROWS.flatMap(([leaf, subleaf, register, names]) =>
    names.split(' ').flatMap((name, bit) => (name === '-' ? [] : [[name, { leaf, subleaf, register, bit }] as const])),
  ),
);

/** The registers of one leaf with the bits of these features set. */
export function featureRegisters(features: Iterable<string>, leaf: number, subleaf = 0): CpuidRegisters {
  const registers: CpuidRegisters = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  for (const name of features) {
    const at = CPUID_BITS.get(name);
    if (at?.leaf === leaf && at.subleaf === subleaf)
      registers[at.register] = (registers[at.register] | (1 << at.bit)) >>> 0;
  }
  return registers;
}

/** Every feature that these leaves name. */
export function featureNamesOf(entries: readonly KvmCpuidEntry2[]): ReadonlySet<string> {
  const has = ({ leaf, subleaf, register, bit }: CpuidBit): boolean => {
    const entry = entries.find((e) => e.function === leaf && e.index === subleaf);
    return entry !== undefined && ((entry[register] >>> bit) & 1) !== 0;
  };
  return new Set([...CPUID_BITS].filter(([, bit]) => has(bit)).map(([name]) => name));
}

/** What a vCPU with these leaves can do: its instructions and control bits. */
export function featuresOf(entries: readonly KvmCpuidEntry2[]): ReadonlySet<Feature> {
  const names = featureNamesOf(entries);
  return new Set(FEATURE_NAMES.filter((name) => names.has(name)));
}
