/**
 * VGA in text mode, behind I/O ports 3B0-3DF: all five register files, the palette, retrace as time tells it.
 *
 * There is no firmware yet, so power-on leaves what a VGA BIOS would: mode 3 (80x25 colour text) with the standard
 * palette, our font in the font plane and a blank screen.
 *
 * Video memory. Characters and attributes lie interleaved in the first 32 KiB, which the machine maps at
 * B8000-BFFFF as a memory slot: guest text writes are plain stores and cause no exit. The font plane lies at
 * FONT_PLANE_OFFSET, reached by no guest address yet. Nothing is planar: graphics modes keep their registers, and
 * the display says that the mode is not supported. Like RAM, video memory is saved and restored by the machine, with
 * its dirty log, not by save() and restore().
 *
 * Not emulated: planes and the A0000/B0000 windows, pixel panning and row scan presets, the overscan border, the
 * vertical interrupt, light pen, doubled scan lines, PEL output of input status 1.
 * References: see vga.regs.ts.
 */
import { createScanoutState, type Scanout, type ScanoutState, TEXT_MEMORY_BYTES } from '../../backends/display/port.ts';
import type { TimerHost } from '../../base/clock.ts';
import { FONT_8X16, GLYPH_LINES } from '../../base/text/font.ts';
import { ByteDevice } from '../byte-device.ts';
import type { DeviceState } from '../device.ts';
import * as R from './vga.regs.ts';
import { describeScanout } from './vga-scanout.ts';
import { powerOnState, VGA_STATE } from './vga-state.ts';
import { displayStatus } from './vga-timing.ts';

/** Where the machine maps the first TEXT_MEMORY_BYTES of video memory. */
export const TEXT_WINDOW_GPA = 0xb8000;
/** Four planes of 64 KiB. */
export const VGA_MEMORY_BYTES = 0x40000;
/** Plane 2: eight fonts of 256 glyphs, 32 bytes a glyph. */
export const FONT_PLANE_OFFSET = 0x20000;
const FONT_GLYPH_BYTES = 32;

export interface VgaPorts {
  /** VGA_MEMORY_BYTES or more of the VM's shared memory. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  readonly timers: TimerHost;
}

export class Vga extends ByteDevice {
  readonly #ports: VgaPorts;
  #s = powerOnState();
  readonly #scanoutState: ScanoutState = createScanoutState();

  constructor(ports: VgaPorts) {
    super();
    if (ports.vram.length < VGA_MEMORY_BYTES) throw new RangeError(`VGA takes ${VGA_MEMORY_BYTES} bytes of memory`);
    this.#ports = ports;
    this.reset();
  }

  override reset(): void {
    const memory = this.#ports.vram;
    memory.fill(0, 0, VGA_MEMORY_BYTES);
    for (let i = 0; i < TEXT_MEMORY_BYTES; i += 2) {
      memory[i] = 0x20;
      memory[i + 1] = 0x07;
    }
    for (let code = 0; code < 256; code++) {
      const glyph = FONT_8X16.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES);
      memory.set(glyph, FONT_PLANE_OFFSET + code * FONT_GLYPH_BYTES);
    }
    this.#s = powerOnState();
    this.#publish();
  }

  override save(): DeviceState {
    return VGA_STATE.save(this.#s);
  }

  override restore(state: DeviceState): void {
    this.#s = VGA_STATE.restore(state);
    this.#publish();
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
        this.#publish();
        break;
      case R.SR_ADDRESS:
        s.srIndex = value & 0x07;
        break;
      case R.SR_DATA:
        this.#writeMasked(s.sr, R.SR_MASKS, s.srIndex, value);
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
        this.#writeMasked(s.gr, R.GR_MASKS, s.grIndex, value);
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

  #writeMasked(file: Uint8Array, masks: readonly number[], index: number, value: number): void {
    const mask = masks[index];
    if (mask === undefined) {
      this.unknownWrite();
      return;
    }
    file[index] = value & mask;
    this.#publish();
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
    s.dacPending[s.dacComponent] = value & 0x3f;
    s.dacComponent = (s.dacComponent + 1) % 3;
    if (s.dacComponent !== 0) return;
    s.dac.set(s.dacPending, s.dacWriteIndex * 3);
    s.dacWriteIndex = (s.dacWriteIndex + 1) & 0xff;
    this.#publish();
  }

  #publish(): void {
    describeScanout(this.#s, FONT_PLANE_OFFSET, this.#scanoutState);
    this.#ports.scanout.publish(this.#scanoutState);
  }
}
