/**
 * Page walks: linear to physical address by the paging mode in force ([SDM] volume 3, chapter 4): none, 32-bit, PAE,
 * 4-level. Sets accessed and dirty bits. Linear addresses come as two 32-bit halves, physical ones as numbers.
 * Not yet: 5-level paging, protection keys, SMAP (not offered by CPUID).
 */
import type { CpuState } from '../cpu-state.ts';
import { CR0_PG, CR0_WP, CR4_PAE, CR4_PGE, CR4_PSE, CR4_SMEP, EFER_LMA, EFER_NXE } from '../state.ts';
import type { PhysicalMemory } from './physical.ts';

// page-table entry, low word
const PTE_P = 1;
const PTE_RW = 2;
const PTE_US = 4;
const PTE_A = 0x20;
const PTE_D = 0x40;
const PTE_PS = 0x80;
const PTE_G = 0x100;
const PTE_NX_HIGH = 0x80000000 | 0;
/** Bits 51..32 of an address; 40 physical address bits are offered, the ones above are reserved. */
const HIGH_ADDRESS = 0xff;
const HIGH_RESERVED = 0xfff00;

// page-fault error code
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_USER = 4;
const PF_RESERVED = 8;
const PF_FETCH = 16;

export const READ = 0;
export const WRITE = 1;
export const EXECUTE = 2;
export type Access = typeof READ | typeof WRITE | typeof EXECUTE;

/** What walk() gives when the access faults; `error` has the page-fault error code. */
export const NOT_MAPPED = -1;

export class PageWalker {
  /** Error code of the last fault. */
  error = 0;
  /** Of the last translation: writes are allowed and the dirty bit is set; executing is allowed; global; above 4 KiB. */
  writable = false;
  executable = false;
  global = false;
  large = false;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
  ) {}

  /** Physical address, or NOT_MAPPED. @hot */
  walk(lo: number, hi: number, access: Access, user: boolean): number {
    const cr0 = this.state.cr0;
    this.writable = true;
    this.executable = true;
    this.global = false;
    this.large = false;
    if ((cr0 & CR0_PG) === 0) return lo >>> 0;
    if ((this.state.efer & EFER_LMA) !== 0) return this.#walk64(lo, hi, access, user);
    return (this.state.cr4 & CR4_PAE) !== 0 ? this.#walkPae(lo, access, user) : this.#walk32(lo, access, user);
  }

  #fault(code: number, access: Access, user: boolean): number {
    const { efer, cr4 } = this.state;
    const nx = (efer & EFER_NXE) !== 0 && (cr4 & CR4_PAE) !== 0;
    const fetch = access === EXECUTE && (nx || (cr4 & CR4_SMEP) !== 0);
    this.error = code | (access === WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0) | (fetch ? PF_FETCH : 0);
    return NOT_MAPPED;
  }

  #walk64(lo: number, hi: number, access: Access, user: boolean): number {
    const root = this.state.cr3Page;
    // nine index bits a level: 47..39, 38..30, 29..21, 20..12
    const levels4 = (hi >>> 7) & 0x1ff;
    const levels3 = ((hi << 2) | (lo >>> 30)) & 0x1ff;
    let table = root;
    let rights = PTE_RW | PTE_US;
    let nx = 0;
    for (let level = 4; ; level--) {
      const index = level === 4 ? levels4 : level === 3 ? levels3 : (lo >>> (level === 2 ? 21 : 12)) & 0x1ff;
      const entry = table + index * 8;
      const at = this.memory.host(entry);
      if (at < 0) return this.#fault(0, access, user);
      const low = this.memory.u32[at >> 2] ?? 0;
      const high = this.memory.u32[(at >> 2) + 1] ?? 0;
      if ((low & PTE_P) === 0) return this.#fault(0, access, user);
      if (this.#reserved(high)) return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
      rights &= low;
      nx |= high;
      const page = level === 1 || ((low & PTE_PS) !== 0 && level <= 3);
      if (level === 4 && (low & PTE_PS) !== 0) return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
      if (page) {
        const span = level === 1 ? 12 : level === 2 ? 21 : 30;
        if (level > 1 && (low & ((1 << span) - 1) & ~0x1fff) !== 0)
          return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
        return this.#leaf(entry, low, high, lo, span, rights, nx, access, user);
      }
      if ((low & PTE_A) === 0) this.#setBits(entry, low | PTE_A);
      table = (high & HIGH_ADDRESS) * 0x1_0000_0000 + ((low & 0xfffff000) >>> 0);
    }
  }

  #reserved(high: number): boolean {
    return (high & HIGH_RESERVED) !== 0 || ((high & PTE_NX_HIGH) !== 0 && (this.state.efer & EFER_NXE) === 0);
  }

  /** PAE: the four page-directory-pointer entries are loaded with CR3 and kept in state. */
  #walkPae(lo: number, access: Access, user: boolean): number {
    const pdpte = this.state.pdptes[lo >>> 30] ?? 0;
    if (pdpte === 0) return this.#fault(0, access, user);
    let table = pdpte;
    let rights = PTE_RW | PTE_US;
    let nx = 0;
    for (let level = 2; ; level--) {
      const entry = table + ((lo >>> (level === 2 ? 21 : 12)) & 0x1ff) * 8;
      const at = this.memory.host(entry);
      if (at < 0) return this.#fault(0, access, user);
      const low = this.memory.u32[at >> 2] ?? 0;
      const high = this.memory.u32[(at >> 2) + 1] ?? 0;
      if ((low & PTE_P) === 0) return this.#fault(0, access, user);
      if ((high & 0x7fffff00) !== 0 || this.#reserved(high)) return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
      rights &= low;
      nx |= high;
      if (level === 1 || (low & PTE_PS) !== 0) {
        const span = level === 1 ? 12 : 21;
        if (level === 2 && (low & 0x1fe000) !== 0) return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
        return this.#leaf(entry, low, high, lo, span, rights, nx, access, user);
      }
      if ((low & PTE_A) === 0) this.#setBits(entry, low | PTE_A);
      table = (high & HIGH_ADDRESS) * 0x1_0000_0000 + ((low & 0xfffff000) >>> 0);
    }
  }

  #walk32(lo: number, access: Access, user: boolean): number {
    const directory = this.state.cr3Page + (lo >>> 22) * 4;
    const pdeAt = this.memory.host(directory);
    if (pdeAt < 0) return this.#fault(0, access, user);
    const pde = this.memory.u32[pdeAt >> 2] ?? 0;
    if ((pde & PTE_P) === 0) return this.#fault(0, access, user);
    if ((pde & PTE_PS) !== 0 && (this.state.cr4 & CR4_PSE) !== 0) {
      if ((pde & 0x200000) !== 0) return this.#fault(PF_PRESENT | PF_RESERVED, access, user);
      // PSE-36: bits 20..13 are address bits 39..32
      const high = (pde >>> 13) & 0xff;
      return this.#leaf(directory, pde, high, lo, 22, pde, 0, access, user);
    }
    if ((pde & PTE_A) === 0) this.#setBits(directory, pde | PTE_A);
    const entry = ((pde & 0xfffff000) >>> 0) + ((lo >>> 12) & 0x3ff) * 4;
    const at = this.memory.host(entry);
    if (at < 0) return this.#fault(0, access, user);
    const pte = this.memory.u32[at >> 2] ?? 0;
    if ((pte & PTE_P) === 0) return this.#fault(0, access, user);
    return this.#leaf(entry, pte, 0, lo, 12, pde & pte, 0, access, user);
  }

  /** Rights, accessed and dirty bits of a leaf entry; the physical address. */
  #leaf(
    at: number,
    low: number,
    high: number,
    lo: number,
    span: number,
    rights: number,
    nx: number,
    access: Access,
    user: boolean,
  ): number {
    const state = this.state;
    const noExecute = (nx & PTE_NX_HIGH) !== 0;
    const smep = !user && (rights & PTE_US) !== 0 && (state.cr4 & CR4_SMEP) !== 0;
    const mayWrite = (rights & PTE_RW) !== 0 || (!user && (state.cr0 & CR0_WP) === 0);
    const denied =
      (user && (rights & PTE_US) === 0) ||
      (access === WRITE && !mayWrite) ||
      (access === EXECUTE && (noExecute || smep));
    if (denied) return this.#fault(PF_PRESENT, access, user);
    let entry = low | PTE_A;
    if (access === WRITE) entry |= PTE_D;
    if (entry !== low) this.#setBits(at, entry);
    this.writable = mayWrite && (entry & PTE_D) !== 0;
    this.executable = !noExecute && !smep;
    this.global = (low & PTE_G) !== 0 && (state.cr4 & CR4_PGE) !== 0;
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
