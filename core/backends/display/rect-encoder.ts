/** What turns damaged rectangles of a surface into rectangles of an update; Raw and ZRLE. Tight is in tight.ts. */
import { concat, u32 } from './bytes.ts';
import type { Deflate, DeflateStream } from './deflate.ts';
import type { PixelFormat } from './pixel-format.ts';
import * as P from './rfb-protocol.ts';
import type { Rect, Surface } from './surface.ts';
import { encodeZrle, maxZrleBytes } from './zrle.ts';

export interface EncodedRects {
  /** Of rectangles, each with its header. */
  readonly count: number;
  /** Together their bytes. */
  readonly parts: readonly Uint8Array[];
}

/** Of one viewer: what it compresses goes on from update to update. One call of encode() at a time. */
export interface RectEncoder {
  readonly encoding: number;
  /** Pixels are read before it returns; the surface may change while they are compressed. level: zlib's. */
  encode(
    surface: Surface,
    rects: readonly Rect[],
    format: PixelFormat,
    level: number,
  ): EncodedRects | Promise<EncodedRects>;
  close(): void;
}

/** Memory that is used again for each update, as large as the largest was. */
export class Scratch {
  #bytes = new Uint8Array(0);

  reserve(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes;
  }
}

export class RawEncoder implements RectEncoder {
  readonly encoding = P.ENCODING_RAW;

  encode(surface: Surface, rects: readonly Rect[], format: PixelFormat): EncodedRects {
    let length = 0;
    for (const { width, height } of rects) length += P.RECT_HEADER_BYTES + width * height * format.bytesPerPixel;
    const out = new Uint8Array(length);
    let at = 0;
    for (const rect of rects) {
      out.set(P.rectHeader(rect, P.ENCODING_RAW), at);
      at = format.encode(surface.view(rect), out, at + P.RECT_HEADER_BYTES);
    }
    return { count: rects.length, parts: [out] };
  }

  close(): void {}
}

export class ZrleEncoder implements RectEncoder {
  readonly encoding = P.ENCODING_ZRLE;
  readonly #scratch = new Scratch();
  readonly #zlib: DeflateStream;

  constructor(deflate: Deflate) {
    this.#zlib = deflate.openStream();
  }

  encode(surface: Surface, rects: readonly Rect[], format: PixelFormat, level: number): Promise<EncodedRects> {
    const scratch = this.#scratch.reserve(rects.reduce((sum, rect) => sum + maxZrleBytes(rect, format), 0));
    let at = 0;
    const data = rects.map((rect) => {
      const start = at;
      at = encodeZrle(surface.view(rect), format, scratch, at);
      return scratch.subarray(start, at);
    });
    return this.#compress(rects, data, level);
  }

  async #compress(rects: readonly Rect[], data: readonly Uint8Array[], level: number): Promise<EncodedRects> {
    const out: Uint8Array[] = [];
    for (const [index, rect] of rects.entries()) {
      const bytes = await this.#zlib.flush(data[index] ?? new Uint8Array(0), level);
      out.push(P.rectHeader(rect, P.ENCODING_ZRLE), u32(bytes.length), bytes);
    }
    return { count: rects.length, parts: [concat(...out)] };
  }

  close(): void {
    this.#zlib.close();
  }
}
