/**
 * The VBE display interface: modes beyond VGA's, by eleven 16-bit registers. Geometry is kept within video memory and
 * MAX_WIDTH x MAX_HEIGHT: what does not fit is made smaller, as a guest sees when it reads the registers back.
 *
 * An enabled mode programs the VGA's own registers too, so that the window at A0000 reaches a bank of the mode.
 * Reference: [DISPI], see vga.regs.ts.
 */
import { MAX_HEIGHT, MAX_WIDTH } from '../../backends/display/port.ts';
import * as R from './vga.regs.ts';
import type { VgaState } from './vga-state.ts';

const BANK_BYTES = 0x10000;
const DEPTHS: ReadonlySet<number> = new Set([4, 8, 15, 16, 24, 32]);
const WIDTH_UNIT = 8;

/** Bits of memory that a pixel takes. */
const pixelBits = (s: VgaState): number => (s.vbeBpp === 15 ? 16 : s.vbeBpp);
/** Bytes of a line in video memory. */
export const vbePitchBytes = (s: VgaState): number => (s.vbeVirtWidth * pixelBits(s)) >> 3;
/** Where the picture begins in video memory. */
export const vbeStartBytes = (s: VgaState): number =>
  s.vbeYOffset * vbePitchBytes(s) + ((s.vbeXOffset * pixelBits(s)) >> 3);
export const vbeEnabled = (s: VgaState): boolean => (s.vbeEnable & R.DISPI_ENABLED) !== 0;

export function readVbe(s: VgaState, vramBytes: number, index: number): number {
  const caps = (s.vbeEnable & R.DISPI_GETCAPS) !== 0;
  switch (index) {
    case R.DISPI_ID:
      return s.vbeId;
    case R.DISPI_XRES:
      return caps ? MAX_WIDTH : s.vbeXres;
    case R.DISPI_YRES:
      return caps ? MAX_HEIGHT : s.vbeYres;
    case R.DISPI_BPP:
      return caps ? 32 : s.vbeBpp;
    case R.DISPI_ENABLE:
      return s.vbeEnable;
    case R.DISPI_BANK:
      return s.vbeBank;
    case R.DISPI_VIRT_WIDTH:
      return s.vbeVirtWidth;
    case R.DISPI_VIRT_HEIGHT:
      return vbeEnabled(s) ? Math.min(linesInMemory(s, vramBytes), 0xffff) : 0;
    case R.DISPI_X_OFFSET:
      return s.vbeXOffset;
    case R.DISPI_Y_OFFSET:
      return s.vbeYOffset;
    case R.DISPI_VIDEO_MEMORY_64K:
      return vramBytes / BANK_BYTES;
    default:
      return 0;
  }
}

/** True where a mode began that wants its memory cleared. */
export function writeVbe(s: VgaState, vramBytes: number, index: number, value: number): boolean {
  switch (index) {
    case R.DISPI_ID:
      if (value >= R.DISPI_ID0 && value <= R.DISPI_ID5) s.vbeId = value;
      return false;
    case R.DISPI_XRES:
      s.vbeXres = value;
      break;
    case R.DISPI_YRES:
      s.vbeYres = value;
      break;
    case R.DISPI_BPP:
      s.vbeBpp = value;
      break;
    case R.DISPI_ENABLE:
      return writeEnable(s, vramBytes, value);
    case R.DISPI_BANK:
      s.vbeBank = value & (vramBytes / BANK_BYTES - 1);
      return false;
    case R.DISPI_VIRT_WIDTH:
      s.vbeVirtWidth = value;
      break;
    case R.DISPI_X_OFFSET:
      s.vbeXOffset = value;
      break;
    case R.DISPI_Y_OFFSET:
      s.vbeYOffset = value;
      break;
    default:
      return false;
  }
  applyMode(s, vramBytes);
  return false;
}

function writeEnable(s: VgaState, vramBytes: number, value: number): boolean {
  const begins = !vbeEnabled(s) && (value & R.DISPI_ENABLED) !== 0;
  s.vbeEnable = value;
  if (begins) [s.vbeVirtWidth, s.vbeXOffset, s.vbeYOffset] = [0, 0, 0];
  else s.vbeBank = 0;
  applyMode(s, vramBytes);
  return begins && !(value & R.DISPI_NOCLEARMEM);
}

function applyMode(s: VgaState, vramBytes: number): void {
  if (!vbeEnabled(s)) return;
  fitGeometry(s, vramBytes);
  programVga(s);
}

/** Whether registers are as this video memory could have left them. */
export function vbeFits(s: VgaState, vramBytes: number): boolean {
  const fitted = { ...s };
  if (vbeEnabled(s)) fitGeometry(fitted, vramBytes);
  const names = Object.keys(s) as (keyof VgaState)[];
  return s.vbeBank < vramBytes / BANK_BYTES && names.every((name) => fitted[name] === s[name]);
}

/** Makes the mode one that can be shown. Doing it twice changes nothing. */
function fitGeometry(s: VgaState, vramBytes: number): void {
  if (!DEPTHS.has(s.vbeBpp)) s.vbeBpp = 8;
  s.vbeXres = clamp(s.vbeXres & ~(WIDTH_UNIT - 1), WIDTH_UNIT, MAX_WIDTH);
  s.vbeVirtWidth = Math.max(s.vbeVirtWidth & ~(WIDTH_UNIT - 1), s.vbeXres);
  const lines = linesInMemory(s, vramBytes);
  s.vbeYres = clamp(s.vbeYres, 1, Math.min(MAX_HEIGHT, lines));
  s.vbeXOffset = Math.min(s.vbeXOffset, s.vbeVirtWidth - s.vbeXres);
  s.vbeYOffset = Math.min(s.vbeYOffset, lines - s.vbeYres);
}

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);
/** At least one: the widest line, 65528 pixels of 4 bytes, is shorter than the smallest video memory. */
const linesInMemory = (s: VgaState, vramBytes: number): number => Math.floor(vramBytes / vbePitchBytes(s));

/** The VGA registers of a mode: graphics at A0000, its size, no split, no doubled lines; chain-4 but for 16 colours. */
function programVga(s: VgaState): void {
  const change = (file: Uint8Array, index: number, clear: number, set: number) => {
    file[index] = ((file[index] ?? 0) & ~clear) | set;
  };
  const planar = s.vbeBpp === 4;
  const lastLine = s.vbeYres - 1;
  change(s.gr, R.GR06, 3 << R.GR06_MM_SHIFT, (1 << R.GR06_MM_SHIFT) | R.GR06_GM);
  change(s.gr, R.GR05, 3 << R.GR05_SHIFT_SHIFT, (planar ? 0 : 2) << R.GR05_SHIFT_SHIFT);
  change(s.cr, R.CR17, 0, R.CR17_CMS0 | R.CR17_SRS);
  change(s.cr, R.CR13, 0xff, (vbePitchBytes(s) >> 3) & 0xff);
  change(s.cr, R.CR01, 0xff, ((s.vbeXres >> 3) - 1) & 0xff);
  change(s.cr, R.CR12, 0xff, lastLine & 0xff);
  change(s.cr, R.CR07, 0x42, ((lastLine >> 7) & 0x02) | ((lastLine >> 3) & 0x40) | R.CR07_LC8);
  change(s.cr, R.CR09, R.CR09_DSC | R.CR09_MSL, R.CR09_LC9);
  change(s.cr, R.CR18, 0, 0xff);
  if (planar) {
    change(s.sr, R.SR01, R.SR01_DCR, 0);
    change(s.sr, R.SR04, R.SR04_CH4, R.SR04_OE);
  } else {
    change(s.sr, R.SR04, 0, R.SR04_CH4);
    change(s.sr, R.SR02, 0, 0b1111);
  }
}
