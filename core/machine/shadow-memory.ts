/**
 * What lies at 0xa0000..0xfffff: the host bridge's PAM registers choose between RAM and the firmware's ROM for reads and
 * for writes, its SMRAM register shows RAM in place of the VGA's window.
 *
 * [440FX] Intel 82441FX data sheet (May 1996), 3.2.17 (PAM), 3.2.24 (SMRAM). The MCH of Q35 has the same registers.
 */
import type { GuestMemory, IoRegion } from '../devices/device.ts';
import type { Bus, BusWindow } from './bus.ts';
import { type Mapping, type MemoryMap, RANK_BOARD, RANK_SMRAM } from './memory-map.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const READ_RAM = 1 << 0;
const WRITE_RAM = 1 << 1;
const SMRAM_START = 0xa_0000;
const SMRAM_SIZE = 128 * KIB;
/** Thirteen areas: all of 0xf0000..0xfffff first, as PAM0 has it, then 16 KiB each from 0xc0000. */
const AREAS: readonly { gpa: number; sizeBytes: number }[] = [
  { gpa: 0xf_0000, sizeBytes: 64 * KIB },
  ...Array.from({ length: 12 }, (_, i) => ({ gpa: 0xc_0000 + i * 16 * KIB, sizeBytes: 16 * KIB })),
];

export interface ShadowParts {
  readonly map: MemoryMap;
  readonly mmio: Bus;
  readonly ram: GuestMemory;
  /** Where RAM's first byte lies in the shared memory. */
  readonly ramOffset: number;
  /** The end of the firmware's ROM, which ends at 1 MiB, too. */
  readonly rom?: { readonly offset: number; readonly sizeBytes: number };
}

export class ShadowMemory {
  readonly #parts: ShadowParts;
  readonly #areas: { attributes: number; mapping?: Mapping | undefined; window?: BusWindow | undefined }[];
  #smram: Mapping | undefined;

  /** As at power-on: ROM, and no SMRAM. */
  constructor(parts: ShadowParts) {
    this.#parts = parts;
    this.#areas = AREAS.map(() => ({ attributes: -1 }));
    this.setPam(new Uint8Array(7));
  }

  /** The seven PAM registers. */
  setPam(registers: Uint8Array): void {
    this.#parts.map.batch(() => {
      this.#areas.forEach((_, i) => {
        const nibble = i + 1; // the low half of PAM0 is reserved
        this.#setArea(i, ((registers[nibble >> 1] ?? 0) >> (4 * (nibble & 1))) & (READ_RAM | WRITE_RAM));
      });
    });
  }

  /** RAM in place of the VGA's window. */
  setSmramOpen(open: boolean): void {
    const { map, ramOffset } = this.#parts;
    if (open === (this.#smram !== undefined)) return;
    if (this.#smram) map.unmap(this.#smram);
    this.#smram = open
      ? map.map({ gpa: SMRAM_START, sizeBytes: SMRAM_SIZE, offset: ramOffset + SMRAM_START, rank: RANK_SMRAM })
      : undefined;
  }

  #setArea(index: number, attributes: number): void {
    const area = this.#areas[index];
    const place = AREAS[index];
    if (!area || !place || area.attributes === attributes) return;
    const { map, mmio } = this.#parts;
    if (area.mapping) map.unmap(area.mapping);
    if (area.window) mmio.remove(area.window);
    const source = attributes & READ_RAM ? this.#parts.ramOffset + place.gpa : this.#romAt(place.gpa);
    const readOnly = attributes !== (READ_RAM | WRITE_RAM);
    const mapping = source === undefined ? undefined : { ...place, offset: source, rank: RANK_BOARD, readOnly };
    area.mapping = mapping && map.map(mapping);
    area.window =
      attributes === WRITE_RAM ? mmio.add(place.gpa, place.sizeBytes, this.#writesRam(place.gpa)) : undefined;
    area.attributes = attributes;
  }

  #romAt(gpa: number): number | undefined {
    const { rom } = this.#parts;
    const fromEnd = MIB - gpa;
    return rom && fromEnd <= rom.sizeBytes ? rom.offset + rom.sizeBytes - fromEnd : undefined;
  }

  /** A firmware copies itself: it reads ROM and writes RAM at the same address. */
  #writesRam(gpa: number): IoRegion {
    const bytes = new DataView(new ArrayBuffer(4));
    return {
      read: (_offset, size) => 2 ** (8 * size) - 1, // only where no ROM is
      write: (offset, size, value) => {
        bytes.setUint32(0, value, true);
        this.#parts.ram.write(gpa + offset, new Uint8Array(bytes.buffer, 0, size));
      },
    };
  }
}
