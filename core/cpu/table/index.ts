/** The instruction table: every row, and rows by opcode. */
import { AVX_ROWS } from './avx.ts';
import { BMI_ROWS } from './bmi.ts';
import { INTEGER_ROWS } from './integer.ts';
import { makeRow, type Row, type RowSpec } from './row.ts';
import { SSE_ROWS } from './sse.ts';
import { SYSTEM_ROWS } from './system.ts';
import { X87_ROWS } from './x87.ts';

/** 0x90 is NOP unless REX.B makes it XCHG with R8: the decoder asks for this row by name. */
const NOP: RowSpec = { op: 0x90, name: 'NOP', emit: () => {} };

export const ROWS: readonly Row[] = [
  NOP,
  ...INTEGER_ROWS,
  ...SYSTEM_ROWS,
  ...X87_ROWS,
  ...SSE_ROWS,
  ...AVX_ROWS,
  ...BMI_ROWS,
].map(makeRow);
export const NOP_ROW: Row = ROWS[0] as Row;

const byOpcode = new Map<number, Row[]>();
const byVexOpcode = new Map<number, Row[]>();
for (const row of ROWS.slice(1)) {
  const map = row.vex === undefined ? byOpcode : byVexOpcode;
  for (let op = row.op; op <= row.op + (row.plusReg ? 7 : 0); op++) {
    const list = map.get(op) ?? [];
    // rows with a mandatory prefix are asked first
    if (row.pp === undefined) list.push(row);
    else list.unshift(row);
    map.set(op, list);
  }
}

/** Rows of an opcode (with its map: 0x0f00, 0x0f3800, 0x0f3a00 added), those with mandatory prefixes first. */
export function rowsOf(op: number): readonly Row[] {
  return byOpcode.get(op) ?? [];
}
/** VEX-encoded rows of an opcode. */
export function vexRowsOf(op: number): readonly Row[] {
  return byVexOpcode.get(op) ?? [];
}
export type { Row } from './row.ts';
