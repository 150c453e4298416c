/** Rows whose meaning is TypeScript (system/). They end a block when what follows may decode or translate differently. */
import type { RowSpec } from './row.ts';

const segments: RowSpec[] = [
  ...[0x06, 0x0e, 0x16, 0x1e].map((op): RowSpec => ({ op, name: 'PUSH', system: 'pushSegment', size64: 'd64', only: 'not64' })),
  ...[0x07, 0x17, 0x1f].map((op): RowSpec => ({ op, name: 'POP', system: 'popSegment', ends: true, size64: 'd64', only: 'not64' })),
  ...[0x0fa0, 0x0fa8].map((op): RowSpec => ({ op, name: 'PUSH', system: 'pushSegment', size64: 'd64' })),
  ...[0x0fa1, 0x0fa9].map((op): RowSpec => ({ op, name: 'POP', system: 'popSegment', ends: true, size64: 'd64' })),
  { op: 0x8c, name: 'MOV', form: 'Ev,Sw', system: 'movFromSegment' },
  { op: 0x8e, name: 'MOV', form: 'Sw,Ew', system: 'movToSegment', ends: true },
  { op: 0xc4, name: 'LES', form: 'Gv,Mp', system: 'loadFarPointer', ends: true, only: 'not64' },
  { op: 0xc5, name: 'LDS', form: 'Gv,Mp', system: 'loadFarPointer', ends: true, only: 'not64' },
  { op: 0x0fb2, name: 'LSS', form: 'Gv,Mp', system: 'loadFarPointer', ends: true },
  { op: 0x0fb4, name: 'LFS', form: 'Gv,Mp', system: 'loadFarPointer', ends: true },
  { op: 0x0fb5, name: 'LGS', form: 'Gv,Mp', system: 'loadFarPointer', ends: true },
];

const transfers: RowSpec[] = [
  { op: 0x9a, name: 'CALLF', form: 'Ap', system: 'callFar', ends: true, only: 'not64' },
  { op: 0xea, name: 'JMPF', form: 'Ap', system: 'jumpFar', ends: true, only: 'not64' },
  { op: 0xff, ext: 3, name: 'CALLF', form: 'Mp', system: 'callFarIndirect', ends: true },
  { op: 0xff, ext: 5, name: 'JMPF', form: 'Mp', system: 'jumpFarIndirect', ends: true },
  { op: 0xca, name: 'RETF', form: 'Iw', system: 'retFar', ends: true },
  { op: 0xcb, name: 'RETF', system: 'retFar', ends: true },
  { op: 0xcf, name: 'IRET', system: 'iret', ends: true },
  { op: 0xcc, name: 'INT3', system: 'int3', ends: true },
  { op: 0xcd, name: 'INT', form: 'Ib', system: 'int', ends: true },
  { op: 0xce, name: 'INTO', system: 'into', ends: true, only: 'not64' },
  { op: 0xf1, name: 'ICEBP', system: 'icebp', ends: true },
  { op: 0x0f05, name: 'SYSCALL', system: 'syscall', ends: true },
  { op: 0x0f07, name: 'SYSRET', system: 'sysret', ends: true },
  { op: 0x0f34, name: 'SYSENTER', system: 'sysenter', ends: true },
  { op: 0x0f35, name: 'SYSEXIT', system: 'sysexit', ends: true },
  { op: 0x0f0b, name: 'UD2', system: 'undefined', ends: true },
  { op: 0x0fb9, name: 'UD1', form: 'Gv,Ev', system: 'undefined', ends: true },
  { op: 0x0fff, name: 'UD0', form: 'Gv,Ev', system: 'undefined', ends: true },
];

const legacy: RowSpec[] = [
  { op: 0x60, name: 'PUSHA', system: 'pusha', only: 'not64' },
  { op: 0x61, name: 'POPA', system: 'popa', only: 'not64' },
  { op: 0x62, name: 'BOUND', form: 'Gv,Mv', system: 'bound', only: 'not64' },
  { op: 0x63, name: 'ARPL', form: 'Ew,Gw', system: 'arpl', only: 'not64', writes: 'Z' },
  { op: 0x8f, ext: 0, name: 'POP', form: 'Ev', system: 'popMemory', size64: 'd64' },
  { op: 0xc8, name: 'ENTER', form: 'Iw,Ib', system: 'enter', size64: 'd64' },
  { op: 0x9d, name: 'POPF', system: 'popf', ends: true, size64: 'd64', writes: 'OSZAPC' },
  { op: 0xd6, name: 'SALC', system: 'salc', only: 'not64', reads: 'C' },
  { op: 0x27, name: 'DAA', system: 'daa', only: 'not64', reads: 'AC', writes: 'OSZAPC', undef: 'O' },
  { op: 0x2f, name: 'DAS', system: 'das', only: 'not64', reads: 'AC', writes: 'OSZAPC', undef: 'O' },
  { op: 0x37, name: 'AAA', system: 'aaa', only: 'not64', reads: 'A', writes: 'OSZAPC', undef: 'OSZP' },
  { op: 0x3f, name: 'AAS', system: 'aas', only: 'not64', reads: 'A', writes: 'OSZAPC', undef: 'OSZP' },
];

const inputOutput: RowSpec[] = [
  { op: 0x6c, name: 'INS', form: 'Yb', system: 'ins', string: true, ends: true },
  { op: 0x6d, name: 'INS', form: 'Yz', system: 'ins', string: true, ends: true },
  { op: 0x6e, name: 'OUTS', form: 'Xb', system: 'outs', string: true, ends: true },
  { op: 0x6f, name: 'OUTS', form: 'Xz', system: 'outs', string: true, ends: true },
  { op: 0xe4, name: 'IN', form: 'AL,Ib', system: 'in', ends: true },
  { op: 0xe5, name: 'IN', form: 'rAX,Ib', system: 'in', ends: true },
  { op: 0xec, name: 'IN', form: 'AL,DX', system: 'in', ends: true },
  { op: 0xed, name: 'IN', form: 'rAX,DX', system: 'in', ends: true },
  { op: 0xe6, name: 'OUT', form: 'Ib,AL', system: 'out', ends: true },
  { op: 0xe7, name: 'OUT', form: 'Ib,rAX', system: 'out', ends: true },
  { op: 0xee, name: 'OUT', form: 'DX,AL', system: 'out', ends: true },
  { op: 0xef, name: 'OUT', form: 'DX,rAX', system: 'out', ends: true },
  { op: 0xf4, name: 'HLT', system: 'hlt', ends: true },
];

const tables: RowSpec[] = [
  { op: 0x0f00, ext: 0, name: 'SLDT', form: 'Ev', system: 'sldt' },
  { op: 0x0f00, ext: 1, name: 'STR', form: 'Ev', system: 'str' },
  { op: 0x0f00, ext: 2, name: 'LLDT', form: 'Ew', system: 'lldt' },
  { op: 0x0f00, ext: 3, name: 'LTR', form: 'Ew', system: 'ltr' },
  { op: 0x0f00, ext: 4, name: 'VERR', form: 'Ew', system: 'verr', writes: 'Z' },
  { op: 0x0f00, ext: 5, name: 'VERW', form: 'Ew', system: 'verw', writes: 'Z' },
  { op: 0x0f01, ext: 0, mod: 'mem', name: 'SGDT', form: 'Mp', system: 'sgdt' },
  { op: 0x0f01, ext: 1, mod: 'mem', name: 'SIDT', form: 'Mp', system: 'sidt' },
  { op: 0x0f01, ext: 2, mod: 'mem', name: 'LGDT', form: 'Mp', system: 'lgdt' },
  { op: 0x0f01, ext: 3, mod: 'mem', name: 'LIDT', form: 'Mp', system: 'lidt' },
  { op: 0x0f01, ext: 4, name: 'SMSW', form: 'Ev', system: 'smsw' },
  { op: 0x0f01, ext: 6, name: 'LMSW', form: 'Ew', system: 'lmsw', ends: true },
  { op: 0x0f01, ext: 7, mod: 'mem', name: 'INVLPG', form: 'Mb', system: 'invlpg', ends: true },
  { op: 0x0f01, ext: 7, rm: 0, mod: 'reg', name: 'SWAPGS', system: 'swapgs', only: '64' },
  { op: 0x0f01, ext: 7, rm: 1, mod: 'reg', name: 'RDTSCP', system: 'rdtscp', cpuid: 'rdtscp' },
  { op: 0x0f01, ext: 0, rm: 1, mod: 'reg', name: 'VMCALL', system: 'vmcall' },
  { op: 0x0f01, ext: 3, rm: 1, mod: 'reg', name: 'VMMCALL', system: 'vmcall' },
  { op: 0x0f02, name: 'LAR', form: 'Gv,Ew', system: 'lar', writes: 'Z' },
  { op: 0x0f03, name: 'LSL', form: 'Gv,Ew', system: 'lsl', writes: 'Z' },
];

const control: RowSpec[] = [
  { op: 0x0f06, name: 'CLTS', system: 'clts', ends: true },
  { op: 0x0f08, name: 'INVD', system: 'invd' },
  { op: 0x0f09, name: 'WBINVD', system: 'wbinvd' },
  { op: 0x0f20, name: 'MOV', form: 'Ry,Cy', system: 'movFromControl' },
  { op: 0x0f22, name: 'MOV', form: 'Cy,Ry', system: 'movToControl', ends: true },
  { op: 0x0f21, name: 'MOV', form: 'Ry,Dy', system: 'movFromDebug' },
  { op: 0x0f23, name: 'MOV', form: 'Dy,Ry', system: 'movToDebug', ends: true },
  { op: 0x0f30, name: 'WRMSR', system: 'wrmsr', ends: true },
  { op: 0x0f31, name: 'RDTSC', system: 'rdtsc' },
  { op: 0x0f32, name: 'RDMSR', system: 'rdmsr' },
  { op: 0x0f33, name: 'RDPMC', system: 'rdpmc' },
  { op: 0x0fa2, name: 'CPUID', system: 'cpuid' },
  { op: 0x0faa, name: 'RSM', system: 'rsm', ends: true },
];

const extended: RowSpec[] = [
  { op: 0x0fae, ext: 0, mod: 'mem', pp: 0, name: 'FXSAVE', form: 'Mp', system: 'fxsave', cpuid: 'fxsr' },
  { op: 0x0fae, ext: 1, mod: 'mem', pp: 0, name: 'FXRSTOR', form: 'Mp', system: 'fxrstor', cpuid: 'fxsr' },
  { op: 0x0fae, ext: 2, mod: 'mem', pp: 0, name: 'LDMXCSR', form: 'Md', system: 'ldmxcsr', cpuid: 'sse' },
  { op: 0x0fae, ext: 3, mod: 'mem', pp: 0, name: 'STMXCSR', form: 'Md', system: 'stmxcsr', cpuid: 'sse' },
  { op: 0x0fae, ext: 7, mod: 'mem', pp: 0, name: 'CLFLUSH', form: 'Mb', system: 'clflush', cpuid: 'clflush' },
  { op: 0x0fae, ext: 0, mod: 'reg', pp: 0xf3, name: 'RDFSBASE', form: 'Ry', system: 'readFsGsBase', only: '64', cpuid: 'fsgsbase' },
  { op: 0x0fae, ext: 1, mod: 'reg', pp: 0xf3, name: 'RDGSBASE', form: 'Ry', system: 'readFsGsBase', only: '64', cpuid: 'fsgsbase' },
  { op: 0x0fae, ext: 2, mod: 'reg', pp: 0xf3, name: 'WRFSBASE', form: 'Ry', system: 'writeFsGsBase', only: '64', cpuid: 'fsgsbase' },
  { op: 0x0fae, ext: 3, mod: 'reg', pp: 0xf3, name: 'WRGSBASE', form: 'Ry', system: 'writeFsGsBase', only: '64', cpuid: 'fsgsbase' },
  { op: 0x0fc7, ext: 1, mod: 'mem', name: 'CMPXCHG8B', form: 'My', system: 'cmpxchg8b', lock: true, writes: 'Z', cpuid: 'cx8' },
  { op: 0x0fc7, ext: 6, mod: 'reg', name: 'RDRAND', form: 'Rv', system: 'rdrand', writes: 'OSZAPC', cpuid: 'rdrand' },
  { op: 0x0fc7, ext: 7, mod: 'reg', pp: 0xf3, name: 'RDPID', form: 'Ry', system: 'rdpid', cpuid: 'rdpid' },
  { op: 0x0fc7, ext: 7, mod: 'reg', name: 'RDSEED', form: 'Rv', system: 'rdseed', writes: 'OSZAPC', cpuid: 'rdseed' },
  { op: 0x9b, name: 'FWAIT', system: 'fwait' },
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n): RowSpec => ({ op: 0xd8 + n, name: 'x87', form: 'Ev', system: 'x87', cpuid: 'fpu' })),
];

export const SYSTEM_ROWS: readonly RowSpec[] = [
  ...segments, ...transfers, ...legacy, ...inputOutput, ...tables, ...control, ...extended,
];
