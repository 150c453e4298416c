import { expect, it } from 'vitest';
import { PVPANIC_CRASH_LOADED, PVPANIC_PANICKED } from './pvpanic.regs.ts';
import { Pvpanic } from './pvpanic.ts';

it('says what it knows, and passes on what happened', () => {
  const events: string[] = [];
  const device = new Pvpanic({ panicked: () => events.push('panicked'), crashLoaded: () => events.push('loaded') });
  expect(device.read(0, 1)).toBe(PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
  device.write(0, 1, PVPANIC_CRASH_LOADED);
  device.write(0, 1, PVPANIC_PANICKED);
  device.write(0, 1, 0x80);
  device.write(0, 1, 0);
  expect(events).toEqual(['loaded', 'panicked']);
  expect(device.counters.unknownWrites).toBe(1);
});
