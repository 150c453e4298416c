import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { DisplayPump } from './display-pump.ts';

function setUp() {
  const timers = new FakeTimers();
  const state = { drawn: [] as number[], waiting: true };
  const pump = new DisplayPump({ timers, draw: (nowNs) => state.drawn.push(nowNs), send: () => state.waiting });
  return { timers, state, pump };
}

describe('DisplayPump', () => {
  it('draws at once when woken after a rest', () => {
    const { timers, state, pump } = setUp();
    state.waiting = false;
    timers.advance(1e9);
    pump.wake();
    timers.advance(0);
    expect(state.drawn).toEqual([1e9]);
  });
  it('keeps to 60 frames a second while someone waits', () => {
    const { timers, state, pump } = setUp();
    pump.wake();
    timers.advance(1e9 - 1);
    expect(state.drawn).toHaveLength(60);
    pump.wake();
    expect(state.drawn).toHaveLength(60);
  });
  it('rests when nobody waits or it is stopped', () => {
    const { timers, state, pump } = setUp();
    state.waiting = false;
    pump.wake();
    timers.advance(1e9);
    expect(state.drawn).toHaveLength(1);
    pump.wake();
    pump.stop();
    timers.advance(1e9);
    expect(state.drawn).toHaveLength(1);
  });
});
