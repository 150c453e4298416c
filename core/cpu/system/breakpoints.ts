/**
 * Hardware breakpoints and alignment checks: what DR0 to DR3, DR7 and EFLAGS.AC ask to be looked at. [SDM] volume 3,
 * chapter 18. The TLB never holds what is looked at: a page with a data breakpoint for reads and writes, a page with an
 * instruction breakpoint for code, and no page of user mode while alignment is checked. So other accesses cost nothing.
 */
import type { CpuState } from '../cpu-state.ts';
import { GuestFault, Rerun } from '../faults.ts';
import type { MemoryWatch } from '../mmu/access.ts';
import type { Tlb } from '../mmu/tlb.ts';
import { type Accessor, USER } from '../mmu/walk.ts';
import * as S from '../state.ts';

export const DR6_BD = 0x2000;
export const DR6_BS = 0x4000;
/** Bits of DR6 and DR7 that read as one. */
export const DR6_ONES = 0xffff0ff0n;
export const DR7_ONES = 0x400n;
export const DR7_GD = 0x2000n;

// DR7.R/W of a breakpoint
const EXECUTE = 0;
const WRITE = 1;
const PORT = 2;
/** DR7.LEN: 1, 2, 8 and 4 bytes. */
const LENGTHS = [1n, 2n, 8n, 4n] as const;

interface Breakpoint {
  /** Its bit of DR6. */
  readonly bit: number;
  readonly kind: number;
  readonly first: bigint;
  readonly last: bigint;
}

const pageOf = (linear: bigint): bigint => linear >> 12n;
const linearOf = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

export class Breakpoints implements MemoryWatch {
  #code: readonly Breakpoint[] = [];
  #data: readonly Breakpoint[] = [];
  #ports: readonly Breakpoint[] = [];
  #debugger: readonly bigint[] | undefined;
  #checksAlignment = false;
  /** Bits of DR6 for what the instruction at hand accessed; its trap follows. */
  hits = 0;
  /** The instruction at hand runs alone, so that its trap can follow. Another one that hits begins anew, alone. */
  collecting = false;

  constructor(
    readonly state: CpuState,
    readonly tlb: Tlb,
  ) {}

  /** DR0 to DR7 of a debugger outside, which come before the guest's own (KVM_GUESTDBG_USE_HW_BP). */
  set debugger(registers: readonly bigint[] | undefined) {
    this.#debugger = registers;
    this.update();
  }

  get dr7(): bigint {
    return this.#debugger ? (this.#debugger[7] ?? 0n) : this.state.get64(S.DR + 7 * 8);
  }

  /** After any change of DR0 to DR3 or DR7. */
  update(): void {
    const { dr7 } = this;
    const enabled = [0, 1, 2, 3].filter((n) => ((dr7 >> BigInt(n * 2)) & 3n) !== 0n).map((n) => this.#read(n, dr7));
    const watched = [...this.#code, ...this.#data, ...enabled].some((b) => b.kind !== PORT);
    this.#code = enabled.filter((b) => b.kind === EXECUTE);
    this.#data = enabled.filter((b) => b.kind !== EXECUTE && b.kind !== PORT);
    this.#ports = enabled.filter((b) => b.kind === PORT);
    if (watched) this.tlb.flush();
    this.#noteWatched();
  }
  #noteWatched(): void {
    const watched = this.#code.length > 0 || this.#data.length > 0 || this.#checksAlignment;
    this.state.set32(S.WATCHED, watched ? 1 : 0);
  }

  #read(n: number, dr7: bigint): Breakpoint {
    const control = Number((dr7 >> BigInt(16 + n * 4)) & 15n);
    const kind = control & 3;
    const length = kind === EXECUTE ? 1n : (LENGTHS[control >> 2] ?? 1n);
    const address = this.#debugger ? (this.#debugger[n] ?? 0n) : this.state.get64(S.DR + n * 8);
    const first = address & ~(length - 1n);
    return { bit: 1 << n, kind, first, last: first + length - 1n };
  }

  // -- instructions ------------------------------------------------------------------------------------------------
  get hasCode(): boolean {
    return this.#code.length > 0;
  }
  /** Instructions of the page at a linear address run one by one. */
  stepsThrough(linear: bigint): boolean {
    return this.#code.some((b) => pageOf(b.first) === pageOf(linear));
  }
  /** Bits of DR6 for an instruction at a linear address. */
  at(linear: bigint): number {
    return this.#code.reduce((bits, b) => (b.first === linear ? bits | b.bit : bits), 0);
  }

  /** EFLAGS without the arithmetic ones. RF lasts for one instruction, and without breakpoints nobody can tell: it goes. */
  currentFlags(): number {
    const s = this.state;
    const flags = s.get32(S.EFLAGS);
    if ((flags & S.FLAG_RF) === 0 || this.hasCode) return flags;
    s.set32(S.EFLAGS, flags & ~S.FLAG_RF);
    return flags & ~S.FLAG_RF;
  }

  // -- data --------------------------------------------------------------------------------------------------------
  /** EFLAGS.AC, CR0.AM or CPL may have changed. */
  updateAlignment(): void {
    const s = this.state;
    const checks = s.cpl === 3 && (s.cr0 & S.CR0_AM) !== 0 && (s.get32(S.EFLAGS) & S.FLAG_AC) !== 0;
    if (checks === this.#checksAlignment || s.cpl !== 3) return;
    this.#checksAlignment = checks;
    this.#noteWatched();
    this.tlb.flush();
  }

  /** The TLB must not hold a page for this kind of access: every access is to be looked at. */
  watchesData(lo: number, hi: number, accessor: Accessor): boolean {
    if (this.#checksAlignment && accessor === USER) return true;
    if (this.#data.length === 0) return false;
    const page = pageOf(linearOf(lo, hi));
    return this.#data.some((b) => pageOf(b.first) === page);
  }
  watchesCode(lo: number, hi: number): boolean {
    return this.#code.length > 0 && this.stepsThrough(linearOf(lo, hi));
  }

  accessed(lo: number, hi: number, size: number, write: boolean, accessor: Accessor, operand: number): void {
    if (this.#checksAlignment && accessor === USER && (lo & (alignmentOf(operand) - 1)) !== 0)
      throw new GuestFault(S.AC, 0);
    if (this.#data.length === 0) return;
    const first = linearOf(lo, hi);
    this.#hit(this.#data, first, first + BigInt(size - 1), write);
  }
  /** A port that an instruction reads or writes. Without CR4.DE there are no breakpoints of ports. */
  accessedPort(port: number, size: number): void {
    if (this.#ports.length === 0 || (this.state.cr4 & S.CR4_DE) === 0) return;
    this.#hit(this.#ports, BigInt(port), BigInt(port + size - 1), true);
  }

  #hit(breakpoints: readonly Breakpoint[], first: bigint, last: bigint, write: boolean): void {
    for (const b of breakpoints) {
      if (last < b.first || first > b.last || (b.kind === WRITE && !write)) continue;
      if (!this.collecting) throw new Rerun();
      this.hits |= b.bit;
    }
  }

  /** The bits of DR6 that wait for their trap. */
  take(): number {
    const { hits } = this;
    this.hits = 0;
    return hits;
  }
}

/** What the x87's numbers and environments must be aligned to, by their size. [SDM] volume 3, table 6-7 */
const X87_ALIGNMENTS: ReadonlyMap<number, number> = new Map([
  [10, 8],
  [14, 2],
  [94, 2],
  [28, 4],
  [108, 4],
]);

/** Others to their size, vectors to 16: so do the processors that were asked. What is not a power of two is exempt. */
function alignmentOf(size: number): number {
  return X87_ALIGNMENTS.get(size) ?? (size <= 32 && (size & (size - 1)) === 0 ? Math.min(size, 16) : 1);
}
