/** The second fd level: a VM. Memory slots and the dirty log are in slots.test.ts. */
import { describe, expect, it } from 'vitest';
import { KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const bare = () =>
  new KvmRig().system.createVm({ userMemoryBytes: 0x20_0000, thread: new KvmRig().thread, wall: { nowMs: () => 0 } });

describe('a VM', () => {
  it('gives zeroed pages until its memory is used up', () => {
    const vm = bare();
    const a = vm.mmap(1);
    const b = vm.mmap(0x1f_f000);
    expect([a % 4096, b - a]).toEqual([0, 4096]);
    expect(new Uint8Array(vm.memory, b, 4096).every((x) => x === 0)).toBe(true);
    expect(() => vm.mmap(1)).toThrow(errno('ENOMEM'));
    expect(() => bare().mmap(0)).toThrow(errno('ENOMEM'));
    expect(() => bare().mmap(-4096)).toThrow(errno('ENOMEM'));
  });

  it('makes one vCPU of each id below the limit', () => {
    const vm = bare();
    const most = vm.checkExtension(A.KVM_CAP_MAX_VCPUS);
    for (const id of [most, -1, 0.5, Number.NaN, 4096]) expect(() => vm.createVcpu(id)).toThrow(errno('EINVAL'));
    expect(vm.createVcpu(0).id).toBe(0);
    expect(() => vm.createVcpu(0)).toThrow(errno('EEXIST'));
  });

  it('keeps a vCPU id taken when its fd is closed', () => {
    const vm = bare();
    vm.createVcpu(0).close();
    expect(() => vm.createVcpu(0)).toThrow(errno('EEXIST'));
  });

  it('gets its irqchip once and before its vCPUs, and its PIT behind the irqchip', () => {
    const vm = bare();
    expect(() => vm.createPit2({ flags: 0 })).toThrow(errno('ENOENT'));
    vm.createIrqchip();
    expect(() => vm.createIrqchip()).toThrow(errno('EEXIST'));
    expect(() => vm.createPit2({ flags: 2 })).toThrow(errno('EINVAL'));
    vm.createPit2({ flags: 1 });
    expect(() => vm.createPit2({ flags: 1 })).toThrow(errno('EEXIST'));
    const late = bare();
    late.createVcpu(0);
    expect(() => late.createIrqchip()).toThrow(errno('EINVAL'));
  });

  it('has no interrupt lines or chips without an irqchip', () => {
    const vm = bare();
    const calls: (() => unknown)[] = [
      () => vm.irqLine({ irq: 0, level: 1 }),
      () => vm.getIrqchip(0),
      () => vm.setIrqchip(0, new Uint8Array(520)),
      () => vm.getPit2(),
      () => vm.setPit2(new Uint8Array(112)),
    ];
    for (const call of calls) expect(call).toThrow(errno('ENXIO'));
    vm.createIrqchip();
    expect(() => vm.getPit2()).toThrow(errno('ENXIO'));
    expect(() => vm.getIrqchip(3)).toThrow(errno('EINVAL'));
    expect(() => vm.setIrqchip(0, new Uint8Array(3))).toThrow(errno('EINVAL'));
    for (const irq of [-1, A.KVM_MAX_IRQ_ROUTES]) expect(() => vm.irqLine({ irq, level: 1 })).toThrow(errno('EINVAL'));
    vm.irqLine({ irq: 24, level: 1 }); // no route: it leads nowhere
  });

  it('takes back the state of its chips', () => {
    const { vm } = new KvmRig({ irqchip: true, pit: true });
    vm.irqLine({ irq: 5, level: 1 });
    for (const chip of [A.KVM_IRQCHIP_PIC_MASTER, A.KVM_IRQCHIP_PIC_SLAVE, A.KVM_IRQCHIP_IOAPIC]) {
      const state = vm.getIrqchip(chip);
      expect(state).toHaveLength(520);
      vm.setIrqchip(chip, state);
      expect(vm.getIrqchip(chip)).toEqual(state);
    }
    const pit = vm.getPit2();
    expect(pit).toHaveLength(112);
    vm.setPit2(pit);
    expect(vm.getPit2()).toEqual(pit);
  });

  it('takes a TSS address below 4 GiB, and an identity map before vCPUs', () => {
    const vm = bare();
    vm.setTssAddr(0xfffb_d000);
    expect(() => vm.setTssAddr(0xffff_e000)).toThrow(errno('EINVAL'));
    vm.setIdentityMapAddr(0xfffb_c000);
    vm.createVcpu(0);
    expect(() => vm.setIdentityMapAddr(0xfffb_c000)).toThrow(errno('EINVAL'));
  });

  it('is a bad file descriptor once it is closed, and so are its vCPUs', () => {
    const { vm, vcpu } = new KvmRig({ irqchip: true, pit: true });
    vm.close();
    const calls: (() => unknown)[] = [
      () => vm.mmap(4096),
      () => vm.checkExtension(0),
      () => vm.createVcpu(0),
      () => vm.createIrqchip(),
      () => vm.createPit2({ flags: 0 }),
      () => vm.setUserMemoryRegion({ slot: 0, flags: 0, guestPhysAddr: 0, memorySize: 0, userspaceAddr: 0 }),
      () => vm.setTssAddr(0),
      () => vm.setIdentityMapAddr(0),
      () => vm.irqLine({ irq: 0, level: 0 }),
      () => vm.getIrqchip(0),
      () => vm.setIrqchip(0, new Uint8Array(520)),
      () => vm.getPit2(),
      () => vm.setPit2(new Uint8Array(112)),
      () => vm.getDirtyLog(0),
      () => vm.setGsiRouting([]),
      () => vm.signalMsi({ addressLo: 0, addressHi: 0, data: 0, flags: 0 }),
      () => vm.getClock(),
      () => vm.setClock({ clock: 0n, flags: 0, realtime: 0n, hostTsc: 0n }),
      () => vm.enableCap({ cap: A.KVM_CAP_EXCEPTION_PAYLOAD, flags: 0, args: [] }),
      () => vm.setBootCpuId(0),
      () => vm.notifyWrite(0, 1),
      () => vm.close(),
      () => vcpu.kvmRun(),
      () => vcpu.getRegs(),
    ];
    for (const call of calls) expect(call).toThrow(errno('EBADF'));
  });
});
