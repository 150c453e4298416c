/** What the adapter's registers show: from register files to the view that the display reads. */
import {
  FORMAT_CGA4,
  FORMAT_INDEXED8,
  FORMAT_PLANAR,
  FORMAT_RGB555,
  FORMAT_RGB565,
  FORMAT_RGB888,
  FORMAT_XRGB8888,
  MAX_CELL_HEIGHT,
  MAX_LINES,
  MAX_WIDTH,
  PLANES,
  SCANOUT_GRAPHICS,
  SCANOUT_OFF,
  SCANOUT_TEXT,
  type ScanoutState,
} from '../../backends/display/port.ts';
import * as R from './vga.regs.ts';
import { PLANES_BYTES } from './vga-memory.ts';
import type { VgaState } from './vga-state.ts';
import { vbeEnabled, vbePitchBytes, vbeStartBytes } from './vga-vbe.ts';

const VBE_FORMATS: Readonly<Record<number, readonly [format: number, bitsPerPixel: number]>> = {
  4: [FORMAT_PLANAR, 4],
  8: [FORMAT_INDEXED8, 8],
  15: [FORMAT_RGB555, 16],
  16: [FORMAT_RGB565, 16],
  24: [FORMAT_RGB888, 24],
  32: [FORMAT_XRGB8888, 32],
};
/** No line of a picture. */
const NO_SPLIT = 0xffff;
/** Plane 2 holds the fonts. */
const FONT_PLANE = 2;

/** Where video memory holds what the registers do not say. */
export interface VideoMemoryLayout {
  readonly vramBytes: number;
  /** Text memory, or -1 while text is in its planes. */
  readonly textOffset: number;
}

/** Fills `target` in. Whatever a guest programs, the geometry stays within the MAX_ constants of scanout.ts. */
export function describeScanout(s: VgaState, memory: VideoMemoryLayout, target: ScanoutState): void {
  const off = (s.sr[R.SR01] ?? 0) & R.SR01_SO || !(s.arIndex & R.AR_PAS);
  if (vbeEnabled(s)) {
    describeVbe(s, memory, target);
    if (off) target.mode = SCANOUT_OFF;
    return;
  }
  describeLines(s, target);
  if ((s.gr[R.GR06] ?? 0) & R.GR06_GM) describeGraphics(s, target);
  else describeText(s, memory, target);
  if (off || !((s.cr[R.CR17] ?? 0) & R.CR17_SR)) target.mode = SCANOUT_OFF;
}

function describeVbe(s: VgaState, { vramBytes }: VideoMemoryLayout, target: ScanoutState): void {
  const [format, bitsPerPixel] = VBE_FORMATS[s.vbeBpp] ?? [FORMAT_INDEXED8, 8];
  target.mode = SCANOUT_GRAPHICS;
  target.format = format;
  target.bitsPerPixel = bitsPerPixel;
  target.width = s.vbeXres;
  target.height = s.vbeYres;
  target.startOffset = vbeStartBytes(s);
  target.pitchBytes = vbePitchBytes(s);
  target.addressMask = vramBytes - 1;
  target.splitLine = NO_SPLIT;
  target.presetRow = 0;
  target.cellHeight = 1;
  target.lineRepeat = 1;
  target.dotRepeat = 1;
  target.panDots = 0;
  target.splitPanDots = 0;
  target.rowBit0Mask = 0;
  target.rowBit1Mask = 0;
  if (format === FORMAT_PLANAR) {
    target.panDots = s.vbeXOffset & 7;
    target.startOffset &= ~(PLANES - 1);
  }
}

/** What text and graphics have in common: how lines follow one another. */
function describeLines(s: VgaState, target: ScanoutState): void {
  const cr = (index: number) => s.cr[index] ?? 0;
  const overflow = cr(R.CR07);
  const lineCompareHigh = (overflow & R.CR07_LC8 ? 0x100 : 0) | (cr(R.CR09) & R.CR09_LC9 ? 0x200 : 0);
  const displayEndHigh = (overflow & 0x02 ? 0x100 : 0) | (overflow & 0x40 ? 0x200 : 0);
  target.height = Math.min((cr(R.CR12) | displayEndHigh) + 1, MAX_LINES);
  target.splitLine = cr(R.CR18) | lineCompareHigh;
  target.cellHeight = Math.min((cr(R.CR09) & R.CR09_MSL) + 1, MAX_CELL_HEIGHT);
  target.lineRepeat = cr(R.CR09) & R.CR09_DSC ? 2 : 1;
  target.presetRow = cr(R.CR08) & R.CR08_PRS;
}

/** The address counter at the top left, byte panning included. */
function startAddress(s: VgaState): number {
  const cr = (index: number) => s.cr[index] ?? 0;
  return ((cr(R.CR0C) << 8) | cr(R.CR0D)) + ((cr(R.CR08) >> R.CR08_BP_SHIFT) & 3);
}

function setPan(s: VgaState, dots: number, target: ScanoutState): void {
  target.panDots = dots;
  target.splitPanDots = (s.ar[R.AR10] ?? 0) & R.AR10_PPM ? 0 : dots;
}

function describeText(s: VgaState, memory: VideoMemoryLayout, target: ScanoutState): void {
  const cr = (index: number) => s.cr[index] ?? 0;
  const mode = s.ar[R.AR10] ?? 0;
  const clocking = s.sr[R.SR01] ?? 0;
  const cellWidth = clocking & R.SR01_8DOT ? 8 : 9;
  target.mode = SCANOUT_TEXT;
  target.cellWidth = cellWidth;
  target.dotRepeat = clocking & R.SR01_DCR ? 2 : 1;
  target.columns = Math.min(cr(R.CR01) + 1, Math.floor(MAX_WIDTH / (cellWidth * target.dotRepeat)));
  target.width = target.columns * cellWidth * target.dotRepeat;
  target.textOffset = memory.textOffset;
  target.startCell = startAddress(s);
  target.pitchCells = cr(R.CR13) * 2;
  target.cursorCell = (cr(R.CR0E) << 8) | cr(R.CR0F);
  target.cursorTop = cr(R.CR0A) & R.CR0A_CD ? MAX_CELL_HEIGHT : cr(R.CR0A) & 0x1f;
  target.cursorBottom = cr(R.CR0B) & 0x1f;
  target.underlineLine = cr(R.CR14) & 0x1f;
  target.blinkEnabled = mode & R.AR10_EB ? 1 : 0;
  target.lineGraphics = mode & R.AR10_ELG ? 1 : 0;
  // With nine dots, 8 is no panning, and 0-7 are one dot more. [VGA] AR13
  const pan = (s.ar[R.AR13] ?? 0) & 0x0f;
  setPan(s, cellWidth === 8 ? pan & 7 : pan >= 8 ? 0 : pan + 1, target);

  // Character map select: map A (attribute bit 3 set) in bits 5, 3, 2 of SR03, map B in bits 4, 1, 0. [VGA] SR03
  const maps = s.sr[R.SR03] ?? 0;
  target.boldFontOffset = fontOffset(((maps >> 2) & 3) | ((maps >> 3) & 4));
  target.fontOffset = fontOffset((maps & 3) | ((maps >> 2) & 4));
  target.bitsPerPixel = 4;
}

/** Maps 0-3 lie 16 KiB apart, 4-7 8 KiB after each of them. */
function fontOffset(map: number): number {
  return ((map & 3) * 0x4000 + (map & 4 ? 0x2000 : 0)) * PLANES + FONT_PLANE;
}

function describeGraphics(s: VgaState, target: ScanoutState): void {
  const cr = (index: number) => s.cr[index] ?? 0;
  const shift = ((s.gr[R.GR05] ?? 0) >> R.GR05_SHIFT_SHIFT) & 3;
  const dots = (cr(R.CR01) + 1) * 8;
  const halfClock = ((s.sr[R.SR01] ?? 0) & R.SR01_DCR) !== 0;
  const indexed = shift >= 2;
  target.mode = SCANOUT_GRAPHICS;
  target.format = indexed ? FORMAT_INDEXED8 : shift === 1 ? FORMAT_CGA4 : FORMAT_PLANAR;
  target.bitsPerPixel = indexed ? 8 : 4;
  // A pixel of eight bits takes two dots to shift out.
  target.dotRepeat = indexed || halfClock ? 2 : 1;
  target.width = Math.min(halfClock && !indexed ? dots * 2 : dots, MAX_WIDTH);
  target.startOffset = (startAddress(s) * PLANES) & (PLANES_BYTES - 1);
  target.pitchBytes = cr(R.CR13) * 2 * PLANES;
  target.addressMask = PLANES_BYTES - 1;
  const pan = (s.ar[R.AR13] ?? 0) & 7;
  setPan(s, indexed ? pan >> 1 : pan, target);
  // Bits 13 and 14 of the address that leaves the CRTC, which is the counter times one, two or four.
  const scale = cr(R.CR14) & R.CR14_DW ? 2 : cr(R.CR17) & R.CR17_WB ? 0 : 1;
  target.rowBit0Mask = cr(R.CR17) & R.CR17_CMS0 ? 0 : (PLANES << 13) >> scale;
  target.rowBit1Mask = cr(R.CR17) & R.CR17_SRS ? 0 : (PLANES << 14) >> scale;
}

/** The colours: 16 by the attribute controller, or the DAC's own 256. */
export function describePalette(s: VgaState, target: ScanoutState): void {
  const { palette } = target;
  if (target.bitsPerPixel === 8) {
    for (let index = 0; index < 256; index++) palette[index] = dacColour(s, index);
    return;
  }
  const planes = (s.ar[R.AR12] ?? 0) & 0x0f;
  const select = s.ar[R.AR14] ?? 0;
  const fromSelect = ((s.ar[R.AR10] ?? 0) & R.AR10_P54S) !== 0;
  for (let colour = 0; colour < 16; colour++) {
    const entry = s.ar[colour & planes] ?? 0;
    const low = fromSelect ? (entry & 0x0f) | ((select & 3) << 4) : entry;
    palette[colour] = dacColour(s, low | ((select & 0x0c) << 4));
  }
}

function dacColour(s: VgaState, index: number): number {
  const first = (index & s.dacMask) * 3;
  const eightBits = (s.vbeEnable & R.DISPI_8BIT_DAC) !== 0;
  const part = (component: number) => {
    const value = s.dac[first + component] ?? 0;
    return eightBits ? value : sixToEight(value & 0x3f);
  };
  return (part(0) << 16) | (part(1) << 8) | part(2);
}

/** Six bits to eight so that 63 becomes 255. */
function sixToEight(value: number): number {
  return (value << 2) | (value >> 4);
}
