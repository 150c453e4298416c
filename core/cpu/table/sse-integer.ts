/** Packed integers of XMM and MMX registers. */
import type { Emitter } from '../semantics/emit.ts';
import * as int from '../semantics/sse/integer.ts';
import { emitEmms, mmx } from '../semantics/sse/mmx.ts';
import * as shuffle from '../semantics/sse/shuffle.ts';
import type { RowSpec } from './row.ts';
import { packedRows, vexOf, withVex, withVexSource } from './sse-forms.ts';

const arithmetic: RowSpec[] = [
  ...packedRows(0xfc, 'PADDB', int.emitPadd.b),
  ...packedRows(0xfd, 'PADDW', int.emitPadd.w),
  ...packedRows(0xfe, 'PADDD', int.emitPadd.d),
  ...packedRows(0xd4, 'PADDQ', int.emitPadd.q, 'sse2'),
  ...packedRows(0xec, 'PADDSB', int.emitPadd.sb),
  ...packedRows(0xed, 'PADDSW', int.emitPadd.sw),
  ...packedRows(0xdc, 'PADDUSB', int.emitPadd.usb),
  ...packedRows(0xdd, 'PADDUSW', int.emitPadd.usw),
  ...packedRows(0xf8, 'PSUBB', int.emitPsub.b),
  ...packedRows(0xf9, 'PSUBW', int.emitPsub.w),
  ...packedRows(0xfa, 'PSUBD', int.emitPsub.d),
  ...packedRows(0xfb, 'PSUBQ', int.emitPsub.q, 'sse2'),
  ...packedRows(0xe8, 'PSUBSB', int.emitPsub.sb),
  ...packedRows(0xe9, 'PSUBSW', int.emitPsub.sw),
  ...packedRows(0xd8, 'PSUBUSB', int.emitPsub.usb),
  ...packedRows(0xd9, 'PSUBUSW', int.emitPsub.usw),
  ...packedRows(0xd5, 'PMULLW', int.emitPmullw),
  ...packedRows(0xe5, 'PMULHW', int.emitPmulhw),
  ...packedRows(0xe4, 'PMULHUW', int.emitPmulhuw, 'sse'),
  ...packedRows(0xf4, 'PMULUDQ', int.emitPmuludq, 'sse2'),
  ...packedRows(0xf5, 'PMADDWD', int.emitPmaddwd),
  ...packedRows(0xf6, 'PSADBW', int.emitPsadbw, 'sse'),
  ...packedRows(0xe0, 'PAVGB', int.emitPavgb, 'sse'),
  ...packedRows(0xe3, 'PAVGW', int.emitPavgw, 'sse'),
  ...packedRows(0xda, 'PMINUB', int.emitPminub, 'sse'),
  ...packedRows(0xde, 'PMAXUB', int.emitPmaxub, 'sse'),
  ...packedRows(0xea, 'PMINSW', int.emitPminsw, 'sse'),
  ...packedRows(0xee, 'PMAXSW', int.emitPmaxsw, 'sse'),
];

const logicAndCompare: RowSpec[] = [
  ...packedRows(0xdb, 'PAND', int.emitPand),
  ...packedRows(0xdf, 'PANDN', int.emitPandn),
  ...packedRows(0xeb, 'POR', int.emitPor),
  ...packedRows(0xef, 'PXOR', int.emitPxor),
  ...packedRows(0x74, 'PCMPEQB', int.emitPcmpeq.b),
  ...packedRows(0x75, 'PCMPEQW', int.emitPcmpeq.w),
  ...packedRows(0x76, 'PCMPEQD', int.emitPcmpeq.d),
  ...packedRows(0x64, 'PCMPGTB', int.emitPcmpgt.b),
  ...packedRows(0x65, 'PCMPGTW', int.emitPcmpgt.w),
  ...packedRows(0x66, 'PCMPGTD', int.emitPcmpgt.d),
];

/** Shifts by register (op) and by immediate (group op and ext). */
const SHIFTS: readonly (readonly [name: string, op: number, group: number, ext: number, Emitter])[] = [
  ['PSRLW', 0xd1, 0x71, 2, int.emitPsrl.w],
  ['PSRLD', 0xd2, 0x72, 2, int.emitPsrl.d],
  ['PSRLQ', 0xd3, 0x73, 2, int.emitPsrl.q],
  ['PSRAW', 0xe1, 0x71, 4, int.emitPsra.w],
  ['PSRAD', 0xe2, 0x72, 4, int.emitPsra.d],
  ['PSLLW', 0xf1, 0x71, 6, int.emitPsll.w],
  ['PSLLD', 0xf2, 0x72, 6, int.emitPsll.d],
  ['PSLLQ', 0xf3, 0x73, 6, int.emitPsll.q],
];
/** By a count in XMM or memory, 128 bits whatever the vector's length. */
const shiftByXmm = (op: number, name: string, emit: Emitter): RowSpec[] => {
  const row: RowSpec = { op: 0x0f00 + op, pp: 0x66, name, form: 'Vx,Wx', emit, cpuid: 'sse2' };
  return [row, ...vexOf(row, 'avx2', 'Vx,Hx,Wo')];
};
/** By an immediate; VEX has the destination in vvvv. */
const shiftByImmediate = (op: number, ext: number, name: string, emit: Emitter): RowSpec[] => {
  const row: RowSpec = { op: 0x0f00 + op, ext, pp: 0x66, name, form: 'Ux,Ib', emit, cpuid: 'sse2' };
  return [row, ...vexOf(row, 'avx2', 'Hx,Ux,Ib')];
};
const shifts: RowSpec[] = [
  ...SHIFTS.flatMap(([name, op, group, ext, emit]): RowSpec[] => [
    { op: 0x0f00 + op, pp: 0, name, form: 'Pq,Qq', emit: mmx(emit), cpuid: 'mmx' },
    ...shiftByXmm(op, name, emit),
    { op: 0x0f00 + group, ext, pp: 0, name, form: 'Nq,Ib', emit: mmx(emit), cpuid: 'mmx' },
    ...shiftByImmediate(group, ext, name, emit),
  ]),
  ...shiftByImmediate(0x73, 3, 'PSRLDQ', int.emitPsrldq),
  ...shiftByImmediate(0x73, 7, 'PSLLDQ', int.emitPslldq),
];

/** Low halves of MMX operands in memory are 4 bytes. */
const unpackLow = (op: number, name: string, emit: Emitter): RowSpec[] => [
  { op: 0x0f00 + op, pp: 0, name, form: 'Pq,Qd', emit: mmx(emit), cpuid: 'mmx' },
  ...withVexSource('avx2', [{ op: 0x0f00 + op, pp: 0x66, name, form: 'Vx,Wx', emit, cpuid: 'sse2' }]),
];
const interleaving: RowSpec[] = [
  ...unpackLow(0x60, 'PUNPCKLBW', shuffle.emitPunpckl.bw),
  ...unpackLow(0x61, 'PUNPCKLWD', shuffle.emitPunpckl.wd),
  ...unpackLow(0x62, 'PUNPCKLDQ', shuffle.emitPunpckl.dq),
  ...withVexSource('avx2', [
    { op: 0x0f6c, pp: 0x66, name: 'PUNPCKLQDQ', form: 'Vx,Wx', emit: shuffle.emitPunpckl.qdq, cpuid: 'sse2' },
  ]),
  ...packedRows(0x68, 'PUNPCKHBW', shuffle.emitPunpckh.bw),
  ...packedRows(0x69, 'PUNPCKHWD', shuffle.emitPunpckh.wd),
  ...packedRows(0x6a, 'PUNPCKHDQ', shuffle.emitPunpckh.dq),
  ...withVexSource('avx2', [
    { op: 0x0f6d, pp: 0x66, name: 'PUNPCKHQDQ', form: 'Vx,Wx', emit: shuffle.emitPunpckh.qdq, cpuid: 'sse2' },
  ]),
  ...packedRows(0x63, 'PACKSSWB', int.emitPacksswb),
  ...packedRows(0x67, 'PACKUSWB', int.emitPackuswb),
  ...packedRows(0x6b, 'PACKSSDW', int.emitPackssdw),
];

const shuffles: RowSpec[] = [
  { op: 0x0f70, pp: 0, name: 'PSHUFW', form: 'Pq,Qq,Ib', emit: mmx(shuffle.emitPshuflw), cpuid: 'sse' },
  ...withVex('avx2', [
    { op: 0x0f70, pp: 0x66, name: 'PSHUFD', form: 'Vx,Wx,Ib', emit: shuffle.emitPshufd, cpuid: 'sse2' },
    { op: 0x0f70, pp: 0xf2, name: 'PSHUFLW', form: 'Vx,Wx,Ib', emit: shuffle.emitPshuflw, cpuid: 'sse2' },
    { op: 0x0f70, pp: 0xf3, name: 'PSHUFHW', form: 'Vx,Wx,Ib', emit: shuffle.emitPshufhw, cpuid: 'sse2' },
  ]),
  { op: 0x0fc4, pp: 0, name: 'PINSRW', form: 'Pq,Ew,Ib', emit: mmx(shuffle.emitPinsrw), cpuid: 'sse' },
  ...withVexSource('L0', [
    { op: 0x0fc4, pp: 0x66, name: 'PINSRW', form: 'Vx,Ew,Ib', emit: shuffle.emitPinsrw, cpuid: 'sse2' },
  ]),
  { op: 0x0fc5, pp: 0, name: 'PEXTRW', form: 'Gd,Nq,Ib', emit: mmx(shuffle.emitPextrw), cpuid: 'sse' },
  ...withVex('L0', [
    { op: 0x0fc5, pp: 0x66, name: 'PEXTRW', form: 'Gd,Ux,Ib', emit: shuffle.emitPextrw, cpuid: 'sse2' },
  ]),
  { op: 0x0f77, pp: 0, name: 'EMMS', emit: emitEmms, cpuid: 'mmx' },
];

export const SSE_INTEGERS: readonly RowSpec[] = [
  ...arithmetic,
  ...logicAndCompare,
  ...shifts,
  ...interleaving,
  ...shuffles,
];
