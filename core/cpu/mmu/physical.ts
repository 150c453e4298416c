/**
 * Guest physical memory: which page of the VM's shared memory stands behind each guest physical page, and what writes
 * to it must notice. Shared by the vCPUs of a VM through the shared memory itself.
 */
import { MAX_SLOT_GPA, type MemoryLayout, PAGE_MAP_ENTRIES, PAGE_SIZE } from '../layout.ts';

/** Address spaces, as KVM numbers them: what SMM sees may differ. */
export const SPACE_NORMAL = 0;
export const SPACE_SMM = 1;
export type AddressSpace = typeof SPACE_NORMAL | typeof SPACE_SMM;
const SLOT_COUNT = PAGE_MAP_ENTRIES - 1;

/** Entries of the page map: 0 = no memory (MMIO); otherwise host page number and these bits. */
const PRESENT = 1 << 31;
export const READ_ONLY = 1 << 30;
/** The slot's dirty log is on and this page has not been written since it was last read. */
export const LOG_CLEAN = 1 << 29;
export const PAGE_NUMBER = (1 << 20) - 1;

/** Page flags, by host page: decoded code lies in it. */
export const FLAG_CODE = 1;

export class PhysicalMemory {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly flags: Uint8Array;
  /** Address of the bits of address 0 in the map of code (interp/code-map.ts). */
  readonly codeMap: number;
  readonly #maps: readonly [Int32Array, Int32Array];
  /** The page map in use. */
  map: Int32Array;

  constructor(
    readonly buffer: SharedArrayBuffer,
    layout: MemoryLayout,
    space: AddressSpace = SPACE_NORMAL,
  ) {
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    const mapAt = (at: number) => new Int32Array(buffer, at, PAGE_MAP_ENTRIES);
    this.#maps = [mapAt(layout.pageMaps[SPACE_NORMAL]), mapAt(layout.pageMaps[SPACE_SMM])];
    this.map = this.#maps[space];
    this.codeMap = layout.codeMap;
    this.flags = new Uint8Array(buffer, layout.pageFlags, buffer.byteLength / PAGE_SIZE);
  }

  /** Goes over to another address space; one that has no slots is as good as the normal one. */
  select(space: AddressSpace): void {
    const used = (this.#maps[space][SLOT_COUNT] ?? 0) > 0;
    this.map = this.#maps[used ? space : SPACE_NORMAL];
  }

  /** Offset in the shared memory of a guest physical address, or -1 where there is none. @hot */
  host(gpa: number): number {
    if (gpa >= MAX_SLOT_GPA) return -1;
    const entry = this.map[Math.floor(gpa / PAGE_SIZE)] ?? 0;
    if (entry === 0) return -1;
    return (entry & PAGE_NUMBER) * PAGE_SIZE + (gpa % PAGE_SIZE);
  }

  /** Writes to the page are dropped (ROM). */
  isReadOnly(gpa: number): boolean {
    return ((this.map[Math.floor(gpa / PAGE_SIZE)] ?? 0) & READ_ONLY) !== 0;
  }

  /** A write to the page needs no notice: neither read-only, nor clean in a dirty log, nor code. @hot */
  isPlain(gpa: number): boolean {
    const entry = this.map[Math.floor(gpa / PAGE_SIZE)] ?? 0;
    return (entry & (READ_ONLY | LOG_CLEAN)) === 0 && ((this.flags[entry & PAGE_NUMBER] ?? 0) & FLAG_CODE) === 0;
  }

  /** Code alone keeps writes to the page from being plain. */
  hasOnlyCode(gpa: number): boolean {
    const entry = this.map[Math.floor(gpa / PAGE_SIZE)] ?? 0;
    return (entry & (READ_ONLY | LOG_CLEAN)) === 0 && ((this.flags[entry & PAGE_NUMBER] ?? 0) & FLAG_CODE) !== 0;
  }

  /** The page has been written: its bit of the dirty log is on from now. */
  markDirty(gpa: number): void {
    const index = Math.floor(gpa / PAGE_SIZE);
    const entry = this.map[index] ?? 0;
    if ((entry & LOG_CLEAN) !== 0) this.map[index] = entry & ~LOG_CLEAN;
  }

  /** Maps pages of a slot. */
  mapSlot(gpa: number, size: number, host: number, readOnly: boolean, log: boolean): void {
    this.#countSlots(1);
    const flags = PRESENT | (readOnly ? READ_ONLY : 0) | (log ? LOG_CLEAN : 0);
    for (let i = 0; i < size / PAGE_SIZE; i++) this.map[gpa / PAGE_SIZE + i] = flags | (host / PAGE_SIZE + i);
  }
  unmapSlot(gpa: number, size: number): void {
    this.#countSlots(-1);
    this.map.fill(0, gpa / PAGE_SIZE, (gpa + size) / PAGE_SIZE);
  }

  #countSlots(by: number): void {
    this.map[SLOT_COUNT] = (this.map[SLOT_COUNT] ?? 0) + by;
  }

  /** One bit a page, set for those written since the last call; starts the log anew. */
  takeDirtyLog(gpa: number, size: number): Uint8Array {
    const pages = size / PAGE_SIZE;
    const bitmap = new Uint8Array(Math.ceil(pages / 64) * 8);
    for (let i = 0; i < pages; i++) {
      const entry = this.map[gpa / PAGE_SIZE + i] ?? 0;
      if ((entry & LOG_CLEAN) !== 0) continue;
      bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
      this.map[gpa / PAGE_SIZE + i] = entry | LOG_CLEAN;
    }
    return bitmap;
  }
}
