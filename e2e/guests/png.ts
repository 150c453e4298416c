/** Reads screenshots back: 8-bit PNG without interlace. [PNG] W3C Portable Network Graphics, second edition */
import { inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;
/** Length, type and check sum around the data of a chunk. */
const CHUNK_HEADER = 8;
const CHUNK_OVERHEAD = 12;
const CHANNELS: Readonly<Record<number, number>> = { 2: 3, 6: 4 }; // true colour, without and with alpha: [PNG] 11.2.2

export class Picture {
  constructor(
    readonly width: number,
    readonly height: number,
    readonly pixels: Uint32Array,
  ) {}

  /** 0xrrggbb */
  at(x: number, y: number): number {
    return this.pixels[y * this.width + x] ?? 0;
  }

  /** How often each colour is in a part of the picture. */
  colours(x = 0, y = 0, width = this.width, height = this.height): Map<number, number> {
    const counts = new Map<number, number>();
    for (let row = y; row < y + height; row++) {
      for (let column = x; column < x + width; column++) {
        const colour = this.at(column, row);
        counts.set(colour, (counts.get(colour) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Where two pictures of the same size differ; undefined where they do not, or have another size. */
  changes(other: Picture): { left: number; top: number; right: number; bottom: number; count: number } | undefined {
    if (other.width !== this.width || other.height !== this.height) return undefined;
    let [left, top, right, bottom, count] = [this.width, this.height, -1, -1, 0];
    for (let i = 0; i < this.pixels.length; i++) {
      if (this.pixels[i] === other.pixels[i]) continue;
      const [x, y] = [i % this.width, Math.floor(i / this.width)];
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
      count++;
    }
    return count === 0 ? undefined : { left, top, right, bottom, count };
  }
}

export function decodePng(file: Buffer): Picture {
  let header: Buffer | undefined;
  const data: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + CHUNK_HEADER);
    const body = file.subarray(at + CHUNK_HEADER, at + CHUNK_HEADER + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') data.push(body);
    at += length + CHUNK_OVERHEAD;
  }
  if (!header) throw new Error('this is no PNG');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = CHANNELS[header[9] ?? 0];
  if (header[8] !== 8 || channels === undefined || header[12] !== 0)
    throw new Error('this kind of PNG is not read here');
  return new Picture(width, height, unfilter(inflateSync(Buffer.concat(data)), width, height, channels));
}

/** [PNG] 9.2: each byte was told as a difference to what its left and upper neighbours predict. */
function unfilter(data: Buffer, width: number, height: number, channels: number): Uint32Array {
  const stride = width * channels;
  const pixels = new Uint32Array(width * height);
  let above: Uint8Array = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const filter = data[from] ?? 0;
    const line = Uint8Array.from(data.subarray(from + 1, from + 1 + stride));
    for (let i = 0; i < stride; i++) {
      const left = i < channels ? 0 : (line[i - channels] ?? 0);
      const corner = i < channels ? 0 : (above[i - channels] ?? 0);
      line[i] = (line[i] ?? 0) + predicted(filter, left, above[i] ?? 0, corner);
    }
    for (let x = 0; x < width; x++) {
      const [r, g, b] = line.subarray(x * channels);
      pixels[y * width + x] = ((r ?? 0) << 16) | ((g ?? 0) << 8) | (b ?? 0);
    }
    above = line;
  }
  return pixels;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      const estimate = left + above - corner;
      const [a, b, c] = [left, above, corner].map((value) => Math.abs(estimate - value)) as [number, number, number];
      return a <= b && a <= c ? left : b <= c ? above : corner;
    }
    default:
      return 0;
  }
}
