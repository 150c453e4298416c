/**
 * A local APIC's register page in shared memory: 32-bit registers at the SDM's offsets, every write by Atomics, so that
 * any thread may read it and post vectors.
 */

import { APIC_ISR, APIC_PROCPRI, APIC_TASKPRI } from './lapic-regs.ts';

/** Bytes of shared memory a local APIC needs. */
export const LAPIC_PAGE_SIZE = 4096;

/** @hot Memory: Int32Array over the page, index = offset / 4. ISR, TMR, IRR: 8 words of 32 vectors, 16 bytes apart. */
export class LapicPage {
  readonly #regs: Int32Array;

  /** @param page LAPIC_PAGE_SIZE bytes, 4-aligned */
  constructor(page: DataView) {
    this.#regs = new Int32Array(page.buffer, page.byteOffset, LAPIC_PAGE_SIZE / 4);
  }

  /** The register as a signed 32-bit number. */
  get(offset: number): number {
    return this.#regs[offset >> 2] ?? 0; // never torn; an atomic load costs more, at each exit a dozen times
  }

  set(offset: number, value: number): void {
    Atomics.store(this.#regs, offset >> 2, value);
  }

  /** The highest vector set in a bank (APIC_ISR, APIC_IRR), or -1. */
  highest(bank: number): number {
    for (let word = 7; word >= 0; word--) {
      const bits = this.get(bank + word * 0x10);
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
    }
    return -1;
  }

  testBit(bank: number, vector: number): boolean {
    return ((this.get(bank + (vector >> 5) * 0x10) >>> (vector & 31)) & 1) !== 0;
  }

  setBit(bank: number, vector: number): void {
    Atomics.or(this.#regs, (bank >> 2) + (vector >> 5) * 4, 1 << (vector & 31));
  }

  clearBit(bank: number, vector: number): void {
    Atomics.and(this.#regs, (bank >> 2) + (vector >> 5) * 4, ~(1 << (vector & 31)));
  }

  /** PPR from TPR and the highest vector in service [SDM: "Task and Processor Priorities"]. */
  updateProcessorPriority(): void {
    const tpr = this.get(APIC_TASKPRI) & 0xff;
    const inService = Math.max(0, this.highest(APIC_ISR)) & 0xf0;
    this.set(APIC_PROCPRI, (tpr & 0xf0) >= inService ? tpr : inService);
  }
}
