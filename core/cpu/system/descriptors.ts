/** Segment descriptors: reading them from the GDT and LDT, checking them, loading segment registers. */
import type { Cpu } from '../cpu.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';

/** A decoded 8-byte descriptor (16 bytes for system segments in long mode). */
export interface Descriptor {
  readonly low: number;
  readonly high: number;
  readonly base: bigint;
  /** In bytes. */
  readonly limit: number;
  /** As SEG_ACCESS. */
  readonly access: number;
  readonly type: number;
  readonly isSystem: boolean;
  readonly isCode: boolean;
  readonly dpl: number;
  readonly present: boolean;
  /** Where it lies. */
  readonly linear: bigint;
}

export const isNull = (selector: number): boolean => (selector & ~3) === 0;
/** A selector as an error code: index and TI, without RPL. */
export const errorOf = (selector: number): number => selector & ~3;

/** Linear address of a selector's descriptor, or undefined when it lies beyond its table. */
function descriptorAddress(cpu: Cpu, selector: number, size: number): bigint | undefined {
  const s = cpu.state;
  const at = selector & ~7;
  if ((selector & 4) !== 0) {
    const ldt = s.access(S.LDTR);
    if ((ldt & (S.AR_P | S.SEG_UNUSABLE)) !== S.AR_P || at + size - 1 > s.segLimit(S.LDTR)) return undefined;
    return s.segBase(S.LDTR) + BigInt(at);
  }
  return at + size - 1 > s.get32(S.GDTR_LIMIT) ? undefined : s.get64(S.GDTR_BASE) + BigInt(at);
}

function decodeDescriptor(low: number, high: number, linear: bigint, baseHigh = 0): Descriptor {
  const access = (high >>> 8) & 0xf0ff;
  let limit = (low & 0xffff) | (high & 0xf0000);
  if ((access & S.AR_G) !== 0) limit = ((limit << 12) | 0xfff) >>> 0;
  const base32 = ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
  return {
    low,
    high,
    linear,
    limit,
    access,
    base: (BigInt(baseHigh >>> 0) << 32n) | BigInt(base32),
    type: access & S.AR_TYPE,
    isSystem: (access & S.AR_S) === 0,
    isCode: (access & (S.AR_S | 8)) === (S.AR_S | 8),
    dpl: (access >> S.AR_DPL_SHIFT) & 3,
    present: (access & S.AR_P) !== 0,
  };
}

/** The descriptor of a non-null selector; undefined when it lies beyond its table. */
export function tryReadDescriptor(cpu: Cpu, selector: number): Descriptor | undefined {
  const linear = descriptorAddress(cpu, selector, 8);
  if (linear === undefined) return undefined;
  const at = cpu.state.longMode ? linear : linear & 0xffff_ffffn;
  return decodeDescriptor(cpu.memory.read32(at, false), cpu.memory.read32(at + 4n, false), at);
}

/** The same; beyond the table raises `vector` with the selector, and EXT where the event comes from outside. */
export function readDescriptor(cpu: Cpu, selector: number, vector: number = S.GP, external = 0): Descriptor {
  const d = tryReadDescriptor(cpu, selector);
  if (!d) throw new GuestFault(vector, errorOf(selector) | external);
  return d;
}

/** TSS and LDT descriptors and call gates: 16 bytes in long mode. */
export function readSystemDescriptor(cpu: Cpu, selector: number): Descriptor {
  const d = readDescriptor(cpu, selector);
  if (!cpu.state.longMode) return d;
  const linear = descriptorAddress(cpu, selector, 16);
  if (linear === undefined) throw new GuestFault(S.GP, errorOf(selector));
  const upper = cpu.memory.read32(linear + 12n, false);
  if ((upper & 0x1f00) !== 0) throw new GuestFault(S.GP, errorOf(selector));
  return decodeDescriptor(d.low, d.high, linear, cpu.memory.read32(linear + 8n, false));
}

/** Data that may be written: what SS must be. */
export const isWritableData = (d: Descriptor): boolean => !d.isSystem && !d.isCode && (d.type & 2) !== 0;
export const isConforming = (d: Descriptor): boolean => d.isCode && (d.type & 4) !== 0;
/** Code of 64-bit mode. With L, D must be clear. */
export const isCode64 = (d: Descriptor): boolean => (d.access & (S.AR_L | S.AR_DB)) === S.AR_L;

/** Sets the accessed bit of a code or data descriptor. */
export function markAccessed(cpu: Cpu, d: Descriptor): Descriptor {
  if ((d.access & 1) !== 0) return d;
  cpu.memory.write(d.linear + 5n, 1, (d.access & 0xff) | 1, false);
  return { ...d, access: d.access | 1, type: d.type | 1 };
}

/** Loads a data segment register or SS, with every check. [SDM] MOV, operation. */
export function loadSegment(cpu: Cpu, n: number, selector: number): void {
  const s = cpu.state;
  if (!s.protectedMode || s.vm86) {
    loadRealSegment(cpu, n, selector);
    return;
  }
  if (isNull(selector)) {
    if (n === S.SS && !(s.code64 && s.cpl < 3 && (selector & 3) === s.cpl)) throw new GuestFault(S.GP, 0);
    loadNull(cpu, n, selector);
    return;
  }
  let d = readDescriptor(cpu, selector);
  const rpl = selector & 3;
  const error = errorOf(selector);
  if (n === S.SS) {
    if (rpl !== s.cpl || !isWritableData(d) || d.dpl !== s.cpl) throw new GuestFault(S.GP, error);
    if (!d.present) throw new GuestFault(S.SS_VECTOR, error);
  } else {
    const readable = !d.isSystem && (!d.isCode || (d.type & 2) !== 0);
    if (!readable || (!isConforming(d) && (rpl > d.dpl || s.cpl > d.dpl))) throw new GuestFault(S.GP, error);
    if (!d.present) throw new GuestFault(S.NP, error);
  }
  d = markAccessed(cpu, d);
  s.setSegment(n, selector, d.base, d.limit, d.access);
  cpu.updateMode();
}

/** Null selector: unusable. In 64-bit mode FS and GS keep nothing of their base (as Intel documents: cleared). */
export function loadNull(cpu: Cpu, n: number, selector: number): void {
  const dpl = n === S.SS ? cpu.state.cpl << S.AR_DPL_SHIFT : 0;
  cpu.state.setSegment(n, selector, 0n, 0, S.SEG_UNUSABLE | dpl);
  cpu.updateMode();
}

/** Real and virtual-8086 mode: base = selector * 16. In real mode limit and rights stay (unreal mode). */
export function loadRealSegment(cpu: Cpu, n: number, selector: number): void {
  const s = cpu.state;
  const base = BigInt(selector << 4);
  const unusable = (s.access(n) & S.SEG_UNUSABLE) !== 0;
  if (s.vm86) s.setSegment(n, selector, base, 0xffff, S.AR_P | S.AR_S | (3 << S.AR_DPL_SHIFT) | 3);
  else if (n === S.CS || unusable)
    s.setSegment(n, selector, base, unusable ? 0xffff : s.segLimit(n), S.AR_P | S.AR_S | 3);
  else s.setSegment(n, selector, base, s.segLimit(n), s.access(n));
  cpu.updateMode();
}

/** Loads CS from a checked descriptor; the caller sets RIP. CPL becomes `cpl`. */
export function loadCode(cpu: Cpu, selector: number, descriptor: Descriptor, cpl: number): void {
  const d = markAccessed(cpu, descriptor);
  const s = cpu.state;
  s.set32(S.CPL, cpl);
  const long = s.longMode && (d.access & S.AR_L) !== 0;
  s.setSegment(S.CS, (selector & ~3) | cpl, long ? 0n : d.base, long ? 0xffffffff : d.limit, d.access);
  cpu.updateMode();
}

const fits = (linear: bigint, bits: number): boolean => BigInt.asIntN(bits, linear) === BigInt.asIntN(64, linear);

/** Canonical for the paging mode in force: where code may go on and memory may be accessed. */
export const isCanonical = (cpu: Cpu, linear: bigint): boolean =>
  fits(linear, (cpu.state.cr4 & S.CR4_LA57) !== 0 ? 57 : 48);

/**
 * Canonical for what the processor can do, whatever the mode: bases of segments and descriptor tables, MSRs, and the
 * instructions that invalidate translations. Processors do so (Linux: "KVM: x86: model canonical checks more precisely").
 */
export const isCanonicalBase = (cpu: Cpu, linear: bigint): boolean => fits(linear, cpu.features.has('la57') ? 57 : 48);

/** Where a transfer to a code segment goes: beyond its limit, or not canonical in 64-bit code, is #GP with EXT at most. */
export function requireOffset(cpu: Cpu, d: Descriptor, offset: bigint, external = 0): void {
  const long = cpu.state.longMode && (d.access & S.AR_L) !== 0;
  if (long ? !isCanonical(cpu, offset) : offset > BigInt(d.limit)) throw new GuestFault(S.GP, external);
}
