import { mkdir, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { AppEvent, VmId } from '../../core/contracts/calls.ts';
import { type App, createApp } from '../app/app.ts';
import { corePorts, machines } from '../testing/fake-core.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { startWebServer, type WebServer } from './server.ts';

let app: App;
let server: WebServer;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request as it is, without a client's idea of what is a proper path. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, path, method, headers };
    request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

async function signIn(url = server.url): Promise<string> {
  const { status, headers } = await get(url.slice(url.indexOf('/?')));
  expect(status).toBe(303);
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

const origin = (): string => `http://127.0.0.1:${server.port}`;

async function connect(path: string, headers?: Record<string, string>): Promise<WebSocket> {
  const all = headers ?? { Origin: origin(), Cookie: await signIn() };
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers: all });
  onTestFinished(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return socket;
}

/** The next message that is a reply or event. */
function nextMessage(socket: WebSocket): Promise<Record<string, unknown>> {
  return new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(String(data)))));
}

function closed(socket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })));
}

async function ask(socket: WebSocket, call: string, req?: unknown): Promise<Record<string, unknown>> {
  const id = Math.floor(Math.random() * 1e9);
  const reply = new Promise<Record<string, unknown>>((resolve) => {
    const listen = (data: unknown): void => {
      const message = JSON.parse(String(data)) as Record<string, unknown>;
      if (message['id'] !== id) return;
      socket.off('message', listen);
      resolve(message);
    };
    socket.on('message', listen);
  });
  socket.send(JSON.stringify({ id, call, req }));
  return reply;
}

async function runWelcome(): Promise<VmId> {
  const reply = await app.call('vms.list', undefined);
  const id = (reply.ok && reply.value && 'vms' in reply.value ? reply.value.vms[0]?.id : undefined) as VmId;
  expect(await app.call('vms.start', { id })).toMatchObject({ ok: true });
  return id;
}

beforeEach(async () => {
  const scratch = await scratchFolder();
  const rendererDir = join(scratch, 'renderer');
  await mkdir(join(rendererDir, 'assets'), { recursive: true });
  await writeFile(join(rendererDir, 'index.html'), '<!doctype html><title>Vivarium</title>');
  await writeFile(join(rendererDir, 'assets', 'index-abc.js'), 'export {};');
  await writeFile(join(rendererDir, 'notes.secret'), 'not a kind that is served');
  await writeFile(join(scratch, 'outside.html'), 'outside');
  app = await createApp({
    core: corePorts,
    host: 'browser',
    dataRoot: join(scratch, 'data'),
    quit: () => undefined,
    openPty: async () => {
      throw new Error('no ptys in this test');
    },
  });
  server = await startWebServer(app, rendererDir, 0);
  onTestFinished(async () => {
    await server.close();
    await app.forceOffAll();
    await app.close();
  });
});

describe('the token', () => {
  it('is 256 random bits in the printed address, exchanged for a cookie that scripts and other sites cannot use', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/);
    const { status, headers } = await get(server.url.slice(server.url.indexOf('/?')));
    expect([status, headers.location]).toEqual([303, '/']);
    expect(headers['set-cookie']?.[0]).toMatch(/^vivarium_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(headers['set-cookie']?.[0]).not.toContain(new URL(server.url).searchParams.get('token'));
  });

  it.each(['/', '/index.html', '/assets/index-abc.js', '/nonsense', '/?token=', '/?token=wrong', '/x?token=TOKEN'])(
    'is asked for at %s: 401 and what to do',
    async (path) => {
      const token = new URL(server.url).searchParams.get('token') ?? '';
      const { status, body, headers } = await get(path.replace('TOKEN', token));
      expect(status).toBe(401);
      expect(body).toContain('Open the address that Vivarium printed in its terminal');
      expect(headers['set-cookie']).toBeUndefined();
    },
  );

  it('of an address that was handed to a browser works once', async () => {
    const url = server.launchUrl();
    expect(await signIn(url)).toMatch(/^vivarium_/);
    expect((await get(url.slice(url.indexOf('/?')))).status).toBe(401);
    await signIn(); // the printed one goes on
  });

  it('that is old does no harm to a browser that is already in', async () => {
    const cookie = await signIn();
    expect((await get('/?token=old', { Cookie: cookie })).status).toBe(303);
  });
});

describe('pages', () => {
  it('are the built renderer, confined by headers', async () => {
    const { status, body, headers } = await get('/', { Cookie: await signIn() });
    expect([status, body]).toEqual([200, '<!doctype html><title>Vivarium</title>']);
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        `connect-src 'self' ws://127.0.0.1:${server.port}`,
      ]),
    );
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
  });

  it('with a digest in their names may be kept', async () => {
    const { status, headers } = await get('/assets/index-abc.js', { Cookie: await signIn() });
    expect([status, headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(headers['cache-control']).toContain('immutable');
  });

  it.each([
    '/../outside.html',
    '/%2e%2e/outside.html',
    '/..%2foutside.html',
    '/assets/../../outside.html',
    '/..\\outside.html',
    '/%5c..%5coutside.html',
    '//etc/passwd',
    '/index.html%00.js',
    '/%',
    '/notes.secret',
    '/assets',
    '/assets/',
  ])('outside the renderer are not there: %s', async (path) => {
    const { status, body } = await get(path, { Cookie: await signIn() });
    expect(status).toBe(404);
    expect(body).not.toContain('outside');
  });

  it('are not given to another name of this host (DNS rebinding)', async () => {
    const cookie = await signIn();
    for (const host of ['evil.example', `evil.example:${server.port}`, '127.0.0.1', `127.0.0.1:${server.port + 1}`]) {
      expect((await get('/', { Cookie: cookie, Host: host })).status).toBe(403);
    }
    expect((await get('/', { Cookie: cookie, Host: `localhost:${server.port}` })).status).toBe(200);
  });

  it('can only be read', async () => {
    const cookie = await signIn();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await get('/', { Cookie: cookie }, method)).status).toBe(405);
    expect(await get('/', { Cookie: cookie }, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });
});

describe('/api', () => {
  it('carries calls and events', async () => {
    const socket = await connect('/api');
    expect(await ask(socket, 'host.info')).toMatchObject({ ok: true, value: { host: 'browser' } });
    const { value } = await ask(socket, 'vms.list');
    const [vm] = (value as { vms: { id: string }[] }).vms;
    const event = nextMessage(socket);
    const reply = await ask(socket, 'vms.start', { id: vm?.id });
    expect(reply).toEqual({ id: reply['id'], ok: true });
    expect((await event)['event'] as AppEvent).toMatchObject({ type: 'vm-changed', vm: { id: vm?.id } });
  });

  it('answers malformed requests, and unknown calls, with invalid-request', async () => {
    const socket = await connect('/api');
    for (const [call, req] of [
      ['vms.get', { id: 'x' }],
      ['vms.get', null],
      ['nonsense', undefined],
      ['__proto__', undefined],
    ] as const) {
      expect(await ask(socket, call, req)).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
    }
  });

  it.each([
    ['not JSON', 'hello'],
    ['no object', '[]'],
    ['no id', '{"call":"vms.list"}'],
    ['a wrong id', '{"id":-1,"call":"vms.list"}'],
    ['unknown fields', '{"id":1,"call":"vms.list","token":1}'],
    ['bytes', Buffer.from([1, 2, 3])],
  ])('closes on %s', async (_, message) => {
    const socket = await connect('/api');
    const end = closed(socket);
    socket.send(message);
    expect((await end).code).toBe(1008);
    expect(await ask(await connect('/api'), 'vms.list')).toMatchObject({ ok: true });
  });

  it('closes on a message over 1 MiB', async () => {
    const socket = await connect('/api');
    const end = closed(socket);
    socket.send('x'.repeat((1 << 20) + 1));
    expect((await end).code).toBe(1009);
    expect(await ask(await connect('/api'), 'vms.list')).toMatchObject({ ok: true });
  });

  it.each([
    ['without a cookie', {}, 401],
    ['with a wrong cookie', { Cookie: 'vivarium_PORT=wrong' }, 401],
    ['from another site', { Origin: 'http://evil.example' }, 403],
    ['from another port of this host', { Origin: 'http://127.0.0.1:1' }, 403],
    ['from a file', { Origin: 'null' }, 403],
    ['without an origin', { Origin: '' }, 403],
    ['under another name', { Host: 'evil.example', Origin: 'http://evil.example' }, 403],
  ] as const)('is refused %s', async (_, change: Record<string, string>, status) => {
    const cookie = change['Cookie']?.replace('PORT', String(server.port));
    const own = status === 403 ? { Cookie: await signIn() } : {};
    const headers = { Origin: origin(), ...own, ...change, ...(cookie === undefined ? {} : { Cookie: cookie }) };
    await expect(connect('/api', headers)).rejects.toThrow(String(status));
  });

  it('is not there under other paths', async () => {
    for (const path of ['/', '/apix', '/streams', '/streams/rfb/', '/streams/rfb/x/../../api'])
      await expect(connect(path)).rejects.toThrow('404');
  });
});

describe('/streams', () => {
  it.each(['rfb', 'serial'] as const)('carry the bytes of %s both ways, in binary frames', async (kind) => {
    const id = await runWelcome();
    const socket = await connect(`/streams/${kind}/${id}`);
    const stream = machines.last.streams.at(-1);
    expect(stream?.kind).toBe(kind);
    const received = new Promise<unknown>((resolve) =>
      socket.once('message', (data, binary) => resolve([data, binary])),
    );
    stream?.emit(new Uint8Array([0, 1, 255]).buffer);
    expect(await received).toEqual([Buffer.from([0, 1, 255]), true]);
    socket.send(Buffer.from('typed'));
    await expect.poll(() => stream?.sentText()).toBe('typed');
    socket.close();
    await expect.poll(() => stream?.closed).toBe(true);
  });

  it('close with the machine', async () => {
    const id = await runWelcome();
    const socket = await connect(`/streams/serial/${id}`);
    const end = closed(socket);
    await app.call('vms.destroy', { id });
    expect((await end).code).toBe(1000);
  });

  it('say why there is none', async () => {
    const unknown = await connect('/streams/rfb/00000000-0000-4000-8000-000000000000');
    expect(await closed(unknown)).toEqual({ code: 4404, reason: 'This virtual machine does not exist any more.' });
    const id = await runWelcome();
    await app.call('vms.destroy', { id });
    const off = await connect(`/streams/rfb/${id}`);
    expect(await closed(off)).toEqual({ code: 4404, reason: '"Welcome" is not running.' });
  });

  it('take binary frames only', async () => {
    const socket = await connect(`/streams/serial/${await runWelcome()}`);
    const end = closed(socket);
    socket.send('text');
    expect((await end).code).toBe(1003);
  });

  it('cut off a viewer that does not keep up, and end its stream', async () => {
    const socket = await connect(`/streams/serial/${await runWelcome()}`);
    const stream = machines.last.streams.at(-1);
    socket.pause();
    const end = closed(socket);
    for (let chunk = 0; chunk < 64 && !stream?.closed; chunk += 1) {
      stream?.emit(new ArrayBuffer(1 << 20));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => stream?.closed).toBe(true);
    socket.resume();
    await end;
  });
});
