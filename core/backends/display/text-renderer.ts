/**
 * Draws a text screen: scanout and video memory to pixels, only the cells whose appearance changed since the last
 * frame. A screen that scrolled is moved first, so that viewers can move it too and only the new lines are drawn.
 *
 * Each cell's appearance is one word: code, colours, font and cursor as they show now, blinking resolved. The words
 * of the last frame are kept; what a cell looks like never depends on anything else but fonts, palette and geometry,
 * and a change of those draws everything.
 */
import { encodeCp437 } from '../../base/text/cp437.ts';
import { FONT_8X16, GLYPH_LINES } from '../../base/text/font.ts';
import { CellGrid } from './cell-grid.ts';
import {
  cellOffset,
  createScanoutState,
  cursorOffset,
  rowStartCell,
  SCANOUT_TEXT,
  SCANOUT_UNSUPPORTED,
  type Scanout,
  type ScanoutState,
} from './scanout.ts';
import type { Surface } from './surface.ts';

const FRAME_NS = 1e9 / 70.086; // mode 3
/** The cursor changes every 16 frames, blinking characters every 32. */
const CURSOR_PHASE_NS = 16 * FRAME_NS;
const TEXT_PHASE_NS = 32 * FRAME_NS;

const FONT_GLYPH_BYTES = 32;
const FONT_WORDS = (256 * FONT_GLYPH_BYTES) / 4;

// A cell's appearance. Bits 0-7 code, 8-11 foreground, 12-15 background, then:
const BOLD_FONT = 1 << 16;
const CURSOR = 1 << 17;
const CURSOR_TOP_SHIFT = 18; //    bits 18-22
const CURSOR_BOTTOM_SHIFT = 23; // bits 23-27

/** Fields whose change alters the look of every cell. */
const LOOK_FIELDS = [
  'mode',
  'columns',
  'rows',
  'cellWidth',
  'cellHeight',
  'underlineLine',
  'lineGraphics',
  'fontOffset',
  'boldFontOffset',
  'width',
  'height',
] as const;

const MESSAGE_COLUMNS = 80;
const MESSAGE_ROWS = 25;
const MESSAGE_CELL_WIDTH = 9;
const MESSAGE_COLOUR = 0xaaaaaa;

export interface TextRendererPorts {
  /** Video memory, 4-byte aligned. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  readonly surface: Surface;
}

export class TextRenderer {
  readonly #vram: Uint8Array;
  readonly #vramWords: Int32Array;
  readonly #scanout: Scanout;
  readonly #surface: Surface;
  #sequence = -1;
  #view = createScanoutState();
  #nextView = createScanoutState();
  #cells = new CellGrid(0, 0);
  /** The glyphs as they were drawn, to see a guest change them. */
  readonly #fonts = [new Int32Array(FONT_WORDS), new Int32Array(FONT_WORDS)] as const;

  constructor(ports: TextRendererPorts) {
    const { vram } = ports;
    this.#vram = vram;
    this.#vramWords = new Int32Array(vram.buffer, vram.byteOffset, vram.byteLength >> 2);
    this.#scanout = ports.scanout;
    this.#surface = ports.surface;
  }

  /**
   * Brings the surface up to date and tells its listeners what changed. Cheap where nothing did.
   * @param nowNs any steady time; cursor and blinking characters go by it.
   */
  update(nowNs: number): void {
    this.#refreshView();
    if (this.#view.mode !== SCANOUT_TEXT) return;
    this.#refreshFonts();
    this.#readCells(nowNs);
    if (!this.#cells.changed()) return;
    const shift = this.#cells.findScroll();
    if (shift > 0) this.#scroll(shift);
    this.#cells.forEachChangedRun((row, from, to) => this.#drawRun(row, from, to));
  }

  #refreshView(): void {
    const sequence = this.#scanout.sequence;
    if (sequence === this.#sequence || !this.#scanout.read(this.#nextView)) return;
    const old = this.#view;
    const view = this.#nextView;
    this.#view = view;
    this.#nextView = old;
    const first = this.#sequence === -1;
    this.#sequence = sequence;
    const paletteChanged = view.palette.some((colour, index) => colour !== old.palette[index]);
    if (first || paletteChanged || LOOK_FIELDS.some((field) => view[field] !== old[field])) this.#startOver(view);
  }

  #startOver(view: ScanoutState): void {
    if (view.mode === SCANOUT_TEXT) {
      this.#surface.resize(view.width, view.height);
      this.#cells = new CellGrid(view.columns, view.rows);
      return;
    }
    if (view.mode === SCANOUT_UNSUPPORTED) {
      this.#drawMessage(`This graphics mode, ${view.width}x${view.height}, is not supported yet.`);
      return;
    }
    this.#clear();
  }

  #clear(): void {
    const { pixels, width, height } = this.#surface;
    pixels.fill(0);
    this.#surface.damaged({ x: 0, y: 0, width, height });
  }

  /** A line of our own in the middle of an otherwise black screen, in our own font: the guest's may be gone. */
  #drawMessage(message: string): void {
    this.#surface.resize(MESSAGE_COLUMNS * MESSAGE_CELL_WIDTH, MESSAGE_ROWS * GLYPH_LINES);
    const { pixels, width } = this.#surface;
    pixels.fill(0);
    const codes = encodeCp437(message.slice(0, MESSAGE_COLUMNS));
    const left = Math.floor((MESSAGE_COLUMNS - codes.length) / 2) * MESSAGE_CELL_WIDTH;
    const top = Math.floor(MESSAGE_ROWS / 2) * GLYPH_LINES;
    codes.forEach((code, index) => {
      for (let y = 0; y < GLYPH_LINES; y++) {
        const bits = FONT_8X16[code * GLYPH_LINES + y] ?? 0;
        const start = (top + y) * width + left + index * MESSAGE_CELL_WIDTH;
        for (let x = 0; x < 8; x++) if (bits & (0x80 >> x)) pixels[start + x] = MESSAGE_COLOUR;
      }
    });
    this.#surface.damaged({ x: 0, y: 0, width, height: this.#surface.height });
  }

  #refreshFonts(): void {
    const { fontOffset, boldFontOffset } = this.#view;
    const changed = this.#fontChanged(this.#fonts[0], fontOffset);
    const boldChanged = boldFontOffset !== fontOffset && this.#fontChanged(this.#fonts[1], boldFontOffset);
    if (changed || boldChanged) this.#cells.forget();
  }

  #fontChanged(known: Int32Array, byteOffset: number): boolean {
    const words = this.#vramWords;
    const first = byteOffset >> 2;
    for (let i = 0; i < FONT_WORDS; i++) {
      if (known[i] === words[first + i]) continue;
      known.set(words.subarray(first, first + FONT_WORDS));
      return true;
    }
    return false;
  }

  /** @hot */
  #readCells(nowNs: number): void {
    const view = this.#view;
    const vram = this.#vram;
    const textHidden = Math.floor(nowNs / TEXT_PHASE_NS) % 2 === 1;
    const cursorShown = Math.floor(nowNs / CURSOR_PHASE_NS) % 2 === 0;
    const cursorAt = cursorShown ? cursorOffset(view) : -1;
    const cursor = CURSOR | (view.cursorTop << CURSOR_TOP_SHIFT) | (view.cursorBottom << CURSOR_BOTTOM_SHIFT);
    const bold = view.fontOffset === view.boldFontOffset ? 0 : BOLD_FONT;
    const next = this.#cells.next;
    for (let row = 0, cell = 0; row < view.rows; row++) {
      const start = rowStartCell(view, row);
      for (let column = 0; column < view.columns; column++, cell++) {
        const offset = cellOffset(start + column);
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

  #scroll(rows: number): void {
    const { cellHeight, rows: all } = this.#view;
    this.#surface.moveLines(rows * cellHeight, 0, (all - rows) * cellHeight);
    this.#cells.scroll(rows);
  }

  #drawRun(row: number, from: number, to: number): void {
    const { columns, cellWidth, cellHeight } = this.#view;
    for (let column = from; column < to; column++) {
      this.#drawCell(column * cellWidth, row * cellHeight, this.#cells.next[row * columns + column] ?? 0);
    }
    const x = from * cellWidth;
    this.#surface.damaged({ x, y: row * cellHeight, width: to * cellWidth - x, height: cellHeight });
  }

  /** @hot */
  #drawCell(x: number, y: number, word: number): void {
    const view = this.#view;
    const { pixels, width } = this.#surface;
    const code = word & 0xff;
    const foreground = view.palette[(word >> 8) & 0x0f] ?? 0;
    const background = view.palette[(word >> 12) & 0x0f] ?? 0;
    const font = (word & BOLD_FONT ? view.boldFontOffset : view.fontOffset) + code * FONT_GLYPH_BYTES;
    const cursorTop = word & CURSOR ? (word >> CURSOR_TOP_SHIFT) & 0x1f : FONT_GLYPH_BYTES;
    const cursorBottom = (word >> CURSOR_BOTTOM_SHIFT) & 0x1f;
    // Attributes 01 and 09 on black underline; colour modes put the underline beyond the cell. [VGA] CR14
    const underline = (word & 0x7700) === 0x0100 ? view.underlineLine : -1;
    const joins = view.lineGraphics !== 0 && code >= 0xc0 && code <= 0xdf;
    for (let line = 0; line < view.cellHeight; line++) {
      let bits = (this.#vram[font + line] ?? 0) << 1;
      if (joins) bits |= (bits >> 1) & 1;
      if (line === underline || (line >= cursorTop && line <= cursorBottom)) bits = 0x1ff;
      const start = (y + line) * width + x;
      for (let dot = 0; dot < view.cellWidth; dot++) {
        pixels[start + dot] = bits & (0x100 >> dot) ? foreground : background;
      }
    }
  }
}
