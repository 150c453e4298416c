/** Moves of XMM, YMM and MMX registers. */
import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import { mmx } from '../semantics/sse/mmx.ts';
import * as move from '../semantics/sse/move.ts';
import type { RowSpec } from './row.ts';
import { bitwiseRows, vexOf, withVex, withVexSource } from './sse-forms.ts';

const whole: RowSpec[] = withVex('L', [
  ...bitwiseRows(0x10, 'MOVU', 'Vx,Wx', move.emitMoveUnaligned),
  ...bitwiseRows(0x11, 'MOVU', 'Wx,Vx', move.emitMoveUnaligned),
  ...bitwiseRows(0x28, 'MOVA', 'Vx,Wx', move.emitMoveAligned),
  ...bitwiseRows(0x29, 'MOVA', 'Wx,Vx', move.emitMoveAligned),
  ...bitwiseRows(0x2b, 'MOVNT', 'Mx,Vx', move.emitMoveAligned),
  { op: 0x0f6f, pp: 0x66, name: 'MOVDQA', form: 'Vx,Wx', emit: move.emitMoveAligned, cpuid: 'sse2' },
  { op: 0x0f7f, pp: 0x66, name: 'MOVDQA', form: 'Wx,Vx', emit: move.emitMoveAligned, cpuid: 'sse2' },
  { op: 0x0f6f, pp: 0xf3, name: 'MOVDQU', form: 'Vx,Wx', emit: move.emitMoveUnaligned, cpuid: 'sse2' },
  { op: 0x0f7f, pp: 0xf3, name: 'MOVDQU', form: 'Wx,Vx', emit: move.emitMoveUnaligned, cpuid: 'sse2' },
  { op: 0x0fe7, pp: 0x66, name: 'MOVNTDQ', form: 'Mx,Vx', emit: move.emitMoveAligned, cpuid: 'sse2' },
  { op: 0x0ff0, pp: 0xf2, name: 'LDDQU', form: 'Vx,Mx', emit: move.emitMoveUnaligned, cpuid: 'pni' },
]);

const halves: RowSpec[] = [
  ...withVexSource('L0', [
    { op: 0x0f12, pp: 0, mod: 'reg', name: 'MOVHLPS', form: 'Vx,Ux', emit: move.emitMovhlps, cpuid: 'sse' },
    { op: 0x0f16, pp: 0, mod: 'reg', name: 'MOVLHPS', form: 'Vx,Ux', emit: move.emitLoadHigh, cpuid: 'sse' },
    ...bitwiseRows(0x12, 'MOVL', 'Vx,Mq', move.emitLoadLow),
    ...bitwiseRows(0x16, 'MOVH', 'Vx,Mq', move.emitLoadHigh),
  ]),
  ...withVex('L0', [
    ...bitwiseRows(0x13, 'MOVL', 'Mq,Vx', move.emitStoreLow),
    ...bitwiseRows(0x17, 'MOVH', 'Mq,Vx', move.emitStoreHigh),
  ]),
];

/** To and from memory, and between registers, where VEX has a source for the upper lanes. */
function scalarMoves(pp: 0xf2 | 0xf3, name: string, size: string, emit: Emitter, cpuid: Feature): RowSpec[] {
  const load: RowSpec = { op: 0x0f10, pp, name, form: `Vx,W${size}`, emit, cpuid };
  const store: RowSpec = { op: 0x0f11, pp, name, form: `W${size},Vx`, emit, cpuid };
  return [
    load,
    store,
    ...vexOf({ ...load, mod: 'mem' }, 'LIG', `Vx,M${size}`),
    ...vexOf({ ...store, mod: 'mem' }, 'LIG', `M${size},Vx`),
    ...vexOf({ ...load, mod: 'reg' }, 'LIG', 'Vx,Hx,Ux'),
    ...vexOf({ ...store, mod: 'reg' }, 'LIG', 'Ux,Hx,Vx'),
  ];
}
const scalar: RowSpec[] = [
  ...scalarMoves(0xf3, 'MOVSS', 'd', move.emitMovss, 'sse'),
  ...scalarMoves(0xf2, 'MOVSD', 'q', move.emitMovsd, 'sse2'),
  ...withVex('L0', [
    { op: 0x0f7e, pp: 0xf3, name: 'MOVQ', form: 'Vx,Wq', emit: move.emitMovq, cpuid: 'sse2' },
    { op: 0x0fd6, pp: 0x66, name: 'MOVQ', form: 'Wq,Vx', emit: move.emitMovq, cpuid: 'sse2' },
    { op: 0x0f6e, pp: 0x66, name: 'MOVD', form: 'Vx,Ey', emit: move.emitMovdTo, cpuid: 'sse2' },
    { op: 0x0f7e, pp: 0x66, name: 'MOVD', form: 'Ey,Vx', emit: move.emitMovdFrom, cpuid: 'sse2' },
  ]),
];

const ofMmx: RowSpec[] = [
  { op: 0x0f6e, pp: 0, name: 'MOVD', form: 'Pq,Ey', emit: mmx(move.emitMovdTo), cpuid: 'mmx' },
  { op: 0x0f7e, pp: 0, name: 'MOVD', form: 'Ey,Pq', emit: mmx(move.emitMovdFrom), cpuid: 'mmx' },
  { op: 0x0f6f, pp: 0, name: 'MOVQ', form: 'Pq,Qq', emit: mmx(move.emitMoveMmx), cpuid: 'mmx' },
  { op: 0x0f7f, pp: 0, name: 'MOVQ', form: 'Qq,Pq', emit: mmx(move.emitMoveMmx), cpuid: 'mmx' },
  { op: 0x0fe7, pp: 0, name: 'MOVNTQ', form: 'Mq,Pq', emit: mmx(move.emitMoveMmx), cpuid: 'sse' },
  { op: 0x0fd6, pp: 0xf3, name: 'MOVQ2DQ', form: 'Vx,Nq', emit: mmx(move.emitMovq), cpuid: 'sse2' },
  { op: 0x0fd6, pp: 0xf2, name: 'MOVDQ2Q', form: 'Pq,Ux', emit: mmx(move.emitMovq), cpuid: 'sse2' },
];

const masks: RowSpec[] = [
  ...withVex('L', [
    { op: 0x0f50, pp: 0, name: 'MOVMSKPS', form: 'Gd,Ux', emit: move.emitMovmskps, cpuid: 'sse' },
    { op: 0x0f50, pp: 0x66, name: 'MOVMSKPD', form: 'Gd,Ux', emit: move.emitMovmskpd, cpuid: 'sse2' },
  ]),
  { op: 0x0fd7, pp: 0, name: 'PMOVMSKB', form: 'Gd,Nq', emit: mmx(move.emitPmovmskb), cpuid: 'sse' },
  ...withVex('avx2', [
    { op: 0x0fd7, pp: 0x66, name: 'PMOVMSKB', form: 'Gd,Ux', emit: move.emitPmovmskb, cpuid: 'sse2' },
  ]),
  { op: 0x0ff7, pp: 0, name: 'MASKMOVQ', form: 'Pq,Nq,Tb', emit: mmx(move.emitMaskMove), cpuid: 'sse' },
  ...withVex('L0', [
    { op: 0x0ff7, pp: 0x66, name: 'MASKMOVDQU', form: 'Vx,Ux,Tb', emit: move.emitMaskMove, cpuid: 'sse2' },
  ]),
];

export const SSE_MOVES: readonly RowSpec[] = [...whole, ...halves, ...scalar, ...ofMmx, ...masks];
