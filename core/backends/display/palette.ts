/**
 * The colours of some pixels and the place of each, in order of appearance: an open hash table that is used again and
 * again. Encoders count colours with it and look their indexes up.
 */
import type { PixelView } from './surface.ts';

/** Four times as many places as colours, so that look-ups end soon. */
const SLOTS = 1024;
const MAX_COLOURS = 256;
const EMPTY = -1;

export class Palette {
  readonly #slots = new Int16Array(SLOTS).fill(EMPTY);
  readonly #colours = new Uint32Array(MAX_COLOURS);
  /** Slot of each colour, to clear the table by. */
  readonly #slotOf = new Uint16Array(MAX_COLOURS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  colour(index: number): number {
    return this.#colours[index] ?? 0;
  }

  clear(): void {
    for (let i = 0; i < this.#size; i++) this.#slots[this.#slotOf[i] ?? 0] = EMPTY;
    this.#size = 0;
  }

  /** False where it is a colour too many. @hot */
  add(rgb: number, limit: number): boolean {
    const slot = this.#find(rgb);
    if (this.#slots[slot] !== EMPTY) return true;
    if (this.#size >= limit) return false;
    this.#slots[slot] = this.#size;
    this.#slotOf[this.#size] = slot;
    this.#colours[this.#size++] = rgb;
    return true;
  }

  /** Of a colour that was added. @hot */
  indexOf(rgb: number): number {
    return this.#slots[this.#find(rgb)] ?? 0;
  }

  /** The slot that holds the colour, or where it would go. */
  #find(rgb: number): number {
    let slot = Math.imul(rgb, 0x9e37_79b1) >>> 22;
    for (;;) {
      const index = this.#slots[slot] ?? EMPTY;
      if (index === EMPTY || this.#colours[index] === rgb) return slot;
      slot = (slot + 1) % SLOTS;
    }
  }
}

/** Palette indexes of so many bits (1, 2, 4 or 8), leftmost pixel in the highest bits, each line from a new byte. @hot */
export function packIndexes(view: PixelView, palette: Palette, bits: number, out: Uint8Array, at: number): number {
  const { pixels, width, height } = view;
  let end = at;
  let lastRgb = -1;
  let index = 0;
  for (let y = 0, line = view.offset; y < height; y++, line += view.stride) {
    let byte = 0;
    let filled = 0;
    for (let x = 0; x < width; x++) {
      const rgb = pixels[line + x] ?? 0;
      if (rgb !== lastRgb) index = palette.indexOf(rgb);
      lastRgb = rgb;
      byte = (byte << bits) | index;
      filled += bits;
      if (filled < 8) continue;
      out[end++] = byte;
      byte = 0;
      filled = 0;
    }
    if (filled > 0) out[end++] = byte << (8 - filled);
  }
  return end;
}
