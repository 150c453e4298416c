/** The file that KVM_GET_STATS_FD opens for a VM or a vCPU. */
import * as ioctl from './ioctl.ts';
import type { Libc } from './libc.ts';

const FIRST_ROOM = 8192;

export class StatsFile {
  #fd: number | undefined;

  constructor(
    readonly libc: Libc,
    /** Of the VM or vCPU. */
    readonly owner: number,
  ) {}

  /** Throws KvmError ENOTTY where the kernel is older than 5.14. */
  read(): Uint8Array {
    this.#fd ??= this.libc.ioctl('KVM_GET_STATS_FD', this.owner, ioctl.GET_STATS_FD);
    for (let room = FIRST_ROOM; ; room *= 2) {
      const bytes = new Uint8Array(room);
      const length = this.libc.pread('read of statistics', this.#fd, bytes, 0);
      if (length < room) return bytes.slice(0, length);
    }
  }

  close(): void {
    if (this.#fd !== undefined) this.libc.close(this.#fd);
    this.#fd = undefined;
  }
}
