/** What is tried: every row that has an emitter, and gathers, in each mode they exist in. */
import type { Row } from '../../cpu/table/index.ts';
import type { InstructionCase } from './case.ts';
import { makeCase } from './generate.ts';

export interface Form {
  readonly row: Row;
  /** 64-bit mode; else 32-bit compatibility mode. */
  readonly long: boolean;
  /** VEX fields, mandatory prefix, opcode, group, name, operands, mode: names the form for good, whatever else is in the table. */
  readonly name: string;
}

export function formsOf(rows: readonly Row[]): Form[] {
  return rows.flatMap((row) => {
    if (row.emit === undefined && !row.vsib) return [];
    return [true, false].flatMap((long): Form[] => {
      if (row.only !== undefined && (row.only === '64') !== long) return [];
      return [{ row, long, name: nameOf(row, long) }];
    });
  });
}

function nameOf(row: Row, long: boolean): string {
  const w = row.w === undefined ? '' : `.W${row.w}`;
  const vex = row.vex === undefined ? '' : `VEX.${row.vex}${w} `;
  const prefix = row.pp === undefined ? '' : row.pp === 0 ? 'np ' : `${row.pp.toString(16)} `;
  const group = row.ext === undefined ? '' : ` /${row.ext}`;
  const mod = row.mod === undefined ? '' : ` ${row.mod}`;
  return `${vex}${prefix}${row.op.toString(16)}${group}${mod} ${row.name} ${row.form ?? '-'} ${long ? 64 : 32}`;
}

/** FNV-1a */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193);
  return h >>> 0;
}

/** Case `n` of a form. */
export function caseOf(form: Form, seed: number, n: number): InstructionCase {
  return makeCase(form.row, form.long, hash(`${form.name} ${seed} ${n}`));
}
