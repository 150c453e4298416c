/** A file in memory, for tests of block back ends and disk controllers; it can be told to fail. */
import type { BlockFile } from '../backends/block/block-file.ts';
import { RawImage } from '../backends/block/raw-image.ts';

export class MemoryFile implements BlockFile {
  readonly sizeBytes: number;
  flushes = 0;
  readonly discarded: (readonly [offset: number, length: number])[] = [];
  /** The errno of the calls that touch [from, to). */
  failing: { readonly from: number; readonly to: number; readonly errno: string } | undefined;

  constructor(
    public bytes: Uint8Array,
    readonly readOnly = false,
  ) {
    this.sizeBytes = bytes.length;
  }

  read(offset: number, target: Uint8Array): number {
    this.#check(offset, target.length);
    const part = this.bytes.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length);
    if (offset + bytes.length > this.bytes.length) {
      const longer = new Uint8Array(offset + bytes.length);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(bytes, offset);
  }

  flush(): void {
    this.flushes++;
  }

  discard(offset: number, length: number): void {
    this.discarded.push([offset, length]);
    this.bytes.fill(0, offset, offset + length);
  }

  close(): void {}

  #check(offset: number, length: number): void {
    const { failing } = this;
    if (!failing || offset >= failing.to || offset + length <= failing.from) return;
    throw Object.assign(new Error(`${failing.errno}: told to fail`), { code: failing.errno });
  }
}

/** A disk whose sector n is full of the bytes of n. */
export function numberedDisk(sectors: number, readOnly = false): { file: MemoryFile; image: RawImage } {
  const bytes = new Uint8Array(sectors * 512);
  new Uint32Array(bytes.buffer).forEach((_, i, words) => {
    words[i] = Math.floor(i / 128);
  });
  const file = new MemoryFile(bytes, readOnly);
  return { file, image: new RawImage(file) };
}
