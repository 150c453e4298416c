import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AppEvent, Reply, VmId } from '../../core/contracts/calls.ts';
import type { StreamMessage } from '../../core/contracts/streams.ts';
import { bundle } from '../testing/bundle.ts';
import { CancellableEvent, closeWindow, FakeElectron, FakeFrame, FakePort } from '../testing/fake-electron.ts';
import type { FakeMachines } from '../testing/fake-machine.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { CALL_CHANNEL, EVENT_CHANNEL, STREAM_CHANNEL } from './channels.ts';
import { isReachable, readWindowState } from './window-state.ts';

/** What preload.ts puts on the page's window. */
interface Bridge {
  call(name: string, request?: unknown): Promise<Reply<'vms.list'>>;
  onEvent(listener: (event: AppEvent) => void): () => void;
  openStream(address: unknown): Promise<MessagePort>;
}

const HERE = import.meta.dirname;
const ELECTRON_PACKAGE = `const { ${Object.keys(new FakeElectron().exports()).join(', ')} } = globalThis.fakeElectron;
export { ${Object.keys(new FakeElectron().exports()).join(', ')} };
`;

/** Under node_modules, so that Vitest leaves the built files to Node. */
const APP = join('node_modules', 'vivarium');

let built: string;
let folder: string;
let electron: FakeElectron;
let machines: FakeMachines;

/** Builds the host once as electron.config.ts does, with core's threads replaced by fakes. */
beforeAll(async () => {
  built = await scratchFolder(afterAll);
  const app = join(built, APP);
  const fakeCore = join(HERE, '..', 'testing', 'fake-core.ts');
  const replaceCore = {
    name: 'fake-core',
    enforce: 'pre' as const,
    resolveId: (id: string) => (id.endsWith('/core-ports.ts') ? fakeCore : undefined),
  };
  const external = ['electron', 'node-pty', 'koffi'];
  const main = { index: join(HERE, 'index.ts'), core: fakeCore };
  await bundle({ entries: main, outDir: join(app, 'main'), format: 'es', external, plugins: [replaceCore] });
  const preload = { index: join(HERE, 'preload.ts') };
  await bundle({ entries: preload, outDir: join(app, 'preload'), format: 'cjs', external: ['electron'] });
  await mkdir(join(app, 'renderer'));
  await writeFile(join(app, 'renderer', 'index.html'), '<!doctype html>');
  await mkdir(join(built, 'node_modules', 'electron'), { recursive: true });
  const manifest = JSON.stringify({ name: 'electron', type: 'module', exports: './index.js' });
  await writeFile(join(built, 'node_modules', 'electron', 'package.json'), manifest);
  await writeFile(join(built, 'node_modules', 'electron', 'index.js'), ELECTRON_PACKAGE);
}, 60_000);

beforeEach(async () => {
  folder = await scratchFolder();
  await cp(built, folder, { recursive: true }); // modules of its own for each test
  vi.stubEnv('VIVARIUM_DATA', join(folder, 'data'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function start(): Promise<void> {
  electron = new FakeElectron();
  Object.assign(globalThis, { fakeElectron: electron.exports() });
  const load = (name: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(folder, APP, 'main', name)).href);
  ({ machines } = (await load('core.mjs')) as { machines: FakeMachines });
  await load('index.mjs');
  electron.app.ready();
  await vi.waitFor(() =>
    expect(electron.windows.length + electron.log.filter((line) => line.startsWith('exit')).length).toBe(1),
  );
  onTestFinished(async () => {
    electron.app.emit('will-quit', new CancellableEvent());
  });
}

async function openPage(): Promise<Bridge> {
  const page = electron.loadPage(await readFile(join(folder, APP, 'preload', 'index.cjs'), 'utf8'));
  return page['vivarium'] as Bridge;
}

async function startWelcome(bridge: Bridge): Promise<VmId> {
  const reply = await bridge.call('vms.list');
  const id = (reply.ok ? reply.value.vms[0]?.id : undefined) as VmId;
  expect(await bridge.call('vms.start', { id })).toMatchObject({ ok: true });
  return id;
}

const eventsSent = (): AppEvent[] =>
  electron.window.webContents.sent
    .filter(({ channel }) => channel === EVENT_CHANNEL)
    .map(({ message }) => message as AppEvent);

describe('the window', () => {
  beforeEach(start);

  it('is sandboxed, isolated, without Node, and loads our page from our own scheme', () => {
    expect(electron.log).toContain('sandbox');
    expect(electron.window.options['webPreferences']).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      preload: join(folder, APP, 'preload', 'index.cjs'),
    });
    expect(electron.window.webContents.mainFrame.url).toBe('app://vivarium/');
    expect(electron.schemes).toMatchObject([{ scheme: 'app', privileges: { standard: true, secure: true } }]);
  });

  it('gets the built renderer with a content security policy, and nothing beside it', async () => {
    const page = await electron.protocolHandler?.(new Request('app://vivarium/'));
    expect([page?.status, await page?.text()]).toEqual([200, '<!doctype html>']);
    expect(page?.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    for (const url of ['app://vivarium/..%2fmain/index.mjs', 'app://vivarium/nonsense', 'app://other/index.html'])
      expect((await electron.protocolHandler?.(new Request(url)))?.status).toBe(404);
  });

  it('goes nowhere, opens nothing, and is granted next to nothing', () => {
    const { webContents } = electron.window;
    const away = new CancellableEvent({ url: 'https://evil.example/' });
    webContents.emit('will-navigate', away);
    expect(away.defaultPrevented).toBe(true);
    const frame = new CancellableEvent({ url: 'app://vivarium/', isMainFrame: false });
    webContents.emit('will-frame-navigate', frame);
    expect(frame.defaultPrevented).toBe(true);
    expect(webContents.windowOpenHandler?.({ url: 'https://evil.example/' })).toEqual({ action: 'deny' });
    const granted: string[] = [];
    for (const permission of ['media', 'geolocation', 'openExternal', 'fullscreen'])
      electron.permission?.(webContents, permission, (yes) => yes && granted.push(permission));
    expect(granted).toEqual(['fullscreen']);
  });

  it('comes back where it was', () => {
    electron.window.maximized = true;
    expect(closeWindow(electron.window)).toBe(true);
    const statePath = join(folder, 'data', 'window.json');
    expect(readWindowState(statePath)).toEqual({ bounds: { x: 10, y: 20, width: 800, height: 600 }, maximized: true });
  });
});

describe('the bridge', () => {
  let bridge: Bridge;

  beforeEach(async () => {
    await start();
    bridge = await openPage();
  });

  it('has three functions and cannot be changed', () => {
    expect(Object.keys(bridge)).toEqual(['call', 'onEvent', 'openStream', 'pathOf']);
    expect(Object.isFrozen(bridge)).toBe(true);
  });

  it('carries calls and events between page and app', async () => {
    const heard: AppEvent[] = [];
    const stop = bridge.onEvent((event) => heard.push(event));
    const id = await startWelcome(bridge);
    expect(heard).toContainEqual(
      expect.objectContaining({ type: 'vm-changed', vm: expect.objectContaining({ id, state: 'running' }) }),
    );
    stop();
    const count = heard.length;
    await bridge.call('vms.pause', { id });
    expect(heard).toHaveLength(count);
    expect(await bridge.call('vms.get', { id: 'x' })).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
  });

  it('gives a stream as a MessagePort: open, bytes both ways, close', async () => {
    const vmId = await startWelcome(bridge);
    const port = await bridge.openStream({ kind: 'serial', vmId });
    const heard: StreamMessage[] = [];
    port.on('message', (message: StreamMessage) => heard.push(message));
    const stream = machines.last.streams.at(-1);
    await vi.waitFor(() => expect(heard).toEqual(['open']));
    stream?.emit(new Uint8Array([1, 2]).buffer);
    port.postMessage(new TextEncoder().encode('typed').buffer);
    port.postMessage({ nonsense: true });
    await vi.waitFor(() => expect(stream?.sentText()).toBe('typed'));
    machines.last.end('stopped', { kind: 'destroyed' });
    await vi.waitFor(() => expect(heard).toEqual(['open', new Uint8Array([1, 2]).buffer, 'close']));
    expect(stream?.sent).toHaveLength(1);
  });

  it('ends the stream when the page lets go of its port', async () => {
    const port = await bridge.openStream({ kind: 'rfb', vmId: await startWelcome(bridge) });
    port.close();
    await vi.waitFor(() => expect(machines.last.streams.at(-1)?.closed).toBe(true));
  });

  it('closes a stream that cannot be had', async () => {
    for (const address of [{ kind: 'rfb', vmId: '00000000-0000-4000-8000-000000000000' }, { kind: 'disk' }, null]) {
      const port = await bridge.openStream(address);
      const first = await new Promise((resolve) => port.once('message', resolve));
      expect(first).toBe('close');
    }
  });
});

describe('a sender that is not our page', () => {
  beforeEach(start);

  it.each([
    ['another frame of the window', () => new FakeFrame('app://vivarium/')],
    ['a frame that is gone', () => null],
    [
      'our frame after it went elsewhere',
      () => Object.assign(electron.window.webContents.mainFrame, { url: 'https://evil.example/app://vivarium/' }),
    ],
    [
      'a look-alike of our origin',
      () => Object.assign(electron.window.webContents.mainFrame, { url: 'app://vivarium.evil/' }),
    ],
  ])('gets no answer and no stream: %s', async (_, frameOf) => {
    const frame = frameOf();
    expect(await electron.invoke(frame, CALL_CHANNEL, 'vms.list')).toMatchObject({
      error: { code: 'invalid-request' },
    });
    const { port1, port2 } = new MessageChannel();
    const ended = new Promise((resolve) => (port1 as unknown as MessagePort).once('close', () => resolve('closed')));
    const event = { senderFrame: frame, ports: [new FakePort(port2 as unknown as MessagePort)] };
    electron.ipcMain.emit(STREAM_CHANNEL, event, { kind: 'rfb', vmId: '00000000-0000-4000-8000-000000000000' });
    expect(await ended).toBe('closed');
  });
});

describe('closing', () => {
  let bridge: Bridge;

  beforeEach(async () => {
    await start();
    bridge = await openPage();
  });

  it('ends the program when nothing runs', () => {
    expect(closeWindow(electron.window)).toBe(true);
    electron.app.emit('window-all-closed');
    expect(electron.log).toContain('quit');
  });

  it.each(['the window', 'the program'])('%s while VMs run lets the page ask; its answer quits', async (what) => {
    const id = await startWelcome(bridge);
    if (what === 'the window') expect(closeWindow(electron.window)).toBe(false);
    else electron.app.quit();
    expect(electron.log).not.toContain('quit');
    expect(eventsSent().at(-1)).toMatchObject({ type: 'close-requested', running: [{ id, name: 'Welcome' }] });
    expect(await bridge.call('app.quit', { force: false })).toMatchObject({ error: { code: 'vms-running' } });
    expect(electron.log).not.toContain('quit');
    expect(await bridge.call('app.quit', { force: true })).toMatchObject({ ok: true });
    await vi.waitFor(() => expect(electron.log).toContain('quit'));
    expect(machines.last.terminated).toBe(true);
  });

  it('asks in a dialog when the page has crashed', async () => {
    await startWelcome(bridge);
    electron.window.webContents.crashed = true;
    expect(closeWindow(electron.window)).toBe(false);
    expect(electron.log.at(-1)).toBe('dialog: Still running: Welcome');
    expect(machines.last.terminated).toBe(false);
    electron.dialogChoice = 0;
    closeWindow(electron.window);
    await vi.waitFor(() => expect(electron.log).toContain('quit'));
  });
});

describe('a second start over the same data folder', () => {
  it('opens nothing, says who has it, and brings the first to the front', async () => {
    await start();
    const first = electron;
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => said.mockRestore());
    folder = await scratchFolder();
    await cp(built, folder, { recursive: true });
    await start();
    expect(electron.windows).toEqual([]);
    expect(electron.log).toContain('exit 1');
    expect(electron.log.join()).toContain(`is in use by process ${process.pid} (the desktop app)`);
    await vi.waitFor(() => expect(first.window.focused).toBe(1));
  });
});

describe('the window’s last place', () => {
  const bounds = { x: 0, y: 0, width: 800, height: 600 };
  const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];

  it.each([
    [{}, true],
    [{ x: -750 }, false],
    [{ x: 1900 }, false],
    [{ y: -50 }, false],
    [{ y: 1080 }, false],
    [{ x: 1500, y: 900 }, true],
  ])('moved by %j is reachable: %s', (change, reachable) => {
    expect(isReachable({ ...bounds, ...change }, screens)).toBe(reachable);
  });

  it('is forgotten when its file means nothing', async () => {
    const path = join(folder, 'window.json');
    expect(readWindowState(path)).toBeUndefined();
    for (const text of ['', 'null', '{"bounds":{"x":1e9,"y":0,"width":1,"height":1},"maximized":false}']) {
      await writeFile(path, text);
      expect(readWindowState(path)).toBeUndefined();
    }
  });
});
