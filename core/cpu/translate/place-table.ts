/**
 * Places (small integers) in a table of buckets by a multiplicative hash, made for generated code that must find which of them an
 * indirect jump leads to: one jump by the table, then a comparison with each of a bucket, of which there is mostly one.
 */

export interface PlaceTable {
  /** The bucket of a place p is (p * multiplier, 32 bits) >>> shift. */
  readonly multiplier: number;
  readonly shift: number;
  readonly buckets: readonly (readonly number[])[];
}

const ATTEMPTS = 64;
/** Knuth's, and from there by steps that keep it odd. */
const FIRST = 0x9e37_79b1;
const STEP = 0x7f4a_7c16;

/** At least two places. */
export function placeTable(places: readonly number[]): PlaceTable {
  const shift = Math.clz32(places.length - 1);
  let best: PlaceTable | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < ATTEMPTS; n++) {
    const multiplier = (FIRST + Math.imul(n, STEP)) | 0;
    const buckets: number[][] = Array.from({ length: 2 ** (32 - shift) }, () => []);
    for (const place of places) buckets[Math.imul(place, multiplier) >>> shift]?.push(place);
    const comparisons = buckets.reduce((sum, { length }) => sum + length * length, 0);
    if (comparisons < fewest) [best, fewest] = [{ multiplier, shift, buckets }, comparisons];
  }
  return best as PlaceTable;
}
