/** Fonts of 8x16, 8x14 and 8x8 pixels: the first is drawn, the others are made from it. */
import { FONT_8X16, GLYPH_LINES } from '../../../base/text/font.ts';
import type { Listing } from '../listing.ts';

const FIRST_BOX = 0xb0;
const LAST_BOX = 0xdf;

/** Letters lose the empty lines at their ends first; what must meet its neighbours is sampled over its whole height. */
function shrink(lines: number): Uint8Array {
  const font = new Uint8Array(256 * lines);
  for (let code = 0; code < 256; code++) {
    const glyph = FONT_8X16.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES);
    const isBox = code >= FIRST_BOX && code <= LAST_BOX;
    for (let y = 0; y < lines; y++)
      font[code * lines + y] = isBox || lines < 14 ? sample(glyph, y, lines) : (glyph[y + 1] ?? 0);
  }
  return font;
}

/** Line `y` of `lines`: all lines of the glyph that fall on it. */
function sample(glyph: Uint8Array, y: number, lines: number): number {
  let line = 0;
  for (let n = Math.floor((y * GLYPH_LINES) / lines); n < Math.floor(((y + 1) * GLYPH_LINES) / lines); n++) {
    line |= glyph[n] ?? 0;
  }
  return line;
}

export function fonts(p: Listing): void {
  p.bind('font_16');
  p.bytes(...FONT_8X16);
  p.bind('font_14');
  p.bytes(...shrink(14));
  p.bind('font_8');
  const small = shrink(8);
  p.bytes(...small.subarray(0, 1024));
  p.bind('font_8_upper'); // INT 1Fh
  p.bytes(...small.subarray(1024));
}
