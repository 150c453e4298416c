/**
 * What the interface asks of its host, whichever host that is: calls, events, byte streams and whether it is there.
 * `Api` never rejects a call: a lost connection is a failure like any other, with a message and a hint.
 */
import type { AppEvent, CallFailure, CallName, Reply, Request } from '../../core/contracts/calls.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';

export type Connection = 'connecting' | 'online' | 'offline';

/**
 * Bytes to and from a display or a serial port: the eight properties noVNC asks of a channel, which a WebSocket has by
 * itself. One listener each, set as a property, as on a WebSocket.
 */
export interface ByteChannel {
  binaryType: string;
  readonly protocol: string;
  readonly readyState: number | string;
  onopen: ((event?: never) => void) | null;
  onclose: ((event: { code?: number; reason?: string }) => void) | null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export interface Api {
  call<K extends CallName>(name: K, request: Request<K>): Promise<Reply<K>>;
  /** Both return the function that ends the subscription. */
  onEvent(listener: (event: AppEvent) => void): () => void;
  onConnection(listener: (connection: Connection) => void): () => void;
  openStream(address: StreamAddress): Promise<ByteChannel>;
  /** Where a dropped file lies; undefined where the host cannot know: a browser does not tell. */
  pathOf(file: File): string | undefined;
}

export const LOST_CONNECTION: CallFailure<'internal'> = {
  code: 'internal',
  message: 'The connection to Vivarium was lost before it answered.',
  hint: 'It may or may not have been done. Wait for the connection to come back, look at the list, then try again.',
};
