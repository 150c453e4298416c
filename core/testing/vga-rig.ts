/** A VGA with its memory and scanout, as display tests want it: written to as a guest would. */
import { SCANOUT_WORDS, Scanout } from '../backends/display/scanout.ts';
import { encodeCp437 } from '../base/text/cp437.ts';
import { VGA_PORT_BASE } from '../devices/vga/vga.regs.ts';
import { VGA_MEMORY_BYTES, Vga } from '../devices/vga/vga.ts';
import { FakeTimers } from './fake-clock.ts';

export class VgaRig {
  readonly timers = new FakeTimers();
  readonly vram = new Uint8Array(new SharedArrayBuffer(VGA_MEMORY_BYTES));
  readonly scanout = new Scanout(new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * 4)));
  readonly vga = new Vga({ vram: this.vram, scanout: this.scanout, timers: this.timers });

  /** Text at a place of the 80-column screen. */
  put(row: number, column: number, text: string, attribute = 0x07): void {
    for (const [index, code] of encodeCp437(text).entries()) {
      this.vram.set([code, attribute], (row * 80 + column + index) * 2);
    }
  }

  /** As a console does: all rows move up, the last becomes blank. */
  scroll(): void {
    this.vram.copyWithin(0, 160, 25 * 160);
    this.put(24, 0, ' '.repeat(80));
  }

  out(port: number, value: number): void {
    this.vga.write(port - VGA_PORT_BASE, 1, value);
  }

  /** Writes a CRTC register. */
  crtc(index: number, value: number): void {
    this.out(0x3d4, index);
    this.out(0x3d5, value);
  }

  hideCursor(): void {
    this.crtc(0x0a, 0x20);
  }

  /** Cells of 8 lines instead of 16 make 50 rows. */
  set50Rows(): void {
    this.crtc(0x09, 0x47);
  }

  /** Attribute bit 7 as a bright background. */
  setBrightBackgrounds(): void {
    this.vga.read(0x3da - VGA_PORT_BASE, 1);
    for (const value of [0x10, 0x04, 0x20]) this.out(0x3c0, value);
  }
}
