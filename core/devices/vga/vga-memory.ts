/**
 * Video memory as the CPU sees it at A0000-BFFFF: four planes of 64 KiB behind latches, logic unit and masks.
 *
 * Of the bytes of a plane, four lie side by side with those of the other planes: group n holds byte n of planes 0 to 3.
 * Odd/even addressing and chain-4 use every byte of their planes, and not each second or fourth as IBM's board did, and
 * the CRTC counts groups in all modes; so what a mode writes it also shows, and chain-4 is plain linear memory. Only a
 * program that writes by one addressing and reads by another could tell.
 *
 * While text memory has a window of its own (vga-window.ts), its bytes are there and not in planes 0 and 1.
 * Reference: [VGA] graphics controller; see vga.regs.ts.
 */
import { PLANES, type Scanout } from '../../backends/display/port.ts';
import type { AccessSize, IoRegion } from '../device.ts';
import * as R from './vga.regs.ts';
import type { VgaState } from './vga-state.ts';

/** Four planes of 64 KiB. */
export const PLANES_BYTES = 0x40000;
const BANK_BYTES = 0x10000;

/** First address of each memory map in the window, and its length. */
const MEMORY_MAPS = [
  { start: 0, length: 0x20000 },
  { start: 0, length: 0x10000 },
  { start: 0x10000, length: 0x8000 },
  { start: 0x18000, length: 0x8000 },
] as const;

export interface VgaMemoryPorts {
  /** Video memory without the text window. */
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  readonly state: () => VgaState;
  /** The bytes of the text window while it holds them. */
  readonly textWindow: () => Uint8Array | undefined;
  /** The device wrote video memory. */
  readonly written: (offset: number, length: number) => void;
}

export function memoryMap(s: VgaState): (typeof MEMORY_MAPS)[number] {
  return MEMORY_MAPS[((s.gr[R.GR06] ?? 0) >> R.GR06_MM_SHIFT) & 3] ?? MEMORY_MAPS[0];
}

/** Where in video memory the 64-KiB bank at A0000 begins, in CPU addresses. */
export function bankStart(s: VgaState): number {
  const banked = (s.vbeEnable & R.DISPI_ENABLED) !== 0 && memoryMap(s) === MEMORY_MAPS[1];
  return banked ? s.vbeBank * BANK_BYTES : 0;
}

/** For four mask bits: all ones in the bytes of their planes. */
const PLANE_BYTES = Uint32Array.from({ length: 16 }, (_, mask) => {
  const byte = (plane: number) => (mask & (1 << plane) ? 0xff << (8 * plane) : 0);
  return byte(0) | byte(1) | byte(2) | byte(3);
});
const planeBytes = (mask: number): number => PLANE_BYTES[mask & 0x0f] ?? 0;
const everyPlane = (byte: number): number => byte * 0x01010101;

export class VgaMemory implements IoRegion {
  readonly #ports: VgaMemoryPorts;
  readonly #groups: Uint32Array;

  constructor(ports: VgaMemoryPorts) {
    this.#ports = ports;
    const { vram } = ports;
    this.#groups = new Uint32Array(vram.buffer, vram.byteOffset, vram.length / PLANES);
  }

  read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  /** The CPU's address in video memory, bank included; -1 where the adapter does not answer. */
  #address(s: VgaState, offset: number): number {
    const { start, length } = memoryMap(s);
    const answers = (s.misc & R.MISC_RAM) !== 0 && offset >= start && offset < start + length;
    return answers ? offset - start + bankStart(s) : -1;
  }

  /** The group of planes that an address means. */
  #group(s: VgaState, address: number): number {
    const limit = s.vbeEnable & R.DISPI_ENABLED ? this.#groups.length : PLANES_BYTES / PLANES;
    const shift = chain4(s) ? 2 : chainsOddEven(s) ? 1 : 0;
    return (address >> shift) & (limit - 1);
  }

  #readByte(offset: number): number {
    const s = this.#ports.state();
    const address = this.#address(s, offset);
    if (address < 0) return 0xff;
    const text = this.#ports.textWindow();
    if (text) return text[address] ?? 0xff;
    const group = this.#groups[this.#group(s, address)] ?? 0;
    for (let plane = 0; plane < PLANES; plane++) s.latches[plane] = group >>> (8 * plane);
    const mode = s.gr[R.GR05] ?? 0;
    if (mode & R.GR05_RM) return compareColours(s, group);
    const map = s.gr[R.GR04] ?? 0;
    const plane = chain4(s) ? address & 3 : mode & R.GR05_OE ? (map & 2) | (address & 1) : map;
    return (group >>> (8 * plane)) & 0xff;
  }

  #writeByte(offset: number, value: number): void {
    const s = this.#ports.state();
    const address = this.#address(s, offset);
    if (address < 0) return;
    const text = this.#ports.textWindow();
    if (text) {
      text[address] = value;
      return;
    }
    const group = this.#group(s, address);
    const planes = planeBytes(writtenPlanes(s, address));
    const old = this.#groups[group] ?? 0;
    this.#groups[group] = (old & ~planes) | (writeData(s, value) & planes);
    this.#ports.scanout.dirty.mark(group * PLANES, PLANES);
    this.#ports.written(group * PLANES, PLANES);
  }
}

const chain4 = (s: VgaState): boolean => ((s.sr[R.SR04] ?? 0) & R.SR04_CH4) !== 0;
const chainsOddEven = (s: VgaState): boolean => ((s.gr[R.GR06] ?? 0) & R.GR06_COE) !== 0;

/** Planes that a write to the address changes, as a mask. */
function writtenPlanes(s: VgaState, address: number): number {
  const mask = s.sr[R.SR02] ?? 0;
  if (chain4(s)) return mask & (1 << (address & 3));
  if ((s.sr[R.SR04] ?? 0) & R.SR04_OE) return mask;
  return mask & (address & 1 ? 0b1010 : 0b0101);
}

/** Read mode 1: a bit is set where all planes that count have the colour to compare with. */
function compareColours(s: VgaState, group: number): number {
  const wrong = (group ^ planeBytes(s.gr[R.GR02] ?? 0)) & planeBytes(s.gr[R.GR07] ?? 0);
  return ~(wrong | (wrong >>> 8) | (wrong >>> 16) | (wrong >>> 24)) & 0xff;
}

/** What a write of the CPU puts on the four planes, by write mode. @hot */
function writeData(s: VgaState, value: number): number {
  const { gr, latches: l } = s;
  const latches = (l[0] ?? 0) | ((l[1] ?? 0) << 8) | ((l[2] ?? 0) << 16) | ((l[3] ?? 0) << 24);
  const mode = (gr[R.GR05] ?? 0) & R.GR05_WRITE_MODE;
  if (mode === 1) return latches;
  const operation = gr[R.GR03] ?? 0;
  const rotate = operation & R.GR03_ROTATE;
  const rotated = ((value >> rotate) | (value << (8 - rotate))) & 0xff;
  const setReset = planeBytes(gr[R.GR00] ?? 0);
  const enabled = planeBytes(gr[R.GR01] ?? 0);
  const mask = gr[R.GR08] ?? 0;
  let data = setReset;
  if (mode === 0) data = (everyPlane(rotated) & ~enabled) | (setReset & enabled);
  else if (mode === 2) data = planeBytes(value);
  const bits = everyPlane(mode === 3 ? mask & rotated : mask);
  return (combine(operation >> R.GR03_FUNCTION_SHIFT, data, latches) & bits) | (latches & ~bits);
}

function combine(operation: number, data: number, latches: number): number {
  switch (operation & 3) {
    case 1:
      return data & latches;
    case 2:
      return data | latches;
    case 3:
      return data ^ latches;
    default:
      return data;
  }
}
