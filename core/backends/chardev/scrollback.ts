/** The last bytes of a stream, for a viewer that comes later. */
export class Scrollback {
  readonly #ring: Uint8Array;
  #written = 0;

  constructor(sizeBytes: number) {
    this.#ring = new Uint8Array(sizeBytes);
  }

  push(bytes: Uint8Array): void {
    const size = this.#ring.length;
    const kept = bytes.subarray(Math.max(0, bytes.length - size));
    const at = (this.#written + bytes.length - kept.length) % size;
    const first = kept.subarray(0, size - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#written += bytes.length;
  }

  /** A copy, oldest byte first. */
  contents(): Uint8Array {
    const size = this.#ring.length;
    if (this.#written <= size) return this.#ring.slice(0, this.#written);
    const at = this.#written % size;
    const copy = new Uint8Array(size);
    copy.set(this.#ring.subarray(at), 0);
    copy.set(this.#ring.subarray(0, at), size - at);
    return copy;
  }
}
