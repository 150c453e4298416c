/** Guest memory as a USB controller reads its schedules from it: little-endian words, and nothing without bus mastering. */
import type { GuestMemory } from '../device.ts';
import type { PciConfigSpace } from '../pci-host/pci-config-space.ts';

export class UsbDma {
  constructor(
    readonly memory: GuestMemory,
    readonly space: PciConfigSpace,
  ) {}

  /** Zeros where there is no RAM, and while the guest does not let the function master the bus. */
  read(gpa: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.space.busMaster) this.memory.read(gpa, bytes);
    return bytes;
  }

  write(gpa: number, bytes: Uint8Array): void {
    if (this.space.busMaster && bytes.length > 0) this.memory.write(gpa, bytes);
  }

  words(gpa: number, count: number): Uint32Array {
    return new Uint32Array(this.read(gpa, 4 * count).buffer);
  }

  writeWords(gpa: number, words: ArrayLike<number>): void {
    this.write(gpa, new Uint8Array(Uint32Array.from(words).buffer));
  }

  read32(gpa: number): number {
    return this.words(gpa, 1)[0] ?? 0;
  }

  write32(gpa: number, value: number): void {
    this.writeWords(gpa, [value]);
  }
}
