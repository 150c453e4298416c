/** How glyphs are written down in source: rows of ASCII art, `#` for a lit pixel, several glyphs side by side. */

/** Pixels of a glyph: 16 lines, leftmost pixel in bit 7. */
export type Glyph = Uint8Array;

export const GLYPH_LINES = 16;

/** The characters drawn, and the art: 16 lines of as many groups of eight `.` or `#`. */
export type GlyphSheet = readonly [characters: string, art: string];

/** Throws RangeError for art of the wrong shape: a slip in the source, found by the first test that loads it. */
export function readSheet([characters, art]: GlyphSheet): Map<string, Glyph> {
  const names = [...characters];
  const lines = art.trim().split('\n');
  if (lines.length !== GLYPH_LINES) throw new RangeError(`sheet ${characters} has ${lines.length} lines`);
  const glyphs = names.map(() => new Uint8Array(GLYPH_LINES));
  lines.forEach((line, y) => {
    const groups = line.trim().split(' ');
    if (groups.length !== names.length) throw new RangeError(`sheet ${characters}, line ${y}: ${groups.length} groups`);
    groups.forEach((group, index) => {
      const glyph = glyphs[index];
      if (glyph) glyph[y] = readLine(group);
    });
  });
  return new Map(names.map((name, index) => [name, glyphs[index] ?? new Uint8Array(GLYPH_LINES)]));
}

/** `.##..##.` to 0x66. */
export function readLine(pixels: string): number {
  if (!/^[.#]{8}$/.test(pixels)) throw new RangeError(`"${pixels}" is not eight of . and #`);
  return [...pixels].reduce((bits, pixel) => (bits << 1) | (pixel === '#' ? 1 : 0), 0);
}
