import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './i6300esb.regs.ts';
import { I6300Esb } from './i6300esb.ts';

const MS = 1e6;
/** About half a second, in units of the 1-kHz clock. */
const HALF_SECOND = 512;

function makeWatchdog() {
  const timers = new FakeTimers();
  const irq = new FakeLine();
  let expired = 0;
  const dog = new I6300Esb({ timers, irq, expired: () => expired++ });
  const unlock = () => {
    dog.write(R.RELOAD, 2, R.RELOAD_UNLOCK_1);
    dog.write(R.RELOAD, 2, R.RELOAD_UNLOCK_2);
  };
  const write = (offset: number, value: number, size: 2 | 4 = 4) => {
    unlock();
    dog.write(offset, size, value);
  };
  const lock = (value: number) => dog.configSpace.writeConfig(R.WDT_LOCK, 1, value);
  const preload = () => {
    write(R.PRELOAD_1, HALF_SECOND);
    write(R.PRELOAD_2, HALF_SECOND);
  };
  return { dog, timers, irq, unlock, write, lock, preload, expirations: () => expired };
}

describe('I6300Esb', () => {
  it('ends after both stages, and has status for each', () => {
    const { dog, timers, irq, lock, preload, expirations } = makeWatchdog();
    preload();
    lock(R.WDT_LOCK_ENABLE);
    timers.advance(508 * MS);
    expect([dog.read(R.GINTSR, 4), irq.level]).toEqual([0, false]);
    timers.advance(MS);
    expect([dog.read(R.GINTSR, 4), irq.level, expirations()]).toEqual([1, true, 0]);
    timers.advance(509 * MS);
    expect(expirations()).toBe(1);
    expect(dog.read(R.RELOAD, 2)).toBe(R.RELOAD_WDT_TIMEOUT);
    timers.advance(1e12);
    expect(expirations()).toBe(1);
  });

  it('never ends while a guest reloads it', () => {
    const { timers, write, lock, preload, expirations } = makeWatchdog();
    preload();
    lock(R.WDT_LOCK_ENABLE);
    for (let i = 0; i < 20; i++) {
      timers.advance(900 * MS);
      write(R.RELOAD, R.RELOAD_WDT_RELOAD, 2);
    }
    expect(expirations()).toBe(0);
    timers.advance(1100 * MS);
    expect(expirations()).toBe(1);
  });

  it('takes one write after the unlock sequence, and none otherwise', () => {
    const { dog, unlock } = makeWatchdog();
    dog.write(R.PRELOAD_1, 4, 5);
    dog.write(R.RELOAD, 2, R.RELOAD_UNLOCK_2);
    dog.write(R.PRELOAD_1, 4, 6);
    dog.write(R.RELOAD, 2, R.RELOAD_UNLOCK_1);
    dog.write(R.PRELOAD_1, 4, 7);
    expect(dog.read(R.PRELOAD_1, 4)).toBe(R.PRELOAD_MASK);
    unlock();
    dog.write(R.PRELOAD_1, 4, 8);
    dog.write(R.PRELOAD_1, 4, 9);
    expect(dog.read(R.PRELOAD_1, 4)).toBe(8);
    expect(dog.counters.unknownWrites).toBe(4);
  });

  it('cannot be switched off once it is locked, but by a reset', () => {
    const { dog, timers, lock, preload, expirations } = makeWatchdog();
    preload();
    lock(R.WDT_LOCK_ENABLE | R.WDT_LOCK_LOCKED);
    lock(0);
    expect(dog.configSpace.readConfig(R.WDT_LOCK, 1)).toBe(R.WDT_LOCK_ENABLE | R.WDT_LOCK_LOCKED);
    timers.advance(2000 * MS);
    expect(expirations()).toBe(1);
    dog.reset();
    expect(dog.configSpace.readConfig(R.WDT_LOCK, 1)).toBe(0);
    expect(dog.read(R.RELOAD, 2), 'that it ended outlives the reset').toBe(R.RELOAD_WDT_TIMEOUT);
  });

  it('is stopped by its enable bit', () => {
    const { timers, lock, preload, expirations } = makeWatchdog();
    preload();
    lock(R.WDT_LOCK_ENABLE);
    timers.advance(700 * MS);
    lock(0);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect(expirations()).toBe(0);
  });

  it('does nothing at the end with its output off, does not interrupt with its interrupt off', () => {
    const { dog, timers, irq, lock, preload, expirations } = makeWatchdog();
    dog.configSpace.writeConfig(R.WDT_CONFIG, 2, R.WDT_OUTPUT | R.WDT_INT_TYPE);
    preload();
    lock(R.WDT_LOCK_ENABLE);
    timers.advance(2000 * MS);
    expect([irq.edges, expirations(), dog.read(R.RELOAD, 2)]).toEqual([0, 0, R.RELOAD_WDT_TIMEOUT]);
  });

  it('starts again in free running mode, and counts a thousand times as fast with the other prescaler', () => {
    const { dog, timers, write, lock, expirations } = makeWatchdog();
    dog.configSpace.writeConfig(R.WDT_CONFIG, 2, R.WDT_PRE_SEL);
    write(R.PRELOAD_1, 10_000);
    write(R.PRELOAD_2, 10_000);
    lock(R.WDT_LOCK_ENABLE | R.WDT_LOCK_FREE_RUN);
    timers.advance(100 * MS);
    expect(expirations()).toBe(5);
  });

  it('clears its statuses by ones', () => {
    const { dog, timers, irq, write, lock, preload } = makeWatchdog();
    preload();
    lock(R.WDT_LOCK_ENABLE);
    timers.advance(2000 * MS);
    write(R.GINTSR, R.GINTSR_STAGE_1);
    write(R.RELOAD, R.RELOAD_WDT_TIMEOUT, 2);
    expect([dog.read(R.GINTSR, 4), dog.read(R.RELOAD, 2), irq.level]).toEqual([0, 0, false]);
  });
});
