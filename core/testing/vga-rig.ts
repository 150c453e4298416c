/** A standard VGA with its memory and scanout, as display tests want it: reached as a guest reaches it. */
import { SCANOUT_WORDS, Scanout, TEXT_MEMORY_BYTES } from '../backends/display/scanout.ts';
import { encodeCp437 } from '../base/text/cp437.ts';
import type { AccessSize } from '../devices/device.ts';
import { StdVga } from '../devices/vga/std-vga.ts';
import { DISPI_PORT_BASE, VGA_PORT_BASE, WINDOW_GPA } from '../devices/vga/vga.regs.ts';
import { vgaMemoryBytes } from '../devices/vga/vga.ts';
import { FakeTimers } from './fake-clock.ts';
import { VgaProgrammer } from './vga-programmer.ts';

const RIG_VRAM_BYTES = 4 * 2 ** 20;

/** The stretch of the legacy window that is a memory slot, as the device asked for it. */
interface MappedWindow {
  readonly gpa: number;
  readonly offset: number;
  readonly length: number;
}

export class VgaRig extends VgaProgrammer {
  /** The window that the machine would map now. */
  window: MappedWindow | undefined;
  readonly timers;
  readonly vram: Uint8Array;
  readonly scanout = new Scanout(new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * 4)));
  readonly stdVga: StdVga;

  constructor(videoMemoryBytes = RIG_VRAM_BYTES, timers = new FakeTimers()) {
    super();
    this.timers = timers;
    this.vram = new Uint8Array(new SharedArrayBuffer(vgaMemoryBytes(videoMemoryBytes)));
    this.stdVga = new StdVga({
      vram: this.vram,
      vramOffset: 0,
      scanout: this.scanout,
      timers,
      window: {
        map: (gpa, offset, length) => {
          this.window = { gpa, offset, length };
        },
        unmap: () => {
          this.window = undefined;
        },
      },
      written: () => {},
    });
  }

  get vga() {
    return this.stdVga.vga;
  }

  /** The CPU's stores and loads in A0000-BFFFF: memory where the window is mapped, else the device. */
  override poke(gpa: number, value: number, size: AccessSize = 1): void {
    const at = this.#direct(gpa, size);
    if (at === undefined) this.vga.memory.write(gpa - WINDOW_GPA, size, value);
    else
      this.pokeLinear(
        at,
        Uint8Array.from({ length: size }, (_, i) => value >>> (8 * i)),
      );
  }

  override peek(gpa: number): number {
    const at = this.#direct(gpa, 1);
    return at === undefined ? this.vga.memory.read(gpa - WINDOW_GPA, 1) : (this.vram[at] ?? 0);
  }

  override clear(gpa: number, length: number): void {
    for (let i = 0; i < length; i++) this.poke(gpa + i, 0);
  }

  /** Stores by the CPU through a slot that the machine logs, and the log taken. */
  override pokeLinear(offset: number, bytes: Uint8Array): void {
    this.vram.set(bytes, offset);
    this.scanout.dirty.mark(offset, bytes.length);
  }

  /** Text at a place of the 80-column screen. */
  put(row: number, column: number, text: string, attribute = 0x07): void {
    for (const [index, code] of encodeCp437(text).entries()) {
      const at = 0xb8000 + (row * 80 + column + index) * 2;
      this.poke(at, code);
      this.poke(at + 1, attribute);
    }
  }

  /** As a console does: all rows move up, the last becomes blank. */
  scroll(): void {
    const text = this.vram.subarray(-TEXT_MEMORY_BYTES);
    text.copyWithin(0, 160, 25 * 160);
    this.put(24, 0, ' '.repeat(80));
  }

  override outSized(port: number, size: 1 | 2, value: number): void {
    const { vga } = this;
    if (port < VGA_PORT_BASE) vga.dispi.write(port - DISPI_PORT_BASE, size, value);
    else vga.write(port - VGA_PORT_BASE, size, value);
  }

  override in(port: number): number {
    return this.vga.read(port - VGA_PORT_BASE, 1);
  }

  get(port: number, index: number): number {
    this.out(port, index);
    return this.in(port + 1);
  }

  readDispi(index: number): number {
    this.vga.dispi.write(0, 2, index);
    return this.vga.dispi.read(1, 2);
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
    this.attribute(0x10, 0x04);
  }

  #direct(gpa: number, size: number): number | undefined {
    const { window } = this;
    if (!window || gpa < window.gpa || gpa + size > window.gpa + window.length) return undefined;
    return window.offset + gpa - window.gpa;
  }
}
