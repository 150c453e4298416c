import { describe, expect, it } from 'vitest';
import { E820_RAM, E820_RESERVED, memoryMap, splitRam } from './e820.ts';

const MIB = 2 ** 20;
const ramIn = (bytes: number): number[][] =>
  memoryMap(bytes)
    .filter((entry) => entry.type === E820_RAM)
    .map((entry) => [entry.start, entry.sizeBytes]);

describe('memory map', () => {
  it('has low memory, VGA and BIOS areas and the rest up to the size', () => {
    expect(ramIn(16 * MIB)).toEqual([
      [0, 0x9fc00],
      [MIB, 15 * MIB],
    ]);
    expect(memoryMap(16 * MIB)).toContainEqual({ start: 0xe0000, sizeBytes: 0x20000, type: E820_RESERVED });
  });

  it('continues at 4 GiB what does not fit below the hole', () => {
    expect(splitRam(3584 * MIB)).toEqual({ lowBytes: 3072 * MIB, highBytes: 512 * MIB });
    expect(ramIn(3584 * MIB).at(-1)).toEqual([4096 * MIB, 512 * MIB]);
  });

  it('leaves out what is empty', () => {
    expect(ramIn(MIB)).toEqual([[0, 0x9fc00]]);
    expect(ramIn(3072 * MIB).at(-1)).toEqual([MIB, 3071 * MIB]);
  });

  it('is in ascending order without overlaps', () => {
    let end = 0;
    for (const entry of memoryMap(3584 * MIB)) {
      expect(entry.start).toBeGreaterThanOrEqual(end);
      end = entry.start + entry.sizeBytes;
    }
  });
});
