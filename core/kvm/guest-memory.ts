/** Guest physical memory as KVM itself reads and writes it: what is written is dirty, and code there decodes anew. */
import type { PhysicalMemory } from '../cpu/index.ts';

export class GuestMemory {
  constructor(
    readonly physical: PhysicalMemory,
    /** Told of each byte of the shared memory that changed. */
    readonly written: (host: number) => void,
  ) {}

  /** A copy; undefined when a part of it is no memory. */
  read(gpa: number, size: number): Uint8Array | undefined {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      const host = this.physical.host(gpa + i);
      if (host < 0) return undefined;
      bytes[i] = this.physical.u8[host] ?? 0;
    }
    return bytes;
  }

  /** False, with nothing written, when a part of it is no memory or read-only. */
  write(gpa: number, bytes: Uint8Array): boolean {
    const { physical } = this;
    for (let i = 0; i < bytes.length; i++) if (physical.host(gpa + i) < 0 || physical.isReadOnly(gpa + i)) return false;
    bytes.forEach((byte, i) => {
      const host = physical.host(gpa + i);
      physical.u8[host] = byte;
      physical.markDirty(gpa + i);
      this.written(host);
    });
    return true;
  }
}
