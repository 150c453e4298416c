/** The key of decoded code (decode/mode.ts) by the state of the processor. */
import type { CpuState } from './cpu-state.ts';
import * as M from './decode/mode.ts';
import * as S from './state.ts';

export function codeMode(s: CpuState): number {
  const code64 = s.code64;
  const csAccess = s.access(S.CS);
  let mode = code64 ? M.MODE_64 : (csAccess & S.AR_DB) !== 0 ? M.MODE_32 : M.MODE_16;
  if (!code64) {
    if ((s.access(S.SS) & S.AR_DB) !== 0) mode |= M.MODE_STACK32;
    if (isFlat(s, S.SS) && isFlat(s, S.DS) && isFlat(s, S.ES)) mode |= M.MODE_FLAT;
  }
  if (code64 || (s.segBase(S.CS) === 0n && s.segLimit(S.CS) === 0xffffffff)) mode |= M.MODE_FLAT_CODE;
  const cr0 = s.cr0;
  if ((cr0 & S.CR0_EM) !== 0 || (s.cr4 & S.CR4_OSFXSR) === 0) mode |= M.MODE_NO_SSE;
  const avx = (s.cr4 & S.CR4_OSXSAVE) !== 0 && (s.get64(S.XCR0) & 6n) === 6n;
  if (!avx) mode |= M.MODE_NO_AVX;
  if (!s.protectedMode || s.vm86) mode |= M.MODE_REAL;
  if ((cr0 & S.CR0_TS) !== 0) mode |= M.MODE_TASK_SWITCHED;
  if ((cr0 & S.CR0_EM) !== 0) mode |= M.MODE_EMULATE;
  return mode;
}

function isFlat(s: CpuState, n: number): boolean {
  const at = S.SEG + n * S.SEG_SIZE;
  return (
    s.segBase(n) === 0n &&
    s.u32[(at + S.SEG_LOW) >> 2] === 0 &&
    s.u32[(at + S.SEG_HIGH) >> 2] === 0xffffffff &&
    s.get32(at + S.SEG_RIGHTS) === (S.SEG_CAN_READ | S.SEG_CAN_WRITE)
  );
}
