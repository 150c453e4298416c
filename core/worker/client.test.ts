import { rmSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import type { MachineConfig } from '../contracts/machine.ts';
import {
  buildThreads,
  CLIENT,
  IO_WORKER,
  MACHINE_WORKER,
  removeThreads,
  temporaryFolder,
} from '../testing/build-threads.ts';
import { echoGuest } from '../testing/echo-guest.ts';
import { VmSession } from '../testing/vm-session.ts';
import type * as Client from './client.ts';
import type { StartError } from './client-api.ts';

vi.setConfig({ testTimeout: 30_000 }); // for loaded machines: threads start, guests run

const files = temporaryFolder();
const kernel = join(files, 'echo.bin');
let client: typeof Client;
let built: string;
let running: Client.Vm[] = [];

beforeAll(async () => {
  writeFileSync(kernel, echoGuest);
  built = await buildThreads({ ...CLIENT, ...MACHINE_WORKER, ...IO_WORKER });
  client = (await import(pathToFileURL(join(built, 'client.js')).href)) as typeof Client;
}, 60_000);
afterEach(async () => {
  await Promise.all(running.map((vm) => vm.terminate()));
  running = [];
});
afterAll(() => {
  removeThreads(built);
  rmSync(files, { recursive: true });
});

const config = (change: Partial<MachineConfig> = {}): MachineConfig => ({
  id: 'test',
  name: 'test',
  memoryMiB: 16,
  vcpus: 1,
  boot: { kernel, cmdline: '' },
  debugExit: true,
  ...change,
});

async function refusal(change: Partial<MachineConfig>): Promise<StartError> {
  try {
    running.push(await client.startMachine(config(change)));
  } catch (error) {
    return error as StartError;
  }
  throw new Error('it started');
}

describe('a machine on threads', () => {
  const start = async (change: Partial<MachineConfig> = {}): Promise<VmSession> => {
    const vm = await client.startMachine(config(change));
    running.push(vm);
    return new VmSession(vm);
  };

  it('talks over serial, shows its screen, and powers off', async () => {
    const session = await start();
    await session.until(() => session.text.startsWith('hello\n'));
    session.type('abc');
    await session.until(() => session.text === 'hello\nabc');
    expect((await session.vm.textScreen()).lines[0]).toMatch(/^hello/);
    session.type('!q');
    expect(await session.stopped).toEqual({ kind: 'guest-shutdown' });
    expect(session.text).toBe('hello\nabc!');
    expect(session.closed).toBe(true);
    expect((await session.vm.textScreen()).lines[0]).toMatch(/^hello/);
    expect([...(await session.vm.screenshot()).subarray(1, 4)]).toEqual([...Buffer.from('PNG')]);
  });

  it('replays the serial output to a viewer that comes later', async () => {
    const session = await start();
    await session.until(() => session.text === 'hello\n');
    session.text = '';
    session.openSerial();
    await session.until(() => session.text === 'hello\n');
  });

  it('pauses while the guest is busy, and resumes', async () => {
    const session = await start();
    await session.until(() => session.text === 'hello\n');
    session.vm.command({ type: 'pause' });
    await session.untilState('paused');
    session.type('x');
    session.vm.command({ type: 'resume' });
    await session.untilState('running');
    await session.until(() => session.text === 'hello\nx');
  });

  it('resets', async () => {
    const session = await start();
    await session.until(() => session.text === 'hello\n');
    session.vm.command({ type: 'reset' });
    await session.until(() => session.text === 'hello\nhello\n');
    session.type('r');
    await session.until(() => session.text === 'hello\nhello\nhello\n');
  });

  it('is forced off while it runs, sleeps for ever, or is paused', async () => {
    for (const prepare of ['', 'h', 'pause'] as const) {
      const session = await start();
      await session.until(() => session.text === 'hello\n');
      if (prepare === 'pause') session.vm.command({ type: 'pause' });
      else session.type(prepare);
      session.vm.command({ type: 'destroy' });
      expect(await session.stopped).toEqual({ kind: 'destroyed' });
    }
  });

  it('reports a triple fault with the registers', async () => {
    const session = await start();
    session.type('t');
    expect(await session.stopped).toMatchObject({ kind: 'vcpu-shutdown', registers: expect.stringContaining('RIP: ') });
    expect(session.events.at(-1)).toMatchObject({ state: 'crashed' });
  });

  it('reports what was written to the debug exit port', async () => {
    const session = await start();
    session.type('d');
    expect(await session.stopped).toEqual({ kind: 'debug-exit', value: 5 });
  });

  it('runs beside another machine', async () => {
    const [a, b] = [await start(), await start()];
    a.type('a');
    b.type('b');
    await Promise.all([a.until(() => a.text === 'hello\na'), b.until(() => b.text === 'hello\nb')]);
    a.type('t');
    await a.stopped;
    b.type('c');
    await b.until(() => b.text === 'hello\nbc');
  });

  it('gives a closed stream after the end', async () => {
    const session = await start();
    session.type('q');
    await session.stopped;
    const messages: unknown[] = [];
    session.vm.openStream('rfb').onMessage((message) => messages.push(message));
    await new Promise(setImmediate);
    expect(messages).toEqual(['close']);
  });

  it('serves RFB to a viewer', async () => {
    const session = await start();
    const stream = session.vm.openStream('rfb');
    const first = await new Promise<string>((resolve) => {
      stream.onMessage((message) => message instanceof ArrayBuffer && resolve(new TextDecoder().decode(message)));
    });
    expect(first).toBe('RFB 003.008\n');
    stream.close();
  });
});

describe('a start that fails', () => {
  it.each<[string, () => Partial<MachineConfig>, RegExp]>([
    ['a terabyte of memory', () => ({ memoryMiB: 2 ** 20 }), /1048576 MiB.*3584/],
    ['half a MiB of memory', () => ({ memoryMiB: 0.5 }), /0\.5 MiB/],
    ['two CPUs', () => ({ vcpus: 2 }), /2 CPUs/],
    ['a missing kernel', () => ({ boot: { kernel: '/no/such/kernel', cmdline: '' } }), /does not exist/],
    ['a text file', () => ({ boot: { kernel: import.meta.filename, cmdline: '' } }), /not a kernel: it is a text file/],
    ['a missing initial RAM disk', () => ({ boot: { kernel, initrd: '/no/initrd', cmdline: '' } }), /does not exist/],
  ])('says why and what to do: %s', async (_what, change, message) => {
    const error = await refusal(change());
    expect(error.name).toBe('StartError');
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/\.$/);
  });

  it.skipIf(totalmem() > 3584 * 2 ** 20)('refuses more memory than the computer has', async () => {
    expect((await refusal({ memoryMiB: 3584 })).message).toMatch(/this computer has/);
  });
});

describe('a thread that dies', () => {
  const DISPLAY = `{ memory: new SharedArrayBuffer(0x40000), vramOffset: 0, vramSizeBytes: 0x40000,
    scanout: new SharedArrayBuffer(${SCANOUT_WORDS * 4}) }`;

  /** The client beside a machine thread of the test's own. */
  async function startBeside(machineWorker: string): Promise<Client.Vm> {
    const dir = await buildThreads({ ...CLIENT, ...IO_WORKER });
    try {
      writeFileSync(join(dir, 'machine-worker.js'), machineWorker);
      const { startMachine } = (await import(pathToFileURL(join(dir, 'client.js')).href)) as typeof Client;
      const vm = await startMachine(config());
      running.push(vm);
      await vm.textScreen(); // the I/O thread has loaded its file
      return vm;
    } finally {
      removeThreads(dir);
    }
  }

  it('is a crash of its machine, with the reason, and closes the streams', async () => {
    const session = new VmSession(
      await startBeside(`import { parentPort } from 'node:worker_threads';
        parentPort.postMessage({ type: 'started', display: ${DISPLAY} });
        parentPort.on('message', () => { throw new Error('a defect'); });`),
    );
    expect(await session.stopped).toEqual({
      kind: 'worker-died',
      message: expect.stringContaining('a defect'),
    });
    expect(session.events.at(-1)).toMatchObject({ state: 'crashed' });
    await session.until(() => session.closed);
  });

  it('is a failed start when it happens before the machine runs', async () => {
    const start = startBeside(`throw new Error('no memory for a thread');`);
    await expect(start).rejects.toThrow(/ended while it started: no memory for a thread/);
  });
});
