/**
 * Room for decoded blocks. It is taken segment by segment; when all are full, the oldest is emptied. What dropped blocks had is
 * taken again by blocks of the same size first, so that code which is rewritten again and again needs no more room.
 */
const SEGMENTS = 8;

export class Arena {
  readonly #segmentSize: number;
  #segment = 0;
  #top: number;
  /** Segments from there on were never used. */
  #fresh = 1;
  /** Free places by size. */
  readonly #free = new Map<number, number[]>();

  constructor(
    readonly base: number,
    size: number,
    /** Releases all that lies in [from, to). */
    readonly evict: (from: number, to: number) => void,
  ) {
    this.#segmentSize = Math.floor(size / SEGMENTS / 8) * 8;
    this.#top = base;
  }

  take(size: number): number {
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) return free;
    if (this.#top + size > this.#start(this.#segment + 1)) this.#nextSegment();
    const at = this.#top;
    this.#top += size;
    return at;
  }
  release(at: number, size: number): void {
    const list = this.#free.get(size);
    if (list) list.push(at);
    else this.#free.set(size, [at]);
  }
  /** Everything is free. */
  clear(): void {
    this.#free.clear();
    this.#segment = 0;
    this.#fresh = 1;
    this.#top = this.base;
  }

  #start(segment: number): number {
    return this.base + segment * this.#segmentSize;
  }
  #nextSegment(): void {
    this.#segment = (this.#segment + 1) % SEGMENTS;
    const from = this.#start(this.#segment);
    this.#top = from;
    if (this.#fresh <= this.#segment) {
      this.#fresh++;
      return;
    }
    const to = this.#start(this.#segment + 1);
    this.evict(from, to);
    for (const [size, places] of this.#free) {
      const kept = places.filter((at) => at < from || at >= to);
      this.#free.set(size, kept);
    }
  }
}
