/**
 * The cells of a text screen as they were drawn and as they are to be: tells what changed and whether the screen
 * scrolled. A cell is one word whose meaning is the renderer's.
 */

/** No appearance has this value: forces a cell to be drawn. */
const NEVER_DRAWN = -1;
/** Moving the screen must put at least this many more rows right than standing still. */
const LEAST_SCROLL_GAIN = 3;

export class CellGrid {
  /** The frame to come, row by row: fill it in before asking. */
  readonly next: Int32Array;
  readonly #drawn: Int32Array;
  readonly #nextHashes: Int32Array;
  readonly #drawnHashes: Int32Array;

  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {
    this.next = new Int32Array(columns * rows);
    this.#drawn = new Int32Array(columns * rows).fill(NEVER_DRAWN);
    this.#nextHashes = new Int32Array(rows);
    this.#drawnHashes = new Int32Array(rows);
  }

  /** Has every cell drawn again. */
  forget(): void {
    this.#drawn.fill(NEVER_DRAWN);
  }

  /** Whether anything must be drawn. @hot */
  changed(): boolean {
    const { next } = this;
    const drawn = this.#drawn;
    for (let i = 0; i < next.length; i++) if (next[i] !== drawn[i]) return true;
    return false;
  }

  /**
   * By how many rows moving the drawn screen up brings it nearest to the next frame; 0 where that gains little. A
   * guess by hashes: a wrong one costs drawing, never a wrong picture.
   */
  findScroll(): number {
    const { rows } = this;
    const next = this.#hash(this.next, this.#nextHashes);
    const drawn = this.#hash(this.#drawn, this.#drawnHashes);
    let standing = 0;
    for (let row = 0; row < rows; row++) if (next[row] === drawn[row]) standing++;
    let best = 0;
    let bestMatches = standing + LEAST_SCROLL_GAIN - 1;
    for (let shift = 1; shift < rows; shift++) {
      let matches = 0;
      for (let row = 0; row + shift < rows; row++) if (next[row] === drawn[row + shift]) matches++;
      if (matches <= bestMatches) continue;
      bestMatches = matches;
      best = shift;
    }
    return best;
  }

  /** Notes that the drawn screen was moved up; the rows at the bottom keep what they showed. */
  scroll(rows: number): void {
    this.#drawn.copyWithin(0, rows * this.columns);
  }

  /** Calls back for each run of changed cells, columns from (inclusive) to (exclusive), and takes them as drawn. */
  forEachChangedRun(draw: (row: number, from: number, to: number) => void): void {
    const { columns, rows, next } = this;
    const drawn = this.#drawn;
    for (let row = 0; row < rows; row++) {
      const start = row * columns;
      for (let column = 0; column < columns; column++) {
        if (next[start + column] === drawn[start + column]) continue;
        const from = column;
        while (column < columns && next[start + column] !== drawn[start + column]) {
          drawn[start + column] = next[start + column] ?? NEVER_DRAWN;
          column++;
        }
        draw(row, from, column);
      }
    }
  }

  #hash(cells: Int32Array, hashes: Int32Array): Int32Array {
    for (let row = 0; row < this.rows; row++) {
      let hash = 0;
      const end = (row + 1) * this.columns;
      for (let i = row * this.columns; i < end; i++)
        hash = Math.imul(hash ^ (cells[i] ?? 0), 0x01000193) + (hash >>> 15);
      hashes[row] = hash;
    }
    return hashes;
  }
}
