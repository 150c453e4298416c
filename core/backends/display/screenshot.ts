/** A surface as a PNG file: 8-bit RGB, one zlib stream. [PNG] Portable Network Graphics, 3rd edition, W3C. */
import { concat, u8, u32 } from './bytes.ts';
import type { Deflate } from './deflate.ts';
import type { Surface } from './surface.ts';

const SIGNATURE = u8(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPE_RGB = 2;
/** Each line as its difference from the one above: lines of text repeat much of it. [PNG] 9.2 */
const FILTER_UP = 2;

export async function encodePng(surface: Surface, deflate: Deflate): Promise<Uint8Array> {
  const { width, height } = surface;
  const header = concat(u32(width, height), u8(8, COLOUR_TYPE_RGB, 0, 0, 0));
  const data = await deflate.compress(filteredLines(surface.pixels, width, height));
  return concat(SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', new Uint8Array(0)));
}

function filteredLines(pixels: Uint32Array, width: number, height: number): Uint8Array {
  const out = new Uint8Array(height * (1 + width * 3));
  for (let y = 0, at = 0; y < height; y++) {
    out[at++] = FILTER_UP;
    for (let x = 0; x < width; x++) {
      const rgb = pixels[y * width + x] ?? 0;
      const above = y > 0 ? (pixels[(y - 1) * width + x] ?? 0) : 0;
      for (const shift of [16, 8, 0]) out[at++] = (rgb >> shift) - (above >> shift);
    }
  }
  return out;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = concat(new TextEncoder().encode(type), data);
  return concat(u32(data.length), body, u32(crc32(body)));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** [PNG] annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}
