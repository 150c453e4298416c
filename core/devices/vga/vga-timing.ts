/**
 * Where the beam is: input status 1 computed from time, so that a guest which waits for retrace sees it come and go at
 * the rate its registers ask for. Nothing runs in between.
 */

import * as R from './vga.regs.ts';
import type { VgaState } from './vga-state.ts';

const DOT_CLOCK_HZ = [25_175_000, 28_322_000] as const;

/** ST01 at a time: DD outside the picture, VR within vertical retrace. */
export function displayStatus(s: Pick<VgaState, 'cr' | 'sr' | 'misc'>, nowNs: number): number {
  const cr = (index: number) => s.cr[index] ?? 0;
  const overflow = cr(R.CR07);
  const count = (low: number, bit8: number, bit9: number) =>
    low | (((overflow >> bit8) & 1) << 8) | (((overflow >> bit9) & 1) << 9);
  const clocking = s.sr[R.SR01] ?? 0;

  const dotHz = DOT_CLOCK_HZ[(s.misc >> R.MISC_CLOCK_SHIFT) & 1] ?? DOT_CLOCK_HZ[0];
  const cellDots = (clocking & R.SR01_8DOT ? 8 : 9) * (clocking & R.SR01_DCR ? 2 : 1);
  const cellNs = (cellDots * 1e9) / dotHz;
  const lineCells = cr(R.CR00) + 5;
  const frameLines = count(cr(R.CR06), 0, 5) + 2;

  const cells = Math.floor(nowNs / cellNs) % (lineCells * frameLines);
  const line = Math.floor(cells / lineCells);
  const shownCells = cr(R.CR01) + 1;
  const shownLines = count(cr(R.CR12), 1, 6) + 1;
  let status = 0;
  if (line >= shownLines || cells % lineCells >= shownCells) status |= R.ST01_DD;
  const retraceStart = count(cr(R.CR10), 2, 7);
  // The end register holds only the low four bits of the line on which retrace ends.
  const retraceLines = (cr(R.CR11) - retraceStart) & 0x0f || 16;
  if (line >= retraceStart && line < retraceStart + retraceLines) status |= R.ST01_VR;
  return status;
}
