/** Unsigned LEB128 of a u32. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let v = value >>> 0;
  for (; v >= 0x80; v >>>= 7) bytes.push((v & 0x7f) | 0x80);
  bytes.push(v);
  return bytes;
}

const EMPTY = new Uint8Array(0);

/** Byte sink with WebAssembly's integer encodings ([WASM] binary format, 5.2). */
export class ByteSink {
  #bytes = EMPTY;
  length = 0;

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(this.length + 1);
    this.#bytes[this.length++] = value;
  }

  bytes(source: Uint8Array): void {
    this.#grow(this.length + source.length);
    this.#bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Unsigned LEB128 of a u32. */
  u32(value: number): void {
    let v = value >>> 0;
    while (v >= 0x80) {
      this.byte((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.byte(v);
  }

  /** Signed LEB128 of an i32. */
  s32(value: number): void {
    let v = value | 0;
    for (;;) {
      const low = v & 0x7f;
      v >>= 7;
      if ((v === 0 && (low & 0x40) === 0) || (v === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** Signed LEB128 of an i64. */
  s64(value: bigint): void {
    let v = BigInt.asIntN(64, value);
    if (v >= -0x8000_0000n && v <= 0x7fff_ffffn) {
      this.s32(Number(v));
      return;
    }
    for (;;) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && (low & 0x40) === 0) || (v === -1n && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i) & 0x7f);
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2, 256));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }
}
