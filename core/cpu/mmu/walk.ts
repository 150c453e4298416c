/**
 * Page walks: linear to physical address by the paging mode in force ([SDM] volume 3, chapter 4): none, 32-bit, PAE,
 * 4-level and 5-level. Checks rights (user and supervisor, write protection, NX, SMEP, SMAP) and reserved bits, and sets
 * accessed and dirty bits. Linear addresses come as two 32-bit halves, physical ones as numbers. Protection keys are not
 * offered by CPUID.
 */
import type { CpuState } from '../cpu-state.ts';
import type { Feature } from '../features.ts';
import * as S from '../state.ts';
import type { PhysicalMemory } from './physical.ts';

// page-table entry, low word
export const PTE_P = 1;
export const PTE_RW = 2;
export const PTE_US = 4;
export const PTE_A = 0x20;
export const PTE_D = 0x40;
export const PTE_PS = 0x80;
export const PTE_G = 0x100;
const PTE_NX_HIGH = 0x80000000 | 0;

/** Physical address bits that CPUID offers; those of an entry above are reserved. */
export const PHYSICAL_ADDRESS_BITS = 40;
/** Bits of an entry's high word: of the address, and reserved ones up to bit 51, in PAE paging up to 62. */
const HIGH_ADDRESS = 2 ** (PHYSICAL_ADDRESS_BITS - 32) - 1;
export const HIGH_RESERVED = 0xfffff & ~HIGH_ADDRESS;
export const HIGH_RESERVED_PAE = 0x7fffffff & ~HIGH_ADDRESS;

// page-fault error code
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;
const PF_RESERVED = 8;
export const PF_FETCH = 16;

export const READ = 0;
export const WRITE = 1;
export const EXECUTE = 2;
export type Access = typeof READ | typeof WRITE | typeof EXECUTE;

/** Who accesses; the TLB has a part for each. */
export const SUPERVISOR = 0;
export const USER = 1;
/** An explicit supervisor access with EFLAGS.AC set while CR4.SMAP is: user pages are open to it. */
export const SUPERVISOR_AC = 2;
export type Accessor = typeof SUPERVISOR | typeof USER | typeof SUPERVISOR_AC;

/** Who the explicit accesses of the code that runs are made by. */
export function accessorOf(state: CpuState): Accessor {
  if (state.cpl === 3) return USER;
  const open = (state.cr4 & S.CR4_SMAP) !== 0 && (state.get32(S.EFLAGS) & S.FLAG_AC) !== 0;
  return open ? SUPERVISOR_AC : SUPERVISOR;
}

/** What a translation allows its accessor, beyond the access it was made for. */
export interface Translation {
  readonly readable: boolean;
  /** Writes are allowed and the dirty bit is set. */
  readonly writable: boolean;
  readonly executable: boolean;
  readonly global: boolean;
  /** The page is larger than 4 KiB. */
  readonly large: boolean;
}

/** What walk() gives when the access faults; `error` has the page-fault error code. */
export const NOT_MAPPED = -1;

export class PageWalker implements Translation {
  /** Error code of the last fault. */
  error = 0;
  // of the last translation
  readable = false;
  writable = false;
  executable = false;
  global = false;
  large = false;
  // of the walk at hand
  #access: Access = READ;
  #accessor: Accessor = SUPERVISOR;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
    public features: ReadonlySet<Feature>,
  ) {}

  /** Physical address, or NOT_MAPPED. @hot */
  walk(lo: number, hi: number, access: Access, accessor: Accessor): number {
    const { state } = this;
    if ((state.cr0 & S.CR0_PG) === 0) {
      this.readable = true;
      this.writable = true;
      this.executable = true;
      this.global = false;
      this.large = false;
      return lo >>> 0;
    }
    this.#access = access;
    this.#accessor = accessor;
    const { cr4 } = state;
    if ((state.efer & S.EFER_LMA) !== 0)
      return this.#walkTables(state.cr3Page, (cr4 & S.CR4_LA57) !== 0 ? 5 : 4, HIGH_RESERVED, lo, hi);
    if ((cr4 & S.CR4_PAE) === 0) return this.#walk32(lo);
    // the four page-directory-pointer entries were loaded with CR3
    const directory = state.pdptes[lo >>> 30] ?? -1;
    return directory < 0 ? this.#fault(0) : this.#walkTables(directory, 2, HIGH_RESERVED_PAE, lo, hi);
  }

  /** [SDM] volume 3, 4.7. */
  #fault(code: number): number {
    const { efer, cr4 } = this.state;
    const nx = (efer & S.EFER_NXE) !== 0 && (cr4 & S.CR4_PAE) !== 0;
    const fetch = this.#access === EXECUTE && (nx || (cr4 & S.CR4_SMEP) !== 0);
    this.error =
      code | (this.#access === WRITE ? PF_WRITE : 0) | (this.#accessor === USER ? PF_USER : 0) | (fetch ? PF_FETCH : 0);
    return NOT_MAPPED;
  }

  /** Tables of 512 entries of 8 bytes, from `level` down. */
  #walkTables(root: number, level: number, highReserved: number, lo: number, hi: number): number {
    const { u32 } = this.memory;
    const reserved = highReserved | ((this.state.efer & S.EFER_NXE) !== 0 ? 0 : PTE_NX_HIGH);
    let table = root;
    let rights = PTE_RW | PTE_US;
    let nx = 0;
    for (; ; level--) {
      const entry = table + tableIndex(level, lo, hi) * 8;
      const at = this.memory.host(entry);
      if (at < 0) return this.#fault(0);
      const low = u32[at >> 2] ?? 0;
      const high = u32[(at >> 2) + 1] ?? 0;
      if ((low & PTE_P) === 0) return this.#fault(0);
      const page = level === 1 || (low & PTE_PS) !== 0;
      if ((high & reserved) !== 0 || (page && level > 1 && this.#badLarge(level, low)))
        return this.#fault(PF_PRESENT | PF_RESERVED);
      rights &= low;
      nx |= high;
      if (page) return this.#leaf(entry, low, high, lo, 3 + 9 * level, rights, nx);
      if ((low & PTE_A) === 0) this.#setBits(entry, low | PTE_A);
      table = (high & HIGH_ADDRESS) * 0x1_0000_0000 + ((low & 0xfffff000) >>> 0);
    }
  }

  /** An entry with PS that must not have it, or whose address has bits within the page. Bit 12 is PAT. */
  #badLarge(level: number, low: number): boolean {
    if (level === 2) return (low & 0x1fe000) !== 0;
    return level > 3 || (low & 0x3fffe000) !== 0 || !this.features.has('pdpe1gb');
  }

  #walk32(lo: number): number {
    const directory = this.state.cr3Page + (lo >>> 22) * 4;
    const pdeAt = this.memory.host(directory);
    if (pdeAt < 0) return this.#fault(0);
    const pde = this.memory.u32[pdeAt >> 2] ?? 0;
    if ((pde & PTE_P) === 0) return this.#fault(0);
    if ((pde & PTE_PS) !== 0 && (this.state.cr4 & S.CR4_PSE) !== 0) {
      const reserved = this.features.has('pse36') ? 0x200000 : 0x3fe000;
      if ((pde & reserved) !== 0) return this.#fault(PF_PRESENT | PF_RESERVED);
      // PSE-36: bits 20..13 are address bits 39..32
      return this.#leaf(directory, pde, (pde >>> 13) & 0xff, lo, 22, pde, 0);
    }
    if ((pde & PTE_A) === 0) this.#setBits(directory, pde | PTE_A);
    const entry = ((pde & 0xfffff000) >>> 0) + ((lo >>> 12) & 0x3ff) * 4;
    const at = this.memory.host(entry);
    if (at < 0) return this.#fault(0);
    const pte = this.memory.u32[at >> 2] ?? 0;
    if ((pte & PTE_P) === 0) return this.#fault(0);
    return this.#leaf(entry, pte, 0, lo, 12, pde & pte, 0);
  }

  /** Rights ([SDM] volume 3, 4.6.1), accessed and dirty bits of a leaf entry; the physical address. */
  #leaf(at: number, low: number, high: number, lo: number, span: number, rights: number, nx: number): number {
    const { cr0, cr4 } = this.state;
    const user = this.#accessor === USER;
    const userPage = (rights & PTE_US) !== 0;
    const smep = !user && userPage && (cr4 & S.CR4_SMEP) !== 0;
    const smap = this.#accessor === SUPERVISOR && userPage && (cr4 & S.CR4_SMAP) !== 0;
    const mayRead = user ? userPage : !smap;
    const mayWrite = mayRead && ((rights & PTE_RW) !== 0 || (!user && (cr0 & S.CR0_WP) === 0));
    const mayExecute = (user ? userPage : !smep) && (nx & PTE_NX_HIGH) === 0;
    const allowed = this.#access === READ ? mayRead : this.#access === WRITE ? mayWrite : mayExecute;
    if (!allowed) return this.#fault(PF_PRESENT);
    let entry = low | PTE_A;
    if (this.#access === WRITE) entry |= PTE_D;
    if (entry !== low) this.#setBits(at, entry);
    this.readable = mayRead;
    this.writable = mayWrite && (entry & PTE_D) !== 0;
    this.executable = mayExecute;
    this.global = (low & PTE_G) !== 0 && (cr4 & S.CR4_PGE) !== 0;
    this.large = span > 12;
    const mask = 2 ** span;
    const base = Math.floor(((low & 0xfffff000) >>> 0) / mask) * mask;
    return (high & HIGH_ADDRESS) * 0x1_0000_0000 + base + ((lo >>> 0) % mask);
  }

  /** Sets bits of the entry at a physical address; of a page table in ROM they stay as they are. */
  #setBits(at: number, entry: number): void {
    if (this.memory.isReadOnly(at)) return;
    const host = this.memory.host(at);
    this.memory.u32[host >> 2] = entry >>> 0;
    this.memory.markDirty(at);
    this.onTableWrite(host);
  }
  /** Told of each host offset whose entry changed: a page table may lie in a page that holds decoded code. */
  onTableWrite: (host: number) => void = () => {};
}

/** Nine bits of a linear address: 56..48, 47..39, 38..30, 29..21 and 20..12. */
function tableIndex(level: number, lo: number, hi: number): number {
  switch (level) {
    case 1:
      return (lo >>> 12) & 0x1ff;
    case 2:
      return (lo >>> 21) & 0x1ff;
    case 3:
      return ((hi << 2) | (lo >>> 30)) & 0x1ff;
    case 4:
      return (hi >>> 7) & 0x1ff;
    default:
      return (hi >>> 16) & 0x1ff;
  }
}
