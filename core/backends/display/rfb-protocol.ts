/**
 * Names and numbers of the RFB protocol, and the small structures that both directions use.
 * [RFC6143] The Remote Framebuffer Protocol; [RFBEXT] The RFB Protocol, community wiki (rfbproto.rst): Tight,
 * compression levels, extended desktop size, fences, continuous updates and the QEMU extended key event.
 */
import { concat, u16, u32 } from './bytes.ts';
import type { Rect } from './surface.ts';

// Security types and results. [RFC6143] 7.1.2, 7.1.3
export const SECURITY_INVALID = 0;
export const SECURITY_NONE = 1;
export const SECURITY_VNC = 2;
export const SECURITY_RESULT_OK = 0;
export const SECURITY_RESULT_FAILED = 1;
/** Of VNC authentication, and of its answer. [RFC6143] 7.2.2 */
export const CHALLENGE_BYTES = 16;

// Client to server. [RFC6143] 7.5, [RFBEXT]
export const SET_PIXEL_FORMAT = 0;
export const SET_ENCODINGS = 2;
export const FRAMEBUFFER_UPDATE_REQUEST = 3;
export const KEY_EVENT = 4;
export const POINTER_EVENT = 5;
export const CLIENT_CUT_TEXT = 6;
export const ENABLE_CONTINUOUS_UPDATES = 150;
export const CLIENT_FENCE = 248;
export const SET_DESKTOP_SIZE = 251;
export const QEMU_CLIENT_MESSAGE = 255;
export const QEMU_EXTENDED_KEY_EVENT = 0;

// Server to client. [RFC6143] 7.6
export const FRAMEBUFFER_UPDATE = 0;
export const END_OF_CONTINUOUS_UPDATES = 150;
export const SERVER_FENCE = 248;

// Flags of a fence, and how much it may carry. [RFBEXT] Fence
export const FENCE_BLOCK_BEFORE = 1 << 0;
export const FENCE_BLOCK_AFTER = 1 << 1;
export const FENCE_REQUEST = 0x8000_0000;
export const MAX_FENCE_BYTES = 64;

// Encodings and pseudo-encodings. [RFC6143] 7.7, 7.8, [RFBEXT]
export const ENCODING_RAW = 0;
export const ENCODING_COPY_RECT = 1;
export const ENCODING_TIGHT = 7;
export const ENCODING_ZRLE = 16;
export const ENCODING_COMPRESS_LEVEL_0 = -256;
export const ENCODING_COMPRESS_LEVEL_9 = -247;
export const ENCODING_CURSOR = -239;
export const ENCODING_DESKTOP_SIZE = -223;
export const ENCODING_QEMU_EXTENDED_KEY_EVENT = -258;
export const ENCODING_EXTENDED_DESKTOP_SIZE = -308;
export const ENCODING_FENCE = -312;
export const ENCODING_CONTINUOUS_UPDATES = -313;

// Reasons and results of an ExtendedDesktopSize rectangle. [RFBEXT]
export const RESIZE_BY_SERVER = 0;
export const RESIZE_BY_THIS_CLIENT = 1;
export const RESIZE_OK = 0;
export const RESIZE_PROHIBITED = 1;

/** What a client did that the protocol does not allow: ends its session, nobody else's. */
export class RfbProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RfbProtocolError';
  }
}

/** A string with its length before it. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concat(u32(bytes.length), bytes);
}

/** Bytes of rectHeader(). */
export const RECT_HEADER_BYTES = 12;

/** The head of each rectangle of a FramebufferUpdate. */
export function rectHeader(rect: Rect, encoding: number): Uint8Array {
  return concat(u16(rect.x, rect.y, rect.width, rect.height), u32(encoding));
}
