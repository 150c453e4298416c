/**
 * The port between a display adapter and the display back end: what to scan out of video memory, as 64 words of
 * shared memory. One writer (the thread that runs the device), any number of readers in other threads. Every word
 * is read and written with Atomics, under a sequence lock: the sequence is odd while the writer is inside, so a
 * reader that saw an odd or a changed sequence tries again and never uses half of a change.
 *
 * Characters themselves are not here: guests write them straight into video memory (see devices/vga), so a reader
 * compares the cells as well as the sequence.
 */

/** Words of shared memory a Scanout takes. */
export const SCANOUT_WORDS = 64;

export const SCANOUT_OFF = 0; // nothing is scanned out: the screen is black
export const SCANOUT_TEXT = 1;
export const SCANOUT_UNSUPPORTED = 2; // the guest chose a mode this adapter does not draw

/** Text memory is the first 32 KiB of video memory, the size of the B8000-BFFFF window; addresses wrap there. */
export const TEXT_MEMORY_BYTES = 0x8000;

/** Largest values a reader must be ready for, whatever a guest programs. */
export const MAX_COLUMNS = 256;
export const MAX_LINES = 1024;
export const MAX_CELL_HEIGHT = 32;

const FIELDS = [
  'mode',
  'columns',
  'rows',
  'cellWidth',
  'cellHeight',
  'startCell',
  'pitchCells',
  'splitLine',
  'cursorCell',
  'cursorTop',
  'cursorBottom',
  'underlineLine',
  'blinkEnabled',
  'lineGraphics',
  'fontOffset',
  'boldFontOffset',
  'width',
  'height',
] as const;

type ScanoutFields = { -readonly [field in (typeof FIELDS)[number]]: number };

/**
 * One consistent view. Cells are character positions in text memory (two bytes each: code, attribute); lines are
 * scan lines. The cursor shows on lines cursorTop to cursorBottom of its cell, not at all where top > bottom.
 * Attribute bit 3 set takes the glyph from boldFontOffset; both are byte offsets in video memory to 256 glyphs of
 * 32 bytes, one a line, leftmost pixel in bit 7. From scan line splitLine + 1 on the screen shows cell 0 onwards.
 * lineGraphics: the ninth column of codes C0-DF repeats the eighth. width and height: the whole picture in pixels;
 * in an unsupported mode, what the guest asked for.
 */
export interface ScanoutState extends ScanoutFields {
  /** The 16 text colours as 0xRRGGBB. */
  readonly palette: Int32Array;
}

const PALETTE_WORD = 1 + FIELDS.length;
const MAX_READ_ATTEMPTS = 1000;

export function createScanoutState(): ScanoutState {
  const fields = Object.fromEntries(FIELDS.map((field) => [field, 0])) as ScanoutFields;
  return { ...fields, palette: new Int32Array(16) };
}

export class Scanout {
  readonly #words: Int32Array;

  /** @param words SCANOUT_WORDS or more words of (usually shared) memory, zeros at first: screen off. */
  constructor(words: Int32Array) {
    if (words.length < SCANOUT_WORDS)
      throw new RangeError(`a Scanout takes ${SCANOUT_WORDS} words, not ${words.length}`);
    this.#words = words;
  }

  /** Moves on with each published change. Equal sequences mean equal states. */
  get sequence(): number {
    return Atomics.load(this.#words, 0);
  }

  /** The writer's side: makes `state` the one that readers see. */
  publish(state: ScanoutState): void {
    const words = this.#words;
    // A writer that died inside left the sequence odd; setting the bit instead of adding keeps the next one sound.
    const entered = Atomics.load(words, 0) | 1;
    Atomics.store(words, 0, entered);
    FIELDS.forEach((field, index) => {
      Atomics.store(words, 1 + index, state[field]);
    });
    for (let i = 0; i < 16; i++) Atomics.store(words, PALETTE_WORD + i, state.palette[i] ?? 0);
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
      for (let i = 0; i < 16; i++) target.palette[i] = Atomics.load(words, PALETTE_WORD + i);
      if (Atomics.load(words, 0) === before) return true;
    }
    return false;
  }
}

/** Cell of text memory at the left of a row of the screen, split screen included. */
export function rowStartCell(state: ScanoutState, row: number): number {
  const splitRow = Math.floor(state.splitLine / state.cellHeight) + 1;
  return row < splitRow ? state.startCell + row * state.pitchCells : (row - splitRow) * state.pitchCells;
}

/** Byte offset in text memory of a cell; addresses wrap. */
export function cellOffset(cell: number): number {
  return (cell * 2) & (TEXT_MEMORY_BYTES - 1);
}

/** Byte offset in text memory of the cell that holds the cursor, or -1 where no cursor shows. */
export function cursorOffset(state: ScanoutState): number {
  const shows = state.cursorTop <= state.cursorBottom && state.cursorTop < state.cellHeight;
  return shows ? cellOffset(state.cursorCell) : -1;
}
