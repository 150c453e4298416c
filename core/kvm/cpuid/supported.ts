/**
 * KVM_GET_SUPPORTED_CPUID of the emulated processor: what it can do, and nothing else.
 *
 * Family 6 model 28 is Intel's first Atom, a processor that executes in order and does not speculate. Nor does this one,
 * and kernels that know it by that model leave out what they do against speculation (docs/adr/0003).
 */
import type { KvmCpuidEntry2 } from '../api.ts';
import { featuresOf } from './features.ts';
import { type CpuDescription, cpuidEntries } from './leaves.ts';

const FEATURES = `
  fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss
  pni pclmuldq ssse3 fma cx16 pcid sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor
  arat fsgsbase tsc_adjust bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb sha-ni umip la57 rdpid fsrm
  xsaveopt xsavec xgetbv1 xsaves
  lahf_lm abm 3dnowprefetch syscall nx pdpe1gb rdtscp lm invtsc wbnoinvd
  kvmclock kvm-nopiodelay kvmclock2 kvm-steal-time kvm-pv-eoi kvm-pv-unhalt kvm-poll-control kvm-pv-sched-yield
  kvmclock-stable-bit`;

const PROCESSOR: CpuDescription = {
  vendor: 'GenuineIntel',
  family: 6,
  model: 28,
  stepping: 10,
  brand: 'Vivarium Virtual Processor',
  level: 0x16,
  xlevel: 0x8000_0008,
  features: new Set(FEATURES.trim().split(/\s+/)),
};

export function supportedCpuid(): KvmCpuidEntry2[] {
  return cpuidEntries(PROCESSOR);
}

/** Features of instructions and control bits that these leaves offer. */
export const SUPPORTED_FEATURES = featuresOf(supportedCpuid());
