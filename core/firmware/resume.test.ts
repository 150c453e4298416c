import { describe, expect, it } from 'vitest';
import type { KvmSregs } from '../kvm/api.ts';
import { planResume } from './resume.ts';

describe('planResume', () => {
  it('enters real mode at the waking vector', () => {
    const plan = planResume(0x9_a123);
    expect(plan?.regs.rip).toBe(3n);
    const powerOn = { cr0: 0x6000_0010n, cs: { selector: 0xf000, base: 0xffff_0000n, limit: 0xffff } } as KvmSregs;
    expect(plan?.applySregs(powerOn)).toMatchObject({
      cr0: 0x6000_0010n,
      cs: { selector: 0x9a12, base: 0x9_a120n, limit: 0xffff },
    });
  });

  it('knows no way to a vector that is not set or out of reach', () => {
    expect([planResume(0), planResume(0x10_0000)]).toEqual([undefined, undefined]);
  });
});
