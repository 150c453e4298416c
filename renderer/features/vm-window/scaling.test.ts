import { describe, expect, it } from 'vitest';
import { displaySize } from './scaling.ts';

const VGA = { width: 720, height: 400 };
const size = (area: readonly [number, number], options: Partial<Parameters<typeof displaySize>[2]>) =>
  displaySize(
    VGA,
    { width: area[0], height: area[1] },
    { fit: true, pixelExact: true, devicePixelRatio: 1, ...options },
  );

describe('the size of the display', () => {
  it('grows by whole multiples when pixel-exact', () => {
    expect(size([1500, 1000], {})).toEqual({ width: 1440, height: 800, sharp: true });
    expect(size([1439, 1000], {})).toEqual({ width: 720, height: 400, sharp: true });
  });

  it.each([1.25, 1.5, 2])('covers whole device pixels on a screen of %d', (devicePixelRatio) => {
    const { width, sharp } = size([1500, 1000], { devicePixelRatio });
    const scale = (width * devicePixelRatio) / VGA.width;
    expect(scale).toBeCloseTo(Math.round(scale), 9);
    expect(width).toBeLessThanOrEqual(1500);
    expect(sharp).toBe(true);
  });

  it('fills the area when it need not be exact', () => {
    expect(size([1080, 900], { pixelExact: false })).toEqual({ width: 1080, height: 600, sharp: false });
  });

  it('shrinks what is larger than the area rather than cutting it off', () => {
    expect(size([360, 900], {})).toEqual({ width: 360, height: 200, sharp: false });
  });

  it('keeps about one guest pixel to one CSS pixel when not fitted, however small the area', () => {
    expect(size([100, 100], { fit: false })).toEqual({ width: 720, height: 400, sharp: true });
    expect(size([100, 100], { fit: false, devicePixelRatio: 2 }).width).toBe(720);
    expect(size([100, 100], { fit: false, devicePixelRatio: 1.5 }).width).toBe(960);
  });
});
