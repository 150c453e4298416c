/** SSE4.1 and SSE4.2, but for what depends on MXCSR (ROUNDPS and so on, DPPS, DPPD). */
import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import { emitCrc32 } from '../semantics/sse/crc32.ts';
import * as element from '../semantics/sse/element.ts';
import { emitMoveAligned } from '../semantics/sse/move.ts';
import * as sse41 from '../semantics/sse/sse41.ts';
import * as string from '../semantics/sse/string-compare.ts';
import type { RowSpec } from './row.ts';
import { vexOf, withVex, withVexSource } from './sse-forms.ts';

const row = (op: number, name: string, form: string, emit: Emitter, cpuid: Feature = 'sse4.1'): RowSpec => ({
  op,
  pp: 0x66,
  name,
  form,
  emit,
  cpuid,
});

const blends: RowSpec[] = [
  ...withVexSource('L', [
    row(0x0f3a0c, 'BLENDPS', 'Vx,Wx,Ib', sse41.emitBlendps),
    row(0x0f3a0d, 'BLENDPD', 'Vx,Wx,Ib', sse41.emitBlendpd),
  ]),
  ...withVexSource('avx2', [row(0x0f3a0e, 'PBLENDW', 'Vx,Wx,Ib', sse41.emitPblendw)]),
  row(0x0f3810, 'PBLENDVB', 'Vx,Wx', sse41.emitPblendvb),
  row(0x0f3814, 'BLENDVPS', 'Vx,Wx', sse41.emitBlendvps),
  row(0x0f3815, 'BLENDVPD', 'Vx,Wx', sse41.emitBlendvpd),
];

/** A source of twice the size with 256 bits. */
const TWICE: Readonly<Record<string, string>> = { w: 'd', d: 'q', q: 'o' };
const withVexExtension = (spec: RowSpec): RowSpec[] => [
  spec,
  ...vexOf(spec, 'L0'),
  ...vexOf(
    { ...spec, cpuid: 'avx2' },
    'L1',
    spec.form?.replace(/.$/, (size) => TWICE[size] ?? ''),
  ),
];
const extensions: RowSpec[] = [
  row(0x0f3820, 'PMOVSXBW', 'Vx,Wq', sse41.emitPmovsx.bw),
  row(0x0f3821, 'PMOVSXBD', 'Vx,Wd', sse41.emitPmovsx.bd),
  row(0x0f3822, 'PMOVSXBQ', 'Vx,Ww', sse41.emitPmovsx.bq),
  row(0x0f3823, 'PMOVSXWD', 'Vx,Wq', sse41.emitPmovsx.wd),
  row(0x0f3824, 'PMOVSXWQ', 'Vx,Wd', sse41.emitPmovsx.wq),
  row(0x0f3825, 'PMOVSXDQ', 'Vx,Wq', sse41.emitPmovsx.dq),
  row(0x0f3830, 'PMOVZXBW', 'Vx,Wq', sse41.emitPmovzx.bw),
  row(0x0f3831, 'PMOVZXBD', 'Vx,Wd', sse41.emitPmovzx.bd),
  row(0x0f3832, 'PMOVZXBQ', 'Vx,Ww', sse41.emitPmovzx.bq),
  row(0x0f3833, 'PMOVZXWD', 'Vx,Wq', sse41.emitPmovzx.wd),
  row(0x0f3834, 'PMOVZXWQ', 'Vx,Wd', sse41.emitPmovzx.wq),
  row(0x0f3835, 'PMOVZXDQ', 'Vx,Wq', sse41.emitPmovzx.dq),
].flatMap(withVexExtension);

const arithmetic: RowSpec[] = [
  ...withVex('L', [{ ...row(0x0f3817, 'PTEST', 'Vx,Wx', sse41.emitPtest), writes: 'OSZAPC' }]),
  ...withVexSource('avx2', [
    row(0x0f3828, 'PMULDQ', 'Vx,Wx', sse41.emitPmuldq),
    row(0x0f3840, 'PMULLD', 'Vx,Wx', sse41.emitPmulld),
    row(0x0f3829, 'PCMPEQQ', 'Vx,Wx', sse41.emitPcmpeqq),
    row(0x0f3837, 'PCMPGTQ', 'Vx,Wx', sse41.emitPcmpgtq, 'sse4.2'),
  ]),
  ...withVex('avx2', [row(0x0f382a, 'MOVNTDQA', 'Vx,Mx', emitMoveAligned)]),
  ...withVexSource('avx2', [
    row(0x0f382b, 'PACKUSDW', 'Vx,Wx', sse41.emitPackusdw),
    row(0x0f3838, 'PMINSB', 'Vx,Wx', sse41.emitPmin.sb),
    row(0x0f3839, 'PMINSD', 'Vx,Wx', sse41.emitPmin.sd),
    row(0x0f383a, 'PMINUW', 'Vx,Wx', sse41.emitPmin.uw),
    row(0x0f383b, 'PMINUD', 'Vx,Wx', sse41.emitPmin.ud),
    row(0x0f383c, 'PMAXSB', 'Vx,Wx', sse41.emitPmax.sb),
    row(0x0f383d, 'PMAXSD', 'Vx,Wx', sse41.emitPmax.sd),
    row(0x0f383e, 'PMAXUW', 'Vx,Wx', sse41.emitPmax.uw),
    row(0x0f383f, 'PMAXUD', 'Vx,Wx', sse41.emitPmax.ud),
  ]),
  ...withVex('L0', [row(0x0f3841, 'PHMINPOSUW', 'Vx,Wx', sse41.emitPhminposuw)]),
  ...withVexSource('avx2', [row(0x0f3a42, 'MPSADBW', 'Vx,Wx,Ib', sse41.emitMpsadbw)]),
];

const elements: RowSpec[] = [
  ...withVex('L0', [
    row(0x0f3a14, 'PEXTRB', 'Rd,Vx,Ib', element.emitPextrb),
    row(0x0f3a14, 'PEXTRB', 'Mb,Vx,Ib', element.emitPextrb),
    row(0x0f3a15, 'PEXTRW', 'Rd,Vx,Ib', element.emitPextrw),
    row(0x0f3a15, 'PEXTRW', 'Mw,Vx,Ib', element.emitPextrw),
    row(0x0f3a16, 'PEXTRD', 'Ey,Vx,Ib', element.emitPextrdq),
    row(0x0f3a17, 'EXTRACTPS', 'Ed,Vx,Ib', element.emitPextrd),
  ]),
  ...withVexSource('L0', [
    row(0x0f3a20, 'PINSRB', 'Vx,Rd,Ib', element.emitPinsrb),
    row(0x0f3a20, 'PINSRB', 'Vx,Mb,Ib', element.emitPinsrb),
    row(0x0f3a21, 'INSERTPS', 'Vx,Wd,Ib', element.emitInsertps),
    row(0x0f3a22, 'PINSRD', 'Vx,Ey,Ib', element.emitPinsrdq),
  ]),
];

const strings: RowSpec[] = withVex(
  'L0',
  [
    row(0x0f3a60, 'PCMPESTRM', 'Vx,Wx,Ib,yAX,yDX', string.emitPcmpestrm, 'sse4.2'),
    row(0x0f3a61, 'PCMPESTRI', 'Vx,Wx,Ib,yAX,yDX', string.emitPcmpestri, 'sse4.2'),
    row(0x0f3a62, 'PCMPISTRM', 'Vx,Wx,Ib', string.emitPcmpistrm, 'sse4.2'),
    row(0x0f3a63, 'PCMPISTRI', 'Vx,Wx,Ib', string.emitPcmpistri, 'sse4.2'),
  ].map((spec) => ({ ...spec, writes: 'OSZAPC' })),
);

const crc32: RowSpec[] = [
  { op: 0x0f38f0, pp: 0xf2, name: 'CRC32', form: 'Gd,Eb', emit: emitCrc32, cpuid: 'sse4.2' },
  { op: 0x0f38f1, pp: 0xf2, name: 'CRC32', form: 'Gd,Ev', emit: emitCrc32, cpuid: 'sse4.2' },
];

export const SSE4_ROWS: readonly RowSpec[] = [
  ...blends,
  ...extensions,
  ...arithmetic,
  ...elements,
  ...strings,
  ...crc32,
];
