/**
 * The architectural state of a vCPU and of the in-kernel interrupt controllers, read and written back as one. KVM has
 * no reset ioctl: a reset puts back the state that was there when the vCPU had just been created.
 */
import {
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  type KvmDebugRegs,
  type KvmMsrEntry,
  type KvmRegs,
  type KvmSregs,
  type KvmVcpu,
  type KvmVcpuEvents,
  type KvmVm,
  type KvmXcrs,
} from '../kvm/api.ts';

export interface VcpuState {
  readonly regs: KvmRegs;
  readonly sregs: KvmSregs;
  /** x87, SSE and AVX state, as KVM_GET_XSAVE2 has it. */
  readonly xsave: Uint8Array;
  readonly xcrs: KvmXcrs;
  readonly debugRegs: KvmDebugRegs;
  readonly msrs: readonly KvmMsrEntry[];
  readonly lapic: Uint8Array;
  readonly mpState: number;
  readonly events: KvmVcpuEvents;
}

export function getVcpuState(vcpu: KvmVcpu, msrIndices: readonly number[]): VcpuState {
  return {
    regs: vcpu.getRegs(),
    sregs: vcpu.getSregs(),
    xsave: vcpu.getXsave2(),
    xcrs: vcpu.getXcrs(),
    debugRegs: vcpu.getDebugRegs(),
    msrs: msrIndices.flatMap((index) => vcpu.getMsrs([index])), // singly: a list ends at the first one refused
    lapic: vcpu.getLapic(),
    mpState: vcpu.getMpState(),
    events: vcpu.getVcpuEvents(),
  };
}

/** SREGS before LAPIC and MSRs: APIC_BASE and EFER are in both, and decide what the others may be. */
export function setVcpuState(vcpu: KvmVcpu, state: VcpuState): void {
  vcpu.setSregs(state.sregs);
  vcpu.setRegs(state.regs);
  vcpu.setXcrs(state.xcrs);
  vcpu.setXsave(state.xsave);
  vcpu.setDebugRegs(state.debugRegs);
  vcpu.setLapic(state.lapic);
  for (const msr of state.msrs) vcpu.setMsrs([msr]); // read-only ones are refused, and have not changed
  vcpu.setMpState(state.mpState);
  vcpu.setVcpuEvents(state.events);
}

export interface IrqchipState {
  readonly chips: readonly { readonly chipId: number; readonly state: Uint8Array }[];
  readonly pit: Uint8Array;
}

export function getIrqchipState(vm: KvmVm): IrqchipState {
  const chips = [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC];
  return { chips: chips.map((chipId) => ({ chipId, state: vm.getIrqchip(chipId) })), pit: vm.getPit2() };
}

export function setIrqchipState(vm: KvmVm, state: IrqchipState): void {
  for (const { chipId, state: chip } of state.chips) vm.setIrqchip(chipId, chip);
  vm.setPit2(state.pit);
}
