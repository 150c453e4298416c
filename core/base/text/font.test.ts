import { describe, expect, it } from 'vitest';
import { CP437, cp437Code, encodeCp437 } from './cp437.ts';
import { FONT_8X16, GLYPH_LINES } from './font.ts';
import { readLine, readSheet } from './glyph-sheet.ts';

const glyph = (character: string): number[] => {
  const code = cp437Code(character);
  if (code === undefined) throw new Error(`${character} is not in the code page`);
  return [...FONT_8X16.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES)];
};

describe('code page 437', () => {
  it('has one character for each of the 256 codes', () => {
    expect(CP437).toHaveLength(256);
    expect(CP437.every((character) => [...character].length === 1)).toBe(true);
    expect(new Set(CP437).size).toBe(255); // 00 and 20 are both blank
  });
  it('encodes what it decodes', () => {
    for (let code = 1; code < 256; code++) expect(cp437Code(CP437[code] ?? '')).toBe(code);
    expect(cp437Code(' ')).toBe(0x20);
  });
  it('agrees with the published table at its landmarks', () => {
    expect([0x01, 0x7f, 0x80, 0x9b, 0xb0, 0xc4, 0xdb, 0xe1, 0xfe].map((code) => CP437[code]).join('')).toBe(
      '☺⌂Ç¢░─█ß■',
    );
  });
  it('puts a question mark for what it lacks', () => {
    expect([...encodeCp437('a€─')]).toEqual([0x61, 0x3f, 0xc4]);
  });
});

describe('8x16 font', () => {
  it('has a picture of its own for every code but the blanks', () => {
    const seen = new Map<string, string>();
    for (const character of new Set(CP437)) {
      if (character === ' ' || character === '\u00a0') continue;
      const picture = glyph(character).join();
      expect(`${character} like ${seen.get(picture)}`).toBe(`${character} like undefined`);
      seen.set(picture, character);
    }
    expect(glyph(' ').every((line) => line === 0)).toBe(true);
  });
  it('leaves a gap after letters and digits, so that they never touch', () => {
    const letters = CP437.filter((character) => /^[A-Za-z0-9]$/.test(character));
    expect(letters).toHaveLength(62);
    for (const letter of letters) expect(glyph(letter).some((line) => line & 1)).toBe(false);
  });
  it('sets capitals, small letters and descenders on the same lines', () => {
    const extent = (c: string) => [glyph(c).findIndex((l) => l !== 0), glyph(c).findLastIndex((l) => l !== 0)];
    for (const c of 'ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789') expect(`${c} ${extent(c)}`).toBe(`${c} 2,11`);
    for (const c of 'acemnorsuvwxz') expect(`${c} ${extent(c)}`).toBe(`${c} 5,11`);
    for (const c of 'gpqy') expect(`${c} ${extent(c)}`).toBe(`${c} 5,14`);
    for (const c of 'ÄÖÜÉÑÅ') expect(extent(c)[1]).toBe(11);
  });
  it('draws box lines that meet at every cell edge', () => {
    const edges = (character: string) => {
      const lines = glyph(character);
      const column = (bit: number) =>
        lines
          .map((line, y) => (line & bit ? y : -1))
          .filter((y) => y >= 0)
          .join();
      return { top: lines[0], bottom: lines[15], left: column(0x80), right: column(0x01) };
    };
    const single = edges('┼');
    const double = edges('╬');
    expect(single).toEqual({ top: 0b00011000, bottom: 0b00011000, left: '7', right: '7' });
    expect(double).toEqual({ top: 0b01100110, bottom: 0b01100110, left: '5,9', right: '5,9' });
    expect(edges('╪')).toEqual({ ...double, top: single.top, bottom: single.bottom });
    expect(edges('╟')).toEqual({ top: double.top, bottom: double.top, left: '', right: '7' });
    expect(edges('╒')).toEqual({ top: 0, bottom: single.bottom, left: '', right: '5,9' });
    expect(glyph('╔')[7]).toBe(0b01100000); // the inner corner is open
    expect(glyph('╣')[7]).toBe(0b00000110);
    expect(glyph('╧')[6]).toBe(0); // the upper arm ends at the upper line
  });
  it('refuses art of the wrong shape', () => {
    expect(() => readLine('..##..#')).toThrow(RangeError);
    expect(() => readSheet(['AB', '........ ........'])).toThrow(RangeError);
  });
});
