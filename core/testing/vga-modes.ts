/** Modes as a VGA BIOS programs them. [VGA] IBM Personal System/2 Hardware Interface Technical Reference, video. */
import type { VgaMode } from './vga-programmer.ts';

const hex = (text: string): number[] => text.split(' ').map((byte) => Number.parseInt(byte, 16));
const count = (first: number): number[] => Array.from({ length: 8 }, (_, i) => first + i);
const EGA_COLOURS = hex('00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f');

/** 320x200, 4 colours, as a CGA has it. */
export const MODE_04: VgaMode = {
  misc: 0x63,
  sr: hex('03 09 03 00 02'),
  cr: hex('2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 a2 ff'),
  gr: hex('00 00 00 00 00 30 0f 00 ff'),
  ar: [...hex('00 13 15 17 02 04 06 07'), ...count(0x10), ...hex('01 00 03 00 00')],
};

/** 640x200, 2 colours, as a CGA has it. */
export const MODE_06: VgaMode = {
  misc: 0x63,
  sr: hex('03 01 01 00 06'),
  cr: hex('5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96 b9 c2 ff'),
  gr: hex('00 00 00 00 00 00 0d 00 ff'),
  ar: [0, ...Array(15).fill(0x17), ...hex('01 00 01 00 00')],
};

/** 320x200, 16 colours. */
export const MODE_0D: VgaMode = {
  misc: 0x63,
  sr: hex('03 09 0f 00 06'),
  cr: hex('2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 e3 ff'),
  gr: hex('00 00 00 00 00 00 05 0f ff'),
  ar: [...count(0), ...count(0x10), ...hex('01 00 0f 00 00')],
};

/** 640x480, 16 colours. */
export const MODE_12: VgaMode = {
  misc: 0xe3,
  sr: hex('03 01 0f 00 06'),
  cr: hex('5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff'),
  gr: hex('00 00 00 00 00 00 05 0f ff'),
  ar: [...EGA_COLOURS, ...hex('01 00 0f 00 00')],
};

/** 320x200, 256 colours, linear memory. */
export const MODE_13: VgaMode = {
  misc: 0x63,
  sr: hex('03 01 0f 00 0e'),
  cr: hex('5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96 b9 a3 ff'),
  gr: hex('00 00 00 00 00 40 05 0f ff'),
  ar: [...count(0), ...count(8), ...hex('41 00 0f 00 00')],
};

/** Mode X: 320x240, 256 colours in four planes. */
export const MODE_X: VgaMode = {
  ...MODE_13,
  misc: 0xe3,
  sr: hex('03 01 0f 00 06'),
  cr: hex('5f 4f 50 82 54 80 0d 3e 00 41 00 00 00 00 00 00 ea ac df 28 00 e7 06 e3 ff'),
};
