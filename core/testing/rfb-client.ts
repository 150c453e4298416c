/**
 * An RFB viewer for tests: speaks the protocol over a byte channel and keeps the picture it was sent, decoded here
 * without any code of the server's. [RFC6143]
 */
import { constants, inflateSync } from 'node:zlib';
import type { ByteChannel } from '../backends/display/rfb-session.ts';

export interface ReceivedRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly encoding: number;
}

/** 32 bits, red in the lowest byte: not the server's own, so that conversion is at work. */
export const RED_FIRST = { bits: 32, depth: 24, bigEndian: false, max: [255, 255, 255], shift: [0, 8, 16] } as const;

export interface ClientPixelFormat {
  readonly bits: 8 | 16 | 32;
  readonly depth: number;
  readonly bigEndian: boolean;
  readonly max: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
}

export class RfbTestClient {
  /** What the server still believes to be on its way; a test sets it to play a slow viewer. */
  buffered = 0;
  closed = false;
  sentBytes = 0;
  width = 0;
  height = 0;
  name = '';
  /** Pixel values in the format of this client. */
  pixels = new Uint32Array(0);
  #format: ClientPixelFormat = { bits: 32, depth: 24, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] };
  #received = Buffer.alloc(0);
  #wanted: { count: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | undefined;
  #toServer: (bytes: Uint8Array) => void = () => {};
  #onClose: () => void = () => {};
  /** The name of each fence of the server that was answered, or waits for that. */
  readonly fences: Buffer[] = [];
  /** Fences are left unanswered, as a slow viewer does. */
  holdFences = false;
  /** The fence that came last. */
  answered: { flags: number; payload: Buffer } | undefined;
  continuousUpdatesEnded = 0;
  cursor: { width: number; height: number } | undefined;
  readonly #zrleStream = new InflateStream();
  readonly #tightStreams = Array.from({ length: 4 }, () => new InflateStream());

  /** chunkBytes: into what pieces all that goes to the server is cut. */
  constructor(
    connect: (channel: ByteChannel) => void,
    readonly chunkBytes = Number.POSITIVE_INFINITY,
  ) {
    connect({
      send: (bytes) => {
        this.sentBytes += bytes.length;
        this.#received = Buffer.concat([this.#received, bytes]);
        this.#serve();
      },
      onData: (listener) => {
        this.#toServer = listener;
      },
      onClose: (listener) => {
        this.#onClose = listener;
      },
      close: () => {
        this.closed = true;
        this.#serve();
      },
      bufferedBytes: () => this.buffered,
    });
  }

  /** The viewer goes away. */
  leave(): void {
    this.closed = true;
    this.#onClose();
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.chunkBytes) this.#toServer(bytes.subarray(at, at + this.chunkBytes));
  }

  /** Bytes that came and were not read. */
  get unread(): number {
    return this.#received.length;
  }

  /** Rejects when the server closes first. */
  read(count: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#wanted = { count, resolve, reject };
      this.#serve();
    });
  }

  #serve(): void {
    const wanted = this.#wanted;
    if (!wanted) return;
    if (this.#received.length >= wanted.count) {
      this.#wanted = undefined;
      const bytes = this.#received.subarray(0, wanted.count);
      this.#received = this.#received.subarray(wanted.count);
      wanted.resolve(bytes);
    } else if (this.closed) {
      this.#wanted = undefined;
      wanted.reject(new Error('the server closed the connection'));
    }
  }

  /** The whole handshake. minor: of the protocol version this client speaks. */
  async connect(minor: 3 | 7 | 8 = 8): Promise<void> {
    await this.read(12);
    this.send(Buffer.from(`RFB 003.00${minor}\n`));
    if (minor === 3) {
      if ((await this.read(4)).readUInt32BE() !== 1) throw new Error('no security type None');
    } else {
      const types = await this.read((await this.read(1)).readUInt8());
      if (!types.includes(1)) throw new Error('no security type None');
      this.send(Uint8Array.of(1));
      if (minor === 8 && (await this.read(4)).readUInt32BE() !== 0) throw new Error('security failed');
    }
    this.send(Uint8Array.of(1));
    const init = await this.read(24);
    this.name = (await this.read(init.readUInt32BE(20))).toString();
    this.#resize(init.readUInt16BE(0), init.readUInt16BE(2));
  }

  #resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }

  setPixelFormat(format: ClientPixelFormat): void {
    this.#format = format;
    const message = Buffer.alloc(20);
    message.set([0, 0, 0, 0, format.bits, format.depth, format.bigEndian ? 1 : 0, 1]);
    format.max.forEach((max, index) => {
      message.writeUInt16BE(max, 8 + index * 2);
    });
    message.set(format.shift, 14);
    this.send(message);
  }

  setEncodings(...encodings: readonly number[]): void {
    const message = Buffer.alloc(4 + encodings.length * 4);
    message[0] = 2;
    message.writeUInt16BE(encodings.length, 2);
    encodings.forEach((encoding, index) => {
      message.writeInt32BE(encoding, 4 + index * 4);
    });
    this.send(message);
  }

  /** A key goes down or up. keysym: X11's. */
  key(keysym: number, down: boolean): void {
    const message = Buffer.alloc(8);
    message.set([4, down ? 1 : 0]);
    message.writeUInt32BE(keysym, 4);
    this.send(message);
  }

  request(incremental: boolean, x = 0, y = 0, width = this.width, height = this.height): void {
    const message = Buffer.alloc(10);
    message.set([3, incremental ? 1 : 0]);
    [x, y, width, height].forEach((value, index) => {
      message.writeUInt16BE(value, 2 + index * 2);
    });
    this.send(message);
  }

  /** Of type VNC authentication: answers the challenge. Returns the result: 0 is yes. */
  async authenticate(answer: (challenge: Buffer) => Uint8Array): Promise<number> {
    await this.read(12);
    this.send(Buffer.from('RFB 003.008\n'));
    const types = await this.read((await this.read(1)).readUInt8());
    if (!types.includes(2)) throw new Error('no VNC authentication');
    this.send(Uint8Array.of(2));
    this.send(answer(await this.read(16)));
    return (await this.read(4)).readUInt32BE();
  }

  enableContinuousUpdates(enable: boolean): void {
    const message = Buffer.alloc(10);
    message.set([150, enable ? 1 : 0]);
    message.writeUInt16BE(this.width, 6);
    message.writeUInt16BE(this.height, 8);
    this.send(message);
  }

  sendFence(flags: number, payload: Uint8Array): void {
    const message = Buffer.alloc(9);
    message[0] = 248;
    message.writeUInt32BE(flags, 4);
    message[8] = payload.length;
    this.send(Buffer.concat([message, payload]));
  }

  /** Answers the oldest fences that were held back. */
  releaseFences(count = this.fences.length): void {
    for (const payload of this.fences.splice(0, count)) this.sendFence(0, payload);
  }

  /** Reads a fence or an end of continuous updates. */
  async #message(type: number | undefined): Promise<void> {
    if (type === 150) {
      this.continuousUpdatesEnded++;
      return;
    }
    if (type !== 248) throw new Error(`message ${type} is unknown`);
    const head = await this.read(8);
    this.answered = { flags: head.readUInt32BE(3), payload: await this.read(head.readUInt8(7)) };
    if (this.answered.flags < 0x8000_0000) return;
    this.fences.push(this.answered.payload);
    if (!this.holdFences) this.releaseFences();
  }

  /** Reads one message that is no update. */
  async message(): Promise<void> {
    await this.#message((await this.read(1))[0]);
  }

  /** Reads one FramebufferUpdate, and what comes before it, and draws it. */
  async update(): Promise<ReceivedRect[]> {
    for (let type = (await this.read(1))[0]; type !== 0; type = (await this.read(1))[0]) await this.#message(type);
    const head = Buffer.concat([Buffer.alloc(1), await this.read(3)]);
    const rects: ReceivedRect[] = [];
    for (let left = head.readUInt16BE(2); left > 0; left--) {
      const bytes = await this.read(12);
      const [x, y, width, height] = [0, 2, 4, 6].map((offset) => bytes.readUInt16BE(offset)) as [
        number,
        number,
        number,
        number,
      ];
      const rect = { x, y, width, height, encoding: bytes.readInt32BE(8) };
      await this.#draw(rect);
      rects.push(rect);
    }
    return rects;
  }

  async #draw(rect: ReceivedRect): Promise<void> {
    switch (rect.encoding) {
      case 0:
        this.#put(rect, this.#pixelReader(await this.read(rect.width * rect.height * (this.#format.bits / 8)), false));
        break;
      case 1: {
        const from = await this.read(4);
        this.#copy(rect, from.readUInt16BE(0), from.readUInt16BE(2));
        break;
      }
      case 7:
        await this.#tight(rect);
        break;
      case 16:
        this.#zrle(rect, await this.read((await this.read(4)).readUInt32BE()));
        break;
      case -223:
        this.#resize(rect.width, rect.height);
        break;
      case -239:
        await this.read(rect.width * rect.height * (this.#format.bits / 8) + Math.ceil(rect.width / 8) * rect.height);
        this.cursor = { width: rect.width, height: rect.height };
        break;
      case -258:
        break;
      case -308:
        await this.read((await this.read(4)).readUInt8(0) * 16);
        if (rect.y === 0) this.#resize(rect.width, rect.height);
        break;
      default:
        throw new Error(`encoding ${rect.encoding} was not asked for`);
    }
  }

  /** Reads pixels one after another; compressed ones as ZRLE has them. */
  #pixelReader(bytes: Uint8Array, compressed: boolean): (() => number) & { byte: () => number } {
    const { bits, depth, bigEndian, max, shift } = this.#format;
    let at = 0;
    const byte = () => {
      const value = bytes[at++];
      if (value === undefined) throw new Error('the data is too short');
      return value;
    };
    const highest = Math.max(...max.map((m, i) => m * 2 ** (shift[i] ?? 0)));
    const three = compressed && bits === 32 && depth <= 24;
    const low = highest < 2 ** 24;
    const size = three ? 3 : bits / 8;
    const pixel = () => {
      if (at + size > bytes.length) throw new Error('the data is too short');
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + (bytes[bigEndian ? at + i : at + size - 1 - i] ?? 0);
      at += size;
      return three && !low ? value * 256 : value;
    };
    return Object.assign(pixel, { byte });
  }

  #put(rect: ReceivedRect, next: () => number): void {
    if (rect.x + rect.width > this.width || rect.y + rect.height > this.height) throw new Error('outside the screen');
    for (let y = 0; y < rect.height; y++) {
      for (let x = 0; x < rect.width; x++) this.pixels[(rect.y + y) * this.width + rect.x + x] = next();
    }
  }

  #copy(rect: ReceivedRect, fromX: number, fromY: number): void {
    const before = this.pixels.slice();
    let index = 0;
    this.#put(rect, () => {
      const [x, y] = [index % rect.width, Math.floor(index / rect.width)];
      index++;
      return before[(fromY + y) * this.width + fromX + x] ?? 0;
    });
  }

  #zrle(rect: ReceivedRect, data: Buffer): void {
    const next = this.#pixelReader(this.#zrleStream.inflate(data), true);
    for (let y = rect.y; y < rect.y + rect.height; y += 64) {
      for (let x = rect.x; x < rect.x + rect.width; x += 64) {
        const width = Math.min(64, rect.x + rect.width - x);
        const height = Math.min(64, rect.y + rect.height - y);
        this.#put({ x, y, width, height, encoding: 16 }, zrleTile(next, width));
      }
    }
    let left = false;
    try {
      next.byte();
      left = true;
    } catch {
      // All was used, as it must be.
    }
    if (left) throw new Error('ZRLE data is left over');
  }

  /** [RFBEXT] Tight encoding. */
  async #tight(rect: ReceivedRect): Promise<void> {
    const control = (await this.read(1)).readUInt8();
    if (control & 0x0f) throw new Error('a Tight stream is reset');
    if (rect.width > 2048 || rect.width * rect.height > 65536) throw new Error('larger than decoders take');
    const { bits, depth, max } = this.#format;
    const three = bits === 32 && depth === 24 && max.every((m) => m === 255);
    const size = three ? 3 : bits / 8;
    const pixels = (bytes: Uint8Array): (() => number) =>
      three ? this.#tpixelReader(bytes) : this.#pixelReader(bytes, false);
    if (control >> 4 === 8) {
      const colour = pixels(await this.read(size))();
      this.#put(rect, () => colour);
      return;
    }
    if (control >> 4 > 7) throw new Error(`Tight compression ${control >> 4}`);
    const stream = this.#tightStreams[(control >> 4) & 3];
    const filter = control & 0x40 ? (await this.read(1)).readUInt8() : 0;
    if (filter === 0) {
      this.#put(rect, pixels(await this.#tightData(stream, rect.width * rect.height * size)));
      return;
    }
    if (filter !== 1) throw new Error(`Tight filter ${filter}`);
    const colours = (await this.read(1)).readUInt8() + 1;
    const next = pixels(await this.read(colours * size));
    const palette = Array.from({ length: colours }, () => next());
    const pitch = colours === 2 ? Math.ceil(rect.width / 8) : rect.width;
    const data = await this.#tightData(stream, pitch * rect.height);
    let at = 0;
    this.#put(rect, () => {
      const [x, y] = [at % rect.width, Math.floor(at / rect.width)];
      at++;
      if (colours > 2) return entry(palette, data[y * pitch + x] ?? 0);
      return entry(palette, ((data[y * pitch + (x >> 3)] ?? 0) >> (7 - (x & 7))) & 1);
    });
  }

  #tpixelReader(bytes: Uint8Array): () => number {
    const [red, green, blue] = this.#format.shift;
    let at = 0;
    return () => {
      const [r = 0, g = 0, b = 0] = bytes.subarray(at, at + 3);
      at += 3;
      return r * 2 ** red + g * 2 ** green + b * 2 ** blue;
    };
  }

  async #tightData(stream: InflateStream | undefined, length: number): Promise<Buffer> {
    if (length < 12) return this.read(length);
    let compressed = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80 && shift < 21; shift += 7) {
      byte = (await this.read(1)).readUInt8();
      compressed |= (shift < 14 ? byte & 0x7f : byte) << shift;
    }
    const data = stream?.inflate(await this.read(compressed));
    if (data?.length !== length) throw new Error(`Tight data of ${data?.length} bytes for ${length}`);
    return data;
  }
}

/** A zlib stream that goes on from call to call. */
class InflateStream {
  #zlib = Buffer.alloc(0);
  #inflated = 0;

  /** What came since the last call. */
  inflate(data: Buffer): Buffer {
    this.#zlib = Buffer.concat([this.#zlib, data]);
    const all = inflateSync(this.#zlib, { finishFlush: constants.Z_SYNC_FLUSH });
    const since = all.subarray(this.#inflated);
    this.#inflated = all.length;
    return since;
  }
}

/** A source of the pixels of one tile, line by line. [RFC6143] 7.7.6 */
function zrleTile(next: (() => number) & { byte: () => number }, width: number): () => number {
  const kind = next.byte();
  if (kind === 0) return next;
  const palette = Array.from({ length: kind & 0x7f }, () => next());
  const run = () => {
    let length = 1;
    for (let byte = 255; byte === 255; length += byte) byte = next.byte();
    return length;
  };
  let left = 0;
  let colour = 0;
  if (kind === 1) return () => palette[0] ?? 0;
  if (kind >= 2 && kind <= 16) {
    const bits = kind === 2 ? 1 : kind <= 4 ? 2 : 4;
    let byte = 0;
    let x = 0;
    return () => {
      if (left === 0) {
        byte = next.byte();
        left = 8;
      }
      const index = (byte >> (left - bits)) & ((1 << bits) - 1);
      left -= bits;
      if (++x % width === 0) left = 0;
      return entry(palette, index);
    };
  }
  if (kind === 128) {
    return () => {
      if (left === 0) {
        colour = next();
        left = run();
      }
      left--;
      return colour;
    };
  }
  if (kind < 130) throw new Error(`ZRLE subencoding ${kind}`);
  return () => {
    if (left === 0) {
      const index = next.byte();
      colour = entry(palette, index & 0x7f);
      left = index & 0x80 ? run() : 1;
    }
    left--;
    return colour;
  };
}

function entry(palette: readonly number[], index: number): number {
  const colour = palette[index];
  if (colour === undefined) throw new Error(`palette index ${index} of ${palette.length}`);
  return colour;
}
