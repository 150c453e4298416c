/** The guest's processor as libvirt's <cpu> describes it: what main and renderer say of it, and a machine is built by. */

/** CPU models by libvirt's names; core/machine/cpu-models.ts has what each is. */
export const CPU_MODEL_NAMES = [
  '486',
  'pentium',
  'pentium2',
  'pentium3',
  'coreduo',
  'n270',
  'qemu32',
  'qemu64',
  'kvm32',
  'kvm64',
  'core2duo',
  'Conroe',
  'Penryn',
  'Nehalem',
  'Westmere',
  'SandyBridge',
  'IvyBridge',
  'Haswell',
  'Haswell-noTSX',
  'Broadwell',
  'Broadwell-noTSX',
  'Skylake-Client',
  'Skylake-Client-noTSX-IBRS',
  'athlon',
  'phenom',
  'Opteron_G1',
  'Opteron_G2',
  'Opteron_G3',
  'Opteron_G4',
  'Opteron_G5',
  'EPYC',
  'EPYC-Rome',
] as const;
export type CpuModelName = (typeof CPU_MODEL_NAMES)[number];

/** What a <feature> asks for. 'force' sets the bit, whether or not the processor can do it. */
export const CPU_FEATURE_POLICIES = ['force', 'require', 'optional', 'disable', 'forbid'] as const;
export type CpuFeaturePolicy = (typeof CPU_FEATURE_POLICIES)[number];

export interface CpuFeatureRequest {
  readonly name: string;
  readonly policy: CpuFeaturePolicy;
}

/**
 * 'maximum' is all that the hypervisor's processor can do. So are 'host-model' and 'host-passthrough': the processor
 * that an emulated KVM has is its own, not the computer's.
 */
export const CPU_MODES = ['maximum', 'host-model', 'host-passthrough', 'custom'] as const;
export type CpuMode = (typeof CPU_MODES)[number];
/**
 * What to do about features that this hypervisor does not have. 'none': the guest does without. 'partial': the same for
 * a model's own, unless the model's fallback is 'forbid'; a required <feature> must be there. 'full': all must be there.
 */
export const CPU_CHECKS = ['none', 'partial', 'full'] as const;
export type CpuCheck = (typeof CPU_CHECKS)[number];

export interface CpuConfig {
  readonly mode: CpuMode;
  /** With mode 'custom', and only then. */
  readonly model?: CpuModelName;
  readonly fallback: 'allow' | 'forbid';
  readonly check: CpuCheck;
  readonly features: readonly CpuFeatureRequest[];
}

/** A model, and what of it this hypervisor cannot give a guest. */
export interface CpuModelInfo {
  readonly name: CpuModelName;
  readonly missingFeatures: readonly string[];
}

/** What a machine has without a <cpu>. */
export const DEFAULT_CPU: CpuConfig = { mode: 'maximum', fallback: 'allow', check: 'none', features: [] };

export function isCpuModelName(name: string): name is CpuModelName {
  return (CPU_MODEL_NAMES as readonly string[]).includes(name);
}
