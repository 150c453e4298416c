/** How programs set up a VGA, over whatever carries out their accesses: a device here, or code for another machine. */
import type { AccessSize } from '../devices/device.ts';

/** Register values of a mode, indexes from 0 on. */
export interface VgaMode {
  readonly misc: number;
  readonly sr: readonly number[];
  readonly cr: readonly number[];
  readonly gr: readonly number[];
  readonly ar: readonly number[];
}

export abstract class VgaProgrammer {
  abstract outSized(port: number, size: 1 | 2, value: number): void;
  abstract in(port: number): number;
  /** Stores and loads of the CPU in A0000-BFFFF. */
  abstract poke(gpa: number, value: number, size?: AccessSize): void;
  abstract peek(gpa: number): number;
  /** Stores zeros, byte by byte. */
  abstract clear(gpa: number, length: number): void;
  /** Stores in the linear frame buffer. */
  abstract pokeLinear(offset: number, bytes: Uint8Array): void;

  out(port: number, value: number): void {
    this.outSized(port, 1, value);
  }

  /** An index and data pair: 3C4 sequencer, 3CE graphics, 3D4 CRTC. */
  set(port: number, index: number, value: number): void {
    this.outSized(port, 2, (value << 8) | index);
  }

  crtc(index: number, value: number): void {
    this.set(0x3d4, index, value);
  }

  /** Writes an attribute register and shows the screen again, as a BIOS does. */
  attribute(index: number, value: number): void {
    this.in(0x3da);
    for (const byte of [index, value, 0x20]) this.out(0x3c0, byte);
  }

  /** A colour of the DAC. */
  dac(index: number, red: number, green: number, blue: number): void {
    this.out(0x3c8, index);
    for (const part of [red, green, blue]) this.out(0x3c9, part);
  }

  /** A VBE register by its ports. */
  dispi(index: number, value: number): void {
    this.outSized(0x1ce, 2, index);
    this.outSized(0x1cf, 2, value);
  }

  setVbeMode(xres: number, yres: number, bpp: number, flags = 0x41): void {
    for (const [index, value] of [xres, yres, bpp, flags].entries()) this.dispi(index + 1, value);
  }

  /** A whole mode, as a table of a BIOS has it. */
  setMode({ misc, sr, cr, gr, ar }: VgaMode): void {
    this.out(0x3c2, misc);
    for (const [index, value] of sr.entries()) this.set(0x3c4, index, value);
    this.crtc(0x11, 0);
    for (const [index, value] of cr.entries()) this.crtc(index, value);
    for (const [index, value] of gr.entries()) this.set(0x3ce, index, value);
    this.in(0x3da);
    for (const [index, value] of ar.entries()) for (const byte of [index, value]) this.out(0x3c0, byte);
    this.out(0x3c0, 0x20);
  }

  /** The 16 colours of a BIOS where its modes' attribute registers point to them, and a ramp behind them. */
  standardColours(): void {
    for (let index = 0; index < 256; index++) {
      const part = (bit: number) => ((index >> bit) & 1) * 42 + ((index >> (bit + 3)) & 1) * 21;
      if (index < 64) this.dac(index, part(2), part(1), part(0));
      else this.dac(index, index & 63, (index >> 2) & 63, (index * 3) & 63);
    }
  }

  /** Glyphs of 32 bytes to a character map, through plane 2. */
  loadFont(map: number, glyphs: Uint8Array): void {
    this.set(0x3c4, 2, 4);
    this.set(0x3c4, 4, 7);
    this.set(0x3ce, 4, 2);
    this.set(0x3ce, 5, 0);
    this.set(0x3ce, 6, 4);
    for (const [i, byte] of glyphs.entries()) this.poke(0xa0000 + map * 0x4000 + i, byte);
    this.set(0x3c4, 2, 3);
    this.set(0x3c4, 4, 3);
    this.set(0x3ce, 4, 0);
    this.set(0x3ce, 5, 0x10);
    this.set(0x3ce, 6, 0x0e);
  }
}
