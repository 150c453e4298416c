/**
 * The VGA BIOS for cards that bring none, an option ROM of its own: text, VGA graphics, VBE. It knows the registers of a
 * VGA and of the Bochs display interface. Not here: CGA graphics (modes 4 to 6) and mode 11h, state save (1Ch).
 */
import { SYMBOLS } from '../layout.ts';
import { Listing, type Symbols } from '../listing.ts';
import { fonts } from './fonts.ts';
import { int10 } from './int10.ts';
import { MODE_SYMBOLS, modeTable, palettes } from './modes.ts';
import { palette } from './palette.ts';
import { text } from './text.ts';
import { vbe, vbeMasks, vbeModes } from './vbe.ts';

const BLOCK = 512;
const BLOCKS = 40;

/** [PS2] BIOS data area, in segment 40h. */
const VIDEO_DATA: Symbols = {
  V_MODE: 0x49,
  V_COLUMNS: 0x4a,
  V_PAGE_BYTES: 0x4c,
  V_PAGE_START: 0x4e,
  V_CURSORS: 0x50,
  V_CURSOR_SHAPE: 0x60,
  V_PAGE: 0x62,
  V_CRTC: 0x63,
  V_ROWS: 0x84,
  V_HEIGHT: 0x85,
  V_CONTROL: 0x87,
  V_SWITCHES: 0x88,
  V_DCC: 0x8a,
};

/** The image, and where in it the monitor's EDID belongs. */
export function buildVgaBios(): { image: Uint8Array; edid: number } {
  const p = new Listing({
    bits: 16,
    origin: 0,
    symbols: { ...SYMBOLS, ...MODE_SYMBOLS, ...VIDEO_DATA, ROM_BLOCKS: BLOCKS },
  });
  for (const part of [int10, text, palette, vbe]) p.asm(part);
  for (const table of [modeTable, palettes, vbeModes, vbeMasks, fonts]) table(p);
  const code = p.finish();
  if (code.length >= BLOCKS * BLOCK) throw new Error(`the VGA BIOS has ${code.length} bytes`);
  const image = new Uint8Array(BLOCKS * BLOCK);
  image.set(code);
  image[image.length - 1] = -image.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return { image, edid: p.address('edid') };
}
