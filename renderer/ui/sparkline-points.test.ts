import { describe, expect, it } from 'vitest';
import { sparklinePoints } from './sparkline-points.ts';

const BOX = { capacity: 5, width: 40, height: 12, max: 100 };

describe('sparklines', () => {
  it('grow from the right edge and show the newest samples only', () => {
    expect(sparklinePoints([0, 100], BOX)).toEqual([
      [30, 11],
      [40, 1],
    ]);
    expect(sparklinePoints([1, 2, 3, 4, 5, 6, 50], BOX)).toHaveLength(5);
    expect(sparklinePoints([], BOX)).toEqual([]);
  });

  it('stay inside their box whatever the samples are', () => {
    expect(sparklinePoints([-20, 900], BOX).map(([, y]) => y)).toEqual([11, 1]);
  });
});
