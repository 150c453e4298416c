/**
 * The controller's registers by two ports of BAR 4, an index and what it names: software in real mode can reach them.
 * [AHCI] 10.14 (index-data pair), [ICH9] data sheet, 15.2.
 */
import type { AccessSize, IoRegion } from '../device.ts';

export const INDEX_DATA_BYTES = 0x20;
const INDEX = 0x10; // bits 1:0 are 0
const DATA = 0x14;

export class IndexDataPair implements IoRegion {
  readonly #registers: IoRegion;
  readonly #indexMask: number;
  index = 0;

  constructor(registers: IoRegion, registerBytes: number) {
    this.#registers = registers;
    this.#indexMask = registerBytes - 4;
  }

  /** Both are of 32 bits; nothing else is there. */
  read(offset: number, size: AccessSize): number {
    if (size === 4 && offset === INDEX) return this.index;
    if (size === 4 && offset === DATA) return this.#registers.read(this.index, size);
    return 2 ** (8 * size) - 1;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size === 4 && offset === INDEX) this.index = value & this.#indexMask;
    else if (size === 4 && offset === DATA) this.#registers.write(this.index, size, value);
  }
}
