/**
 * What CPUID tells this machine's guest: all that KVM supports, made this machine's own.
 *
 * Reference: [API] the kernel's Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID (what user space must edit).
 */
import { KVM_CAP_TSC_DEADLINE_TIMER, type KvmCpuidEntry2, KvmError, type KvmSystem } from '../kvm/api.ts';

const FIRST_CAPACITY = 64;
const LARGEST_CAPACITY = 4096;
const HYPERVISOR = 1 << 31; // 1.ECX
const TSC_DEADLINE = 1 << 24; // 1.ECX

/** The entries for the vCPU with this APIC id. */
export function guestCpuid(kvm: KvmSystem, apicId: number): KvmCpuidEntry2[] {
  const deadlineTimer = kvm.checkExtension(KVM_CAP_TSC_DEADLINE_TIMER) > 0;
  return supportedCpuid(kvm).map((entry) => {
    if (entry.function === 1) {
      const ecx = entry.ecx | HYPERVISOR | (deadlineTimer ? TSC_DEADLINE : 0);
      const ebx = (entry.ebx & 0x0000_ffff) | (1 << 16) | (apicId << 24); // one logical processor in the package
      return { ...entry, ebx: ebx >>> 0, ecx: ecx >>> 0 };
    }
    if (entry.function === 0xb || entry.function === 0x1f) return { ...entry, edx: apicId };
    return entry;
  });
}

function supportedCpuid(kvm: KvmSystem): KvmCpuidEntry2[] {
  for (let capacity = FIRST_CAPACITY; ; capacity *= 2) {
    try {
      return kvm.getSupportedCpuid(capacity);
    } catch (error) {
      if (!(error instanceof KvmError) || error.errno !== 'E2BIG' || capacity >= LARGEST_CAPACITY) throw error;
    }
  }
}
