/** What is tried: every row that has an emitter, gathers, and some system instructions, in each mode they exist in. */
import type { Row } from '../../cpu/table/index.ts';
import type { InstructionCase } from './case.ts';
import type { CaseMode } from './case-builder.ts';
import { makeCase } from './generate.ts';
import { isTried } from './generate-system.ts';

export interface Form {
  readonly row: Row;
  readonly mode: CaseMode;
  /** VEX fields, mandatory prefix, opcode, group, name, operands, mode: names the form for good, whatever else is in the table. */
  readonly name: string;
}

const FLAT: readonly CaseMode[] = [
  { bits: 64, segmented: false },
  { bits: 32, segmented: false },
];
const SEGMENTED: readonly CaseMode[] = [
  { bits: 64, segmented: true },
  { bits: 32, segmented: true },
  { bits: 16, segmented: true },
];

/** In flat segments, as programs have them. */
export const formsOf = (rows: readonly Row[]): Form[] => formsIn(rows, FLAT);
/** In segments with bases and limits: FS and GS in 64-bit mode, all in 32-bit and 16-bit code. */
export const segmentedFormsOf = (rows: readonly Row[]): Form[] => formsIn(rows, SEGMENTED);

function formsIn(rows: readonly Row[], modes: readonly CaseMode[]): Form[] {
  return rows.filter(isTried).flatMap((row) =>
    modes.flatMap((mode): Form[] => {
      if (row.only !== undefined && (row.only === '64') !== (mode.bits === 64)) return [];
      if (mode.bits === 64 && mode.segmented && !usesSegments(row)) return [];
      return [{ row, mode, name: nameOf(row, mode) }];
    }),
  );
}

/** FS and GS may matter in 64-bit mode. */
const usesSegments = (row: Row): boolean =>
  row.mod === 'reg' ? row.system !== undefined : row.operands.some((o) => 'EMWQOXFKT'.includes(o.place));

function nameOf(row: Row, { bits, segmented }: CaseMode): string {
  const w = row.w === undefined ? '' : `.W${row.w}`;
  const vex = row.vex === undefined ? '' : `VEX.${row.vex}${w} `;
  const prefix = row.pp === undefined ? '' : row.pp === 0 ? 'np ' : `${row.pp.toString(16)} `;
  const group = row.ext === undefined ? '' : ` /${row.ext}`;
  const mod = row.mod === undefined ? '' : ` ${row.mod}`;
  return `${vex}${prefix}${row.op.toString(16)}${group}${mod} ${row.name} ${row.form ?? '-'} ${bits}${segmented ? ' segments' : ''}`;
}

/** FNV-1a */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193);
  return h >>> 0;
}

/** Case `n` of a form. */
export function caseOf(form: Form, seed: number, n: number): InstructionCase {
  return makeCase(form.row, form.mode, hash(`${form.name} ${seed} ${n}`));
}
