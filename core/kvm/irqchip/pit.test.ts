import { describe, expect, it } from 'vitest';
import { countsToNs, nsToCounts } from './pit-channel.ts';
import { Rig } from './rig.ts';

const CONTROL = 0x43;
const IDLE = Number.POSITIVE_INFINITY;
const TICK_VECTOR = 0x08;

/** A PIT whose tick goes through the PIC, vector 8. */
function pitRig(): Rig {
  const rig = new Rig();
  rig.initPics(0x01);
  rig.chip.createPit();
  return rig;
}

/** Low byte, then high byte. */
function load(rig: Rig, channel: number, mode: number, count: number, bcd = 0): void {
  rig.out(CONTROL, (channel << 6) | 0x30 | (mode << 1) | bcd);
  rig.out(0x40 + channel, count & 0xff, count >> 8);
}

/** By the counter latch command. */
function count(rig: Rig, channel: number): number {
  rig.out(CONTROL, channel << 6);
  const low = rig.in(0x40 + channel);
  return low | (rig.in(0x40 + channel) << 8);
}

function status(rig: Rig, channel: number): number {
  rig.out(CONTROL, 0xe0 | (2 << channel));
  return rig.in(0x40 + channel);
}

const out = (rig: Rig, channel: number) => status(rig, channel) >> 7;

/** To the first ns of the given count since the last load at time 0. */
function advanceTo(rig: Rig, counts: number): void {
  rig.advance(countsToNs(counts) - rig.nowNs);
}

/** OUT over the counts 0 to n - 1 as a string. */
function wave(rig: Rig, channel: number, n: number): string {
  let levels = '';
  for (let i = 0; i < n; i++) {
    advanceTo(rig, i);
    levels += out(rig, channel);
  }
  return levels;
}

/** How many ticks the guest takes and ends within the time, looking every `stepNs`. */
function ticks(rig: Rig, ns: number, stepNs: number): number {
  let taken = 0;
  for (const endNs = rig.nowNs + ns; rig.nowNs < endNs; ) {
    rig.advance(Math.min(stepNs, endNs - rig.nowNs));
    if (rig.take() === undefined) continue;
    rig.out(0x20, 0x20);
    taken++;
  }
  return taken;
}

describe('8254 clock', () => {
  it('counts 13125000 / 11 Hz without drift', () => {
    expect(nsToCounts(17_600)).toBe(21);
    expect(nsToCounts(838)).toBe(0);
    expect(nsToCounts(839)).toBe(1);
    expect(nsToCounts(11e9)).toBe(13_125_000);
    expect(nsToCounts(8e15)).toBe(Math.floor(8e15 / 17_600) * 21 + Math.floor(((8e15 % 17_600) * 21) / 17_600));
    for (const counts of [0, 1, 2, 20, 21, 22, 65_536, 1_193_182, 1e12 + 7]) {
      expect(nsToCounts(countsToNs(counts))).toBe(counts);
      if (counts > 0) expect(nsToCounts(countsToNs(counts) - 1)).toBe(counts - 1);
    }
  });
});

describe('8254 modes', () => {
  it('mode 0: OUT low until the count is through, then high; the count goes on', () => {
    const rig = pitRig();
    rig.out(CONTROL, 0x70);
    expect(out(rig, 1)).toBe(0);
    rig.out(0x41, 4, 0);
    expect(wave(rig, 1, 8)).toBe('00001111');
    expect(count(rig, 1)).toBe(0x1_0000 - 3);
  });

  it('mode 0: the first byte of a new count stops counting and sets OUT low', () => {
    const rig = pitRig();
    load(rig, 1, 0, 4);
    advanceTo(rig, 10);
    rig.out(0x41, 9);
    expect(out(rig, 1)).toBe(0);
    rig.out(0x41, 0);
    expect(count(rig, 1)).toBe(9);
  });

  it('mode 2: OUT low for the last count of each period', () => {
    const rig = pitRig();
    load(rig, 1, 2, 4);
    expect(wave(rig, 1, 12)).toBe('111011101110');
    expect(count(rig, 1)).toBe(1);
  });

  it('mode 3: high for half of an even count, one count longer for an odd one; counts by two', () => {
    const even = pitRig();
    load(even, 1, 3, 4);
    expect(wave(even, 1, 8)).toBe('11001100');
    const odd = pitRig();
    load(odd, 1, 3, 5);
    expect(wave(odd, 1, 10)).toBe('1110011100');
    const counts = pitRig();
    load(counts, 1, 3, 5);
    const seen = [0, 1, 2, 3, 4, 5].map((n) => {
      advanceTo(counts, n);
      return count(counts, 1);
    });
    expect(seen).toEqual([4, 2, 0, 4, 2, 4]);
  });

  it('mode 4: OUT low for one count at the end', () => {
    const rig = pitRig();
    load(rig, 1, 4, 3);
    expect(wave(rig, 1, 7)).toBe('1110111');
  });

  it('mode 1: a rising gate starts a low pulse, and starts it over', () => {
    const rig = pitRig();
    load(rig, 2, 1, 4);
    rig.advance(1_000_000);
    expect(out(rig, 2)).toBe(1);
    rig.out(0x61, 1);
    expect(out(rig, 2)).toBe(0);
    rig.advance(countsToNs(3));
    rig.out(0x61, 0);
    rig.out(0x61, 1);
    rig.advance(countsToNs(3));
    expect(out(rig, 2)).toBe(0);
    rig.advance(countsToNs(1));
    expect(out(rig, 2)).toBe(1);
  });

  it('mode 5: a rising gate starts counting to a low strobe of one count', () => {
    const rig = pitRig();
    load(rig, 2, 5, 3);
    rig.advance(1_000_000);
    expect(count(rig, 2)).toBe(3);
    rig.nowNs = 0;
    rig.out(0x61, 1);
    expect(wave(rig, 2, 6)).toBe('111011');
  });

  it('modes 6 and 7 are 2 and 3', () => {
    const rig = pitRig();
    load(rig, 1, 6, 4);
    expect(status(rig, 1) & 0x0e).toBe(0x04);
    load(rig, 1, 7, 4);
    expect(status(rig, 1) & 0x0e).toBe(0x06);
  });

  it('a count of 0 is 65536, or 10000 in BCD', () => {
    const rig = pitRig();
    load(rig, 1, 0, 0);
    load(rig, 2, 0, 0, 1);
    rig.out(0x61, 1);
    advanceTo(rig, 1);
    expect(count(rig, 1)).toBe(0xffff);
    expect(count(rig, 2)).toBe(0x9999);
    advanceTo(rig, 9999);
    expect(out(rig, 2)).toBe(0);
    advanceTo(rig, 10_000);
    expect(out(rig, 2)).toBe(1);
    advanceTo(rig, 65_535);
    expect(out(rig, 1)).toBe(0);
    advanceTo(rig, 65_536);
    expect(out(rig, 1)).toBe(1);
  });

  it('BCD counts decimal digits', () => {
    const rig = pitRig();
    load(rig, 1, 2, 0x1234, 1);
    advanceTo(rig, 35);
    expect(count(rig, 1)).toBe(0x1199);
    advanceTo(rig, 1234);
    expect(count(rig, 1)).toBe(0x1234);
  });
});

describe('8254 reads and writes', () => {
  it('least byte only, most byte only, and both', () => {
    const rig = pitRig();
    rig.out(CONTROL, 0x54);
    rig.out(0x41, 0x80);
    expect(rig.in(0x41)).toBe(0x80);
    expect(rig.in(0x41)).toBe(0x80);
    rig.out(CONTROL, 0x64);
    rig.out(0x41, 0x80);
    expect(rig.in(0x41)).toBe(0x80);
    expect(rig.in(0x41)).toBe(0x80);
    load(rig, 1, 2, 0x1234);
    expect([rig.in(0x41), rig.in(0x41), rig.in(0x41)]).toEqual([0x34, 0x12, 0x34]);
  });

  it('a latched count stands still until it is read; a second latch is ignored', () => {
    const rig = pitRig();
    load(rig, 1, 2, 0x1000);
    advanceTo(rig, 0x10);
    rig.out(CONTROL, 0x40);
    advanceTo(rig, 0x20);
    rig.out(CONTROL, 0x40);
    expect([rig.in(0x41), rig.in(0x41)]).toEqual([0xf0, 0x0f]);
    expect(rig.in(0x41)).toBe(0xe0);
  });

  it('read-back latches status before count, for several channels at once', () => {
    const rig = pitRig();
    rig.out(0x61, 1);
    load(rig, 1, 2, 0x1000);
    load(rig, 2, 3, 0x20, 1);
    rig.out(CONTROL, 0xcc); // both, channels 1 and 2
    advanceTo(rig, 5);
    expect([rig.in(0x41), rig.in(0x41), rig.in(0x41)]).toEqual([0xb4, 0x00, 0x10]);
    expect([rig.in(0x42), rig.in(0x42), rig.in(0x42)]).toEqual([0xb7, 0x20, 0x00]);
    rig.out(CONTROL, 0xd4); // the count of channel 1 alone
    advanceTo(rig, 6);
    expect([rig.in(0x41), rig.in(0x41), rig.in(0x42)]).toEqual([0xfb, 0x0f, 0x08]);
  });

  it('status shows null count between control word and count, and before a trigger', () => {
    const rig = pitRig();
    rig.out(CONTROL, 0x74);
    expect(status(rig, 1)).toBe(0x80 | 0x40 | 0x34);
    rig.out(0x41, 0x00, 0x10);
    expect(status(rig, 1)).toBe(0x80 | 0x34);
    load(rig, 2, 1, 100);
    expect(status(rig, 2) & 0x40).toBe(0x40);
    rig.out(0x61, 1);
    expect(status(rig, 2) & 0x40).toBe(0);
  });

  it('the control port reads all ones, wide accesses are their low byte', () => {
    const rig = pitRig();
    expect(rig.in(CONTROL)).toBe(0xff);
    rig.chip.pioWrite(CONTROL, 2, 0xff54);
    rig.chip.pioWrite(0x41, 4, 0xffff_ff80);
    expect(rig.chip.pioRead(0x41, 2)).toBe(0x80);
  });
});

describe('port 0x61', () => {
  it('gate and speaker bits are kept, others are not', () => {
    const rig = pitRig();
    rig.out(0x61, 0xff);
    expect(rig.in(0x61) & 0xcf).toBe(0x03);
    rig.out(0x61, 0xfc);
    expect(rig.in(0x61) & 0xcf).toBe(0x00);
  });

  it('bit 4 toggles every 18 counts', () => {
    const rig = pitRig();
    const bit = () => (rig.in(0x61) >> 4) & 1;
    expect(bit()).toBe(0);
    advanceTo(rig, 17);
    expect(bit()).toBe(0);
    advanceTo(rig, 18);
    expect(bit()).toBe(1);
    advanceTo(rig, 36);
    expect(bit()).toBe(0);
  });

  it('bit 5 is OUT 2: a calibration loop sees 50 ms to the ns', () => {
    const rig = pitRig();
    rig.out(0x61, 1);
    load(rig, 2, 0, 59_659);
    rig.advance(countsToNs(59_659) - 1);
    expect(rig.in(0x61) & 0x20).toBe(0);
    rig.advance(1);
    expect(rig.in(0x61) & 0x20).toBe(0x20);
  });

  it('a low gate holds mode 0 and stops the waves high; its rise goes on, or starts them over', () => {
    const rig = pitRig();
    rig.out(0x61, 1);
    load(rig, 2, 0, 100);
    rig.advance(countsToNs(21));
    rig.out(0x61, 0);
    rig.advance(1_000_000);
    expect(count(rig, 2)).toBe(79);
    rig.out(0x61, 1);
    rig.advance(countsToNs(21));
    expect(count(rig, 2)).toBe(58);
    load(rig, 2, 3, 100);
    rig.advance(countsToNs(63));
    expect(rig.in(0x61) & 0x20).toBe(0);
    rig.out(0x61, 0);
    expect(rig.in(0x61) & 0x20).toBe(0x20);
    rig.out(0x61, 1);
    expect(count(rig, 2)).toBe(100);
  });

  it('a count loaded with the gate low waits for it', () => {
    const rig = pitRig();
    load(rig, 2, 0, 100);
    rig.advance(1_000_000);
    expect(count(rig, 2)).toBe(100);
    rig.out(0x61, 1);
    rig.advance(countsToNs(21));
    expect(count(rig, 2)).toBe(79);
  });
});

describe('ticks', () => {
  it.each([2, 3])('mode %i: one interrupt a period, exactly at its end, without drift', (mode) => {
    const rig = pitRig();
    load(rig, 0, mode, 11_932);
    for (let n = 1; n <= 50; n++) {
      const dueNs = countsToNs(11_932 * n);
      rig.advance(dueNs - 1 - rig.nowNs);
      expect(rig.take()).toBeUndefined();
      rig.advance(1);
      expect(rig.take()).toBe(TICK_VECTOR);
      rig.out(0x20, 0x20);
    }
    expect(rig.fired).toBe(50);
  });

  it('mode 0 ticks once at the end of the count, mode 4 one count later', () => {
    const rig = pitRig();
    load(rig, 0, 0, 1000);
    expect(rig.queue.nextDeadlineNs()).toBe(countsToNs(1000));
    expect(ticks(rig, 1e9, 1e5)).toBe(1);
    load(rig, 0, 4, 1000);
    expect(rig.queue.nextDeadlineNs()).toBe(1e9 + countsToNs(1001));
    expect(ticks(rig, 1e9, 1e5)).toBe(1);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('modes 1 and 5 never tick: the gate of channel 0 is tied high', () => {
    const rig = pitRig();
    load(rig, 0, 1, 1000);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    load(rig, 0, 5, 1000);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('a control word stops the ticks until the count comes', () => {
    const rig = pitRig();
    load(rig, 0, 2, 11_932);
    rig.out(CONTROL, 0x34);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    rig.out(0x40, 0x9c);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    rig.out(0x40, 0x2e);
    expect(rig.queue.nextDeadlineNs()).toBe(countsToNs(0x2e9c));
  });

  it('a tick that is due but has not fired is raised before the counter is reprogrammed', () => {
    const rig = pitRig();
    load(rig, 0, 2, 11_932);
    rig.nowNs = countsToNs(11_932) + 5;
    rig.out(CONTROL, 0x30);
    expect(rig.take()).toBe(TICK_VECTOR);
  });

  it('while a tick is not ended no timer is armed; what was missed follows half a period apart', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1050); // 880 us
    rig.advance(880_000);
    expect(rig.take()).toBe(TICK_VECTOR);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    rig.advance(5 * 880_000);
    expect(rig.fired).toBe(1);
    rig.out(0x20, 0x20);
    expect(rig.queue.nextDeadlineNs()).toBe(rig.nowNs + 440_000);
    rig.advance(439_999);
    expect(rig.take()).toBeUndefined();
    rig.advance(1);
    expect(rig.take()).toBe(TICK_VECTOR);
  });

  it('a guest that lost time catches up with the exact number of ticks, at no more than twice the rate', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1050);
    rig.stall(20 * 880_000);
    const catchingUp = ticks(rig, 10 * 880_000, 1000);
    expect(catchingUp).toBeGreaterThan(15);
    expect(catchingUp).toBeLessThanOrEqual(21);
    expect(catchingUp + ticks(rig, 70 * 880_000, 1000)).toBe(100);
    expect(ticks(rig, 10 * 880_000, 1000)).toBe(10);
  });

  it('no more than a second of ticks is owed', () => {
    const rig = pitRig();
    load(rig, 0, 2, 0); // 54.9 ms
    rig.stall(60e9);
    const periodNs = countsToNs(65_536);
    expect(ticks(rig, 40 * periodNs, 100_000)).toBe(40 + Math.floor(1e9 / periodNs));
  });

  it('a period of 1 count raises no more than one tick in 200 us and owes nothing', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1);
    rig.stall(1e9);
    expect(ticks(rig, 20e6, 1000)).toBeLessThanOrEqual(101);
    expect(rig.fired).toBeLessThanOrEqual(101);
  });

  it('a masked line arms no timer, yet the request is pending when the PIC is read or unmasked', () => {
    const rig = pitRig();
    rig.out(0x21, 0xff);
    load(rig, 0, 2, 11_932);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    rig.out(0x20, 0x0a);
    expect(rig.in(0x20)).toBe(0);
    rig.advance(countsToNs(11_932));
    expect(rig.in(0x20)).toBe(0x01);
    rig.advance(10e9);
    rig.out(0x21, 0xfe);
    expect(rig.take()).toBe(TICK_VECTOR);
    rig.out(0x20, 0x20);
    expect(ticks(rig, countsToNs(11_932 * 10), 1000)).toBe(10);
  });

  it('masking the line while its interrupt is handled loses no tick', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1050);
    let taken = 0;
    for (let i = 0; i < 400; i++) {
      rig.advance(220_000);
      if (rig.take() === undefined) continue;
      rig.out(0x21, 0xff);
      rig.out(0x20, 0x20);
      rig.advance(50_000);
      rig.out(0x21, 0xfe);
      taken++;
    }
    expect(taken).toBeGreaterThanOrEqual(Math.floor(rig.nowNs / 880_000) - 1);
  });

  it('ticks through IOAPIC pin 2, acknowledged by EOI, edge or level', () => {
    for (const trigger of [0, 1 << 15]) {
      const rig = new Rig();
      rig.initPics(0);
      rig.enableApics();
      rig.chip.createPit();
      rig.route(2, 0x30 | trigger);
      load(rig, 0, 2, 1050);
      for (let n = 0; n < 20; n++) {
        rig.advance(880_000);
        expect(rig.take()).toBe(0x30);
        rig.eoi();
      }
    }
  });

  it('goes on when the guest moves the tick to another vector before its EOI', () => {
    const rig = new Rig();
    rig.initPics(0);
    rig.enableApics();
    rig.chip.createPit();
    rig.route(2, 0x30);
    load(rig, 0, 2, 1050);
    rig.advance(880_000);
    rig.take();
    rig.route(2, 0x41);
    rig.eoi();
    rig.advance(880_000);
    expect(rig.take()).toBe(0x41);
  });

  it('goes on after the PIC is initialized anew with a tick pending', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1050);
    rig.advance(880_000);
    rig.initPics(0x01);
    rig.advance(880_000);
    expect(rig.take()).toBe(TICK_VECTOR);
  });

  it('KVM_PIT_FLAGS_HPET_LEGACY silences channel 0 but lets it count', () => {
    const rig = pitRig();
    load(rig, 0, 2, 1050);
    const state = rig.chip.getPit2();
    state[72] = 1;
    rig.chip.setPit2(state);
    expect(rig.chip.getPit2()).toEqual(state);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    advanceTo(rig, 50);
    expect(count(rig, 0)).toBe(1000);
    state[72] = 0;
    rig.chip.setPit2(state);
    expect(rig.queue.nextDeadlineNs()).toBe(880_000);
  });

  it('tells of the tone while gate and speaker data are on and channel 2 makes a square wave', () => {
    const tones: (number | undefined)[] = [];
    const rig = pitRig();
    rig.speakerChanged = (hz) => tones.push(hz && Math.round(hz));
    load(rig, 2, 3, 1193);
    rig.out(0x61, 1);
    rig.out(0x61, 2);
    expect(tones).toEqual([]);
    rig.out(0x61, 3);
    rig.out(0x61, 3);
    load(rig, 2, 3, 2386);
    rig.out(0x61, 0);
    expect(tones).toEqual([1000, undefined, 500, undefined]);
    rig.out(0x61, 3);
    rig.chip.reset();
    expect(tones.slice(4)).toEqual([500, undefined]);
  });

  it('automatic EOI acknowledges at once', () => {
    const rig = new Rig();
    rig.initPics(0x01, 0x03);
    rig.chip.createPit();
    load(rig, 0, 2, 1050);
    for (let n = 0; n < 5; n++) {
      rig.advance(880_000);
      expect(rig.take()).toBe(TICK_VECTOR);
    }
  });
});
