import { afterEach, describe, expect, it } from 'vitest';
import { KvmRig } from '../../testing/kvm-rig.ts';
import * as kvm from '../api.ts';
import { openHostKvm } from './index.ts';

function hostKvmProblem(): string | undefined {
  try {
    openHostKvm().close();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
const problem = hostKvmProblem();

class TestThread implements kvm.VcpuThread {
  signal = false;
  alarmNs = Number.POSITIVE_INFINITY;
  nowNs = (): number => performance.now() * 1e6;
  signalPending = (): boolean => this.signal || this.nowNs() >= this.alarmNs;
  sleepUntil(): void {}
}

const RAM_SIZE = 0x10000;
const CODE = 0x1000;
let opened: { close(): void }[] = [];

/** A vCPU in real mode at `code`, in 64 KiB of RAM with a dirty log. */
function boot(code: readonly number[], irqchip = false) {
  const system = openHostKvm();
  const thread = new TestThread();
  const vm = system.createVm({ userMemoryBytes: RAM_SIZE, thread, wall: { nowMs: () => 0 } });
  opened = [vm, system];
  vm.setTssAddr(0xfeff_d000);
  vm.setIdentityMapAddr(0xfeff_c000);
  if (irqchip) {
    vm.createIrqchip();
    vm.createPit2({ flags: 1 });
  }
  const userspaceAddr = vm.mmap(RAM_SIZE);
  const slot = { slot: 0, flags: kvm.KVM_MEM_LOG_DIRTY_PAGES, guestPhysAddr: 0, memorySize: RAM_SIZE, userspaceAddr };
  vm.setUserMemoryRegion(slot);
  const memory = new Uint8Array(vm.memory);
  memory.set(code, userspaceAddr + CODE);
  const vcpu = vm.createVcpu(0);
  const sregs = vcpu.getSregs();
  vcpu.setSregs({ ...sregs, cs: { ...sregs.cs, base: 0n, selector: 0 } });
  vcpu.setRegs({ ...vcpu.getRegs(), rip: BigInt(CODE), rflags: 2n });
  const reason = (): number => vcpu.run.getUint32(kvm.RUN_EXIT_REASON, true);
  return { system, thread, vm, vcpu, memory, reason };
}

afterEach(() => {
  for (const descriptor of opened.splice(0)) descriptor.close();
});

if (problem !== undefined) it.skip(`/dev/kvm: skipped: ${problem}`, () => {});
describe.skipIf(problem !== undefined)('/dev/kvm of the host', () => {
  it('is of the API version that everyone knows, and names its limits', () => {
    const { system } = boot([]);
    expect(system.getApiVersion()).toBe(kvm.KVM_API_VERSION);
    expect(system.checkExtension(kvm.KVM_CAP_USER_MEMORY)).toBe(1);
    expect(system.getMsrIndexList()).toContain(0x10);
  });

  it('fails with the errno of the kernel', () => {
    const { system, vm } = boot([]);
    expect(() => system.getSupportedCpuid(1)).toThrow(expect.objectContaining({ errno: 'E2BIG' }));
    expect(() => vm.createVcpu(0)).toThrow(expect.objectContaining({ errno: 'EEXIST', ioctl: 'KVM_CREATE_VCPU' }));
    expect(() => vm.mmap(1)).toThrow(expect.objectContaining({ errno: 'ENOMEM' }));
  });

  it('runs guest code in our shared memory and exits for ports, both ways', () => {
    // mov dx, 0x3f8; mov al, 'A'; out dx, al; in al, dx; mov [0x2000], al; hlt
    const { vcpu, memory, reason } = boot([0xba, 0xf8, 3, 0xb0, 0x41, 0xee, 0xec, 0xa2, 0, 0x20, 0xf4]);
    vcpu.kvmRun();
    expect(reason()).toBe(kvm.KVM_EXIT_IO);
    expect(vcpu.run.getUint8(kvm.RUN_IO_DIRECTION)).toBe(kvm.KVM_EXIT_IO_OUT);
    expect(vcpu.run.getUint16(kvm.RUN_IO_PORT, true)).toBe(0x3f8);
    const data = (): number => Number(vcpu.run.getBigUint64(kvm.RUN_IO_DATA_OFFSET, true));
    expect(vcpu.run.getUint8(data())).toBe(0x41);
    vcpu.kvmRun();
    expect(vcpu.run.getUint8(kvm.RUN_IO_DIRECTION)).toBe(kvm.KVM_EXIT_IO_IN);
    vcpu.run.setUint8(data(), 0x5a);
    vcpu.kvmRun();
    expect(reason()).toBe(kvm.KVM_EXIT_HLT);
    expect(memory[0x2000]).toBe(0x5a);
    const exits = kvm.readStats(vcpu.getStats()).find(({ name }) => name === 'exits');
    expect(exits?.values[0]).toBeGreaterThanOrEqual(3); // with those that the kernel answers
  });

  it('has the statistics that it keeps for everybody, with the types that our own have', () => {
    const { vm, vcpu } = boot([0xf4]);
    vcpu.kvmRun();
    const shape = ({ flags, exponent, bucketSize, values }: kvm.KvmStat) => [
      flags,
      exponent,
      bucketSize,
      values.length,
    ];
    const shapes = (file: Uint8Array) => new Map(kvm.readStats(file).map((stat) => [stat.name, shape(stat)]));
    const pairs = [
      [vcpu.getStats(), new KvmRig().vcpu.getStats()],
      [vm.getStats(), new KvmRig().vm.getStats()],
    ] as const;
    for (const [theirs, ours] of pairs) {
      const [known, own] = [shapes(theirs), shapes(ours)];
      const common = [...own.keys()].filter((name) => known.has(name));
      expect(common.length).toBeGreaterThan(1);
      for (const name of common) expect([name, own.get(name)]).toEqual([name, known.get(name)]);
    }
  });

  it('reports the pages that the guest wrote', () => {
    // mov [0x3000], al; hlt
    const { vm, vcpu } = boot([0xa2, 0x00, 0x30, 0xf4]);
    vcpu.kvmRun();
    expect((vm.getDirtyLog(0)[0] ?? 0) & 0x08).toBe(0x08);
    expect((vm.getDirtyLog(0)[0] ?? 0) & 0x08).toBe(0);
  });

  it('comes back from a busy guest for a signal, and at the alarm', () => {
    const { thread, vcpu } = boot([0xeb, 0xfe]); // jmp $
    thread.alarmNs = thread.nowNs() + 5e6;
    expect(() => vcpu.kvmRun()).toThrow(expect.objectContaining({ errno: 'EINTR' }));
    expect(thread.nowNs()).toBeGreaterThanOrEqual(thread.alarmNs);
    thread.alarmNs = Number.POSITIVE_INFINITY;
    thread.signal = true;
    expect(() => vcpu.kvmRun()).toThrow(expect.objectContaining({ errno: 'EINTR' }));
  });

  it('comes back from a guest that sleeps in HLT', () => {
    const { thread, vcpu } = boot([0xf4], true);
    thread.alarmNs = thread.nowNs() + 5e6;
    expect(() => vcpu.kvmRun()).toThrow(expect.objectContaining({ errno: 'EINTR' }));
  });

  it('completes an IN without going on when immediate_exit is set', () => {
    const { vcpu } = boot([0xba, 0xf8, 3, 0xec, 0xeb, 0xfe]); // mov dx, 0x3f8; in al, dx; jmp $
    vcpu.kvmRun();
    vcpu.run.setUint8(Number(vcpu.run.getBigUint64(kvm.RUN_IO_DATA_OFFSET, true)), 0x77);
    vcpu.run.setUint8(kvm.RUN_IMMEDIATE_EXIT, 1);
    expect(() => vcpu.kvmRun()).toThrow(expect.objectContaining({ errno: 'EINTR' }));
    expect(vcpu.getRegs().rax & 0xffn).toBe(0x77n);
    expect(vcpu.getRegs().rip).toBe(BigInt(CODE + 4));
  });

  it('gives back the state it was given', () => {
    const { vm, vcpu } = boot([], true);
    vcpu.setRegs({ ...vcpu.getRegs(), r12: 0x1234_5678_9abcn });
    expect(vcpu.getRegs().r12).toBe(0x1234_5678_9abcn);
    const fpu = { ...vcpu.getFpu(), fcw: 0x27f }; // the kernel leaves mxcsr out
    vcpu.setFpu(fpu);
    expect(vcpu.getFpu()).toMatchObject({ fcw: 0x27f });
    expect(vcpu.setMsrs([{ index: 0xc000_0081, data: 0x0023_0010_0000_0000n }])).toBe(1);
    expect(vcpu.getMsrs([0xc000_0081])).toEqual([{ index: 0xc000_0081, data: 0x0023_0010_0000_0000n }]);
    for (const chip of [kvm.KVM_IRQCHIP_PIC_MASTER, kvm.KVM_IRQCHIP_IOAPIC]) {
      const state = vm.getIrqchip(chip);
      vm.setIrqchip(chip, state);
      expect(vm.getIrqchip(chip)).toEqual(state);
    }
    expect(vm.getPit2()).toHaveLength(112);
    vcpu.setLapic(vcpu.getLapic());
    vcpu.setVcpuEvents(vcpu.getVcpuEvents());
    vcpu.setMpState(kvm.KVM_MP_STATE_HALTED);
    expect(vcpu.getMpState()).toBe(kvm.KVM_MP_STATE_HALTED);
  });

  it.each<[string, number, (b: ReturnType<typeof boot>) => void]>([
    [
      'XSAVE areas',
      kvm.KVM_CAP_XSAVE,
      ({ vcpu }) => {
        const area = vcpu.getXsave();
        area.set([0x7f, 2]); // FCW
        area[512] = (area[512] ?? 0) | 1;
        vcpu.setXsave(area);
        expect(vcpu.getFpu().fcw).toBe(0x27f);
      },
    ],
    ['extended control registers', kvm.KVM_CAP_XCRS, ({ vcpu }) => vcpu.setXcrs(vcpu.getXcrs())],
    [
      'debug registers',
      kvm.KVM_CAP_DEBUGREGS,
      ({ vcpu }) => {
        const regs = { db: [1n, 2n, 3n, 4n], dr6: 0xffff_0ff0n, dr7: 0x400n, flags: 0 };
        vcpu.setDebugRegs(regs);
        expect(vcpu.getDebugRegs()).toEqual(regs);
        expect(() => vcpu.setDebugRegs({ ...regs, flags: 1 })).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
      },
    ],
    [
      'special registers with page-directory pointers',
      kvm.KVM_CAP_SREGS2,
      ({ vcpu }) => {
        const sregs = { ...vcpu.getSregs2(), cr2: 0x1234n };
        vcpu.setSregs2(sregs);
        expect(vcpu.getSregs2()).toEqual(sregs);
      },
    ],
    [
      'the clock',
      kvm.KVM_CAP_ADJUST_CLOCK,
      ({ vm }) => {
        vm.setClock({ clock: 10n ** 15n, flags: 0, realtime: 0n, hostTsc: 0n });
        expect(vm.getClock().clock).toBeGreaterThanOrEqual(10n ** 15n);
      },
    ],
    [
      'routes and messages',
      kvm.KVM_CAP_IRQ_ROUTING,
      ({ vm }) => {
        vm.setGsiRouting([{ gsi: 4, flags: 0, irqchip: { irqchip: kvm.KVM_IRQCHIP_IOAPIC, pin: 4 } }]);
        const wrong = { gsi: 4, flags: 0, irqchip: { irqchip: kvm.KVM_IRQCHIP_IOAPIC, pin: 99 } };
        expect(() => vm.setGsiRouting([wrong])).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
      },
    ],
    [
      'feature MSRs',
      kvm.KVM_CAP_GET_MSR_FEATURES,
      ({ system }) => {
        const features = system.getMsrFeatureIndexList();
        expect(system.getMsrs(features.slice(0, 1)).map((e) => e.index)).toEqual(features.slice(0, 1));
      },
    ],
  ])('gives back %s, if it has them', (_what, cap, check) => {
    const booted = boot([], true);
    if (booted.system.checkExtension(cap) > 0) check(booted);
  });

  it('translates addresses without paging to themselves', () => {
    expect(boot([]).vcpu.translate(0x1234n)).toMatchObject({ physicalAddress: 0x1234n, valid: true });
  });
});
