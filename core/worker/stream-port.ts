/**
 * The VM's end of a byte stream (core/contracts/streams) over a MessagePort. A viewer of a display also says, by a number,
 * how many bytes of what it was sent have been taken, so that no more is sent than that.
 */
import type { MessagePort } from 'node:worker_threads';
import type { StreamMessage } from '../contracts/streams.ts';

/** What comes from a viewer. */
export type FromViewer = StreamMessage | number;

export function openStreamPort(port: MessagePort): void {
  port.postMessage('open' satisfies StreamMessage);
}

/** The bytes are the port's from now on. */
export function sendStreamBytes(port: MessagePort, bytes: Uint8Array): void {
  const buffer = bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  port.postMessage(buffer satisfies ArrayBufferLike, [buffer as ArrayBuffer]);
}

export function closeStreamPort(port: MessagePort): void {
  port.postMessage('close' satisfies StreamMessage);
  port.close();
}

/** A message of the viewer as bytes; undefined for 'close', and for anything that is not of the protocol. */
export function streamBytes(message: unknown): Uint8Array | undefined {
  return message instanceof ArrayBuffer ? new Uint8Array(message) : undefined;
}
