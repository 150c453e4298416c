import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './mc146818.regs.ts';
import { type CmosMemory, Mc146818 } from './mc146818.ts';
import { decodeTime, encodeTime, nextAlarm, TIME_REGISTERS } from './rtc-time.ts';

const SECOND_NS = 1e9;

function makeRtc(iso = '2024-02-29T23:59:58Z', memory: CmosMemory = { below4gBytes: 2 ** 31, above4gBytes: 0 }) {
  const timers = new FakeTimers();
  const irq = new FakeLine();
  const startMs = Date.parse(iso);
  const rtc = new Mc146818({ irq, timers, wall: { nowMs: () => startMs + timers.nowNs() / 1e6 }, memory });
  const read = (register: number) => {
    rtc.write(0, 1, register);
    return rtc.read(1, 1);
  };
  const write = (register: number, value: number) => {
    rtc.write(0, 1, register);
    rtc.write(1, 1, value);
  };
  const time = () =>
    [R.CENTURY, R.YEAR, R.MONTH, R.DATE_OF_MONTH, R.HOURS, R.MINUTES, R.SECONDS]
      .map((register) => read(register).toString(16).padStart(2, '0'))
      .join(' ');
  return { rtc, timers, irq, read, write, time };
}

describe('Mc146818 time', () => {
  it('is the wall clock in BCD and 24 hours, over the end of a leap day', () => {
    const { timers, time, read } = makeRtc();
    expect(time()).toBe('20 24 02 29 23 59 58');
    expect(read(R.DAY_OF_WEEK)).toBe(5); // a Thursday
    timers.advance(2 * SECOND_NS);
    expect(time()).toBe('20 24 03 01 00 00 00');
    expect(read(R.DAY_OF_WEEK)).toBe(6);
  });

  it.each([
    ['00:00:00', 0x12],
    ['11:00:00', 0x11],
    ['12:00:00', 0x92],
    ['13:00:00', 0x81],
    ['23:00:00', 0x91],
  ])('shows %s in 12-hour mode as hour %i', (clock, hour) => {
    const { read, write } = makeRtc(`2024-01-01T${clock}Z`);
    write(R.REG_B, 0);
    expect(read(R.HOURS)).toBe(hour);
  });

  it('is binary when the guest asks for that', () => {
    const { read, write } = makeRtc();
    write(R.REG_B, R.REG_B_24 | R.REG_B_DM);
    expect([read(R.CENTURY), read(R.YEAR), read(R.DATE_OF_MONTH), read(R.SECONDS)]).toEqual([20, 24, 29, 58]);
  });

  it('stands while SET is up and runs on from what was written', () => {
    const { timers, time, read, write } = makeRtc();
    write(R.REG_B, R.REG_B_SET | R.REG_B_24);
    timers.advance(10 * SECOND_NS);
    expect(time()).toBe('20 24 02 29 23 59 58');
    for (const [register, value] of [
      [R.CENTURY, 0x19],
      [R.YEAR, 0x99],
      [R.MONTH, 0x12],
      [R.DATE_OF_MONTH, 0x31],
      [R.SECONDS, 0x59],
      [R.DAY_OF_WEEK, 0x01],
    ] as const) {
      write(register, value);
    }
    write(R.REG_B, R.REG_B_24);
    expect(time()).toBe('19 99 12 31 23 59 59');
    timers.advance(SECOND_NS);
    expect(time()).toBe('20 00 01 01 00 00 00');
    expect(read(R.DAY_OF_WEEK)).toBe(2); // counts on from what was set, right or wrong
  });

  it('updates first half a second after the divider is released, as Linux sets it', () => {
    const { timers, time, write } = makeRtc();
    timers.advance(123_456_789);
    write(R.REG_B, R.REG_B_SET | R.REG_B_24);
    write(R.REG_A, R.REG_A_POWER_ON | 0x70);
    write(R.MINUTES, 0x30);
    write(R.SECONDS, 0x10);
    write(R.REG_B, R.REG_B_24);
    timers.advance(5 * SECOND_NS);
    write(R.REG_A, R.REG_A_POWER_ON);
    expect(time()).toBe('20 24 02 29 23 30 10');
    timers.advance(499_000_000);
    expect(time()).toBe('20 24 02 29 23 30 10');
    timers.advance(2_000_000);
    expect(time()).toBe('20 24 02 29 23 30 11');
  });

  it('takes single bytes while running', () => {
    const { timers, time, write } = makeRtc();
    write(R.HOURS, 0x08);
    timers.advance(2 * SECOND_NS);
    expect(time()).toBe('20 24 02 29 09 00 00');
  });

  it('survives a reset with the RAM, unlike the interrupt enables', () => {
    const { rtc, time, read, write } = makeRtc();
    write(R.HOURS, 0x08);
    write(0x40, 0x77);
    write(R.REG_B, R.REG_B_24 | R.REG_B_PIE);
    rtc.reset();
    expect(time()).toBe('20 24 02 29 08 59 58');
    expect(read(0x40)).toBe(0x77);
    expect(read(R.REG_B)).toBe(R.REG_B_24);
  });

  it('raises UIP shortly before the bytes change, not while they are held', () => {
    const { timers, read, write } = makeRtc();
    timers.advance(997_000_000);
    expect(read(R.REG_A) & R.REG_A_UIP).toBe(0);
    timers.advance(2_000_000);
    expect(read(R.REG_A) & R.REG_A_UIP).toBe(R.REG_A_UIP);
    write(R.REG_B, R.REG_B_SET | R.REG_B_24);
    expect(read(R.REG_A) & R.REG_A_UIP).toBe(0);
    write(R.REG_B, R.REG_B_24);
    timers.advance(1_000_000);
    expect(read(R.REG_A) & R.REG_A_UIP).toBe(0);
  });

  it('encodes and decodes every mode alike', () => {
    for (const regB of [0, R.REG_B_24, R.REG_B_DM, R.REG_B_DM | R.REG_B_24]) {
      for (let seconds = -1_000_000_000; seconds < 4_000_000_000; seconds += 123_456_789) {
        const cmos = new Uint8Array(R.CMOS_SIZE);
        encodeTime(cmos, seconds, 3, regB);
        expect(decodeTime(cmos, regB)).toEqual({ epochSeconds: seconds, weekdayShift: 3 });
      }
    }
  });

  it('takes any garbage for a date', () => {
    const { time, write } = makeRtc();
    for (const value of [0x00, 0x5a, 0xff]) {
      for (const register of TIME_REGISTERS) write(register, value);
      expect(time()).toMatch(/^([0-9a-f]{2} ?){7}$/);
    }
  });
});

describe('Mc146818 interrupts', () => {
  it('arm no timer while none is enabled, and still set the flags', () => {
    const { timers, irq, read } = makeRtc();
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    read(R.REG_C);
    timers.advance(SECOND_NS);
    expect(read(R.REG_C)).toBe(R.REG_C_PF | R.REG_C_UF);
    expect(irq.edges).toBe(0);
  });

  it('come periodically at the selected rate, once per acknowledgement', () => {
    const { timers, irq, read, write } = makeRtc();
    write(R.REG_A, 0x20 | 13); // 8 Hz
    write(R.REG_B, R.REG_B_24 | R.REG_B_PIE);
    for (let i = 1; i <= 8; i++) {
      timers.advance(SECOND_NS / 8);
      timers.advance(10);
      expect(irq.edges).toBe(i);
      expect(read(R.REG_C) & (R.REG_C_IRQF | R.REG_C_PF)).toBe(R.REG_C_IRQF | R.REG_C_PF);
      expect(irq.level).toBe(false);
    }
    timers.advance(SECOND_NS);
    expect(irq.edges).toBe(9);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY); // nothing to wake for until REG_C is read
  });

  it('keep to the rate over days, without drift or a lost tick', () => {
    const { timers, irq, read, write } = makeRtc();
    timers.advance(30 * 86_400 * SECOND_NS);
    write(R.REG_A, 0x20 | 6); // 1024 Hz
    write(R.REG_B, R.REG_B_24 | R.REG_B_PIE);
    read(R.REG_C);
    const before = irq.edges;
    const endNs = timers.nowNs() + SECOND_NS + 10;
    while (timers.nextDeadlineNs() <= endNs) {
      timers.advanceTo(timers.nextDeadlineNs());
      read(R.REG_C);
    }
    expect(irq.edges - before).toBe(1024);
  });

  it('come at each update', () => {
    const { timers, irq, read, write } = makeRtc();
    write(R.REG_B, R.REG_B_24 | R.REG_B_UIE);
    timers.advance(999_000_000);
    expect(irq.level).toBe(false);
    timers.advance(2_000_000);
    expect(read(R.REG_C) & (R.REG_C_IRQF | R.REG_C_UF)).toBe(R.REG_C_IRQF | R.REG_C_UF);
    timers.advance(SECOND_NS);
    expect(irq.edges).toBe(2);
  });

  it('come at the alarm, to the second', () => {
    const { timers, irq, read, write } = makeRtc('2024-02-29T23:59:58Z');
    write(R.HOURS_ALARM, 0x01);
    write(R.MINUTES_ALARM, 0x02);
    write(R.SECONDS_ALARM, 0x03);
    read(R.REG_C);
    write(R.REG_B, R.REG_B_24 | R.REG_B_AIE);
    timers.advance((2 + 3600 + 120 + 3) * SECOND_NS - 2_000_000);
    expect(irq.level).toBe(false);
    timers.advance(3_000_000);
    expect(irq.level).toBe(true);
    expect(read(R.REG_C) & R.REG_C_AF).toBe(R.REG_C_AF);
    timers.advance(86_400 * SECOND_NS);
    expect(irq.level).toBe(true);
  });

  it('find an alarm that was passed while nobody looked', () => {
    const { timers, read, write } = makeRtc('2024-02-29T23:59:58Z');
    write(R.HOURS_ALARM, 0xff);
    write(R.MINUTES_ALARM, 0xc0);
    write(R.SECONDS_ALARM, 0x30);
    read(R.REG_C);
    timers.advance(31 * SECOND_NS);
    expect(read(R.REG_C) & R.REG_C_AF).toBe(0);
    timers.advance(100 * SECOND_NS);
    expect(read(R.REG_C) & R.REG_C_AF).toBe(R.REG_C_AF);
  });

  it('never come from an alarm that no time matches', () => {
    const cmos = new Uint8Array(R.CMOS_SIZE);
    cmos[R.SECONDS_ALARM] = 0x7f;
    expect(nextAlarm(cmos, 1_700_000_000, R.REG_B_24)).toBe(Number.POSITIVE_INFINITY);
  });

  it('stop with SET, which clears UIE', () => {
    const { timers, irq, read, write } = makeRtc();
    write(R.REG_B, R.REG_B_SET | R.REG_B_24 | R.REG_B_UIE);
    expect(read(R.REG_B)).toBe(R.REG_B_SET | R.REG_B_24);
    timers.advance(5 * SECOND_NS);
    expect(irq.edges).toBe(0);
  });
});

describe('Mc146818 CMOS', () => {
  const GIB = 2 ** 30;
  it('tells the memory sizes where firmware puts them', () => {
    const { read } = makeRtc(undefined, { below4gBytes: 3 * GIB, above4gBytes: 5 * GIB });
    const value = (register: number, bytes: number) =>
      Array.from({ length: bytes }, (_, i) => read(register + i) * 256 ** i).reduce((a, b) => a + b, 0);
    expect(value(R.BASE_MEMORY_KIB, 2)).toBe(640);
    expect(value(R.EXTENDED_MEMORY_KIB, 2)).toBe(0xffff);
    expect(value(R.EXTENDED_MEMORY_KIB_2, 2)).toBe(0xffff);
    expect(value(R.MEMORY_ABOVE_16M, 2) * 65536).toBe(3 * GIB - 16 * 2 ** 20);
    expect(value(R.MEMORY_ABOVE_4G, 3) * 65536).toBe(5 * GIB);
  });

  it('counts nothing above what a small machine has', () => {
    const { read } = makeRtc(undefined, { below4gBytes: 8 * 2 ** 20, above4gBytes: 0 });
    expect(read(R.EXTENDED_MEMORY_KIB) | (read(R.EXTENDED_MEMORY_KIB + 1) << 8)).toBe(7 * 1024);
    expect(read(R.MEMORY_ABOVE_16M)).toBe(0);
  });

  it('tells firmware of drives, of their order and of processors', () => {
    const { read } = makeRtc(undefined, {
      below4gBytes: GIB,
      above4gBytes: 0,
      floppyDrives: 1,
      ideDisks: [4 * GIB, undefined, 100 * 2 ** 20, 2 ** 40],
      bootOrder: ['cdrom', 'disk', 'floppy'],
      vcpus: 4,
    });
    expect([read(R.FLOPPY_TYPES), read(R.EQUIPMENT)]).toEqual([0x40, 0x07]);
    expect([read(R.DISK_TYPES), read(R.FIRST_DISK_TYPE), read(R.SECOND_DISK_TYPE)]).toEqual([0xff, 47, 47]);
    expect(read(R.DISK_TRANSLATION)).toBe(0b01_00_00_01);
    expect([read(R.BOOT_FLAG_1), read(R.BOOT_FLAG_2)]).toEqual([0x23, 0x10]);
    expect(read(R.SMP_COUNT)).toBe(3);
  });

  it('tells firmware over a reset to resume', () => {
    const { rtc, read } = makeRtc();
    expect(read(R.SHUTDOWN_STATUS)).toBe(0);
    rtc.resumeAfterReset();
    rtc.reset();
    expect(read(R.SHUTDOWN_STATUS)).toBe(R.SHUTDOWN_RESUME);
  });

  it('keeps the NMI mask of the index port and says that the battery is good', () => {
    const { rtc, read } = makeRtc();
    rtc.write(0, 1, R.INDEX_NMI_MASK | 0x0f);
    expect(rtc.nmiMasked).toBe(true);
    expect(read(R.REG_D)).toBe(R.REG_D_VRT);
    expect(rtc.nmiMasked).toBe(false);
  });

  it('takes index and data in one 16-bit write', () => {
    const { rtc, read } = makeRtc();
    rtc.write(0, 2, 0x5a50);
    expect(read(0x50)).toBe(0x5a);
    expect(rtc.read(0, 2)).toBe(0x5aff); // the index port cannot be read
  });
});
