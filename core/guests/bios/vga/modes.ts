/**
 * The VGA's own modes: what each is like, the registers that make it, palettes.
 * [VGA] IBM VGA technical reference, mode tables; the values are those every VGA BIOS has to set.
 */
import type { Listing } from '../listing.ts';

const KIND_TEXT = 0;
const KIND_PLANAR = 1;
const KIND_LINEAR = 2;

/** Hexadecimal bytes. */
const bytes = (text: string): number[] => text.split(' ').map((byte) => Number.parseInt(byte, 16));

const ATTRIBUTES_TEXT = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08';
const ATTRIBUTES_EGA = '00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17 01 00 0f 00';
const ATTRIBUTES_VGA = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 01 00 0f 00';
const GRAPHICS_PLANAR = '00 00 00 00 00 00 05 0f ff';
const CRTC_200 = '00 00 00 00 00 00 9c 8e 8f';
const PARTS = {
  crtc40: '2d 27 28 90 2b a0 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 14 1f 96 b9 a3 ff',
  crtc80: '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff',
};

interface Mode {
  readonly numbers: readonly number[];
  readonly kind: number;
  readonly columns: number;
  readonly rows: number;
  readonly height: number;
  readonly segment: number;
  readonly pageBytes: number;
  readonly misc: number;
  readonly sequencer: string;
  readonly crtc: string;
  readonly attributes: string;
  readonly graphics: string;
}

const text = { kind: KIND_TEXT, rows: 25, height: 16, segment: 0xb800, misc: 0x67, attributes: ATTRIBUTES_TEXT };
const textGraphics = '00 00 00 00 00 10 0e 00 ff';
const planar = { kind: KIND_PLANAR, segment: 0xa000, graphics: GRAPHICS_PLANAR };

const MODES: readonly Mode[] = [
  {
    ...text,
    numbers: [0, 1],
    columns: 40,
    pageBytes: 0x800,
    sequencer: '08 03 00 02',
    crtc: PARTS.crtc40,
    graphics: textGraphics,
  },
  {
    ...text,
    numbers: [2, 3],
    columns: 80,
    pageBytes: 0x1000,
    sequencer: '00 03 00 02',
    crtc: PARTS.crtc80,
    graphics: textGraphics,
  },
  {
    ...text,
    numbers: [7],
    columns: 80,
    segment: 0xb000,
    pageBytes: 0x1000,
    misc: 0x66,
    sequencer: '00 03 00 02',
    crtc: PARTS.crtc80,
    attributes: '00 08 08 08 08 08 08 08 10 18 18 18 18 18 18 18 0e 00 0f 08',
    graphics: '00 00 00 00 00 10 0a 00 ff',
  },
  {
    ...planar,
    numbers: [0x0d],
    columns: 40,
    rows: 25,
    height: 8,
    pageBytes: 0x2000,
    misc: 0x63,
    sequencer: '09 0f 00 06',
    crtc: `2d 27 28 90 2b 80 bf 1f 00 c0 00 ${CRTC_200.slice(3)} 14 00 96 b9 e3 ff`,
    attributes: ATTRIBUTES_EGA,
  },
  {
    ...planar,
    numbers: [0x0e],
    columns: 80,
    rows: 25,
    height: 8,
    pageBytes: 0x4000,
    misc: 0x63,
    sequencer: '01 0f 00 06',
    crtc: `5f 4f 50 82 54 80 bf 1f 00 c0 00 ${CRTC_200.slice(3)} 28 00 96 b9 e3 ff`,
    attributes: ATTRIBUTES_EGA,
  },
  {
    ...planar,
    numbers: [0x10],
    columns: 80,
    rows: 25,
    height: 14,
    pageBytes: 0x8000,
    misc: 0xa3,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 bf 1f 00 40 00 00 00 00 00 00 83 85 5d 28 0f 63 ba e3 ff',
    attributes: ATTRIBUTES_VGA,
  },
  {
    ...planar,
    numbers: [0x12],
    columns: 80,
    rows: 30,
    height: 16,
    pageBytes: 0xa000,
    misc: 0xe3,
    sequencer: '01 0f 00 06',
    crtc: '5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff',
    attributes: ATTRIBUTES_VGA,
  },
  {
    numbers: [0x13],
    kind: KIND_LINEAR,
    columns: 40,
    rows: 25,
    height: 8,
    segment: 0xa000,
    pageBytes: 0xfa00,
    misc: 0x63,
    sequencer: '01 0f 00 0e',
    crtc: `5f 4f 50 82 54 80 bf 1f 00 41 00 ${CRTC_200.slice(3)} 28 40 96 b9 a3 ff`,
    attributes: '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 41 00 0f 00',
    graphics: '00 00 00 00 00 40 05 0f ff',
  },
];

/** Offsets in a mode's record; the symbols of listings. */
export const MODE_SYMBOLS = {
  M_NUMBER: 0,
  M_KIND: 1,
  M_COLUMNS: 2,
  M_ROWS: 3,
  M_HEIGHT: 4,
  M_SEGMENT: 5,
  M_PAGE: 7,
  M_MISC: 9,
  M_SEQUENCER: 10,
  M_CRTC: 14,
  M_ATTRIBUTES: 39,
  M_GRAPHICS: 59,
  M_BYTES: 68,
  KIND_TEXT,
  KIND_PLANAR,
  KIND_LINEAR,
};

/** The records, a number each; 0ffh ends them. */
export function modeTable(p: Listing): void {
  p.bind('mode_table');
  for (const mode of MODES) {
    for (const number of mode.numbers) {
      p.bytes(number, mode.kind, mode.columns, mode.rows - 1, mode.height);
      p.u16(mode.segment, mode.pageBytes);
      p.bytes(mode.misc, ...bytes(mode.sequencer), ...bytes(mode.crtc), ...bytes(mode.attributes));
      p.bytes(...bytes(mode.graphics));
    }
  }
  p.bytes(0xff);
}

type Colour = readonly [red: number, green: number, blue: number];

/** The 64 colours of the EGA: two bits a gun. */
const ega = (n: number): Colour => {
  const gun = (high: number, low: number): number => (n & high ? 0x2a : 0) + (n & low ? 0x15 : 0);
  return [gun(4, 0x20), gun(2, 0x10), gun(1, 8)];
};

const GREYS = [0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63];
/** Five steps of a gun: three intensities, each in three saturations. */
const STEPS = [
  [0, 16, 31, 47, 63],
  [31, 39, 47, 55, 63],
  [45, 49, 54, 58, 63],
  [0, 7, 14, 21, 28],
  [14, 17, 21, 24, 28],
  [20, 22, 24, 26, 28],
  [0, 4, 8, 12, 16],
  [8, 10, 12, 14, 16],
  [11, 12, 13, 15, 16],
] as const;

/** 24 hues from blue over red and green back. */
function hues(steps: readonly number[]): Colour[] {
  const at = (n: number): number => steps[Math.max(0, Math.min(4, n))] ?? 0;
  const gun = (hue: number, centre: number): number => at(8 - Math.abs(((hue - centre + 36) % 24) - 12));
  return Array.from({ length: 24 }, (_, hue) => [gun(hue, 8), gun(hue, 16), gun(hue, 0)]);
}

/** The palette of mode 13h: 16 colours, 16 greys, hues, black. */
function colours256(): Colour[] {
  const standard = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f].map(ega);
  const all = [...standard, ...GREYS.map((grey): Colour => [grey, grey, grey]), ...STEPS.flatMap(hues)];
  return [...all, ...Array.from({ length: 256 - all.length }, (): Colour => [0, 0, 0])];
}

export function palettes(p: Listing): void {
  p.bind('palette_64');
  for (let n = 0; n < 64; n++) p.bytes(...ega(n));
  p.bind('palette_256');
  for (const colour of colours256()) p.bytes(...colour);
}
