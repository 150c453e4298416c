/**
 * Tight ([RFBEXT] Tight encoding): areas of one colour, palettes of two or up to 256 colours, and plain pixels, each
 * zlib-compressed on one of four streams, which work side by side. Without the gradient filter, which makes screens
 * larger more often than smaller, and without JPEG.
 */
import { concat, u8 } from './bytes.ts';
import type { Deflate, DeflateStream } from './deflate.ts';
import { Palette, packIndexes } from './palette.ts';
import type { PixelFormat } from './pixel-format.ts';
import { type EncodedRects, type RectEncoder, Scratch } from './rect-encoder.ts';
import * as P from './rfb-protocol.ts';
import { type PixelView, partOf, type Rect, type Surface } from './surface.ts';

// Compression control byte: the stream in bits 4 and 5, whether a filter follows in bit 6.
const STREAM_SHIFT = 4;
const EXPLICIT_FILTER = 1 << 6;
const FILL = 8 << 4;
const FILTER_PALETTE = 1;
const STREAMS = 4;
/** Data shorter than this is sent as it is. */
const MIN_TO_COMPRESS = 12;
/** Pixels of a rectangle and its width: what decoders are known to take. */
const BLOCK_WIDTH = 256;
const BLOCK_HEIGHT = 256;
const MAX_PALETTE = 256;

/** A rectangle as it is sent, or what of it is still to be compressed. */
interface Block {
  /** Rectangle header, control byte, filter and palette. */
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

export class TightEncoder implements RectEncoder {
  readonly encoding = P.ENCODING_TIGHT;
  readonly #deflate: Deflate;
  readonly #zlibs: DeflateStream[] = [];
  readonly #scratch = new Scratch();
  readonly #palette = new Palette();
  #nextStream = 0;

  constructor(deflate: Deflate) {
    this.#deflate = deflate;
  }

  encode(surface: Surface, rects: readonly Rect[], format: PixelFormat, level: number): Promise<EncodedRects> {
    const pixels = rects.reduce((sum, { width, height }) => sum + width * height, 0);
    const scratch = this.#scratch.reserve(pixels * format.tpixelBytes);
    const blocks: Block[] = [];
    let used = 0;
    for (const rect of rects) {
      const view = surface.view(rect);
      for (let y = 0; y < rect.height; y += BLOCK_HEIGHT) {
        for (let x = 0; x < rect.width; x += BLOCK_WIDTH) {
          const width = Math.min(BLOCK_WIDTH, rect.width - x);
          const height = Math.min(BLOCK_HEIGHT, rect.height - y);
          const header = P.rectHeader({ x: rect.x + x, y: rect.y + y, width, height }, P.ENCODING_TIGHT);
          const block = this.#filter(partOf(view, x, y, width, height), header, format, scratch, used);
          used += block.data.length;
          blocks.push(block);
        }
      }
    }
    return this.#compress(blocks, level);
  }

  close(): void {
    for (const zlib of this.#zlibs) zlib.close();
  }

  /** The block in its shortest form, its data at scratch[at]. */
  #filter(view: PixelView, header: Uint8Array, format: PixelFormat, scratch: Uint8Array, at: number): Block {
    const palette = this.#palette;
    const few = countColours(view, palette);
    const stream = this.#nextStream << STREAM_SHIFT;
    if (few && palette.size === 1) {
      return { head: concat(header, u8(FILL), tpixels(palette, format)), data: new Uint8Array(0) };
    }
    this.#nextStream = (this.#nextStream + 1) % STREAMS;
    if (few && paletteIsShorter(view, palette.size, format)) {
      const end = packIndexes(view, palette, palette.size === 2 ? 1 : 8, scratch, at);
      const filter = u8(stream | EXPLICIT_FILTER, FILTER_PALETTE, palette.size - 1);
      return { head: concat(header, filter, tpixels(palette, format)), data: scratch.subarray(at, end) };
    }
    const end = format.encodeTpixels(view, scratch, at);
    return { head: concat(header, u8(stream)), data: scratch.subarray(at, end) };
  }

  async #compress(blocks: readonly Block[], level: number): Promise<EncodedRects> {
    const out: Uint8Array[] = [];
    const streams: Promise<void>[] = Array(STREAMS).fill(Promise.resolve());
    for (const { head, data } of blocks) {
      out.push(head, data, new Uint8Array(0));
      if (data.length < MIN_TO_COMPRESS) continue;
      const place = out.length - 2;
      const stream = ((head[P.RECT_HEADER_BYTES] ?? 0) >> STREAM_SHIFT) % STREAMS;
      const before = streams[stream];
      streams[stream] = (async () => {
        await before;
        const bytes = await this.#stream(stream).flush(data, level);
        out[place] = compactLength(bytes.length);
        out[place + 1] = bytes;
      })();
    }
    await Promise.all(streams);
    return { count: blocks.length, parts: [concat(...out)] };
  }

  /** Opened when first used: a viewer of a text screen never needs most of them. */
  #stream(index: number): DeflateStream {
    const zlib = this.#zlibs[index] ?? this.#deflate.openStream();
    this.#zlibs[index] = zlib;
    return zlib;
  }
}

/** False where there are more than MAX_PALETTE. @hot */
function countColours({ pixels, offset, stride, width, height }: PixelView, palette: Palette): boolean {
  palette.clear();
  let lastRgb = -1;
  for (let y = 0, line = offset; y < height; y++, line += stride) {
    for (let x = 0; x < width; x++) {
      const rgb = pixels[line + x] ?? 0;
      if (rgb === lastRgb) continue;
      if (!palette.add(rgb, MAX_PALETTE)) return false;
      lastRgb = rgb;
    }
  }
  return true;
}

/** In small blocks a palette may weigh more than it saves. */
function paletteIsShorter({ width, height }: PixelView, colours: number, format: PixelFormat): boolean {
  const indexes = colours === 2 ? Math.ceil(width / 8) * height : width * height;
  return 2 + colours * format.tpixelBytes + indexes < width * height * format.tpixelBytes;
}

function tpixels(palette: Palette, format: PixelFormat): Uint8Array {
  const out = new Uint8Array(palette.size * format.tpixelBytes);
  for (let i = 0, at = 0; i < palette.size; i++) at = format.putTpixel(out, at, palette.colour(i));
  return out;
}

/** 7 bits a byte, lowest first; the third has 8. */
function compactLength(length: number): Uint8Array {
  if (length < 1 << 7) return u8(length);
  if (length < 1 << 14) return u8((length & 0x7f) | 0x80, length >> 7);
  return u8((length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14);
}
