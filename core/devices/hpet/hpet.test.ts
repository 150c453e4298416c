import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './hpet.regs.ts';
import { Hpet } from './hpet.ts';

const INPUT = 21;
const ROUTE = INPUT << R.TN_INT_ROUTE_SHIFT;

function makeHpet() {
  const timers = new FakeTimers(7777);
  const lines = { irq0: new FakeLine(), irq8: new FakeLine(), input: new FakeLine() };
  const messages: number[][] = [];
  const legacy: boolean[] = [];
  const hpet = new Hpet({
    timers,
    irq0: lines.irq0,
    irq8: lines.irq8,
    inputs: new Map([[INPUT, lines.input]]),
    msi: (...message) => messages.push(message),
    legacyReplacement: (on) => legacy.push(on),
  });
  const timer = (n: number, register: number): number => R.TIMERS + n * R.TIMER_STRIDE + register;
  const write = (offset: number, value: number): void => hpet.write(offset, 4, value);
  const read = (offset: number): number => hpet.read(offset, 4);
  const configure = (n: number, conf: number): void => write(timer(n, R.TN_CONF_CAP), conf);
  const compare = (n: number, value: number): void => write(timer(n, R.TN_COMPARATOR), value);
  const start = (more = 0): void => write(R.GEN_CONF, R.ENABLE_CNF | more);
  return { hpet, timers, ...lines, messages, legacy, timer, write, read, configure, compare, start };
}

describe('Hpet counter', () => {
  it('says what it is: three timers, 64 bits, 10 ns, legacy replacement', () => {
    const { read, timer } = makeHpet();
    expect([read(R.GCAP_ID), read(R.GCAP_ID + 4)]).toEqual([0x8086_a201, 10_000_000]);
    expect(read(timer(0, R.TN_CONF_CAP)) & R.TN_CAPABILITIES).toBe(R.TN_CAPABILITIES);
    expect(read(timer(2, R.TN_CONF_CAP) + 4)).toBe(1 << INPUT);
  });

  it('stands until it is enabled, then counts guest time from the value written', () => {
    const { timers, read, write, start } = makeHpet();
    timers.advance(1e6);
    expect(read(R.MAIN_CNT)).toBe(0);
    write(R.MAIN_CNT, 0xffff_fff0);
    write(R.MAIN_CNT + 4, 5);
    start();
    timers.advance(320);
    expect([read(R.MAIN_CNT), read(R.MAIN_CNT + 4)]).toEqual([16, 6]);
    write(R.GEN_CONF, 0);
    timers.advance(1e6);
    expect([read(R.MAIN_CNT), read(R.MAIN_CNT + 4)]).toEqual([16, 6]);
  });

  it('does not lose parts of a tick however often it is read', () => {
    const { timers, read, start } = makeHpet();
    start();
    for (let i = 0; i < 1000; i++) {
      timers.advance(7);
      read(R.MAIN_CNT);
    }
    expect(read(R.MAIN_CNT)).toBe(700);
  });

  it('gives both halves of one moment to a 64-bit read', () => {
    const { timers, read, write, start } = makeHpet();
    write(R.MAIN_CNT, 0xffff_ffff);
    start();
    expect(read(R.MAIN_CNT)).toBe(0xffff_ffff);
    timers.advance(10);
    expect(read(R.MAIN_CNT + 4)).toBe(0);
    expect(read(R.MAIN_CNT + 4)).toBe(1); // on its own: the present
  });
});

describe('Hpet one-shot timer', () => {
  it('gives an edge at the match, once', () => {
    const { timers, input, configure, compare, start } = makeHpet();
    configure(0, ROUTE | R.TN_INT_ENB | R.TN_32MODE);
    compare(0, 1000);
    start();
    timers.advance(9_999);
    expect(input.edges).toBe(0);
    timers.advance(1);
    expect([input.edges, input.level]).toEqual([1, false]);
    timers.advance(1e9);
    expect(input.edges).toBe(1);
  });

  it('holds the line in level mode until its status is cleared', () => {
    const { timers, input, configure, compare, start, read, write } = makeHpet();
    configure(2, ROUTE | R.TN_INT_ENB | R.TN_INT_TYPE);
    compare(2, 1000);
    write(R.TIMERS + 2 * R.TIMER_STRIDE + R.TN_COMPARATOR + 4, 0);
    start();
    timers.advance(20_000);
    expect([input.level, read(R.GINTR_STA)]).toEqual([true, 4]);
    write(R.GINTR_STA, 3);
    expect(input.level).toBe(true);
    write(R.GINTR_STA, 4);
    expect([input.level, read(R.GINTR_STA)]).toEqual([false, 0]);
  });

  it('has matched when the comparator is just behind the counter as it is written', () => {
    const { timers, input, configure, compare, start } = makeHpet();
    configure(0, ROUTE | R.TN_INT_ENB | R.TN_32MODE);
    start();
    timers.advance(10_000);
    compare(0, 999);
    expect(input.edges).toBe(1);
  });

  it('sets its status without interrupt enable, and arms nothing for that', () => {
    const { timers, input, configure, compare, start, read } = makeHpet();
    configure(0, ROUTE | R.TN_INT_TYPE | R.TN_32MODE);
    compare(0, 1000);
    start();
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    timers.advance(1e6);
    expect([read(R.GINTR_STA), input.level]).toEqual([1, false]);
  });

  it('sends a message where its FSB route says', () => {
    const { timers, input, messages, configure, compare, start, write, timer } = makeHpet();
    write(timer(1, R.TN_FSB_VAL), 0x4031);
    write(timer(1, R.TN_FSB_ADDR), 0xfee0_1000);
    configure(1, ROUTE | R.TN_INT_ENB | R.TN_FSB_EN | R.TN_32MODE);
    compare(1, 100);
    start(R.LEG_RT_CNF);
    timers.advance(1e6);
    expect(messages).toEqual([[0xfee0_1000, 0, 0x4031]]);
    expect(input.edges).toBe(0);
  });
});

describe('Hpet periodic timer', () => {
  const PERIODIC = R.TN_INT_ENB | R.TN_TYPE | R.TN_32MODE;

  it('starts at one value and goes on by another, as Linux sets it', () => {
    const { timers, input, configure, compare, start, read, timer } = makeHpet();
    configure(0, ROUTE | PERIODIC | R.TN_VAL_SET);
    compare(0, 50_000);
    compare(0, 100_000);
    start();
    timers.advance(500_000);
    expect(input.edges).toBe(1);
    expect(read(timer(0, R.TN_COMPARATOR))).toBe(150_000);
    timers.advance(3_000_000);
    expect(input.edges).toBe(4);
  });

  it('takes both halves of a 64-bit write under VAL_SET', () => {
    const { configure, compare, write, read, timer } = makeHpet();
    configure(0, R.TN_TYPE | R.TN_VAL_SET);
    compare(0, 5);
    write(timer(0, R.TN_COMPARATOR) + 4, 7);
    expect([read(timer(0, R.TN_COMPARATOR)), read(timer(0, R.TN_COMPARATOR) + 4)]).toEqual([5, 7]);
    compare(0, 9); // the period alone
    write(timer(0, R.TN_COMPARATOR) + 4, 9);
    expect([read(timer(0, R.TN_COMPARATOR)), read(timer(0, R.TN_COMPARATOR) + 4)]).toEqual([5, 7]);
  });

  it('makes one interrupt of many that went by, and keeps its phase', () => {
    const { timers, input, configure, compare, start, read, timer } = makeHpet();
    configure(0, ROUTE | PERIODIC | R.TN_INT_TYPE | R.TN_VAL_SET);
    compare(0, 1000);
    start();
    timers.advance(1e6 + 50);
    expect([input.edges, read(timer(0, R.TN_COMPARATOR))]).toEqual([1, 101_000]);
  });

  it('of one tick fires ten thousand times a second and no more', () => {
    const { timers, configure, compare, start } = makeHpet();
    configure(0, ROUTE | PERIODIC | R.TN_VAL_SET);
    compare(0, 1);
    start();
    timers.advance(1e8);
    expect(timers.fired).toBeLessThanOrEqual(1000);
  });
});

describe('Hpet legacy replacement', () => {
  it('leads timers 0 and 1 to IRQ 0 and 8 and tells that PIT and RTC are off them', () => {
    const { hpet, timers, irq0, irq8, input, legacy, configure, compare, start } = makeHpet();
    for (const n of [0, 1, 2]) {
      configure(n, ROUTE | R.TN_INT_ENB | R.TN_32MODE);
      compare(n, 100);
    }
    start(R.LEG_RT_CNF);
    timers.advance(1e6);
    expect([irq0.edges, irq8.edges, input.edges]).toEqual([1, 1, 1]);
    expect(legacy).toEqual([true]);
    hpet.reset();
    expect(legacy).toEqual([true, false]);
  });
});

describe('Hpet accesses', () => {
  it('reads bytes and words, drops writes that are not of aligned 32 bits, and counts what is no register', () => {
    const { hpet, read, write } = makeHpet();
    expect([hpet.read(R.GCAP_ID + 2, 2), hpet.read(R.GCAP_ID + 1, 1)]).toEqual([0x8086, 0xa2]);
    hpet.write(R.GEN_CONF, 1, R.ENABLE_CNF);
    write(R.GEN_CONF + 2, 1);
    expect(read(R.GEN_CONF)).toBe(0);
    expect(read(R.REGISTERS_END)).toBe(0xffff_ffff);
    expect(hpet.counters).toEqual({ unknownReads: 1, unknownWrites: 2 });
  });
});
