/**
 * Where a guest goes on after S3 when there is no firmware: at its waking vector, in real mode, as firmware would let it.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.10 (FACS), 16.3.2 (waking).
 */
import type { KvmRegs, KvmSregs } from '../kvm/api.ts';
import { entryRegs } from './boot-image.ts';

/** Of the FACS: where the vector is. */
export const FACS_WAKING_VECTOR = 12;
const REAL_MODE_LIMIT = 2 ** 20;

export interface ResumePlan {
  readonly regs: KvmRegs;
  applySregs(powerOn: KvmSregs): KvmSregs;
}

/** Undefined for a vector that a guest did not set, or not to where real mode reaches. */
export function planResume(wakingVector: number): ResumePlan | undefined {
  if (wakingVector === 0 || wakingVector >= REAL_MODE_LIMIT) return undefined;
  const selector = wakingVector >>> 4;
  return {
    regs: entryRegs({ rip: BigInt(wakingVector & 0xf) }),
    applySregs: (powerOn) => ({ ...powerOn, cs: { ...powerOn.cs, selector, base: BigInt(selector << 4) } }),
  };
}
