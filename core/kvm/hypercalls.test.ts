/** What a guest gets by VMCALL and VMMCALL, and from the MSRs that go with them. */
import { describe, expect, it } from 'vitest';
import { DATA, hex, KvmRig } from '../testing/kvm-rig.ts';

const VMCALL = hex('vmcall ; hlt', '0f 01 c1 f4');
const VMMCALL = hex('vmmcall ; hlt', '0f 01 d9 f4');
const UNKNOWN = 0x1234n;
const CLOCK_PAIRING = 9n;
const KICK_CPU = 5n;
const STEAL_TIME = 0x4b56_4d03;
const minus = (n: bigint): bigint => BigInt.asUintN(64, -n);

describe.each([
  ['VMCALL', VMCALL],
  ['VMMCALL', VMMCALL],
])('%s', (_, code) => {
  it('gives -KVM_ENOSYS for a number that is none: 64 bits of it in 64-bit code, else 32', () => {
    const long = new KvmRig().start('long', code).set({ rax: UNKNOWN });
    expect([long.run().exit, long.vcpu.getRegs().rax]).toEqual(['HLT', minus(1000n)]);
    const protectedMode = new KvmRig().start('protected', code).set({ rax: UNKNOWN });
    expect([protectedMode.run().exit, protectedMode.vcpu.getRegs().rax]).toEqual(['HLT', 0xffff_fc18n]);
  });

  it('is refused with -KVM_EPERM at level 3', () => {
    const rig = new KvmRig().startUser('long', code).set({ rax: UNKNOWN });
    expect(rig.run()).toMatchObject({ exit: 'IO', port: 13 }); // HLT at level 3
    expect(rig.vcpu.getRegs().rax).toBe(minus(1n));
  });

  it('writes to guest memory what it is asked for', () => {
    const rig = new KvmRig({ logDirty: true }).start('long', code);
    rig.set({ rax: CLOCK_PAIRING, rbx: BigInt(DATA), rcx: 0n });
    expect([rig.run().exit, rig.vcpu.getRegs().rax]).toEqual(['HLT', 0n]);
    expect(rig.view.getBigInt64(DATA, true)).toBe(1_700_000_000n);
  });
});

describe('KVM_HC_KICK_CPU', () => {
  const CALL_AND_HALT = hex('vmcall ; hlt ; out 0x80, al ; hlt', '0f 01 c1 f4 e6 80 f4');

  it('lets the vCPU that it names out of HLT', () => {
    const rig = new KvmRig({ irqchip: true }).start('long', CALL_AND_HALT).set({ rax: KICK_CPU, rcx: 0n });
    expect(rig.run()).toMatchObject({ exit: 'IO', port: 0x80 });
    expect(rig.run()).toEqual({ exit: 'EINTR' }); // once
  });

  it('leaves others alone', () => {
    const rig = new KvmRig({ irqchip: true }).start('long', CALL_AND_HALT).set({ rax: KICK_CPU, rcx: 7n });
    expect(rig.run()).toEqual({ exit: 'EINTR' });
  });
});

describe('MSR_KVM_STEAL_TIME', () => {
  it('is filled in while the vCPU runs', () => {
    const rig = new KvmRig();
    let delayNs = 1000;
    Object.assign(rig.thread, { runDelayNs: () => delayNs });
    const wrmsr = hex('wrmsr ; out 0x80, al ; hlt', '0f 30 e6 80 f4');
    rig.start('long', wrmsr).set({ rcx: BigInt(STEAL_TIME), rax: BigInt(DATA) | 1n, rdx: 0n });
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.view.getBigUint64(DATA, true)).toBe(0n);
    delayNs += 250;
    rig.thread.timeNs += 20_000_000;
    expect(rig.run().exit).toBe('HLT');
    expect(rig.view.getBigUint64(DATA, true)).toBe(250n);
    expect(rig.view.getUint32(DATA + 8, true) % 2).toBe(0);
  });

  it('faults with reserved bits; so does asynchronous page faulting, which is not offered', () => {
    for (const [msr, value] of [
      [STEAL_TIME, 0x3fn],
      [0x4b56_4d02, 1n],
    ] as const) {
      const rig = new KvmRig().start('long', hex('wrmsr ; hlt', '0f 30 f4'));
      rig.set({ rcx: BigInt(msr), rax: value, rdx: 0n });
      expect(rig.run()).toMatchObject({ exit: 'IO', port: 13 });
    }
  });
});
