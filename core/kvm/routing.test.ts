/** Interrupt routing: KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI, KVM_SET_BOOT_CPU_ID. */
import { describe, expect, it } from 'vitest';
import { hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const MSI_ADDRESS = 0xfee0_0000;
const line = (gsi: number, irqchip: number, pin: number): A.KvmIrqRoutingEntry => ({
  gsi,
  flags: 0,
  irqchip: { irqchip, pin },
});
const message = (gsi: number, data: number): A.KvmIrqRoutingEntry => ({
  gsi,
  flags: 0,
  msi: { addressLo: MSI_ADDRESS, addressHi: 0, data },
});

/** A guest that waits with interrupts on and its local APIC enabled. */
function waiting(): KvmRig {
  const rig = new KvmRig({ irqchip: true, pit: true });
  const lapic = rig.vcpu.getLapic();
  new DataView(lapic.buffer).setUint32(0xf0, 0x1ff, true);
  rig.vcpu.setLapic(lapic);
  return rig.start('protected', hex('again: sti ; hlt ; jmp again', 'fb f4 eb fc'));
}
/** Edge-triggered `vector` to the first local APIC at a pin of the IOAPIC, by its state. */
function program(rig: KvmRig, pin: number, vector: number): void {
  const state = rig.vm.getIrqchip(A.KVM_IRQCHIP_IOAPIC);
  new DataView(state.buffer).setBigUint64(8 + 24 + pin * 8, BigInt(vector), true);
  rig.vm.setIrqchip(A.KVM_IRQCHIP_IOAPIC, state);
}

describe('KVM_SET_GSI_ROUTING', () => {
  it('leads a GSI to another pin of the IOAPIC', () => {
    const rig = waiting();
    program(rig, 9, 0x49);
    rig.vm.setGsiRouting([line(40, A.KVM_IRQCHIP_IOAPIC, 9)]);
    rig.vm.irqLine({ irq: 40, level: 1 });
    expect(rig.exception().vector).toBe(0x49);
  });

  it('leads a GSI to a message, sent when the line rises', () => {
    const rig = waiting();
    rig.vm.setGsiRouting([message(30, 0x62)]);
    rig.vm.irqLine({ irq: 30, level: 0 });
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    rig.thread.signal = false;
    rig.vm.irqLine({ irq: 30, level: 1 });
    expect(rig.exception().vector).toBe(0x62);
  });

  it('replaces all routes', () => {
    const rig = waiting();
    program(rig, 5, 0x45);
    rig.vm.setGsiRouting([]);
    rig.vm.irqLine({ irq: 5, level: 1 });
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.vm.getIrqchip(A.KVM_IRQCHIP_PIC_MASTER)[8 + 1]).toBe(0); // IRR
  });

  it('may lead a GSI to a line of each chip', () => {
    const { vm } = waiting();
    vm.setGsiRouting([line(20, A.KVM_IRQCHIP_PIC_SLAVE, 3), line(20, A.KVM_IRQCHIP_IOAPIC, 20)]);
    const irr = () => vm.getIrqchip(A.KVM_IRQCHIP_PIC_SLAVE)[8 + 1];
    vm.irqLine({ irq: 20, level: 1 });
    expect(irr()).toBe(1 << 3);
  });

  it.each<[string, A.KvmIrqRoutingEntry[]]>([
    ['a GSI that is too great', [line(A.KVM_MAX_IRQ_ROUTES, A.KVM_IRQCHIP_IOAPIC, 0)]],
    ['a chip that does not exist', [line(1, 3, 0)]],
    ['a pin that the PIC does not have', [line(1, A.KVM_IRQCHIP_PIC_MASTER, 8)]],
    ['a pin that the IOAPIC does not have', [line(1, A.KVM_IRQCHIP_IOAPIC, 24)]],
    ['flags', [{ ...line(1, A.KVM_IRQCHIP_IOAPIC, 1), flags: 2 }]],
    ['two pins of one chip', [line(1, A.KVM_IRQCHIP_IOAPIC, 1), line(1, A.KVM_IRQCHIP_IOAPIC, 2)]],
    ['a message beside a line', [line(1, A.KVM_IRQCHIP_IOAPIC, 1), message(1, 0x40)]],
    ['more entries than there may be', Array(A.KVM_MAX_IRQ_ROUTES + 1).fill(message(1, 0x40))],
  ])('refuses %s, and keeps its routes', (_what, entries) => {
    const rig = waiting();
    program(rig, 20, 0x45);
    expect(() => rig.vm.setGsiRouting(entries)).toThrow(errno('EINVAL'));
    rig.vm.irqLine({ irq: 20, level: 1 });
    expect(rig.exception().vector).toBe(0x45);
  });

  it('needs an irqchip', () => {
    expect(() => new KvmRig().vm.setGsiRouting([])).toThrow(errno('EINVAL'));
  });
});

describe('KVM_SIGNAL_MSI', () => {
  const msi = { addressLo: MSI_ADDRESS, addressHi: 0, data: 0x52, flags: 0 };

  it('delivers a message, and says whether an APIC took it', () => {
    const rig = waiting();
    expect(rig.vm.signalMsi(msi)).toBe(true);
    expect(rig.exception().vector).toBe(0x52);
    expect(rig.vm.signalMsi({ ...msi, addressLo: MSI_ADDRESS | (7 << 12) })).toBe(false);
    expect(rig.vm.signalMsi({ ...msi, addressLo: 0x1000 })).toBe(false);
  });

  it('refuses flags, and needs an irqchip', () => {
    expect(() => waiting().vm.signalMsi({ ...msi, flags: 2 })).toThrow(errno('EINVAL'));
    expect(() => new KvmRig().vm.signalMsi(msi)).toThrow(errno('EINVAL'));
  });
});

describe('KVM_SET_BOOT_CPU_ID', () => {
  it('decides which vCPU waits for nobody, before there are vCPUs', () => {
    const { system, thread } = new KvmRig();
    const vm = system.createVm({ userMemoryBytes: 0x1000, thread, wall: { nowMs: () => 0 } });
    vm.setBootCpuId(1);
    vm.createIrqchip();
    const vcpu = vm.createVcpu(0);
    expect(vcpu.getMpState()).toBe(A.KVM_MP_STATE_UNINITIALIZED);
    expect(vcpu.getSregs().apicBase & 0x100n).toBe(0n);
    expect(() => vm.setBootCpuId(0)).toThrow(errno('EBUSY'));
  });
});
