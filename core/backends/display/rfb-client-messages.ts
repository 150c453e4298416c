/**
 * The client's half of an RFB session, parsed: handshake, then messages to a handler. Nothing a client sends can make
 * it keep more than a few hundred bytes; cut text is read past without being kept.
 */
import { type ByteProtocol, MAX_READ_BYTES } from './byte-reader.ts';
import { PIXEL_FORMAT_BYTES, PixelFormat } from './pixel-format.ts';
import * as P from './rfb-protocol.ts';
import type { Rect } from './surface.ts';

/** Encodings beyond this many are read and not looked at; clients list a few dozen, best first. */
const MAX_ENCODINGS = 256;

/** 3.x protocol versions that differ on the wire. */
export type RfbVersion = 3 | 7 | 8;

/** What a session does about each thing its client says. May throw RfbProtocolError to end the session. */
export interface RfbClientHandler {
  /** Tells the client which security type it may choose; it is returned. */
  version(version: RfbVersion): number;
  /** Sends the challenge of VNC authentication. */
  challenge(): void;
  challengeAnswered(version: RfbVersion, response: Uint8Array): void;
  /** The client took security type None (3.3: was told to). */
  securityChosen(version: RfbVersion): void;
  clientInit(): void;
  setPixelFormat(format: PixelFormat): void;
  setEncodings(encodings: readonly number[]): void;
  updateRequested(incremental: boolean, rect: Rect): void;
  continuousUpdates(enable: boolean): void;
  fence(flags: number, payload: Uint8Array): void;
  /** qnum: XT set 1 code, bit 7 in place of an E0 prefix; undefined or 0 where the client knows none. */
  key(down: boolean, keysym: number, qnum: number | undefined): void;
  /** buttons: bit 0 left, 1 middle, 2 right, 3 and 4 wheel up and down. */
  pointer(x: number, y: number, buttons: number): void;
  desktopSizeWanted(): void;
}

/** The protocol of one client, for a ByteReader. [RFC6143] 7.1, 7.3, 7.5 */
export function* rfbClientProtocol(handler: RfbClientHandler): ByteProtocol {
  const version = parseVersion(yield 12);
  const offered = handler.version(version);
  // 3.3 leaves the choice to the server. [RFC6143] 7.1.2 and appendix A
  if (version !== 3) {
    const chosen = (yield 1).getUint8(0);
    if (chosen !== offered) throw new P.RfbProtocolError(`security type ${chosen} was not offered`);
  }
  if (offered === P.SECURITY_VNC) {
    handler.challenge();
    handler.challengeAnswered(version, bytesOf(yield P.CHALLENGE_BYTES));
  } else {
    handler.securityChosen(version);
  }
  yield 1; // shared-flag: every viewer shares, so that none can shut another out
  handler.clientInit();
  for (;;) yield* message((yield 1).getUint8(0), handler);
}

function parseVersion(bytes: DataView): RfbVersion {
  const said = Array.from({ length: 12 }, (_, i) => String.fromCharCode(bytes.getUint8(i))).join('');
  const match = /^RFB 003\.(\d{3})\n$/.exec(said);
  if (!match) throw new P.RfbProtocolError('this is not an RFB 3 client');
  const minor = Number(match[1]);
  return minor >= 8 ? 8 : minor === 7 ? 7 : 3; // unknown ones count as 3.3. [RFC6143] 7.1.1
}

function* message(type: number, handler: RfbClientHandler): ByteProtocol {
  switch (type) {
    case P.SET_PIXEL_FORMAT: {
      yield 3;
      handler.setPixelFormat(PixelFormat.parse(yield PIXEL_FORMAT_BYTES));
      break;
    }
    case P.SET_ENCODINGS: {
      const encodings: number[] = [];
      for (let left = (yield 3).getUint16(1); left > 0; left--) {
        const encoding = (yield 4).getInt32(0);
        if (encodings.length < MAX_ENCODINGS) encodings.push(encoding);
      }
      handler.setEncodings(encodings);
      break;
    }
    case P.FRAMEBUFFER_UPDATE_REQUEST: {
      const body = yield 9;
      const at = (offset: number) => body.getUint16(offset);
      handler.updateRequested(body.getUint8(0) !== 0, { x: at(1), y: at(3), width: at(5), height: at(7) });
      break;
    }
    case P.KEY_EVENT: {
      const body = yield 7;
      handler.key(body.getUint8(0) !== 0, body.getUint32(3), undefined);
      break;
    }
    case P.POINTER_EVENT: {
      const body = yield 5;
      handler.pointer(body.getUint16(1), body.getUint16(3), body.getUint8(0));
      break;
    }
    case P.CLIENT_CUT_TEXT: {
      // A negative length announces the extended clipboard, of which we said nothing; its size is the magnitude.
      yield* skip(Math.abs((yield 7).getInt32(3)));
      break;
    }
    case P.ENABLE_CONTINUOUS_UPDATES: {
      handler.continuousUpdates((yield 9).getUint8(0) !== 0);
      break;
    }
    case P.CLIENT_FENCE: {
      const body = yield 8;
      const flags = body.getUint32(3);
      const length = body.getUint8(7);
      if (length > P.MAX_FENCE_BYTES) throw new P.RfbProtocolError(`a fence of ${length} bytes is too long`);
      handler.fence(flags, length > 0 ? bytesOf(yield length) : new Uint8Array(0));
      break;
    }
    case P.SET_DESKTOP_SIZE: {
      yield* skip((yield 7).getUint8(5) * 16);
      handler.desktopSizeWanted();
      break;
    }
    case P.QEMU_CLIENT_MESSAGE: {
      const submessage = (yield 1).getUint8(0);
      if (submessage !== P.QEMU_EXTENDED_KEY_EVENT) throw unknown(`QEMU message ${submessage}`);
      const body = yield 10;
      handler.key(body.getUint16(0) !== 0, body.getUint32(2), body.getUint32(6));
      break;
    }
    default:
      throw unknown(`message type ${type}`);
  }
}

/** A copy: the reader uses its memory again. */
const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();

const unknown = (what: string) => new P.RfbProtocolError(`${what} is unknown, and so is where the next one starts`);

function* skip(length: number): ByteProtocol {
  for (let left = length; left > 0; left -= MAX_READ_BYTES) yield Math.min(left, MAX_READ_BYTES);
}
