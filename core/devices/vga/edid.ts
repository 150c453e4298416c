/**
 * What the monitor says of itself: an EDID block with the size that it prefers and those that it takes.
 *
 * [EDID] VESA Enhanced EDID Standard, release A, revision 2 (EDID 1.4), section 3. [CVT] VESA Coordinated Video Timings:
 * reduced blanking.
 */
export const EDID_BYTES = 128;

const HEADER = [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
const MANUFACTURER = 'VIV';
const NAME = 'Vivarium';
const PRODUCT_CODE = 1;
const YEAR = 2024;
/** Chromaticity of sRGB, 3.7. */
const SRGB = [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54];
/** 720x400 at 70 Hz, 640x480, 800x600 and 1024x768 at 60 Hz, 3.8. */
const ESTABLISHED = [0x80 | 0x20 | 0x01, 0x08, 0x00];
/** All at 60 Hz, 3.9. */
const STANDARD = [
  [1280, 720],
  [1280, 1024],
  [1440, 900],
  [1600, 1200],
  [1680, 1050],
  [1920, 1080],
  [1920, 1200],
  [1152, 864],
] as const;
/** Bits 7-6 of a standard timing. */
const ASPECTS: readonly (readonly [ratio: number, bits: number])[] = [
  [16 / 10, 0],
  [4 / 3, 1],
  [5 / 4, 2],
  [16 / 9, 3],
];

interface Timing {
  readonly clockKhz: number;
  readonly width: number;
  readonly height: number;
  /** Lines of blanking and of vertical sync. */
  readonly blankLines: number;
  readonly syncLines: number;
}
/** [CVT] reduced blanking at 60 Hz, of which the horizontal part is the same for all. */
const PREFERRED: Timing = { clockKhz: 71_000, width: 1280, height: 800, blankLines: 23, syncLines: 6 };
const LARGEST: Timing = { clockKhz: 268_500, width: 2560, height: 1600, blankLines: 46, syncLines: 6 };
const BLANK_PIXELS = 160;
const FRONT_PIXELS = 48;
const SYNC_PIXELS = 32;
const FRONT_LINES = 3;
/** Of the screen. */
const WIDTH_CM = 32;
const HEIGHT_CM = 20;

export function edid(): Uint8Array {
  const bytes = new Uint8Array(EDID_BYTES);
  bytes.set(HEADER, 0);
  const id = [...MANUFACTURER].reduce((word, letter) => (word << 5) | (letter.charCodeAt(0) - 0x40), 0);
  bytes.set([id >> 8, id & 0xff, PRODUCT_CODE, 0, 0, 0, 0, 0, 0, YEAR - 1990, 1, 4], 8);
  // 3.6: digital, 8 bits a colour, DisplayPort; size in cm; gamma 2.2; sRGB, the first timing is the native one
  bytes.set([0xa5, WIDTH_CM, HEIGHT_CM, 120, 0x06], 20);
  bytes.set(SRGB, 25);
  bytes.set(ESTABLISHED, 35);
  bytes.set(STANDARD.flatMap(standardTiming), 38);
  bytes.set(detailedTiming(PREFERRED), 54);
  bytes.set(detailedTiming(LARGEST), 72);
  // 3.10.3.3: 50-75 Hz, 30-110 kHz, up to 270 MHz, nothing beyond the timings named
  bytes.set([0, 0, 0, 0xfd, 0, 50, 75, 30, 110, 27, 0x01, 0x0a, ...Array(6).fill(0x20)], 90);
  bytes.set([0, 0, 0, 0xfc, 0, ...descriptorText(NAME)], 108);
  bytes[127] = 256 - (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff);
  return bytes;
}

function standardTiming([width, height]: readonly [number, number]): number[] {
  const aspect = ASPECTS.find(([ratio]) => Math.abs(width / height - ratio) < 0.01);
  return [width / 8 - 31, (aspect?.[1] ?? 0) << 6];
}

/** 3.10.2: eighteen bytes; positive horizontal, negative vertical sync, as [CVT] has it. */
function detailedTiming({ clockKhz, width, height, blankLines, syncLines }: Timing): number[] {
  const clock = clockKhz / 10;
  const high = (upper: number, lower: number) => ((upper >> 8) << 4) | (lower >> 8);
  const [mmWide, mmHigh] = [WIDTH_CM * 10, HEIGHT_CM * 10];
  return [
    ...[clock & 0xff, clock >> 8],
    ...[width & 0xff, BLANK_PIXELS, high(width, BLANK_PIXELS)],
    ...[height & 0xff, blankLines, high(height, blankLines)],
    ...[FRONT_PIXELS, SYNC_PIXELS, (FRONT_LINES << 4) | syncLines, 0],
    ...[mmWide & 0xff, mmHigh & 0xff, high(mmWide, mmHigh)],
    ...[0, 0, 0x1a],
  ];
}

/** Up to 13 characters, ended by a line feed and filled up with spaces. */
function descriptorText(text: string): number[] {
  return [...`${text}\n`.padEnd(13)].map((letter) => letter.charCodeAt(0));
}
