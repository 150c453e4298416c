/** The first fd level: /dev/kvm itself. */
import { describe, expect, it } from 'vitest';
import * as A from './api.ts';
import { openKvm } from './index.ts';

const options = {
  userMemoryBytes: 0x20_0000,
  thread: { nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: Number.POSITIVE_INFINITY },
  wall: { nowMs: () => 0 },
};
const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });

describe('/dev/kvm', () => {
  it('is version 12 of the interface, with a run page of two pages', () => {
    const kvm = openKvm();
    expect(kvm.getApiVersion()).toBe(12);
    expect(kvm.getVcpuMmapSize()).toBe(A.RUN_MMAP_SIZE);
  });

  it('has the extensions that a PC needs, and answers 0 for one it does not know', () => {
    const kvm = openKvm();
    for (const cap of [
      A.KVM_CAP_IRQCHIP,
      A.KVM_CAP_USER_MEMORY,
      A.KVM_CAP_PIT2,
      A.KVM_CAP_MP_STATE,
      A.KVM_CAP_IMMEDIATE_EXIT,
    ])
      expect(kvm.checkExtension(cap)).toBe(1);
    expect(kvm.checkExtension(A.KVM_CAP_NR_MEMSLOTS)).toBeGreaterThanOrEqual(32);
    expect(kvm.checkExtension(54_321)).toBe(0);
  });

  it('lists MSRs each of which a vCPU can read', () => {
    const kvm = openKvm();
    const vm = kvm.createVm(options);
    vm.createIrqchip();
    const indices = kvm.getMsrIndexList();
    expect(new Set(indices).size).toBe(indices.length);
    expect(indices).toEqual(expect.arrayContaining([0x10, 0x1b, 0x3b, 0xc000_0080]));
    expect(
      vm
        .createVcpu(0)
        .getMsrs(indices)
        .map((e) => e.index),
    ).toEqual(indices);
  });

  it('reads feature MSRs itself, up to the first that is none', () => {
    const kvm = openKvm();
    const features = kvm.getMsrFeatureIndexList();
    expect(features).toContain(0x8b);
    expect(kvm.getMsrs(features).map((e) => e.index)).toEqual(features);
    expect(kvm.getMsrs([0x8b, 0x10, 0x8b])).toEqual([{ index: 0x8b, data: 0x1_0000_0000n }]);
  });

  it('emulates no feature beside those that CPUID can offer', () => {
    const kvm = openKvm();
    const registers = kvm.getEmulatedCpuid(8).flatMap((e) => [e.eax, e.ebx, e.ecx, e.edx]);
    expect(registers.every((r) => r === 0)).toBe(true);
    expect(() => kvm.getEmulatedCpuid(0)).toThrow(errno('E2BIG'));
  });

  it('wants room for all of its CPUID leaves', () => {
    const kvm = openKvm();
    const all = kvm.getSupportedCpuid(100);
    expect(all.find((e) => e.function === 0)?.eax).toBeGreaterThanOrEqual(1);
    expect(all.find((e) => e.function === 1)?.flags).toBe(0);
    expect(all.find((e) => e.function === 7)?.flags).toBe(A.KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    expect(kvm.getSupportedCpuid(all.length)).toEqual(all);
    expect(() => kvm.getSupportedCpuid(all.length - 1)).toThrow(errno('E2BIG'));
    expect(() => kvm.getSupportedCpuid(0)).toThrow(errno('E2BIG'));
  });

  it('refuses a VM whose memory does not fit', () => {
    expect(() => openKvm().createVm({ ...options, userMemoryBytes: 5 * 2 ** 30 })).toThrow(errno('ENOMEM'));
  });

  it('is a bad file descriptor once it is closed, for every call; its VMs live on', () => {
    const kvm = openKvm();
    const vm = kvm.createVm(options);
    kvm.close();
    const calls: (() => unknown)[] = [
      () => kvm.getApiVersion(),
      () => kvm.checkExtension(0),
      () => kvm.getVcpuMmapSize(),
      () => kvm.getMsrIndexList(),
      () => kvm.getMsrFeatureIndexList(),
      () => kvm.getMsrs([]),
      () => kvm.getEmulatedCpuid(1),
      () => kvm.getSupportedCpuid(100),
      () => kvm.createVm(options),
      () => kvm.close(),
    ];
    for (const call of calls) expect(call).toThrow(errno('EBADF'));
    expect(vm.checkExtension(A.KVM_CAP_IRQCHIP)).toBe(1);
  });
});
