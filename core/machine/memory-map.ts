/**
 * What memory a guest sees where: RAM, ROM and video memory laid over each other by rank, turned into the memory slots
 * of the VM. Slots may not overlap and may not change their size, so what a higher rank hides is cut out, and a piece
 * that is as it was keeps its slot and its dirty log.
 */
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KvmError, type KvmVm } from '../kvm/api.ts';

/** Who is seen where several lie: RAM and firmware before the windows that a guest puts anywhere; SMRAM over all. */
export const RANK_SMRAM = 2;
export const RANK_BOARD = 1;
export const RANK_BAR = 0;

export interface Mapping {
  readonly gpa: number;
  readonly sizeBytes: number;
  /** Offset in the VM's shared memory. */
  readonly offset: number;
  readonly rank: number;
  readonly readOnly?: boolean;
  readonly logsDirty?: boolean;
}

/** A visible piece of a mapping. */
interface Piece {
  readonly gpa: number;
  readonly sizeBytes: number;
  readonly offset: number;
  readonly flags: number;
}

/** A piece and its slot. One that KVM refused has none, and is no memory for the guest. */
interface Shown {
  readonly piece: Piece;
  readonly slot: number | undefined;
}

const PAGE_SIZE = 4096;

export class MemoryMap {
  readonly #vm: KvmVm;
  readonly #mappings = new Set<Mapping>();
  #slots = new Map<string, Shown>();
  readonly #freeSlots: number[] = [];
  #slotCount = 0;
  #depth = 0;

  constructor(vm: KvmVm) {
    this.#vm = vm;
  }

  map(mapping: Mapping): Mapping {
    this.#mappings.add(mapping);
    this.#update();
    return mapping;
  }

  unmap(mapping: Mapping): void {
    if (this.#mappings.delete(mapping)) this.#update();
  }

  /** Several changes at once: slots follow at the end. */
  batch(changes: () => void): void {
    this.#depth++;
    try {
      changes();
    } finally {
      this.#depth--;
    }
    this.#update();
  }

  /**
   * Which pages of [offset, offset + sizeBytes) of the shared memory a guest wrote since the last call; `page` counts
   * from offset. Only of mappings that log, while they are mapped.
   */
  takeDirtyPages(offset: number, sizeBytes: number, dirty: (page: number) => void): void {
    for (const { piece, slot } of this.#slots.values()) {
      if (slot === undefined || (piece.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0) continue;
      if (piece.offset < offset || piece.offset + piece.sizeBytes > offset + sizeBytes) continue;
      const first = (piece.offset - offset) / PAGE_SIZE;
      this.#vm.getDirtyLog(slot).forEach((byte, i) => {
        for (let bit = 0; byte >> bit !== 0; bit++) if ((byte >> bit) & 1) dirty(first + i * 8 + bit);
      });
    }
  }

  #update(): void {
    if (this.#depth > 0) return;
    const wanted = new Map(visiblePieces([...this.#mappings]).map((piece) => [keyOf(piece), piece]));
    const next = new Map<string, Shown>();
    for (const [key, entry] of this.#slots) {
      if (wanted.has(key)) next.set(key, entry);
      else if (entry.slot !== undefined) this.#removeSlot(entry.slot, entry.piece);
    }
    for (const [key, piece] of wanted) if (!next.has(key)) next.set(key, { piece, slot: this.#addSlot(piece) });
    this.#slots = next;
  }

  #addSlot(piece: Piece): number | undefined {
    const slot = this.#freeSlots.pop() ?? this.#slotCount++;
    try {
      this.#setSlot(slot, piece, piece.sizeBytes);
      return slot;
    } catch (error) {
      // an address where this KVM cannot have memory, which only a guest that moves a BAR there asks for
      if (!(error instanceof KvmError) || error.errno !== 'EINVAL') throw error;
      this.#freeSlots.push(slot);
      return undefined;
    }
  }

  #removeSlot(slot: number, piece: Piece): void {
    this.#setSlot(slot, piece, 0);
    this.#freeSlots.push(slot);
  }

  #setSlot(slot: number, { gpa, offset, flags }: Piece, memorySize: number): void {
    this.#vm.setUserMemoryRegion({ slot, flags, guestPhysAddr: gpa, memorySize, userspaceAddr: offset });
  }
}

const keyOf = ({ gpa, sizeBytes, offset, flags }: Piece): string => `${gpa} ${sizeBytes} ${offset} ${flags}`;

/** Higher ranks hide lower ones; within a rank, what was mapped first is seen. */
function visiblePieces(mappings: Mapping[]): Piece[] {
  const pieces: Piece[] = [];
  const taken: { readonly start: number; readonly end: number }[] = [];
  for (const mapping of mappings.sort((a, b) => b.rank - a.rank)) {
    const { gpa, sizeBytes, offset, readOnly, logsDirty } = mapping;
    const flags = (readOnly ? KVM_MEM_READONLY : 0) | (logsDirty ? KVM_MEM_LOG_DIRTY_PAGES : 0);
    for (const { start, end } of without({ start: gpa, end: gpa + sizeBytes }, taken)) {
      pieces.push({ gpa: start, sizeBytes: end - start, offset: offset + start - gpa, flags });
    }
    taken.push({ start: gpa, end: gpa + sizeBytes });
  }
  return pieces;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The parts of `range` that none of `holes` covers. */
function without(range: Range, holes: readonly Range[]): Range[] {
  let parts = [range];
  for (const hole of holes) {
    parts = parts.flatMap((part) =>
      [
        { start: part.start, end: Math.min(part.end, hole.start) },
        { start: Math.max(part.start, hole.end), end: part.end },
      ].filter(({ start, end }) => start < end),
    );
  }
  return parts;
}
