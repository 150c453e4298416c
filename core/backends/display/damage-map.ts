/**
 * What a viewer has not seen yet, in tiles of 16x16 pixels: of fixed size, however much changes and however long
 * the viewer stays away.
 */
import { clipRect, type Rect } from './surface.ts';

const TILE = 16;

export class DamageMap {
  readonly #columns: number;
  readonly #rows: number;
  readonly #tiles: Uint8Array;
  #marked = 0;

  /** Of a picture of this many pixels; nothing is marked. */
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.#columns = Math.ceil(width / TILE);
    this.#rows = Math.ceil(height / TILE);
    this.#tiles = new Uint8Array(this.#columns * this.#rows);
  }

  get empty(): boolean {
    return this.#marked === 0;
  }

  mark(rect: Rect): void {
    const inside = clipRect(rect, this.width, this.height);
    if (!inside) return;
    const right = Math.ceil((inside.x + inside.width) / TILE);
    const bottom = Math.ceil((inside.y + inside.height) / TILE);
    for (let row = Math.floor(inside.y / TILE); row < bottom; row++) {
      for (let column = Math.floor(inside.x / TILE); column < right; column++) {
        const tile = row * this.#columns + column;
        if (this.#tiles[tile]) continue;
        this.#tiles[tile] = 1;
        this.#marked++;
      }
    }
  }

  markAll(): void {
    this.mark({ x: 0, y: 0, width: this.width, height: this.height });
  }

  /** The marked area as rectangles that do not overlap, and forgets it. */
  take(): Rect[] {
    const rects: Rect[] = [];
    for (let row = 0; row < this.#rows && this.#marked > 0; row++) {
      for (let column = 0; column < this.#columns; column++) {
        if (this.#tiles[row * this.#columns + column]) rects.push(this.#takeBlock(row, column));
      }
    }
    return rects;
  }

  /** The widest run of marked tiles from here, and as many rows below it as are marked all along. */
  #takeBlock(row: number, column: number): Rect {
    const runMarked = (r: number, from: number, to: number) =>
      this.#tiles.subarray(r * this.#columns + from, r * this.#columns + to).every((tile) => tile === 1);
    let right = column + 1;
    while (right < this.#columns && this.#tiles[row * this.#columns + right]) right++;
    let bottom = row + 1;
    while (bottom < this.#rows && runMarked(bottom, column, right)) bottom++;
    for (let r = row; r < bottom; r++) this.#tiles.fill(0, r * this.#columns + column, r * this.#columns + right);
    this.#marked -= (bottom - row) * (right - column);
    const x = column * TILE;
    const y = row * TILE;
    return { x, y, width: Math.min(right * TILE, this.width) - x, height: Math.min(bottom * TILE, this.height) - y };
  }
}
