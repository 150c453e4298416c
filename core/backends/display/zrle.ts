/**
 * ZRLE before its zlib stage ([RFC6143] 7.7.6): tiles of 64x64, each in the shortest of five forms. A text screen is
 * mostly packed palettes of two or three colours.
 */
import type { PixelFormat } from './pixel-format.ts';

const TILE = 64;
const RAW = 0;
const SOLID = 1;
const PLAIN_RLE = 128;
/** Added to the palette size. */
const PALETTE_RLE = 128;
const MAX_PACKED_COLOURS = 16;
const MAX_PALETTE = 127;

/** Uncompressed ZRLE data of a rectangle of surface pixels. */
export function encodeZrle(pixels: Uint32Array, width: number, height: number, format: PixelFormat): Uint8Array {
  const tiles = Math.ceil(width / TILE) * Math.ceil(height / TILE);
  const out = new Uint8Array(pixels.length * format.cpixelBytes + tiles); // raw, the longest a tile can get
  let at = 0;
  for (let y = 0; y < height; y += TILE) {
    for (let x = 0; x < width; x += TILE) {
      const tile = copyTile(pixels, width, x, y, Math.min(TILE, width - x), Math.min(TILE, height - y));
      at = encodeTile(tile, format, out, at);
    }
  }
  return out.subarray(0, at);
}

interface Tile {
  readonly pixels: Uint32Array;
  readonly width: number;
  /** Lengths of the runs of equal pixels, in order; a run may go over line ends. */
  readonly runs: readonly number[];
  /** Each colour and its place in the palette; undefined where there are more than MAX_PALETTE. */
  readonly palette: ReadonlyMap<number, number> | undefined;
}

function copyTile(all: Uint32Array, stride: number, x: number, y: number, width: number, height: number): Tile {
  const pixels = new Uint32Array(width * height);
  for (let line = 0; line < height; line++) {
    const start = (y + line) * stride + x;
    pixels.set(all.subarray(start, start + width), line * width);
  }
  const runs: number[] = [];
  const palette = new Map<number, number>();
  for (let i = 0, start = 0; i < pixels.length; i = start) {
    const colour = pixels[i] ?? 0;
    while (start < pixels.length && pixels[start] === colour) start++;
    runs.push(start - i);
    if (palette.size <= MAX_PALETTE && !palette.has(colour)) palette.set(colour, palette.size);
  }
  return { pixels, width, runs, palette: palette.size <= MAX_PALETTE ? palette : undefined };
}

/** Writes the tile; returns the offset after it. */
function encodeTile(tile: Tile, format: PixelFormat, out: Uint8Array, at: number): number {
  const { pixels, runs, palette } = tile;
  const colours = palette?.size ?? 0;
  if (colours === 1) {
    out[at] = SOLID;
    return format.putCpixel(out, at + 1, pixels[0] ?? 0);
  }
  const size = format.cpixelBytes;
  const lengthBytes = runs.reduce((sum, run) => sum + runLengthBytes(run), 0);
  const singles = runs.reduce((sum, run) => sum + (run === 1 ? 1 : 0), 0);
  const rawBytes = pixels.length * size;
  const rleBytes = runs.length * size + lengthBytes;
  // In palette RLE a run of one pixel is its index alone.
  const paletteRleBytes = palette ? colours * size + runs.length + lengthBytes - singles : Infinity;
  const packedBytes =
    palette && colours <= MAX_PACKED_COLOURS ? colours * size + packedLength(tile, colours) : Infinity;
  const best = Math.min(rawBytes, rleBytes, paletteRleBytes, packedBytes);
  if (palette && best === packedBytes) return putPacked(tile, palette, format, out, at);
  if (palette && best === paletteRleBytes) return putPaletteRle(tile, palette, format, out, at);
  if (best === rleBytes) return putPlainRle(tile, format, out, at);
  out[at] = RAW;
  let end = at + 1;
  for (const rgb of pixels) end = format.putCpixel(out, end, rgb);
  return end;
}

const bitsPerIndex = (colours: number): number => (colours <= 2 ? 1 : colours <= 4 ? 2 : 4);

const packedLength = ({ pixels, width }: Tile, colours: number): number =>
  (pixels.length / width) * Math.ceil((width * bitsPerIndex(colours)) / 8);

const runLengthBytes = (run: number): number => Math.floor((run - 1) / 255) + 1;

function putPalette(palette: ReadonlyMap<number, number>, format: PixelFormat, out: Uint8Array, at: number): number {
  let end = at;
  for (const rgb of palette.keys()) end = format.putCpixel(out, end, rgb);
  return end;
}

function putRunLength(out: Uint8Array, at: number, run: number): number {
  let end = at;
  let rest = run - 1;
  for (; rest >= 255; rest -= 255) out[end++] = 255;
  out[end++] = rest;
  return end;
}

/** Indexes of 1, 2 or 4 bits, leftmost pixel in the highest bits, each line from a new byte. */
function putPacked(
  { pixels, width }: Tile,
  palette: ReadonlyMap<number, number>,
  format: PixelFormat,
  out: Uint8Array,
  at: number,
): number {
  out[at] = palette.size;
  let end = putPalette(palette, format, out, at + 1);
  const bits = bitsPerIndex(palette.size);
  let lastRgb = -1;
  let index = 0;
  for (let line = 0; line < pixels.length; line += width) {
    let byte = 0;
    let filled = 0;
    for (let x = 0; x < width; x++) {
      const rgb = pixels[line + x] ?? 0;
      if (rgb !== lastRgb) index = palette.get(rgb) ?? 0;
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

function putPaletteRle(
  { pixels, runs }: Tile,
  palette: ReadonlyMap<number, number>,
  format: PixelFormat,
  out: Uint8Array,
  at: number,
): number {
  out[at] = PALETTE_RLE + palette.size;
  let end = putPalette(palette, format, out, at + 1);
  let pixel = 0;
  for (const run of runs) {
    const index = palette.get(pixels[pixel] ?? 0) ?? 0;
    pixel += run;
    out[end++] = run === 1 ? index : index | 0x80;
    if (run > 1) end = putRunLength(out, end, run);
  }
  return end;
}

function putPlainRle({ pixels, runs }: Tile, format: PixelFormat, out: Uint8Array, at: number): number {
  out[at] = PLAIN_RLE;
  let end = at + 1;
  let pixel = 0;
  for (const run of runs) {
    end = format.putCpixel(out, end, pixels[pixel] ?? 0);
    end = putRunLength(out, end, run);
    pixel += run;
  }
  return end;
}
