/**
 * Memory accesses that generated code does not do itself: TLB misses, page-straddling, MMIO, ROM, dirty logging and
 * writes to pages with decoded code; and the typed accessors of TypeScript's system instructions.
 */

import { SLOW_DONE, SLOW_FAULT, SLOW_STOP } from '../codegen/machine-emit.ts';
import type { CpuState } from '../cpu-state.ts';
import { GuestFault, MmioWait } from '../faults.ts';
import { PAGE_SIZE } from '../layout.ts';
import * as S from '../state.ts';
import {
  compareStrings,
  elementsOnPage,
  fillString,
  moveString,
  STRING_BACKWARD,
  STRING_CMPS,
  STRING_MOVS,
  STRING_OPERATION,
  STRING_STOS,
  STRING_UNEQUAL,
} from './bulk-strings.ts';
import { MmioFragments } from './mmio.ts';
import { FLAG_CODE, type PhysicalMemory } from './physical.ts';
import type { Tlb, WriteAccess } from './tlb.ts';
import {
  type Access,
  type Accessor,
  accessorOf,
  NOT_MAPPED,
  type PageWalker,
  READ,
  SUPERVISOR,
  USER,
  WRITE,
} from './walk.ts';

/** In-kernel devices, as KVM has: the irqchip. Sizes 1, 2, 4. */
export interface KernelMmio {
  claims(gpa: number): boolean;
  read(gpa: number, size: number): number;
  write(gpa: number, size: number, value: number): void;
  /** A write that userspace gets later, with others; false: it has to be an exit. */
  post(gpa: number, size: number, lo: number, hi: number): boolean;
}

/** Breakpoints and alignment checks (system/breakpoints.ts): what must not go by the TLB, and what looks at it. */
export interface MemoryWatch {
  watchesData(lo: number, hi: number, accessor: Accessor): boolean;
  watchesCode(lo: number, hi: number): boolean;
  /** Before an access that is allowed; it must be aligned as an operand of `operand` bytes. */
  accessed(lo: number, hi: number, size: number, write: boolean, accessor: Accessor, operand: number): void;
}

/** Decoded code in memory (interp/blocks.ts). */
export interface DecodedCode {
  /** [host, host + size) of a page with code was written; true when the instruction must be the last of this run. */
  written(host: number, size: number): boolean;
  /** Code of the page at `host` runs now, for all that is known. */
  runsIn(host: number): boolean;
}

const OFFSET = PAGE_SIZE - 1;

export class MemoryAccess {
  readonly mmio = new MmioFragments();
  readonly #scratch: number;
  #tlbFills = 0;
  /** A store of generated code runs: one that KVM keeps is not taken back, if its instruction faults behind it. */
  #mayPost = false;
  /** The exception that a slow path of generated code raised. */
  fault: GuestFault | undefined;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
    readonly tlb: Tlb,
    readonly walker: PageWalker,
    readonly kernel: KernelMmio,
    readonly watch: MemoryWatch,
    readonly code: DecodedCode,
  ) {
    this.#scratch = state.base + S.SCRATCH;
    // accessed and dirty bits are writes too; they never change code that runs
    walker.onTableWrite = (host) => {
      if (((memory.flags[host >>> 12] ?? 0) & FLAG_CODE) !== 0) code.written(host & ~7, 8);
    };
  }

  /** Page walks that filled the TLB. */
  get tlbFills(): number {
    return this.#tlbFills + Number(this.state.get64(S.TLB_FILLS));
  }

  // -- translation -------------------------------------------------------------------------------------------------
  #checkAddress(hi: number): void {
    const state = this.state;
    if (hi === 0 && !state.longMode) return;
    const unused = (state.cr4 & S.CR4_LA57) !== 0 ? 7 : 16;
    if (state.longMode && hi === (hi << unused) >> unused) return;
    if (state.code64) throw new GuestFault(S.GP, 0, true);
    throw new GuestFault(state.get32(S.SEGMENT_FAULT) || S.GP, 0);
  }

  /**
   * Guest physical address of an access within one page; fills the TLB. Throws #PF, #GP or #SS. @hot
   */
  translate(lo: number, hi: number, access: Access, accessor: Accessor): number {
    this.#checkAddress(hi);
    const walker = this.walker;
    const gpa = walker.walk(lo, hi, access, accessor);
    if (gpa === NOT_MAPPED) {
      this.tlb.drop(lo, hi);
      this.state.u32[S.CR2 >> 2] = lo;
      this.state.i32[(S.CR2 >> 2) + 1] = hi;
      throw new GuestFault(S.PF, walker.error);
    }
    const host = this.memory.host(gpa);
    if (host >= 0) {
      this.#tlbFills++;
      if (access === WRITE) this.memory.markDirty(gpa);
      if (this.watch.watchesData(lo, hi, accessor)) walker.readable = false;
      if (this.watch.watchesCode(lo, hi)) walker.executable = false;
      this.tlb.fill(lo, hi, accessor, host - (lo & OFFSET), walker, this.#writeAccess(gpa));
    }
    return gpa;
  }

  /** How the page that was walked to may be written from now on. */
  #writeAccess(gpa: number): WriteAccess {
    if (!this.walker.readable || !this.walker.writable) return 'none';
    if (this.memory.isPlain(gpa)) return 'plain';
    return this.memory.hasOnlyCode(gpa) ? 'code' : 'none';
  }

  get #accessor(): Accessor {
    return accessorOf(this.state);
  }

  // -- what generated code calls -----------------------------------------------------------------------------------
  slowRead(lo: number, hi: number, size: number): number {
    return this.#guarded(() => this.#readOrWait(lo, hi, size, this.#accessor));
  }

  slowWrite(lo: number, hi: number, size: number): number {
    return this.#guarded(() => {
      this.#mayPost = true;
      return this.#write(lo, hi, size, this.#scratch, this.#accessor) ? SLOW_STOP : SLOW_DONE;
    });
  }

  /** Writes `size` bytes to a page with code, at a place of memory, where some of it is. */
  writeCode(host: number, size: number): number {
    this.memory.u8.copyWithin(host, this.#scratch, this.#scratch + size);
    return this.code.written(host, size) ? SLOW_STOP : SLOW_DONE;
  }

  slowReadForWrite(lo: number, hi: number, size: number): number {
    return this.#guarded(() => {
      const accessor = this.#accessor;
      this.translate(lo, hi, WRITE, accessor);
      if ((lo & OFFSET) + size > PAGE_SIZE) this.#translateNext(lo, hi, WRITE, accessor);
      this.watch.accessed(lo, hi, size, true, accessor, size);
      return this.#readOrWait(lo, hi, size, accessor);
    });
  }

  #readOrWait(lo: number, hi: number, size: number, accessor: Accessor): number {
    return this.#read(lo, hi, size, this.#scratch, accessor) ? SLOW_DONE : this.#stops();
  }
  /** The instruction begins anew later. */
  #stops(): number {
    this.mmio.abandon();
    return SLOW_FAULT;
  }

  #guarded(body: () => number): number {
    try {
      return body();
    } catch (e) {
      if (e instanceof GuestFault) this.fault = e;
      else if (!(e instanceof MmioWait)) throw e;
      return this.#stops();
    } finally {
      this.#mayPost = false;
    }
  }

  // -- any size, any alignment -------------------------------------------------------------------------------------
  #translateNext(lo: number, hi: number, access: Access, accessor: Accessor): number {
    const next = ((lo & ~OFFSET) + PAGE_SIZE) | 0;
    const wraps = next === 0;
    const nextHi = !wraps ? hi : this.state.code64 ? (hi + 1) | 0 : 0;
    return this.translate(next, nextHi, access, accessor);
  }

  /** Copies `size` bytes at a linear address to `target` in the shared memory; false: userspace has to answer first. */
  #read(lo: number, hi: number, size: number, target: number, accessor: Accessor, operand = size): boolean {
    const inFirst = Math.min(size, PAGE_SIZE - (lo & OFFSET));
    const known = inFirst === size ? this.tlb.lookup(lo, hi, accessor, S.TLB_READ) : -1;
    if (known >= 0) {
      this.memory.u8.copyWithin(target, known, known + size);
      return true;
    }
    const first = this.translate(lo, hi, READ, accessor);
    const second = inFirst < size ? this.#translateNext(lo, hi, READ, accessor) : 0;
    this.watch.accessed(lo, hi, size, false, accessor, operand);
    if (!this.#readPhysical(first, inFirst, target)) return false;
    return inFirst === size || this.#readPhysical(second, size - inFirst, target + inFirst);
  }

  /** Writes `size` bytes from `source`; true when the instruction must be the last of this run. */
  #write(lo: number, hi: number, size: number, source: number, accessor: Accessor, operand = size): boolean {
    const inFirst = Math.min(size, PAGE_SIZE - (lo & OFFSET));
    const known = inFirst === size ? this.tlb.lookup(lo, hi, accessor, S.TLB_WRITE) : -1;
    if (known >= 0) {
      this.memory.u8.copyWithin(known, source, source + size);
      return false;
    }
    const first = this.translate(lo, hi, WRITE, accessor);
    const second = inFirst < size ? this.#translateNext(lo, hi, WRITE, accessor) : 0;
    this.watch.accessed(lo, hi, size, true, accessor, operand);
    if (inFirst === size) return this.#writePhysical(first, size, source);
    const stopFirst = this.#writePhysical(first, inFirst, source);
    return this.#writePhysical(second, size - inFirst, source + inFirst) || stopFirst;
  }

  #readPhysical(gpa: number, size: number, target: number): boolean {
    const host = this.memory.host(gpa);
    if (host >= 0) {
      this.memory.u8.copyWithin(target, host, host + size);
      return true;
    }
    for (let done = 0; done < size; ) {
      const step = mmioStep(gpa + done, size - done, this.kernel.claims(gpa + done) ? 4 : 8);
      if (!this.#readMmio(gpa + done, step, target + done)) return false;
      done += step;
    }
    return true;
  }

  #readMmio(gpa: number, size: number, target: number): boolean {
    let lo = 0;
    let hi = 0;
    if (this.kernel.claims(gpa)) lo = this.kernel.read(gpa, size);
    else {
      const answer = this.mmio.read(gpa, size);
      if (!answer) return false;
      lo = answer.lo;
      hi = answer.hi;
    }
    const u8 = this.memory.u8;
    for (let i = 0; i < size; i++) u8[target + i] = i < 4 ? lo >>> (8 * i) : hi >>> (8 * (i - 4));
    return true;
  }

  #writePhysical(gpa: number, size: number, source: number): boolean {
    const { memory } = this;
    const host = memory.host(gpa);
    if (host >= 0) {
      if (memory.isReadOnly(gpa)) return this.#postWrites(gpa, size, source);
      memory.markDirty(gpa);
      memory.u8.copyWithin(host, source, source + size);
      return ((memory.flags[host >>> 12] ?? 0) & FLAG_CODE) !== 0 && this.code.written(host, size);
    }
    return this.#postWrites(gpa, size, source);
  }

  /** In parts of at most 8 bytes. */
  #postWrites(gpa: number, size: number, source: number): boolean {
    let stop = false;
    for (let done = 0; done < size; ) {
      const step = mmioStep(gpa + done, size - done, this.kernel.claims(gpa + done) ? 4 : 8);
      stop = this.#postWrite(gpa + done, step, source + done) || stop;
      done += step;
    }
    return stop;
  }

  /** MMIO, and writes to read-only slots, which KVM reports as MMIO. */
  #postWrite(gpa: number, size: number, source: number): boolean {
    const u8 = this.memory.u8;
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < size; i++) {
      const byte = u8[source + i] ?? 0;
      if (i < 4) lo |= byte << (8 * i);
      else hi |= byte << (8 * (i - 4));
    }
    if (this.kernel.claims(gpa)) {
      this.kernel.write(gpa, size, lo >>> 0);
      return false;
    }
    if (this.#mayPost && this.mmio.writes.length === 0 && this.kernel.post(gpa, size, lo, hi)) return false;
    this.mmio.write(gpa, size, lo, hi);
    return true;
  }

  // -- strings -----------------------------------------------------------------------------------------------------
  /**
   * Up to `count` elements of a string instruction (bulk-strings.ts has the kinds), within one page of each operand; the
   * number done, 0 when the slow path must look. @hot
   */
  bulk(kind: number, size: number, dstLo: number, dstHi: number, srcLo: number, srcHi: number, count: number): number {
    const accessor = this.#accessor;
    const operation = kind & STRING_OPERATION;
    const backward = (kind & STRING_BACKWARD) !== 0;
    const writes = operation === STRING_MOVS || operation === STRING_STOS;
    const plain = this.tlb.lookup(dstLo, dstHi, accessor, writes ? S.TLB_WRITE : S.TLB_READ);
    const hasCode = writes && plain < 0;
    const dst = hasCode ? this.#besideCode(dstLo, dstHi, accessor) : plain;
    const inMemory = operation === STRING_MOVS || operation === STRING_CMPS;
    const src = inMemory ? this.tlb.lookup(srcLo, srcHi, accessor, S.TLB_READ) : this.state.base + S.GPR + S.RAX * 8;
    if (dst < 0 || src < 0) return 0;
    let n = Math.min(count, elementsOnPage(dst, size, backward));
    if (inMemory) n = Math.min(n, elementsOnPage(src, size, backward));
    if (n === 0) return 0;
    const u8 = this.memory.u8;
    const step = backward ? -size : size;
    if (!writes) return compareStrings(u8, dst, src, n, size, step, inMemory ? step : 0, (kind & STRING_UNEQUAL) !== 0);
    const bytes = n * size;
    const down = backward ? bytes - size : 0;
    if (hasCode) this.code.written(dst - down, bytes);
    if (!inMemory) fillString(u8, dst - down, src, bytes, size);
    else if (!moveString(u8, dst - down, src - down, bytes, size, backward)) return 0;
    return n;
  }

  /** Host address of an operand in a page whose writes look out for code, which does not run; -1 otherwise. */
  #besideCode(lo: number, hi: number, accessor: Accessor): number {
    const host = this.tlb.lookupBesideCode(lo, hi, accessor);
    return host < 0 || this.code.runsIn(host) ? -1 : host;
  }

  // -- accessors of system instructions ----------------------------------------------------------------------------
  // Linear addresses as bigint; `user` false for the implicit accesses of descriptor tables, TSS and the like.
  #by(user: boolean | undefined): Accessor {
    return user === undefined ? this.#accessor : user ? USER : SUPERVISOR;
  }
  #load(linear: bigint, size: number, user: boolean | undefined, operand = size): void {
    const [lo, hi] = [Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n))];
    if (!this.#read(lo, hi, size, this.#scratch, this.#by(user), operand)) throw new MmioWait();
  }
  read8(linear: bigint, user?: boolean): number {
    this.#load(linear, 1, user);
    return this.state.u8[S.SCRATCH] ?? 0;
  }
  read16(linear: bigint, user?: boolean): number {
    this.#load(linear, 2, user);
    return this.state.u16[S.SCRATCH >> 1] ?? 0;
  }
  /** Unsigned. */
  read32(linear: bigint, user?: boolean): number {
    this.#load(linear, 4, user);
    return this.state.u32[S.SCRATCH >> 2] ?? 0;
  }
  read64(linear: bigint, user?: boolean): bigint {
    this.#load(linear, 8, user);
    return this.state.get64(S.SCRATCH);
  }
  readBytes(linear: bigint, size: number, user?: boolean): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      const at = linear + BigInt(done);
      const known = this.#known(at, user, S.TLB_READ);
      const step = Math.min(known < 0 ? 16 : PAGE_SIZE - (known & OFFSET), size - done);
      if (known >= 0) bytes.set(this.memory.u8.subarray(known, known + step), done);
      else {
        this.#load(at, step, user, done === 0 ? size : 1);
        bytes.set(this.state.u8.subarray(S.SCRATCH, S.SCRATCH + step), done);
      }
      done += step;
    }
    return bytes;
  }
  /** Host address, up to the end of the page, when the TLB allows the access; -1 otherwise. */
  #known(linear: bigint, user: boolean | undefined, kind: number): number {
    const [lo, hi] = [Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n))];
    return this.tlb.lookup(lo, hi, this.#by(user), kind);
  }
  write(linear: bigint, size: 1 | 2 | 4 | 8, value: bigint | number, user?: boolean): void {
    this.state.set64(S.SCRATCH, BigInt.asUintN(64, BigInt(value)));
    const stop = this.#write(
      Number(BigInt.asIntN(32, linear)),
      Number(BigInt.asIntN(32, linear >> 32n)),
      size,
      this.#scratch,
      this.#by(user),
    );
    this.stopAfter ||= stop;
  }
  writeBytes(linear: bigint, bytes: Uint8Array, user?: boolean): void {
    this.probe(linear, bytes.length, user);
    for (let done = 0; done < bytes.length; ) {
      const at = linear + BigInt(done);
      const known = this.#known(at, user, S.TLB_WRITE);
      const step = Math.min(known < 0 ? 8 : PAGE_SIZE - (known & OFFSET), bytes.length - done);
      const chunk = bytes.subarray(done, done + step);
      if (known >= 0) this.memory.u8.set(chunk, known);
      else this.#store(at, chunk, user, done === 0 ? bytes.length : 1);
      done += step;
    }
  }
  #store(at: bigint, chunk: Uint8Array, user: boolean | undefined, operand: number): void {
    this.state.u8.set(chunk, S.SCRATCH);
    const [lo, hi] = [Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n))];
    const stop = this.#write(lo, hi, chunk.length, this.#scratch, this.#by(user), operand);
    this.stopAfter ||= stop;
  }
  /** A write by TypeScript hit code or MMIO: the instruction must be the last of this run. */
  stopAfter = false;

  /** Throws what writing `size` (at most a page) bytes would raise. */
  probe(linear: bigint, size: number, user?: boolean): void {
    const lo = Number(BigInt.asIntN(32, linear));
    const hi = Number(BigInt.asIntN(32, linear >> 32n));
    this.translate(lo, hi, WRITE, this.#by(user));
    if ((lo & OFFSET) + size > PAGE_SIZE) this.#translateNext(lo, hi, WRITE, this.#by(user));
  }
}

/** The largest naturally aligned power of two of an MMIO access. */
function mmioStep(gpa: number, left: number, most: number): number {
  let step = most;
  while (step > left || gpa % step !== 0) step /= 2;
  return step;
}
