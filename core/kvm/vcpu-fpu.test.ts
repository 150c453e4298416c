/** Floating-point and vector state of a vCPU: KVM_GET/SET_XSAVE, KVM_GET_XSAVE2, KVM_GET/SET_XCRS. */
import { describe, expect, it } from 'vitest';
import { hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const XSTATE_BV = 512;
const AVX = 576;

/** A rig whose CPUID offers XSAVE, and AVX on demand. */
function withXsave(avx = true): KvmRig {
  const rig = new KvmRig();
  const entries = rig.vcpu.getCpuid2(100);
  const leaf1 = entries.find((e) => e.function === 1);
  if (leaf1) leaf1.ecx = ((leaf1.ecx & ~(1 << 28)) | (1 << 26) | (avx ? 1 << 28 : 0)) >>> 0;
  rig.vcpu.setCpuid2(entries);
  return rig;
}
const xcr0 = (value: bigint): A.KvmXcrs => ({ flags: 0, xcrs: [{ xcr: 0, value }] });

describe('KVM_GET_XSAVE', () => {
  it('is an area in the standard format whose components are initial at power-on', () => {
    const { vcpu, vm } = withXsave();
    const area = vcpu.getXsave();
    const view = new DataView(area.buffer);
    expect(area).toHaveLength(A.KVM_XSAVE_SIZE);
    expect([view.getUint16(0, true), view.getUint32(24, true)]).toEqual([0x37f, 0x1f80]);
    expect(area.subarray(XSTATE_BV).every((b) => b === 0)).toBe(true);
    expect(vcpu.getXsave2()).toHaveLength(vm.checkExtension(A.KVM_CAP_XSAVE2));
    expect(vcpu.getXsave2()).toEqual(area);
  });

  it('shows what KVM_SET_FPU set, and the reverse', () => {
    const { vcpu } = withXsave();
    const fpu = { ...vcpu.getFpu(), fcw: 0x27f, lastIp: 0x1234_5678_9abcn, mxcsr: 0x1fa0 };
    fpu.xmm[17] = 7;
    vcpu.setFpu(fpu);
    const area = vcpu.getXsave();
    expect([area[XSTATE_BV], area[160 + 17], area[24]]).toEqual([3, 7, 0xa0]);
    vcpu.setXsave(withXsave().vcpu.getXsave());
    expect(vcpu.getFpu()).toMatchObject({ fcw: 0x37f, mxcsr: 0x1f80 });
    vcpu.setXsave(area);
    expect(vcpu.getFpu()).toEqual(fpu);
  });
});

describe('KVM_SET_XSAVE', () => {
  it('takes what KVM_GET_XSAVE gave, with the upper halves of YMM', () => {
    const { vcpu } = withXsave();
    const area = new Uint8Array(A.KVM_XSAVE_SIZE);
    for (let i = 0; i < 256; i++) area[AVX + i] = i + 1;
    area.set([0x80, 0x1f], 24); // MXCSR
    area[XSTATE_BV] = 4;
    vcpu.setXsave(area);
    const read = vcpu.getXsave();
    expect(read.subarray(AVX, AVX + 256)).toEqual(area.subarray(AVX, AVX + 256));
    expect(read[XSTATE_BV]).toBe(4);
    vcpu.setXsave(read);
    expect(vcpu.getXsave()).toEqual(read);
  });

  it('initialises components that XSTATE_BV does not have', () => {
    const { vcpu } = withXsave();
    vcpu.setFpu({ ...vcpu.getFpu(), fcw: 0x27f, mxcsr: 0x1fa0, xmm: new Uint8Array(256).fill(1) });
    vcpu.setXsave(new Uint8Array(A.KVM_XSAVE_SIZE));
    expect(vcpu.getFpu()).toMatchObject({ fcw: 0x37f, mxcsr: 0x1f80, xmm: new Uint8Array(256) });
  });

  it.each<[string, (area: Uint8Array) => void]>([
    ['a component that CPUID does not offer', (a) => a.fill(0x4, XSTATE_BV, XSTATE_BV + 1)],
    ['a component that does not exist', (a) => a.fill(0x80, XSTATE_BV + 3, XSTATE_BV + 4)],
    ['the compacted format', (a) => a.fill(0x80, XSTATE_BV + 15, XSTATE_BV + 16)],
    ['reserved bytes of the header', (a) => a.fill(1, XSTATE_BV + 40, XSTATE_BV + 41)],
    ['a bad MXCSR', (a) => a.fill(1, 26, 27)],
  ])('refuses %s and changes nothing', (_what, spoil) => {
    const { vcpu } = withXsave(false);
    const before = vcpu.getXsave();
    const area = before.slice();
    area[0] = 0x7e;
    spoil(area);
    expect(() => vcpu.setXsave(area)).toThrow(errno('EINVAL'));
    expect(() => vcpu.setXsave(area.subarray(0, 832))).toThrow(errno('EINVAL'));
    expect(vcpu.getXsave()).toEqual(before);
  });
});

describe('KVM_GET_XCRS and KVM_SET_XCRS', () => {
  it('hold XCR0, which XGETBV reads', () => {
    const rig = withXsave();
    expect(rig.vcpu.getXcrs()).toEqual(xcr0(1n));
    rig.vcpu.setXcrs(xcr0(7n));
    rig.start('long', hex('xgetbv ; hlt', '0f 01 d0 f4'));
    rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | 0x4_0000n }).run();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 7n, rdx: 0n });
  });

  it('ignore registers that do not exist', () => {
    const { vcpu } = withXsave();
    vcpu.setXcrs({ flags: 0, xcrs: [{ xcr: 1, value: 9n }] });
    expect(vcpu.getXcrs()).toEqual(xcr0(1n));
  });

  it.each<[string, A.KvmXcrs]>([
    ['flags', { ...xcr0(3n), flags: 1 }],
    ['x87 disabled', xcr0(2n)],
    ['AVX without SSE', xcr0(5n)],
    ['a component that does not exist', xcr0(11n)],
    ['more registers than there is room for', { flags: 0, xcrs: Array(17).fill({ xcr: 0, value: 1n }) }],
  ])('refuse %s', (_what, xcrs) => {
    const { vcpu } = withXsave();
    expect(() => vcpu.setXcrs(xcrs)).toThrow(errno('EINVAL'));
    expect(vcpu.getXcrs()).toEqual(xcr0(1n));
  });

  it('refuse AVX without the feature', () => {
    const { vcpu } = withXsave(false);
    vcpu.setXcrs(xcr0(3n));
    expect(() => vcpu.setXcrs(xcr0(7n))).toThrow(errno('EINVAL'));
  });
});
