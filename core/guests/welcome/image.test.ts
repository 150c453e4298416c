import { execFileSync, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeBootImage } from '../../firmware/inspect.ts';
import {
  buildThreads,
  CLIENT,
  IO_WORKER,
  MACHINE_WORKER,
  removeThreads,
  temporaryFolder,
} from '../../testing/build-threads.ts';
import { VmSession } from '../../testing/vm-session.ts';
import type * as Client from '../../worker/client.ts';
import { buildWelcomeImage } from './image.ts';

vi.setConfig({ testTimeout: 30_000 }); // for loaded machines: threads start, guests run

const PROMPT = /\r\n> $/;
const KEYSYM_RETURN = 0xff0d;
const KEYSYM_BACKSPACE = 0xff08;
const KEYSYM_SHIFT = 0xffe1;
const KEYSYM_CAPS_LOCK = 0xffe5;
const files = temporaryFolder();
const kernel = join(files, 'welcome.elf');
writeFileSync(kernel, buildWelcomeImage());
afterAll(() => rmSync(files, { recursive: true }));

describe('the image', () => {
  it('is a multiboot kernel, the same every time', () => {
    expect(describeBootImage(buildWelcomeImage())).toEqual({ ok: true, description: 'multiboot ELF' });
    expect(Buffer.compare(buildWelcomeImage(), buildWelcomeImage())).toBe(0);
  });
});

describe('in a machine of ours', () => {
  let client: typeof Client;
  let built: string;
  let session: VmSession | undefined;
  beforeAll(async () => {
    built = await buildThreads({ ...CLIENT, ...MACHINE_WORKER, ...IO_WORKER });
    client = (await import(pathToFileURL(join(built, 'client.js')).href)) as typeof Client;
  }, 60_000);
  afterEach(() => session?.vm.terminate());
  afterAll(() => removeThreads(built));

  async function start(): Promise<VmSession> {
    const boot = { kernel, cmdline: '' };
    const vm = await client.startMachine({ id: 'w', name: 'Welcome', memoryMiB: 64, vcpus: 1, boot });
    session = new VmSession(vm);
    await session.until(() => PROMPT.test(session?.text ?? ''));
    return session;
  }

  it('says on the serial line what it found', async () => {
    const { text } = await start();
    expect(text).toMatch(/^Welcome to Vivarium\r\n/);
    expect(text).toMatch(/Vendor +GenuineIntel\r\n/);
    expect(text).toMatch(/Model +Vivarium Virtual Processor\r\n/);
    expect(text).toMatch(/Features +fpu .*\bsse2\b.* lm\r\n/);
    expect(text).toMatch(/0000100000 - 0003ffffff +63 MiB +usable\r\n/);
  });

  it('shows it on the screen, with the cursor where one types', async () => {
    const { vm } = await start();
    // The cursor is placed last, by two writes.
    await expect.poll(async () => (await vm.textScreen()).cursor).toEqual({ column: 3, row: 23 });
    const { lines } = await vm.textScreen();
    expect(lines[0]).toMatch(/^ Vivarium · Welcome guest/);
    const screen = lines.join('\n');
    expect(screen).toMatch(/┌─ Processor ─+┐/);
    expect(screen).toMatch(/│ Vendor +GenuineIntel +Family +\d+, model \d+, stepping \d+ +│/);
    expect(screen).toMatch(/├─ Memory ─+ 63\.6 MiB usable in 5 ranges ─+┤/);
    expect(screen).toMatch(/│ 0000000000 - 000009fbff +639 KiB +usable +│/);
    expect(screen).toMatch(/Date +20\d\d-\d\d-\d\d/);
  });

  it('has a clock that interrupts drive', async () => {
    const running = await start();
    await running.untilScreen(/Uptime +00:00:00/);
    await running.untilScreen(/Uptime +00:00:01/);
  });

  it('takes what is typed at the display', async () => {
    const running = await start();
    const display = await running.openDisplay();
    const press = (...keysyms: readonly number[]): void => {
      for (const keysym of keysyms) for (const down of [true, false]) display.key(keysym, down);
    };
    const codes = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
    press(...codes('hi, '));
    display.key(KEYSYM_SHIFT, true);
    press(...codes('X?'));
    display.key(KEYSYM_SHIFT, false);
    press(KEYSYM_CAPS_LOCK, ...codes('y1'));
    await running.untilScreen(/^ > hi, X\?Y1 *$/m);
    press(...Array<number>(8).fill(KEYSYM_BACKSPACE), ...codes('mem'), KEYSYM_RETURN);
    await running.untilScreen(/^ > MEM *\n 63\.6 MiB usable in 5 ranges *\n > *$/m);
  });

  it.each([
    ['help', /cpu +the processor .*off +powers the machine off/s],
    ['cpu', /Vivarium Virtual Processor\r\nGenuineIntel, family \d+/],
    ['mem', /63\.6 MiB usable in 5 ranges/],
    ['time', /20\d\d-\d\d-\d\d \d\d:\d\d:\d\d, up 00:00:\d\d\.\d/],
    ['Time', /20\d\d-\d\d-\d\d/],
    ['what', /There is no such command/],
  ])('answers %s over the serial line', async (command, answer) => {
    const running = await start();
    const before = running.text.length;
    running.type(`${command}\r`);
    await running.until(() => PROMPT.test(running.text.slice(before)));
    expect(running.text.slice(before)).toMatch(answer);
    expect(running.text.slice(before).startsWith(`${command}\r\n`)).toBe(true);
  });

  it.each<[string, (running: VmSession) => void]>([
    ['on "off"', (running) => running.type('off\r')],
    ['at the power button', (running) => running.vm.command({ type: 'power-button' })],
  ])('powers off %s', async (_, act) => {
    const running = await start();
    act(running);
    expect(await running.stopped).toEqual({ kind: 'guest-shutdown' });
  });

  it('starts again on "reboot"', async () => {
    const running = await start();
    running.type('reboot\r');
    await running.until(() => running.text.split('Welcome to Vivarium').length === 3);
  });

  it('ends in words at an exception', async () => {
    const running = await start();
    running.type('fault\r');
    await running.until(() => running.text.includes('has stopped'));
    expect(running.text).toMatch(/Exception 6: invalid opcode\r\nRIP 000000000010[0-9a-f]{4} .*CR2 0{16}\r\n/);
    await running.untilScreen(/Exception 6: invalid opcode/);
  });
});

function qemuVersion(): string | undefined {
  try {
    return execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}
const qemu = qemuVersion();

describe.skipIf(qemu === undefined)(`in QEMU${qemu ? '' : ' (skipped: qemu-system-x86_64 is not installed)'}`, () => {
  it('does the same', async () => {
    const options = ['-display', 'none', '-serial', 'stdio', '-m', '64', '-no-reboot', '-kernel', kernel];
    const child = spawn('qemu-system-x86_64', options, { stdio: ['pipe', 'pipe', 'ignore'] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let text = '';
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (PROMPT.test(text)) child.stdin.write('off\r');
    });
    try {
      expect(await exited).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
    expect(text).toMatch(/^Welcome to Vivarium\r\n/);
    expect(text).toMatch(/Vendor +\w+/);
    expect(text).toMatch(/0000100000 - [0-9a-f]{10} +\d+(\.\d)? MiB +usable/);
  });
});
