/** Memory slots of a VM: KVM_SET_USER_MEMORY_REGION and KVM_GET_DIRTY_LOG. */
import { MAX_SLOT_GPA, PAGE_SIZE, type PhysicalMemory } from '../cpu/index.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KvmError, type KvmUserspaceMemoryRegion } from './api.ts';

export const MAX_SLOTS = 509;
const SET = 'KVM_SET_USER_MEMORY_REGION';
const GET_DIRTY_LOG = 'KVM_GET_DIRTY_LOG';

export class MemorySlots {
  readonly #slots = new Map<number, KvmUserspaceMemoryRegion>();
  /** Those with a dirty log. */
  #logged: readonly KvmUserspaceMemoryRegion[] = [];

  constructor(
    readonly memory: PhysicalMemory,
    /** The part of the shared memory that the VMM may map. */
    readonly userStart: number,
    readonly userEnd: number,
  ) {}

  set(region: KvmUserspaceMemoryRegion): void {
    this.#check(region);
    const old = this.#slots.get(region.slot);
    if (region.memorySize === 0) {
      if (!old) throw new KvmError(SET, 'EINVAL', `slot ${region.slot} does not exist`);
      this.memory.unmapSlot(old.guestPhysAddr, old.memorySize);
      this.#slots.delete(region.slot);
      this.#findLogged();
      return;
    }
    this.#checkChange(region, old);
    if (old && old.guestPhysAddr === region.guestPhysAddr && old.flags === region.flags) return; // its dirty log stays
    if (old) this.memory.unmapSlot(old.guestPhysAddr, old.memorySize);
    this.#slots.set(region.slot, { ...region });
    this.#findLogged();
    const log = (region.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
    const readOnly = (region.flags & KVM_MEM_READONLY) !== 0;
    this.memory.mapSlot(region.guestPhysAddr, region.memorySize, region.userspaceAddr, readOnly, log);
  }

  #check(r: KvmUserspaceMemoryRegion): void {
    const bad = (why: string): never => {
      throw new KvmError(SET, 'EINVAL', why);
    };
    if (!Number.isInteger(r.slot) || r.slot < 0 || r.slot >= MAX_SLOTS)
      bad(`slot ${r.slot} is not 0..${MAX_SLOTS - 1}`);
    if ((r.flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) !== 0) bad(`flags 0x${r.flags.toString(16)}`);
    for (const value of [r.guestPhysAddr, r.memorySize, r.userspaceAddr])
      if (!Number.isSafeInteger(value) || value < 0 || value % PAGE_SIZE !== 0) bad('not a multiple of the page size');
    if (r.guestPhysAddr + r.memorySize > MAX_SLOT_GPA)
      bad('above the highest guest physical address of a slot (8 GiB)');
    if (r.memorySize > 0 && (r.userspaceAddr < this.userStart || r.userspaceAddr + r.memorySize > this.userEnd))
      bad('userspace_addr is not memory that mmap gave');
  }

  #checkChange(r: KvmUserspaceMemoryRegion, old: KvmUserspaceMemoryRegion | undefined): void {
    if (old) {
      const readOnlyChanged = ((old.flags ^ r.flags) & KVM_MEM_READONLY) !== 0;
      if (old.memorySize !== r.memorySize || old.userspaceAddr !== r.userspaceAddr || readOnlyChanged)
        throw new KvmError(SET, 'EINVAL', 'an existing slot may only be moved, deleted, or have its log switched');
    }
    for (const [slot, other] of this.#slots) {
      if (slot === r.slot) continue;
      const apart =
        r.guestPhysAddr >= other.guestPhysAddr + other.memorySize ||
        other.guestPhysAddr >= r.guestPhysAddr + r.memorySize;
      if (!apart) throw new KvmError(SET, 'EEXIST', `overlaps slot ${slot}`);
    }
  }

  dirtyLog(slot: number): Uint8Array {
    const region = this.#slots.get(slot);
    if (!region || (region.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0)
      throw new KvmError(GET_DIRTY_LOG, 'ENOENT', `slot ${slot} has no dirty log`);
    return this.memory.takeDirtyLog(region.guestPhysAddr, region.memorySize);
  }

  #findLogged(): void {
    this.#logged = [...this.#slots.values()].filter(({ flags }) => (flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0);
  }

  /** Someone else than the vCPUs wrote to [host, host + length). @hot */
  written(host: number, length: number): void {
    for (const { userspaceAddr, memorySize, guestPhysAddr } of this.#logged) {
      const from = Math.max(host, userspaceAddr);
      const to = Math.min(host + length, userspaceAddr + memorySize);
      if (to <= from) continue;
      const first = from - userspaceAddr - (from % PAGE_SIZE);
      for (let at = first; userspaceAddr + at < to; at += PAGE_SIZE) this.memory.markDirty(guestPhysAddr + at);
    }
  }
}
