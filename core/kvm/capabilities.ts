/** What KVM_CHECK_EXTENSION answers; an unknown capability is 0. */
import * as A from './api.ts';
import { MAX_SLOTS } from './slots.ts';

/** One vCPU a VM for now: others need a thread each. */
export const MAX_VCPUS = 1;

const CAPABILITIES: ReadonlyMap<number, number> = new Map([
  [A.KVM_CAP_IRQCHIP, 1],
  [A.KVM_CAP_HLT, 1],
  [A.KVM_CAP_USER_MEMORY, 1],
  [A.KVM_CAP_SET_TSS_ADDR, 1],
  [A.KVM_CAP_EXT_CPUID, 1],
  [A.KVM_CAP_CLOCKSOURCE, 1],
  [A.KVM_CAP_NR_VCPUS, MAX_VCPUS],
  [A.KVM_CAP_NR_MEMSLOTS, MAX_SLOTS],
  [A.KVM_CAP_PIT, 1],
  [A.KVM_CAP_MP_STATE, 1],
  [A.KVM_CAP_SET_GUEST_DEBUG, 1],
  [A.KVM_CAP_PIT2, 1],
  [A.KVM_CAP_PIT_STATE2, 1],
  [A.KVM_CAP_SET_IDENTITY_MAP_ADDR, 1],
  [A.KVM_CAP_VCPU_EVENTS, 1],
  [A.KVM_CAP_GET_TSC_KHZ, 1],
  [A.KVM_CAP_MAX_VCPUS, MAX_VCPUS],
  [A.KVM_CAP_TSC_DEADLINE_TIMER, 1],
  [A.KVM_CAP_READONLY_MEM, 1],
  [A.KVM_CAP_MAX_VCPU_ID, MAX_VCPUS],
  [A.KVM_CAP_IMMEDIATE_EXIT, 1],
]);

export function checkExtension(cap: number): number {
  return CAPABILITIES.get(cap) ?? 0;
}
