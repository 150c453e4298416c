/** The hypervisor's door: everything above imports the KVM boundary from here. */
import type { KvmSystem } from './api.ts';
import { EmulatedKvm } from './system.ts';

export * from './api.ts';

/** Opens the emulated /dev/kvm. */
export function openKvm(): KvmSystem {
  return new EmulatedKvm();
}
