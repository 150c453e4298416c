/** The VEX prefix of a case, in a form chosen by chance among those that mean the same. [SDM] volume 2, 2.3.5 */
import type { Row } from '../../cpu/table/index.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { chance } from './values.ts';

interface VexFields {
  readonly row: Row;
  readonly long: boolean;
  readonly random: SeededRandom;
  /** W R X B, as in a REX prefix. */
  readonly rex: number;
  readonly vvvv: number;
  readonly vex256: boolean;
}

const MAP_0F3A = 0x0f3a;
const MAPS: Readonly<Record<number, number>> = { [0x0f]: 1, [0x0f38]: 2, [MAP_0F3A]: 3 };
const PREFIXES: Readonly<Record<number, number>> = { 0: 0, 102: 1, 243: 2, 242: 3 };

/** Two bytes, or three. */
export function encodeVex(c: VexFields): number[] {
  const { row, random } = c;
  const map = MAPS[row.op >> 8] ?? 0;
  const wide = isWide(c);
  const last = ((~c.vvvv & 15) << 3) | (c.vex256 ? 4 : 0) | (PREFIXES[row.pp ?? 0] ?? 0);
  const isShort = map === 1 && !wide && (c.rex & 3) === 0;
  if (isShort && chance(random, 60)) return [0xc5, ((~c.rex & 4) << 5) | last];
  // outside 64-bit mode B and the top bit of vvvv mean nothing, while R and X make the prefix what it is
  const ignored = c.long ? 0 : random.below(2);
  const free = c.long || !row.operands.some((o) => o.place === 'H' || o.place === 'B') ? 0 : random.below(2) << 6;
  return [0xc4, (((~c.rex & 7) << 5) ^ (ignored << 5)) | map, (last ^ free) | (wide ? 0x80 : 0)];
}

/** VEX.W; anything where it means nothing. */
function isWide({ row, long, rex, random }: VexFields): boolean {
  if (row.w !== undefined) return row.w === 1;
  // Intel's manual has W ignored by VPEXTRD and VPINSRD outside 64-bit mode, where AMD's raise #UD
  if (!long && row.op >> 8 === MAP_0F3A && row.operands.some((o) => o.size === 'y')) return false;
  const selects = long && row.operands.some((o) => o.size === 'y');
  return selects ? (rex & 8) !== 0 : chance(random, 30);
}
