/**
 * ZRLE before its zlib stage ([RFC6143] 7.7.6): tiles of 64x64, each in the shortest of five forms. A text screen is
 * mostly packed palettes of two or three colours.
 */
import { Palette, packIndexes } from './palette.ts';
import type { PixelFormat } from './pixel-format.ts';
import { type PixelView, partOf } from './surface.ts';

const TILE = 64;
const RAW = 0;
const SOLID = 1;
const PLAIN_RLE = 128;
/** Added to the palette size. */
const PALETTE_RLE = 128;
const MAX_PACKED_COLOURS = 16;
const MAX_PALETTE = 127;

/** The most that encodeZrle writes: every tile raw. */
export function maxZrleBytes({ width, height }: Pick<PixelView, 'width' | 'height'>, format: PixelFormat): number {
  return width * height * format.cpixelBytes + Math.ceil(width / TILE) * Math.ceil(height / TILE);
}

/** Writes the uncompressed ZRLE data of a view at out[at]; returns the offset after them. */
export function encodeZrle(view: PixelView, format: PixelFormat, out: Uint8Array, at: number): number {
  let end = at;
  for (let y = 0; y < view.height; y += TILE) {
    for (let x = 0; x < view.width; x += TILE) {
      const width = Math.min(TILE, view.width - x);
      end = encodeTile(readTile(partOf(view, x, y, width, Math.min(TILE, view.height - y))), format, out, end);
    }
  }
  return end;
}

interface Tile {
  readonly length: number;
  readonly width: number;
  /** How many runs of equal pixels there are; a run may go over line ends. */
  readonly runs: number;
  /** The colours; undefined where there are more than MAX_PALETTE. */
  readonly palette: Palette | undefined;
}

// Of the tile at hand: used again for each.
const tilePixels = new Uint32Array(TILE * TILE);
const runLengths = new Uint16Array(TILE * TILE);
const tilePalette = new Palette();

/** Copies the tile out and counts its runs and colours. @hot */
function readTile({ pixels, offset, stride, width, height }: PixelView): Tile {
  for (let y = 0; y < height; y++) {
    const line = offset + y * stride;
    tilePixels.set(pixels.subarray(line, line + width), y * width);
  }
  const length = width * height;
  let runs = 0;
  let few = true;
  tilePalette.clear();
  for (let start = 0; start < length; runs++) {
    const colour = tilePixels[start] ?? 0;
    let end = start + 1;
    while (end < length && tilePixels[end] === colour) end++;
    runLengths[runs] = end - start;
    start = end;
    few = few && tilePalette.add(colour, MAX_PALETTE);
  }
  return { length, width, runs, palette: few ? tilePalette : undefined };
}

/** Writes the tile; returns the offset after it. */
function encodeTile(tile: Tile, format: PixelFormat, out: Uint8Array, at: number): number {
  const { length, runs, palette } = tile;
  const colours = palette?.size ?? 0;
  if (colours === 1) {
    out[at] = SOLID;
    return format.putCpixel(out, at + 1, tilePixels[0] ?? 0);
  }
  const size = format.cpixelBytes;
  let lengthBytes = 0;
  let singles = 0;
  for (let i = 0; i < runs; i++) {
    const run = runLengths[i] ?? 0;
    lengthBytes += runLengthBytes(run);
    if (run === 1) singles++;
  }
  const rawBytes = length * size;
  const rleBytes = runs * size + lengthBytes;
  // In palette RLE a run of one pixel is its index alone.
  const paletteRleBytes = palette ? colours * size + runs + lengthBytes - singles : Infinity;
  const packedBytes =
    palette && colours <= MAX_PACKED_COLOURS ? colours * size + packedLength(tile, colours) : Infinity;
  const best = Math.min(rawBytes, rleBytes, paletteRleBytes, packedBytes);
  if (palette && best === packedBytes) return putPacked(tile, palette, format, out, at);
  if (palette && best === paletteRleBytes) return putPaletteRle(tile, palette, format, out, at);
  if (best === rleBytes) return putPlainRle(tile, format, out, at);
  out[at] = RAW;
  let end = at + 1;
  for (let i = 0; i < length; i++) end = format.putCpixel(out, end, tilePixels[i] ?? 0);
  return end;
}

const bitsPerIndex = (colours: number): number => (colours <= 2 ? 1 : colours <= 4 ? 2 : 4);

const packedLength = ({ length, width }: Tile, colours: number): number =>
  (length / width) * Math.ceil((width * bitsPerIndex(colours)) / 8);

const runLengthBytes = (run: number): number => Math.floor((run - 1) / 255) + 1;

function putPalette(palette: Palette, format: PixelFormat, out: Uint8Array, at: number): number {
  let end = at;
  for (let i = 0; i < palette.size; i++) end = format.putCpixel(out, end, palette.colour(i));
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
  { length, width }: Tile,
  palette: Palette,
  format: PixelFormat,
  out: Uint8Array,
  at: number,
): number {
  out[at] = palette.size;
  const end = putPalette(palette, format, out, at + 1);
  const view = { pixels: tilePixels, offset: 0, stride: width, width, height: length / width };
  return packIndexes(view, palette, bitsPerIndex(palette.size), out, end);
}

function putPaletteRle({ runs }: Tile, palette: Palette, format: PixelFormat, out: Uint8Array, at: number): number {
  out[at] = PALETTE_RLE + palette.size;
  let end = putPalette(palette, format, out, at + 1);
  let pixel = 0;
  for (let i = 0; i < runs; i++) {
    const run = runLengths[i] ?? 0;
    const index = palette.indexOf(tilePixels[pixel] ?? 0);
    pixel += run;
    out[end++] = run === 1 ? index : index | 0x80;
    if (run > 1) end = putRunLength(out, end, run);
  }
  return end;
}

function putPlainRle({ runs }: Tile, format: PixelFormat, out: Uint8Array, at: number): number {
  out[at] = PLAIN_RLE;
  let end = at + 1;
  let pixel = 0;
  for (let i = 0; i < runs; i++) {
    const run = runLengths[i] ?? 0;
    end = format.putCpixel(out, end, tilePixels[pixel] ?? 0);
    end = putRunLength(out, end, run);
    pixel += run;
  }
  return end;
}
