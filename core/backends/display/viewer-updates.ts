/**
 * What one viewer of a surface is owed, and its sending: an update goes out when the viewer asked for one, or for all,
 * something changed, and what was sent before is on its way to being seen. Until then changes only mark the damage map.
 */
import type { Clock } from '../../base/clock.ts';
import { concat, u8, u16, u32 } from './bytes.ts';
import { DamageMap } from './damage-map.ts';
import type { Deflate } from './deflate.ts';
import { PixelFormat } from './pixel-format.ts';
import { type EncodedRects, RawEncoder, type RectEncoder, ZrleEncoder } from './rect-encoder.ts';
import * as P from './rfb-protocol.ts';
import type { Rect, Surface, SurfaceListener } from './surface.ts';
import { TightEncoder } from './tight.ts';
import { ViewerPace } from './viewer-pace.ts';

export interface ViewerUpdatesPorts {
  readonly surface: Surface;
  readonly deflate: Deflate;
  /** Host time. */
  readonly clock: Clock;
  readonly send: (bytes: Uint8Array) => void;
  /** Bytes sent that have not been taken. */
  readonly bufferedBytes: () => number;
  /** The viewer can be sent what comes next. */
  readonly onReady: () => void;
  readonly onFailure: (reason: string) => void;
}

interface LineMove {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

interface SizeAnswer {
  readonly reason: number;
  readonly result: number;
}

/** Of zlib, for a viewer that names none. */
const DEFAULT_LEVEL = 6;
/** Updates below this are put together to one piece. */
const MAX_COPIED_BYTES = 1 << 16;
/** Of answers that pile up: a viewer that asks for more does not read them. */
const MAX_UNREAD_ANSWER_BYTES = 1 << 16;

/** In no order: the viewer's list has one. */
const ENCODERS = new Map<number, (deflate: Deflate) => RectEncoder>([
  [P.ENCODING_RAW, () => new RawEncoder()],
  [P.ENCODING_ZRLE, (deflate) => new ZrleEncoder(deflate)],
  [P.ENCODING_TIGHT, (deflate) => new TightEncoder(deflate)],
]);

export class ViewerUpdates implements SurfaceListener {
  readonly #ports: ViewerUpdatesPorts;
  readonly #pace: ViewerPace;
  /** One a kind, kept: their zlib streams go on for as long as the viewer is there. */
  readonly #encoders = new Map<number, RectEncoder>();
  #format = PixelFormat.NATIVE;
  #encodings: ReadonlySet<number> = new Set();
  #preferred = P.ENCODING_RAW;
  #level = DEFAULT_LEVEL;
  /** What the viewer has not been sent, in the size it knows. */
  #damage: DamageMap;
  #move: LineMove | undefined;
  /** The viewer waits for an update. */
  #requested = false;
  /** The viewer wants updates without asking. */
  #continuous = false;
  #encoding = false;
  #stopped = false;
  /** What is to be said when the update under way is sent. */
  #answers: Uint8Array[] = [];
  #unreadAnswerBytes = 0;
  // Pseudo-rectangles owed with the next update.
  #owesKeyEventAck = false;
  #owesCursor = false;
  #owesSize: SizeAnswer | undefined;

  constructor(ports: ViewerUpdatesPorts) {
    this.#ports = ports;
    this.#pace = new ViewerPace(ports.clock);
    this.#damage = new DamageMap(ports.surface.width, ports.surface.height);
  }

  /** The viewer knows the surface's size from now on. */
  start(): void {
    this.#startOver();
    this.#ports.surface.addListener(this);
  }

  stop(): void {
    this.#stopped = true;
    this.#requested = false;
    this.#continuous = false;
    this.#ports.surface.removeListener(this);
    for (const encoder of this.#encoders.values()) encoder.close();
  }

  /** An update is wanted and none is under way. */
  get waiting(): boolean {
    return (this.#requested || this.#continuous) && !this.#encoding;
  }

  // What the viewer says.

  setPixelFormat(format: PixelFormat): void {
    this.#format = format;
    this.#forgetMove();
  }

  setEncodings(encodings: readonly number[]): void {
    const had = this.#encodings;
    const has = new Set(encodings);
    this.#encodings = has;
    this.#preferred = encodings.find((encoding) => ENCODERS.has(encoding)) ?? P.ENCODING_RAW;
    const level = encodings.find((e) => e >= P.ENCODING_COMPRESS_LEVEL_0 && e <= P.ENCODING_COMPRESS_LEVEL_9);
    this.#level = level === undefined ? DEFAULT_LEVEL : level - P.ENCODING_COMPRESS_LEVEL_0;
    const isNew = (encoding: number) => has.has(encoding) && !had.has(encoding);
    if (isNew(P.ENCODING_QEMU_EXTENDED_KEY_EVENT)) this.#owesKeyEventAck = true;
    if (isNew(P.ENCODING_CURSOR)) this.#owesCursor = true;
    if (isNew(P.ENCODING_EXTENDED_DESKTOP_SIZE)) this.#owe(P.RESIZE_BY_SERVER, P.RESIZE_OK);
    // By these a viewer learns that it may use them.
    if (isNew(P.ENCODING_FENCE)) this.answer(fence(P.FENCE_REQUEST, new Uint8Array(0)));
    if (isNew(P.ENCODING_CONTINUOUS_UPDATES)) this.answer(u8(P.END_OF_CONTINUOUS_UPDATES));
    this.#forgetMove();
  }

  request(incremental: boolean, rect: Rect): void {
    if (!incremental) this.#damage.mark(rect);
    this.#requested = true;
    this.#ports.onReady();
  }

  /** The area is not looked at: viewers name the whole screen. */
  setContinuous(enable: boolean): void {
    if (!enable && this.#continuous) this.answer(u8(P.END_OF_CONTINUOUS_UPDATES));
    this.#continuous = enable;
    if (enable) this.#ports.onReady();
  }

  fence(flags: number, payload: Uint8Array): void {
    if (flags >= P.FENCE_REQUEST) {
      // What both flags ask for is so: messages are handled one after another.
      this.answer(fence(flags & (P.FENCE_BLOCK_BEFORE | P.FENCE_BLOCK_AFTER), payload));
      return;
    }
    if (payload.length !== 4) return;
    this.#pace.answered(new DataView(payload.buffer).getUint32(0));
    if (this.waiting) this.#ports.onReady();
  }

  desktopSizeWanted(): void {
    // The size is the guest's to choose.
    if (this.#encodings.has(P.ENCODING_EXTENDED_DESKTOP_SIZE)) this.#owe(P.RESIZE_BY_THIS_CLIENT, P.RESIZE_PROHIBITED);
    if (this.waiting) this.#ports.onReady();
  }

  /** Sends a message of its own, after the update under way: a viewer counts on updates before it to be older. */
  answer(bytes: Uint8Array): void {
    const { send, bufferedBytes, onFailure } = this.#ports;
    if (!this.#encoding && bufferedBytes() === 0) this.#unreadAnswerBytes = 0;
    this.#unreadAnswerBytes += bytes.length;
    if (this.#unreadAnswerBytes > MAX_UNREAD_ANSWER_BYTES) onFailure('it asks more than it reads');
    else if (this.#encoding) this.#answers.push(bytes);
    else send(bytes);
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
    // A viewer that can't follow keeps its size and is shown as much as fits, black beyond the surface.
    this.#forgetMove();
    this.#damage.markAll();
  }

  /** Sends an update if the viewer waits for one, can take it, and there is something to show. */
  flush(): void {
    if (!this.#ready()) return;
    if (this.#owesSize) {
      // Who asked for pixels still gets them: some viewers do not ask again.
      this.#sendSize(this.#owesSize);
      return;
    }
    if (this.#damage.empty && !this.#move && !this.#owesKeyEventAck && !this.#owesCursor) return;
    this.#requested = false; // answered by what follows; one that comes meanwhile is another
    const heads: Uint8Array[] = [];
    if (this.#owesKeyEventAck) heads.push(this.#pseudoRect(P.ENCODING_QEMU_EXTENDED_KEY_EVENT, 0, 0));
    // The guest's own pointer is part of its picture; an empty cursor keeps the viewer from drawing a second one.
    if (this.#owesCursor) heads.push(P.rectHeader({ x: 0, y: 0, width: 0, height: 0 }, P.ENCODING_CURSOR));
    if (this.#move) heads.push(copyRect(this.#move, this.#damage.width));
    this.#owesKeyEventAck = false;
    this.#owesCursor = false;
    this.#move = undefined;
    this.#encode(heads, this.#damage.take());
  }

  #ready(): boolean {
    return this.waiting && !this.#pace.full && this.#ports.bufferedBytes() === 0;
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

  #encode(heads: readonly Uint8Array[], rects: readonly Rect[]): void {
    const startedNs = this.#pace.nowNs();
    const pixels = rects.reduce((sum, { width, height }) => sum + width * height, 0);
    const raw = this.#preferred === P.ENCODING_RAW || this.#pace.prefersRaw(pixels, this.#format.bytesPerPixel);
    const finish = ({ count, parts }: EncodedRects): void => {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      this.#sendUpdate(heads.length + count, [...heads, ...parts], { pixels, bytes, raw, startedNs });
    };
    if (rects.length === 0) {
      finish({ count: 0, parts: [] });
      return;
    }
    const encoder = this.#encoder(raw ? P.ENCODING_RAW : this.#preferred);
    const encoded = encoder.encode(this.#ports.surface, rects, this.#format, this.#pace.level(this.#level));
    if (encoded instanceof Promise) this.#finishLater(encoded, finish);
    else finish(encoded);
  }

  #finishLater(encoded: Promise<EncodedRects>, finish: (result: EncodedRects) => void): void {
    const { send, onReady, onFailure } = this.#ports;
    this.#encoding = true;
    encoded.then(
      (result) => {
        if (this.#stopped) return;
        this.#encoding = false;
        finish(result);
        for (const answer of this.#answers.splice(0)) send(answer);
        if (this.waiting) onReady();
      },
      (error: unknown) => onFailure(`compression failed: ${String(error)}`),
    );
  }

  #encoder(encoding: number): RectEncoder {
    const encoder = this.#encoders.get(encoding) ?? ENCODERS.get(encoding)?.(this.#ports.deflate) ?? new RawEncoder();
    this.#encoders.set(encoding, encoder);
    return encoder;
  }

  #sendUpdate(count: number, parts: readonly Uint8Array[], measured: Parameters<ViewerPace['sent']>[0]): void {
    const { send } = this.#ports;
    const head = concat(u8(P.FRAMEBUFFER_UPDATE, 0), u16(count));
    if (measured.bytes < MAX_COPIED_BYTES) {
      send(concat(head, ...parts));
    } else {
      for (const part of [head, ...parts]) send(part);
    }
    if (this.#encodings.has(P.ENCODING_FENCE)) send(fence(P.FENCE_REQUEST, u32(this.#pace.sent(measured))));
  }

  /** The size alone makes an update: what a viewer shows is undefined after it, so all is damaged. */
  #sendSize({ reason, result }: SizeAnswer): void {
    const { width, height } = this.#ports.surface;
    const sizeChanged = this.#damage.width !== width || this.#damage.height !== height;
    this.#owesSize = undefined;
    if (sizeChanged || result === P.RESIZE_OK) this.#startOver();
    const screen = concat(u8(1, 0, 0, 0), u32(0), u16(0, 0, width, height), u32(0));
    const rect = this.#encodings.has(P.ENCODING_EXTENDED_DESKTOP_SIZE)
      ? concat(this.#pseudoRect(P.ENCODING_EXTENDED_DESKTOP_SIZE, reason, result), screen)
      : this.#pseudoRect(P.ENCODING_DESKTOP_SIZE, 0, 0);
    this.#sendUpdate(1, [rect], { pixels: 0, bytes: rect.length, raw: true, startedNs: this.#pace.nowNs() });
  }

  #pseudoRect(encoding: number, x: number, y: number): Uint8Array {
    const { width, height } = this.#ports.surface;
    return P.rectHeader({ x, y, width, height }, encoding);
  }
}

function copyRect({ from, to, count }: LineMove, width: number): Uint8Array {
  return concat(P.rectHeader({ x: 0, y: to, width, height: count }, P.ENCODING_COPY_RECT), u16(0, from));
}

const fence = (flags: number, payload: Uint8Array): Uint8Array =>
  concat(u8(P.SERVER_FENCE, 0, 0, 0), u32(flags), u8(payload.length), payload);
