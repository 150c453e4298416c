/** Floats in XMM registers: arithmetic, comparisons, shuffles, conversions. */
import { emitRcp, emitRsqrt } from '../semantics/sse/approximate.ts';
import * as float from '../semantics/sse/arithmetic.ts';
import * as compare from '../semantics/sse/compare.ts';
import * as convert from '../semantics/sse/convert.ts';
import { emitDppd, emitDpps } from '../semantics/sse/dot-product.ts';
import * as int from '../semantics/sse/integer.ts';
import { mmx } from '../semantics/sse/mmx.ts';
import { emitRound } from '../semantics/sse/round.ts';
import * as shuffle from '../semantics/sse/shuffle.ts';
import type { RowSpec } from './row.ts';
import { bitwiseRows, floatRows, unaryFloatRows, vexOf, withVex, withVexSource } from './sse-forms.ts';

const FLAGS = 'OSZAPC';

const arithmetic: RowSpec[] = [
  ...floatRows(0x58, 'ADD', float.emitAddFloat),
  ...floatRows(0x5c, 'SUB', float.emitSubFloat),
  ...floatRows(0x59, 'MUL', float.emitMulFloat),
  ...floatRows(0x5e, 'DIV', float.emitDivFloat),
  ...floatRows(0x5d, 'MIN', float.emitMinFloat),
  ...floatRows(0x5f, 'MAX', float.emitMaxFloat),
  ...unaryFloatRows(0x51, 'SQRT', float.emitSqrt),
  ...withVex('L', [{ op: 0x0f53, pp: 0, name: 'RCPPS', form: 'Vx,Wx', emit: emitRcp.ps, cpuid: 'sse' }]),
  ...withVexSource('LIG', [{ op: 0x0f53, pp: 0xf3, name: 'RCPSS', form: 'Vx,Wd', emit: emitRcp.ss, cpuid: 'sse' }]),
  ...withVex('L', [{ op: 0x0f52, pp: 0, name: 'RSQRTPS', form: 'Vx,Wx', emit: emitRsqrt.ps, cpuid: 'sse' }]),
  ...withVexSource('LIG', [{ op: 0x0f52, pp: 0xf3, name: 'RSQRTSS', form: 'Vx,Wd', emit: emitRsqrt.ss, cpuid: 'sse' }]),
];

const compareAndLogic: RowSpec[] = [
  ...floatRows(0xc2, 'CMP', compare.emitCmpFloat, ',Ib'),
  ...withVex('LIG', [
    { op: 0x0f2e, pp: 0, name: 'UCOMISS', form: 'Vx,Wd', emit: compare.emitUcomiss, writes: FLAGS, cpuid: 'sse' },
    { op: 0x0f2e, pp: 0x66, name: 'UCOMISD', form: 'Vx,Wq', emit: compare.emitUcomisd, writes: FLAGS, cpuid: 'sse2' },
    { op: 0x0f2f, pp: 0, name: 'COMISS', form: 'Vx,Wd', emit: compare.emitComiss, writes: FLAGS, cpuid: 'sse' },
    { op: 0x0f2f, pp: 0x66, name: 'COMISD', form: 'Vx,Wq', emit: compare.emitComisd, writes: FLAGS, cpuid: 'sse2' },
  ]),
  ...withVexSource('L', bitwiseRows(0x54, 'AND', 'Vx,Wx', int.emitPand)),
  ...withVexSource('L', bitwiseRows(0x55, 'ANDN', 'Vx,Wx', int.emitPandn)),
  ...withVexSource('L', bitwiseRows(0x56, 'OR', 'Vx,Wx', int.emitPor)),
  ...withVexSource('L', bitwiseRows(0x57, 'XOR', 'Vx,Wx', int.emitPxor)),
];

const shuffles: RowSpec[] = withVexSource('L', [
  { op: 0x0f14, pp: 0, name: 'UNPCKLPS', form: 'Vx,Wx', emit: shuffle.emitPunpckl.dq, cpuid: 'sse' },
  { op: 0x0f14, pp: 0x66, name: 'UNPCKLPD', form: 'Vx,Wx', emit: shuffle.emitPunpckl.qdq, cpuid: 'sse2' },
  { op: 0x0f15, pp: 0, name: 'UNPCKHPS', form: 'Vx,Wx', emit: shuffle.emitPunpckh.dq, cpuid: 'sse' },
  { op: 0x0f15, pp: 0x66, name: 'UNPCKHPD', form: 'Vx,Wx', emit: shuffle.emitPunpckh.qdq, cpuid: 'sse2' },
  { op: 0x0fc6, pp: 0, name: 'SHUFPS', form: 'Vx,Wx,Ib', emit: shuffle.emitShufps, cpuid: 'sse' },
  { op: 0x0fc6, pp: 0x66, name: 'SHUFPD', form: 'Vx,Wx,Ib', emit: shuffle.emitShufpd, cpuid: 'sse2' },
]);

const conversions: RowSpec[] = [
  ...withVexSource('LIG', [
    { op: 0x0f2a, pp: 0xf3, name: 'CVTSI2SS', form: 'Vx,Ey', emit: convert.emitCvtsi2ss, cpuid: 'sse' },
    { op: 0x0f2a, pp: 0xf2, name: 'CVTSI2SD', form: 'Vx,Ey', emit: convert.emitCvtsi2sd, cpuid: 'sse2' },
    { op: 0x0f5a, pp: 0xf3, name: 'CVTSS2SD', form: 'Vx,Wd', emit: convert.emitCvtss2sd, cpuid: 'sse2' },
    { op: 0x0f5a, pp: 0xf2, name: 'CVTSD2SS', form: 'Vx,Wq', emit: convert.emitCvtsd2ss, cpuid: 'sse2' },
  ]),
  ...withVex('LIG', [
    { op: 0x0f2c, pp: 0xf3, name: 'CVTTSS2SI', form: 'Gy,Wd', emit: convert.emitCvttss2si, cpuid: 'sse' },
    { op: 0x0f2c, pp: 0xf2, name: 'CVTTSD2SI', form: 'Gy,Wq', emit: convert.emitCvttsd2si, cpuid: 'sse2' },
    { op: 0x0f2d, pp: 0xf3, name: 'CVTSS2SI', form: 'Gy,Wd', emit: convert.emitCvtss2si, cpuid: 'sse' },
    { op: 0x0f2d, pp: 0xf2, name: 'CVTSD2SI', form: 'Gy,Wq', emit: convert.emitCvtsd2si, cpuid: 'sse2' },
  ]),
  ...withVex('L', [
    { op: 0x0f5a, pp: 0x66, name: 'CVTPD2PS', form: 'Vo,Wx', emit: convert.emitCvtpd2ps, cpuid: 'sse2' },
    { op: 0x0f5b, pp: 0, name: 'CVTDQ2PS', form: 'Vx,Wx', emit: convert.emitCvtdq2ps, cpuid: 'sse2' },
    { op: 0x0f5b, pp: 0x66, name: 'CVTPS2DQ', form: 'Vx,Wx', emit: convert.emitCvtps2dq, cpuid: 'sse2' },
    { op: 0x0f5b, pp: 0xf3, name: 'CVTTPS2DQ', form: 'Vx,Wx', emit: convert.emitCvttps2dq, cpuid: 'sse2' },
    { op: 0x0fe6, pp: 0xf2, name: 'CVTPD2DQ', form: 'Vo,Wx', emit: convert.emitCvtpd2dq, cpuid: 'sse2' },
    { op: 0x0fe6, pp: 0x66, name: 'CVTTPD2DQ', form: 'Vo,Wx', emit: convert.emitCvttpd2dq, cpuid: 'sse2' },
  ]),
  ...widening({ op: 0x0f5a, pp: 0, name: 'CVTPS2PD', emit: convert.emitCvtps2pd, cpuid: 'sse2' }),
  ...widening({ op: 0x0fe6, pp: 0xf3, name: 'CVTDQ2PD', emit: convert.emitCvtdq2pd, cpuid: 'sse2' }),
];
/** The source is half as long as the destination. */
function widening(row: RowSpec): RowSpec[] {
  return [...withVex('L0', [{ ...row, form: 'Vx,Wq' }]), ...vexOf(row, 'L1', 'Vx,Wo')];
}

const conversionsWithMmx: RowSpec[] = [
  // from memory no MMX register is involved (on AMD's; Intel's CVTPI2PS enters MMX state all the same)
  { op: 0x0f2a, pp: 0, mod: 'mem', name: 'CVTPI2PS', form: 'Vx,Qq', emit: convert.emitCvtpi2ps, cpuid: 'sse' },
  { op: 0x0f2a, pp: 0, mod: 'reg', name: 'CVTPI2PS', form: 'Vx,Nq', emit: mmx(convert.emitCvtpi2ps), cpuid: 'sse' },
  { op: 0x0f2a, pp: 0x66, mod: 'mem', name: 'CVTPI2PD', form: 'Vx,Qq', emit: convert.emitCvtdq2pd, cpuid: 'sse2' },
  { op: 0x0f2a, pp: 0x66, mod: 'reg', name: 'CVTPI2PD', form: 'Vx,Nq', emit: mmx(convert.emitCvtdq2pd), cpuid: 'sse2' },
  { op: 0x0f2c, pp: 0, name: 'CVTTPS2PI', form: 'Pq,Wq', emit: mmx(convert.emitCvttps2dq), cpuid: 'sse' },
  { op: 0x0f2d, pp: 0, name: 'CVTPS2PI', form: 'Pq,Wq', emit: mmx(convert.emitCvtps2dq), cpuid: 'sse' },
  { op: 0x0f2c, pp: 0x66, name: 'CVTTPD2PI', form: 'Pq,Wx', emit: mmx(convert.emitCvttpd2dq), cpuid: 'sse2' },
  { op: 0x0f2d, pp: 0x66, name: 'CVTPD2PI', form: 'Pq,Wx', emit: mmx(convert.emitCvtpd2dq), cpuid: 'sse2' },
];

const sse3: RowSpec[] = [
  { op: 0x0f12, pp: 0xf2, name: 'MOVDDUP', form: 'Vx,Wq', emit: shuffle.emitMovddup, cpuid: 'pni' },
  { op: 0x0f12, pp: 0xf2, vex: 'L0', name: 'VMOVDDUP', form: 'Vx,Wq', emit: shuffle.emitMovddup, cpuid: 'avx' },
  { op: 0x0f12, pp: 0xf2, vex: 'L1', name: 'VMOVDDUP', form: 'Vx,Wx', emit: shuffle.emitMovddup, cpuid: 'avx' },
  ...withVex('L', [
    { op: 0x0f12, pp: 0xf3, name: 'MOVSLDUP', form: 'Vx,Wx', emit: shuffle.emitMovsldup, cpuid: 'pni' },
    { op: 0x0f16, pp: 0xf3, name: 'MOVSHDUP', form: 'Vx,Wx', emit: shuffle.emitMovshdup, cpuid: 'pni' },
  ]),
  ...withVexSource('L', [
    { op: 0x0fd0, pp: 0xf2, name: 'ADDSUBPS', form: 'Vx,Wx', emit: float.emitAddsubps, cpuid: 'pni' },
    { op: 0x0fd0, pp: 0x66, name: 'ADDSUBPD', form: 'Vx,Wx', emit: float.emitAddsubpd, cpuid: 'pni' },
    { op: 0x0f7c, pp: 0xf2, name: 'HADDPS', form: 'Vx,Wx', emit: float.emitHaddps, cpuid: 'pni' },
    { op: 0x0f7c, pp: 0x66, name: 'HADDPD', form: 'Vx,Wx', emit: float.emitHaddpd, cpuid: 'pni' },
    { op: 0x0f7d, pp: 0xf2, name: 'HSUBPS', form: 'Vx,Wx', emit: float.emitHsubps, cpuid: 'pni' },
    { op: 0x0f7d, pp: 0x66, name: 'HSUBPD', form: 'Vx,Wx', emit: float.emitHsubpd, cpuid: 'pni' },
  ]),
];

const sse41: RowSpec[] = [
  ...withVex('L', [
    { op: 0x0f3a08, pp: 0x66, name: 'ROUNDPS', form: 'Vx,Wx,Ib', emit: emitRound.ps, cpuid: 'sse4.1' },
    { op: 0x0f3a09, pp: 0x66, name: 'ROUNDPD', form: 'Vx,Wx,Ib', emit: emitRound.pd, cpuid: 'sse4.1' },
  ]),
  ...withVexSource('LIG', [
    { op: 0x0f3a0a, pp: 0x66, name: 'ROUNDSS', form: 'Vx,Wd,Ib', emit: emitRound.ss, cpuid: 'sse4.1' },
    { op: 0x0f3a0b, pp: 0x66, name: 'ROUNDSD', form: 'Vx,Wq,Ib', emit: emitRound.sd, cpuid: 'sse4.1' },
  ]),
  ...withVexSource('L', [{ op: 0x0f3a40, pp: 0x66, name: 'DPPS', form: 'Vx,Wx,Ib', emit: emitDpps, cpuid: 'sse4.1' }]),
  ...withVexSource('L0', [{ op: 0x0f3a41, pp: 0x66, name: 'DPPD', form: 'Vx,Wx,Ib', emit: emitDppd, cpuid: 'sse4.1' }]),
];

export const SSE_FLOATS: readonly RowSpec[] = [
  ...arithmetic,
  ...compareAndLogic,
  ...shuffles,
  ...conversions,
  ...conversionsWithMmx,
  ...sse3,
  ...sse41,
];
