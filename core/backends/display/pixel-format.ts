/** RFB pixel formats ([RFC6143] 7.4): from the surface's 0xRRGGBB to the bytes a client asked for. */
import { RfbProtocolError } from './rfb-protocol.ts';

export const PIXEL_FORMAT_BYTES = 16;

interface Channel {
  readonly max: number;
  readonly shift: number;
}

export class PixelFormat {
  readonly bytesPerPixel: number;
  /** Bytes of a compressed pixel of ZRLE, and where in a pixel they start. [RFC6143] 7.7.5 */
  readonly cpixelBytes: number;
  readonly #cpixelShift: number;
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

  /** Raw encoding: all pixels, bytesPerPixel each. @hot */
  encode(pixels: Uint32Array): Uint8Array {
    const size = this.bytesPerPixel;
    const out = new Uint8Array(pixels.length * size);
    let lastRgb = -1;
    let value = 0;
    for (let i = 0, at = 0; i < pixels.length; i++, at += size) {
      const rgb = pixels[i] ?? 0;
      if (rgb !== lastRgb) {
        value = this.value(rgb);
        lastRgb = rgb;
      }
      this.#put(out, at, value, size);
    }
    return out;
  }

  /** Writes the cpixelBytes of one pixel; returns the offset after them. */
  putCpixel(out: Uint8Array, at: number, rgb: number): number {
    this.#put(out, at, this.value(rgb) >>> this.#cpixelShift, this.cpixelBytes);
    return at + this.cpixelBytes;
  }

  #put(out: Uint8Array, at: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) out[at + i] = value >>> (8 * (this.bigEndian ? size - 1 - i : i));
  }
}

/** For each 8-bit component the scaled and shifted bits. */
function contributions({ max, shift }: Channel): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, component) => Math.round((component * max) / 255) * 2 ** shift);
}
