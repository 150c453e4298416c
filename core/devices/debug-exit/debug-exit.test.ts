import { expect, it } from 'vitest';
import { DebugExit } from './debug-exit.ts';

it('DebugExit hands out the value as written, in any size', () => {
  const values: number[] = [];
  const device = new DebugExit({ exit: (value) => values.push(value) });
  device.write(0, 1, 0x10);
  device.write(0, 2, 0x1234);
  device.write(0, 4, 0xffff_ffff);
  expect(values).toEqual([0x10, 0x1234, 0xffff_ffff]);
});

it('DebugExit does nothing when it is read or written beyond its ports', () => {
  const values: number[] = [];
  const device = new DebugExit({ exit: (value) => values.push(value) });
  expect(device.read(0, 4)).toBe(0);
  device.write(4, 1, 1);
  expect(values).toEqual([]);
  expect(device.counters.unknownWrites).toBe(1);
});
