/**
 * Guest RAM at guest physical addresses, over the VM's shared memory: how devices do DMA and how the boot loader
 * fills memory. What lies outside of RAM reads zeros and drops writes.
 */
import type { GuestMemory } from '../devices/device.ts';
import type { KvmVm } from '../kvm/api.ts';

export interface RamRange {
  readonly gpa: number;
  readonly sizeBytes: number;
  /** Offset in the VM's shared memory. */
  readonly offset: number;
}

export class SlotMemory implements GuestMemory {
  readonly #bytes: Uint8Array;

  constructor(
    readonly vm: KvmVm,
    readonly ranges: readonly RamRange[],
  ) {
    this.#bytes = new Uint8Array(vm.memory);
  }

  read(gpa: number, target: Uint8Array): void {
    if (!this.#isRam(gpa, target.length)) target.fill(0);
    this.#forEachPart(gpa, target.length, (offset, start, length) => {
      target.set(this.#bytes.subarray(offset, offset + length), start);
    });
  }

  write(gpa: number, source: Uint8Array): void {
    this.#forEachPart(gpa, source.length, (offset, start, length) => {
      this.#bytes.set(source.subarray(start, start + length), offset);
      this.vm.notifyWrite(offset, length);
    });
  }

  fillZero(gpa: number, length: number): void {
    this.#forEachPart(gpa, length, (offset, _start, partLength) => {
      this.#bytes.fill(0, offset, offset + partLength);
      this.vm.notifyWrite(offset, partLength);
    });
  }

  #isRam(gpa: number, length: number): boolean {
    return this.ranges.some((range) => gpa >= range.gpa && gpa + length <= range.gpa + range.sizeBytes);
  }

  /** Calls back for each part of [gpa, gpa + length) that is RAM; start counts from gpa. */
  #forEachPart(gpa: number, length: number, part: (offset: number, start: number, length: number) => void): void {
    for (const range of this.ranges) {
      const from = Math.max(gpa, range.gpa);
      const to = Math.min(gpa + length, range.gpa + range.sizeBytes);
      if (from < to) part(range.offset + from - range.gpa, from - gpa, to - from);
    }
  }
}
