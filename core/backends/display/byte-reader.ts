/**
 * Runs a protocol written as a generator over bytes that arrive in pieces of any size. The generator yields how many
 * bytes it wants next and is resumed with exactly these; no more than one such piece is ever kept.
 */

/** Longest piece a protocol may ask for at once; longer things are read in turns. */
export const MAX_READ_BYTES = 256;

export type ByteProtocol = Generator<number, void, DataView>;

export class ByteReader {
  readonly #protocol: ByteProtocol;
  readonly #buffer = new Uint8Array(MAX_READ_BYTES);
  #held = 0;
  #wanted = 0;
  #ended = false;

  constructor(protocol: ByteProtocol) {
    this.#protocol = protocol;
    this.#take(protocol.next());
  }

  /** Throws what the protocol throws; it has then ended, and further bytes are dropped. */
  receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#ended; ) {
      const piece = bytes.subarray(at, at + this.#wanted - this.#held);
      this.#buffer.set(piece, this.#held);
      this.#held += piece.length;
      at += piece.length;
      if (this.#held < this.#wanted) return;
      this.#held = 0;
      const view = new DataView(this.#buffer.buffer, 0, this.#wanted);
      this.#ended = true; // unless it asks for more
      this.#take(this.#protocol.next(view));
    }
  }

  #take(result: IteratorResult<number, void>): void {
    this.#ended = result.done === true;
    if (result.done) return;
    if (!(result.value >= 1 && result.value <= MAX_READ_BYTES)) throw new RangeError(`a read of ${result.value} bytes`);
    this.#wanted = result.value;
  }
}
