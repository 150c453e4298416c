import { describe, expect, it } from 'vitest';
import { Kick, MachineClock } from './machine-clock.ts';

function setUp() {
  const host = { ms: 1000 };
  const kick = new Kick(Kick.createBuffer());
  return { host, kick, clock: new MachineClock(kick, () => host.ms) };
}

describe('MachineClock', () => {
  it('starts at zero, follows the host while it runs, and stands still while paused', () => {
    const { host, clock } = setUp();
    host.ms += 50;
    expect(clock.nowNs()).toBe(0);
    clock.resume();
    host.ms += 5;
    expect(clock.nowNs()).toBe(5e6);
    clock.pause();
    host.ms += 1000;
    expect(clock.nowNs()).toBe(5e6);
    clock.resume();
    clock.resume();
    host.ms += 1;
    expect(clock.nowNs()).toBe(6e6);
  });

  it('has a signal pending from the alarm on, and from a kick until it is cleared', () => {
    const { host, kick, clock } = setUp();
    clock.resume();
    clock.setAlarm(2e6);
    expect(clock.signalPending()).toBe(false);
    host.ms += 2;
    expect(clock.signalPending()).toBe(true);
    expect(clock.kicked()).toBe(false);
    clock.setAlarm(Number.POSITIVE_INFINITY);
    expect(clock.signalPending()).toBe(false);
    kick.kick();
    expect([clock.signalPending(), clock.kicked()]).toEqual([true, true]);
    kick.clear();
    expect(clock.signalPending()).toBe(false);
  });

  it('does not sleep for a deadline that has passed, or when it was kicked before', () => {
    const { kick, clock } = setUp();
    clock.resume();
    clock.sleepUntil(0);
    kick.kick();
    clock.sleepUntil(Number.POSITIVE_INFINITY); // would never return
    expect(clock.sleptNs).toBe(0);
  });

  it('sleeps no longer than to the alarm, and counts it', () => {
    const kick = new Kick(Kick.createBuffer());
    const clock = new MachineClock(kick, () => performance.now());
    clock.resume();
    clock.setAlarm(clock.nowNs() + 3e6);
    clock.sleepUntil(Number.POSITIVE_INFINITY);
    expect(clock.sleptNs).toBeGreaterThan(1e6);
    expect(clock.nowNs()).toBeGreaterThanOrEqual(clock.sleptNs);
  });
});
