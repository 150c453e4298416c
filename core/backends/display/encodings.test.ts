/** Pixels out by Raw, Tight and ZRLE, back in by the test client's own decoders: equal, in every pixel format. */
import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { type ClientPixelFormat, RED_FIRST, RfbTestClient } from '../../testing/rfb-client.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { nodeDeflate } from '../../worker/node-deflate.ts';
import { PixelFormat } from './pixel-format.ts';
import { RfbServer } from './rfb-server.ts';
import { Surface } from './surface.ts';
import { encodeZrle } from './zrle.ts';

// Wider than a block of Tight.
const WIDTH = 300;
const HEIGHT = 100;

/** Pictures that make ZRLE choose each of its five forms. */
function pictures(): Record<string, (x: number, y: number) => number> {
  const random = new SeededRandom(11);
  const noise = Array.from({ length: WIDTH * HEIGHT }, () => random.below(0x1000000));
  const colours = Array.from({ length: 100 }, () => random.below(0x1000000));
  return {
    'one colour': () => 0x123456,
    'two colours': (x, y) => ((x * 7 + y * 3) % 5 < 2 ? 0xaaaaaa : 0x0000aa),
    'three colours': (x, y) => [0, 0xff5555, 0x55ff55][(x * 7 + y * 5) % 3] ?? 0,
    'sixteen colours': (x, y) => colours[(x * 11 + y * 7) % 16] ?? 0,
    'a hundred colours in short runs': (x, y) => colours[Math.floor((x + y * 3) / 5) % 100] ?? 0,
    'wide stripes of many colours': (_x, y) => noise[y] ?? 0,
    'long runs of new colours': (x, y) => noise[(y * WIDTH + x) >> 4] ?? 0,
    'a line that runs on': (x, y) => (y === 50 && x === 30 ? 0xffffff : 0x202020),
    noise: (x, y) => noise[y * WIDTH + x] ?? 0,
  };
}

const FORMATS: Record<string, ClientPixelFormat> = {
  native: { bits: 32, depth: 24, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] },
  'red first': RED_FIRST,
  'big endian': { bits: 32, depth: 24, bigEndian: true, max: [255, 255, 255], shift: [16, 8, 0] },
  'high three bytes': { bits: 32, depth: 24, bigEndian: false, max: [255, 255, 255], shift: [24, 16, 8] },
  'high three bytes, big endian': { bits: 32, depth: 24, bigEndian: true, max: [255, 255, 255], shift: [8, 16, 24] },
  '30 bits deep': { bits: 32, depth: 30, bigEndian: false, max: [1023, 1023, 1023], shift: [20, 10, 0] },
  '565': { bits: 16, depth: 16, bigEndian: false, max: [31, 63, 31], shift: [11, 5, 0] },
  '555 big endian': { bits: 16, depth: 15, bigEndian: true, max: [31, 31, 31], shift: [10, 5, 0] },
  '8 bits': { bits: 8, depth: 8, bigEndian: false, max: [7, 7, 3], shift: [0, 3, 6] },
};

const expected = (rgb: number, { max, shift }: ClientPixelFormat): number =>
  [16, 8, 0].reduce(
    (sum, from, i) => sum + Math.round((((rgb >> from) & 0xff) * (max[i] ?? 0)) / 255) * 2 ** (shift[i] ?? 0),
    0,
  );

function serve() {
  const surface = new Surface(WIDTH, HEIGHT);
  const input = { key: () => {}, pointer: () => {} };
  const timers = new FakeTimers();
  const ports = { surface, input, deflate: nodeDeflate, timers, name: 'vm', log: () => {} };
  const server: RfbServer = new RfbServer({ ...ports, onWaiting: () => server.flush() });
  return { surface, client: new RfbTestClient((channel) => server.connect(channel)) };
}

describe.each(Object.entries(FORMATS))('pixel format %s', (_name, format) => {
  it.each([
    ['Raw', 0],
    ['Tight', 7],
    ['ZRLE', 16],
  ])('%s decodes to the same pixels', async (_encoding, encoding) => {
    const { surface, client } = serve();
    await client.connect();
    client.setPixelFormat(format);
    client.setEncodings(encoding);
    for (const [name, pixel] of Object.entries(pictures())) {
      for (let i = 0; i < WIDTH * HEIGHT; i++) surface.pixels[i] = pixel(i % WIDTH, Math.floor(i / WIDTH));
      surface.damaged({ x: 0, y: 0, width: WIDTH, height: HEIGHT });
      client.request(true);
      const rects = await client.update();
      expect([...new Set(rects.map((rect) => rect.encoding))]).toEqual([encoding]);
      const wrong = client.pixels.findIndex((value, i) => value !== expected(surface.pixels[i] ?? 0, format));
      expect(`${name}: ${wrong}`).toBe(`${name}: -1`);
    }
  });
});

describe('ZRLE', () => {
  it('uses each of its forms where that is shortest', () => {
    const first = (name: string) => {
      const pixel = pictures()[name];
      if (!pixel) throw new Error(name);
      const pixels = Uint32Array.from({ length: 64 * 64 }, (_, i) => pixel(i % 64, Math.floor(i / 64)));
      const out = new Uint8Array(64 * 64 * 4);
      encodeZrle({ pixels, offset: 0, stride: 64, width: 64, height: 64 }, PixelFormat.NATIVE, out, 0);
      return out[0];
    };
    expect(first('one colour')).toBe(1);
    expect(first('two colours')).toBe(2);
    expect(first('sixteen colours')).toBe(16);
    expect(first('a hundred colours in short runs')).toBeGreaterThan(130);
    expect(first('a line that runs on')).toBe(128 + 2);
    expect(first('long runs of new colours')).toBe(128);
    expect(first('noise')).toBe(0);
  });
});

describe('PixelFormat', () => {
  const view = (...bytes: number[]) =>
    new DataView(Uint8Array.from([...bytes, ...Array(16 - bytes.length).fill(0)]).buffer);
  it('reads what it wrote', () => {
    const native = PixelFormat.NATIVE.serialize();
    expect(PixelFormat.parse(new DataView(native.buffer)).serialize()).toEqual(native);
  });
  it.each([
    ['24 bits', view(24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0), /24 bits per pixel/],
    ['a colour map', view(8, 8, 0, 0, 0, 7, 0, 7, 0, 3, 0, 3, 6), /colour-map/],
    ['a component of no bits', view(32, 24, 0, 1, 0, 0, 0, 255, 0, 255, 16, 8, 0), /maximum 0/],
    ['a component beyond the pixel', view(16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 12, 5, 0), /leaves a pixel of 16 bits/],
    ['a shift beyond all', view(32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 200, 8, 0), /at bit 200/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => PixelFormat.parse(bytes)).toThrow(message);
  });
});
