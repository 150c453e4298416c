/**
 * Box drawing, block and shade glyphs of the 8x16 font, made by rule so that every line meets its neighbour: a
 * single line is the two middle columns or the line in the middle, a double line is a band with a gap along it.
 */
import { GLYPH_LINES, type Glyph } from './glyph-sheet.ts';

/** Arms of a box character, 0 none, 1 single, 2 double, in the order up, right, down, left. */
const ARMS: readonly (readonly [characters: string, arms: string])[] = [
  ['│┤╡╢╖╕╣║', '1010 1011 1012 2021 0021 0012 2022 2020'],
  ['╗╝╜╛┐└┴┬', '0022 2002 2001 1002 0011 1100 1101 0111'],
  ['├─┼╞╟╚╔╩', '1110 0101 1111 1210 2120 2200 0220 2202'],
  ['╦╠═╬╧╨╤╥', '0222 2220 0202 2222 1202 2101 0212 0121'],
  ['╙╘╒╓╫╪┘┌', '2100 1200 0210 0120 2121 1212 1001 0110'],
];

/** Pixel ranges, end exclusive, across each axis: a single line, the outside of a double one, the gap inside it. */
interface Axis {
  readonly length: number;
  readonly line: readonly [number, number];
  readonly band: readonly [number, number];
  readonly gap: readonly [number, number];
}
const ACROSS: Axis = { length: 8, line: [3, 5], band: [1, 7], gap: [3, 5] };
const DOWN: Axis = { length: GLYPH_LINES, line: [7, 8], band: [5, 10], gap: [6, 9] };

/** Glyphs of all box, block and shade characters of code page 437. */
export function makeBoxGlyphs(): Map<string, Glyph> {
  const glyphs = new Map<string, Glyph>();
  for (const [characters, arms] of ARMS) {
    const codes = arms.split(' ');
    [...characters].forEach((character, index) => {
      glyphs.set(character, boxGlyph([...(codes[index] ?? '0000')].map(Number)));
    });
  }
  const block = (left: number, top: number, right: number, bottom: number) =>
    glyphOf((x, y) => x >= left && x < right && y >= top && y < bottom);
  glyphs
    .set('█', block(0, 0, 8, 16))
    .set('▀', block(0, 0, 8, 8))
    .set('▄', block(0, 8, 8, 16));
  glyphs.set('▌', block(0, 0, 4, 16)).set('▐', block(4, 0, 8, 16));
  glyphs.set(
    '░',
    glyphOf((x, y) => (x + (y & 1) * 2) % 4 === 1),
  );
  glyphs.set(
    '▒',
    glyphOf((x, y) => ((x + y) & 1) === 1),
  );
  glyphs.set(
    '▓',
    glyphOf((x, y) => (x + (y & 1) * 2) % 4 !== 1),
  );
  return glyphs;
}

function glyphOf(lit: (x: number, y: number) => boolean): Glyph {
  return Uint8Array.from({ length: GLYPH_LINES }, (_, y) => {
    let bits = 0;
    for (let x = 0; x < 8; x++) if (lit(x, y)) bits |= 0x80 >> x;
    return bits;
  });
}

/** Where an arm ends, told as distances that work from either edge of the cell. */
type Stop = 'line' | 'far' | 'near' | 'open';

/** Pixels along an axis that an arm from the low (top, left) or high edge covers. */
function armSpan(axis: Axis, fromLow: boolean, stop: Stop): readonly [number, number] {
  if (fromLow) return [0, { line: axis.line[1], far: axis.band[1], near: axis.gap[0], open: axis.gap[1] }[stop]];
  return [{ line: axis.line[0], far: axis.band[0], near: axis.gap[1], open: axis.gap[0] }[stop], axis.length];
}

type Layer = 'line' | 'band' | 'gap';

/** How far an arm reaches into the middle: up to, through or around the arms that cross it. */
function stopOf(layer: Layer, opposite: number, crossing: readonly [number, number]): Stop {
  const doubles = crossing.filter((kind) => kind === 2).length;
  if (doubles === 0) return 'line';
  if (layer === 'gap') return 'open'; // gaps of double lines run into each other
  if (layer === 'band') return 'far';
  if (opposite > 0) return 'line'; // passes through
  return doubles === 2 ? 'near' : 'far'; // abuts on a double line, or closes its corner
}

const within = (value: number, [start, end]: readonly [number, number]) => value >= start && value < end;

/** Arms are joined as bands, then the gaps of double ones cut out, then single lines laid over. */
function boxGlyph(arms: readonly number[]): Glyph {
  const [up = 0, right = 0, down = 0, left = 0] = arms;
  const covers = (layer: Layer, x: number, y: number): boolean => {
    const kind = layer === 'line' ? 1 : 2;
    const vertical = (arm: number, opposite: number, fromTop: boolean) =>
      arm === kind &&
      within(x, ACROSS[layer]) &&
      within(y, armSpan(DOWN, fromTop, stopOf(layer, opposite, [left, right])));
    const horizontal = (arm: number, opposite: number, fromLeft: boolean) =>
      arm === kind &&
      within(y, DOWN[layer]) &&
      within(x, armSpan(ACROSS, fromLeft, stopOf(layer, opposite, [up, down])));
    return (
      vertical(up, down, true) ||
      vertical(down, up, false) ||
      horizontal(left, right, true) ||
      horizontal(right, left, false)
    );
  };
  return glyphOf((x, y) => (covers('band', x, y) && !covers('gap', x, y)) || covers('line', x, y));
}
