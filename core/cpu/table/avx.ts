/** AVX and AVX2 that has no legacy form; VEX encodings of legacy instructions stand with those (sse-forms.ts). */
import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import * as broadcast from '../semantics/sse/broadcast.ts';
import { emitMaskLoad, emitMaskStore } from '../semantics/sse/mask-move.ts';
import * as permute from '../semantics/sse/permute.ts';
import { emitPshufd } from '../semantics/sse/shuffle.ts';
import * as sse41 from '../semantics/sse/sse41.ts';
import { emitPsllv, emitPsravd, emitPsrlv } from '../semantics/sse/variable-shift.ts';
import { emitZeroAll, emitZeroUpper } from '../semantics/sse/zero.ts';
import type { RowSpec } from './row.ts';

type Lengths = NonNullable<RowSpec['vex']>;
const row = (
  op: number,
  vex: Lengths,
  w: 0 | 1,
  name: string,
  form: string,
  emit: Emitter,
  cpuid: Feature = 'avx2',
): RowSpec => ({ op, pp: 0x66, vex, w, name, form, emit, cpuid });

const broadcasts: RowSpec[] = [
  row(0x0f3818, 'L', 0, 'VBROADCASTSS', 'Vx,Md', broadcast.emitBroadcast.d, 'avx'),
  row(0x0f3818, 'L', 0, 'VBROADCASTSS', 'Vx,Uo', broadcast.emitBroadcast.d),
  row(0x0f3819, 'L1', 0, 'VBROADCASTSD', 'Vx,Mq', broadcast.emitBroadcast.q, 'avx'),
  row(0x0f3819, 'L1', 0, 'VBROADCASTSD', 'Vx,Uo', broadcast.emitBroadcast.q),
  row(0x0f381a, 'L1', 0, 'VBROADCASTF128', 'Vx,Mo', broadcast.emitBroadcast128, 'avx'),
  row(0x0f385a, 'L1', 0, 'VBROADCASTI128', 'Vx,Mo', broadcast.emitBroadcast128),
  row(0x0f3878, 'L', 0, 'VPBROADCASTB', 'Vx,Wb', broadcast.emitBroadcast.b),
  row(0x0f3879, 'L', 0, 'VPBROADCASTW', 'Vx,Ww', broadcast.emitBroadcast.w),
  row(0x0f3858, 'L', 0, 'VPBROADCASTD', 'Vx,Wd', broadcast.emitBroadcast.d),
  row(0x0f3859, 'L', 0, 'VPBROADCASTQ', 'Vx,Wq', broadcast.emitBroadcast.q),
];

const halves: RowSpec[] = [
  row(0x0f3a18, 'L1', 0, 'VINSERTF128', 'Vx,Hx,Wo,Ib', broadcast.emitInsert128, 'avx'),
  row(0x0f3a38, 'L1', 0, 'VINSERTI128', 'Vx,Hx,Wo,Ib', broadcast.emitInsert128),
  row(0x0f3a19, 'L1', 0, 'VEXTRACTF128', 'Wo,Vx,Ib', broadcast.emitExtract128, 'avx'),
  row(0x0f3a39, 'L1', 0, 'VEXTRACTI128', 'Wo,Vx,Ib', broadcast.emitExtract128),
];

const permutations: RowSpec[] = [
  row(0x0f380c, 'L', 0, 'VPERMILPS', 'Vx,Hx,Wx', permute.emitPermilps, 'avx'),
  row(0x0f380d, 'L', 0, 'VPERMILPD', 'Vx,Hx,Wx', permute.emitPermilpd, 'avx'),
  row(0x0f3a04, 'L', 0, 'VPERMILPS', 'Vx,Wx,Ib', emitPshufd, 'avx'),
  row(0x0f3a05, 'L', 0, 'VPERMILPD', 'Vx,Wx,Ib', permute.emitPermilpdImmediate, 'avx'),
  row(0x0f3a06, 'L1', 0, 'VPERM2F128', 'Vx,Hx,Wx,Ib', permute.emitPerm2x128, 'avx'),
  row(0x0f3a46, 'L1', 0, 'VPERM2I128', 'Vx,Hx,Wx,Ib', permute.emitPerm2x128),
  row(0x0f3836, 'L1', 0, 'VPERMD', 'Vx,Hx,Wx', permute.emitPermd),
  row(0x0f3816, 'L1', 0, 'VPERMPS', 'Vx,Hx,Wx', permute.emitPermd),
  row(0x0f3a00, 'L1', 1, 'VPERMQ', 'Vx,Wx,Ib', permute.emitPermq),
  row(0x0f3a01, 'L1', 1, 'VPERMPD', 'Vx,Wx,Ib', permute.emitPermq),
];

const blends: RowSpec[] = [
  row(0x0f3a4a, 'L', 0, 'VBLENDVPS', 'Vx,Hx,Wx,Lx', sse41.emitBlendvps, 'avx'),
  row(0x0f3a4b, 'L', 0, 'VBLENDVPD', 'Vx,Hx,Wx,Lx', sse41.emitBlendvpd, 'avx'),
  row(0x0f3a4c, 'L0', 0, 'VPBLENDVB', 'Vx,Hx,Wx,Lx', sse41.emitPblendvb, 'avx'),
  row(0x0f3a4c, 'L1', 0, 'VPBLENDVB', 'Vx,Hx,Wx,Lx', sse41.emitPblendvb),
  row(0x0f3a02, 'L', 0, 'VPBLENDD', 'Vx,Hx,Wx,Ib', sse41.emitBlendps),
];

const shiftsAndTests: RowSpec[] = [
  row(0x0f3847, 'L', 0, 'VPSLLVD', 'Vx,Hx,Wx', emitPsllv.d),
  row(0x0f3847, 'L', 1, 'VPSLLVQ', 'Vx,Hx,Wx', emitPsllv.q),
  row(0x0f3845, 'L', 0, 'VPSRLVD', 'Vx,Hx,Wx', emitPsrlv.d),
  row(0x0f3845, 'L', 1, 'VPSRLVQ', 'Vx,Hx,Wx', emitPsrlv.q),
  row(0x0f3846, 'L', 0, 'VPSRAVD', 'Vx,Hx,Wx', emitPsravd),
  { ...row(0x0f380e, 'L', 0, 'VTESTPS', 'Vx,Wx', sse41.emitTestps, 'avx'), writes: 'OSZAPC' },
  { ...row(0x0f380f, 'L', 0, 'VTESTPD', 'Vx,Wx', sse41.emitTestpd, 'avx'), writes: 'OSZAPC' },
];

const maskMoves: RowSpec[] = [
  row(0x0f382c, 'L', 0, 'VMASKMOVPS', 'Vx,Hx,Md', emitMaskLoad.d, 'avx'),
  row(0x0f382d, 'L', 0, 'VMASKMOVPD', 'Vx,Hx,Mq', emitMaskLoad.q, 'avx'),
  row(0x0f382e, 'L', 0, 'VMASKMOVPS', 'Md,Hx,Vx', emitMaskStore.d, 'avx'),
  row(0x0f382f, 'L', 0, 'VMASKMOVPD', 'Mq,Hx,Vx', emitMaskStore.q, 'avx'),
  row(0x0f388c, 'L', 0, 'VPMASKMOVD', 'Vx,Hx,Md', emitMaskLoad.d),
  row(0x0f388c, 'L', 1, 'VPMASKMOVQ', 'Vx,Hx,Mq', emitMaskLoad.q),
  row(0x0f388e, 'L', 0, 'VPMASKMOVD', 'Md,Hx,Vx', emitMaskStore.d),
  row(0x0f388e, 'L', 1, 'VPMASKMOVQ', 'Mq,Hx,Vx', emitMaskStore.q),
];

/** Outside 64-bit mode there are eight registers. */
const state: RowSpec[] = [
  { op: 0x0f77, pp: 0, vex: 'L0', name: 'VZEROUPPER', only: '64', emit: emitZeroUpper(16), cpuid: 'avx' },
  { op: 0x0f77, pp: 0, vex: 'L0', name: 'VZEROUPPER', only: 'not64', emit: emitZeroUpper(8), cpuid: 'avx' },
  { op: 0x0f77, pp: 0, vex: 'L1', name: 'VZEROALL', only: '64', emit: emitZeroAll(16), cpuid: 'avx' },
  { op: 0x0f77, pp: 0, vex: 'L1', name: 'VZEROALL', only: 'not64', emit: emitZeroAll(8), cpuid: 'avx' },
  { op: 0x0fae, ext: 2, mod: 'mem', pp: 0, vex: 'L0', name: 'VLDMXCSR', form: 'Md', system: 'ldmxcsr', cpuid: 'avx' },
  { op: 0x0fae, ext: 3, mod: 'mem', pp: 0, vex: 'L0', name: 'VSTMXCSR', form: 'Md', system: 'stmxcsr', cpuid: 'avx' },
];

/** Elements from addresses by a vector index: dwords or qwords, by indices that are dwords or qwords. */
const gather = (op: number, w: 0 | 1, name: string): RowSpec => ({
  op,
  pp: 0x66,
  vex: 'L',
  w,
  vsib: true,
  name,
  form: w === 0 ? 'Vx,Md,Hx' : 'Vx,Mq,Hx',
  system: 'gather',
  cpuid: 'avx2',
});
const gathers: RowSpec[] = [
  gather(0x0f3890, 0, 'VPGATHERDD'),
  gather(0x0f3890, 1, 'VPGATHERDQ'),
  gather(0x0f3891, 0, 'VPGATHERQD'),
  gather(0x0f3891, 1, 'VPGATHERQQ'),
  gather(0x0f3892, 0, 'VGATHERDPS'),
  gather(0x0f3892, 1, 'VGATHERDPD'),
  gather(0x0f3893, 0, 'VGATHERQPS'),
  gather(0x0f3893, 1, 'VGATHERQPD'),
];

export const AVX_ROWS: readonly RowSpec[] = [
  ...broadcasts,
  ...halves,
  ...permutations,
  ...blends,
  ...shiftsAndTests,
  ...maskMoves,
  ...state,
  ...gathers,
];
