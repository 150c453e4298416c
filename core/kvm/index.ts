/** The hypervisor's door: everything above imports the KVM boundary from here. */
import type { KvmSystem } from './api.ts';
import { EmulatedKvm } from './system.ts';

export * from './api.ts';
export {
  CPUID_BITS,
  type CpuDescription,
  cpuidEntries,
  featureNamesOf,
} from './cpuid/index.ts';

/** Opens the emulated /dev/kvm. */
export function openKvm(): KvmSystem {
  return new EmulatedKvm();
}
