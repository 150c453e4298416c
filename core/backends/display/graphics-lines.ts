/**
 * One line of a graphics mode from video memory to pixels, by format: at least `length` pixels of `out`, from its start
 * (whole groups of eight in planar modes). `offset` is the byte in `memory` where the line begins.
 */
import * as S from './scanout.ts';

/** The same memory as bytes, halves and words. */
export interface LineMemory {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
}

export function lineMemory(buffer: ArrayBufferLike, offset: number, length: number): LineMemory {
  return {
    bytes: new Uint8Array(buffer, offset, length),
    halves: new Uint16Array(buffer, offset, length >> 1),
    words: new Uint32Array(buffer, offset, length >> 2),
  };
}

type LineConverter = (
  memory: LineMemory,
  offset: number,
  palette: Int32Array,
  out: Uint32Array,
  length: number,
) => void;

/** For a byte of a plane: a word with its bits 7-4 or 3-0 as bit 0 of bytes 3-0. */
const spread = (shift: number): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    const bit = (n: number) => (byte >> (n + shift)) & 1;
    return ((bit(3) << 24) | (bit(2) << 16) | (bit(1) << 8) | bit(0)) >>> 0;
  });
const SPREAD_HIGH = spread(4);
const SPREAD_LOW = spread(0);

/** @hot */
function planar(memory: LineMemory, offset: number, palette: Int32Array, out: Uint32Array, length: number): void {
  const { words } = memory;
  let at = 0;
  for (let group = offset >> 2; at < length; group++) {
    const word = words[group] ?? 0;
    at = fourPixels(word, SPREAD_HIGH, palette, out, at);
    at = fourPixels(word, SPREAD_LOW, palette, out, at);
  }
}

/** Four pixels of a group; each byte of `colours` becomes the index of one. @hot */
function fourPixels(word: number, table: Uint32Array, palette: Int32Array, out: Uint32Array, start: number): number {
  const colours =
    (table[word & 0xff] ?? 0) |
    ((table[(word >>> 8) & 0xff] ?? 0) << 1) |
    ((table[(word >>> 16) & 0xff] ?? 0) << 2) |
    ((table[word >>> 24] ?? 0) << 3);
  out[start] = palette[colours >>> 24] ?? 0;
  out[start + 1] = palette[(colours >>> 16) & 0x0f] ?? 0;
  out[start + 2] = palette[(colours >>> 8) & 0x0f] ?? 0;
  out[start + 3] = palette[colours & 0x0f] ?? 0;
  return start + 4;
}

/** [VGA] GR05, shift register interleave. @hot */
function cga4(memory: LineMemory, offset: number, palette: Int32Array, out: Uint32Array, length: number): void {
  const { bytes } = memory;
  let at = 0;
  for (let group = offset; at < length; group += 4) {
    for (let plane = 0; plane < 2; plane++) {
      const low = bytes[group + plane] ?? 0;
      const high = bytes[group + plane + 2] ?? 0;
      for (let shift = 6; shift >= 0; shift -= 2) {
        out[at++] = palette[((low >> shift) & 3) | (((high >> shift) & 3) << 2)] ?? 0;
      }
    }
  }
}

/** @hot */
function indexed8(memory: LineMemory, offset: number, palette: Int32Array, out: Uint32Array, length: number): void {
  const { bytes } = memory;
  for (let i = 0; i < length; i++) out[i] = palette[bytes[offset + i] ?? 0] ?? 0;
}

/** Five bits become eight so that 31 becomes 255; six likewise. */
const FIVE = Uint8Array.from({ length: 32 }, (_, v) => (v << 3) | (v >> 2));
const SIX = Uint8Array.from({ length: 64 }, (_, v) => (v << 2) | (v >> 4));

/** @hot */
function rgb555(memory: LineMemory, offset: number, _palette: Int32Array, out: Uint32Array, length: number): void {
  const { halves } = memory;
  const first = offset >> 1;
  for (let i = 0; i < length; i++) {
    const pixel = halves[first + i] ?? 0;
    const red = FIVE[(pixel >> 10) & 0x1f] ?? 0;
    out[i] = (red << 16) | ((FIVE[(pixel >> 5) & 0x1f] ?? 0) << 8) | (FIVE[pixel & 0x1f] ?? 0);
  }
}

/** @hot */
function rgb565(memory: LineMemory, offset: number, _palette: Int32Array, out: Uint32Array, length: number): void {
  const { halves } = memory;
  const first = offset >> 1;
  for (let i = 0; i < length; i++) {
    const pixel = halves[first + i] ?? 0;
    const red = FIVE[pixel >> 11] ?? 0;
    out[i] = (red << 16) | ((SIX[(pixel >> 5) & 0x3f] ?? 0) << 8) | (FIVE[pixel & 0x1f] ?? 0);
  }
}

/** @hot */
function rgb888(memory: LineMemory, offset: number, _palette: Int32Array, out: Uint32Array, length: number): void {
  const { bytes } = memory;
  for (let i = 0, at = offset; i < length; i++, at += 3) {
    out[i] = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  }
}

/** @hot */
function xrgb8888(memory: LineMemory, offset: number, _palette: Int32Array, out: Uint32Array, length: number): void {
  const { words } = memory;
  const first = offset >> 2;
  for (let i = 0; i < length; i++) out[i] = (words[first + i] ?? 0) & 0xff_ffff;
}

export const LINE_CONVERTERS: Readonly<Record<number, LineConverter>> = {
  [S.FORMAT_PLANAR]: planar,
  [S.FORMAT_CGA4]: cga4,
  [S.FORMAT_INDEXED8]: indexed8,
  [S.FORMAT_RGB555]: rgb555,
  [S.FORMAT_RGB565]: rgb565,
  [S.FORMAT_RGB888]: rgb888,
  [S.FORMAT_XRGB8888]: xrgb8888,
};
