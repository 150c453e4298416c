import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CPU_MODEL_NAMES, type CpuConfig, type CpuModelName, DEFAULT_CPU } from '../contracts/cpu.ts';
import { CPUID_BITS, featureNamesOf, type KvmCpuidEntry2, openKvm } from '../kvm/index.ts';
import { cpuModel } from './cpu-models.ts';
import { CpuModelError, cpuModels, guestCpuid } from './cpuid.ts';

const kvm = openKvm();
const custom = (model: CpuModelName, more: Partial<CpuConfig> = {}): CpuConfig => ({
  ...DEFAULT_CPU,
  mode: 'custom',
  model,
  ...more,
});
const leaf = (entries: readonly KvmCpuidEntry2[], f: number, index = 0) =>
  entries.find((e) => e.function === f && e.index === index);
const features = (cpu: CpuConfig): ReadonlySet<string> => featureNamesOf(guestCpuid(kvm, 0, cpu));
const everything: ReadonlySet<string> = features(DEFAULT_CPU);
/** A feature that the emulated processor does not have. */
const ABSENT = 'rtm';

describe('CPU models', () => {
  it('have features whose bits are known', () => {
    const unknown = CPU_MODEL_NAMES.flatMap((name) => [...cpuModel(name).features].filter((f) => !CPUID_BITS.has(f)));
    expect(unknown).toEqual([]);
  });

  it.each([
    ['486', 'GenuineIntel', 0x0480, 'fpu pse vme', 'cmov mmx tsc lm'],
    ['pentium', 'GenuineIntel', 0x0543, 'mmx cx8 tsc', 'cmov sse pae'],
    ['pentium3', 'GenuineIntel', 0x0673, 'cmov sse pae', 'sse2 lm nx'],
    ['qemu64', 'AuthenticAMD', 0x60fb1, 'lm cx16 pni', 'ssse3 popcnt svm'],
    ['kvm64', 'GenuineIntel', 0xf61, 'lm cx16 pni', 'lahf_lm ssse3'],
    ['Nehalem', 'GenuineIntel', 0x106a3, 'sse4.2 popcnt ssse3', 'aes avx xsave'],
    ['Haswell', 'GenuineIntel', 0x306c4, 'avx2 bmi2 fma movbe rtm', 'adx rdseed smap'],
    ['Skylake-Client', 'GenuineIntel', 0x506e3, 'xsavec adx smap', 'xsaves clflushopt'],
    ['Opteron_G3', 'AuthenticAMD', 0x100f23, 'abm popcnt sse4a', 'ssse3 svm monitor'],
    ['EPYC', 'AuthenticAMD', 0x800f12, 'sha-ni avx2 sse4a', 'pcid invpcid'],
    ['EPYC-Rome', 'AuthenticAMD', 0x830f10, 'rdpid clwb umip', 'pcid'],
  ] as const)('%s is what QEMU defines', (name, vendor, signature, has, lacks) => {
    const model = cpuModel(name);
    expect(model.vendor).toBe(vendor);
    expect(leaf(guestCpuid(kvm, 0, custom(name)), 1)?.eax).toBe(signature);
    expect(has.split(' ').filter((f) => !model.features.has(f))).toEqual([]);
    expect(lacks.split(' ').filter((f) => model.features.has(f))).toEqual([]);
  });

  it('tell what this hypervisor lacks of each', () => {
    const models = new Map(cpuModels(kvm).map(({ name, missingFeatures }) => [name, missingFeatures]));
    expect([...models.keys()]).toEqual([...CPU_MODEL_NAMES]);
    expect(models.get('kvm64')).toEqual([]);
    expect(models.get('Haswell')).toContain(ABSENT);
  });

  it('agree with QEMU about identity and features, where it is installed', { timeout: 60_000 }, (context) => {
    const answers = askQemu();
    if (!answers) return context.skip('skipped: qemu-system-x86_64 is not installed');
    for (const name of CPU_MODEL_NAMES) {
      const props = answers.get(name) ?? {};
      const { vendor, family, model, stepping, brand, level, xlevel } = cpuModel(name);
      expect({ name, vendor, family, model, stepping, level, xlevel, 'model-id': brand }).toEqual({
        name,
        ...pick(props, ['vendor', 'family', 'model', 'stepping', 'level', 'xlevel', 'model-id']),
      });
      const named = [...cpuModel(name).features].filter((f) => f !== 'vme' && props[qemuName(f)] !== true);
      expect({ name, named }).toEqual({ name, named: [] });
    }
  });
});

describe('the CPUID of a guest', () => {
  it('is by default all that KVM supports', () => {
    const supported = featureNamesOf(kvm.getSupportedCpuid(100));
    expect([...everything].sort()).toEqual([...supported].sort());
    for (const mode of ['host-model', 'host-passthrough'] as const)
      expect(guestCpuid(kvm, 0, { ...DEFAULT_CPU, mode })).toEqual(guestCpuid(kvm, 0));
  });

  it('has the APIC id of its vCPU', () => {
    const entries = guestCpuid(kvm, 5, custom('Nehalem'));
    expect((leaf(entries, 1)?.ebx ?? 0) >>> 24).toBe(5);
    expect(leaf(entries, 0xb, 1)?.edx).toBe(5);
  });

  it('has of a model what there is, a hypervisor, and KVM’s leaves', () => {
    const haswell = features(custom('Haswell'));
    expect([...haswell].filter((f) => !everything.has(f))).toEqual([]);
    expect(haswell).toContain('hypervisor');
    expect(haswell).toContain('kvmclock');
    expect(haswell).not.toContain('rdseed');
    expect(leaf(guestCpuid(kvm, 0, custom('486')), 0)?.eax).toBe(1);
  });

  it('follows the policies of features', () => {
    const requests: CpuConfig['features'] = [
      { name: 'popcnt', policy: 'disable' },
      { name: 'movbe', policy: 'require' },
      { name: 'rdrand', policy: 'optional' },
      { name: ABSENT, policy: 'optional' },
      { name: 'xop', policy: 'force' },
      { name: 'svm', policy: 'forbid' },
    ];
    for (const cpu of [custom('Nehalem', { features: requests }), { ...DEFAULT_CPU, features: requests }]) {
      const given = features(cpu);
      expect(['popcnt', 'movbe', 'rdrand', ABSENT, 'xop', 'svm'].filter((f) => given.has(f))).toEqual([
        'movbe',
        'rdrand',
        'xop',
      ]);
    }
  });

  it.each([
    ['a model by check=full', custom('Haswell', { check: 'full' }), /Haswell needs features .*rtm/],
    ['a model by fallback=forbid', custom('Haswell', { check: 'partial', fallback: 'forbid' }), /Haswell needs/],
    [
      'a required feature',
      custom('kvm64', { check: 'partial', features: [{ name: ABSENT, policy: 'require' }] }),
      /rtm/,
    ],
    ['a forbidden feature', custom('kvm64', { features: [{ name: 'sse2', policy: 'forbid' }] }), /sse2 is forbidden/],
    [
      'a feature that is none',
      { ...DEFAULT_CPU, features: [{ name: 'x', policy: 'disable' }] } as const,
      /no CPU feature "x"/,
    ],
  ] as const)('is refused for %s', (_, cpu, message) => {
    expect(() => guestCpuid(kvm, 0, cpu)).toThrow(CpuModelError);
    expect(() => guestCpuid(kvm, 0, cpu)).toThrow(message);
  });

  it('is given in full when the features that miss are disabled', () => {
    const missing = cpuModels(kvm).find((m) => m.name === 'Haswell')?.missingFeatures ?? [];
    const disabled = missing.map((name) => ({ name, policy: 'disable' }) as const);
    expect(features(custom('Haswell', { check: 'full', features: disabled }))).toContain('movbe');
  });

  it('has no area of XSAVE for AVX without it', () => {
    const entries = guestCpuid(kvm, 0, { ...DEFAULT_CPU, features: [{ name: 'avx', policy: 'disable' }] });
    expect((leaf(entries, 0xd)?.eax ?? 0) & 4).toBe(0);
    expect(leaf(entries, 0xd, 2)).toBeUndefined();
  });
});

type Props = Readonly<Record<string, unknown>>;
const pick = (props: Props, names: readonly string[]): Props => Object.fromEntries(names.map((n) => [n, props[n]]));
const QEMU_NAMES: Readonly<Record<string, string>> = { pclmuldq: 'pclmulqdq', tsc_adjust: 'tsc-adjust' };
const qemuName = (name: string): string => QEMU_NAMES[name] ?? name.replaceAll('_', '-');

/** Each model's properties, by QMP; undefined without QEMU. */
function askQemu(): ReadonlyMap<string, Props> | undefined {
  const ask = (execute: string, args?: object) => JSON.stringify({ execute, arguments: args });
  const questions = CPU_MODEL_NAMES.map((name) => ask('query-cpu-model-expansion', { type: 'full', model: { name } }));
  const input = [ask('qmp_capabilities'), ...questions, ask('quit')].join('\n');
  const options = ['-machine', 'none', '-nodefaults', '-display', 'none', '-qmp', 'stdio'];
  const qemu = spawnSync('qemu-system-x86_64', options, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (qemu.error) return undefined;
  const replies = qemu.stdout.split('\n').filter((l) => l.includes('"props"'));
  return new Map(
    replies.map((line) => {
      const { model } = (JSON.parse(line) as { return: { model: { name: string; props: Props } } }).return;
      return [model.name, model.props];
    }),
  );
}
