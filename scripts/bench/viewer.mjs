// An RFB (VNC) viewer that looks at no pixels: it measures what a person in front of it would wait for. [RFC6143]
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './figures.mjs';

export const RAW = 0;
export const ZRLE = 16;
const DESKTOP_SIZE = -223;
const SPACE = 0x20; // a keysym
/** A key that the screen does not answer by then was lost. */
const ANSWER_MS = 10_000;
/** No picture comes any more after so long without one. */
const STILL_MS = 300;

class Viewer {
  #socket;
  #parts = [];
  #received = 0;
  #wake = () => {};
  #closed = false;
  #width = 0;
  #height = 0;
  #pixelBytes = 4;

  constructor(port) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (part) => {
      this.#parts.push(part);
      this.#received += part.length;
      this.#wake();
    });
    this.#socket.on('error', () => {}); // it closes then
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Handshake, [RFC6143] 7.1 to 7.3, and the first picture. */
  async open(encoding) {
    await this.#read(12);
    this.#socket.write('RFB 003.008\n');
    await this.#read((await this.#read(1))[0]);
    this.#socket.write(Uint8Array.of(1)); // no security
    if ((await this.#read(4)).readUInt32BE() !== 0) throw new Error('the display turned the viewer away');
    this.#socket.write(Uint8Array.of(1)); // others may look too
    const init = await this.#read(24);
    this.#width = init.readUInt16BE(0);
    this.#height = init.readUInt16BE(2);
    this.#pixelBytes = init[4] / 8;
    await this.#read(init.readUInt32BE(20));
    this.#setEncodings([encoding, DESKTOP_SIZE]);
    this.request(false);
    await this.#update();
  }

  #setEncodings(encodings) {
    const message = Buffer.alloc(4 + 4 * encodings.length);
    message[0] = 2;
    message.writeUInt16BE(encodings.length, 2);
    for (const [i, encoding] of encodings.entries()) message.writeInt32BE(encoding, 4 + 4 * i);
    this.#socket.write(message);
  }

  request(incremental) {
    const message = Buffer.alloc(10);
    message[0] = 3;
    message[1] = incremental ? 1 : 0;
    message.writeUInt16BE(this.#width, 6);
    message.writeUInt16BE(this.#height, 8);
    this.#socket.write(message);
  }

  press(keysym) {
    for (const down of [1, 0]) {
      const message = Buffer.alloc(8);
      message.set([4, down]);
      message.writeUInt32BE(keysym, 4);
      this.#socket.write(message);
    }
  }

  /** Asks for what changes; resolves to how many pixels did. */
  next() {
    this.request(true);
    const update = this.#update();
    update.catch(() => {}); // the viewer may leave before it comes
    return update;
  }

  /** Reads one FramebufferUpdate. */
  async #update() {
    const [type] = await this.#read(1);
    if (type !== 0) throw new Error(`message ${type} was not asked for`);
    let pixels = 0;
    for (let left = (await this.#read(3)).readUInt16BE(1); left > 0; left--) pixels += await this.#rectangle();
    return pixels;
  }

  async #rectangle() {
    const head = await this.#read(12);
    const [width, height, encoding] = [head.readUInt16BE(4), head.readUInt16BE(6), head.readInt32BE(8)];
    if (encoding === DESKTOP_SIZE) {
      this.#width = width;
      this.#height = height;
      return 0;
    }
    if (encoding === RAW) await this.#read(width * height * this.#pixelBytes);
    else if (encoding === ZRLE) await this.#read((await this.#read(4)).readUInt32BE());
    else throw new Error(`encoding ${encoding} was not asked for`);
    return width * height;
  }

  async #read(count) {
    while (this.#received < count) {
      if (this.#closed) throw new Error('the display closed the connection');
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [all.subarray(count)];
    this.#received -= count;
    return all.subarray(0, count);
  }

  close() {
    this.#socket.destroy();
  }
}

/** Undefined when it takes longer. */
function within(promise, milliseconds) {
  const waited = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: waited.signal }).catch(() => undefined);
  return Promise.race([promise, late]).finally(() => waited.abort());
}

/** Asks for the next picture as soon as it has one. `seen`: nanoseconds from picture to picture. */
export const watcher = (encoding) => async (port) => {
  const viewer = new Viewer(port);
  await viewer.open(encoding);
  let ended = false;
  return {
    async begin() {
      const from = performance.now();
      let [updates, last] = [0, from];
      while (!ended) {
        const pixels = await viewer.next();
        if (pixels === 0 || ended) continue;
        updates++;
        last = performance.now();
      }
      return updates > 0 ? ((last - from) * 1e6) / updates : undefined;
    },
    end(seeing) {
      ended = true;
      viewer.request(false); // for a picture that would not come by itself any more
      return seeing;
    },
    close: () => viewer.close(),
  };
};

/** Presses a key `count` times, each when the screen has answered the last. `seen`: the median of what that took, in ns. */
export const typist = (count) => async (port) => {
  const viewer = new Viewer(port);
  await viewer.open(RAW);
  return {
    async begin() {
      let next = viewer.next();
      while ((await within(next, STILL_MS)) !== undefined) next = viewer.next();
      const waits = [];
      while (waits.length < count) {
        const from = performance.now();
        viewer.press(SPACE);
        if ((await within(next, ANSWER_MS)) === undefined) throw new Error('the screen did not answer a key');
        waits.push((performance.now() - from) * 1e6);
        next = viewer.next();
      }
      return median(waits);
    },
    end: (seeing) => seeing,
    close: () => viewer.close(),
  };
};
