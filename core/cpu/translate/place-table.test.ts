import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { placeTable } from './place-table.ts';

describe('a table of places', () => {
  it.each([2, 3, 4, 5, 31, 100, 200])('has each of %d where the hash leads, with few beside it', (count) => {
    const random = new SeededRandom(count);
    const places = new Set<number>([0]);
    while (places.size < count) places.add(random.below(0x8000) - 0x4000);
    const { multiplier, shift, buckets } = placeTable([...places]);
    for (const place of places) expect(buckets[Math.imul(place, multiplier) >>> shift]).toContain(place);
    expect(buckets.flat()).toHaveLength(count);
    expect(buckets.length).toBeLessThan(2 * count);
    expect(Math.max(...buckets.map(({ length }) => length))).toBeLessThan(7);
  });
});
