import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyLoop, debugExit, serialHello, tripleFault } from './bare-metal.ts';
import { RUNNER, VivProcess } from './viv-process.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-guests-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(image: Uint8Array, ...options: string[]): VivProcess {
  const kernel = join(folder, `guest${readdirSync(folder).length}.elf`);
  writeFileSync(kernel, image);
  return new VivProcess(['run', '--kernel', kernel, '--memory', '16', ...options]);
}

describe('viv run', () => {
  it.each([
    [0, 1],
    [1, 3],
    [41, 83],
  ])('ends with (value*2)+1 when a guest writes %i to the debug-exit port', async (value, status) => {
    const viv = run(debugExit(value), '--timeout', '60');
    expect({ status: await viv.exited, errors: viv.errors }).toEqual({ status, errors: '' });
  });

  it('puts the serial port, and nothing else, on stdout', async () => {
    const viv = run(serialHello('Hello from com1\r\n'), '--timeout', '60');
    expect(await viv.exited).toBe(1);
    expect(viv.serial).toBe('Hello from com1\r\n');
  });

  it('ends with 124 at the timeout', async () => {
    const viv = run(busyLoop(), '--timeout', '2');
    expect(await viv.exited).toBe(124);
    expect(viv.seconds).toBeGreaterThan(2);
  });

  it('ends with 70 and the registers when the vCPU shuts down', async () => {
    const viv = run(tripleFault(), '--timeout', '60');
    expect(await viv.exited).toBe(70);
    expect(viv.errors).toMatch(/RIP: [0-9a-f]{4}:0*1000/);
  });

  it('saves a picture of the screen', async () => {
    const picture = join(folder, 'screen.png');
    const viv = run(debugExit(0), '--timeout', '60', '--screenshot', picture);
    expect(await viv.exited).toBe(1);
    expect(readFileSync(picture).subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
  });

  it.each([
    ['a kernel that is not there', ['run', '--kernel', '/no/such/kernel'], 66, /no\/such\/kernel/],
    ['no kernel at all', ['run'], 64, /--kernel/],
    ['an unknown option', ['run', '--kernal', 'x'], 64, /kernal/],
    ['too much memory', ['run', '--kernel', RUNNER, '--memory', '1048576'], 64, /--memory '1048576'/],
    ['a text file as kernel', ['run', '--kernel', RUNNER], 66, /not a kernel/],
  ])('says what is wrong with %s', async (_, args, status, message) => {
    const viv = new VivProcess(args);
    expect(await viv.exited).toBe(status);
    expect(viv.errors).toMatch(message);
    expect(viv.errors).not.toMatch(/\n\s+at /); // no stack trace
    expect(viv.serial).toBe('');
  });
});
