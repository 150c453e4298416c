/**
 * The WebSockets of the browser host.
 * /api carries text: requests {id, call, req}, replies {id, ...reply}, events {event}.
 * /streams/<kind>/<vmId> carries one byte stream in binary frames; it is closed when the stream ends.
 */
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { App } from '../app/app.ts';

export const MAX_MESSAGE_BYTES = 1 << 20;
/** A viewer that lets this much pile up is cut off, for the guest must not fill the host's memory; it may come back. */
const MAX_UNSENT_BYTES = 16 << 20;
const MAX_CALLS_IN_FLIGHT = 256;

// RFC 6455 section 7.4.1; from 4000 on they are the application's.
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_POLICY = 1008;
const CLOSE_TRY_LATER = 1013;
const CLOSE_NO_STREAM = 4404;
/** A close reason has at most 123 bytes. */
const MAX_REASON_BYTES = 123;

const messageSchema = z.strictObject({
  id: z.int().min(0),
  call: z.string().max(100),
  req: z.unknown().optional(),
});

export function serveApi(socket: WebSocket, app: App): void {
  let inFlight = 0;
  const stopEvents = app.onEvent((event) => send(socket, JSON.stringify({ event })));
  socket.on('close', stopEvents);
  socket.on('error', () => socket.terminate());
  socket.on('message', async (data, isBinary) => {
    const message = isBinary ? undefined : parseMessage(data);
    if (message === undefined) return socket.close(CLOSE_POLICY, 'malformed message');
    if (inFlight >= MAX_CALLS_IN_FLIGHT) return socket.close(CLOSE_POLICY, 'too many calls at once');
    inFlight += 1;
    const reply = await app.call(message.call, message.req);
    inFlight -= 1;
    send(socket, JSON.stringify({ id: message.id, ...reply }));
  });
}

export function serveStream(socket: WebSocket, app: App, address: { kind: unknown; vmId: unknown }): void {
  socket.on('error', () => socket.terminate());
  const opened = app.openStream(address);
  if (!opened.ok) {
    socket.close(CLOSE_NO_STREAM, shorten(opened.error.message));
    return;
  }
  const stream = opened.value;
  stream.onMessage((message) => {
    if (message === 'close') socket.close(CLOSE_NORMAL);
    else if (message !== 'open') return new Promise<void>((taken) => send(socket, new Uint8Array(message), taken));
  });
  socket.on('message', (data, isBinary) => {
    if (!isBinary) return socket.close(CLOSE_UNSUPPORTED, 'binary frames only');
    const bytes = bytesOf(data);
    if (bytes.length > 0) stream.send(new Uint8Array(bytes).buffer);
  });
  socket.on('close', () => stream.close());
}

/** taken: the network has it; not called where the socket is gone. */
function send(socket: WebSocket, data: string | Uint8Array, taken?: () => void): void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
    socket.close(CLOSE_TRY_LATER, 'the viewer does not keep up');
    socket.terminate(); // what is queued would never be read
    return;
  }
  socket.send(data, () => taken?.());
}

function parseMessage(data: RawData): z.output<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(bytesOf(data).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function shorten(text: string): string {
  let short = text;
  while (Buffer.byteLength(short) > MAX_REASON_BYTES) short = short.slice(0, -1);
  return short;
}
