/**
 * The picture of a display: pixels that one renderer draws and any number of viewers watch. Viewers are told what
 * changed, not given pixels; each reads them when it is ready to send.
 */

/** In pixels; x and y from the top left. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of pixels where they lie: line y begins at offset + y * stride. */
export interface PixelView {
  readonly pixels: Uint32Array;
  readonly offset: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** A part of a view; must lie inside it. */
export function partOf(view: PixelView, x: number, y: number, width: number, height: number): PixelView {
  return { pixels: view.pixels, offset: view.offset + y * view.stride + x, stride: view.stride, width, height };
}

export interface SurfaceListener {
  /** Pixels in this rectangle changed. */
  damaged(rect: Rect): void;
  /** Lines were copied from one place to another; what lay there is overwritten. */
  linesMoved(from: number, to: number, count: number): void;
  /** The surface has a new size, and everything on it changed. */
  resized(): void;
}

/** The part of `rect` inside 0,0 to width,height; undefined where none is. */
export function clipRect(rect: Rect, width: number, height: number): Rect | undefined {
  const x = Math.max(rect.x, 0);
  const y = Math.max(rect.y, 0);
  const right = Math.min(rect.x + rect.width, width);
  const bottom = Math.min(rect.y + rect.height, height);
  return right > x && bottom > y ? { x, y, width: right - x, height: bottom - y } : undefined;
}

export class Surface {
  readonly #listeners = new Set<SurfaceListener>();
  #width: number;
  #height: number;
  #pixels: Uint32Array;

  /** A black surface. */
  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#pixels = new Uint32Array(width * height);
  }

  get width(): number {
    return this.#width;
  }
  get height(): number {
    return this.#height;
  }
  /** 0x00RRGGBB, line by line: BGRX bytes on a little-endian host. Whoever draws calls damaged(). */
  get pixels(): Uint32Array {
    return this.#pixels;
  }

  addListener(listener: SurfaceListener): void {
    this.#listeners.add(listener);
  }
  removeListener(listener: SurfaceListener): void {
    this.#listeners.delete(listener);
  }

  /** Black at the new size; nothing at all where the size is the same. */
  resize(width: number, height: number): void {
    if (width === this.#width && height === this.#height) return;
    this.#width = width;
    this.#height = height;
    this.#pixels = new Uint32Array(width * height);
    for (const listener of this.#listeners) listener.resized();
  }

  damaged(rect: Rect): void {
    for (const listener of this.#listeners) listener.damaged(rect);
  }

  moveLines(from: number, to: number, count: number): void {
    const width = this.#width;
    this.#pixels.copyWithin(to * width, from * width, (from + count) * width);
    for (const listener of this.#listeners) listener.linesMoved(from, to, count);
  }

  /** The pixels of a rectangle, good until the surface is drawn on; what lies outside the surface is black. */
  view(rect: Rect): PixelView {
    const { width, height } = rect;
    const inside = clipRect(rect, this.#width, this.#height);
    if (inside?.width === width && inside.height === height) {
      return { pixels: this.#pixels, offset: rect.y * this.#width + rect.x, stride: this.#width, width, height };
    }
    return { pixels: this.copyOut(rect), offset: 0, stride: width, width, height };
  }

  /** Copies a rectangle out, line by line; what lies outside the surface is black. */
  copyOut(rect: Rect): Uint32Array {
    const out = new Uint32Array(rect.width * rect.height);
    const inside = clipRect(rect, this.#width, this.#height);
    if (!inside) return out;
    for (let y = inside.y; y < inside.y + inside.height; y++) {
      const start = y * this.#width + inside.x;
      const target = (y - rect.y) * rect.width + (inside.x - rect.x);
      out.set(this.#pixels.subarray(start, start + inside.width), target);
    }
    return out;
  }
}
