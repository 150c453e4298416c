import { describe, expect, it } from 'vitest';
import type { VmId } from '../../core/contracts/calls.ts';
import type { Connection } from './api.ts';
import { BrowserApi } from './browser.ts';

/** Stands in for a WebSocket: the test plays the server. */
class Socket {
  onopen: () => void = () => {};
  onclose: () => void = () => {};
  onmessage: (event: { data: unknown }) => void = () => {};
  binaryType = 'blob';
  readonly sent: { id: number; call: string; req: unknown }[] = [];
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  answer(message: unknown): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

function start() {
  const sockets: Socket[] = [];
  const timers: { callback: () => void; delayMs: number }[] = [];
  const api = new BrowserApi({
    openSocket: (path) => {
      const socket = new Socket(path);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    setTimeout: (callback, delayMs) => timers.push({ callback, delayMs }),
  });
  const states: Connection[] = [];
  api.onConnection((state) => states.push(state));
  const socket = (index: number): Socket => {
    const found = sockets[index];
    if (!found) throw new Error(`no socket ${index}`);
    return found;
  };
  return { api, socket, sockets, timers, states };
}

describe('calls', () => {
  it('go out with a number and resolve with the reply of that number, in any order', async () => {
    const { api, socket } = start();
    socket(0).onopen();
    const first = api.call('host.info', undefined);
    const second = api.call('vms.pause', { id: 'a' as VmId });
    expect(socket(0).sent[1]).toEqual({ id: 2, call: 'vms.pause', req: { id: 'a' } });
    socket(0).answer({ id: 2, ok: false, error: { code: 'wrong-state', message: 'no' } });
    socket(0).answer({ id: 1, ok: true, value: 'the host' });
    expect(await second).toEqual({ ok: false, error: { code: 'wrong-state', message: 'no' } });
    expect(await first).toEqual({ ok: true, value: 'the host' });
  });

  it('made before the socket is open wait for it', async () => {
    const { api, socket } = start();
    const reply = api.call('vms.list', undefined);
    expect(socket(0).sent).toEqual([]);
    socket(0).onopen();
    socket(0).answer({ id: 1, ok: true, value: 'list' });
    expect(await reply).toEqual({ ok: true, value: 'list' });
  });

  it('fail with a hint when the server goes away, and at once while it is away', async () => {
    const { api, socket } = start();
    socket(0).onopen();
    const unanswered = api.call('vms.list', undefined);
    socket(0).onclose();
    expect(await unanswered).toMatchObject({ ok: false, error: { code: 'internal', hint: expect.any(String) } });
    expect(await api.call('vms.list', undefined)).toMatchObject({ ok: false });
  });

  it('ignore what is no reply to anything', () => {
    const { socket } = start();
    socket(0).onopen();
    expect(() => socket(0).answer({ id: 99, ok: true, value: 1 })).not.toThrow();
    expect(() => socket(0).onmessage({ data: new ArrayBuffer(1) })).not.toThrow();
  });
});

describe('the connection', () => {
  it('is opened again, at growing intervals, until the server is back', () => {
    const { socket, sockets, timers, states } = start();
    socket(0).onopen();
    for (let attempt = 0; attempt < 6; attempt++) {
      socket(attempt).onclose();
      timers[attempt]?.callback();
    }
    expect(timers.map((timer) => timer.delayMs)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
    socket(sockets.length - 1).onopen();
    expect(states).toEqual(['connecting', 'online', 'offline', 'online']);
    socket(sockets.length - 1).onclose();
    expect(timers.at(-1)?.delayMs).toBe(500);
  });
});

describe('events and streams', () => {
  it('an event reaches every listener until it stops listening', () => {
    const { api, socket } = start();
    const seen: string[] = [];
    const stop = api.onEvent((event) => seen.push(event.type));
    socket(0).answer({ event: { type: 'vm-removed', id: 'a' } });
    stop();
    socket(0).answer({ event: { type: 'vm-removed', id: 'b' } });
    expect(seen).toEqual(['vm-removed']);
  });

  it('a stream is a binary socket under its own address', async () => {
    const { api, sockets } = start();
    await api.openStream({ kind: 'serial', vmId: 'a b' as VmId });
    expect(sockets[1]?.path).toBe('/streams/serial/a%20b');
    expect(sockets[1]?.binaryType).toBe('arraybuffer');
  });
});
