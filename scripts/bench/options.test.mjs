import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EMPTY, ioKernels, kernels } from './kernels.mjs';
import { parseReply } from './machine.mjs';
import { parseOptions, UsageError } from './options.mjs';
import { ioTable, kernelTable, table } from './report.mjs';

describe('parseOptions', () => {
  it('has a standard for everything', () => {
    expect(parseOptions([])).toMatchObject({ guest: 64, starts: 3, hotRounds: 3, scale: 1, clock: 'host' });
  });

  it('is quick where nothing else is said', () => {
    expect(parseOptions(['--quick', '--hot', '5'])).toMatchObject({ starts: 1, hotRounds: 5, scale: 0.25 });
  });

  it.each([
    [['--guest', '16']],
    [['--rounds', '0']],
    [['--rounds', '1.5']],
    [['--scale', 'much']],
    [['--scale', '101']],
    [['--only', '(']],
    [['--clock', 'wall']],
    [['--fast']],
    [['extra']],
    [['--io', '--guest', '32']],
    [['--io', '--against', 'before.json']],
  ])('refuses %j', (args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});

describe('kernels', () => {
  const all = kernels({ scale: 1 });

  it('are those of the program, in both directions', () => {
    const folder = join(import.meta.dirname, 'program');
    const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const inProgram = sources.flatMap((source) =>
      [...source.matchAll(/^ {4}\{"([\w-]+)", /gm)].map(([, name]) => name),
    );
    expect([EMPTY, ...all, ...ioKernels({ scale: 1 })].map(({ name }) => name).sort()).toEqual(inProgram.sort());
  });

  it('are chosen by their names', () => {
    expect(kernels({ only: /^matrix/, scale: 1 })).toHaveLength(3);
    expect(ioKernels({ only: /random/, scale: 1 })).toHaveLength(2);
  });

  it('keep whole sizes that the program has room for, at every scale', () => {
    for (const scale of [0.001, 0.25, 3, 100]) {
      for (const { name, size } of kernels({ scale })) {
        expect(size, name).toBeGreaterThan(0);
        expect(Number.isInteger(size), name).toBe(true);
        if (name.startsWith('matrix')) expect([size % 2, size <= 256], name).toEqual([0, true]);
      }
    }
  });

  it('grow by their work: a matrix with the cube root, Fibonacci with the logarithm', () => {
    const grown = Object.fromEntries(kernels({ scale: 8 }).map(({ name, size }) => [name, size]));
    const usual = Object.fromEntries(all.map(({ name, size }) => [name, size]));
    expect(grown.int32).toBe(usual.int32 * 8);
    expect(grown['matrix-x87']).toBe(usual['matrix-x87'] * 2);
    expect(grown.fibonacci).toBe(usual.fibonacci + 4);
  });
});

describe('parseReply', () => {
  it.each([
    ['ran 2995200\r\n', { what: 'ran', value: '2995200' }],
    ['\u001bc[0mvivarium-bench 64\r\n', { what: 'vivarium-bench', value: '64' }],
    ['failed no such kernel\n', { what: 'failed', value: 'no such kernel' }],
    ['[    0.1] hello\r\n', undefined],
    ['\r\n', undefined],
  ])('of %j is %j', (line, expected) => {
    expect(parseReply(line)).toEqual(expected);
  });
});

it('a table has its first column to the left and the others to the right', () => {
  const rows = [
    ['kernel', 'ms'],
    ['a', '1.000'],
  ];
  expect(table(rows)).toBe('kernel     ms\na       1.000');
});

describe('kernelTable', () => {
  const of = (times) => ({
    machines: Object.fromEntries(Object.entries(times).map(([name, hot]) => [name, { hot, cold: 2 * hot }])),
  });
  const cells = (kernels) =>
    kernelTable(kernels)
      .split('\n')
      .map((row) => row.split(/\s{2,}/));

  it('has no columns of a machine that never takes part', () => {
    const [head, row, mean] = cells({ sieve: of({ native: 1e6, TCG: 4e6, Vivarium: 2e6 }) });
    expect(head).toEqual([
      ...['kernel', 'native hot', 'TCG hot', 'here hot', 'x TCG', 'x native'],
      ...['TCG cold', 'here cold', 'x TCG', 'x native'],
    ]);
    expect(row).toEqual(['sieve', '1.000', '4.000', '2.000', '2.00', '0.500', '8.000', '4.000', '2.00', '0.500']);
    expect(mean).toEqual(['geometric mean', '2.00', '0.500', '2.00', '0.500']);
  });

  it('compares with v86 where it ran', () => {
    const [head, row, , mean] = cells({
      sieve: of({ native: 1e6, TCG: 4e6, v86: 8e6, Vivarium: 2e6 }),
      fork: of({ TCG: 1e6, Vivarium: 2e6 }),
    });
    expect(head.slice(1, 8)).toEqual(['native hot', 'TCG hot', 'v86 hot', 'here hot', 'x TCG', 'x v86', 'x native']);
    expect(row.slice(4, 8)).toEqual(['2.000', '2.00', '4.00', '0.500']);
    expect(mean.slice(0, 4)).toEqual(['geometric mean', '1.00', '4.00', '0.500']);
  });
});

describe('ioTable', () => {
  const pair = (theirs, ours) => ({ machines: { TCG: { hot: theirs }, Vivarium: { hot: ours } } });
  const rows = (io, by) => ioTable({ io: [io], elapsed: {}, cpu: {}, seen: {}, ...by }).split('\n');

  it('tells how much a second, and what of the host each costs', () => {
    const read = { label: 'ide disk-read', unit: 'MB', size: 10, perUnit: 2 };
    const [, row] = rows(read, {
      elapsed: { 'ide disk-read': pair(1e9, 2e9) },
      cpu: { 'ide disk-read': pair(4e6, 2e6) },
    });
    expect(row.split(/\s{2,}/)).toEqual(['ide disk-read', 'MB', '20.0', '10.0', '0.500', '200', '100', '2.00']);
  });

  it('tells what a viewer sees, and how long it waits for a key', () => {
    const seen = { frames: pair(1e8, 5e7), keys: pair(4e7, 2e7) };
    const watched = rows({ label: 'frames', unit: 'frames', size: 1, perUnit: 1, viewer() {} }, { seen });
    expect(watched[2].trim().split(/\s{2,}/)).toEqual(['what it sees', 'pictures', '10.0', '20.0', '2.00']);
    const typed = rows({ label: 'keys', unit: 'keys', size: 1, perUnit: 1, viewer() {} }, { seen });
    expect(typed[1].split(/\s{2,}/)).toEqual(['keys, median', 'ms', '40.0', '20.0', '2.00']);
  });
});
