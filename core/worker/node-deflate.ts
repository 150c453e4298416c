/** The Deflate port of core/backends/display over Node's zlib. */
import { constants, createDeflate, deflate, type Deflate as NodeStream } from 'node:zlib';
import type { Deflate, DeflateStream } from '../backends/display/deflate.ts';

const FIRST_LEVEL = 1;
/** Of a piece of output: most updates fit into one. */
const CHUNK_BYTES = 1 << 17;

export const nodeDeflate: Deflate = {
  compress: (bytes) =>
    new Promise((resolve, reject) => {
      deflate(bytes, (error, result) => (error ? reject(error) : resolve(result)));
    }),
  openStream: () => new NodeDeflateStream(),
};

class NodeDeflateStream implements DeflateStream {
  #level = FIRST_LEVEL;
  readonly #zlib: NodeStream = createDeflate({
    level: FIRST_LEVEL,
    flush: constants.Z_SYNC_FLUSH,
    chunkSize: CHUNK_BYTES,
  });
  #chunks: Uint8Array[] = [];
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.#zlib.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#zlib.on('error', (error) => this.#fail(error));
    this.#zlib.on('close', () => this.#fail(new Error('the zlib stream is closed')));
  }

  flush(bytes: Uint8Array, level: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const compress = () => {
        this.#zlib.write(bytes, () => resolve(this.#take()));
      };
      if (level === this.#level) compress();
      else this.#zlib.params(level, constants.Z_DEFAULT_STRATEGY, compress); // what fails there fails in write, too
      this.#level = level;
    });
  }

  #take(): Uint8Array {
    while (this.#zlib.read() !== null) {
      // What the stream still holds goes through the data listener.
    }
    const [first, ...more] = this.#chunks;
    const out = first && more.length === 0 ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    return out;
  }

  close(): void {
    this.#zlib.close();
  }
}
