/** A MessagePort (streams.ts: 'open', ArrayBuffers, 'close') in the shape of a WebSocket, as `ByteChannel` wants it. */
import type { StreamMessage } from '../../core/contracts/streams.ts';
import type { ByteChannel } from './api.ts';

export class PortChannel implements ByteChannel {
  binaryType = 'arraybuffer';
  readonly protocol = '';
  readyState: 'connecting' | 'open' | 'closed' = 'connecting';
  onopen: ByteChannel['onopen'] = null;
  onclose: ByteChannel['onclose'] = null;
  onmessage: ByteChannel['onmessage'] = null;
  onerror: ByteChannel['onerror'] = null;
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
    port.addEventListener('message', ({ data }: MessageEvent<StreamMessage>) => this.#receive(data));
    port.start();
  }

  /** Sends a copy: noVNC goes on to reuse the buffer it passes. */
  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 'open') return;
    const copy = data.slice();
    this.#port.postMessage(copy.buffer, [copy.buffer]);
  }

  close(): void {
    if (this.readyState === 'closed') return;
    this.#port.postMessage('close' satisfies StreamMessage);
    this.#closed();
  }

  #receive(message: StreamMessage): void {
    if (this.readyState === 'closed') return;
    if (message === 'open') {
      this.readyState = 'open';
      this.onopen?.();
    } else if (message === 'close') this.#closed();
    else this.onmessage?.({ data: message });
  }

  #closed(): void {
    this.readyState = 'closed';
    this.#port.close();
    // Later, as with a WebSocket: noVNC is not prepared for it during close().
    queueMicrotask(() => this.onclose?.({ code: 1000, reason: '' }));
  }
}
