/**
 * The x87 instruction table, opcodes D8..DF. [SDM] volume 2, tables.
 * Forms without a name there that every CPU since the 387 runs (FSTP1, FCOM2, FCOMP3, FXCH4, FCOMP5, FXCH7, FSTP8,
 * FSTP9, FFREEP, and FNENI, FNDISI, FNSETPM as no-operations) are in it too.
 */
import * as control from './control.ts';
import type { X87Instruction } from './instruction.ts';
import * as transfer from './load-store.ts';
import * as operate from './operate.ts';
import { memoryArithmetic, memoryCompare, registerArithmetic, registerCompare, type Source } from './operate.ts';

/** [opcode, reg field, row]: a memory operand. */
type MemoryRow = [number, number, X87Instruction];
/** [opcode, first ModRM byte, how many of them, row]: registers only. */
type RegisterRow = [number, number, number, X87Instruction];

const NAMES = ['ADD', 'MUL', 'COM', 'COMP', 'SUB', 'SUBR', 'DIV', 'DIVR'] as const;
const NO_WAIT = { noWait: true, control: true } as const;

/** The eight operations over a memory operand. */
function memoryGroup(opcode: number, prefix: string, source: Source, memoryBytes: number): MemoryRow[] {
  return NAMES.map((name, reg) => {
    const pops = reg === 3 ? 1 : 0;
    const compares = reg === 2 || reg === 3;
    const execute = compares ? memoryCompare(source, pops) : memoryArithmetic(reg, source);
    return [opcode, reg, { name: `${prefix}${name} ${source}`, execute, memoryBytes }];
  });
}

/** The six arithmetic operations over registers. SUB and SUBR, DIV and DIVR trade names when ST(i) is the destination. */
function registerGroup(opcode: number, toRegister: boolean, pop: boolean): RegisterRow[] {
  return [0, 1, 4, 5, 6, 7].map((reg) => {
    const name = NAMES[toRegister && reg >= 4 ? reg ^ 1 : reg] as string;
    const operands = toRegister ? 'ST(i),ST' : 'ST,ST(i)';
    const execute = registerArithmetic(reg, toRegister, pop);
    return [opcode, 0xc0 + reg * 8, 8, { name: `F${name}${pop ? 'P' : ''} ${operands}`, execute }];
  });
}

const MEMORY_ROWS: readonly MemoryRow[] = [
  ...memoryGroup(0xd8, 'F', 'm32', 4),
  ...memoryGroup(0xda, 'FI', 'm32int', 4),
  ...memoryGroup(0xdc, 'F', 'm64', 8),
  ...memoryGroup(0xde, 'FI', 'm16int', 2),
  [0xd9, 0, { name: 'FLD m32', execute: transfer.fldM32, memoryBytes: 4 }],
  [0xd9, 2, { name: 'FST m32', execute: transfer.storeFloat32(false), memoryBytes: 4 }],
  [0xd9, 3, { name: 'FSTP m32', execute: transfer.storeFloat32(true), memoryBytes: 4 }],
  [0xd9, 4, { name: 'FLDENV', execute: control.fldenv, memoryBytes: 28, control: true }],
  [0xd9, 5, { name: 'FLDCW', execute: control.fldcw, memoryBytes: 2, control: true }],
  [0xd9, 6, { name: 'FNSTENV', execute: control.fnstenv, memoryBytes: 28, ...NO_WAIT }],
  [0xd9, 7, { name: 'FNSTCW', execute: control.fnstcw, memoryBytes: 2, ...NO_WAIT }],
  [0xdb, 0, { name: 'FILD m32int', execute: transfer.fildM32, memoryBytes: 4 }],
  [0xdb, 1, { name: 'FISTTP m32int', execute: transfer.storeInteger(32, true, true), memoryBytes: 4 }],
  [0xdb, 2, { name: 'FIST m32int', execute: transfer.storeInteger(32, false), memoryBytes: 4 }],
  [0xdb, 3, { name: 'FISTP m32int', execute: transfer.storeInteger(32, true), memoryBytes: 4 }],
  [0xdb, 5, { name: 'FLD m80', execute: transfer.fldM80, memoryBytes: 10 }],
  [0xdb, 7, { name: 'FSTP m80', execute: transfer.fstpM80, memoryBytes: 10 }],
  [0xdd, 0, { name: 'FLD m64', execute: transfer.fldM64, memoryBytes: 8 }],
  [0xdd, 1, { name: 'FISTTP m64int', execute: transfer.storeInteger(64, true, true), memoryBytes: 8 }],
  [0xdd, 2, { name: 'FST m64', execute: transfer.storeFloat64(false), memoryBytes: 8 }],
  [0xdd, 3, { name: 'FSTP m64', execute: transfer.storeFloat64(true), memoryBytes: 8 }],
  [0xdd, 4, { name: 'FRSTOR', execute: control.frstor, memoryBytes: 108, control: true }],
  [0xdd, 6, { name: 'FNSAVE', execute: control.fnsave, memoryBytes: 108, ...NO_WAIT }],
  [0xdd, 7, { name: 'FNSTSW m16', execute: control.fnstswMemory, memoryBytes: 2, ...NO_WAIT }],
  [0xdf, 0, { name: 'FILD m16int', execute: transfer.fildM16, memoryBytes: 2 }],
  [0xdf, 1, { name: 'FISTTP m16int', execute: transfer.storeInteger(16, true, true), memoryBytes: 2 }],
  [0xdf, 2, { name: 'FIST m16int', execute: transfer.storeInteger(16, false), memoryBytes: 2 }],
  [0xdf, 3, { name: 'FISTP m16int', execute: transfer.storeInteger(16, true), memoryBytes: 2 }],
  [0xdf, 4, { name: 'FBLD', execute: transfer.fbld, memoryBytes: 10 }],
  [0xdf, 5, { name: 'FILD m64int', execute: transfer.fildM64, memoryBytes: 8 }],
  [0xdf, 6, { name: 'FBSTP', execute: transfer.fbstp, memoryBytes: 10 }],
  [0xdf, 7, { name: 'FISTP m64int', execute: transfer.storeInteger(64, true), memoryBytes: 8 }],
];

const REGISTER_ROWS: readonly RegisterRow[] = [
  ...registerGroup(0xd8, false, false),
  [0xd8, 0xd0, 8, { name: 'FCOM ST(i)', execute: registerCompare(false, 0) }],
  [0xd8, 0xd8, 8, { name: 'FCOMP ST(i)', execute: registerCompare(false, 1) }],
  [0xd9, 0xc0, 8, { name: 'FLD ST(i)', execute: transfer.fldRegister }],
  [0xd9, 0xc8, 8, { name: 'FXCH ST(i)', execute: transfer.fxch }],
  [0xd9, 0xd0, 1, { name: 'FNOP', execute: control.fnop }],
  [0xd9, 0xd8, 8, { name: 'FSTP1 ST(i)', execute: transfer.fstpQuiet }],
  [0xd9, 0xe0, 1, { name: 'FCHS', execute: transfer.fchs }],
  [0xd9, 0xe1, 1, { name: 'FABS', execute: transfer.fabs }],
  [0xd9, 0xe4, 1, { name: 'FTST', execute: operate.ftst }],
  [0xd9, 0xe5, 1, { name: 'FXAM', execute: operate.fxam }],
  [0xd9, 0xe8, 1, { name: 'FLD1', execute: transfer.fld1 }],
  [0xd9, 0xe9, 1, { name: 'FLDL2T', execute: transfer.fldl2t }],
  [0xd9, 0xea, 1, { name: 'FLDL2E', execute: transfer.fldl2e }],
  [0xd9, 0xeb, 1, { name: 'FLDPI', execute: transfer.fldpi }],
  [0xd9, 0xec, 1, { name: 'FLDLG2', execute: transfer.fldlg2 }],
  [0xd9, 0xed, 1, { name: 'FLDLN2', execute: transfer.fldln2 }],
  [0xd9, 0xee, 1, { name: 'FLDZ', execute: transfer.fldz }],
  [0xd9, 0xf0, 1, { name: 'F2XM1', execute: operate.f2xm1 }],
  [0xd9, 0xf1, 1, { name: 'FYL2X', execute: operate.fyl2x }],
  [0xd9, 0xf2, 1, { name: 'FPTAN', execute: operate.fptan }],
  [0xd9, 0xf3, 1, { name: 'FPATAN', execute: operate.fpatan }],
  [0xd9, 0xf4, 1, { name: 'FXTRACT', execute: operate.fxtract }],
  [0xd9, 0xf5, 1, { name: 'FPREM1', execute: operate.fprem1 }],
  [0xd9, 0xf6, 1, { name: 'FDECSTP', execute: control.fdecstp }],
  [0xd9, 0xf7, 1, { name: 'FINCSTP', execute: control.fincstp }],
  [0xd9, 0xf8, 1, { name: 'FPREM', execute: operate.fprem }],
  [0xd9, 0xf9, 1, { name: 'FYL2XP1', execute: operate.fyl2xp1 }],
  [0xd9, 0xfa, 1, { name: 'FSQRT', execute: operate.fsqrt }],
  [0xd9, 0xfb, 1, { name: 'FSINCOS', execute: operate.fsincos }],
  [0xd9, 0xfc, 1, { name: 'FRNDINT', execute: operate.frndint }],
  [0xd9, 0xfd, 1, { name: 'FSCALE', execute: operate.fscale }],
  [0xd9, 0xfe, 1, { name: 'FSIN', execute: operate.fsin }],
  [0xd9, 0xff, 1, { name: 'FCOS', execute: operate.fcos }],
  [0xda, 0xc0, 8, { name: 'FCMOVB ST,ST(i)', execute: transfer.fcmovb }],
  [0xda, 0xc8, 8, { name: 'FCMOVE ST,ST(i)', execute: transfer.fcmove }],
  [0xda, 0xd0, 8, { name: 'FCMOVBE ST,ST(i)', execute: transfer.fcmovbe }],
  [0xda, 0xd8, 8, { name: 'FCMOVU ST,ST(i)', execute: transfer.fcmovu }],
  [0xda, 0xe9, 1, { name: 'FUCOMPP', execute: registerCompare(true, 2) }],
  [0xdb, 0xc0, 8, { name: 'FCMOVNB ST,ST(i)', execute: transfer.fcmovnb }],
  [0xdb, 0xc8, 8, { name: 'FCMOVNE ST,ST(i)', execute: transfer.fcmovne }],
  [0xdb, 0xd0, 8, { name: 'FCMOVNBE ST,ST(i)', execute: transfer.fcmovnbe }],
  [0xdb, 0xd8, 8, { name: 'FCMOVNU ST,ST(i)', execute: transfer.fcmovnu }],
  [0xdb, 0xe0, 1, { name: 'FNENI', execute: control.fnop, ...NO_WAIT }],
  [0xdb, 0xe1, 1, { name: 'FNDISI', execute: control.fnop, ...NO_WAIT }],
  [0xdb, 0xe2, 1, { name: 'FNCLEX', execute: control.fnclex, ...NO_WAIT }],
  [0xdb, 0xe3, 1, { name: 'FNINIT', execute: control.fninit, ...NO_WAIT }],
  [0xdb, 0xe4, 1, { name: 'FNSETPM', execute: control.fnop, ...NO_WAIT }],
  [0xdb, 0xe8, 8, { name: 'FUCOMI ST,ST(i)', execute: operate.compareToEflags(true, 0) }],
  [0xdb, 0xf0, 8, { name: 'FCOMI ST,ST(i)', execute: operate.compareToEflags(false, 0) }],
  ...registerGroup(0xdc, true, false),
  [0xdc, 0xd0, 8, { name: 'FCOM2 ST(i)', execute: registerCompare(false, 0) }],
  [0xdc, 0xd8, 8, { name: 'FCOMP3 ST(i)', execute: registerCompare(false, 1) }],
  [0xdd, 0xc0, 8, { name: 'FFREE ST(i)', execute: control.ffree }],
  [0xdd, 0xc8, 8, { name: 'FXCH4 ST(i)', execute: transfer.fxch }],
  [0xdd, 0xd0, 8, { name: 'FST ST(i)', execute: transfer.storeRegister(false) }],
  [0xdd, 0xd8, 8, { name: 'FSTP ST(i)', execute: transfer.storeRegister(true) }],
  [0xdd, 0xe0, 8, { name: 'FUCOM ST(i)', execute: registerCompare(true, 0) }],
  [0xdd, 0xe8, 8, { name: 'FUCOMP ST(i)', execute: registerCompare(true, 1) }],
  ...registerGroup(0xde, true, true),
  [0xde, 0xd0, 8, { name: 'FCOMP5 ST(i)', execute: registerCompare(false, 1) }],
  [0xde, 0xd9, 1, { name: 'FCOMPP', execute: registerCompare(false, 2) }],
  [0xdf, 0xc0, 8, { name: 'FFREEP ST(i)', execute: control.ffreep }],
  [0xdf, 0xc8, 8, { name: 'FXCH7 ST(i)', execute: transfer.fxch }],
  [0xdf, 0xd0, 8, { name: 'FSTP8 ST(i)', execute: transfer.storeRegister(true) }],
  [0xdf, 0xd8, 8, { name: 'FSTP9 ST(i)', execute: transfer.storeRegister(true) }],
  [0xdf, 0xe0, 1, { name: 'FNSTSW AX', execute: control.fnstswAx, ...NO_WAIT }],
  [0xdf, 0xe8, 8, { name: 'FUCOMIP ST,ST(i)', execute: operate.compareToEflags(true, 1) }],
  [0xdf, 0xf0, 8, { name: 'FCOMIP ST,ST(i)', execute: operate.compareToEflags(false, 1) }],
];

/** Memory forms by (opcode & 7) * 8 + reg field. */
const MEMORY_FORMS: readonly (X87Instruction | undefined)[] = (() => {
  const forms = new Array<X87Instruction | undefined>(64).fill(undefined);
  for (const [opcode, reg, row] of MEMORY_ROWS) forms[(opcode & 7) * 8 + reg] = row;
  return forms;
})();

/** Register forms by (opcode & 7) * 64 + the low six bits of ModRM. */
const REGISTER_FORMS: readonly (X87Instruction | undefined)[] = (() => {
  const forms = new Array<X87Instruction | undefined>(512).fill(undefined);
  for (const [opcode, modrm, count, row] of REGISTER_ROWS) {
    forms.fill(row, (opcode & 7) * 64 + (modrm & 63), (opcode & 7) * 64 + (modrm & 63) + count);
  }
  return forms;
})();

/** The row of an instruction, undefined where there is none (#UD). `opcode`: 0xd8..0xdf. @hot */
export function findInstruction(opcode: number, modrm: number): X87Instruction | undefined {
  if (modrm >= 0xc0) return REGISTER_FORMS[(opcode & 7) * 64 + (modrm & 63)];
  return MEMORY_FORMS[(opcode & 7) * 8 + ((modrm >>> 3) & 7)];
}
