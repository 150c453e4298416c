/** Power-on state. [SDM] volume 3, table 10-1. */
import type { CpuState } from './cpu-state.ts';
import { LINK_GENERATION, NEVER_LINKED } from './interp/record.ts';
import * as S from './state.ts';
import { DR6_ONES, DR7_ONES } from './system/breakpoints.ts';

/** All but the x87. */
export function resetState(s: CpuState): void {
  const generation = s.get32(S.CODE_GENERATION);
  s.u8.fill(0);
  s.set32(S.CODE_GENERATION, generation); // decoded code outlives a reset
  s.set32(S.NO_LINK + LINK_GENERATION, NEVER_LINKED);
  s.eflags = 2;
  s.rip = 0xfff0n;
  s.set32(S.CR0, S.CR0_ET | S.CR0_CD | S.CR0_NW);
  s.setGpr(S.RDX, 0x600n);
  s.set64(S.DR + 6 * 8, DR6_ONES);
  s.set64(S.DR + 7 * 8, DR7_ONES);
  s.set64(S.PAT, 0x0007040600070406n);
  s.set64(S.XCR0, 1n);
  s.set32(S.MXCSR, 0x1f80);
  s.set32(S.IDTR_LIMIT, 0xffff);
  s.set32(S.GDTR_LIMIT, 0xffff);
  for (const n of [S.ES, S.SS, S.DS, S.FS, S.GS]) s.setSegment(n, 0, 0n, 0xffff, S.AR_P | S.AR_S | 3);
  s.setSegment(S.CS, 0xf000, 0xffff0000n, 0xffff, S.AR_P | S.AR_S | 0xb);
  s.setSegment(S.LDTR, 0, 0n, 0xffff, S.AR_P | 2);
  s.setSegment(S.TR, 0, 0n, 0xffff, S.AR_P | 0xb);
  s.pdptes.fill(-1);
  s.cr3Page = 0;
}
