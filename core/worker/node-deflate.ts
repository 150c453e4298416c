/** The Deflate port of core/backends/display over Node's zlib. */
import { constants, createDeflate, deflate, type Deflate as NodeStream } from 'node:zlib';
import type { Deflate, DeflateStream } from '../backends/display/deflate.ts';

/** Fast rather than small: viewers sit on the same machine. */
const LEVEL = 3;

export const nodeDeflate: Deflate = {
  compress: (bytes) =>
    new Promise((resolve, reject) => {
      deflate(bytes, (error, result) => (error ? reject(error) : resolve(result)));
    }),
  openStream: () => new NodeDeflateStream(),
};

class NodeDeflateStream implements DeflateStream {
  readonly #zlib: NodeStream = createDeflate({ level: LEVEL });
  #chunks: Uint8Array[] = [];
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.#zlib.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#zlib.on('error', (error) => this.#fail(error));
    this.#zlib.on('close', () => this.#fail(new Error('the zlib stream is closed')));
  }

  flush(bytes: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#zlib.write(bytes);
      this.#zlib.flush(constants.Z_SYNC_FLUSH, () => {
        while (this.#zlib.read() !== null) {
          // What the stream still holds goes through the data listener.
        }
        const out = Buffer.concat(this.#chunks);
        this.#chunks = [];
        resolve(out);
      });
    });
  }

  close(): void {
    this.#zlib.close();
  }
}
