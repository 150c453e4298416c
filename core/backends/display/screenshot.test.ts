import { crc32, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { nodeDeflate } from '../../worker/node-deflate.ts';
import { encodePng } from './screenshot.ts';
import { Surface } from './surface.ts';

/** Chunks of a PNG, each with its checksum checked where this Node can. */
function chunks(png: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 4, at + 8 + length);
    if (typeof crc32 === 'function') expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    found.set(type, body.subarray(4));
    at += 12 + length;
  }
  return found;
}

describe('encodePng', () => {
  it('writes a file whose pixels decode to the surface', async () => {
    const surface = new Surface(37, 11);
    for (let i = 0; i < surface.pixels.length; i++) surface.pixels[i] = (i * 0x9e3779b1) & 0xffffff;
    const png = Buffer.from(await encodePng(surface, nodeDeflate));
    expect(png.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    const parts = chunks(png);
    expect([...parts.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
    expect([...(parts.get('IHDR') ?? [])]).toEqual([0, 0, 0, 37, 0, 0, 0, 11, 8, 2, 0, 0, 0]);
    const lines = inflateSync(parts.get('IDAT') ?? Buffer.alloc(0));
    const stride = 1 + 37 * 3;
    const above = new Uint8Array(stride);
    for (let y = 0; y < 11; y++) {
      expect(lines[y * stride]).toBe(2); // filter Up
      for (let i = 1; i < stride; i++) above[i] = (above[i] ?? 0) + (lines[y * stride + i] ?? 0);
      const rgb = Array.from({ length: 37 }, (_, x) => Buffer.from(above).readUIntBE(1 + x * 3, 3));
      expect(rgb).toEqual([...surface.copyOut({ x: 0, y, width: 37, height: 1 })]);
    }
  });
  it('knows the checksum of the end chunk, published in the format itself', async () => {
    const png = Buffer.from(await encodePng(new Surface(1, 1), nodeDeflate));
    expect(png.subarray(-4).toString('hex')).toBe('ae426082');
  });
});
