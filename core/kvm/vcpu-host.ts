/** What a vCPU's processor asks of the KVM around it: interrupt controllers, MSRs, CPUID, hypercalls, random numbers. */
import type { Cpu, CpuHost } from '../cpu/index.ts';
import type { CoalescedRing } from './coalesced-io.ts';
import { FpuErrorLine } from './fpu-error.ts';
import type { GuestMemory } from './guest-memory.ts';
import { hypercall } from './hypercalls.ts';
import type { Irqchip, Lapic } from './irqchip/irqchip.ts';
import type { VmMsrs } from './msrs.ts';
import type { RunPage } from './run-page.ts';
import type { VcpuVm } from './vcpu.ts';
import type { VcpuCpuid } from './vcpu-cpuid.ts';
import type { VcpuCounters } from './vcpu-stats.ts';

export interface HostedVcpu {
  readonly id: number;
  readonly vm: VcpuVm;
  readonly msrs: VmMsrs;
  readonly lapic: Lapic | undefined;
  readonly page: RunPage;
  readonly guest: GuestMemory;
  readonly ring: CoalescedRing;
  readonly counters: VcpuCounters;
  /** Made after its host. */
  cpu(): Cpu;
  cpuid(): VcpuCpuid;
}

export function cpuHost(vcpu: HostedVcpu): CpuHost {
  const { id, vm, msrs, lapic, page, guest, ring, counters } = vcpu;
  const random = new Uint32Array(2);
  const irqchip = (): Irqchip => vm.irqchip as Irqchip;
  const fpuError = vm.irqchip && new FpuErrorLine(vm.irqchip, vcpu.cpu);
  return {
    ...(fpuError && { fpuError: () => fpuError.raise() }),
    tsc: () => msrs.tsc(),
    tscOffset: () => msrs.tscOffset,
    nowNs: () => vm.options.thread.nowNs(),
    reclaim: () => vm.options.thread.reclaim?.(),
    claims: (gpa) => vm.irqchip?.mmio(gpa, id) ?? false,
    read: (gpa, size) => irqchip().mmioRead(id, gpa, size),
    write: (gpa, size, value) => irqchip().mmioWrite(id, gpa, size, value),
    claimsPort: (port) => fpuError?.claims(port) || (vm.irqchip?.pio(port) ?? false),
    readPort: (port, size) => (fpuError?.claims(port) ? 2 ** (size * 8) - 1 : irqchip().pioRead(port, size)),
    writePort: (port, size, value) =>
      fpuError?.claims(port) ? fpuError.write() : irqchip().pioWrite(port, size, value),
    post: (gpa, size, lo, hi) => ring.post(0, gpa, size, lo, hi),
    postPort: (port, size, value) => ring.post(1, port, size, value, 0),
    portData: page.portData,
    cpuid: (leaf, subleaf) => vcpu.cpuid().read(leaf, subleaf),
    readMsr: (index) => msrs.read(index),
    writeMsr: (index, value) => msrs.write(index, value),
    hypercall: (number, args) => {
      counters.hypercalls++;
      return hypercall(
        {
          kick: (apicId) => vm.vcpus.find((v) => v.id === apicId)?.unhalt(),
          tsc: () => msrs.tsc(),
          wallNowMs: () => vm.options.wall.nowMs(),
          writeGuest: (gpa, bytes) => guest.write(gpa, bytes),
        },
        number,
        args,
      );
    },
    random64: () => {
      crypto.getRandomValues(random);
      return (BigInt(random[1] ?? 0) << 32n) | BigInt(random[0] ?? 0);
    },
    getCr8: () => lapic?.cr8 ?? page.cr8,
    setCr8: (value) => {
      if (lapic) lapic.cr8 = value;
      page.cr8 = value;
    },
  };
}
