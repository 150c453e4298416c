/**
 * How fast one viewer takes its updates, by when it answers the fence ([RFBEXT] Fence) after each: how many may be on
 * their way, whether its pixels are better compressed, and how well. Viewers without fences are paced by their
 * requests, and get the encoding they asked for.
 */
import type { Clock } from '../../base/clock.ts';

/** Updates sent and not answered: enough to keep a viewer busy while an answer travels. */
const MAX_ON_THE_WAY = 3;
/** Smaller updates say more about delays than about rates. */
const TELLING_PIXELS = 1 << 16;
const TELLING_BYTES = 1 << 16;
/** What is not in use is tried again after so many telling updates. */
const TRY_AGAIN_AFTER = 16;
/** Plain pixels are not even tried on a link on which they would take so many times longer. */
const MAX_TRIAL_COST = 2;
/** Weight of the newest measurement. */
const NEWEST = 1 / 4;

/** zlib's levels for links of at least this many ns a byte. */
const LEVELS = [
  { nsPerByte: 1000, level: 6 },
  { nsPerByte: 100, level: 3 },
] as const;
const FAST_LEVEL = 1;

export interface SentUpdate {
  readonly pixels: number;
  readonly bytes: number;
  /** As plain pixels. */
  readonly raw: boolean;
  /** When its encoding began. */
  readonly startedNs: number;
}

export class ViewerPace {
  readonly #clock: Clock;
  #onTheWay: (SentUpdate & { readonly id: number; readonly sentNs: number })[] = [];
  #nextId = 0;
  #lastAnswerNs = Number.NEGATIVE_INFINITY;
  #rawNsPerPixel: number | undefined;
  #compressedNsPerPixel: number | undefined;
  #linkNsPerByte: number | undefined;
  #sinceTrial = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowNs(): number {
    return this.#clock.nowNs();
  }

  /** No more before an answer. */
  get full(): boolean {
    return this.#onTheWay.length >= MAX_ON_THE_WAY;
  }

  /** Returns the name of the fence to send after it. */
  sent(update: SentUpdate): number {
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    this.#onTheWay.push({ ...update, id, sentNs: this.#clock.nowNs() });
    return id;
  }

  /** The fence of this name was answered; one that is not next is nobody's. */
  answered(id: number): void {
    const [update] = this.#onTheWay;
    if (update?.id !== id) return;
    this.#onTheWay.shift();
    const nowNs = this.#clock.nowNs();
    const tookNs = nowNs - Math.max(update.startedNs, this.#lastAnswerNs);
    const linkNs = nowNs - Math.max(update.sentNs, this.#lastAnswerNs);
    this.#lastAnswerNs = nowNs;
    if (update.bytes >= TELLING_BYTES && linkNs > 0) {
      this.#linkNsPerByte = average(this.#linkNsPerByte, linkNs / update.bytes);
    }
    if (update.pixels < TELLING_PIXELS || tookNs <= 0) return;
    const nsPerPixel = tookNs / update.pixels;
    if (update.raw) this.#rawNsPerPixel = average(this.#rawNsPerPixel, nsPerPixel);
    else this.#compressedNsPerPixel = average(this.#compressedNsPerPixel, nsPerPixel);
  }

  /** Whether an update gets to this viewer sooner as plain pixels. */
  prefersRaw(pixels: number, bytesPerPixel: number): boolean {
    const [raw, compressed, link] = [this.#rawNsPerPixel, this.#compressedNsPerPixel, this.#linkNsPerByte];
    if (pixels < TELLING_PIXELS || compressed === undefined || link === undefined) return false;
    if (link * bytesPerPixel > compressed * MAX_TRIAL_COST) return false;
    if (raw === undefined) return true;
    const better = raw < compressed;
    this.#sinceTrial = (this.#sinceTrial + 1) % TRY_AGAIN_AFTER;
    return this.#sinceTrial === 0 ? !better : better;
  }

  /** The level for zlib; no more than the viewer asked for. */
  level(asked: number): number {
    const link = this.#linkNsPerByte ?? 0;
    const worth = LEVELS.find(({ nsPerByte }) => link >= nsPerByte)?.level ?? FAST_LEVEL;
    return Math.min(asked, worth);
  }
}

const average = (old: number | undefined, newest: number): number =>
  old === undefined ? newest : old + (newest - old) * NEWEST;
