/**
 * Memory accesses that generated code does not do itself: TLB misses, page-straddling, MMIO, ROM, dirty logging and
 * writes to pages with decoded code; and the typed accessors of TypeScript's system instructions.
 */
import type { CpuState } from '../cpu-state.ts';
import { GuestFault, MmioWait } from '../faults.ts';
import { SLOW_DONE, SLOW_FAULT, SLOW_STOP } from '../interp/emit.ts';
import { PAGE_SIZE } from '../layout.ts';
import * as S from '../state.ts';
import { MmioFragments } from './mmio.ts';
import { FLAG_CODE, type PhysicalMemory } from './physical.ts';
import type { Tlb } from './tlb.ts';
import { type Access, NOT_MAPPED, type PageWalker, READ, WRITE } from './walk.ts';

/** In-kernel devices, as KVM has: the irqchip. Sizes 1, 2, 4. */
export interface KernelMmio {
  claims(gpa: number): boolean;
  read(gpa: number, size: number): number;
  write(gpa: number, size: number, value: number): void;
}

const OFFSET = PAGE_SIZE - 1;

export class MemoryAccess {
  readonly mmio = new MmioFragments();
  readonly #scratch: number;
  /** Page walks that filled the TLB. */
  tlbFills = 0;
  /** The exception that a slow path of generated code raised. */
  fault: GuestFault | undefined;

  constructor(
    readonly state: CpuState,
    readonly memory: PhysicalMemory,
    readonly tlb: Tlb,
    readonly walker: PageWalker,
    readonly kernel: KernelMmio,
    /** [host, host + size) of a page with decoded code was written; true when code was hit. */
    readonly codeWritten: (host: number, size: number) => boolean,
  ) {
    this.#scratch = state.base + S.SCRATCH;
    // accessed and dirty bits are writes too; they never change code that runs
    walker.onTableWrite = (host) => {
      if (((memory.flags[host >>> 12] ?? 0) & FLAG_CODE) !== 0) codeWritten(host & ~7, 8);
    };
  }

  // -- translation -------------------------------------------------------------------------------------------------
  #checkAddress(hi: number): void {
    const state = this.state;
    if (hi === 0 && !state.longMode) return;
    if (state.longMode && hi === (hi << 16) >> 16) return;
    if (state.code64) throw new GuestFault(S.GP, 0, true);
    throw new GuestFault(state.get32(S.SEGMENT_FAULT) || S.GP, 0);
  }

  /**
   * Guest physical address of an access within one page; fills the TLB. Throws #PF, #GP or #SS. @hot
   */
  translate(lo: number, hi: number, access: Access, user: boolean): number {
    this.#checkAddress(hi);
    const walker = this.walker;
    const gpa = walker.walk(lo, hi, access, user);
    if (gpa === NOT_MAPPED) {
      this.state.u32[S.CR2 >> 2] = lo;
      this.state.i32[(S.CR2 >> 2) + 1] = hi;
      throw new GuestFault(S.PF, walker.error);
    }
    const host = this.memory.host(gpa);
    if (host >= 0) {
      this.tlbFills++;
      if (access === WRITE) this.memory.markDirty(gpa);
      const write = walker.writable && this.memory.isPlain(gpa);
      this.tlb.fill(lo, hi, user, host - (lo & OFFSET), write, walker.executable, walker.global, walker.large);
    }
    return gpa;
  }

  get #user(): boolean {
    return this.state.get32(S.CPL) === 3;
  }

  // -- what generated code calls -----------------------------------------------------------------------------------
  slowRead(lo: number, hi: number, size: number): number {
    return this.#guarded(() => {
      this.#read(lo, hi, size, this.#scratch, this.#user);
      return SLOW_DONE;
    });
  }

  slowWrite(lo: number, hi: number, size: number): number {
    return this.#guarded(() => (this.#write(lo, hi, size, this.#scratch, this.#user) ? SLOW_STOP : SLOW_DONE));
  }

  slowReadForWrite(lo: number, hi: number, size: number): number {
    return this.#guarded(() => {
      const user = this.#user;
      this.translate(lo, hi, WRITE, user);
      if ((lo & OFFSET) + size > PAGE_SIZE) this.#translateNext(lo, hi, WRITE, user);
      this.#read(lo, hi, size, this.#scratch, user);
      return SLOW_DONE;
    });
  }

  #guarded(body: () => number): number {
    try {
      return body();
    } catch (e) {
      if (e instanceof GuestFault) this.fault = e;
      else if (!(e instanceof MmioWait)) throw e;
      this.mmio.abandon();
      return SLOW_FAULT;
    }
  }

  // -- any size, any alignment -------------------------------------------------------------------------------------
  #translateNext(lo: number, hi: number, access: Access, user: boolean): number {
    const next = ((lo & ~OFFSET) + PAGE_SIZE) | 0;
    const wraps = next === 0;
    const nextHi = !wraps ? hi : this.state.code64 ? (hi + 1) | 0 : 0;
    return this.translate(next, nextHi, access, user);
  }

  /** Copies `size` bytes at a linear address to `target` in the shared memory. */
  #read(lo: number, hi: number, size: number, target: number, user: boolean): void {
    const inFirst = Math.min(size, PAGE_SIZE - (lo & OFFSET));
    const known = inFirst === size ? this.tlb.lookup(lo, hi, user, S.TLB_READ) : -1;
    if (known >= 0) {
      this.memory.u8.copyWithin(target, known, known + size);
      return;
    }
    const first = this.translate(lo, hi, READ, user);
    const second = inFirst < size ? this.#translateNext(lo, hi, READ, user) : 0;
    this.#readPhysical(first, inFirst, target);
    if (inFirst < size) this.#readPhysical(second, size - inFirst, target + inFirst);
  }

  /** Writes `size` bytes from `source`; true when the instruction must be the last of this run. */
  #write(lo: number, hi: number, size: number, source: number, user: boolean): boolean {
    const inFirst = Math.min(size, PAGE_SIZE - (lo & OFFSET));
    const known = inFirst === size ? this.tlb.lookup(lo, hi, user, S.TLB_WRITE) : -1;
    if (known >= 0) {
      this.memory.u8.copyWithin(known, source, source + size);
      return false;
    }
    const first = this.translate(lo, hi, WRITE, user);
    if (inFirst === size) return this.#writePhysical(first, size, source);
    const second = this.#translateNext(lo, hi, WRITE, user);
    const stopFirst = this.#writePhysical(first, inFirst, source);
    return this.#writePhysical(second, size - inFirst, source + inFirst) || stopFirst;
  }

  #readPhysical(gpa: number, size: number, target: number): void {
    const host = this.memory.host(gpa);
    if (host >= 0) {
      this.memory.u8.copyWithin(target, host, host + size);
      return;
    }
    for (let done = 0; done < size; ) {
      const step = mmioStep(gpa + done, size - done, this.kernel.claims(gpa + done) ? 4 : 8);
      this.#readMmio(gpa + done, step, target + done);
      done += step;
    }
  }

  #readMmio(gpa: number, size: number, target: number): void {
    let lo = 0;
    let hi = 0;
    if (this.kernel.claims(gpa)) lo = this.kernel.read(gpa, size);
    else {
      const answer = this.mmio.read(gpa, size);
      if (!answer) throw new MmioWait();
      lo = answer.lo;
      hi = answer.hi;
    }
    const u8 = this.memory.u8;
    for (let i = 0; i < size; i++) u8[target + i] = i < 4 ? lo >>> (8 * i) : hi >>> (8 * (i - 4));
  }

  #writePhysical(gpa: number, size: number, source: number): boolean {
    const { memory } = this;
    const host = memory.host(gpa);
    if (host >= 0) {
      if (memory.isReadOnly(gpa)) return this.#postWrites(gpa, size, source);
      memory.markDirty(gpa);
      memory.u8.copyWithin(host, source, source + size);
      return ((memory.flags[host >>> 12] ?? 0) & FLAG_CODE) !== 0 && this.codeWritten(host, size);
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
    this.mmio.write(gpa, size, lo, hi);
    return true;
  }

  // -- strings -----------------------------------------------------------------------------------------------------
  /**
   * Up to `count` elements of MOVS (kind 0) or STOS (kind 1) forward, within one page each of source and destination;
   * the number done, 0 when the slow path must look. @hot
   */
  bulk(kind: number, size: number, dstLo: number, dstHi: number, srcLo: number, srcHi: number, count: number): number {
    const user = this.#user;
    const dst = this.tlb.lookup(dstLo, dstHi, user, S.TLB_WRITE);
    if (dst < 0) return 0;
    let n = Math.min(count, Math.floor((PAGE_SIZE - (dst & OFFSET)) / size));
    const u8 = this.memory.u8;
    if (kind === 1) {
      this.#fill(dst, size, n);
      return n;
    }
    const src = this.tlb.lookup(srcLo, srcHi, user, S.TLB_READ);
    if (src < 0) return 0;
    n = Math.min(n, Math.floor((PAGE_SIZE - (src & OFFSET)) / size));
    const bytes = n * size;
    // forward element moves repeat what they wrote when the destination starts inside the source
    if (dst > src && dst < src + bytes) return 0;
    u8.copyWithin(dst, src, src + bytes);
    return n;
  }

  #fill(dst: number, size: number, n: number): void {
    const u8 = this.memory.u8;
    const rax = this.state.u8;
    if (n === 0) return;
    for (let i = 0; i < size; i++) u8[dst + i] = rax[i] ?? 0;
    const first = u8[dst];
    let uniform = true;
    for (let i = 1; i < size; i++) uniform &&= u8[dst + i] === first;
    const bytes = n * size;
    if (uniform) {
      u8.fill(first ?? 0, dst, dst + bytes);
      return;
    }
    for (let done = size; done < bytes; done *= 2) u8.copyWithin(dst + done, dst, dst + Math.min(done, bytes - done));
  }

  // -- accessors of system instructions ----------------------------------------------------------------------------
  // Linear addresses as bigint; `user` false for the implicit accesses of descriptor tables, TSS and the like.
  #load(linear: bigint, size: number, user: boolean): void {
    this.#read(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)), size, this.#scratch, user);
  }
  read8(linear: bigint, user = this.#user): number {
    this.#load(linear, 1, user);
    return this.state.u8[S.SCRATCH] ?? 0;
  }
  read16(linear: bigint, user = this.#user): number {
    this.#load(linear, 2, user);
    return this.state.u16[S.SCRATCH >> 1] ?? 0;
  }
  /** Unsigned. */
  read32(linear: bigint, user = this.#user): number {
    this.#load(linear, 4, user);
    return this.state.u32[S.SCRATCH >> 2] ?? 0;
  }
  read64(linear: bigint, user = this.#user): bigint {
    this.#load(linear, 8, user);
    return this.state.get64(S.SCRATCH);
  }
  readBytes(linear: bigint, size: number, user = this.#user): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; done += 16) {
      const step = Math.min(16, size - done);
      this.#load(linear + BigInt(done), step, user);
      bytes.set(this.state.u8.subarray(S.SCRATCH, S.SCRATCH + step), done);
    }
    return bytes;
  }
  write(linear: bigint, size: 1 | 2 | 4 | 8, value: bigint | number, user = this.#user): void {
    this.state.set64(S.SCRATCH, BigInt.asUintN(64, BigInt(value)));
    const stop = this.#write(
      Number(BigInt.asIntN(32, linear)),
      Number(BigInt.asIntN(32, linear >> 32n)),
      size,
      this.#scratch,
      user,
    );
    this.stopAfter ||= stop;
  }
  writeBytes(linear: bigint, bytes: Uint8Array, user = this.#user): void {
    this.probe(linear, bytes.length, user);
    for (let done = 0; done < bytes.length; done += 8) {
      const chunk = bytes.subarray(done, Math.min(done + 8, bytes.length));
      this.state.u8.set(chunk, S.SCRATCH);
      const at = linear + BigInt(done);
      const stop = this.#write(
        Number(BigInt.asIntN(32, at)),
        Number(BigInt.asIntN(32, at >> 32n)),
        chunk.length,
        this.#scratch,
        user,
      );
      this.stopAfter ||= stop;
    }
  }
  /** A write by TypeScript hit code or MMIO: the instruction must be the last of this run. */
  stopAfter = false;

  /** Throws what writing `size` (at most a page) bytes would raise. */
  probe(linear: bigint, size: number, user = this.#user): void {
    const lo = Number(BigInt.asIntN(32, linear));
    const hi = Number(BigInt.asIntN(32, linear >> 32n));
    this.translate(lo, hi, WRITE, user);
    if ((lo & OFFSET) + size > PAGE_SIZE) this.#translateNext(lo, hi, WRITE, user);
  }
}

/** The largest naturally aligned power of two of an MMIO access. */
function mmioStep(gpa: number, left: number, most: number): number {
  let step = most;
  while (step > left || gpa % step !== 0) step /= 2;
  return step;
}
