/**
 * The port between a display adapter and the display back end: what to scan out of video memory, in words of shared
 * memory. One writer (the thread that runs the device), any number of readers in other threads. Every word is read and
 * written with Atomics, under a sequence lock: the sequence is odd while the writer is inside, so a reader that saw an
 * odd or a changed sequence tries again and never uses half of a change.
 *
 * What lies in video memory is not here. Of its pages the DirtyMap tells which were written, but for the window of text
 * memory: guests write that at any time, and a reader compares its cells.
 */
import { DIRTY_WORDS, DirtyMap } from './dirty-map.ts';

export const SCANOUT_OFF = 0; // nothing is scanned out: the screen is black
export const SCANOUT_TEXT = 1;
export const SCANOUT_GRAPHICS = 2;

// How a graphics mode keeps its pixels.
export const FORMAT_PLANAR = 0; //   four bytes, one a plane: a bit of each makes one of eight pixels
export const FORMAT_CGA4 = 1; //     four bytes: planes 0 and 2 hold two bits each of four pixels, 1 and 3 of the next
export const FORMAT_INDEXED8 = 2;
export const FORMAT_RGB555 = 3;
export const FORMAT_RGB565 = 4;
export const FORMAT_RGB888 = 5; //   three bytes: blue, green, red
export const FORMAT_XRGB8888 = 6;

/** The window of text memory, B8000-BFFFF: its size. */
export const TEXT_MEMORY_BYTES = 0x8000;
const TEXT_CELLS = TEXT_MEMORY_BYTES / 2;
/** The address counter of a VGA: so many cells, or groups of one byte a plane. */
const COUNTER_MASK = 0xffff;

/** Largest values a reader must be ready for, whatever a guest programs. */
export const MAX_COLUMNS = 256;
export const MAX_CELL_HEIGHT = 32;
/** Scan lines of a mode without VBE. */
export const MAX_LINES = 1024;
export const MAX_WIDTH = 2560;
export const MAX_HEIGHT = 1600;

const FIELDS = [
  'mode',
  'width',
  'height',
  'splitLine',
  'presetRow',
  'cellHeight',
  'lineRepeat',
  'dotRepeat',
  'panDots',
  'splitPanDots',
  // text
  'columns',
  'cellWidth',
  'textOffset',
  'startCell',
  'pitchCells',
  'cursorCell',
  'cursorTop',
  'cursorBottom',
  'underlineLine',
  'blinkEnabled',
  'lineGraphics',
  'fontOffset',
  'boldFontOffset',
  // graphics
  'format',
  'bitsPerPixel',
  'startOffset',
  'pitchBytes',
  'addressMask',
  'rowBit0Mask',
  'rowBit1Mask',
] as const;

type ScanoutFields = { -readonly [field in (typeof FIELDS)[number]]: number };

/**
 * One consistent view. width and height are the whole picture in pixels, lines are scan lines; from scan line
 * splitLine + 1 on the screen shows memory from address 0 onwards. A row has cellHeight lines of lineRepeat scan lines
 * each: characters, or one line of graphics shown several times. The first row begins with its line presetRow. A dot is
 * dotRepeat pixels wide, one or two. The picture begins panDots to the right of its memory, splitPanDots below the split.
 *
 * Text. Cells are character positions (a code byte and an attribute byte). The first TEXT_MEMORY_BYTES of them lie at
 * textOffset, the others, and all where textOffset is -1, in planes 0 and 1. The cursor shows on lines cursorTop to
 * cursorBottom of its cell, not at all where top > bottom. Attribute bit 3 set takes the glyph from boldFontOffset;
 * both are byte offsets in video memory to 256 glyphs of 32 bytes, one a line, leftmost pixel in bit 7; being of one
 * plane, the bytes lie PLANES apart. lineGraphics: the ninth column of codes C0-DF repeats the eighth.
 *
 * Graphics. startOffset and pitchBytes count bytes of video memory, in which the bytes of the four planes alternate;
 * addresses wrap at addressMask. rowBit0Mask and rowBit1Mask: address bits that bits 0 and 1 of the line within its row
 * replace, as CGA and Hercules banks want; 0 for none.
 */
export interface ScanoutState extends ScanoutFields {
  /** Colours as 0xRRGGBB: 16, or 256 for FORMAT_INDEXED8. */
  readonly palette: Int32Array;
}

/** Bytes of different planes that lie side by side. */
export const PLANES = 4;
const PALETTE_COLOURS = 256;
const PALETTE_WORD = 1 + FIELDS.length;
const STATE_WORDS = PALETTE_WORD + PALETTE_COLOURS;
/** Words of shared memory a Scanout takes. */
export const SCANOUT_WORDS = STATE_WORDS + DIRTY_WORDS;
const MAX_READ_ATTEMPTS = 1000;

export function createScanoutState(): ScanoutState {
  const fields = Object.fromEntries(FIELDS.map((field) => [field, 0])) as ScanoutFields;
  return { ...fields, palette: new Int32Array(PALETTE_COLOURS) };
}

export class Scanout {
  /** What was written of the video memory. */
  readonly dirty: DirtyMap;
  readonly #words: Int32Array;

  /** @param words SCANOUT_WORDS or more words of (usually shared) memory, zeros at first: screen off. */
  constructor(words: Int32Array) {
    if (words.length < SCANOUT_WORDS)
      throw new RangeError(`a Scanout takes ${SCANOUT_WORDS} words, not ${words.length}`);
    this.#words = words;
    this.dirty = new DirtyMap(words.subarray(STATE_WORDS, SCANOUT_WORDS));
  }

  /** Moves on with each published change. Equal sequences mean equal states. */
  get sequence(): number {
    return Atomics.load(this.#words, 0);
  }

  /** The writer's side: makes `state` the one that readers see. Nothing happens where they see it already. */
  publish(state: ScanoutState): void {
    const words = this.#words;
    if (this.#shows(state) && !(Atomics.load(words, 0) & 1)) return;
    // A writer that died inside left the sequence odd; setting the bit instead of adding keeps the next one sound.
    const entered = Atomics.load(words, 0) | 1;
    Atomics.store(words, 0, entered);
    FIELDS.forEach((field, index) => {
      Atomics.store(words, 1 + index, state[field]);
    });
    for (let i = 0; i < PALETTE_COLOURS; i++) Atomics.store(words, PALETTE_WORD + i, state.palette[i] ?? 0);
    Atomics.store(words, 0, (entered + 1) | 0);
  }

  /** A reader's side: copies the state into `target`. False where the writer stayed inside: keep the old view. */
  read(target: ScanoutState): boolean {
    const words = this.#words;
    for (let attempt = 0; attempt < MAX_READ_ATTEMPTS; attempt++) {
      const before = Atomics.load(words, 0);
      if (before & 1) continue;
      FIELDS.forEach((field, index) => {
        target[field] = Atomics.load(words, 1 + index);
      });
      for (let i = 0; i < PALETTE_COLOURS; i++) target.palette[i] = Atomics.load(words, PALETTE_WORD + i);
      if (Atomics.load(words, 0) === before) return true;
    }
    return false;
  }

  /** Only the writer changes the words, and may read them plainly. @hot */
  #shows(state: ScanoutState): boolean {
    const words = this.#words;
    for (let i = 0; i < PALETTE_COLOURS; i++) if (words[PALETTE_WORD + i] !== state.palette[i]) return false;
    return FIELDS.every((field, index) => words[1 + index] === state[field]);
  }
}

/** Byte offset in video memory of a cell's code, with its attribute behind it; the address counter wraps. */
export function cellOffset(state: ScanoutState, cell: number): number {
  const counter = cell & COUNTER_MASK;
  return state.textOffset >= 0 && counter < TEXT_CELLS ? state.textOffset + counter * 2 : counter * PLANES;
}

/** Byte offset in video memory of the cell that holds the cursor, or -1 where no cursor shows. */
export function cursorOffset(state: ScanoutState): number {
  const shows = state.cursorTop <= state.cursorBottom && state.cursorTop < state.cellHeight;
  return shows ? cellOffset(state, state.cursorCell) : -1;
}

/** One row of a text screen: scan lines top to top + height - 1 show the cells from startCell on. */
export interface TextRow {
  readonly startCell: number;
  readonly top: number;
  readonly height: number;
  /** Line of the cell that the first scan line shows. */
  readonly firstLine: number;
  readonly panDots: number;
}

/** The rows of a text screen from top to bottom: the split and the ends cut them short. */
export function textRows(state: ScanoutState): TextRow[] {
  const split = Math.min(state.splitLine + 1, state.height);
  const upper = rowsBetween(state, 0, split, state.startCell, state.presetRow, state.panDots);
  return [...upper, ...rowsBetween(state, split, state.height, 0, 0, state.splitPanDots)];
}

function rowsBetween(state: ScanoutState, top: number, end: number, cell: number, line: number, panDots: number) {
  const rows: TextRow[] = [];
  let startCell = cell;
  let firstLine = Math.min(line, state.cellHeight - 1);
  for (let y = top; y < end; startCell += state.pitchCells, firstLine = 0) {
    const height = Math.min((state.cellHeight - firstLine) * state.lineRepeat, end - y);
    rows.push({ startCell, top: y, height, firstLine, panDots });
    y += height;
  }
  return rows;
}
