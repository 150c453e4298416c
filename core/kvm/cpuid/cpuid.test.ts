import { describe, expect, it } from 'vitest';
import { FEATURE_NAMES } from '../../cpu/index.ts';
import { CPUID_BITS, featureNamesOf, featureRegisters, featuresOf } from './features.ts';
import { type CpuDescription, cpuidEntries } from './leaves.ts';
import { type CpuidState, readCpuid } from './read.ts';
import { SUPPORTED_FEATURES, supportedCpuid } from './supported.ts';

const STATE: CpuidState = { osxsave: false, apicEnabled: true, xcr0: 1n };
const describeCpu = (features: string, more: Partial<CpuDescription> = {}): CpuDescription => ({
  vendor: 'GenuineIntel',
  family: 6,
  model: 0x3c,
  stepping: 4,
  brand: 'A processor',
  level: 0xd,
  xlevel: 0x8000_0008,
  features: new Set(features.split(' ')),
  ...more,
});
const ask = (cpu: CpuDescription, leaf: number, subleaf = 0, state: Partial<CpuidState> = {}) =>
  readCpuid(cpuidEntries(cpu), leaf, subleaf, { ...STATE, ...state });

describe('CPUID bits', () => {
  it('have a place for every feature that the processor can have', () => {
    expect(FEATURE_NAMES.filter((name) => !CPUID_BITS.has(name))).toEqual([]);
  });

  it('have a place of their own each', () => {
    const places = [...CPUID_BITS.values()].map((bit) => JSON.stringify(bit));
    expect(new Set(places).size).toBe(places.length);
  });

  // [SDM] volume 2, CPUID, tables 3-8 to 3-12
  it.each([
    ['fpu', 1, 0, 'edx', 0],
    ['cx8', 1, 0, 'edx', 8],
    ['sep', 1, 0, 'edx', 11],
    ['pse36', 1, 0, 'edx', 17],
    ['clflush', 1, 0, 'edx', 19],
    ['sse2', 1, 0, 'edx', 26],
    ['pbe', 1, 0, 'edx', 31],
    ['ssse3', 1, 0, 'ecx', 9],
    ['fma', 1, 0, 'ecx', 12],
    ['pcid', 1, 0, 'ecx', 17],
    ['sse4.1', 1, 0, 'ecx', 19],
    ['aes', 1, 0, 'ecx', 25],
    ['osxsave', 1, 0, 'ecx', 27],
    ['hypervisor', 1, 0, 'ecx', 31],
    ['arat', 6, 0, 'eax', 2],
    ['bmi1', 7, 0, 'ebx', 3],
    ['erms', 7, 0, 'ebx', 9],
    ['adx', 7, 0, 'ebx', 19],
    ['clflushopt', 7, 0, 'ebx', 23],
    ['sha-ni', 7, 0, 'ebx', 29],
    ['umip', 7, 0, 'ecx', 2],
    ['la57', 7, 0, 'ecx', 16],
    ['rdpid', 7, 0, 'ecx', 22],
    ['fsrm', 7, 0, 'edx', 4],
    ['spec-ctrl', 7, 0, 'edx', 26],
    ['ssbd', 7, 0, 'edx', 31],
    ['xsaves', 0xd, 1, 'eax', 3],
    ['abm', 0x8000_0001, 0, 'ecx', 5],
    ['perfctr_core', 0x8000_0001, 0, 'ecx', 23],
    ['nx', 0x8000_0001, 0, 'edx', 20],
    ['lm', 0x8000_0001, 0, 'edx', 29],
    ['invtsc', 0x8000_0007, 0, 'edx', 8],
    ['ibpb', 0x8000_0008, 0, 'ebx', 12],
    ['kvm-steal-time', 0x4000_0001, 0, 'eax', 5],
    ['kvmclock-stable-bit', 0x4000_0001, 0, 'eax', 24],
  ] as const)('place %s in leaf %#x.%d %s[%d]', (name, leaf, subleaf, register, bit) => {
    expect(CPUID_BITS.get(name)).toEqual({ leaf, subleaf, register, bit });
    expect(featureRegisters([name], leaf, subleaf)[register]).toBe((1 << bit) >>> 0);
  });

  it('read back from leaves as the features they were made of', () => {
    const features = ['avx2', 'fpu', 'kvmclock', 'lm', 'xsave', 'xsaveopt'];
    expect([...featureNamesOf(cpuidEntries(describeCpu(features.join(' '))))].sort()).toEqual(features);
    expect(featuresOf(cpuidEntries(describeCpu('ssse3 rtm')))).toEqual(new Set(['ssse3']));
  });
});

describe('leaves', () => {
  it('tell vendor, signature and brand', () => {
    expect(ask(describeCpu('fpu'), 0)).toEqual({ eax: 0xd, ebx: 0x756e_6547, edx: 0x4965_6e69, ecx: 0x6c65_746e });
    expect(ask(describeCpu('fpu'), 1).eax).toBe(0x0003_06c4);
    expect(ask(describeCpu('fpu', { family: 23, model: 49, stepping: 0 }), 1).eax).toBe(0x0083_0f10);
    expect(ask(describeCpu('fpu', { family: 15, model: 107, stepping: 1 }), 1).eax).toBe(0x0006_0fb1);
    expect(ask(describeCpu('fpu'), 0x8000_0002).eax).toBe(0x7270_2041); // "A pr"
    expect(ask(describeCpu('fpu'), 0x8000_0004)).toEqual({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
  });

  it('reach as far as the model says, and as its features lie', () => {
    const old = describeCpu('fpu pse', { level: 1, xlevel: 0 });
    expect(cpuidEntries(old).filter((e) => e.function < 0x4000_0000 || e.function >= 0x8000_0000)).toHaveLength(2);
    expect(ask({ ...old, features: new Set(['smep']) }, 0).eax).toBe(7);
    expect(ask({ ...old, features: new Set(['xsave']) }, 0).eax).toBe(0xd);
    expect(ask({ ...old, features: new Set(['nx']) }, 0x8000_0000).eax).toBe(0x8000_0001);
  });

  it('repeat 1.EDX in 0x80000001.EDX on AMD only', () => {
    const features = 'fpu de sep mmx fxsr sse syscall';
    expect(ask(describeCpu(features), 0x8000_0001).edx).toBe(0x800);
    const amd = ask(describeCpu(features, { vendor: 'AuthenticAMD' }), 0x8000_0001);
    expect(amd.edx).toBe(0x0180_0805); // not sep, which is syscall there, and not sse
    expect(amd.eax).toBe(0x0003_06c4);
  });

  it('describe caches with a list that ends', () => {
    const types = [0, 1, 2, 3].map((n) => ask(describeCpu('fpu'), 4, n).eax & 0x1f);
    expect(types).toEqual([1, 2, 3, 0]);
    const { ebx, ecx } = ask(describeCpu('fpu'), 4, 0);
    expect(((ebx >>> 22) + 1) * ((ebx & 0xfff) + 1) * (ecx + 1)).toBe(32 * 1024);
  });

  it('number the levels of topology, and tell the APIC id beyond the last', () => {
    const entries = cpuidEntries(describeCpu('fpu')).map((e) => (e.function === 0xb ? { ...e, edx: 3 } : e));
    const level = (n: number) => readCpuid(entries, 0xb, n, STATE);
    expect([level(0).ecx, level(1).ecx, level(2).ecx, level(300).ecx]).toEqual([0x100, 0x201, 2, 300 & 0xff]);
    expect([level(1).ebx, level(2).ebx, level(2).edx]).toEqual([1, 0, 3]);
  });

  it('offer linear addresses of 57 bits with LA57', () => {
    expect((ask(describeCpu('lm'), 0x8000_0008).eax >> 8) & 0xff).toBe(48);
    expect((ask(describeCpu('lm la57'), 0x8000_0008).eax >> 8) & 0xff).toBe(57);
  });

  it('tell the sizes of XSAVE areas by what there is and what XCR0 has', () => {
    const avx = describeCpu('xsave avx xsavec');
    expect(ask(avx, 0xd)).toEqual({ eax: 7, ebx: 576, ecx: 832, edx: 0 });
    expect(ask(avx, 0xd, 0, { xcr0: 7n }).ebx).toBe(832);
    expect(ask(avx, 0xd, 1, { xcr0: 7n })).toMatchObject({ eax: 2, ebx: 832 });
    expect(ask(avx, 0xd, 2)).toMatchObject({ eax: 256, ebx: 576 });
    expect(ask(describeCpu('xsave'), 0xd)).toMatchObject({ eax: 3, ecx: 576 });
    expect(ask(describeCpu('xsave'), 0xd, 1, { xcr0: 3n })).toMatchObject({ eax: 0, ebx: 0 });
  });
});

describe('the CPUID instruction', () => {
  it('shows OSXSAVE by CR4, and the APIC by IA32_APIC_BASE', () => {
    const cpu = describeCpu('xsave apic');
    expect(ask(cpu, 1).ecx >>> 27).toBe(0);
    expect((ask(cpu, 1, 0, { osxsave: true }).ecx >>> 27) & 1).toBe(1);
    expect(ask(cpu, 1).edx).toBe(0x200);
    expect(ask(cpu, 1, 0, { apicEnabled: false }).edx).toBe(0);
  });

  it('gives the highest basic leaf for one beyond, on Intel; zeros on AMD', () => {
    const beyond = ask(describeCpu('xsave avx'), 0x100);
    expect(beyond).toEqual(ask(describeCpu('xsave avx'), 0xd));
    expect(ask(describeCpu('xsave avx', { vendor: 'AuthenticAMD' }), 0x100).eax).toBe(0);
  });
});

describe('KVM_GET_SUPPORTED_CPUID', () => {
  it('offers a leaf once', () => {
    const keys = supportedCpuid().map((e) => `${e.function}.${e.index}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('names a processor that kernels know not to speculate', () => {
    expect(supportedCpuid().find((e) => e.function === 1)?.eax).toBe(0x0001_06ca);
  });

  it('offers no feature without what it rests on', () => {
    const rests: readonly (readonly [string, string])[] = [
      ['avx', 'xsave'],
      ['avx2', 'avx'],
      ['fma', 'avx'],
      ['f16c', 'avx'],
      ['xsaveopt', 'xsave'],
      ['xsavec', 'xsave'],
      ['xsaves', 'xsavec'],
      ['pcid', 'lm'],
      ['la57', 'lm'],
      ['sse4.2', 'sse4.1'],
      ['sse4.1', 'ssse3'],
    ];
    const has = (name: string): boolean => (SUPPORTED_FEATURES as ReadonlySet<string>).has(name);
    expect(rests.filter(([feature, needs]) => has(feature) && !has(needs))).toEqual([]);
  });
});
