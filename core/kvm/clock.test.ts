/** Time: KVM_SET_TSC_KHZ, KVM_GET/SET_CLOCK, KVM_KVMCLOCK_CTRL, and what a guest sees of them. */
import { describe, expect, it } from 'vitest';
import { DATA, hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';
import { pvclockScale } from './kvmclock.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const MSR_TSC = 0x10;
const MSR_SYSTEM_TIME = 0x4b56_4d01;
const MSR_WALL_CLOCK = 0x4b56_4d00;
const MSR_TSC_DEADLINE = 0x6e0;
const SECOND = 1_000_000_000;

const tsc = (rig: KvmRig) => rig.vcpu.getMsrs([MSR_TSC])[0]?.data ?? 0n;
function enableClock(rig: KvmRig): void {
  rig.vcpu.setMsrs([{ index: MSR_SYSTEM_TIME, data: BigInt(DATA) | 1n }]);
}
/** struct pvclock_vcpu_time_info at DATA, and the time it tells at a TSC. */
function told(rig: KvmRig) {
  const { view } = rig;
  const [multiplier, shift] = [BigInt(view.getUint32(DATA + 24, true)), BigInt(view.getInt8(DATA + 28))];
  const systemTime = view.getBigUint64(DATA + 16, true);
  const since = view.getBigUint64(DATA + 8, true);
  return {
    systemTime,
    flags: view.getUint8(DATA + 29),
    at: (now: bigint): bigint => {
      const ticks = shift >= 0n ? (now - since) << shift : (now - since) >> -shift;
      return systemTime + ((ticks * multiplier) >> 32n);
    },
  };
}

describe('KVM_SET_TSC_KHZ', () => {
  it("makes the guest TSC run at another frequency; 0 is the host's", () => {
    const rig = new KvmRig();
    rig.vcpu.setTscKhz(2_500_000);
    expect(rig.vcpu.getTscKhz()).toBe(2_500_000);
    const before = tsc(rig);
    rig.thread.timeNs += 1000;
    expect(tsc(rig) - before).toBe(2500n);
    rig.vcpu.setTscKhz(0);
    expect(rig.vcpu.getTscKhz()).toBe(1_000_000);
  });

  it('is what RDTSC shows', () => {
    const rig = new KvmRig().start('protected', hex('rdtsc ; hlt', '0f 31 f4'));
    rig.vcpu.setTscKhz(500_000);
    rig.vcpu.setMsrs([{ index: MSR_TSC, data: 0n }]);
    rig.thread.timeNs += 5000;
    rig.run();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 2500n, rdx: 0n });
  });

  it('refuses what is no frequency', () => {
    const { vcpu } = new KvmRig();
    for (const khz of [-1, 0.5, 2 ** 40]) expect(() => vcpu.setTscKhz(khz)).toThrow(errno('EINVAL'));
    expect(vcpu.getTscKhz()).toBe(1_000_000);
  });

  it.each([1_000_000, 2_500_000, 333_333, 50_000, 5_000_000, 1])('kvmclock follows: %i kHz', (khz) => {
    const rig = new KvmRig();
    rig.thread.timeNs = 3 * SECOND;
    enableClock(rig);
    rig.vcpu.setTscKhz(khz);
    rig.thread.timeNs += SECOND;
    const error = told(rig).at(tsc(rig)) - BigInt(4 * SECOND);
    const tickNs = BigInt(Math.ceil(1e6 / khz));
    expect(error).toBeLessThanOrEqual(10n);
    expect(error).toBeGreaterThanOrEqual(-10n - 2n * tickNs);
  });

  it('the deadline timer of the local APIC follows', () => {
    const rig = new KvmRig({ irqchip: true });
    rig.vcpu.setTscKhz(4_000_000);
    // SVR: enabled; LVTT: TSC deadline, vector 0x40
    const lapic = rig.vcpu.getLapic();
    const view = new DataView(lapic.buffer);
    view.setUint32(0xf0, 0x1ff, true);
    view.setUint32(0x320, 0x4_0040, true);
    rig.vcpu.setLapic(lapic);
    rig.start('protected', hex('sti ; hlt', 'fb f4'));
    rig.vcpu.setMsrs([{ index: MSR_TSC_DEADLINE, data: tsc(rig) + 4_000_000n }]);
    const before = rig.thread.timeNs;
    expect(rig.exception().vector).toBe(0x40);
    expect(rig.thread.timeNs - before).toBe(1_000_000);
  });
});

describe('pvclockScale', () => {
  it('is exact at 1 GHz and uses all bits of the multiplier', () => {
    expect(pvclockScale(1_000_000)).toEqual({ multiplier: 0x8000_0000, shift: 1 });
    for (const khz of [1, 999, 1_000_001, 2_000_000, 3_300_000, 256_000_000]) {
      const { multiplier } = pvclockScale(khz);
      expect(multiplier).toBeGreaterThanOrEqual(2 ** 31);
      expect(multiplier).toBeLessThan(2 ** 32);
    }
  });
});

describe('KVM_GET_CLOCK and KVM_SET_CLOCK', () => {
  const data = { clock: 0n, flags: 0, realtime: 0n, hostTsc: 0n };

  it('tell and set kvmclock, which the guest follows', () => {
    const rig = new KvmRig();
    rig.thread.timeNs = 5000;
    expect(rig.vm.getClock()).toMatchObject({
      clock: 5000n,
      hostTsc: 5000n,
      flags: rig.vm.checkExtension(A.KVM_CAP_ADJUST_CLOCK),
    });
    enableClock(rig);
    expect(told(rig).systemTime).toBe(5000n);
    rig.vm.setClock({ ...data, clock: 1_000_000n });
    expect(told(rig).systemTime).toBe(1_000_000n);
    rig.thread.timeNs += 70;
    expect(rig.vm.getClock().clock).toBe(1_000_070n);
  });

  it('make up with KVM_CLOCK_REALTIME for the time since the clock was read', () => {
    const rig = new KvmRig();
    const { realtime } = rig.vm.getClock();
    const flags = A.KVM_CLOCK_REALTIME;
    rig.vm.setClock({ ...data, clock: 1000n, flags, realtime: realtime - 500n });
    expect(rig.vm.getClock().clock).toBe(1500n);
    rig.vm.setClock({ ...data, clock: 1000n, flags, realtime: realtime + 500n });
    expect(rig.vm.getClock().clock).toBe(1000n);
  });

  it('refuse unknown flags', () => {
    expect(() => new KvmRig().vm.setClock({ ...data, flags: 1 })).toThrow(errno('EINVAL'));
  });

  it('move the wall clock at guest time 0', () => {
    const rig = new KvmRig();
    const wallAtZero = () => {
      rig.vcpu.setMsrs([{ index: MSR_WALL_CLOCK, data: BigInt(DATA) }]);
      return rig.view.getUint32(DATA + 4, true);
    };
    const before = wallAtZero();
    rig.vm.setClock({ ...data, clock: 0n });
    rig.thread.timeNs += 10 * SECOND;
    rig.vm.setClock({ ...data, clock: 0n });
    expect(wallAtZero()).toBe(before);
  });
});

describe('KVM_KVMCLOCK_CTRL', () => {
  it('tells a guest with kvmclock that it was stopped, until the guest clears it', () => {
    const rig = new KvmRig();
    enableClock(rig);
    expect(told(rig).flags).toBe(1);
    rig.vcpu.kvmclockCtrl();
    expect(told(rig).flags).toBe(3);
    rig.vcpu.setTscKhz(2_000_000);
    expect(told(rig).flags).toBe(3);
    rig.view.setUint8(DATA + 29, 1);
    rig.vcpu.setTscKhz(1_000_000);
    expect(told(rig).flags).toBe(1);
  });

  it('is refused when the guest has none', () => {
    expect(() => new KvmRig().vcpu.kvmclockCtrl()).toThrow(errno('EINVAL'));
  });
});
