/** RFB pixel formats ([RFC6143] 7.4): from the surface's 0xRRGGBB to the bytes a client asked for. */
import { RfbProtocolError } from './rfb-protocol.ts';
import type { PixelView } from './surface.ts';

export const PIXEL_FORMAT_BYTES = 16;

interface Channel {
  readonly max: number;
  readonly shift: number;
}

export class PixelFormat {
  readonly bytesPerPixel: number;
  /** Bytes of a compressed pixel of ZRLE, and where in a pixel they start. [RFC6143] 7.7.5 */
  readonly cpixelBytes: number;
  /** Bytes of a pixel of Tight: red, green and blue where each has 8 bits of 24. [RFBEXT] Tight */
  readonly tpixelBytes: number;
  readonly #cpixelShift: number;
  /** Pixels are those of the surface. */
  readonly #native: boolean;
  /** What each 8-bit component contributes to a pixel. */
  readonly #red: Uint32Array;
  readonly #green: Uint32Array;
  readonly #blue: Uint32Array;

  constructor(
    readonly bitsPerPixel: 8 | 16 | 32,
    readonly depth: number,
    readonly bigEndian: boolean,
    readonly red: Channel,
    readonly green: Channel,
    readonly blue: Channel,
  ) {
    this.bytesPerPixel = bitsPerPixel / 8;
    this.#red = contributions(red);
    this.#green = contributions(green);
    this.#blue = contributions(blue);
    const used = ((this.#red[255] ?? 0) | (this.#green[255] ?? 0) | (this.#blue[255] ?? 0)) >>> 0;
    const fitsLow = used <= 0x00ff_ffff;
    const compact = bitsPerPixel === 32 && depth <= 24 && (fitsLow || (used & 0xff) === 0);
    this.cpixelBytes = compact ? 3 : this.bytesPerPixel;
    this.#cpixelShift = compact && !fitsLow ? 8 : 0;
    const bytes = [red, green, blue].every(({ max }) => max === 255);
    this.tpixelBytes = bitsPerPixel === 32 && depth === 24 && bytes ? 3 : this.bytesPerPixel;
    this.#native = bytes && red.shift === 16 && green.shift === 8 && blue.shift === 0;
  }

  /** The server's own: 32 bits, blue in the first byte. */
  static readonly NATIVE = new PixelFormat(
    32,
    24,
    false,
    { max: 255, shift: 16 },
    { max: 255, shift: 8 },
    { max: 255, shift: 0 },
  );

  /** Reads PIXEL_FORMAT. Throws RfbProtocolError for colour maps and for components that leave the pixel. */
  static parse(bytes: DataView): PixelFormat {
    const bits = bytes.getUint8(0);
    if (bits !== 8 && bits !== 16 && bits !== 32) throw new RfbProtocolError(`${bits} bits per pixel are not served`);
    if (bytes.getUint8(3) === 0) throw new RfbProtocolError('colour-map pixel formats are not served');
    const channel = (index: number): Channel => {
      const max = bytes.getUint16(4 + index * 2);
      const shift = bytes.getUint8(10 + index);
      if (max === 0 || shift >= bits || max > (2 ** bits - 1) / 2 ** shift) {
        throw new RfbProtocolError(`a component of maximum ${max} at bit ${shift} leaves a pixel of ${bits} bits`);
      }
      return { max, shift };
    };
    return new PixelFormat(bits, bytes.getUint8(1), bytes.getUint8(2) !== 0, channel(0), channel(1), channel(2));
  }

  /** PIXEL_FORMAT as it is sent. */
  serialize(): Uint8Array {
    const out = new DataView(new ArrayBuffer(PIXEL_FORMAT_BYTES));
    out.setUint8(0, this.bitsPerPixel);
    out.setUint8(1, this.depth);
    out.setUint8(2, this.bigEndian ? 1 : 0);
    out.setUint8(3, 1);
    [this.red, this.green, this.blue].forEach((channel, index) => {
      out.setUint16(4 + index * 2, channel.max);
      out.setUint8(10 + index, channel.shift);
    });
    return new Uint8Array(out.buffer);
  }

  /** A surface pixel as a number in this format. */
  value(rgb: number): number {
    const value =
      (this.#red[(rgb >> 16) & 0xff] ?? 0) | (this.#green[(rgb >> 8) & 0xff] ?? 0) | (this.#blue[rgb & 0xff] ?? 0);
    return value >>> 0;
  }

  /** Raw encoding of a view's pixels at out[at]; returns the offset after them. @hot */
  encode(view: PixelView, out: Uint8Array, at: number): number {
    const { pixels, width, height } = view;
    if (this.bytesPerPixel === 4 && !this.bigEndian && (out.byteOffset + at) % 4 === 0) {
      this.#encodeWords(view, new Uint32Array(out.buffer, out.byteOffset + at, width * height));
      return at + width * height * 4;
    }
    const size = this.bytesPerPixel;
    let end = at;
    let lastRgb = -1;
    let value = 0;
    for (let y = 0, line = view.offset; y < height; y++, line += view.stride) {
      for (let x = 0; x < width; x++, end += size) {
        const rgb = pixels[line + x] ?? 0;
        if (rgb !== lastRgb) value = this.value(rgb);
        lastRgb = rgb;
        this.#put(out, end, value, size);
      }
    }
    return end;
  }

  /** Pixels of 32 bits in the host's order of bytes, which is little-endian wherever this runs. @hot */
  #encodeWords({ pixels, offset, stride, width, height }: PixelView, out: Uint32Array): void {
    if (this.#native) {
      for (let y = 0; y < height; y++) {
        const line = offset + y * stride;
        out.set(pixels.subarray(line, line + width), y * width);
      }
      return;
    }
    const [red, green, blue] = [this.#red, this.#green, this.#blue];
    for (let y = 0, line = offset, at = 0; y < height; y++, line += stride) {
      for (let x = 0; x < width; x++) {
        const rgb = pixels[line + x] ?? 0;
        out[at++] = (red[(rgb >> 16) & 0xff] ?? 0) | (green[(rgb >> 8) & 0xff] ?? 0) | (blue[rgb & 0xff] ?? 0);
      }
    }
  }

  /** Writes the cpixelBytes of one pixel; returns the offset after them. */
  putCpixel(out: Uint8Array, at: number, rgb: number): number {
    this.#put(out, at, this.value(rgb) >>> this.#cpixelShift, this.cpixelBytes);
    return at + this.cpixelBytes;
  }

  /** Writes the tpixelBytes of one pixel; returns the offset after them. */
  putTpixel(out: Uint8Array, at: number, rgb: number): number {
    if (this.tpixelBytes === 3) {
      out[at] = rgb >> 16;
      out[at + 1] = rgb >> 8;
      out[at + 2] = rgb;
    } else {
      this.#put(out, at, this.value(rgb), this.bytesPerPixel);
    }
    return at + this.tpixelBytes;
  }

  /** Writes the view as Tight's plain pixels; returns the offset after them. @hot */
  encodeTpixels(view: PixelView, out: Uint8Array, at: number): number {
    if (this.tpixelBytes !== 3) return this.encode(view, out, at);
    const { pixels, stride, width, height } = view;
    let end = at;
    for (let y = 0, line = view.offset; y < height; y++, line += stride) {
      for (let x = 0; x < width; x++) {
        const rgb = pixels[line + x] ?? 0;
        out[end] = rgb >> 16;
        out[end + 1] = rgb >> 8;
        out[end + 2] = rgb;
        end += 3;
      }
    }
    return end;
  }

  #put(out: Uint8Array, at: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) out[at + i] = value >>> (8 * (this.bigEndian ? size - 1 - i : i));
  }
}

/** For each 8-bit component the scaled and shifted bits. */
function contributions({ max, shift }: Channel): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, component) => Math.round((component * max) / 255) * 2 ** shift);
}
