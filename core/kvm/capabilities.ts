/** What KVM_CHECK_EXTENSION answers; an unknown capability is 0. */
import * as A from './api.ts';
import { MAX_SLOTS } from './slots.ts';
import { CLOCK_FLAGS } from './vm-clock.ts';

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
  [A.KVM_CAP_COALESCED_MMIO, A.KVM_COALESCED_MMIO_PAGE_OFFSET],
  [A.KVM_CAP_SET_GUEST_DEBUG, 1],
  [A.KVM_CAP_X86_SMM, 1],
  [A.KVM_CAP_MULTI_ADDRESS_SPACE, 2],
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
  [A.KVM_CAP_USER_NMI, 1],
  [A.KVM_CAP_IRQ_ROUTING, A.KVM_MAX_IRQ_ROUTES],
  [A.KVM_CAP_SET_BOOT_CPU_ID, 1],
  [A.KVM_CAP_ADJUST_CLOCK, CLOCK_FLAGS],
  [A.KVM_CAP_DEBUGREGS, 1],
  [A.KVM_CAP_XSAVE, 1],
  [A.KVM_CAP_XCRS, 1],
  [A.KVM_CAP_XSAVE2, A.KVM_XSAVE_SIZE],
  [A.KVM_CAP_SREGS2, 1],
  [A.KVM_CAP_BINARY_STATS_FD, 1],
  [A.KVM_CAP_TSC_CONTROL, 1],
  [A.KVM_CAP_SYNC_REGS, A.KVM_SYNC_X86_VALID_FIELDS],
  [A.KVM_CAP_KVMCLOCK_CTRL, 1],
  [A.KVM_CAP_SIGNAL_MSI, 1],
  [A.KVM_CAP_EXT_EMUL_CPUID, 1],
  [A.KVM_CAP_ENABLE_CAP_VM, 1],
  [A.KVM_CAP_GET_MSR_FEATURES, 1],
  [A.KVM_CAP_COALESCED_PIO, 1],
  [A.KVM_CAP_EXCEPTION_PAYLOAD, 1],
  [A.KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1],
]);

export function checkExtension(cap: number): number {
  return CAPABILITIES.get(cap) ?? 0;
}

/** Capabilities of a VM that wait for KVM_ENABLE_CAP, because they change what other calls mean. */
export class EnabledCapabilities {
  exceptionPayload = false;
  tripleFaultEvent = false;

  enable({ cap, flags, args }: A.KvmEnableCap): void {
    const bad = (): never => {
      throw new A.KvmError('KVM_ENABLE_CAP', 'EINVAL', `capability ${cap}, flags ${flags}`);
    };
    if (flags !== 0) bad();
    const on = (args[0] ?? 0n) !== 0n;
    if (cap === A.KVM_CAP_EXCEPTION_PAYLOAD) this.exceptionPayload = on;
    else if (cap === A.KVM_CAP_X86_TRIPLE_FAULT_EVENT) this.tripleFaultEvent = on;
    else bad();
  }
}
