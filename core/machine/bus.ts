/**
 * A bus: an ordered list of register windows in one address space, I/O ports or MMIO.
 *
 * The first window that covers all of an access answers it, so a small window listed before a larger one takes its
 * place there (the reset register at CF9 within the PCI address port). An access that no window covers is split in
 * halves, as a bridge splits a wide access for narrow devices. A byte that nobody answers reads all ones, or is
 * dropped, and counts.
 */
import type { AccessCounters, AccessSize, IoRegion } from '../devices/device.ts';

interface Window {
  readonly start: number;
  readonly end: number;
  readonly region: IoRegion;
}

export class Bus {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #windows: Window[] = [];

  add(start: number, length: number, region: IoRegion): void {
    this.#windows.push({ start, end: start + length, region });
  }

  /** An unsigned value of `size` bytes. */
  read(address: number, size: AccessSize): number {
    const window = this.#find(address, size);
    if (window) return window.region.read(address - window.start, size);
    if (size === 1) {
      this.counters.unknownReads++;
      return 0xff;
    }
    const half = size === 4 ? 2 : 1;
    return (this.read(address, half) | (this.read(address + half, half) << (half * 8))) >>> 0;
  }

  write(address: number, size: AccessSize, value: number): void {
    const window = this.#find(address, size);
    if (window) {
      window.region.write(address - window.start, size, value);
    } else if (size === 1) {
      this.counters.unknownWrites++;
    } else {
      const half = size === 4 ? 2 : 1;
      const mask = half === 2 ? 0xffff : 0xff;
      this.write(address, half, value & mask);
      this.write(address + half, half, (value >>> (half * 8)) & mask);
    }
  }

  #find(address: number, size: AccessSize): Window | undefined {
    for (const window of this.#windows) {
      if (address >= window.start && address + size <= window.end) return window;
    }
    return undefined;
  }
}
