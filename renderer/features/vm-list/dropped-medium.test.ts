import { describe, expect, it } from 'vitest';
import { mediumKind } from './dropped-medium.ts';

describe('a dropped file', () => {
  it.each([
    ['debian-12.iso', 6e8, 'iso'],
    ['DISC.ISO', 6e8, 'iso'],
    ['boot.img', 1440 * 1024, 'floppy'],
    ['boot.img', 4e9, 'disk'],
    ['small.raw', 512, 'disk'],
    ['system.qcow2', 1e6, 'disk'],
    ['dos.flp', 1440 * 1024, 'floppy'],
    ['notes.txt', 10, undefined],
    ['iso', 10, undefined],
  ])('%s of %d bytes is taken for: %s', (name, size, kind) => expect(mediumKind(name, size)).toBe(kind));
});
