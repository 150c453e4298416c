/**
 * Coalesced I/O: writes to zones that userspace registered wait in a ring behind kvm_run, rather than that each is an exit.
 * Userspace takes them out before it looks at an exit. KVM_REGISTER_COALESCED_MMIO, [API] 4.116; the ring is Linux's
 * struct kvm_coalesced_mmio_ring.
 */
import * as A from './api.ts';

/** As many as the kernel has devices on a bus. */
const MAX_ZONES = 1000;

/** The zones of a VM. */
export class CoalescedZones {
  #zones: readonly A.KvmCoalescedMmioZone[] = [];

  register(zone: A.KvmCoalescedMmioZone): void {
    check('KVM_REGISTER_COALESCED_MMIO', zone);
    if (this.#zones.length >= MAX_ZONES) throw new A.KvmError('KVM_REGISTER_COALESCED_MMIO', 'ENOSPC');
    this.#zones = [...this.#zones, { ...zone }];
  }

  /** Every zone that the given one lies in, as in the kernel. */
  unregister(zone: A.KvmCoalescedMmioZone): void {
    check('KVM_UNREGISTER_COALESCED_MMIO', zone);
    this.#zones = this.#zones.filter((other) => !covers(other, zone.pio, zone.addr, zone.size));
  }

  /** @hot */
  cover(pio: 0 | 1, addr: number, size: number): boolean {
    const zones = this.#zones;
    for (let i = 0; i < zones.length; i++) if (covers(zones[i] as A.KvmCoalescedMmioZone, pio, addr, size)) return true;
    return false;
  }
}

function check(ioctl: string, { addr, size, pio }: A.KvmCoalescedMmioZone): void {
  const bad = !Number.isSafeInteger(addr) || addr < 0 || !(size >= 0 && size < 2 ** 32) || (pio !== 0 && pio !== 1);
  if (bad) throw new A.KvmError(ioctl, 'EINVAL', `zone ${addr}, ${size} bytes, pio ${pio}`);
}

function covers(zone: A.KvmCoalescedMmioZone, pio: number, addr: number, size: number): boolean {
  return zone.pio === pio && addr >= zone.addr && addr + size <= zone.addr + zone.size;
}

/** The ring of a vCPU. `last` is ours, `first` userspace's; one entry stays free. */
export class CoalescedRing {
  readonly #words: Int32Array;

  constructor(
    readonly zones: CoalescedZones,
    run: DataView,
  ) {
    this.#words = new Int32Array(run.buffer, run.byteOffset + A.RUN_COALESCED_RING, A.RUN_PAGE_SIZE / 4);
  }

  /** False: no zone covers it, or there is no room. It has to be an exit then. @hot */
  post(pio: 0 | 1, addr: number, size: number, lo: number, hi: number): boolean {
    if (!this.zones.cover(pio, addr, size)) return false;
    const words = this.#words;
    const first = (words[A.COALESCED_FIRST >> 2] ?? 0) >>> 0;
    const last = (words[A.COALESCED_LAST >> 2] ?? 0) >>> 0;
    const next = last + 1 < A.KVM_COALESCED_MMIO_MAX ? last + 1 : 0;
    if (last >= A.KVM_COALESCED_MMIO_MAX || next === first) return false;
    const at = (A.COALESCED_ENTRIES + last * A.COALESCED_ENTRY_SIZE) >> 2;
    words[at] = addr;
    words[at + 1] = Math.floor(addr / 2 ** 32);
    words[at + (A.COALESCED_LEN >> 2)] = size;
    words[at + (A.COALESCED_PIO >> 2)] = pio;
    words[at + (A.COALESCED_DATA >> 2)] = lo;
    words[at + (A.COALESCED_DATA >> 2) + 1] = hi;
    words[A.COALESCED_LAST >> 2] = next;
    return true;
  }
}
