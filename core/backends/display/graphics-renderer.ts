/**
 * Draws a graphics mode: lines of video memory to pixels, those only whose pages were written, and of those only the
 * part that looks different goes to the surface and to its viewers.
 */
import type { DirtyPages } from './dirty-map.ts';
import { LINE_CONVERTERS, lineMemory } from './graphics-lines.ts';
import { MAX_WIDTH, type ScanoutState } from './scanout.ts';
import type { Surface } from './surface.ts';

/** Room for a group of eight pixels at either end. */
const LINE_PIXELS = MAX_WIDTH + 16;
const LINE_BYTES = LINE_PIXELS * 4;

/** A line of memory and the scan lines that show it. */
interface MemoryLine {
  readonly offset: number;
  readonly panDots: number;
  readonly top: number;
  readonly count: number;
}

export class GraphicsRenderer {
  readonly #surface: Surface;
  readonly #memory;
  /** A line whose addresses wrap, put together. */
  readonly #wrapped = lineMemory(new ArrayBuffer(LINE_BYTES), 0, LINE_BYTES);
  readonly #pixels = new Uint32Array(LINE_PIXELS);
  readonly #repeated = new Uint32Array(LINE_PIXELS);
  #lines: readonly MemoryLine[] = [];
  #lineBytes = 0;
  #drawAll = true;
  /** Lines converted so far: what drawing costs. */
  linesConverted = 0;

  constructor(vram: Uint8Array, surface: Surface) {
    this.#surface = surface;
    this.#memory = lineMemory(vram.buffer, vram.byteOffset, vram.length);
  }

  /** From here on everything looks different: the next update draws it all. */
  startOver(view: ScanoutState): void {
    this.#surface.resize(view.width, view.height);
    this.#lines = memoryLines(view);
    const pan = Math.max(view.panDots, view.splitPanDots);
    // whole groups of eight, and one more where the picture begins within one
    const pixels = (Math.ceil(view.width / view.dotRepeat / 8) + (pan > 0 ? 1 : 0)) * 8;
    this.#lineBytes = Math.min((pixels * view.bitsPerPixel) >> 3, LINE_BYTES);
    this.#drawAll = true;
  }

  /** Brings the surface up to date and tells its listeners what changed; nothing where no page was written. */
  update(view: ScanoutState, dirty: DirtyPages | undefined): void {
    if (!this.#drawAll && !dirty) return;
    const changed = new ChangedArea(this.#surface);
    for (const line of this.#lines) {
      if (!this.#drawAll && !this.#touched(view, line, dirty)) continue;
      this.#convert(view, line);
      this.#commit(view, line, changed);
    }
    changed.flush();
    this.#drawAll = false;
  }

  #touched({ addressMask }: ScanoutState, { offset }: MemoryLine, dirty: DirtyPages | undefined): boolean {
    if (!dirty) return false;
    const beforeWrap = Math.min(this.#lineBytes, addressMask + 1 - offset);
    if (dirty.touches(offset, beforeWrap)) return true;
    return beforeWrap < this.#lineBytes && dirty.touches(0, this.#lineBytes - beforeWrap);
  }

  /** One line of memory to #pixels. */
  #convert(view: ScanoutState, { offset }: MemoryLine): void {
    const length = Math.min(this.#lineBytes, LINE_BYTES);
    const wraps = offset + length > view.addressMask + 1;
    if (wraps) {
      const { bytes } = this.#wrapped;
      for (let i = 0; i < length; i++) bytes[i] = this.#memory.bytes[(offset + i) & view.addressMask] ?? 0;
    }
    const memory = wraps ? this.#wrapped : this.#memory;
    const pixels = Math.floor((length * 8) / view.bitsPerPixel);
    LINE_CONVERTERS[view.format]?.(memory, wraps ? 0 : offset, view.palette, this.#pixels, pixels);
    this.linesConverted++;
  }

  /** Puts the part of the line that changed on all its scan lines. @hot */
  #commit(view: ScanoutState, line: MemoryLine, changed: ChangedArea): void {
    const { width } = view;
    const source = this.#placed(view, line);
    const { pixels } = this.#surface;
    const row = line.top * width;
    let left = 0;
    let right = width;
    // The scan lines of one memory line are alike, unless another mode left them.
    if (!this.#drawAll) {
      while (left < width && pixels[row + left] === source[left]) left++;
      if (left === width) return;
      while (pixels[row + right - 1] === source[right - 1]) right--;
    }
    const part = source.subarray(left, right);
    for (let i = 0; i < line.count; i++) pixels.set(part, row + i * width + left);
    changed.add(left, right, line.top, line.count);
  }

  /** The line's pixels as they show from the left edge: panned, and doubled where dots are. */
  #placed({ width, dotRepeat }: ScanoutState, { panDots }: MemoryLine): Uint32Array {
    const source = this.#pixels;
    if (dotRepeat === 1) return panDots === 0 ? source : source.subarray(panDots);
    const out = this.#repeated;
    for (let x = 0; x < width; x++) out[x] = source[panDots + (x >> 1)] ?? 0;
    return out;
  }
}

/** The lines of memory from top to bottom, split, banks and repeats followed. */
function memoryLines(view: ScanoutState): MemoryLine[] {
  const split = Math.min(view.splitLine + 1, view.height);
  const upper = linesBetween(view, 0, split, view.startOffset, view.presetRow, view.panDots);
  return [...upper, ...linesBetween(view, split, view.height, 0, 0, view.splitPanDots)];
}

function linesBetween(view: ScanoutState, top: number, end: number, start: number, preset: number, panDots: number) {
  const { cellHeight, lineRepeat, rowBit0Mask, rowBit1Mask, addressMask } = view;
  // With banks, each scan within a row has an address of its own; without, all show the same memory.
  const scansAlike = rowBit0Mask | rowBit1Mask ? 1 : cellHeight;
  const lines: MemoryLine[] = [];
  let address = start;
  let scan = Math.min(preset, cellHeight - 1);
  for (let y = top; y < end; ) {
    const alike = Math.min(scansAlike, cellHeight - scan);
    const count = Math.min(alike * lineRepeat, end - y);
    const banks = (scan & 1 ? rowBit0Mask : 0) | (scan & 2 ? rowBit1Mask : 0);
    const offset = ((address & ~(rowBit0Mask | rowBit1Mask)) | banks) & addressMask;
    lines.push({ offset, panDots, top: y, count });
    y += count;
    scan = (scan + alike) % cellHeight;
    if (scan === 0) address += view.pitchBytes;
  }
  return lines;
}

/** What changed of a frame, told as few rectangles: lines that touch go together. */
class ChangedArea {
  #left = 0;
  #right = 0;
  #top = 0;
  #bottom = 0;

  constructor(readonly surface: Surface) {}

  add(left: number, right: number, top: number, height: number): void {
    if (top !== this.#bottom) this.flush();
    if (this.#right === 0) {
      this.#left = left;
      this.#top = top;
    }
    this.#left = Math.min(this.#left, left);
    this.#right = Math.max(this.#right, right);
    this.#bottom = top + height;
  }

  flush(): void {
    if (this.#right === 0) return;
    const [x, y] = [this.#left, this.#top];
    this.surface.damaged({ x, y, width: this.#right - x, height: this.#bottom - y });
    this.#right = 0;
  }
}
