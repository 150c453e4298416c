/** What silicon.test.ts cannot try from user level: instructions that the operating system has not allowed. */
import { describe, expect, it } from 'vitest';
import { TestCpu } from '../../../testing/test-cpu.ts';
import * as S from '../../state.ts';
import { ROWS } from '../../table/index.ts';

const CODE = 0x40_0000;
const cpu = TestCpu.create(new Set(ROWS.flatMap((row) => row.cpuid ?? [])));
const code = cpu.map(CODE, 4096);
const { cr0 } = cpu.state;
const { cr4 } = cpu.state;

/** Vector of the exception that the instruction raises with these control registers, or undefined. */
function raises(bytes: readonly number[], control: { cr0?: number; cr4?: number } = {}): number | undefined {
  const s = cpu.state;
  s.set32(S.CR0, control.cr0 ?? cr0);
  s.set32(S.CR4, control.cr4 ?? cr4);
  cpu.updateMode();
  code.fill(0xcc).set(bytes);
  s.rip = BigInt(CODE);
  const raised = cpu.step(false);
  if (raised !== undefined) expect(s.rip).toBe(BigInt(CODE));
  return raised?.vector;
}

const ADDPS = [0x0f, 0x58, 0xc1];
const PADDB_MMX = [0x0f, 0xfc, 0xc1];
const EMMS = [0x0f, 0x77];
const MOVNTI = [0x0f, 0xc3, 0x04, 0x25, 0, 0, 0x40, 0];

describe('with everything enabled', () => {
  it.each([ADDPS, PADDB_MMX, EMMS])('%i %i runs', (...bytes) => {
    expect(raises(bytes)).toBeUndefined();
  });
});

describe('CR4.OSFXSR clear', () => {
  const off = { cr4: cr4 & ~S.CR4_OSFXSR };
  it('makes SSE #UD', () => expect(raises(ADDPS, off)).toBe(S.UD));
  it('leaves MMX alone', () => expect(raises(PADDB_MMX, off)).toBeUndefined());
});

describe('CR0.TS', () => {
  const switched = { cr0: cr0 | S.CR0_TS };
  it.each([ADDPS, PADDB_MMX, EMMS])('makes %i %i #NM', (...bytes) => {
    expect(raises(bytes, switched)).toBe(S.NM);
  });
  it('leaves MOVNTI alone, which has no vector register', () => expect(raises(MOVNTI, switched)).toBeUndefined());
});

describe('CR0.EM', () => {
  it.each([ADDPS, PADDB_MMX, EMMS])('makes %i %i #UD', (...bytes) => {
    expect(raises(bytes, { cr0: cr0 | S.CR0_EM | S.CR0_TS })).toBe(S.UD);
  });
});

describe('an unmasked float exception', () => {
  const DIVPS = [0x0f, 0x5e, 0xc1];
  const VECTOR_1 = S.VEC + S.VEC_SIZE;
  const ZM = 0x200;
  const ZE = 4;
  /** 1 / 0 in every element, with exceptions of zero divisors unmasked. */
  function divideByZero(control: { cr4?: number }): number | undefined {
    const { view } = cpu.state;
    for (let at = 0; at < 16; at += 4) {
      view.setFloat32(S.VEC + at, 1, true);
      view.setFloat32(VECTOR_1 + at, 0, true);
    }
    view.setUint32(S.MXCSR, 0x1f80 & ~ZM, true);
    return raises(DIVPS, control);
  }
  it('is #XM, sets its flag and leaves the destination alone', () => {
    expect(divideByZero({})).toBe(S.XM);
    expect(cpu.state.get32(S.MXCSR)).toBe((0x1f80 & ~ZM) | ZE);
    expect(cpu.state.view.getFloat32(S.VEC, true)).toBe(1);
  });
  it('is #UD with CR4.OSXMMEXCPT clear', () => {
    expect(divideByZero({ cr4: cr4 & ~S.CR4_OSXMMEXCPT })).toBe(S.UD);
    expect(cpu.state.get32(S.MXCSR)).toBe((0x1f80 & ~ZM) | ZE);
  });
});
