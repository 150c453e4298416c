/** SSSE3: every instruction for MMX, for XMM, and VEX. */
import type { Emitter } from '../semantics/emit.ts';
import { mmx } from '../semantics/sse/mmx.ts';
import * as ssse3 from '../semantics/sse/ssse3.ts';
import type { RowSpec } from './row.ts';
import { withVex, withVexSource } from './sse-forms.ts';

const ofMmx = (op: number, name: string, emit: Emitter, more = ''): RowSpec => {
  return { op, pp: 0, name, form: `Pq,Qq${more}`, emit: mmx(emit), cpuid: 'ssse3' };
};
const ofXmm = (op: number, name: string, emit: Emitter, more = ''): RowSpec => {
  return { op, pp: 0x66, name, form: `Vx,Wx${more}`, emit, cpuid: 'ssse3' };
};
/** Of two sources, or of one. */
const both = (...row: Parameters<typeof ofXmm>): RowSpec[] => [
  ofMmx(...row),
  ...withVexSource('avx2', [ofXmm(...row)]),
];
const unary = (...row: Parameters<typeof ofXmm>): RowSpec[] => [ofMmx(...row), ...withVex('avx2', [ofXmm(...row)])];

export const SSSE3_ROWS: readonly RowSpec[] = [
  ...both(0x0f3800, 'PSHUFB', ssse3.emitPshufb),
  ...both(0x0f3801, 'PHADDW', ssse3.emitPhadd.w),
  ...both(0x0f3802, 'PHADDD', ssse3.emitPhadd.d),
  ...both(0x0f3803, 'PHADDSW', ssse3.emitPhadd.sw),
  ...both(0x0f3804, 'PMADDUBSW', ssse3.emitPmaddubsw),
  ...both(0x0f3805, 'PHSUBW', ssse3.emitPhsub.w),
  ...both(0x0f3806, 'PHSUBD', ssse3.emitPhsub.d),
  ...both(0x0f3807, 'PHSUBSW', ssse3.emitPhsub.sw),
  ...both(0x0f3808, 'PSIGNB', ssse3.emitPsign.b),
  ...both(0x0f3809, 'PSIGNW', ssse3.emitPsign.w),
  ...both(0x0f380a, 'PSIGND', ssse3.emitPsign.d),
  ...both(0x0f380b, 'PMULHRSW', ssse3.emitPmulhrsw),
  ...unary(0x0f381c, 'PABSB', ssse3.emitPabs.b),
  ...unary(0x0f381d, 'PABSW', ssse3.emitPabs.w),
  ...unary(0x0f381e, 'PABSD', ssse3.emitPabs.d),
  ...both(0x0f3a0f, 'PALIGNR', ssse3.emitPalignr, ',Ib'),
];
