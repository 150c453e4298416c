/**
 * MSI-X of a PCI function: its vectors in a table that lies, like the array of pending bits, in one of the function's
 * memory BARs. The device puts the two regions there.
 *
 * [PCI] PCI Local Bus Specification 3.0, 6.8.2.
 */
import type { AccessSize, IoRegion } from '../device.ts';
import type { MsiSender } from './msi.ts';
import * as R from './pci.regs.ts';
import type { PciConfigSpace } from './pci-config-space.ts';

export interface MsixSpec {
  vectors: number;
  /** Which BAR, and where in it: multiples of 8. */
  table: { bar: number; offset: number };
  pba: { bar: number; offset: number };
  /** The capability's offset, where a data sheet fixes one. */
  at?: number;
}

export class MsixCapability {
  /** vectors * 16 bytes. */
  readonly table: IoRegion = {
    read: (offset, size) => read(this.#entries, offset, size),
    write: (offset, size, value) => this.#writeTable(offset, size, value),
  };
  /** One bit a vector, in whole 64-bit words. */
  readonly pba: IoRegion = { read: (offset, size) => read(this.#pendingBits, offset, size), write: () => {} };
  readonly #at: number;
  readonly #entries: Uint8Array;
  readonly #pendingBits: Uint8Array;

  constructor(
    readonly space: PciConfigSpace,
    readonly spec: MsixSpec,
    readonly send: MsiSender,
  ) {
    const { vectors, table, pba } = spec;
    if (vectors < 1 || vectors > R.MSIX_MAX_VECTORS) throw new RangeError(`${space.name}: ${vectors} MSI-X vectors`);
    this.#at = space.addCapability(R.CAP_ID_MSIX, R.MSIX_LENGTH, spec.at);
    space.define(this.#at + R.MSIX_CONTROL, 2, vectors - 1, R.MSIX_CONTROL_ENABLE | R.MSIX_CONTROL_MASK_ALL);
    space.define(this.#at + R.MSIX_TABLE, 4, table.offset | table.bar);
    space.define(this.#at + R.MSIX_PBA, 4, pba.offset | pba.bar);
    const masked = new Uint8Array(vectors * R.MSIX_ENTRY_SIZE);
    for (let i = 0; i < vectors; i++) masked[i * R.MSIX_ENTRY_SIZE + R.MSIX_ENTRY_CONTROL] = R.MSIX_ENTRY_MASKED;
    this.#entries = space.addTable(masked);
    this.#pendingBits = space.addTable(new Uint8Array(Math.ceil(vectors / 64) * 8));
    space.onChange(() => this.#sendDue());
  }

  /** The guest chose messages: the function may not drive its INTx. */
  get enabled(): boolean {
    return (this.#control & R.MSIX_CONTROL_ENABLE) !== 0;
  }

  /** Sends a vector's message, or leaves it pending while the guest masks it. Nothing while messages are off. */
  notify(vector: number): void {
    if (!this.enabled || vector < 0 || vector >= this.spec.vectors) return;
    if (this.#masked(vector)) this.#setPending(vector, true);
    else this.#send(vector);
  }

  get #control(): number {
    return this.space.readConfig(this.#at + R.MSIX_CONTROL, 2);
  }

  #masked(vector: number): boolean {
    const control = this.#entries[vector * R.MSIX_ENTRY_SIZE + R.MSIX_ENTRY_CONTROL] ?? 0;
    return (control & R.MSIX_ENTRY_MASKED) !== 0 || (this.#control & R.MSIX_CONTROL_MASK_ALL) !== 0;
  }

  #isPending(vector: number): boolean {
    return ((this.#pendingBits[vector >> 3] ?? 0) & (1 << (vector & 7))) !== 0;
  }

  #setPending(vector: number, pending: boolean): void {
    const bit = 1 << (vector & 7);
    const others = (this.#pendingBits[vector >> 3] ?? 0) & ~bit;
    this.#pendingBits[vector >> 3] = pending ? others | bit : others;
  }

  /** [PCI] 6.8.2: entries are written by 32 or 64 bits; the bus splits the latter. */
  #writeTable(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0 || offset + 4 > this.#entries.length) return;
    const field = offset % R.MSIX_ENTRY_SIZE;
    const kept = field === R.MSIX_ENTRY_CONTROL ? value & R.MSIX_ENTRY_MASKED : field === 0 ? value & ~3 : value;
    for (let i = 0; i < 4; i++) this.#entries[offset + i] = (kept >>> (8 * i)) & 0xff;
    this.#sendIfDue(Math.floor(offset / R.MSIX_ENTRY_SIZE));
  }

  #sendDue(): void {
    if (this.#pendingBits.every((byte) => byte === 0)) return;
    for (let vector = 0; vector < this.spec.vectors; vector++) this.#sendIfDue(vector);
  }

  #sendIfDue(vector: number): void {
    if (!this.enabled || !this.#isPending(vector) || this.#masked(vector)) return;
    this.#setPending(vector, false);
    this.#send(vector);
  }

  #send(vector: number): void {
    if (!this.space.busMaster) return;
    const entry = vector * R.MSIX_ENTRY_SIZE;
    const word = (offset: number): number => read(this.#entries, entry + offset, 4);
    this.send(word(0), word(4), word(R.MSIX_ENTRY_DATA));
  }
}

function read(bytes: Uint8Array, offset: number, size: AccessSize): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= (bytes[offset + i] ?? 0) << (8 * i);
  return value >>> 0;
}
