import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LogLine } from '../../core/contracts/calls.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { VmLog } from './vm-log.ts';

let folder: string;
let nowMs: number;
let heard: LogLine[];
const open = (name = 'vm.log'): VmLog =>
  new VmLog(
    join(folder, name),
    (line) => heard.push(line),
    () => nowMs,
  );

beforeEach(async () => {
  folder = await scratchFolder();
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  heard = [];
});

describe('the log of a VM', () => {
  it('keeps lines in memory and in the file, several lines of one message indented', async () => {
    const log = open();
    log.add('info', 'Running.');
    log.add('error', 'Crashed\nRAX 0\x1b[31m');
    await log.flush();
    expect(log.lines.map(({ message }) => message)).toEqual(['Running.', 'Crashed\nRAX 0\x1b[31m']);
    expect(heard).toEqual(log.lines);
    expect(await readFile(log.path, 'utf8')).toBe(
      '2026-01-02T03:04:05.000Z info: Running.\n2026-01-02T03:04:05.000Z error: Crashed\n    RAX 0?[31m\n',
    );
  });

  it('is not flooded by a guest: 50 lines a second, then a count; the newest 500 in memory', async () => {
    const log = open();
    for (let line = 0; line < 1000; line += 1) log.add('warning', `line ${line}`);
    expect(log.lines).toHaveLength(50);
    nowMs += 1000;
    log.add('info', 'calm');
    expect(log.lines.slice(-2).map(({ message }) => message)).toEqual(['950 more lines were dropped.', 'calm']);
    for (let second = 0; second < 20; second += 1) {
      nowMs += 1000;
      for (let line = 0; line < 40; line += 1) log.add('info', 'x'.repeat(10_000));
    }
    expect(log.lines).toHaveLength(500);
    expect(log.lines.at(-1)?.message).toHaveLength(2000);
    await log.flush();
  });

  it('turns the file over at 1 MiB', async () => {
    const log = open();
    for (let second = 0; second < 15; second += 1) {
      nowMs += 1000;
      for (let line = 0; line < 50; line += 1) log.add('info', 'x'.repeat(2000));
      await log.flush();
    }
    const sizes = await Promise.all([log.path, `${log.path}.1`].map(async (path) => (await readFile(path)).length));
    expect(sizes[0]).toBeLessThan(1 << 20);
    expect(sizes[1]).toBeGreaterThan(1 << 20);
    expect(sizes[1]).toBeLessThan(1.2 * 2 ** 20);
  });

  it('says once when the file cannot be written, and goes on in memory', async () => {
    const log = open('no/such/folder.log');
    log.add('info', 'one');
    await log.flush();
    log.add('info', 'two');
    await log.flush();
    expect(log.lines.map(({ message }) => message)).toEqual([
      'one',
      `The log file ${log.path} could not be written: it does not exist.`,
      'two',
    ]);
  });
});
