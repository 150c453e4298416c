/** The registers of a VGA: their power-on values and their saved form. */
import { byteArray, defineState, flag, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './vga.regs.ts';

const u16 = uint(0xffff);

export const VGA_STATE = defineState('vga', 2, {
  misc: u8,
  featureControl: u8,
  srIndex: u8,
  sr: byteArray(R.SR_MASKS.length),
  crIndex: u8,
  cr: byteArray(R.CR_COUNT),
  grIndex: u8,
  gr: byteArray(R.GR_MASKS.length),
  arIndex: u8,
  ar: byteArray(R.AR_MASKS.length),
  /** True where the next write to 3C0 is data. */
  arDataNext: flag,
  dacMask: u8,
  dacReading: flag,
  dacReadIndex: u8,
  dacWriteIndex: u8,
  /** Component of the entry that the next access of 3C9 means: 0 red, 1 green, 2 blue. */
  dacComponent: uint(2),
  /** Components written and not yet complete. */
  dacPending: byteArray(3),
  dac: byteArray(256 * 3),
  /** What the last read took from the four planes. */
  latches: byteArray(4),
  vbeIndex: u16,
  vbeId: u16,
  vbeXres: u16,
  vbeYres: u16,
  vbeBpp: u16,
  vbeEnable: u16,
  vbeBank: u16,
  vbeVirtWidth: u16,
  vbeXOffset: u16,
  vbeYOffset: u16,
});
export type VgaState = StateOf<typeof VGA_STATE>;

/** As a VGA BIOS leaves the registers. */
export function powerOnState(): VgaState {
  return {
    misc: R.MODE_3.misc,
    featureControl: 0,
    srIndex: 0,
    sr: Uint8Array.from(R.MODE_3.sr),
    crIndex: 0,
    cr: Uint8Array.from(R.MODE_3.cr),
    grIndex: 0,
    gr: Uint8Array.from(R.MODE_3.gr),
    arIndex: R.AR_PAS,
    ar: Uint8Array.from(R.MODE_3.ar),
    arDataNext: false,
    dacMask: 0xff,
    dacReading: false,
    dacReadIndex: 0,
    dacWriteIndex: 0,
    dacComponent: 0,
    dacPending: new Uint8Array(3),
    dac: standardDac(),
    latches: new Uint8Array(4),
    vbeIndex: 0,
    vbeId: R.DISPI_ID5,
    vbeXres: 0,
    vbeYres: 0,
    vbeBpp: 0,
    vbeEnable: 0,
    vbeBank: 0,
    vbeVirtWidth: 0,
    vbeXOffset: 0,
    vbeYOffset: 0,
  };
}

/** The 64 colours of text mode: index bits 5-3 are a third, bits 2-0 two thirds of red, green and blue. */
function standardDac(): Uint8Array {
  const dac = new Uint8Array(256 * 3);
  for (let index = 0; index < 64; index++) {
    for (let component = 0; component < 3; component++) {
      const twoThirds = (index >> (2 - component)) & 1;
      const third = (index >> (5 - component)) & 1;
      dac[index * 3 + component] = twoThirds * 0x2a + third * 0x15;
    }
  }
  return dac;
}
