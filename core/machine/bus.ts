/**
 * A bus: an ordered list of register windows in one address space, I/O ports or MMIO.
 *
 * The first window that covers all of an access answers it, so a small window listed before a larger one takes its
 * place there (the reset register at CF9 within the PCI address port), and fixed windows win over those that a guest
 * moves. An access that no window covers is split in halves, as a bridge splits a wide access for narrow devices. A byte
 * that nobody answers reads all ones, or is dropped, and counts.
 */
import type { AccessCounters, AccessSize, IoRegion } from '../devices/device.ts';

export interface BusWindow {
  readonly start: number;
  readonly end: number;
  readonly region: IoRegion;
}

/** Addresses from `start` to the next segment's, and the windows that cover them, first things first. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly windows: readonly BusWindow[];
}

const NOTHING: Segment = { start: 0, end: 0, windows: [] };

export class Bus {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  #windows: readonly BusWindow[] = [];
  /** Made of the windows when it is first needed; in ascending order, without gaps. */
  #segments: readonly Segment[] | undefined;
  #lastHit = NOTHING;

  add(start: number, length: number, region: IoRegion): BusWindow {
    const window = { start, end: start + length, region };
    this.#change([...this.#windows, window]);
    return window;
  }

  /** Takes away a window that `add` gave. */
  remove(window: BusWindow): void {
    this.#change(this.#windows.filter((other) => other !== window));
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

  /** The elements of a string instruction at one address at once; false where they have to go one by one. */
  readMany(address: number, size: AccessSize, target: Uint8Array): boolean {
    const window = this.#find(address, size);
    return window?.region.readMany?.(address - window.start, size, target) ?? false;
  }

  writeMany(address: number, size: AccessSize, source: Uint8Array): boolean {
    const window = this.#find(address, size);
    return window?.region.writeMany?.(address - window.start, size, source) ?? false;
  }

  /** @hot */
  #find(address: number, size: AccessSize): BusWindow | undefined {
    let segment = this.#lastHit;
    if (address < segment.start || address >= segment.end) {
      segment = this.#segmentAt(address);
      this.#lastHit = segment;
    }
    for (const window of segment.windows) {
      if (address + size <= window.end) return window;
    }
    return undefined;
  }

  #segmentAt(address: number): Segment {
    this.#segments ??= segmentsOf(this.#windows);
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const segment = this.#segments[middle] ?? NOTHING;
      if (address >= segment.end) low = middle + 1;
      else high = middle;
    }
    const found = this.#segments[low];
    return found && address >= found.start ? found : NOTHING;
  }

  #change(windows: readonly BusWindow[]): void {
    this.#windows = windows;
    this.#segments = undefined;
    this.#lastHit = NOTHING;
  }
}

function segmentsOf(windows: readonly BusWindow[]): Segment[] {
  const borders = [...new Set(windows.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
  return borders.slice(0, -1).map((start, i) => ({
    start,
    end: borders[i + 1] ?? start,
    windows: windows.filter((window) => window.start <= start && start < window.end),
  }));
}
