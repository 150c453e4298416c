/**
 * The 8x16 text font of this product: all 256 glyphs of code page 437, our own drawing. It stands in for the font
 * ROM of a VGA BIOS: a display adapter loads it at power-on, and the display draws its own messages with it.
 */
import { makeBoxGlyphs } from './box-glyphs.ts';
import { CP437 } from './cp437.ts';
import { GLYPH_LINES, type Glyph, readLine, readSheet } from './glyph-sheet.ts';
import { ASCII_SHEETS } from './glyphs-ascii.ts';
import { SYMBOL_SHEETS } from './glyphs-symbols.ts';

export { GLYPH_LINES };

/** Accents: the lines they take from FIRST_ACCENT_LINE on, over a small letter. */
const ACCENTS: Readonly<Record<string, readonly string[]>> = {
  grave: ['..##....', '...##...', '....##..'],
  acute: ['....##..', '...##...', '..##....'],
  circumflex: ['...#....', '..###...', '.##.##..'],
  diaeresis: ['........', '.##.##..', '.##.##..'],
  wideDiaeresis: ['........', '.##..##.', '.##..##.'],
  tilde: ['........', '.###.##.', '##.###..'],
  ring: ['..###...', '.##.##..', '..###...'],
};
const FIRST_ACCENT_LINE = 1;
const CEDILLA = ['...##...', '....##..', '..###...'];
const CEDILLA_LINE = 12;

/** Accented letters: base letter and the accent over it. Capitals are squeezed to make room. */
const ACCENTED: Readonly<Record<string, readonly [base: string, accent: string]>> = {
  à: ['a', 'grave'],
  è: ['e', 'grave'],
  ì: ['ı', 'grave'],
  ò: ['o', 'grave'],
  ù: ['u', 'grave'],
  á: ['a', 'acute'],
  é: ['e', 'acute'],
  í: ['ı', 'acute'],
  ó: ['o', 'acute'],
  ú: ['u', 'acute'],
  â: ['a', 'circumflex'],
  ê: ['e', 'circumflex'],
  î: ['ı', 'circumflex'],
  ô: ['o', 'circumflex'],
  û: ['u', 'circumflex'],
  ä: ['a', 'diaeresis'],
  ë: ['e', 'diaeresis'],
  ï: ['ı', 'wideDiaeresis'],
  ö: ['o', 'diaeresis'],
  ü: ['u', 'diaeresis'],
  ÿ: ['y', 'diaeresis'],
  ñ: ['n', 'tilde'],
  å: ['a', 'ring'],
  É: ['E', 'acute'],
  Ä: ['A', 'diaeresis'],
  Ö: ['O', 'diaeresis'],
  Ü: ['U', 'diaeresis'],
  Ñ: ['N', 'tilde'],
  Å: ['A', 'ring'],
};

const X_HEIGHT_LINE = 5;
/** Lines of a capital that repeat the one above, so that leaving them out keeps its shape. */
const SQUEEZED_LINES = [5, 10];

function makeGlyphs(): Map<string, Glyph> {
  const glyphs = new Map<string, Glyph>();
  for (const sheet of [...ASCII_SHEETS, ...SYMBOL_SHEETS]) {
    for (const [character, glyph] of readSheet(sheet)) glyphs.set(character, glyph);
  }
  for (const [character, glyph] of makeBoxGlyphs()) glyphs.set(character, glyph);
  const drawn = (character: string): Glyph => {
    const glyph = glyphs.get(character);
    if (!glyph) throw new RangeError(`no glyph is drawn for ${character}`);
    return glyph;
  };
  glyphs.set(
    'ı',
    drawn('i').map((line, y) => (y < X_HEIGHT_LINE ? 0 : line)),
  );
  for (const [character, [base, accent]] of Object.entries(ACCENTED)) {
    const capital = base !== base.toLowerCase();
    const letter = capital ? squeeze(drawn(base)) : drawn(base);
    glyphs.set(character, overlay(letter, ACCENTS[accent] ?? [], FIRST_ACCENT_LINE - (capital ? 1 : 0)));
  }
  glyphs.set('ç', overlay(drawn('c'), CEDILLA, CEDILLA_LINE)).set('Ç', overlay(drawn('C'), CEDILLA, CEDILLA_LINE));
  glyphs.set('◘', inverse(drawn('•'))).set('◙', inverse(drawn('○')));
  glyphs
    .set('¿', turn(drawn('?')))
    .set('¡', turn(drawn('!')))
    .set('⌡', turn(drawn('⌠')));
  glyphs.set('\u00a0', drawn(' '));
  return glyphs;
}

/** Takes the repeating lines out and sets the rest down on the base line. */
function squeeze(glyph: Glyph): Glyph {
  const kept = [...glyph].filter((_, y) => !SQUEEZED_LINES.includes(y));
  return Uint8Array.from([...SQUEEZED_LINES.map(() => 0), ...kept]);
}

function overlay(glyph: Glyph, art: readonly string[], firstLine: number): Glyph {
  return glyph.map((line, y) => {
    const drawn = art[y - firstLine];
    return drawn === undefined ? line : line | readLine(drawn);
  });
}

const inverse = (glyph: Glyph): Glyph => glyph.map((line) => line ^ 0xff);

/** By 180 degrees within the lines the glyph occupies, so that it keeps its place between the guide lines. */
function turn(glyph: Glyph): Glyph {
  const first = glyph.findIndex((line) => line !== 0);
  const last = glyph.findLastIndex((line) => line !== 0);
  return glyph.map((_, y) => {
    let line = glyph[first + last - y] ?? 0;
    let mirrored = 0;
    for (let i = 0; i < 8; i++, line >>= 1) mirrored = (mirrored << 1) | (line & 1);
    return mirrored;
  });
}

function makeFont(): Uint8Array {
  const glyphs = makeGlyphs();
  const font = new Uint8Array(256 * GLYPH_LINES);
  CP437.forEach((character, code) => {
    const glyph = glyphs.get(character);
    if (!glyph) throw new RangeError(`no glyph is drawn for code ${code}, ${character}`);
    font.set(glyph, code * GLYPH_LINES);
  });
  return font;
}

/** Glyphs by code, 16 bytes each, one a line from the top, leftmost pixel in bit 7. */
export const FONT_8X16: Uint8Array = makeFont();
