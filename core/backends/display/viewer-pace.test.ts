import { describe, expect, it } from 'vitest';
import { ViewerPace } from './viewer-pace.ts';

const PIXELS = 1024 * 768;

/** A viewer on a link: an update takes so long to encode, and so long a byte to be answered. */
function viewer(linkNsPerByte: number) {
  const clock = { now: 0, nowNs: () => clock.now };
  const pace = new ViewerPace(clock);
  /** Whether it went as plain pixels. */
  const update = (compressedBytes: number, encodeNsPerPixel: number): boolean => {
    const raw = pace.prefersRaw(PIXELS, 4);
    const bytes = raw ? PIXELS * 4 : compressedBytes;
    const startedNs = clock.now;
    clock.now += raw ? 1e6 : PIXELS * encodeNsPerPixel;
    const id = pace.sent({ pixels: PIXELS, bytes, raw, startedNs });
    clock.now += bytes * linkNsPerByte;
    pace.answered(id);
    return raw;
  };
  const share = (...args: Parameters<typeof update>): number =>
    Array.from({ length: 200 }, () => update(...args)).filter(Boolean).length / 200;
  return { pace, clock, share };
}

describe('ViewerPace', () => {
  it('sends plain pixels where compression takes longer than the link', () => {
    expect(viewer(2).share(2.5e6, 60)).toBeGreaterThan(0.9);
  });
  it('compresses for a slow link, and does not even try plain pixels there', () => {
    expect(viewer(500).share(300_000, 60)).toBe(0);
  });
  it('compresses what becomes small at little cost', () => {
    expect(viewer(2).share(20_000, 5)).toBe(0);
  });
  it('has at most three updates on the way, whatever is answered that was not asked', () => {
    const { pace } = viewer(1);
    const ids = [1, 2, 3].map(() => pace.sent({ pixels: 1, bytes: 1, raw: false, startedNs: 0 }));
    expect(pace.full).toBe(true);
    for (const id of [7, 2, 1]) pace.answered(id);
    expect(pace.full).toBe(true);
    pace.answered(ids[0] ?? -1);
    expect(pace.full).toBe(false);
  });
  it('compresses harder the slower the link, no harder than asked', () => {
    const levels = [1, 200, 5000].map((link) => {
      const { pace, share } = viewer(link);
      share(300_000, 1);
      return [pace.level(9), pace.level(2)];
    });
    expect(levels).toEqual([
      [1, 1],
      [3, 2],
      [6, 2],
    ]);
  });
});
