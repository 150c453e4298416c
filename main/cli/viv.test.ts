import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildThreads, removeThreads, temporaryFolder } from '../../core/testing/build-threads.ts';
import { echoGuest } from '../../core/testing/echo-guest.ts';

const files = temporaryFolder();
const kernel = join(files, 'echo.bin');
let built: string;

beforeAll(async () => {
  writeFileSync(kernel, echoGuest);
  built = await buildThreads();
}, 60_000);
afterAll(() => {
  removeThreads(built);
  rmSync(files, { recursive: true });
});

interface Result {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs viv; `input` is written when the guest has said hello, and then standard input ends. */
function viv(args: readonly string[], input?: string): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(built, 'viv.js'), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    let pending = input;
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('latin1');
      if (!out.includes('hello\n') || pending === undefined) return;
      child.stdin.end(pending);
      pending = undefined;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on('close', (status) => resolve({ status, out, err }));
  });
}

const run = (args: readonly string[], input?: string): Promise<Result> =>
  viv(['run', '--kernel', kernel, '--memory', '16', ...args], input);

describe('viv', () => {
  it('says what exists', async () => {
    expect(await viv(['--help'])).toMatchObject({ status: 0, out: expect.stringContaining('run') });
    expect(await viv(['fly'])).toMatchObject({ status: 64, err: expect.stringMatching(/no verb 'fly'.* run/) });
    expect(await viv([])).toMatchObject({ status: 64 });
    expect(await viv(['run', '--help'])).toMatchObject({ status: 0, out: expect.stringContaining('--kernel FILE') });
    expect(await viv(['run'])).toMatchObject({ status: 64, err: expect.stringContaining('--kernel FILE is missing') });
  });

  it('tells files that are no kernel from other troubles', async () => {
    expect(await viv(['run', '--kernel', '/no/kernel'])).toMatchObject({ status: 66, out: '' });
    const text = await viv(['run', '--kernel', import.meta.filename]);
    expect(text).toMatchObject({ status: 66, err: expect.stringContaining('a text file') });
  });
});

describe('viv run', () => {
  it('puts the serial port on standard output and input, whose end does not end the guest', async () => {
    const result = await run([], 'abcq');
    expect(result).toEqual({ status: 0, out: 'hello\nabc', err: '' });
  });

  it('reports the debug exit as QEMU does', async () => {
    expect(await run([], 'd')).toMatchObject({ status: 11 });
  });

  it('reports a triple fault with the registers', async () => {
    expect(await run([], 't')).toMatchObject({ status: 70, err: expect.stringMatching(/triple fault.*RIP: /s) });
  });

  it('ends at the timeout, and keeps what the screen showed', async () => {
    const screenshot = join(files, 'screen.png');
    expect(await run(['--timeout', '1', '--screenshot', screenshot], 'a')).toMatchObject({ status: 124 });
    expect(readFileSync(screenshot).subarray(1, 4).toString()).toBe('PNG');
  });

  it('keeps the last screen of a guest that powered off', async () => {
    const screenshot = join(files, 'last.png');
    expect(await run(['--screenshot', screenshot, '--stats'], 'q')).toMatchObject({
      status: 0,
      err: expect.stringMatching(/vCPU busy.*resident memory/s),
    });
    expect(existsSync(screenshot)).toBe(true);
  });

  it('says so when the screenshot cannot be written', async () => {
    const result = await run(['--screenshot', join(files, 'no', 'screen.png')], 'q');
    expect(result).toMatchObject({ status: 71, err: expect.stringContaining('could not be written') });
  });
});
