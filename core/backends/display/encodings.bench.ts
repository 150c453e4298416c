/** `npx vitest bench core/backends/display`: whole screens of 1024x768 by each encoder; 1000 / (mean ms) are frames a second. */
import { bench, describe } from 'vitest';
import { nodeDeflate } from '../../worker/node-deflate.ts';
import { PixelFormat } from './pixel-format.ts';
import { RawEncoder, ZrleEncoder } from './rect-encoder.ts';
import { Surface } from './surface.ts';
import { TightEncoder } from './tight.ts';

const WIDTH = 1024;
const HEIGHT = 768;
const FORMAT = new PixelFormat(32, 24, false, { max: 255, shift: 0 }, { max: 255, shift: 8 }, { max: 255, shift: 16 });

const SCREENS: Record<string, (x: number, y: number) => number> = {
  text: (x, y) => ((x * 31 + (y >> 4) * 17) % 7 < 2 && (y & 15) > 3 ? 0xaaaaaa : 0),
  gradients: (x, y) => ((x & 0xff) << 16) | ((y & 0xff) << 8) | ((x + y) & 0xff),
  noise: (x, y) => Math.imul(Math.imul(y * WIDTH + x + 1, 0x9e3779b1) ^ 0x5bd1e995, 0x85ebca6b) >>> 8,
};

describe.each(Object.entries(SCREENS))('%s', (_name, pixel) => {
  const surface = new Surface(WIDTH, HEIGHT);
  for (let i = 0; i < WIDTH * HEIGHT; i++) surface.pixels[i] = pixel(i % WIDTH, Math.floor(i / WIDTH));
  const all = [{ x: 0, y: 0, width: WIDTH, height: HEIGHT }];
  const encoders = { Raw: new RawEncoder(), ZRLE: new ZrleEncoder(nodeDeflate), Tight: new TightEncoder(nodeDeflate) };
  for (const [name, encoder] of Object.entries(encoders)) {
    bench(name, async () => void (await encoder.encode(surface, all, FORMAT, 1)), { time: 800, warmupTime: 200 });
  }
});
