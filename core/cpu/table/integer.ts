/** Integer instructions whose meaning is an emitter. */
import * as alu from '../semantics/alu.ts';
import * as bits from '../semantics/bits.ts';
import * as control from '../semantics/control.ts';
import type { Emitter } from '../semantics/emit.ts';
import * as mov from '../semantics/mov.ts';
import * as muldiv from '../semantics/muldiv.ts';
import * as shift from '../semantics/shift.ts';
import * as string from '../semantics/string.ts';
import type { RowSpec } from './row.ts';

const ALL = 'OSZAPC';

/** The eight classic operations: opcodes 8n..8n+5 and group 1. */
const GROUP1: readonly (readonly [string, Emitter, { reads?: string; lock?: boolean; undef?: string }])[] = [
  ['ADD', alu.emitAdd, { lock: true }],
  ['OR', alu.emitOr, { lock: true, undef: 'A' }],
  ['ADC', alu.emitAdc, { lock: true, reads: 'C' }],
  ['SBB', alu.emitSbb, { lock: true, reads: 'C' }],
  ['AND', alu.emitAnd, { lock: true, undef: 'A' }],
  ['SUB', alu.emitSub, { lock: true }],
  ['XOR', alu.emitXor, { lock: true, undef: 'A' }],
  ['CMP', alu.emitCmp, {}],
];

const arithmetic: RowSpec[] = GROUP1.flatMap(([name, emit, more], n) => {
  const row = { name, emit, writes: ALL, ...more };
  return [
    { ...row, op: n * 8 + 0, form: 'Eb,Gb' },
    { ...row, op: n * 8 + 1, form: 'Ev,Gv' },
    { ...row, op: n * 8 + 2, form: 'Gb,Eb' },
    { ...row, op: n * 8 + 3, form: 'Gv,Ev' },
    { ...row, op: n * 8 + 4, form: 'AL,Ib' },
    { ...row, op: n * 8 + 5, form: 'rAX,Iz' },
    { ...row, op: 0x80, ext: n, form: 'Eb,Ib' },
    { ...row, op: 0x81, ext: n, form: 'Ev,Iz' },
    { ...row, op: 0x82, ext: n, form: 'Eb,Ib', only: 'not64' as const },
    { ...row, op: 0x83, ext: n, form: 'Ev,sIb' },
  ];
});

const SHIFTS: readonly (readonly [string, Emitter, string, string])[] = [
  ['ROL', shift.emitRol, '', 'OC'],
  ['ROR', shift.emitRor, '', 'OC'],
  ['RCL', shift.emitRcl, 'C', 'OC'],
  ['RCR', shift.emitRcr, 'C', 'OC'],
  ['SHL', shift.emitShl, '', ALL],
  ['SHR', shift.emitShr, '', ALL],
  ['SHL', shift.emitShl, '', ALL], // /6 is an alias
  ['SAR', shift.emitSar, '', ALL],
];

const shifts: RowSpec[] = SHIFTS.flatMap(([name, emit, reads, writes], ext) => {
  const row = { name, emit, ext, reads, writes, undef: ext < 4 ? 'O' : 'OA' };
  return [
    { ...row, op: 0xc0, form: 'Eb,Ib' },
    { ...row, op: 0xc1, form: 'Ev,Ib' },
    { ...row, op: 0xd0, form: 'Eb,1' },
    { ...row, op: 0xd1, form: 'Ev,1' },
    { ...row, op: 0xd2, form: 'Eb,CL' },
    { ...row, op: 0xd3, form: 'Ev,CL' },
  ];
});

const CC = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'];
const CC_READS = ['O', 'O', 'C', 'C', 'Z', 'Z', 'CZ', 'CZ', 'S', 'S', 'P', 'P', 'SO', 'SO', 'SZO', 'SZO'];

const conditional: RowSpec[] = CC.flatMap((cc, n): RowSpec[] => {
  const reads = CC_READS[n] ?? '';
  const jcc = { name: `J${cc}`, emit: control.emitJcc(n), reads, ends: true, near: true, size64: 'f64' as const };
  return [
    { ...jcc, op: 0x70 + n, form: 'Jb' },
    { ...jcc, op: 0x0f80 + n, form: 'Jz' },
    { op: 0x0f90 + n, name: `SET${cc}`, form: 'Eb', emit: mov.emitSetcc(n), reads },
    { op: 0x0f40 + n, name: `CMOV${cc}`, form: 'Gv,Ev', emit: mov.emitCmov(n), reads, cpuid: 'cmov' },
  ];
});

const stackOps: RowSpec[] = [
  { op: 0x50, plusReg: true, name: 'PUSH', form: 'Zv', emit: mov.emitPush, stack: true, size64: 'd64' },
  { op: 0x58, plusReg: true, name: 'POP', form: 'Zv', emit: mov.emitPopRegister, stack: true, size64: 'd64' },
  { op: 0x68, name: 'PUSH', form: 'Iz', emit: mov.emitPushImmediate, stack: true, size64: 'd64' },
  { op: 0x6a, name: 'PUSH', form: 'sIb', emit: mov.emitPushImmediate, stack: true, size64: 'd64' },
  { op: 0xff, ext: 6, name: 'PUSH', form: 'Ev', emit: mov.emitPush, stack: true, size64: 'd64' },
  { op: 0xc9, name: 'LEAVE', emit: mov.emitLeave, stack: true, size64: 'd64' },
  {
    op: 0xe8,
    name: 'CALL',
    form: 'Jz',
    emit: control.emitCallRelative,
    stack: true,
    ends: true,
    near: true,
    size64: 'f64',
  },
  {
    op: 0xff,
    ext: 2,
    name: 'CALL',
    form: 'Ev',
    emit: control.emitCallNear,
    stack: true,
    ends: true,
    near: true,
    size64: 'f64',
  },
  { op: 0xc3, name: 'RET', emit: control.emitRet, stack: true, ends: true, near: true, size64: 'f64' },
  {
    op: 0xc2,
    name: 'RET',
    form: 'Iw',
    emit: control.emitRetImmediate,
    stack: true,
    ends: true,
    near: true,
    size64: 'f64',
  },
];

const jumps: RowSpec[] = [
  { op: 0xe9, name: 'JMP', form: 'Jz', emit: control.emitJmpRelative, ends: true, near: true, size64: 'f64' },
  { op: 0xeb, name: 'JMP', form: 'Jb', emit: control.emitJmpRelative, ends: true, near: true, size64: 'f64' },
  { op: 0xff, ext: 4, name: 'JMP', form: 'Ev', emit: control.emitJmpNear, ends: true, near: true, size64: 'f64' },
  {
    op: 0xe0,
    name: 'LOOPNE',
    form: 'Jb',
    emit: control.emitLoopne,
    reads: 'Z',
    ends: true,
    near: true,
    size64: 'f64',
    counts: true,
  },
  {
    op: 0xe1,
    name: 'LOOPE',
    form: 'Jb',
    emit: control.emitLoope,
    reads: 'Z',
    ends: true,
    near: true,
    size64: 'f64',
    counts: true,
  },
  { op: 0xe2, name: 'LOOP', form: 'Jb', emit: control.emitLoop, ends: true, near: true, size64: 'f64', counts: true },
  { op: 0xe3, name: 'JCXZ', form: 'Jb', emit: control.emitJcxz, ends: true, near: true, size64: 'f64', counts: true },
];

const single: RowSpec[] = [
  { op: 0x40, plusReg: true, name: 'INC', form: 'Zv', emit: alu.emitInc, writes: 'OSZAP', only: 'not64' },
  { op: 0x48, plusReg: true, name: 'DEC', form: 'Zv', emit: alu.emitDec, writes: 'OSZAP', only: 'not64' },
  { op: 0xfe, ext: 0, name: 'INC', form: 'Eb', emit: alu.emitInc, writes: 'OSZAP', lock: true },
  { op: 0xff, ext: 0, name: 'INC', form: 'Ev', emit: alu.emitInc, writes: 'OSZAP', lock: true },
  { op: 0xfe, ext: 1, name: 'DEC', form: 'Eb', emit: alu.emitDec, writes: 'OSZAP', lock: true },
  { op: 0xff, ext: 1, name: 'DEC', form: 'Ev', emit: alu.emitDec, writes: 'OSZAP', lock: true },
  { op: 0xf6, ext: 2, name: 'NOT', form: 'Eb', emit: alu.emitNot, lock: true },
  { op: 0xf7, ext: 2, name: 'NOT', form: 'Ev', emit: alu.emitNot, lock: true },
  { op: 0xf6, ext: 3, name: 'NEG', form: 'Eb', emit: alu.emitNeg, writes: ALL, lock: true },
  { op: 0xf7, ext: 3, name: 'NEG', form: 'Ev', emit: alu.emitNeg, writes: ALL, lock: true },
];

const multiplyDivide: RowSpec[] = [
  { op: 0xf6, ext: 4, name: 'MUL', form: 'Eb', emit: muldiv.emitMul, writes: ALL, undef: 'SZAP' },
  { op: 0xf7, ext: 4, name: 'MUL', form: 'Ev', emit: muldiv.emitMul, writes: ALL, undef: 'SZAP' },
  { op: 0xf6, ext: 5, name: 'IMUL', form: 'Eb', emit: muldiv.emitImul1, writes: ALL, undef: 'SZAP' },
  { op: 0xf7, ext: 5, name: 'IMUL', form: 'Ev', emit: muldiv.emitImul1, writes: ALL, undef: 'SZAP' },
  { op: 0xf6, ext: 6, name: 'DIV', form: 'Eb', emit: muldiv.emitDiv, undef: ALL },
  { op: 0xf7, ext: 6, name: 'DIV', form: 'Ev', emit: muldiv.emitDiv, undef: ALL },
  { op: 0xf6, ext: 7, name: 'IDIV', form: 'Eb', emit: muldiv.emitIdiv, undef: ALL },
  { op: 0xf7, ext: 7, name: 'IDIV', form: 'Ev', emit: muldiv.emitIdiv, undef: ALL },
  { op: 0x0faf, name: 'IMUL', form: 'Gv,Ev', emit: muldiv.emitImul2, writes: ALL, undef: 'SZAP' },
  { op: 0x69, name: 'IMUL', form: 'Gv,Ev,Iz', emit: muldiv.emitImul3, writes: ALL, undef: 'SZAP' },
  { op: 0x6b, name: 'IMUL', form: 'Gv,Ev,sIb', emit: muldiv.emitImul3, writes: ALL, undef: 'SZAP' },
  { op: 0xd4, name: 'AAM', form: 'Ib', emit: muldiv.emitAam, writes: ALL, undef: 'OAC', only: 'not64' },
  { op: 0xd5, name: 'AAD', form: 'Ib', emit: muldiv.emitAad, writes: ALL, undef: 'OAC', only: 'not64' },
];

const moves: RowSpec[] = [
  { op: 0x88, name: 'MOV', form: 'Eb,Gb', emit: mov.emitMov },
  { op: 0x89, name: 'MOV', form: 'Ev,Gv', emit: mov.emitMov },
  { op: 0x8a, name: 'MOV', form: 'Gb,Eb', emit: mov.emitMov },
  { op: 0x8b, name: 'MOV', form: 'Gv,Ev', emit: mov.emitMov },
  { op: 0xa0, name: 'MOV', form: 'AL,Ob', emit: mov.emitMov },
  { op: 0xa1, name: 'MOV', form: 'rAX,Ov', emit: mov.emitMov },
  { op: 0xa2, name: 'MOV', form: 'Ob,AL', emit: mov.emitMov },
  { op: 0xa3, name: 'MOV', form: 'Ov,rAX', emit: mov.emitMov },
  { op: 0xb0, plusReg: true, name: 'MOV', form: 'Zb,Ib', emit: mov.emitMov },
  { op: 0xb8, plusReg: true, name: 'MOV', form: 'Zv,Iv', emit: mov.emitMov },
  { op: 0xc6, ext: 0, name: 'MOV', form: 'Eb,Ib', emit: mov.emitMov },
  { op: 0xc7, ext: 0, name: 'MOV', form: 'Ev,Iz', emit: mov.emitMov },
  { op: 0x0fc3, name: 'MOVNTI', form: 'My,Gy', pp: 0, emit: mov.emitMov, cpuid: 'sse2' },
  { op: 0x0f38f0, name: 'MOVBE', form: 'Gv,Mv', emit: mov.emitMovbe, cpuid: 'movbe' },
  { op: 0x0f38f1, name: 'MOVBE', form: 'Mv,Gv', emit: mov.emitMovbe, cpuid: 'movbe' },
  { op: 0x0fb6, name: 'MOVZX', form: 'Gv,Eb', emit: mov.emitMovzx },
  { op: 0x0fb7, name: 'MOVZX', form: 'Gv,Ew', emit: mov.emitMovzx },
  { op: 0x0fbe, name: 'MOVSX', form: 'Gv,Eb', emit: mov.emitMovsx },
  { op: 0x0fbf, name: 'MOVSX', form: 'Gv,Ew', emit: mov.emitMovsx },
  { op: 0x63, name: 'MOVSXD', form: 'Gv,Ed', emit: mov.emitMovsx, only: '64' },
  { op: 0x8d, name: 'LEA', form: 'Gv,Mv', emit: mov.emitLea },
  { op: 0x86, name: 'XCHG', form: 'Eb,Gb', emit: mov.emitXchg, lock: true },
  { op: 0x87, name: 'XCHG', form: 'Ev,Gv', emit: mov.emitXchg, lock: true },
  { op: 0x90, plusReg: true, name: 'XCHG', form: 'rAX,Zv', emit: mov.emitXchg },
  { op: 0x98, name: 'CBW', emit: mov.emitCbw },
  { op: 0x99, name: 'CWD', emit: mov.emitCwd },
  { op: 0x9e, name: 'SAHF', emit: mov.emitSahf, writes: 'SZAPC' },
  { op: 0x9f, name: 'LAHF', emit: mov.emitLahf, reads: 'SZAPC' },
  { op: 0xd7, name: 'XLAT', form: 'Kb', emit: mov.emitXlat },
  { op: 0x0fc8, plusReg: true, name: 'BSWAP', form: 'Zv', emit: mov.emitBswap },
  { op: 0x84, name: 'TEST', form: 'Eb,Gb', emit: alu.emitTest, writes: ALL, undef: 'A' },
  { op: 0x85, name: 'TEST', form: 'Ev,Gv', emit: alu.emitTest, writes: ALL, undef: 'A' },
  { op: 0xa8, name: 'TEST', form: 'AL,Ib', emit: alu.emitTest, writes: ALL, undef: 'A' },
  { op: 0xa9, name: 'TEST', form: 'rAX,Iz', emit: alu.emitTest, writes: ALL, undef: 'A' },
  ...[0, 1].flatMap((ext): RowSpec[] => [
    { op: 0xf6, ext, name: 'TEST', form: 'Eb,Ib', emit: alu.emitTest, writes: ALL, undef: 'A' },
    { op: 0xf7, ext, name: 'TEST', form: 'Ev,Iz', emit: alu.emitTest, writes: ALL, undef: 'A' },
  ]),
  { op: 0x0fc0, name: 'XADD', form: 'Eb,Gb', emit: alu.emitXadd, writes: ALL, lock: true },
  { op: 0x0fc1, name: 'XADD', form: 'Ev,Gv', emit: alu.emitXadd, writes: ALL, lock: true },
  { op: 0x0fb0, name: 'CMPXCHG', form: 'Eb,Gb', emit: alu.emitCmpxchg, writes: ALL, lock: true },
  { op: 0x0fb1, name: 'CMPXCHG', form: 'Ev,Gv', emit: alu.emitCmpxchg, writes: ALL, lock: true },
];

const bitOps: RowSpec[] = [
  ...(
    [
      ['BT', bits.emitBt, 0xa3, 4],
      ['BTS', bits.emitBts, 0xab, 5],
      ['BTR', bits.emitBtr, 0xb3, 6],
      ['BTC', bits.emitBtc, 0xbb, 7],
    ] as const
  ).flatMap(([name, emit, op, ext]): RowSpec[] => [
    { op: 0x0f00 + op, name, form: 'Ev,Gv', emit, writes: 'C', undef: 'OSAP', lock: ext !== 4 },
    { op: 0x0fba, ext, name, form: 'Ev,Ib', emit, writes: 'C', undef: 'OSAP', lock: ext !== 4 },
  ]),
  {
    op: 0x0fbc,
    pp: 0xf3,
    name: 'TZCNT',
    form: 'Gv,Ev',
    emit: bits.emitTzcnt,
    writes: ALL,
    undef: 'OSAP',
    cpuid: 'bmi1',
  },
  {
    op: 0x0fbd,
    pp: 0xf3,
    name: 'LZCNT',
    form: 'Gv,Ev',
    emit: bits.emitLzcnt,
    writes: ALL,
    undef: 'OSAP',
    cpuid: 'abm',
  },
  { op: 0x0fb8, pp: 0xf3, name: 'POPCNT', form: 'Gv,Ev', emit: bits.emitPopcnt, writes: ALL, cpuid: 'popcnt' },
  { op: 0x0fbc, name: 'BSF', form: 'Gv,Ev', emit: bits.emitBsf, writes: ALL, undef: 'OSAPC' },
  { op: 0x0fbd, name: 'BSR', form: 'Gv,Ev', emit: bits.emitBsr, writes: ALL, undef: 'OSAPC' },
  { op: 0x0fa4, name: 'SHLD', form: 'Ev,Gv,Ib', emit: shift.emitShld, writes: ALL, undef: 'OA' },
  { op: 0x0fa5, name: 'SHLD', form: 'Ev,Gv,CL', emit: shift.emitShld, writes: ALL, undef: 'OA' },
  { op: 0x0fac, name: 'SHRD', form: 'Ev,Gv,Ib', emit: shift.emitShrd, writes: ALL, undef: 'OA' },
  { op: 0x0fad, name: 'SHRD', form: 'Ev,Gv,CL', emit: shift.emitShrd, writes: ALL, undef: 'OA' },
];

const strings: RowSpec[] = [
  { op: 0xa4, name: 'MOVS', form: 'Yb,Xb', emit: string.emitMovs, string: true },
  { op: 0xa5, name: 'MOVS', form: 'Yv,Xv', emit: string.emitMovs, string: true },
  { op: 0xa6, name: 'CMPS', form: 'Xb,Yb', emit: string.emitCmps, string: true, writes: ALL },
  { op: 0xa7, name: 'CMPS', form: 'Xv,Yv', emit: string.emitCmps, string: true, writes: ALL },
  { op: 0xaa, name: 'STOS', form: 'Yb', emit: string.emitStos, string: true },
  { op: 0xab, name: 'STOS', form: 'Yv', emit: string.emitStos, string: true },
  { op: 0xac, name: 'LODS', form: 'Xb', emit: string.emitLods, string: true },
  { op: 0xad, name: 'LODS', form: 'Xv', emit: string.emitLods, string: true },
  { op: 0xae, name: 'SCAS', form: 'Yb', emit: string.emitScas, string: true, writes: ALL },
  { op: 0xaf, name: 'SCAS', form: 'Yv', emit: string.emitScas, string: true, writes: ALL },
];

/** Hints and fences that need no work on a processor that executes in order. */
const nothing: RowSpec[] = [
  { op: 0x0f0d, name: 'PREFETCHW', form: 'Mb', emit: mov.emitNop },
  { op: 0x0f18, name: 'PREFETCH', form: 'Ev', emit: mov.emitNop },
  ...[0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].map(
    (op): RowSpec => ({ op: 0x0f00 + op, name: 'NOP', form: 'Ev', emit: mov.emitNop }),
  ),
  { op: 0x0fae, ext: 5, mod: 'reg', name: 'LFENCE', emit: mov.emitNop, cpuid: 'sse2' },
  { op: 0x0fae, ext: 6, mod: 'reg', name: 'MFENCE', emit: mov.emitNop, cpuid: 'sse2' },
  { op: 0x0fae, ext: 7, mod: 'reg', name: 'SFENCE', emit: mov.emitNop, cpuid: 'sse' },
];

const flagOps: RowSpec[] = [
  { op: 0x9c, name: 'PUSHF', emit: control.emitPushf, stack: true, size64: 'd64', reads: ALL },
  { op: 0xfa, name: 'CLI', emit: control.emitCli },
  { op: 0xfb, name: 'STI', emit: control.emitSti },
  { op: 0xf5, name: 'CMC', emit: control.emitCmc, reads: 'C', writes: 'C' },
  { op: 0xf8, name: 'CLC', emit: control.emitClc, writes: 'C' },
  { op: 0xf9, name: 'STC', emit: control.emitStc, writes: 'C' },
  { op: 0xfc, name: 'CLD', emit: control.emitCld },
  { op: 0xfd, name: 'STD', emit: control.emitStd },
];

export const INTEGER_ROWS: readonly RowSpec[] = [
  ...arithmetic,
  ...shifts,
  ...conditional,
  ...stackOps,
  ...jumps,
  ...single,
  ...multiplyDivide,
  ...moves,
  ...bitOps,
  ...strings,
  ...nothing,
  ...flagOps,
];
