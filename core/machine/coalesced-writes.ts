/**
 * Writes of the guest that KVM has kept rather than leave for each: they come before the exit that KVM_RUN returns with.
 *
 * Reference: [API] 4.116, KVM_(UN)REGISTER_COALESCED_MMIO.
 */
import * as kvm from '../kvm/api.ts';
import type { Bus } from './bus.ts';
import { writeWide } from './exits.ts';

export class CoalescedWrites {
  readonly #vm: kvm.KvmVm;
  readonly #mmio: Bus;
  /** undefined: this KVM has none. */
  readonly #ring: DataView | undefined;

  constructor(vm: kvm.KvmVm, run: DataView, mmio: Bus) {
    this.#vm = vm;
    this.#mmio = mmio;
    const page = vm.checkExtension(kvm.KVM_CAP_COALESCED_MMIO);
    if (page > 0) this.#ring = new DataView(run.buffer, run.byteOffset + page * kvm.RUN_PAGE_SIZE, kvm.RUN_PAGE_SIZE);
  }

  /** For memory whose writes may wait until the guest does something else. */
  allow(start: number, length: number): void {
    if (this.#ring) this.#vm.registerCoalescedMmio({ addr: start, size: length, pio: 0 });
  }

  /** After each KVM_RUN, before anything else is done about the guest. @hot */
  drain(): void {
    const ring = this.#ring;
    if (!ring) return;
    const last = ring.getUint32(kvm.COALESCED_LAST, true);
    let first = ring.getUint32(kvm.COALESCED_FIRST, true);
    if (first === last) return;
    while (first !== last) {
      const at = kvm.COALESCED_ENTRIES + first * kvm.COALESCED_ENTRY_SIZE;
      const address = ring.getUint32(at, true) + ring.getUint32(at + 4, true) * 2 ** 32;
      writeWide(this.#mmio, address, ring, at + kvm.COALESCED_DATA, ring.getUint32(at + kvm.COALESCED_LEN, true));
      first = (first + 1) % kvm.KVM_COALESCED_MMIO_MAX;
    }
    ring.setUint32(kvm.COALESCED_FIRST, first, true);
  }
}
