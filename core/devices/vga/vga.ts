/**
 * A VGA with the VBE display interface, behind I/O ports 3B0-3DF and 1CE-1D0 and the memory window A0000-BFFFF: all five
 * register files, planes, palette, retrace as time tells it, and linear modes up to 2560x1600.
 *
 * Power-on leaves what a VGA BIOS would, for machines that boot a kernel without one: mode 3 (80x25 colour text) with
 * the standard palette, our font in plane 2 and a blank screen.
 *
 * Like RAM, video memory is saved and restored by the machine, not by save() and restore().
 *
 * Not emulated: the overscan border, the vertical interrupt, light pen, PEL output of input status 1, SR01's shift load
 * bits and the CRTC's slower address counting (CR14 bit 5, CR17 bits 2 and 3), blinking in graphics modes.
 * References: see vga.regs.ts.
 */
import { createScanoutState, type Scanout, type ScanoutState, TEXT_MEMORY_BYTES } from '../../backends/display/port.ts';
import type { TimerHost } from '../../base/clock.ts';
import { FONT_8X16, GLYPH_LINES } from '../../base/text/font.ts';
import { ByteDevice } from '../byte-device.ts';
import { type AccessSize, type DeviceState, type IoRegion, SnapshotError } from '../device.ts';
import * as R from './vga.regs.ts';
import { PLANES_BYTES, VgaMemory } from './vga-memory.ts';
import { describePalette, describeScanout } from './vga-scanout.ts';
import { powerOnState, VGA_STATE } from './vga-state.ts';
import { displayStatus } from './vga-timing.ts';
import { readVbe, vbeFits, vbePitchBytes, writeVbe } from './vga-vbe.ts';
import { DirectWindow, type VgaWindow } from './vga-window.ts';

const FONT_PLANE = 2;
const FONT_GLYPH_BYTES = 32;

const CPU_SIDE_SR: ReadonlySet<number> = new Set([R.SR02, R.SR04]);
const CPU_SIDE_GR: ReadonlySet<number> = new Set([R.GR00, R.GR01, R.GR02, R.GR03, R.GR04, R.GR07, R.GR08]);

/** What a Vga takes of the VM's shared memory: its video memory, and text memory behind it. */
export const vgaMemoryBytes = (videoMemoryBytes: number): number => videoMemoryBytes + TEXT_MEMORY_BYTES;

export interface VgaPorts {
  /** vgaMemoryBytes of a power of two from 256 KiB on, 4-byte aligned. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  readonly timers: TimerHost;
  readonly window: VgaWindow;
  /** The device itself wrote video memory at [offset, offset + length). */
  readonly written: (offset: number, length: number) => void;
}

export class Vga extends ByteDevice {
  /** A0000-BFFFF. */
  readonly memory: IoRegion;
  /** Ports 1CE-1D0: index and data of 16 bits. */
  readonly dispi: IoRegion = {
    read: (offset, size) => this.#readDispiPort(offset, size),
    write: (offset, size, value) => this.#writeDispiPort(offset, size, value),
  };
  readonly #ports: VgaPorts;
  /** Without text memory. */
  readonly #vram: Uint8Array;
  readonly #window: DirectWindow;
  #s = powerOnState();
  readonly #scanoutState: ScanoutState = createScanoutState();

  constructor(ports: VgaPorts) {
    super();
    const videoMemoryBytes = ports.vram.length - TEXT_MEMORY_BYTES;
    if (videoMemoryBytes < PLANES_BYTES || !Number.isInteger(Math.log2(videoMemoryBytes))) {
      throw new RangeError(`a VGA cannot have ${videoMemoryBytes} bytes of video memory`);
    }
    this.#ports = ports;
    const vram = ports.vram.subarray(0, videoMemoryBytes);
    const text = ports.vram.subarray(videoMemoryBytes);
    const { scanout, window, written } = ports;
    this.#vram = vram;
    this.#window = new DirectWindow({ vram, text, window, scanout, written });
    const state = () => this.#s;
    this.memory = new VgaMemory({ vram, scanout, state, textWindow: () => this.#window.text, written });
    this.reset();
  }

  get videoMemoryBytes(): number {
    return this.#vram.length;
  }

  override reset(): void {
    this.#window.close();
    this.#s = powerOnState();
    const vram = this.#vram;
    vram.fill(0, 0, PLANES_BYTES);
    for (let i = 0; i < TEXT_MEMORY_BYTES / 2; i++) {
      vram[i * 4] = 0x20;
      vram[i * 4 + 1] = 0x07;
    }
    for (let code = 0; code < 256; code++) {
      for (let line = 0; line < GLYPH_LINES; line++) {
        vram[(code * FONT_GLYPH_BYTES + line) * 4 + FONT_PLANE] = FONT_8X16[code * GLYPH_LINES + line] ?? 0;
      }
    }
    this.#changedMemory(0, PLANES_BYTES);
    this.#apply();
  }

  override save(): DeviceState {
    return VGA_STATE.save(this.#s);
  }

  override restore(state: DeviceState): void {
    const s = VGA_STATE.restore(state);
    if (!vbeFits(s, this.#vram.length)) throw new SnapshotError('vga', 'its mode does not fit video memory');
    this.#s = s;
    this.#window.restore(s);
    this.#changedMemory(0, this.#vram.length);
    this.#publish();
  }

  /** A register of the VBE display interface. */
  readDispi(index: number): number {
    return readVbe(this.#s, this.#vram.length, index);
  }

  writeDispi(index: number, value: number): void {
    const clears = writeVbe(this.#s, this.#vram.length, index, value);
    this.#apply(); // text memory goes back to its planes before they are cleared
    if (!clears) return;
    const length = Math.min(vbePitchBytes(this.#s) * this.#s.vbeYres, this.#vram.length);
    this.#vram.fill(0, 0, length);
    this.#changedMemory(0, length);
  }

  #readDispiPort(offset: number, size: AccessSize): number {
    if (size === 2 && offset === 0) return this.#s.vbeIndex;
    if (size === 2 && offset === 1) return this.readDispi(this.#s.vbeIndex);
    this.counters.unknownReads++;
    return 2 ** (8 * size) - 1;
  }

  #writeDispiPort(offset: number, size: AccessSize, value: number): void {
    if (size === 2 && offset === 0) this.#s.vbeIndex = value;
    else if (size === 2 && offset === 1) this.writeDispi(this.#s.vbeIndex, value);
    else this.counters.unknownWrites++;
  }

  protected override readByte(offset: number): number {
    const s = this.#s;
    switch (this.#decode(offset)) {
      case R.AR_ADDRESS:
        return s.arIndex;
      case R.AR_DATA:
        return s.ar[s.arIndex & 0x1f] ?? this.unknownRead();
      case R.ST00:
        return R.ST00_SENSE;
      case R.SR_ADDRESS:
        return s.srIndex;
      case R.SR_DATA:
        return s.sr[s.srIndex] ?? this.unknownRead();
      case R.DAC_MASK:
        return s.dacMask;
      case R.DAC_STATE:
        return s.dacReading ? 3 : 0;
      case R.DAC_WRITE_INDEX:
        return s.dacWriteIndex;
      case R.DAC_DATA:
        return this.#readDac();
      case R.FCR_READ:
        return s.featureControl;
      case R.MISC_READ:
        return s.misc;
      case R.GR_ADDRESS:
        return s.grIndex;
      case R.GR_DATA:
        return s.gr[s.grIndex] ?? this.unknownRead();
      case R.CR_ADDRESS:
        return s.crIndex;
      case R.CR_DATA:
        return s.cr[s.crIndex] ?? this.unknownRead();
      case R.ST01:
        s.arDataNext = false;
        return displayStatus(s, this.#ports.timers.nowNs());
      default:
        return this.unknownRead();
    }
  }

  protected override writeByte(offset: number, value: number): void {
    const s = this.#s;
    switch (this.#decode(offset)) {
      case R.AR_ADDRESS:
        this.#writeAttribute(value);
        break;
      case R.MISC_WRITE:
        s.misc = value;
        this.#apply();
        break;
      case R.SR_ADDRESS:
        s.srIndex = value & 0x07;
        break;
      case R.SR_DATA:
        this.#writeMasked(s.sr, R.SR_MASKS, s.srIndex, value, CPU_SIDE_SR.has(s.srIndex));
        break;
      case R.DAC_MASK:
        s.dacMask = value;
        this.#publish();
        break;
      case R.DAC_READ_INDEX:
        s.dacReadIndex = value;
        s.dacReading = true;
        s.dacComponent = 0;
        break;
      case R.DAC_WRITE_INDEX:
        s.dacWriteIndex = value;
        s.dacReading = false;
        s.dacComponent = 0;
        break;
      case R.DAC_DATA:
        this.#writeDac(value);
        break;
      case R.GR_ADDRESS:
        s.grIndex = value & 0x0f;
        break;
      case R.GR_DATA:
        this.#writeMasked(s.gr, R.GR_MASKS, s.grIndex, value, CPU_SIDE_GR.has(s.grIndex));
        break;
      case R.CR_ADDRESS:
        s.crIndex = value;
        break;
      case R.CR_DATA:
        this.#writeCrtc(value);
        break;
      case R.FCR_WRITE:
        s.featureControl = value;
        break;
      default:
        this.unknownWrite();
        break;
    }
  }

  /** The CRTC and input status 1 answer at 3Dx or at 3Bx, as MISC_IOAS says; the other range is empty. */
  #decode(offset: number): number {
    if (offset >= R.AR_ADDRESS && offset < R.AR_ADDRESS + 0x10) return offset;
    if (this.#s.misc & R.MISC_IOAS) return offset < R.AR_ADDRESS ? -1 : offset;
    return offset < R.AR_ADDRESS ? offset + R.MONO_DISTANCE : -1;
  }

  /** cpuSide: it says how the CPU reaches video memory, which shows only where text memory comes or goes. */
  #writeMasked(file: Uint8Array, masks: readonly number[], index: number, value: number, cpuSide = false): void {
    const mask = masks[index];
    if (mask === undefined) {
      this.unknownWrite();
      return;
    }
    file[index] = value & mask;
    const text = this.#window.text;
    this.#window.update(this.#s);
    if (!cpuSide || text !== this.#window.text) this.#publish();
  }

  #writeAttribute(value: number): void {
    const s = this.#s;
    s.arDataNext = !s.arDataNext;
    if (s.arDataNext) {
      s.arIndex = value & 0x3f;
      this.#publish(); // AR_PAS shows or hides the screen
      return;
    }
    const index = s.arIndex & 0x1f;
    // While the screen shows, the palette is closed; the registers after it are not.
    if (index < 16 && s.arIndex & R.AR_PAS) return;
    this.#writeMasked(s.ar, R.AR_MASKS, index, value);
  }

  #writeCrtc(value: number): void {
    const { cr, crIndex } = this.#s;
    if (crIndex >= R.CR_COUNT) {
      this.unknownWrite();
      return;
    }
    const old = cr[crIndex] ?? 0;
    if (crIndex > R.CR07 || !((cr[R.CR11] ?? 0) & R.CR11_PR)) cr[crIndex] = value;
    else if (crIndex === R.CR07) cr[crIndex] = (old & ~R.CR07_LC8) | (value & R.CR07_LC8);
    if (cr[crIndex] !== old) this.#publish();
  }

  #readDac(): number {
    const s = this.#s;
    const value = s.dac[s.dacReadIndex * 3 + s.dacComponent] ?? 0;
    s.dacComponent = (s.dacComponent + 1) % 3;
    if (s.dacComponent === 0) s.dacReadIndex = (s.dacReadIndex + 1) & 0xff;
    return value;
  }

  #writeDac(value: number): void {
    const s = this.#s;
    s.dacPending[s.dacComponent] = s.vbeEnable & R.DISPI_8BIT_DAC ? value : value & 0x3f;
    s.dacComponent = (s.dacComponent + 1) % 3;
    if (s.dacComponent !== 0) return;
    s.dac.set(s.dacPending, s.dacWriteIndex * 3);
    s.dacWriteIndex = (s.dacWriteIndex + 1) & 0xff;
    this.#publish();
  }

  /** Registers changed that say what video memory is where. */
  #apply(): void {
    this.#window.update(this.#s);
    this.#publish();
  }

  #publish(): void {
    const textOffset = this.#window.text ? this.#vram.length : -1;
    describeScanout(this.#s, { vramBytes: this.#vram.length, textOffset }, this.#scanoutState);
    describePalette(this.#s, this.#scanoutState);
    this.#ports.scanout.publish(this.#scanoutState);
  }

  #changedMemory(offset: number, length: number): void {
    this.#ports.scanout.dirty.mark(offset, length);
    this.#ports.written(offset, length);
  }
}
