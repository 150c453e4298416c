/** BMI1, BMI2 and ADX; TZCNT, LZCNT and POPCNT stand with BSF and BSR (integer.ts). */
import type { Feature } from '../features.ts';
import * as bmi from '../semantics/bmi.ts';
import type { Emitter } from '../semantics/emit.ts';
import type { RowSpec } from './row.ts';

const row = (op: number, pp: NonNullable<RowSpec['pp']>, name: string, form: string, emit: Emitter, cpuid: Feature) => {
  return { op, pp, vex: 'L0', name, form, emit, cpuid } as const;
};
const FLAGS = { writes: 'OSZAPC', undef: 'AP' } as const;

export const BMI_ROWS: readonly RowSpec[] = [
  { ...row(0x0f38f2, 0, 'ANDN', 'Gy,By,Ey', bmi.emitAndn, 'bmi1'), ...FLAGS },
  { ...row(0x0f38f7, 0, 'BEXTR', 'Gy,Ey,By', bmi.emitBextr, 'bmi1'), ...FLAGS, undef: 'SAP' },
  { ...row(0x0f38f3, 0, 'BLSR', 'By,Ey', bmi.emitBlsr, 'bmi1'), ...FLAGS, ext: 1 },
  { ...row(0x0f38f3, 0, 'BLSMSK', 'By,Ey', bmi.emitBlsmsk, 'bmi1'), ...FLAGS, ext: 2 },
  { ...row(0x0f38f3, 0, 'BLSI', 'By,Ey', bmi.emitBlsi, 'bmi1'), ...FLAGS, ext: 3 },
  { ...row(0x0f38f5, 0, 'BZHI', 'Gy,Ey,By', bmi.emitBzhi, 'bmi2'), ...FLAGS },
  row(0x0f38f5, 0xf2, 'PDEP', 'Gy,By,Ey', bmi.emitPdep, 'bmi2'),
  row(0x0f38f5, 0xf3, 'PEXT', 'Gy,By,Ey', bmi.emitPext, 'bmi2'),
  row(0x0f38f6, 0xf2, 'MULX', 'Gy,By,Ey', bmi.emitMulx, 'bmi2'),
  row(0x0f38f7, 0x66, 'SHLX', 'Gy,Ey,By', bmi.emitShlx, 'bmi2'),
  row(0x0f38f7, 0xf2, 'SHRX', 'Gy,Ey,By', bmi.emitShrx, 'bmi2'),
  row(0x0f38f7, 0xf3, 'SARX', 'Gy,Ey,By', bmi.emitSarx, 'bmi2'),
  row(0x0f3af0, 0xf2, 'RORX', 'Gy,Ey,Ib', bmi.emitRorx, 'bmi2'),
  { op: 0x0f38f6, pp: 0x66, name: 'ADCX', form: 'Gy,Ey', emit: bmi.emitAdcx, reads: 'C', writes: 'C', cpuid: 'adx' },
  { op: 0x0f38f6, pp: 0xf3, name: 'ADOX', form: 'Gy,Ey', emit: bmi.emitAdox, reads: 'O', writes: 'O', cpuid: 'adx' },
];
