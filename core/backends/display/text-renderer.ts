/**
 * Draws a text screen: video memory to pixels, only the cells whose appearance changed since the last frame. A screen
 * that scrolled is moved first, so that viewers can move it too and only the new lines are drawn.
 *
 * Each cell's appearance is one word: code, colours, font and cursor as they show now, blinking resolved. The words
 * of the last frame are kept; what a cell looks like never depends on anything else but fonts, palette and geometry,
 * and a change of those draws everything.
 */
import { CellGrid } from './cell-grid.ts';
import { cellOffset, cursorOffset, PLANES, type ScanoutState, type TextRow, textRows } from './scanout.ts';
import type { Surface } from './surface.ts';

const FRAME_NS = 1e9 / 70.086; // mode 3
/** The cursor changes every 16 frames, blinking characters every 32. */
const CURSOR_PHASE_NS = 16 * FRAME_NS;
const TEXT_PHASE_NS = 32 * FRAME_NS;

const GLYPH_BYTES = 32;
const FONT_BYTES = 256 * GLYPH_BYTES;

// A cell's appearance. Bits 0-7 code, 8-11 foreground, 12-15 background, then:
const BOLD_FONT = 1 << 16;
const CURSOR = 1 << 17;
const CURSOR_TOP_SHIFT = 18; //    bits 18-22
const CURSOR_BOTTOM_SHIFT = 23; // bits 23-27

export class TextRenderer {
  readonly #vram: Uint8Array;
  readonly #surface: Surface;
  #cells = new CellGrid(0, 0);
  #rows: readonly TextRow[] = [];
  /** Rows are all alike, so that one can take another's place. */
  #scrolls = false;
  /** The glyphs as they were drawn, to see a guest change them. */
  readonly #fonts = [new Uint8Array(FONT_BYTES), new Uint8Array(FONT_BYTES)] as const;

  constructor(vram: Uint8Array, surface: Surface) {
    this.#vram = vram;
    this.#surface = surface;
  }

  /** From here on everything looks different: the next update draws it all. */
  startOver(view: ScanoutState): void {
    this.#surface.resize(view.width, view.height);
    this.#rows = textRows(view);
    const cellLines = view.cellHeight * view.lineRepeat;
    this.#scrolls = this.#rows.every((row) => row.height === cellLines && row.panDots === 0);
    this.#scrolls &&= view.splitLine >= view.height;
    const panned = this.#rows.some((row) => row.panDots > 0) ? 1 : 0;
    this.#cells = new CellGrid(view.columns + panned, this.#rows.length);
    this.#refreshFonts(view);
  }

  /**
   * Brings the surface up to date and tells its listeners what changed. Cheap where nothing did.
   * @param nowNs any steady time; cursor and blinking characters go by it.
   * @param fontsTouched video memory outside of the text window was written to.
   */
  update(view: ScanoutState, nowNs: number, fontsTouched: boolean): void {
    // Rows begin elsewhere after a change of the start address, but look no different.
    this.#rows = textRows(view);
    if (fontsTouched && this.#refreshFonts(view)) this.#cells.forget();
    this.#readCells(view, nowNs);
    if (!this.#cells.changed()) return;
    const shift = this.#scrolls ? this.#cells.findScroll() : 0;
    if (shift > 0) this.#scroll(view, shift);
    this.#cells.forEachChangedRun((row, from, to) => this.#drawRun(view, row, from, to));
  }

  /** True where a glyph changed. */
  #refreshFonts({ fontOffset, boldFontOffset }: ScanoutState): boolean {
    const changed = this.#fontChanged(this.#fonts[0], fontOffset);
    return (boldFontOffset !== fontOffset && this.#fontChanged(this.#fonts[1], boldFontOffset)) || changed;
  }

  #fontChanged(known: Uint8Array, offset: number): boolean {
    let changed = false;
    for (let i = 0; i < FONT_BYTES; i++) {
      const byte = this.#vram[offset + i * PLANES] ?? 0;
      if (known[i] === byte) continue;
      known[i] = byte;
      changed = true;
    }
    return changed;
  }

  /** @hot */
  #readCells(view: ScanoutState, nowNs: number): void {
    const vram = this.#vram;
    const textHidden = Math.floor(nowNs / TEXT_PHASE_NS) % 2 === 1;
    const cursorShown = Math.floor(nowNs / CURSOR_PHASE_NS) % 2 === 0;
    const cursorAt = cursorShown ? cursorOffset(view) : -1;
    const cursor = CURSOR | (view.cursorTop << CURSOR_TOP_SHIFT) | (view.cursorBottom << CURSOR_BOTTOM_SHIFT);
    const bold = view.fontOffset === view.boldFontOffset ? 0 : BOLD_FONT;
    const { next, columns } = this.#cells;
    let cell = 0;
    for (const row of this.#rows) {
      for (let column = 0; column < columns; column++, cell++) {
        const offset = cellOffset(view, row.startCell + column);
        const attribute = vram[offset + 1] ?? 0;
        let background = attribute >> 4;
        let foreground = attribute & 0x0f;
        if (view.blinkEnabled) {
          background &= 7;
          if (attribute & 0x80 && textHidden) foreground = background;
        }
        let word = (vram[offset] ?? 0) | (foreground << 8) | (background << 12);
        if (attribute & 0x08) word |= bold;
        if (offset === cursorAt) word |= cursor;
        next[cell] = word;
      }
    }
  }

  #scroll({ cellHeight, lineRepeat }: ScanoutState, rows: number): void {
    const lines = cellHeight * lineRepeat;
    this.#surface.moveLines(rows * lines, 0, (this.#rows.length - rows) * lines);
    this.#cells.scroll(rows);
  }

  #drawRun(view: ScanoutState, rowIndex: number, from: number, to: number): void {
    const row = this.#rows[rowIndex];
    if (!row) return;
    const { next, columns } = this.#cells;
    const left = -row.panDots * view.dotRepeat;
    const cellPixels = view.cellWidth * view.dotRepeat;
    for (let column = from; column < to; column++) {
      this.#drawCell(view, row, left + column * cellPixels, next[rowIndex * columns + column] ?? 0);
    }
    const x = Math.max(left + from * cellPixels, 0);
    const right = Math.min(left + to * cellPixels, view.width);
    if (right > x) this.#surface.damaged({ x, y: row.top, width: right - x, height: row.height });
  }

  /** @hot */
  #drawCell(view: ScanoutState, row: TextRow, x: number, word: number): void {
    const { pixels, width } = this.#surface;
    const code = word & 0xff;
    const foreground = view.palette[(word >> 8) & 0x0f] ?? 0;
    const background = view.palette[(word >> 12) & 0x0f] ?? 0;
    const glyph = (word & BOLD_FONT ? view.boldFontOffset : view.fontOffset) + code * GLYPH_BYTES * PLANES;
    const cursorTop = word & CURSOR ? (word >> CURSOR_TOP_SHIFT) & 0x1f : GLYPH_BYTES;
    const cursorBottom = (word >> CURSOR_BOTTOM_SHIFT) & 0x1f;
    // Attributes 01 and 09 on black underline; colour modes put the underline beyond the cell. [VGA] CR14
    const underline = (word & 0x7700) === 0x0100 ? view.underlineLine : -1;
    const joins = view.lineGraphics !== 0 && code >= 0xc0 && code <= 0xdf;
    const firstPixel = Math.max(-x, 0);
    const endPixel = Math.min(view.cellWidth * view.dotRepeat, view.width - x);
    const dotShift = view.dotRepeat - 1; // one or two pixels
    for (let y = 0; y < row.height; y++) {
      const line = row.firstLine + Math.floor(y / view.lineRepeat);
      let bits = (this.#vram[glyph + line * PLANES] ?? 0) << 1;
      if (joins) bits |= (bits >> 1) & 1;
      if (line === underline || (line >= cursorTop && line <= cursorBottom)) bits = 0x1ff;
      const start = (row.top + y) * width + x;
      for (let pixel = firstPixel; pixel < endPixel; pixel++) {
        pixels[start + pixel] = bits & (0x100 >> (pixel >> dotShift)) ? foreground : background;
      }
    }
  }
}
