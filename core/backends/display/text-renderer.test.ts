import { describe, expect, it } from 'vitest';
import { FONT_8X16, GLYPH_LINES } from '../../base/text/font.ts';
import type { TextScreen } from '../../contracts/machine.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { ScreenRenderer } from './screen-renderer.ts';
import { type Rect, Surface } from './surface.ts';
import { readTextScreen } from './text-screen.ts';

const GREY = 0xaaaaaa;

function setUp() {
  const rig = new VgaRig();
  rig.hideCursor();
  const surface = new Surface(1, 1);
  const renderer = new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface });
  const log: { damaged: Rect[]; moved: number[][]; resized: number } = { damaged: [], moved: [], resized: 0 };
  surface.addListener({
    damaged: (rect) => {
      log.damaged.push(rect);
    },
    linesMoved: (...move) => {
      log.moved.push(move);
    },
    resized: () => {
      log.resized++;
    },
  });
  /** A frame at a time; returns what listeners were told. */
  const frame = (nowNs = 0) => {
    Object.assign(log, { damaged: [], moved: [], resized: 0 });
    renderer.update(nowNs);
    return log;
  };
  /** The nine dots of a line of a cell, as colours. */
  const dots = (row: number, column: number, line: number) => [
    ...surface.copyOut({ x: column * 9, y: row * 16 + line, width: 9, height: 1 }),
  ];
  frame();
  return { rig, surface, frame, dots };
}

/** How many pixels differ; all where the sizes do. */
function differences(a: Uint32Array, b: Uint32Array): number {
  if (a.length !== b.length) return Math.max(a.length, b.length);
  return a.reduce((count, pixel, i) => count + (pixel === b[i] ? 0 : 1), 0);
}

/** What a fresh renderer draws: the truth an incremental one must agree with. */
function freshPicture(rig: VgaRig, nowNs = 0): Uint32Array {
  const surface = new Surface(1, 1);
  new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface }).drawOnce(nowNs);
  return surface.pixels;
}

/** Opens plane 2 at A0000, as a program does to load a font, and back to text memory. */
function loadFont(rig: VgaRig, load: () => void): void {
  const before = [rig.get(0x3c4, 2), rig.get(0x3c4, 4), rig.get(0x3ce, 5), rig.get(0x3ce, 6)];
  rig.set(0x3c4, 2, 4);
  rig.set(0x3c4, 4, 7);
  rig.set(0x3ce, 5, 0);
  rig.set(0x3ce, 6, 4);
  load();
  const [sr2 = 0, sr4 = 0, gr5 = 0, gr6 = 0] = before;
  rig.set(0x3c4, 2, sr2);
  rig.set(0x3c4, 4, sr4);
  rig.set(0x3ce, 5, gr5);
  rig.set(0x3ce, 6, gr6);
}

describe('TextRenderer', () => {
  it('draws a glyph in the colours of its attribute', () => {
    const { rig, frame, dots } = setUp();
    rig.put(2, 3, 'A', 0x1e);
    frame();
    for (let line = 0; line < 16; line++) {
      const bits = FONT_8X16[0x41 * GLYPH_LINES + line] ?? 0;
      const expected = Array.from({ length: 9 }, (_, x) => (x < 8 && bits & (0x80 >> x) ? 0xffff55 : 0x0000aa));
      expect(dots(2, 3, line)).toEqual(expected);
    }
  });
  it('carries box lines over the ninth column, letters not', () => {
    const { rig, frame, dots } = setUp();
    rig.put(0, 0, '─');
    rig.put(0, 1, '█');
    rig.put(0, 2, '▓');
    frame();
    expect(dots(0, 0, 7)).toEqual(Array(9).fill(GREY));
    expect(dots(0, 1, 0)).toEqual(Array(9).fill(GREY));
    expect(dots(0, 2, 0)[8]).toBe(0);
  });
  it('redraws the changed cells alone, and does nothing where none changed', () => {
    const { rig, frame } = setUp();
    expect(frame()).toEqual({ damaged: [], moved: [], resized: 0 });
    rig.put(5, 10, 'xy');
    rig.put(24, 79, 'z');
    expect(frame().damaged).toEqual([
      { x: 90, y: 80, width: 18, height: 16 },
      { x: 711, y: 384, width: 9, height: 16 },
    ]);
  });
  it('shows the cursor every other 16 frames', () => {
    const { rig, frame, dots } = setUp();
    rig.crtc(0x0a, 13);
    frame(0);
    expect(dots(0, 0, 12)).toEqual(Array(9).fill(0));
    expect(dots(0, 0, 13)).toEqual(Array(9).fill(GREY));
    expect(dots(0, 0, 14)).toEqual(Array(9).fill(GREY));
    expect(frame(229e6).damaged).toEqual([{ x: 0, y: 0, width: 9, height: 16 }]);
    expect(dots(0, 0, 13)).toEqual(Array(9).fill(0));
    frame(457e6);
    expect(dots(0, 0, 13)).toEqual(Array(9).fill(GREY));
  });
  it('blinks characters whose attribute says so, or shows a bright background instead', () => {
    const { rig, frame, dots } = setUp();
    rig.put(0, 0, '█', 0x9f);
    frame(0);
    expect(dots(0, 0, 0)[0]).toBe(0xffffff);
    frame(457e6);
    expect(dots(0, 0, 0)[0]).toBe(0x0000aa);
    rig.setBrightBackgrounds();
    rig.put(0, 0, ' ', 0x9f);
    frame(457e6);
    expect(dots(0, 0, 0)[0]).toBe(0x5555ff);
  });
  it('moves a screen that scrolled and draws only what is new', () => {
    const { rig, surface, frame } = setUp();
    for (let row = 0; row < 25; row++) rig.put(row, 0, `line ${row} of a full screen`);
    frame();
    rig.scroll();
    rig.scroll();
    rig.put(23, 0, 'new');
    const { moved, damaged } = frame();
    expect(moved).toEqual([[32, 0, 23 * 16]]);
    expect(damaged.every((rect) => rect.y >= 23 * 16)).toBe(true);
    expect(differences(surface.pixels, freshPicture(rig))).toBe(0);
  });
  it('agrees with a picture drawn from nothing, whatever happened in between', () => {
    const { rig, surface, frame } = setUp();
    const random = new SeededRandom(7);
    for (let step = 0; step < 120; step++) {
      const text = Array.from({ length: 1 + random.below(60) }, () => String.fromCharCode(33 + random.below(90))).join(
        '',
      );
      const what = random.below(10);
      if (what < 4) rig.put(random.below(25), random.below(20), text, random.below(256));
      else if (what < 8) for (let i = 1 + random.below(5); i > 0; i--) rig.scroll();
      else if (what === 8) rig.crtc(0x0d, random.below(256));
      else rig.out(0x3c9, random.below(64));
      frame(step * 16e6);
      if (step % 4 === 0) expect(differences(surface.pixels, freshPicture(rig, step * 16e6)), `step ${step}`).toBe(0);
    }
  });
  it('draws everything again when the guest changes the font, the palette or the geometry', () => {
    const { rig, surface, frame, dots } = setUp();
    rig.put(0, 0, 'A');
    frame();
    loadFont(rig, () => rig.poke(0xa0000 + 0x41 * 32, 0xff));
    frame();
    expect(dots(0, 0, 0).slice(0, 8)).toEqual(Array(8).fill(GREY));
    rig.out(0x3c8, 7);
    for (const part of [63, 0, 0]) rig.out(0x3c9, part);
    frame();
    expect(dots(0, 0, 0)[0]).toBe(0xff0000);
    rig.crtc(0x11, 0x0e);
    rig.crtc(0x01, 39);
    expect(frame().resized).toBe(1);
    expect([surface.width, surface.height]).toEqual([360, 400]);
  });
  it('leaves for a graphics mode and comes back to the same text', () => {
    const { rig, surface, frame } = setUp();
    rig.put(0, 0, 'text');
    frame();
    const text = surface.pixels.slice();
    rig.setVbeMode(640, 480, 32);
    frame();
    expect([surface.width, surface.height]).toEqual([640, 480]);
    rig.vga.reset();
    rig.hideCursor();
    rig.put(0, 0, 'text');
    frame();
    expect(differences(surface.pixels, text)).toBe(0);
  });
  it('draws 132 columns of 8 dots, doubled lines and any height of a cell', () => {
    const { rig, surface, frame } = setUp();
    rig.crtc(0x11, 0x0e);
    rig.crtc(0x01, 131);
    rig.crtc(0x13, 66);
    rig.set(0x3c4, 1, 1);
    rig.crtc(0x09, 0xcb); // 12 lines, each twice
    frame();
    expect([surface.width, surface.height]).toEqual([1056, 400]);
    rig.poke(0xb8000 + (132 + 1) * 2, 0x41);
    frame();
    const dots = (y: number) => [...surface.copyOut({ x: 8, y: 24 + y, width: 8, height: 1 })];
    for (let y = 0; y < 24; y++) {
      const bits = FONT_8X16[0x41 * GLYPH_LINES + (y >> 1)] ?? 0;
      expect(dots(y)).toEqual(Array.from({ length: 8 }, (_, x) => (bits & (0x80 >> x) ? GREY : 0)));
    }
  });
  it('draws 40 columns with each dot twice', () => {
    const { rig, surface, frame, dots } = setUp();
    rig.poke(0xb8000 + 42 * 2, 0x41);
    frame();
    const single = Array.from({ length: 16 }, (_, line) => dots(0, 42, line));
    rig.crtc(0x11, 0x0e);
    rig.crtc(0x01, 39);
    rig.crtc(0x13, 20);
    rig.set(0x3c4, 1, 0x08);
    frame();
    expect([surface.width, surface.height]).toEqual([720, 400]);
    for (const [line, expected] of single.entries()) {
      const doubled = [...surface.copyOut({ x: 2 * 18, y: 16 + line, width: 18, height: 1 })];
      expect(doubled).toEqual(expected.flatMap((dot) => [dot, dot]));
    }
  });
  it('scrolls smoothly by dots and by lines', () => {
    const { rig, surface, frame } = setUp();
    for (let row = 0; row < 26; row++) rig.put(row, 0, `row ${row} of the text that moves about`);
    rig.put(0, 80, '|');
    frame();
    const still = freshPicture(rig);
    rig.crtc(0x08, 5);
    rig.attribute(0x13, 2); // three dots
    frame();
    for (const [x, y] of [
      [0, 0],
      [100, 50],
      [500, 300],
    ] as const) {
      expect(surface.pixels[y * 720 + x]).toBe(still[(y + 5) * 720 + x + 3]);
    }
    expect(differences(surface.pixels, freshPicture(rig))).toBe(0);
  });
  it('is black while the screen is off', () => {
    const { rig, surface, frame } = setUp();
    rig.put(0, 0, 'secret', 0x4f);
    frame();
    rig.out(0x3c4, 1);
    rig.out(0x3c5, 0x20);
    expect(frame().damaged).toHaveLength(1);
    expect(surface.pixels.every((pixel) => pixel === 0)).toBe(true);
  });
  it('survives a guest that programs random registers', () => {
    const { rig, surface, frame } = setUp();
    const random = new SeededRandom(3);
    for (let step = 0; step < 300; step++) {
      for (let i = 0; i < 8; i++) rig.vga.write(random.below(0x30), 1, random.below(256));
      rig.crtc(0x11, 0);
      frame(step * 1e7);
      expect(surface.pixels.length).toBe(surface.width * surface.height);
    }
  });
});

describe('readTextScreen', () => {
  it('decodes what the screen shows, with the cursor', () => {
    const rig = new VgaRig();
    rig.put(1, 2, 'Grüße ─█');
    rig.crtc(0x0f, 83);
    const screen: TextScreen = readTextScreen(rig.vram, rig.scanout);
    expect([screen.columns, screen.rows, screen.lines.length]).toEqual([80, 25, 25]);
    expect(screen.lines[1]).toBe(`  Grüße ─█${' '.repeat(70)}`);
    expect(screen.cursor).toEqual({ row: 1, column: 3 });
  });
  it('follows the start address, and has no cursor where it is off or out of sight', () => {
    const rig = new VgaRig();
    rig.put(3, 0, 'below');
    rig.crtc(0x0d, 240);
    expect(readTextScreen(rig.vram, rig.scanout).lines[0]?.trimEnd()).toBe('below');
    expect(readTextScreen(rig.vram, rig.scanout).cursor).toBeUndefined();
    rig.crtc(0x0d, 0);
    expect(readTextScreen(rig.vram, rig.scanout).cursor).toEqual({ row: 0, column: 0 });
    rig.hideCursor();
    expect(readTextScreen(rig.vram, rig.scanout).cursor).toBeUndefined();
  });
  it('reads blanks from a screen that is off, and of a graphics mode that it is one', () => {
    const rig = new VgaRig();
    rig.put(0, 0, 'hidden');
    rig.out(0x3c0, 0);
    expect(readTextScreen(rig.vram, rig.scanout).lines.join('').trim()).toBe('');
    rig.in(0x3da);
    rig.out(0x3c0, 0x20);
    rig.setVbeMode(800, 600, 16);
    expect(readTextScreen(rig.vram, rig.scanout)).toEqual({ columns: 19, rows: 1, lines: ['(graphics, 800x600)'] });
  });
});
