/**
 * Where things lie in a VM's shared memory: a null page, one area for each vCPU, the physical page map, and the memory
 * that the VMM maps (guest RAM, ROM, VRAM).
 */
import { HASH_ENTRIES, HASH_ENTRY_SIZE, STATE_SIZE, TLB_SIZE } from './state.ts';

export const PAGE_SIZE = 4096;
const FIRST_VCPU = 0x10000;
/** Decoded records of one vCPU. When it is full, all of them are dropped. */
export const ARENA_SIZE = 24 << 20;
/** Guest physical addresses that memory slots may use: 8 GiB. */
export const MAX_SLOT_GPA = 2 ** 33;
/** i32 for each guest physical page below MAX_SLOT_GPA, and one that counts the slots. */
export const PAGE_MAP_ENTRIES = MAX_SLOT_GPA / PAGE_SIZE + 1;

export interface VcpuLayout {
  readonly state: number;
  readonly run: number;
  readonly lapic: number;
  readonly tlb: number;
  readonly hash: number;
  readonly arena: number;
}

export interface MemoryLayout {
  readonly vcpus: readonly VcpuLayout[];
  /** Page maps by address space, all memory and that of SMM (mmu/physical.ts). */
  readonly pageMaps: readonly [number, number];
  /** u8 for each page of this memory (mmu/physical.ts). */
  readonly pageFlags: number;
  /** Where a bit for each 4 bytes of memory would begin (interp/code-map.ts): it is there for what the VMM may map. */
  readonly codeMap: number;
  /** First byte the VMM may map. */
  readonly user: number;
  /** WebAssembly pages of 64 KiB. */
  readonly wasmPages: number;
}

/** Bytes of memory for each byte of the code map; and bytes at its end, for it is read in words. */
const CODE_MAP_SCALE = 32;
const SPARE = 8;

const MAX_WASM_PAGES = 65536;
const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** undefined when it does not fit into 4 GiB. */
export function memoryLayout(maxVcpus: number, userBytes: number): MemoryLayout | undefined {
  const vcpus: VcpuLayout[] = [];
  let at = FIRST_VCPU;
  const take = (size: number): number => {
    const here = at;
    at += alignUp(size, PAGE_SIZE);
    return here;
  };
  for (let i = 0; i < maxVcpus; i++) {
    vcpus.push({
      state: take(STATE_SIZE),
      run: take(3 * PAGE_SIZE),
      lapic: take(PAGE_SIZE),
      tlb: take(TLB_SIZE),
      hash: take(HASH_ENTRIES * HASH_ENTRY_SIZE),
      arena: take(ARENA_SIZE),
    });
  }
  const pageMaps = [take(PAGE_MAP_ENTRIES * 4), take(PAGE_MAP_ENTRIES * 4)] as const;
  const pageFlags = take((MAX_WASM_PAGES * 65536) / PAGE_SIZE);
  const map = take(userBytes / CODE_MAP_SCALE + SPARE);
  const user = at;
  const codeMap = map - user / CODE_MAP_SCALE;
  const wasmPages = Math.ceil((user + alignUp(userBytes, PAGE_SIZE)) / 65536);
  return wasmPages > MAX_WASM_PAGES ? undefined : { vcpus, pageMaps, pageFlags, codeMap, user, wasmPages };
}
