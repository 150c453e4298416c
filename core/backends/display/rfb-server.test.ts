import { describe, expect, it } from 'vitest';
import { RED_FIRST, RfbTestClient } from '../../testing/rfb-client.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { nodeDeflate } from '../../worker/node-deflate.ts';
import { DisplayServer } from './display-server.ts';
import { MAX_VIEWERS } from './rfb-server.ts';
import type { ViewerKey } from './rfb-session.ts';

const RAW = 0;
const COPY_RECT = 1;
const TIGHT = 7;
const ZRLE = 16;
const DESKTOP_SIZE = -223;
const QEMU_KEYS = -258;
const EXTENDED_DESKTOP_SIZE = -308;
const CURSOR = -239;
const FENCE = -312;
const CONTINUOUS_UPDATES = -313;
const FRAME_NS = 17e6;

function setUp() {
  const rig = new VgaRig();
  rig.hideCursor();
  const keys: (ViewerKey & { down: boolean })[] = [];
  const pointers: number[][] = [];
  const log: string[] = [];
  const display = new DisplayServer({
    vram: rig.vram,
    scanout: rig.scanout,
    timers: rig.timers,
    deflate: nodeDeflate,
    name: 'squeeze',
    log: (message) => log.push(message),
    collectWrites: () => {},
    input: { key: (key, down) => keys.push({ ...key, down }), pointer: (...at) => pointers.push(at) },
  });
  const viewer = (chunkBytes?: number) => new RfbTestClient((channel) => display.connect(channel), chunkBytes);
  /** A viewer that has the whole picture and waits for the next change. */
  const watching = async (encodings: readonly number[], chunkBytes?: number) => {
    const client = viewer(chunkBytes);
    await client.connect();
    client.setPixelFormat(RED_FIRST);
    client.setEncodings(...encodings);
    do {
      client.request(true);
      rig.timers.advance(FRAME_NS);
    } while (!(await client.update()).some((rect) => rect.encoding >= 0));
    client.request(true);
    rig.timers.advance(FRAME_NS);
    return client;
  };
  /** Pixels of this viewer that are not as the renderer has them. */
  const wrong = (client: RfbTestClient) => {
    const picture = client.pixels;
    const check = viewer();
    return check.connect().then(async () => {
      check.setPixelFormat(RED_FIRST);
      check.request(false);
      rig.timers.advance(FRAME_NS);
      await check.update();
      check.leave();
      return picture.length === check.pixels.length
        ? picture.reduce((count, pixel, i) => count + (pixel === check.pixels[i] ? 0 : 1), 0)
        : -1;
    });
  };
  return { rig, display, viewer, watching, wrong, keys, pointers, log };
}

const u16 = (value: number) => [value >> 8, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const keyEvent = (down: boolean, keysym: number) => Uint8Array.from([4, down ? 1 : 0, 0, 0, ...u32(keysym)]);
const qemuKey = (down: boolean, keysym: number, qnum: number) =>
  Uint8Array.from([255, 0, 0, down ? 1 : 0, ...u32(keysym), ...u32(qnum)]);
const pointerEvent = (buttons: number, x: number, y: number) => Uint8Array.from([5, buttons, ...u16(x), ...u16(y)]);

describe('handshake', () => {
  it.each([3, 7, 8] as const)('is done with a client of version 3.%i', async (minor) => {
    const { viewer } = setUp();
    const client = viewer();
    await client.connect(minor);
    expect([client.name, client.width, client.height]).toEqual(['squeeze', 720, 400]);
  });
  it('offers 3.8 and takes an unknown version as 3.3', async () => {
    const { viewer } = setUp();
    const client = viewer();
    expect((await client.read(12)).toString()).toBe('RFB 003.008\n');
    client.send(Buffer.from('RFB 003.005\n'));
    expect([...(await client.read(4))]).toEqual([0, 0, 0, 1]);
  });
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n'), /not an RFB 3 client/],
    ['a security type that was not offered', Buffer.from('RFB 003.008\n\x02'), /security type 2/],
  ])('ends with %s', (_what, bytes, reason) => {
    const { viewer, log } = setUp();
    const client = viewer();
    client.send(bytes);
    expect(client.closed).toBe(true);
    expect(log.join()).toMatch(reason);
  });
  it('turns away a viewer too many with the reason, and takes one again when another left', async () => {
    const { viewer } = setUp();
    const clients = Array.from({ length: MAX_VIEWERS }, () => viewer());
    const late = viewer();
    await late.read(12);
    late.send(Buffer.from('RFB 003.008\n'));
    expect((await late.read(1))[0]).toBe(0);
    expect((await late.read((await late.read(4)).readUInt32BE())).toString()).toMatch(/16 viewers.*try again/);
    expect(late.closed).toBe(true);
    clients[0]?.leave();
    await viewer().connect();
  });
});

describe('updates', () => {
  it('show text to viewers of either encoding', async () => {
    const { rig, watching, wrong } = setUp();
    const clients = [await watching([RAW]), await watching([ZRLE]), await watching([COPY_RECT, ZRLE, RAW])];
    rig.put(3, 7, 'seen by all', 0x2f);
    rig.timers.advance(FRAME_NS);
    for (const client of clients) {
      expect(await client.update()).toHaveLength(1);
      expect(await wrong(client)).toBe(0);
    }
  });
  it('send nothing while nothing changes, and nothing while nobody asks', async () => {
    const { rig, watching } = setUp();
    const client = await watching([ZRLE]);
    const sent = client.sentBytes;
    rig.timers.advance(1e9);
    expect(client.sentBytes).toBe(sent);
    rig.put(0, 0, 'x');
    rig.timers.advance(FRAME_NS);
    await client.update();
    rig.put(0, 0, 'y');
    expect(rig.timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect(client.unread).toBe(0);
  });
  it('come at most 60 times a second, however often a viewer asks', async () => {
    const { rig, watching } = setUp();
    const client = await watching([RAW]);
    let updates = 0;
    for (let ms = 0; ms < 1000; ms++) {
      rig.put(0, 0, String(ms));
      client.request(true);
      rig.timers.advance(1e6);
      if (client.unread === 0) continue;
      await client.update();
      updates++;
    }
    expect(updates).toBeGreaterThan(50);
    expect(updates).toBeLessThanOrEqual(61);
  });
  it('scroll by CopyRect and send only the new line', async () => {
    const { rig, watching, wrong } = setUp();
    for (let row = 0; row < 25; row++) rig.put(row, 0, `row ${row}`);
    const client = await watching([COPY_RECT, ZRLE]);
    rig.scroll();
    rig.put(24, 0, 'the new line');
    rig.timers.advance(FRAME_NS);
    const rects = await client.update();
    expect(rects[0]).toEqual({ x: 0, y: 0, width: 720, height: 384, encoding: COPY_RECT });
    expect(rects.slice(1).every((rect) => rect.y === 384 && rect.encoding === ZRLE)).toBe(true);
    expect(await wrong(client)).toBe(0);
  });
  it('keep every viewer right through a flood of scrolling, slow ones too', async () => {
    const { rig, watching, wrong } = setUp();
    const random = new SeededRandom(5);
    const clients = [await watching([COPY_RECT, ZRLE]), await watching([ZRLE]), await watching([COPY_RECT, RAW])];
    for (let line = 0; line < 150; line++) {
      rig.scroll();
      rig.put(24, 0, `line ${line} `.repeat(1 + random.below(6)), random.below(256));
      rig.timers.advance(FRAME_NS);
      for (const client of clients) {
        if (random.below(3) > 0) continue;
        await client.update();
        client.request(true);
      }
    }
    // Each is still owed an update, or waits for one; after two more changes all have seen everything.
    for (const last of ['almost', 'at last']) {
      rig.put(0, 0, last);
      rig.timers.advance(FRAME_NS);
      for (const client of clients) {
        await client.update();
        client.request(true);
      }
    }
    for (const client of clients) expect(await wrong(client)).toBe(0);
  });
  it('wait while the channel still holds bytes, and then carry all that changed', async () => {
    const { rig, watching, wrong } = setUp();
    const client = await watching([RAW]);
    client.buffered = 1;
    const sent = client.sentBytes;
    for (let i = 0; i < 20; i++) {
      rig.put(i, i, 'more');
      client.request(true);
      rig.timers.advance(FRAME_NS);
    }
    expect(client.sentBytes).toBe(sent);
    client.buffered = 0;
    rig.timers.advance(FRAME_NS);
    await client.update();
    expect(client.unread).toBe(0);
    expect(await wrong(client)).toBe(0);
  });
  it('answer a request that is not incremental in full', async () => {
    const { rig, watching } = setUp();
    const client = await watching([RAW]);
    client.request(false, 16, 32, 16, 16);
    rig.timers.advance(FRAME_NS);
    expect(await client.update()).toEqual([{ x: 16, y: 32, width: 16, height: 16, encoding: RAW }]);
  });
});

describe('fences', () => {
  it('are answered with what they carried, and without flags that are unknown', async () => {
    const { watching } = setUp();
    const client = await watching([RAW, FENCE]);
    client.sendFence(0x8000_0007, Buffer.from('name'));
    while (client.answered?.flags !== 3) await client.message();
    expect(client.answered).toEqual({ flags: 3, payload: Buffer.from('name') });
  });
  it('of a viewer that does not answer them hold further updates back, which then carry all', async () => {
    const { rig, watching, wrong } = setUp();
    const client = await watching([RAW, FENCE]);
    const other = await watching([RAW]);
    client.holdFences = true;
    let updates = 0;
    for (let i = 0; i < 10; i++) {
      rig.put(i, i, 'more');
      client.request(true);
      other.request(true);
      rig.timers.advance(FRAME_NS);
      await other.update();
      if (client.unread <= 17) continue;
      await client.update();
      updates++;
    }
    expect(updates).toBeLessThanOrEqual(4);
    expect(await wrong(other)).toBe(0);
    client.holdFences = false;
    while (client.unread > 0) await client.message();
    client.releaseFences();
    rig.timers.advance(FRAME_NS);
    await client.update();
    expect(await wrong(client)).toBe(0);
  });
  it('that nobody reads the answers of end the session', async () => {
    const { watching, log } = setUp();
    const client = await watching([RAW]);
    client.buffered = 1;
    for (let i = 0; i < 2000 && !client.closed; i++) client.sendFence(0x8000_0000, new Uint8Array(64));
    expect(log.join()).toMatch(/asks more than it reads/);
  });
});

describe('continuous updates', () => {
  it('come without requests, paced by fences, until they are ended', async () => {
    const { rig, watching, wrong } = setUp();
    const client = await watching([TIGHT, FENCE, CONTINUOUS_UPDATES]);
    expect(client.continuousUpdatesEnded).toBe(1);
    client.enableContinuousUpdates(true);
    for (let i = 0; i < 10; i++) {
      rig.put(i, i, 'more');
      rig.timers.advance(FRAME_NS);
      await client.update();
    }
    expect(await wrong(client)).toBe(0);
    client.enableContinuousUpdates(false);
    while (client.continuousUpdatesEnded < 2) await client.message();
    rig.put(20, 0, 'unseen');
    rig.timers.advance(1e9);
    expect(client.unread).toBe(0);
  });
});

describe('the cursor', () => {
  it('is the guest’s: a viewer is given an empty one', async () => {
    const { watching } = setUp();
    expect((await watching([RAW, CURSOR])).cursor).toEqual({ width: 0, height: 0 });
  });
});

describe('the size of the desktop', () => {
  it.each([
    ['DesktopSize', DESKTOP_SIZE],
    ['ExtendedDesktopSize', EXTENDED_DESKTOP_SIZE],
  ])('changes by %s, alone in its update, and all follows', async (_name, encoding) => {
    const { rig, watching, wrong } = setUp();
    const client = await watching([ZRLE, encoding]);
    rig.crtc(0x11, 0x0e);
    rig.crtc(0x01, 39);
    rig.timers.advance(FRAME_NS);
    const rects = await client.update();
    expect(rects.map((rect) => rect.encoding)).toEqual([encoding]);
    expect([client.width, client.height]).toEqual([360, 400]);
    client.request(true);
    rig.timers.advance(FRAME_NS);
    await client.update();
    expect(await wrong(client)).toBe(0);
  });
  it('stays for a client that cannot change it: cut or black beyond the edge', async () => {
    const { rig, watching } = setUp();
    rig.put(0, 79, '█');
    const client = await watching([RAW]);
    expect(client.pixels[719]).toBe(0xaaaaaa);
    rig.crtc(0x11, 0x0e);
    rig.crtc(0x01, 39);
    rig.timers.advance(FRAME_NS);
    await client.update();
    expect([client.width, client.height, client.pixels[719]]).toEqual([720, 400, 0]);
  });
  it('is not the client’s to choose: it is told so', async () => {
    const { rig, watching } = setUp();
    const client = await watching([RAW, EXTENDED_DESKTOP_SIZE]);
    const screen = [...u32(0), ...u16(0), ...u16(0), ...u16(800), ...u16(600), ...u32(0)];
    client.send(Uint8Array.from([251, 0, ...u16(800), ...u16(600), 1, 0, ...screen]));
    rig.timers.advance(FRAME_NS);
    expect(await client.update()).toEqual([{ x: 1, y: 1, width: 720, height: 400, encoding: EXTENDED_DESKTOP_SIZE }]);
  });
});

describe('input', () => {
  it('passes scan codes and keysyms on, after it said that it takes scan codes', async () => {
    const { viewer, rig, keys } = setUp();
    const client = viewer();
    await client.connect();
    client.setEncodings(RAW, QEMU_KEYS);
    client.request(true);
    rig.timers.advance(FRAME_NS);
    expect((await client.update())[0]?.encoding).toBe(QEMU_KEYS);
    client.send(qemuKey(true, 0xff52, 0xc8));
    client.send(qemuKey(false, 0xff52, 0xc8));
    client.send(keyEvent(true, 0x61));
    expect(keys).toEqual([
      { keysym: 0xff52, qnum: 0xc8, down: true },
      { keysym: 0xff52, qnum: 0xc8, down: false },
      { keysym: 0x61, down: true },
    ]);
  });
  it('releases what a viewer held when it goes', async () => {
    const { watching, keys } = setUp();
    const client = await watching([RAW]);
    client.send(qemuKey(true, 0xffe3, 0x1d));
    client.send(keyEvent(true, 0x61));
    client.leave();
    expect(keys.slice(2)).toEqual([
      { keysym: 0xffe3, qnum: 0x1d, down: false },
      { keysym: 0x61, down: false },
    ]);
  });
  it('remembers a bounded number of held keys', async () => {
    const { watching, keys } = setUp();
    const client = await watching([RAW]);
    for (let keysym = 1; keysym <= 1000; keysym++) client.send(keyEvent(true, keysym));
    const held = keys.reduce((count, key) => count + (key.down ? 1 : -1), 0);
    expect(held).toBe(32);
    client.leave();
    expect(keys.filter((key) => !key.down)).toHaveLength(1000);
  });
  it('keeps the pointer on the screen', async () => {
    const { watching, pointers } = setUp();
    const client = await watching([RAW]);
    client.send(pointerEvent(1, 10, 20));
    client.send(pointerEvent(0, 65535, 65535));
    expect(pointers).toEqual([
      [10, 20, 1],
      [719, 399, 0],
    ]);
  });
});

describe('bytes in any pieces', () => {
  it.each([1, 2, 3, 7, 64])('of %i are understood as one stream', async (chunkBytes) => {
    const { rig, watching, wrong, keys, pointers } = setUp();
    const client = await watching([COPY_RECT, ZRLE, QEMU_KEYS, EXTENDED_DESKTOP_SIZE], chunkBytes);
    client.send(Uint8Array.from([6, 0, 0, 0, ...u32(1000), ...Array(1000).fill(0x41), ...keyEvent(true, 0x62)]));
    client.send(Uint8Array.from([...pointerEvent(2, 3, 4), ...qemuKey(true, 0x63, 0x2e), ...keyEvent(false, 0x62)]));
    expect(keys.map((key) => key.keysym)).toEqual([0x62, 0x63, 0x62]);
    expect(pointers).toEqual([[3, 4, 2]]);
    rig.put(9, 9, 'split');
    rig.timers.advance(FRAME_NS);
    await client.update();
    expect(await wrong(client)).toBe(0);
  });
});

describe('broken and hostile clients', () => {
  it.each([
    ['an unknown message', [99], /message type 99/],
    ['an unknown QEMU message', [255, 1], /QEMU message 1/],
    ['a colour-map format', [0, 0, 0, 0, 8, 8, 0, 0, ...Array(12).fill(0)], /colour-map/],
  ])('end their own session by %s', async (_what, bytes, reason) => {
    const { rig, watching, log } = setUp();
    const other = await watching([RAW]);
    const client = await watching([RAW]);
    client.send(Uint8Array.from(bytes));
    expect(client.closed).toBe(true);
    expect(log.join()).toMatch(reason);
    client.send(keyEvent(true, 0x61));
    rig.put(0, 0, 'x');
    rig.timers.advance(FRAME_NS);
    expect(await other.update()).toHaveLength(1);
  });
  it('get no more than one update for a flood of requests they do not read', async () => {
    const { rig, watching } = setUp();
    const client = await watching([RAW]);
    client.buffered = 1;
    const sent = client.sentBytes;
    for (let i = 0; i < 1000; i++) client.request(false);
    rig.timers.advance(1e9);
    expect(client.sentBytes).toBe(sent);
    client.buffered = 0;
    rig.timers.advance(FRAME_NS);
    expect(client.sentBytes - sent).toBe(4 + 12 + 720 * 400 * 4);
  });
  it('may announce 4 GiB of clipboard: it is read past, not kept', async () => {
    const { watching, keys } = setUp();
    const client = await watching([RAW]);
    client.send(Uint8Array.from([6, 0, 0, 0, ...u32(0x7fff_ffff)]));
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 64; i++) client.send(new Uint8Array(1 << 16));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 23);
    expect([client.closed, keys.length]).toEqual([false, 0]);
  });
  it('never make the server throw, whatever bytes they send', async () => {
    const random = new SeededRandom(99);
    const { rig, display, watching, viewer } = setUp();
    const MESSAGES = [0, 2, 3, 4, 5, 6, 150, 248, 251, 255];
    for (let round = 0; round < 400; round++) {
      const client = viewer(1 + random.below(40));
      const connected = random.below(4) > 0;
      if (connected) await client.connect();
      const bytes = Uint8Array.from({ length: 1 + random.below(600) }, () =>
        random.below(6) === 0 ? random.pick(MESSAGES) : random.below(random.pick([2, 20, 256])),
      );
      if (connected) bytes[0] = random.pick(MESSAGES);
      client.send(bytes);
      rig.put(random.below(25), 0, `round ${round}`);
      rig.timers.advance(FRAME_NS);
      client.leave();
    }
    await watching([ZRLE]);
    display.close();
  });
});

describe('a viewer that only connects', () => {
  it('is sent away after a minute', async () => {
    const { rig, viewer, watching, log } = setUp();
    const idle = viewer();
    const client = await watching([RAW]);
    rig.timers.advance(61e9);
    expect([idle.closed, client.closed]).toEqual([true, false]);
    expect(log.join()).toMatch(/in time/);
  });
});

describe('closing', () => {
  it('ends every session and stops the clock', async () => {
    const { rig, display, watching, log } = setUp();
    const client = await watching([ZRLE]);
    rig.put(0, 0, 'x');
    display.close();
    expect(client.closed).toBe(true);
    expect(log).toEqual(['viewer: the display closed']);
    expect(rig.timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });
  it('in the middle of compression sends nothing more', async () => {
    const { rig, watching } = setUp();
    const client = await watching([ZRLE]);
    rig.put(0, 0, 'x');
    rig.timers.advance(FRAME_NS);
    const sent = client.sentBytes;
    client.leave();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.sentBytes).toBe(sent);
  });
});
