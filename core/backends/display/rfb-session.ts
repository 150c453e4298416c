/**
 * One viewer of a surface over RFB: the conversation, and its keys and pointer. What it is shown is viewer-updates.ts's.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { ByteReader } from './byte-reader.ts';
import { concat, u8, u16, u32 } from './bytes.ts';
import type { Deflate } from './deflate.ts';
import { PixelFormat } from './pixel-format.ts';
import { type RfbClientHandler, type RfbVersion, rfbClientProtocol } from './rfb-client-messages.ts';
import * as P from './rfb-protocol.ts';
import type { Rect, Surface } from './surface.ts';
import { ViewerUpdates } from './viewer-updates.ts';

/** A viewer's connection. Bytes given to send() are the channel's from then on. */
export interface ByteChannel {
  send(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  /** Ends the connection; onClose listeners may or may not be called for it. */
  close(): void;
  /** Bytes sent that the transport has not taken yet. No update is sent before this is 0. */
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

/** VNC authentication: who knows the password. [RFC6143] 7.2.2 */
export interface ViewerPassword {
  /** CHALLENGE_BYTES at random. */
  createChallenge(): Uint8Array;
  /** Whether it is the challenge encrypted with the password, which is still good. */
  accepts(challenge: Uint8Array, response: Uint8Array): boolean;
}

export interface RfbSessionPorts {
  readonly channel: ByteChannel;
  readonly surface: Surface;
  readonly input: DisplayInput;
  readonly deflate: Deflate;
  /** Host time. */
  readonly timers: TimerHost;
  /** Asked for by security type VNC authentication; without one there is none. */
  readonly password?: ViewerPassword;
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

/** Long enough to type a password. */
const MAX_HANDSHAKE_NS = 60e9;

export class RfbSession implements RfbClientHandler {
  readonly #ports: RfbSessionPorts;
  readonly #reader: ByteReader;
  readonly #updates: ViewerUpdates;
  /** Keys to release when the viewer goes, by qnum, or by keysym above all qnums. */
  readonly #heldKeys = new Map<number, ViewerKey>();
  #challenge: Uint8Array = new Uint8Array(0);
  /** Whoever only connects does not keep others out for long. */
  readonly #handshake: Timer;
  #ended = false;

  constructor(ports: RfbSessionPorts) {
    this.#ports = ports;
    const { channel, surface, deflate, timers, onWaiting } = ports;
    this.#handshake = timers.createTimer('handshake', () => this.end('the viewer did not introduce itself in time'));
    this.#updates = new ViewerUpdates({
      surface,
      deflate,
      clock: timers,
      send: (bytes) => this.#ended || channel.send(bytes),
      bufferedBytes: () => channel.bufferedBytes(),
      onReady: onWaiting,
      onFailure: (reason) => this.end(reason),
    });
    this.#reader = new ByteReader(rfbClientProtocol(this));
  }

  /** Opens the conversation. */
  start(): void {
    const ports = this.#ports;
    this.#handshake.arm(ports.timers.nowNs() + MAX_HANDSHAKE_NS);
    ports.channel.onClose(() => this.end('the viewer left'));
    ports.channel.onData((bytes) => this.#receive(bytes));
    ports.channel.send(new TextEncoder().encode('RFB 003.008\n'));
  }

  /** Ends the session and closes the channel; idempotent. Keys the viewer held are released. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handshake.cancel();
    this.#updates.stop();
    for (const key of this.#heldKeys.values()) this.#ports.input.key(key, false);
    this.#heldKeys.clear();
    this.#ports.channel.close();
    this.#ports.onEnd(reason);
  }

  /** The viewer waits for an update and none is under way. */
  get waiting(): boolean {
    return this.#updates.waiting;
  }

  /** Sends an update if the viewer waits for one, can take it, and there is something to show. */
  flush(): void {
    this.#updates.flush();
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

  version(version: RfbVersion): number {
    const { refusal, password, channel } = this.#ports;
    if (refusal !== undefined) {
      const none = version === 3 ? u32(P.SECURITY_INVALID) : u8(0);
      channel.send(concat(none, P.text(refusal)));
      throw new P.RfbProtocolError(refusal);
    }
    const type = password ? P.SECURITY_VNC : P.SECURITY_NONE;
    channel.send(version === 3 ? u32(type) : u8(1, type));
    return type;
  }

  challenge(): void {
    this.#challenge = this.#ports.password?.createChallenge() ?? this.#challenge;
    this.#ports.channel.send(this.#challenge.slice());
  }

  challengeAnswered(version: RfbVersion, response: Uint8Array): void {
    const { password, channel } = this.#ports;
    if (password?.accepts(this.#challenge, response)) {
      channel.send(u32(P.SECURITY_RESULT_OK));
      return;
    }
    const reason = 'the password is wrong or no longer good';
    // Before 3.8 there is no place for a reason. [RFC6143] 7.1.3
    channel.send(concat(u32(P.SECURITY_RESULT_FAILED), version === 8 ? P.text(reason) : new Uint8Array(0)));
    throw new P.RfbProtocolError(reason);
  }

  securityChosen(version: RfbVersion): void {
    if (version === 8) this.#ports.channel.send(u32(P.SECURITY_RESULT_OK));
  }

  clientInit(): void {
    const { surface, channel, name } = this.#ports;
    this.#handshake.cancel();
    this.#updates.start();
    channel.send(concat(u16(surface.width, surface.height), PixelFormat.NATIVE.serialize(), P.text(name)));
  }

  setPixelFormat(format: PixelFormat): void {
    this.#updates.setPixelFormat(format);
  }

  setEncodings(encodings: readonly number[]): void {
    this.#updates.setEncodings(encodings);
  }

  updateRequested(incremental: boolean, rect: Rect): void {
    this.#updates.request(incremental, rect);
  }

  continuousUpdates(enable: boolean): void {
    this.#updates.setContinuous(enable);
  }

  fence(flags: number, payload: Uint8Array): void {
    this.#updates.fence(flags, payload);
  }

  desktopSizeWanted(): void {
    this.#updates.desktopSizeWanted();
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
}
