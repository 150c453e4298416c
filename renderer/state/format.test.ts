import { describe, expect, it } from 'vitest';
import { formatBytes, formatMiB, formatPercent, formatUptime, screenshotFileName } from './format.ts';

describe('figures', () => {
  it.each([
    [64, '64 MiB'],
    [1023, '1,023 MiB'],
    [1024, '1 GiB'],
    [1536, '1.5 GiB'],
  ])('%i MiB of memory reads %s', (value, text) => expect(formatMiB(value)).toBe(text));

  it.each([
    [0, '0 bytes'],
    [1023, '1,023 bytes'],
    [1536, '1.5 KiB'],
    [5 * 1024 ** 3, '5 GiB'],
  ])('%i bytes read %s', (value, text) => expect(formatBytes(value)).toBe(text));

  it.each([
    [0, '0:00'],
    [59.9, '0:59'],
    [600, '10:00'],
    [3723, '1:02:03'],
    [90_061, '1 d 1:01:01'],
    [-5, '0:00'],
  ])('%d seconds of uptime read %s', (value, text) => expect(formatUptime(value)).toBe(text));

  it.each([
    [0, '0 %'],
    [0.44, '0.4 %'],
    [9.96, '10 %'],
    [37.2, '37 %'],
    [140, '100 %'],
  ])('%d of a core reads %s', (value, text) => expect(formatPercent(value)).toBe(text));
});

describe('screenshot file names', () => {
  it('sort by time and leave out what file systems refuse', () => {
    const now = new Date(2026, 0, 2, 3, 4, 5);
    expect(screenshotFileName('a/b:c\n', now)).toBe('a_b_c_ 2026-01-02 03.04.05.png');
  });
});
