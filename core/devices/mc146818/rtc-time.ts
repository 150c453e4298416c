/**
 * The ten time and calendar bytes of an MC146818: to and from seconds since 1970, and when an alarm is next due.
 * Pure functions over the register file; nothing here knows the present.
 */
import * as R from './mc146818.regs.ts';

const DAY_SECONDS = 86_400;
/** 1970-01-01 was a Thursday; the register counts from Sunday = 1. */
const EPOCH_DAY_OF_WEEK = 4;

export const TIME_REGISTERS: readonly number[] = [
  R.SECONDS,
  R.MINUTES,
  R.HOURS,
  R.DAY_OF_WEEK,
  R.DATE_OF_MONTH,
  R.MONTH,
  R.YEAR,
  R.CENTURY,
];

const modulo = (value: number, base: number): number => ((value % base) + base) % base;

const encode = (value: number, regB: number): number =>
  regB & R.REG_B_DM ? value : (Math.floor(value / 10) << 4) | (value % 10);

const decode = (byte: number, regB: number): number => (regB & R.REG_B_DM ? byte : (byte >> 4) * 10 + (byte & 0x0f));

function encodeHour(hour: number, regB: number): number {
  if (regB & R.REG_B_24) return encode(hour, regB);
  return encode(hour % 12 || 12, regB) | (hour >= 12 ? R.HOURS_PM : 0);
}

function decodeHour(byte: number, regB: number): number {
  if (regB & R.REG_B_24) return decode(byte, regB);
  return (decode(byte & ~R.HOURS_PM, regB) % 12) + (byte & R.HOURS_PM ? 12 : 0);
}

/** Writes the time into the register file. weekdayShift: how many days the guest set the weekday off the calendar. */
export function encodeTime(cmos: Uint8Array, epochSeconds: number, weekdayShift: number, regB: number): void {
  const date = new Date(epochSeconds * 1000);
  const days = Math.floor(epochSeconds / DAY_SECONDS);
  const year = modulo(date.getUTCFullYear(), 10_000);
  cmos[R.SECONDS] = encode(date.getUTCSeconds(), regB);
  cmos[R.MINUTES] = encode(date.getUTCMinutes(), regB);
  cmos[R.HOURS] = encodeHour(date.getUTCHours(), regB);
  cmos[R.DAY_OF_WEEK] = encode(modulo(days + EPOCH_DAY_OF_WEEK + weekdayShift, 7) + 1, regB);
  cmos[R.DATE_OF_MONTH] = encode(date.getUTCDate(), regB);
  cmos[R.MONTH] = encode(date.getUTCMonth() + 1, regB);
  cmos[R.YEAR] = encode(year % 100, regB);
  cmos[R.CENTURY] = encode(Math.floor(year / 100), regB);
}

/** Reads the register file. Impossible dates come out as the calendar counts on from them: 31 April is 1 May. */
export function decodeTime(cmos: Uint8Array, regB: number): { epochSeconds: number; weekdayShift: number } {
  const field = (register: number): number => decode(cmos[register] ?? 0, regB);
  const date = new Date(0);
  date.setUTCFullYear(field(R.CENTURY) * 100 + field(R.YEAR), field(R.MONTH) - 1, field(R.DATE_OF_MONTH));
  date.setUTCHours(decodeHour(cmos[R.HOURS] ?? 0, regB), field(R.MINUTES), field(R.SECONDS));
  const epochSeconds = date.getTime() / 1000;
  const days = Math.floor(epochSeconds / DAY_SECONDS);
  return { epochSeconds, weekdayShift: modulo(field(R.DAY_OF_WEEK) - 1 - days - EPOCH_DAY_OF_WEEK, 7) };
}

/**
 * The first second after `after` (seconds since 1970) at which the alarm bytes match, or Infinity when they never do.
 * Looks at one day at most, hour by hour, then minute by minute.
 */
export function nextAlarm(cmos: Uint8Array, after: number, regB: number): number {
  const matches = (register: number, encoded: number): boolean => {
    const alarm = cmos[register] ?? 0;
    return alarm >= R.ALARM_DONT_CARE || alarm === encoded;
  };
  const end = after + DAY_SECONDS;
  let t = after + 1;
  while (t <= end) {
    const second = modulo(t, 60);
    const minute = modulo(Math.floor(t / 60), 60);
    const hour = modulo(Math.floor(t / 3600), 24);
    if (!matches(R.HOURS_ALARM, encodeHour(hour, regB))) t += 3600 - (minute * 60 + second);
    else if (!matches(R.MINUTES_ALARM, encode(minute, regB))) t += 60 - second;
    else if (!matches(R.SECONDS_ALARM, encode(second, regB))) t += 1;
    else return t;
  }
  return Number.POSITIVE_INFINITY;
}
