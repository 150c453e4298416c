import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { multibootElf } from './bare-metal.ts';
import { RUNNER } from './viv-process.ts';

/** Sends back what arrives at the first serial port; 'q' powers the machine off through ACPI. */
// biome-ignore format: a listing
const ECHO = multibootElf([
  0x66, 0xba, 0xfd, 0x03, //       mov dx, 0x3fd
  0xec, //                   wait: in al, dx
  0xa8, 0x01, //                   test al, 1
  0x74, 0xfb, //                   jz wait
  0x66, 0xba, 0xf8, 0x03, //       mov dx, 0x3f8
  0xec, //                         in al, dx
  0x3c, 0x71, //                   cmp al, 'q'
  0x74, 0x03, //                   je off
  0xee, //                         out dx, al
  0xeb, 0xeb, //                   jmp to the start
  0x66, 0xba, 0x04, 0xb0, // off:  mov dx, 0xb004
  0x66, 0xb8, 0x00, 0x20, //       mov ax, 0x2000 (SLP_EN)
  0x66, 0xef, //                   out dx, ax
  0xeb, 0xfe, //                   jmp $
]);

let folder = '';
let kernel = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-serial-'));
  kernel = join(folder, 'echo.elf');
  writeFileSync(kernel, ECHO);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the guest with these pieces written to its standard input, each when the one before came back. */
function run(
  pieces: readonly string[],
  ...options: string[]
): Promise<{ status: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const args = [RUNNER, 'run', '--kernel', kernel, '--memory', '16', '--timeout', '60', ...options];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const [text, end] = pieces;
    let out = '';
    let err = '';
    child.stdin.write(text ?? '');
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      out += chunk;
      if (out === text) child.stdin.end(end);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk;
    });
    child.once('close', (status) => resolve({ status, out, err }));
  });
}

describe('standard input of viv run', () => {
  it('reaches the serial port, more than a FIFO of it, and its end does not end the guest', async () => {
    const text = 'the quick brown fox'.replace('q', 'Q').repeat(200);
    expect(await run([text, '!q'])).toEqual({ status: 0, out: `${text}!`, err: '' });
  });

  it('leaves standard output to the guest: statistics go to standard error', async () => {
    const result = await run(['a', 'q'], '--stats');
    expect(result).toMatchObject({ status: 0, out: 'a', err: expect.stringMatching(/busy.*resident memory/s) });
  });

  it('is told when the screenshot cannot be written', async () => {
    const result = await run(['a', 'q'], '--screenshot', join(folder, 'no', 'screen.png'));
    expect(result).toMatchObject({ status: 71, err: expect.stringContaining('could not be written') });
  });
});
