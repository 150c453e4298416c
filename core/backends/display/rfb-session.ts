/**
 * One viewer of a surface over RFB. It is sent an update only when it asked for one and something changed, one at a
 * time: while an update is being compressed, or the channel still holds bytes, changes only mark the damage map.
 */
import { ByteReader } from './byte-reader.ts';
import { concat, u8, u16, u32 } from './bytes.ts';
import { DamageMap } from './damage-map.ts';
import type { Deflate, DeflateStream } from './deflate.ts';
import { PixelFormat } from './pixel-format.ts';
import { type RfbClientHandler, type RfbVersion, rfbClientProtocol } from './rfb-client-messages.ts';
import * as P from './rfb-protocol.ts';
import type { Rect, Surface, SurfaceListener } from './surface.ts';
import { encodeZrle } from './zrle.ts';

/** A viewer's connection. Bytes given to send() are the channel's from then on. */
export interface ByteChannel {
  send(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  /** Ends the connection; onClose listeners may or may not be called for it. */
  close(): void;
  /** Bytes sent that the transport has not taken yet; 0 where it can't tell. No update is sent before this is 0. */
  bufferedBytes(): number;
}

/** A key as a viewer names it. */
export interface ViewerKey {
  /** What is printed on it, as an X11 keysym. */
  readonly keysym: number;
  /** Where it sits: its XT set 1 scan code, bit 7 in place of an E0 prefix. Better than the keysym where there is one. */
  readonly qnum?: number;
}

/** Where a viewer's input goes. Keys and numbers no keyboard has may come: they are a viewer's to choose. */
export interface DisplayInput {
  key(key: ViewerKey, down: boolean): void;
  /** In pixels of the surface. buttons: bit 0 left, 1 middle, 2 right, 3 and 4 wheel up and down. */
  pointer(x: number, y: number, buttons: number): void;
}

export interface RfbSessionPorts {
  readonly channel: ByteChannel;
  readonly surface: Surface;
  readonly input: DisplayInput;
  readonly deflate: Deflate;
  /** Shown in the viewer's title. */
  readonly name: string;
  /** Turns the viewer away with this reason. */
  readonly refusal?: string;
  /** The viewer began to wait for an update. */
  readonly onWaiting: () => void;
  /** Once, when the session is over. */
  readonly onEnd: (reason: string) => void;
}

/** More than anyone's fingers; past it the key held longest counts as let go. */
const MAX_HELD_KEYS = 32;

interface LineMove {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class RfbSession implements RfbClientHandler, SurfaceListener {
  readonly #ports: RfbSessionPorts;
  readonly #reader: ByteReader;
  /** Keys to release when the viewer goes, by qnum, or by keysym above all qnums. */
  readonly #heldKeys = new Map<number, ViewerKey>();
  #format = PixelFormat.NATIVE;
  #encodings: ReadonlySet<number> = new Set();
  #preferred = P.ENCODING_RAW;
  #zlib: DeflateStream | undefined;
  /** What the client has not been shown, in the size the client knows. */
  #damage: DamageMap;
  #move: LineMove | undefined;
  /** The client waits for an update. */
  #requested = false;
  #encoding = false;
  #ended = false;
  // Pseudo-rectangles owed with the next update.
  #owesKeyEventAck = false;
  #owesSize: { readonly reason: number; readonly result: number } | undefined;

  constructor(ports: RfbSessionPorts) {
    this.#ports = ports;
    this.#damage = new DamageMap(ports.surface.width, ports.surface.height);
    this.#reader = new ByteReader(rfbClientProtocol(this));
  }

  /** Opens the conversation. */
  start(): void {
    const ports = this.#ports;
    ports.channel.onClose(() => this.end('the viewer left'));
    ports.channel.onData((bytes) => this.#receive(bytes));
    ports.channel.send(new TextEncoder().encode('RFB 003.008\n'));
  }

  /** Ends the session and closes the channel; idempotent. Keys the viewer held are released. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#requested = false;
    this.#ports.surface.removeListener(this);
    for (const key of this.#heldKeys.values()) this.#ports.input.key(key, false);
    this.#heldKeys.clear();
    this.#zlib?.close();
    this.#ports.channel.close();
    this.#ports.onEnd(reason);
  }

  /** The viewer waits for an update and none is on its way. */
  get waiting(): boolean {
    return this.#requested && !this.#encoding;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#reader.receive(bytes);
    } catch (error) {
      if (!(error instanceof P.RfbProtocolError)) throw error;
      this.end(error.message);
    }
  }

  // What the client says.

  version(version: RfbVersion): void {
    const { refusal } = this.#ports;
    if (refusal !== undefined) {
      const none = version === 3 ? u32(P.SECURITY_INVALID) : u8(0);
      this.#ports.channel.send(concat(none, P.text(refusal)));
      throw new P.RfbProtocolError(refusal);
    }
    this.#ports.channel.send(version === 3 ? u32(P.SECURITY_NONE) : u8(1, P.SECURITY_NONE));
  }

  securityChosen(version: RfbVersion): void {
    if (version === 8) this.#ports.channel.send(u32(P.SECURITY_RESULT_OK));
  }

  clientInit(): void {
    const { surface, channel, name } = this.#ports;
    this.#startOver();
    surface.addListener(this);
    channel.send(concat(u16(surface.width, surface.height), PixelFormat.NATIVE.serialize(), P.text(name)));
  }

  setPixelFormat(format: PixelFormat): void {
    this.#format = format;
    this.#forgetMove();
  }

  setEncodings(encodings: readonly number[]): void {
    const had = this.#encodings;
    const has = new Set(encodings);
    this.#encodings = has;
    this.#preferred = encodings.find((e) => e === P.ENCODING_RAW || e === P.ENCODING_ZRLE) ?? P.ENCODING_RAW;
    const isNew = (encoding: number) => has.has(encoding) && !had.has(encoding);
    if (isNew(P.ENCODING_QEMU_EXTENDED_KEY_EVENT)) this.#owesKeyEventAck = true;
    if (isNew(P.ENCODING_EXTENDED_DESKTOP_SIZE)) this.#owe(P.RESIZE_BY_SERVER, P.RESIZE_OK);
    this.#forgetMove();
  }

  updateRequested(incremental: boolean, rect: Rect): void {
    if (!incremental) this.#damage.mark(rect);
    this.#requested = true;
    this.#ports.onWaiting();
  }

  key(down: boolean, keysym: number, qnum: number | undefined): void {
    const { input } = this.#ports;
    const key: ViewerKey = qnum ? { keysym, qnum } : { keysym };
    const id = qnum || 2 ** 32 + keysym;
    this.#heldKeys.delete(id);
    if (down) this.#heldKeys.set(id, key);
    input.key(key, down);
    for (const [oldest, held] of this.#heldKeys) {
      if (this.#heldKeys.size <= MAX_HELD_KEYS) break;
      this.#heldKeys.delete(oldest);
      input.key(held, false);
    }
  }

  pointer(x: number, y: number, buttons: number): void {
    const { surface, input } = this.#ports;
    input.pointer(Math.min(x, surface.width - 1), Math.min(y, surface.height - 1), buttons);
  }

  desktopSizeWanted(): void {
    // A guest's text mode is what it is.
    if (this.#encodings.has(P.ENCODING_EXTENDED_DESKTOP_SIZE)) this.#owe(P.RESIZE_BY_THIS_CLIENT, P.RESIZE_PROHIBITED);
    if (this.#requested) this.#ports.onWaiting();
  }

  // What the surface says.

  damaged(rect: Rect): void {
    this.#damage.mark(rect);
  }

  linesMoved(from: number, to: number, count: number): void {
    const { surface } = this.#ports;
    const canMove =
      this.#ready() &&
      this.#damage.empty &&
      !this.#move &&
      !this.#owesSize &&
      this.#encodings.has(P.ENCODING_COPY_RECT) &&
      this.#damage.width === surface.width &&
      this.#damage.height === surface.height;
    if (canMove) this.#move = { from, to, count };
    else this.#damage.mark({ x: 0, y: to, width: this.#damage.width, height: count });
  }

  resized(): void {
    const resizable =
      this.#encodings.has(P.ENCODING_DESKTOP_SIZE) || this.#encodings.has(P.ENCODING_EXTENDED_DESKTOP_SIZE);
    if (resizable) this.#owe(P.RESIZE_BY_SERVER, P.RESIZE_OK);
    // A client that can't follow keeps its size and is shown as much as fits, black beyond the surface.
    this.#forgetMove();
    this.#damage.markAll();
  }

  // Updates.

  #ready(): boolean {
    return this.waiting && this.#ports.channel.bufferedBytes() === 0;
  }

  #owe(reason: number, result: number): void {
    // A change of size outweighs a refusal: both tell the size.
    if (this.#owesSize?.result === P.RESIZE_OK) return;
    this.#owesSize = { reason, result };
  }

  #startOver(): void {
    const { surface } = this.#ports;
    this.#damage = new DamageMap(surface.width, surface.height);
    this.#damage.markAll();
    this.#move = undefined;
  }

  #forgetMove(): void {
    if (this.#move) this.#damage.mark({ x: 0, y: this.#move.to, width: this.#damage.width, height: this.#move.count });
    this.#move = undefined;
  }

  /** Sends an update if the viewer waits for one, can take it, and there is something to show. */
  flush(): void {
    if (!this.#ready()) return;
    if (this.#owesSize) {
      this.#requested = false;
      this.#sendSize(this.#owesSize);
      return;
    }
    if (this.#damage.empty && !this.#move && !this.#owesKeyEventAck) return;
    this.#requested = false; // answered by what follows; one that comes meanwhile is another
    const heads: Uint8Array[] = [];
    if (this.#owesKeyEventAck) heads.push(this.#pseudoRect(P.ENCODING_QEMU_EXTENDED_KEY_EVENT, 0, 0));
    if (this.#move) heads.push(copyRect(this.#move, this.#damage.width));
    this.#owesKeyEventAck = false;
    this.#move = undefined;
    const rects = this.#damage.take();
    if (this.#preferred === P.ENCODING_ZRLE && rects.length > 0) this.#sendZrle(heads, rects);
    else this.#sendUpdate([...heads, ...rects.map((rect) => this.#rawRect(rect))]);
  }

  #sendUpdate(rects: readonly Uint8Array[]): void {
    this.#ports.channel.send(concat(u8(P.FRAMEBUFFER_UPDATE, 0), u16(rects.length), ...rects));
  }

  /** The size alone makes an update: what a client shows is undefined after it, so all is damaged. */
  #sendSize({ reason, result }: { readonly reason: number; readonly result: number }): void {
    const { width, height } = this.#ports.surface;
    const sizeChanged = this.#damage.width !== width || this.#damage.height !== height;
    this.#owesSize = undefined;
    if (sizeChanged || result === P.RESIZE_OK) this.#startOver();
    if (!this.#encodings.has(P.ENCODING_EXTENDED_DESKTOP_SIZE)) {
      this.#sendUpdate([P.rectHeader({ x: 0, y: 0, width, height }, P.ENCODING_DESKTOP_SIZE)]);
      return;
    }
    const screen = concat(u8(1, 0, 0, 0), u32(0), u16(0, 0, width, height), u32(0));
    this.#sendUpdate([concat(this.#pseudoRect(P.ENCODING_EXTENDED_DESKTOP_SIZE, reason, result), screen)]);
  }

  #pseudoRect(encoding: number, x: number, y: number): Uint8Array {
    const { width, height } = this.#ports.surface;
    return P.rectHeader({ x, y, width, height }, encoding);
  }

  #rawRect(rect: Rect): Uint8Array {
    return concat(P.rectHeader(rect, P.ENCODING_RAW), this.#format.encode(this.#ports.surface.copyOut(rect)));
  }

  #sendZrle(heads: readonly Uint8Array[], rects: readonly Rect[]): void {
    const { surface, deflate } = this.#ports;
    // Pixels are read now; the surface may change while they are compressed.
    const tiles = rects.map((rect) => encodeZrle(surface.copyOut(rect), rect.width, rect.height, this.#format));
    this.#zlib ??= deflate.openStream();
    const zlib = this.#zlib;
    const compress = async (): Promise<void> => {
      const out = [...heads];
      for (const [index, rect] of rects.entries()) {
        const data = await zlib.flush(tiles[index] ?? new Uint8Array(0));
        out.push(concat(P.rectHeader(rect, P.ENCODING_ZRLE), u32(data.length), data));
      }
      if (this.#ended) return;
      this.#encoding = false;
      this.#sendUpdate(out);
      if (this.#requested) this.#ports.onWaiting();
    };
    this.#encoding = true;
    compress().catch((error: unknown) => this.end(`compression failed: ${String(error)}`));
  }
}

function copyRect({ from, to, count }: LineMove, width: number): Uint8Array {
  return concat(P.rectHeader({ x: 0, y: to, width, height: count }, P.ENCODING_COPY_RECT), u16(0, from));
}
