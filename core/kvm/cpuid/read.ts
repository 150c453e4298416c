/** What the CPUID instruction answers from the entries that KVM_SET_CPUID2 gave, as KVM does it. */
import { xsaveSize } from '../../cpu/index.ts';
import { KVM_CPUID_FLAG_SIGNIFCANT_INDEX, type KvmCpuidEntry2 } from '../api.ts';
import type { CpuidRegisters } from './features.ts';

/** What of a leaf follows the processor's state. */
export interface CpuidState {
  /** CR4.OSXSAVE, shown in 1.ECX. */
  readonly osxsave: boolean;
  /** IA32_APIC_BASE enables the local APIC, shown in 1.EDX. */
  readonly apicEnabled: boolean;
  readonly xcr0: bigint;
}

const NOTHING: CpuidRegisters = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
const LEAF1_ECX_XSAVE = 1 << 26;
const LEAF1_ECX_OSXSAVE = 1 << 27;
const LEAF1_EDX_APIC = 1 << 9;
const LEAF_D1_XSAVEC = 1 << 1;

/**
 * A leaf beyond its group's highest gives the highest basic leaf, as on Intel's processors; another unknown leaf or
 * subleaf gives zeros.
 */
export function readCpuid(
  entries: readonly KvmCpuidEntry2[],
  leaf: number,
  subleaf: number,
  state: CpuidState,
): CpuidRegisters {
  const find = (f: number, index: number): KvmCpuidEntry2 | undefined =>
    entries.find((e) => e.function === f && ((e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) === 0 || e.index === index));
  const exact = find(leaf, subleaf);
  if (exact) return withState(exact, state);
  if (leaf === 0xb || leaf === 0x1f) {
    // beyond the last level: the level asked for, and the x2APIC id all the same
    const level = find(leaf, 1);
    return level ? { ...NOTHING, ecx: subleaf & 0xff, edx: level.edx } : NOTHING;
  }
  const highestOf = (group: number): number => find(group, 0)?.eax ?? 0;
  if (leaf <= highestOf((leaf & 0xf000_0000) >>> 0) || vendorIsAmd(entries)) return NOTHING;
  const highest = find(highestOf(0), subleaf);
  return highest ? withState(highest, state) : NOTHING;
}

function vendorIsAmd(entries: readonly KvmCpuidEntry2[]): boolean {
  return entries.find((e) => e.function === 0)?.ecx === 0x444d_4163; // "cAMD"
}

function withState(entry: KvmCpuidEntry2, state: CpuidState): CpuidRegisters {
  const { eax, ebx, ecx, edx } = entry;
  if (entry.function === 1) {
    const osxsave = state.osxsave && (ecx & LEAF1_ECX_XSAVE) !== 0 ? LEAF1_ECX_OSXSAVE : 0;
    const apic = state.apicEnabled ? edx : edx & ~LEAF1_EDX_APIC;
    return { eax, ebx, ecx: ((ecx & ~LEAF1_ECX_OSXSAVE) | osxsave) >>> 0, edx: apic >>> 0 };
  }
  // the area that XCR0 asks for; IA32_XSS adds nothing to the compacted one
  const sized = entry.function === 0xd && (entry.index === 0 || (entry.index === 1 && (eax & LEAF_D1_XSAVEC) !== 0));
  if (sized) return { eax, ebx: xsaveSize(Number(state.xcr0)), ecx, edx };
  return { eax, ebx, ecx, edx };
}
