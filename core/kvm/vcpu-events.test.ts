/** KVM_GET/SET_VCPU_EVENTS beyond injection: pending exceptions with payload, triple faults, start-up IPIs. */
import { describe, expect, it } from 'vitest';
import { CODE, hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const NOP_HLT = hex('nop ; hlt', '90 f4');
/** Exits with the trap of TF still to come. */
const TRACED_OUT = hex('out 0x80, al ; hlt', 'e6 80 f4');

const enable = (rig: KvmRig, cap: number, on = 1n): void => rig.vm.enableCap({ cap, flags: 0, args: [on] });
function withPayload(): KvmRig {
  const rig = new KvmRig();
  enable(rig, A.KVM_CAP_EXCEPTION_PAYLOAD);
  return rig;
}
function pending(rig: KvmRig, exception: Partial<A.KvmVcpuEvents['exception']>): void {
  const events = rig.vcpu.getVcpuEvents();
  const nothing = { injected: 0, nr: 0, hasErrorCode: 0, pending: 1, errorCode: 0, hasPayload: 0, payload: 0n };
  rig.vcpu.setVcpuEvents({
    ...events,
    flags: events.flags | A.KVM_VCPUEVENT_VALID_PAYLOAD,
    exception: { ...nothing, ...exception },
  });
}
const dr6 = (rig: KvmRig) => rig.vcpu.getDebugRegs().dr6;

describe('KVM_ENABLE_CAP', () => {
  it('refuses flags, and what needs no enabling', () => {
    const { vm } = new KvmRig();
    expect(() => vm.enableCap({ cap: A.KVM_CAP_EXCEPTION_PAYLOAD, flags: 1, args: [1n] })).toThrow(errno('EINVAL'));
    for (const cap of [A.KVM_CAP_IRQCHIP, 54_321])
      expect(() => vm.enableCap({ cap, flags: 0, args: [] })).toThrow(errno('EINVAL'));
  });
});

describe('a pending exception', () => {
  it('is read back with its payload, which DR6 and CR2 do not show before delivery', () => {
    const rig = withPayload().start('protected', NOP_HLT);
    const before = dr6(rig);
    pending(rig, { nr: 1, hasPayload: 1, payload: 0x4000n });
    expect(rig.vcpu.getVcpuEvents()).toMatchObject({
      flags: expect.toSatisfy((f: number) => (f & A.KVM_VCPUEVENT_VALID_PAYLOAD) !== 0),
      exception: { pending: 1, injected: 0, nr: 1, hasPayload: 1, payload: 0x4000n },
    });
    expect(dr6(rig)).toBe(before);
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE) });
    expect(dr6(rig)).toBe(0xffff_4ff0n);
  });

  it('that is a page fault brings CR2', () => {
    const rig = withPayload().start('long', NOP_HLT);
    pending(rig, { nr: 14, hasErrorCode: 1, errorCode: 2, hasPayload: 1, payload: 0xffff_8000_0000_1234n });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 2, cr2: 0xffff_8000_0000_1234n });
  });

  it('without a payload leaves DR6 alone', () => {
    const rig = withPayload().start('protected', NOP_HLT);
    pending(rig, { nr: 1, payload: 0x4000n });
    expect(rig.exception().vector).toBe(1);
    expect(dr6(rig)).toBe(0xffff_0ff0n);
  });

  it('is refused without the capability, and for vectors that are no exception', () => {
    expect(() => pending(new KvmRig(), { nr: 1 })).toThrow(errno('EINVAL'));
    for (const nr of [2, 32]) expect(() => pending(withPayload(), { nr })).toThrow(errno('EINVAL'));
  });

  it('is the trap of single-stepping that waits behind an exit', () => {
    const rig = withPayload().start('protected', TRACED_OUT);
    rig.set({ rflags: 0x102n });
    expect(rig.run()).toMatchObject({ exit: 'IO' });
    expect(rig.vcpu.getVcpuEvents().exception).toMatchObject({ pending: 1, nr: 1, hasPayload: 1, payload: 0x4000n });
    expect(dr6(rig)).toBe(0xffff_0ff0n);
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 2) });
    expect(dr6(rig)).toBe(0xffff_4ff0n);
  });

  it('is dropped when userspace sets registers', () => {
    const rig = withPayload().start('protected', NOP_HLT);
    pending(rig, { nr: 1, hasPayload: 1, payload: 0x4000n });
    rig.set({ rax: 1n });
    expect(rig.vcpu.getVcpuEvents().exception.pending).toBe(0);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('looks injected, with its effects, to userspace that does not know payloads', () => {
    const rig = new KvmRig().start('protected', TRACED_OUT);
    rig.set({ rflags: 0x102n }).run();
    const events = rig.vcpu.getVcpuEvents();
    expect(events.exception).toMatchObject({ injected: 1, pending: 0, nr: 1, hasPayload: 0 });
    expect(dr6(rig)).toBe(0xffff_4ff0n);
    rig.vcpu.setVcpuEvents(events);
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 2) });
  });
});

describe('a triple fault', () => {
  it('that userspace makes pending ends the next KVM_RUN with a shutdown', () => {
    const rig = new KvmRig().start('protected', NOP_HLT);
    enable(rig, A.KVM_CAP_X86_TRIPLE_FAULT_EVENT);
    const events = rig.vcpu.getVcpuEvents();
    expect(events.flags & A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT).not.toBe(0);
    rig.vcpu.setVcpuEvents({ ...events, tripleFault: { pending: 1 } });
    expect(rig.vcpu.getVcpuEvents().tripleFault.pending).toBe(1);
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
    expect(rig.vcpu.getVcpuEvents().tripleFault.pending).toBe(0);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('is refused without the capability', () => {
    const { vcpu } = new KvmRig();
    const events = vcpu.getVcpuEvents();
    expect(events.flags & A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT).toBe(0);
    const wrong = { ...events, flags: A.KVM_VCPUEVENT_VALID_TRIPLE_FAULT, tripleFault: { pending: 1 } };
    expect(() => vcpu.setVcpuEvents(wrong)).toThrow(errno('EINVAL'));
  });
});

describe('KVM_MP_STATE_SIPI_RECEIVED', () => {
  it('starts the vCPU at the page that KVM_SET_VCPU_EVENTS named', () => {
    const rig = new KvmRig({ irqchip: true });
    rig.load(0x5000, hex('mov al, 0x77 ; out 0x80, al', 'b0 77 e6 80'));
    const events = rig.vcpu.getVcpuEvents();
    rig.vcpu.setVcpuEvents({ ...events, sipiVector: 5, flags: A.KVM_VCPUEVENT_VALID_SIPI_VECTOR });
    rig.vcpu.setMpState(A.KVM_MP_STATE_SIPI_RECEIVED);
    expect(rig.vcpu.getMpState()).toBe(A.KVM_MP_STATE_RUNNABLE);
    expect(rig.run()).toMatchObject({ exit: 'IO', value: 0x77 });
    expect(rig.vcpu.getVcpuEvents().sipiVector).toBe(0);
  });
});
