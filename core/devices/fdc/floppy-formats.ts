/** Diskettes by the size of their image, and the data rate each needs in a drive of its kind. [82077] table 5-2. */
import * as R from './fdc.regs.ts';

export interface FloppyFormat {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  readonly rate: number;
}

export const FLOPPY_SECTOR_BYTES = 512;
/** Sectors of a track at most, and cylinders that a head can reach. */
export const MOST_CYLINDERS = 84;

// biome-ignore format: a table
const FORMATS: readonly FloppyFormat[] = [
  { cylinders: 80, heads: 2, sectors: 18, rate: R.RATE_500K }, // 1.44 MB
  { cylinders: 80, heads: 2, sectors: 36, rate: R.RATE_1M },   // 2.88 MB
  { cylinders: 80, heads: 2, sectors: 15, rate: R.RATE_500K }, // 1.2 MB
  { cylinders: 80, heads: 2, sectors: 9,  rate: R.RATE_250K }, // 720 KB
  { cylinders: 80, heads: 2, sectors: 21, rate: R.RATE_500K }, // 1.68 MB
  { cylinders: 82, heads: 2, sectors: 21, rate: R.RATE_500K }, // 1.72 MB
  { cylinders: 40, heads: 2, sectors: 9,  rate: R.RATE_300K }, // 360 KB in a drive of 1.2 MB
  { cylinders: 40, heads: 2, sectors: 8,  rate: R.RATE_300K }, // 320 KB
  { cylinders: 40, heads: 1, sectors: 9,  rate: R.RATE_300K }, // 180 KB
  { cylinders: 40, heads: 1, sectors: 8,  rate: R.RATE_300K }, // 160 KB
];

/** An odd size is taken for a 1.44 MB diskette that was cut short, or the smallest format that holds it. */
export function formatOf(sizeBytes: number): FloppyFormat | undefined {
  const bytes = ({ cylinders, heads, sectors }: FloppyFormat): number =>
    cylinders * heads * sectors * FLOPPY_SECTOR_BYTES;
  return FORMATS.find((format) => bytes(format) === sizeBytes) ?? FORMATS.find((format) => bytes(format) >= sizeBytes);
}
