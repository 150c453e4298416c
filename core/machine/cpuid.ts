/**
 * What CPUID tells this machine's guest: what its <cpu> asks for of what KVM supports, made this machine's own.
 *
 * Reference: [API] the kernel's Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID (what user space must edit).
 */
import {
  CPU_MODEL_NAMES,
  type CpuConfig,
  type CpuModelInfo,
  type CpuModelName,
  DEFAULT_CPU,
} from '../contracts/cpu.ts';
import {
  CPUID_BITS,
  cpuidEntries,
  featureNamesOf,
  KVM_CAP_TSC_DEADLINE_TIMER,
  type KvmCpuidEntry2,
  KvmError,
  type KvmSystem,
} from '../kvm/index.ts';
import { cpuModel } from './cpu-models.ts';

const FIRST_CAPACITY = 64;
const LARGEST_CAPACITY = 4096;
/** What every model has beside its own features, where KVM does: as KVM machines of QEMU (kvm_default_props). */
const ADDED = ['hypervisor', 'x2apic', ...[...CPUID_BITS.keys()].filter((n) => /^kvm/.test(n))];

/** A <cpu> that this hypervisor cannot give. message: what is missing; hint: what to do about it. */
export class CpuModelError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = 'CpuModelError';
  }
}

/** The entries for the vCPU with this APIC id. Throws CpuModelError. */
export function guestCpuid(kvm: KvmSystem, apicId: number, cpu: CpuConfig = DEFAULT_CPU): KvmCpuidEntry2[] {
  const supported = supportedCpuid(kvm);
  const available = availableFeatures(kvm, supported);
  const features = chooseFeatures(cpu, available);
  const entries =
    cpu.model === undefined
      ? withAreasOf(
          features,
          supported.map((entry) => withFeatures(entry, features)),
        )
      : cpuidEntries({ ...cpuModel(cpu.model), features });
  return entries.map((entry) => ofVcpu(entry, apicId));
}

/** All models, and what of each this KVM lacks. */
export function cpuModels(kvm: KvmSystem): CpuModelInfo[] {
  const available = availableFeatures(kvm, supportedCpuid(kvm));
  return CPU_MODEL_NAMES.map((name) => ({ name, missingFeatures: missingOf(name, available) }));
}

function missingOf(model: CpuModelName, available: ReadonlySet<string>): string[] {
  return [...cpuModel(model).features].filter((name) => !available.has(name)).sort();
}

/** KVM_GET_SUPPORTED_CPUID leaves out what depends on the VM: that there is a hypervisor, and its timers. */
function availableFeatures(kvm: KvmSystem, supported: readonly KvmCpuidEntry2[]): ReadonlySet<string> {
  const deadlineTimer = kvm.checkExtension(KVM_CAP_TSC_DEADLINE_TIMER) > 0;
  return new Set([...featureNamesOf(supported), 'hypervisor', ...(deadlineTimer ? ['tsc-deadline'] : [])]);
}

/** [libvirt] "Domain XML format", CPU model and topology: model, then each <feature> by its policy. */
function chooseFeatures(cpu: CpuConfig, available: ReadonlySet<string>): ReadonlySet<string> {
  const given = new Set(cpu.features.filter(({ policy }) => policy !== 'require').map(({ name }) => name));
  const missing = cpu.model === undefined ? [] : missingOf(cpu.model, available).filter((name) => !given.has(name));
  const strict = cpu.check === 'full' || (cpu.check === 'partial' && cpu.fallback === 'forbid');
  if (strict && missing.length > 0)
    throw new CpuModelError(
      `The CPU model ${cpu.model} needs features that this hypervisor does not have: ${missing.join(', ')}.`,
      'Choose another model, disable these features, or do without them (check="none").',
    );
  const wanted = cpu.model === undefined ? [...available] : [...cpuModel(cpu.model).features, ...ADDED];
  const features = new Set(wanted.filter((name) => available.has(name)));
  for (const request of cpu.features) apply(request, cpu, features, available);
  return features;
}

function apply(
  { name, policy }: CpuConfig['features'][number],
  cpu: CpuConfig,
  features: Set<string>,
  available: ReadonlySet<string>,
): void {
  if (!CPUID_BITS.has(name))
    throw new CpuModelError(`There is no CPU feature "${name}".`, 'Write it as libvirt does, e.g. avx2 or sse4.1.');
  const has = available.has(name);
  if (policy === 'require' && !has && cpu.check !== 'none')
    throw new CpuModelError(`The CPU feature ${name} is required, and this hypervisor does not have it.`, REMOVE);
  if (policy === 'forbid' && has)
    throw new CpuModelError(`The CPU feature ${name} is forbidden, and this hypervisor has it.`, REMOVE);
  if (policy === 'disable' || policy === 'forbid') features.delete(name);
  else if (has || policy === 'force') features.add(name);
}
const REMOVE = 'Remove the feature from the <cpu> element, or change its policy.';

/** The entry with the named bits of exactly these features; bits without a name stay. */
function withFeatures(entry: KvmCpuidEntry2, features: ReadonlySet<string>): KvmCpuidEntry2 {
  const edited = { ...entry };
  for (const [name, { leaf, subleaf, register, bit }] of CPUID_BITS) {
    if (leaf !== entry.function || subleaf !== entry.index) continue;
    const value = edited[register];
    edited[register] = (features.has(name) ? value | (1 << bit) : value & ~(1 << bit)) >>> 0;
  }
  return edited;
}

/** Leaf 0xd describes what XSAVE saves: without XSAVE nothing, without AVX the legacy region and header. */
function withAreasOf(features: ReadonlySet<string>, entries: readonly KvmCpuidEntry2[]): KvmCpuidEntry2[] {
  if (features.has('avx')) return [...entries];
  const kept = entries.filter((e) => e.function !== 0xd || (features.has('xsave') && e.index < 2));
  return kept.map((e) => (e.function === 0xd && e.index === 0 ? { ...e, eax: e.eax & 3, ebx: 576, ecx: 576 } : e));
}

function ofVcpu(entry: KvmCpuidEntry2, apicId: number): KvmCpuidEntry2 {
  if (entry.function === 1) {
    const ebx = (entry.ebx & 0x0000_ffff) | (1 << 16) | (apicId << 24); // one logical processor in the package
    return { ...entry, ebx: ebx >>> 0 };
  }
  if (entry.function === 0xb || entry.function === 0x1f) return { ...entry, edx: apicId };
  return entry;
}

function supportedCpuid(kvm: KvmSystem): KvmCpuidEntry2[] {
  for (let capacity = FIRST_CAPACITY; ; capacity *= 2) {
    try {
      return kvm.getSupportedCpuid(capacity);
    } catch (error) {
      if (!(error instanceof KvmError) || error.errno !== 'E2BIG' || capacity >= LARGEST_CAPACITY) throw error;
    }
  }
}
