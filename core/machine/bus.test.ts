import { describe, expect, it } from 'vitest';
import type { AccessSize, IoRegion } from '../devices/device.ts';
import { Bus } from './bus.ts';

class Recorder implements IoRegion {
  readonly log: string[] = [];
  constructor(readonly name: string) {}
  read(offset: number, size: AccessSize): number {
    this.log.push(`${this.name} r${size}@${offset}`);
    return 0x11223344 & (2 ** (8 * size) - 1);
  }
  write(offset: number, size: AccessSize, value: number): void {
    this.log.push(`${this.name} w${size}@${offset}=${value.toString(16)}`);
  }
}

describe('Bus', () => {
  it('reads all ones and drops writes where nothing is, and counts the bytes', () => {
    const bus = new Bus();
    expect([bus.read(0x60, 1), bus.read(0x60, 2), bus.read(0x60, 4)]).toEqual([0xff, 0xffff, 0xffff_ffff]);
    bus.write(0x60, 4, 1);
    expect(bus.counters).toEqual({ unknownReads: 7, unknownWrites: 4 });
  });

  it('gives a window offsets, not addresses', () => {
    const bus = new Bus();
    const uart = new Recorder('uart');
    bus.add(0x3f8, 8, uart);
    expect(bus.read(0x3fc, 4)).toBe(0x11223344);
    bus.write(0x3ff, 1, 0xab);
    expect(uart.log).toEqual(['uart r4@4', 'uart w1@7=ab']);
  });

  it('offers a string instruction whole to a window that takes it so', () => {
    const bus = new Bus();
    const written: number[] = [];
    const fifo: IoRegion = {
      read: () => 0,
      write: () => {},
      readMany: (offset, size, target) => target.fill(offset + size).length > 0,
      writeMany: (_offset, _size, source) => written.push(...source) > 0,
    };
    bus.add(0x1f0, 8, fifo);
    bus.add(0x3f8, 8, new Recorder('uart'));
    const data = new Uint8Array(4);
    expect(bus.readMany(0x1f1, 2, data)).toBe(true);
    expect([...data]).toEqual([3, 3, 3, 3]);
    expect(bus.writeMany(0x1f0, 2, data)).toBe(true);
    expect(written).toEqual([3, 3, 3, 3]);
    expect([bus.readMany(0x3f8, 1, data), bus.writeMany(0x10, 1, data)]).toEqual([false, false]);
  });

  it('splits an access that no window covers whole, low address first', () => {
    const bus = new Bus();
    const low = new Recorder('low');
    const high = new Recorder('high');
    bus.add(0x60, 1, low);
    bus.add(0x62, 2, high);
    expect(bus.read(0x60, 4)).toBe(0x3344_ff44);
    bus.write(0x60, 4, 0xaabbccdd);
    expect(low.log).toEqual(['low r1@0', 'low w1@0=dd']);
    expect(high.log).toEqual(['high r2@0', 'high w2@0=aabb']);
    expect(bus.counters).toEqual({ unknownReads: 1, unknownWrites: 1 });
  });

  it('lets the window that was added first answer where two overlap', () => {
    const bus = new Bus();
    const reset = new Recorder('reset');
    const config = new Recorder('config');
    bus.add(0xcf9, 1, reset);
    bus.add(0xcf8, 8, config);
    bus.write(0xcf8, 4, 0x80000000);
    bus.write(0xcf9, 1, 6);
    expect([...config.log, ...reset.log]).toEqual(['config w4@0=80000000', 'reset w1@0=6']);
  });

  it('forgets a window that is taken away, and shows what lay behind it', () => {
    const bus = new Bus();
    const [fixed, moved] = [new Recorder('fixed'), new Recorder('moved')];
    const first = bus.add(0x100, 4, fixed);
    bus.read(0x100, 1);
    const window = bus.add(0x100, 16, moved);
    bus.read(0x102, 1);
    bus.read(0x104, 1);
    bus.remove(first);
    bus.read(0x102, 1);
    bus.remove(window);
    expect([bus.read(0x102, 1), bus.read(0x104, 1)]).toEqual([0xff, 0xff]);
    expect([...fixed.log, ...moved.log]).toEqual(['fixed r1@0', 'fixed r1@2', 'moved r1@4', 'moved r1@2']);
  });

  it('finds windows above 4 GiB, far apart and side by side', () => {
    const bus = new Bus();
    const recorders = [0, 1, 2, 3].map((i) => new Recorder(`r${i}`));
    const starts = [0x1000, 0x2000, 0xfee0_0000, 0x8_0000_0000];
    recorders.forEach((recorder, i) => {
      bus.add(starts[i] ?? 0, 0x1000, recorder);
    });
    for (const start of starts) bus.read(start + 0xffc, 4);
    expect(recorders.flatMap(({ log }) => log)).toEqual(['r0 r4@4092', 'r1 r4@4092', 'r2 r4@4092', 'r3 r4@4092']);
    expect(bus.read(0x3000, 1)).toBe(0xff);
  });

  it('answers at the end of the address space', () => {
    expect(new Bus().read(0xffff, 4)).toBe(0xffff_ffff);
  });
});
