/** Guest RAM from address 0 on, for tests of devices that do DMA; little-endian words for the test itself. */
import type { GuestMemory } from '../devices/device.ts';

export class FakeMemory implements GuestMemory {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  read(gpa: number, target: Uint8Array): void {
    target.fill(0);
    if (gpa < this.bytes.length) target.set(this.bytes.subarray(gpa, gpa + target.length));
  }

  write(gpa: number, source: Uint8Array): void {
    if (gpa < this.bytes.length) this.bytes.set(source.subarray(0, this.bytes.length - gpa), gpa);
  }

  read32(gpa: number): number {
    return this.#view.getUint32(gpa, true);
  }

  write32(gpa: number, ...words: readonly number[]): void {
    for (const [i, word] of words.entries()) this.#view.setUint32(gpa + 4 * i, word >>> 0, true);
  }
}
