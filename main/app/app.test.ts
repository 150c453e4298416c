import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { AppEvent, CallName, Request, Response, VmId } from '../../core/contracts/calls.ts';
import { requestSchemas } from '../../core/contracts/validators.ts';
import { openDataDir } from '../services/data-dir.ts';
import { corePorts } from '../testing/fake-core.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { type App, type AppOptions, AppStartError, createApp } from './app.ts';

let dataRoot: string;
let quits: number;

async function open(change: Partial<AppOptions> = {}): Promise<App> {
  const app = await createApp({
    core: corePorts,
    host: 'browser',
    dataRoot,
    quit: () => (quits += 1),
    openPty: async () => {
      throw new Error('no ptys in this test');
    },
    ...change,
  });
  onTestFinished(() => app.close());
  return app;
}

/** The value of a call that must succeed. */
async function ask<K extends CallName>(app: App, name: K, request?: Request<K>): Promise<Response<K>> {
  const reply = await app.call(name, request);
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message}`);
  return reply.value as Response<K>;
}

async function welcome(app: App): Promise<VmId> {
  const [vm] = (await ask(app, 'vms.list')).vms;
  if (vm === undefined) throw new Error('the list is empty');
  return vm.id;
}

beforeEach(async () => {
  dataRoot = join(await scratchFolder(), 'data');
  quits = 0;
});

describe('the app', () => {
  it('tells about its host', async () => {
    const info = await ask(await open(), 'host.info');
    expect(info).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      host: 'browser',
      dataDir: dataRoot,
    });
    expect(info.maxGuestMemoryMiB).toBeLessThanOrEqual(3584);
  });

  it('runs a VM through its whole life by calls, and tells each change by events', async () => {
    const app = await open();
    const events: AppEvent[] = [];
    const stop = app.onEvent((event) => events.push(event));
    const kernel = join(dataRoot, 'kernel');
    await writeFile(kernel, 'KERNEL');
    const source = { kind: 'kernel', kernel, cmdline: '' } as const;
    const { id } = await ask(app, 'vms.create', { name: 'a', memoryMiB: 64, vcpus: 1, source });
    const states: unknown[] = [];
    for (const call of ['vms.start', 'vms.pause', 'vms.resume', 'vms.reset', 'vms.shutdown', 'vms.destroy'] as const) {
      await ask(app, call, { id });
      states.push((await ask(app, 'vms.get', { id })).state);
    }
    expect(states).toEqual(['running', 'paused', 'running', 'running', 'shutting-down', 'shutoff']);
    await ask(app, 'vms.delete', { id });
    stop();
    const seen = events.map((event) => (event.type === 'vm-changed' ? event.vm.state : event.type));
    const changes = seen.filter((what, index) => what !== 'vm-log' && what !== seen[index - 1]);
    expect(changes).toEqual(expect.arrayContaining(['shutoff', 'running', 'paused', 'shutting-down', 'vm-removed']));
    expect(seen).toContain('vm-log');
    const count = events.length;
    await ask(app, 'vms.start', { id: await welcome(app) });
    expect(events).toHaveLength(count); // nobody listens any more
    await app.forceOffAll();
  });

  it('answers every call that is malformed with invalid-request', async () => {
    const app = await open();
    for (const name of Object.keys(requestSchemas)) {
      const reply = await app.call(name, { nonsense: true });
      expect(reply).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
    }
    for (const name of ['nonsense', '__proto__', 'toString', 12, null, 10n, { toString: 'x' }]) {
      expect(await app.call(name, undefined)).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
    }
    expect(app.openStream({ kind: 'rfb', vmId: '../x' })).toMatchObject({ error: { code: 'invalid-request' } });
    expect(app.openStream(null)).toMatchObject({ error: { code: 'invalid-request' } });
  });

  it('answers an unexpected failure as data', async () => {
    const broken = {
      ...corePorts,
      describeBootFile: {
        ...corePorts.describeBootFile,
        kernel: () => {
          throw new TypeError('a fault of ours');
        },
      },
    };
    const app = await open({ core: broken });
    const path = join(dataRoot, 'images', 'welcome.elf');
    const reply = await app.call('files.check', { path, role: 'kernel' });
    expect(reply).toMatchObject({
      ok: true,
      value: { ok: false, message: expect.stringContaining('a fault of ours') },
    });
  });

  it('quits at once when nothing runs; else only by force, which forces off', async () => {
    const app = await open();
    const id = await welcome(app);
    await ask(app, 'vms.start', { id });
    const refused = await app.call('app.quit', { force: false });
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'vms-running', message: '"Welcome" is still running.' },
    });
    expect(quits).toBe(0);
    await ask(app, 'app.quit', { force: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(quits).toBe(1);
    expect((await ask(app, 'vms.get', { id })).state).toBe('shutoff');
    await ask(app, 'app.quit', { force: false });
  });

  it('asks the renderer when its window is being closed', async () => {
    const app = await open();
    await ask(app, 'vms.start', { id: await welcome(app) });
    const events: AppEvent[] = [];
    app.onEvent((event) => events.push(event));
    app.requestClose();
    expect(events.at(-1)).toMatchObject({ type: 'close-requested', running: [{ name: 'Welcome' }] });
    await app.forceOffAll();
  });
});

describe('the Welcome VM', () => {
  const image = (): Promise<string> => readFile(join(dataRoot, 'images', 'welcome.elf'), 'utf8');
  const names = async (app: App): Promise<string[]> => (await ask(app, 'vms.list')).vms.map(({ name }) => name);
  const restarted = async (app: App, change: Partial<AppOptions> = {}): Promise<App> => {
    await app.close();
    return open(change);
  };

  it('is in the list on the first start, ready to run', async () => {
    const app = await open();
    expect(await names(app)).toEqual(['Welcome']);
    expect(await image()).toBe('KERNEL welcome');
    const { hardware, description } = await ask(app, 'vms.get', { id: await welcome(app) });
    expect(hardware.boot.kernel?.kernel).toBe(join(dataRoot, 'images', 'welcome.elf'));
    expect(description).toMatch(/Run it/);
  });

  it('stays deleted when it is deleted', async () => {
    const app = await open();
    await ask(app, 'vms.delete', { id: await welcome(app) });
    expect(await names(await restarted(app))).toEqual([]);
  });

  it('gets the kernel of a newer build, and stays the same VM', async () => {
    const app = await open();
    const id = await welcome(app);
    const newer = { ...corePorts, buildWelcomeImage: () => new TextEncoder().encode('KERNEL newer') };
    const again = await restarted(app, { core: newer });
    expect(await image()).toBe('KERNEL newer');
    expect(await welcome(again)).toBe(id);
  });

  it('is complete after a kill between its definition and its kernel', async () => {
    const app = await open();
    await rm(join(dataRoot, 'images', 'welcome.elf'));
    expect(await names(await restarted(app))).toEqual(['Welcome']);
    expect(await image()).toBe('KERNEL welcome');
  });
});

describe('a start that cannot be', () => {
  const failure = async (start: Promise<App>): Promise<AppStartError> =>
    start.then(
      () => expect.unreachable('it started'),
      (error: unknown) => {
        if (error instanceof AppStartError) return error;
        throw error;
      },
    );

  it('says who has the data folder, and tells the other', async () => {
    let seconds = 0;
    await open({ onSecondStart: () => (seconds += 1) });
    const error = await failure(open());
    expect(error.message).toBe(`The data folder ${dataRoot} is in use by process ${process.pid} (the browser host).`);
    expect(error.hint).not.toBe('');
    expect(seconds).toBe(1);
  });

  it('says that the data folder is no folder', async () => {
    await writeFile(dataRoot, '');
    const error = await failure(open());
    expect(error.message).toContain(dataRoot);
    expect(error.hint).toContain('VIVARIUM_DATA');
  });

  it('goes on with broken definitions, and reports them', async () => {
    const dir = await openDataDir(dataRoot);
    await writeFile(join(dir.vms, 'x.xml'), '<domain');
    const app = await open();
    const { vms, problems } = await ask(app, 'vms.list');
    expect(vms.map(({ name }) => name)).toEqual(['Welcome']);
    expect(problems).toMatchObject([{ path: join(dir.vms, 'x.xml') }]);
    expect(await readFile(join(dir.vms, 'x.xml'), 'utf8')).toBe('<domain');
  });
});
