/** What the VGA's registers show: from register files to the view that the display reads. */
import {
  MAX_CELL_HEIGHT,
  MAX_LINES,
  SCANOUT_OFF,
  SCANOUT_TEXT,
  SCANOUT_UNSUPPORTED,
  type ScanoutState,
} from '../../backends/display/port.ts';
import * as R from './vga.regs.ts';
import type { VgaState } from './vga-state.ts';

/** Fills `target` in. Whatever a guest programs, the geometry stays within the MAX_ constants of scanout.ts. */
export function describeScanout(s: VgaState, fontPlaneOffset: number, target: ScanoutState): void {
  const cr = (index: number) => s.cr[index] ?? 0;
  const ar = (index: number) => s.ar[index] ?? 0;
  const sr = (index: number) => s.sr[index] ?? 0;
  const overflow = cr(R.CR07);
  const overflowBits = (bit8: number, bit9: number) =>
    (((overflow >> bit8) & 1) << 8) | (((overflow >> bit9) & 1) << 9);

  const graphics = ((s.gr[R.GR06] ?? 0) & R.GR06_GM) !== 0;
  const blank = sr(R.SR01) & R.SR01_SO || !(s.arIndex & R.AR_PAS) || !(cr(R.CR17) & R.CR17_SR);
  const lines = Math.min((cr(R.CR12) | overflowBits(1, 6)) + 1, MAX_LINES);
  target.mode = graphics ? SCANOUT_UNSUPPORTED : blank ? SCANOUT_OFF : SCANOUT_TEXT;
  target.columns = cr(R.CR01) + 1;
  target.cellWidth = graphics || sr(R.SR01) & R.SR01_8DOT ? 8 : 9;
  target.cellHeight = Math.min((cr(R.CR09) & R.CR09_MSL) + 1, MAX_CELL_HEIGHT);
  target.rows = Math.max(Math.floor(lines / target.cellHeight), 1);
  target.width = target.columns * target.cellWidth;
  target.height = graphics ? lines : target.rows * target.cellHeight;

  target.startCell = (cr(R.CR0C) << 8) | cr(R.CR0D);
  target.pitchCells = cr(R.CR13) * 2;
  target.splitLine = cr(R.CR18) | (overflow & R.CR07_LC8 ? 0x100 : 0) | (cr(R.CR09) & R.CR09_LC9 ? 0x200 : 0);
  target.cursorCell = (cr(R.CR0E) << 8) | cr(R.CR0F);
  target.cursorTop = cr(R.CR0A) & R.CR0A_CD ? MAX_CELL_HEIGHT : cr(R.CR0A) & 0x1f;
  target.cursorBottom = cr(R.CR0B) & 0x1f;
  target.underlineLine = cr(R.CR14) & 0x1f;
  target.blinkEnabled = ar(R.AR10) & R.AR10_EB ? 1 : 0;
  target.lineGraphics = ar(R.AR10) & R.AR10_ELG ? 1 : 0;

  // Character map select: map A (attribute bit 3 set) in bits 5, 3, 2 of SR03, map B in bits 4, 1, 0. [VGA] SR03
  const maps = sr(R.SR03);
  target.boldFontOffset = fontPlaneOffset + fontOffset(((maps >> 2) & 3) | ((maps >> 3) & 4));
  target.fontOffset = fontPlaneOffset + fontOffset((maps & 3) | ((maps >> 2) & 4));
  describePalette(s, target.palette);
}

/** Maps 0-3 lie 16 KiB apart, 4-7 8 KiB after each of them. */
function fontOffset(map: number): number {
  return (map & 3) * 0x4000 + (map & 4 ? 0x2000 : 0);
}

function describePalette(s: VgaState, palette: Int32Array): void {
  const planes = (s.ar[R.AR12] ?? 0) & 0x0f;
  const select = s.ar[R.AR14] ?? 0;
  const fromSelect = ((s.ar[R.AR10] ?? 0) & R.AR10_P54S) !== 0;
  for (let colour = 0; colour < 16; colour++) {
    const entry = s.ar[colour & planes] ?? 0;
    const low = fromSelect ? (entry & 0x0f) | ((select & 3) << 4) : entry;
    const index = (low | ((select & 0x0c) << 4)) & s.dacMask;
    const part = (component: number) => sixToEight(s.dac[index * 3 + component] ?? 0);
    palette[colour] = (part(0) << 16) | (part(1) << 8) | part(2);
  }
}

/** Six bits to eight so that 63 becomes 255. */
function sixToEight(value: number): number {
  return (value << 2) | (value >> 4);
}
