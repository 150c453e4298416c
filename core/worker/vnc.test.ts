import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ServedDisplay } from '../testing/served-display.ts';
import { listenForViewers } from './vnc-listener.ts';
import { VncPassword } from './vnc-password.ts';

const challenge = Uint8Array.from({ length: 16 }, (_, i) => i * 3);

describe('VncPassword', () => {
  it('encrypts by DES, the bits of each byte of the key mirrored', () => {
    // By OpenSSL: enc -des-ecb with the key CEA6CE86B6A60000, which is "sesame" mirrored.
    expect(Buffer.from(new VncPassword('sesame').encrypt(challenge)).toString('hex')).toBe(
      'c9051d016dbc8eb0e81b17a42f2de965',
    );
  });
  it('accepts only the answer to its challenge, and only while it is good', () => {
    const password = new VncPassword('sesame');
    expect(password.accepts(challenge, password.encrypt(challenge))).toBe(true);
    expect(password.accepts(challenge, new VncPassword('guess').encrypt(challenge))).toBe(false);
    expect(password.accepts(challenge, new Uint8Array(0))).toBe(false);
    expect(new VncPassword('sesame', Date.now() - 1).accepts(challenge, password.encrypt(challenge))).toBe(false);
    expect(password.createChallenge()).not.toEqual(password.createChallenge());
  });
});

describe('listenForViewers', () => {
  let served: Awaited<ReturnType<typeof ServedDisplay.start>> | undefined;
  afterEach(() => served?.close());

  it('serves RFB on its port', async () => {
    served = await ServedDisplay.start();
    const socket = connect(served.port, '127.0.0.1');
    const first = await new Promise((resolve) => socket.once('data', resolve));
    expect(String(first)).toBe('RFB 003.008\n');
    socket.destroy();
  });
  it('rejects where the port is taken', async () => {
    served = await ServedDisplay.start();
    await expect(listenForViewers({ address: '127.0.0.1', port: served.port }, () => {})).rejects.toThrow(/EADDRINUSE/);
  });
  it('takes another free port when none is asked for', async () => {
    const servers = [
      await listenForViewers({ address: '127.0.0.1' }, () => {}),
      await listenForViewers({ address: '127.0.0.1' }, () => {}),
    ];
    const ports = servers.map((server) => (server.address() as { port: number }).port);
    for (const server of servers) server.close();
    expect(new Set(ports).size).toBe(2);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(5900);
  });
});
