import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { DamageMap } from './damage-map.ts';
import { type Rect, Surface } from './surface.ts';

const paint = (rects: readonly Rect[], width: number, height: number): Uint8Array => {
  const covered = new Uint8Array(width * height);
  for (const { x, y, width: w, height: h } of rects) {
    for (let line = y; line < y + h; line++) {
      for (let dot = x; dot < x + w; dot++) covered[line * width + dot] = (covered[line * width + dot] ?? 0) + 1;
    }
  }
  return covered;
};

describe('DamageMap', () => {
  it('gives back all that was marked, nothing twice, nothing outside, and then nothing', () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 50; round++) {
      const [width, height] = [1 + random.below(200), 1 + random.below(100)];
      const map = new DamageMap(width, height);
      const marked: Rect[] = [];
      for (let i = random.below(8); i > 0; i--) {
        const rect = {
          x: random.below(300) - 50,
          y: random.below(200) - 50,
          width: random.below(90),
          height: random.below(90),
        };
        map.mark(rect);
        const x = Math.max(rect.x, 0);
        const y = Math.max(rect.y, 0);
        const [right, bottom] = [Math.min(rect.x + rect.width, width), Math.min(rect.y + rect.height, height)];
        if (right > x && bottom > y) marked.push({ x, y, width: right - x, height: bottom - y });
      }
      const wanted = paint(marked, width, height);
      const taken = paint(map.take(), width, height);
      expect(taken).toHaveLength(width * height);
      expect(taken.every((times, i) => times <= 1 && (times === 1 || wanted[i] === 0))).toBe(true);
      expect(map.empty).toBe(true);
      expect(map.take()).toEqual([]);
    }
  });
  it('joins neighbours: a full screen is one rectangle, a row of text another', () => {
    const map = new DamageMap(720, 400);
    map.markAll();
    expect(map.take()).toEqual([{ x: 0, y: 0, width: 720, height: 400 }]);
    map.mark({ x: 0, y: 384, width: 720, height: 16 });
    expect(map.take()).toEqual([{ x: 0, y: 384, width: 720, height: 16 }]);
  });
});

describe('Surface', () => {
  it('copies out what lies inside and black for the rest', () => {
    const surface = new Surface(3, 2);
    surface.pixels.set([1, 2, 3, 4, 5, 6]);
    expect([...surface.copyOut({ x: 1, y: 1, width: 3, height: 2 })]).toEqual([5, 6, 0, 0, 0, 0]);
    expect([...surface.copyOut({ x: 5, y: 5, width: 2, height: 1 })]).toEqual([0, 0]);
  });
});
