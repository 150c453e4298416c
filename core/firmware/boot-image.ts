/**
 * What every boot protocol here produces: bytes to put into guest memory and the vCPU's state at entry, or a
 * BootError that a person can act on. Files are untrusted: each loader checks every length before it uses it.
 */
import type { KvmRegs, KvmSegment, KvmSregs } from '../kvm/api.ts';

/** Why there is no booting: message says what is wrong, hint what to do next, subject whether file or memory is. */
export class BootError extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly subject: 'file' | 'memory' = 'file',
  ) {
    super(message);
    this.name = 'BootError';
  }
}

/** What the person chose, read into memory. */
export interface BootFiles {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly cmdline: string;
}

/** The machine that a loader prepares memory for. */
export interface BootTarget {
  readonly ramBytes: number;
  /** Where RAM ends below 4 GiB at most; the usual place when absent. */
  readonly ramHoleStart?: number;
  /** Guest physical address of the ACPI RSDP. */
  readonly rsdpAddress: number;
}

/** Bytes at a guest physical address, and zeros behind them. */
export interface MemoryChunk {
  readonly gpa: number;
  readonly bytes: Uint8Array;
  readonly zeroBytes?: number;
}

export interface BootPlan {
  /** All of it lies in the machine's RAM. */
  readonly chunks: readonly MemoryChunk[];
  readonly regs: KvmRegs;
  /** The entry state, on top of the vCPU's power-on state. */
  applySregs(powerOn: KvmSregs): KvmSregs;
}

export const PAGE_SIZE = 4096;
const RFLAGS_RESERVED_ONE = 2n;

/** All registers zero but for those given; interrupts off. */
export function entryRegs(values: Partial<KvmRegs>): KvmRegs {
  return {
    rax: 0n, rbx: 0n, rcx: 0n, rdx: 0n, rsi: 0n, rdi: 0n, rsp: 0n, rbp: 0n,
    r8: 0n, r9: 0n, r10: 0n, r11: 0n, r12: 0n, r13: 0n, r14: 0n, r15: 0n,
    rip: 0n, rflags: RFLAGS_RESERVED_ONE,
    ...values,
  }; // biome-ignore format: registers read best in rows
}

const BOOT_CS = 0x10;
const BOOT_DS = 0x18;

/** A flat 4 GiB segment, as the descriptors of flatGdt() describe them. */
function flatSegment(kind: 'code32' | 'code64' | 'data'): KvmSegment {
  const code = kind !== 'data';
  return {
    base: 0n,
    limit: 0xffff_ffff,
    selector: code ? BOOT_CS : BOOT_DS,
    type: code ? 0xb : 0x3, // accessed, readable or writable
    present: 1,
    dpl: 0,
    db: kind === 'code64' ? 0 : 1,
    s: 1,
    l: kind === 'code64' ? 1 : 0,
    g: 1,
    avl: 0,
    unusable: 0,
  };
}

/** Two null entries, BOOT_CS, BOOT_DS: a kernel may reload its segments before it has a table of its own. */
export function flatGdt(codeKind: 'code32' | 'code64'): Uint8Array {
  const code = codeKind === 'code64' ? 0x00af_9b00_0000_ffffn : 0x00cf_9b00_0000_ffffn;
  return new Uint8Array(new BigUint64Array([0n, 0n, code, 0x00cf_9300_0000_ffffn]).buffer);
}

/** The segment part of an entry state: flat code and data, a GDT at `gdtAddress`. */
export function flatSegments(codeKind: 'code32' | 'code64', gdtAddress: number): Partial<KvmSregs> {
  const data = flatSegment('data');
  return {
    cs: flatSegment(codeKind),
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    gdt: { base: BigInt(gdtAddress), limit: flatGdt(codeKind).length - 1 },
  };
}

export const CR0_PE = 1n << 0n;
export const CR0_ET = 1n << 4n;

/** 32-bit protected mode with flat segments, without paging. */
export function protectedMode(powerOn: KvmSregs, gdtAddress: number): KvmSregs {
  return { ...powerOn, ...flatSegments('code32', gdtAddress), cr0: CR0_PE | CR0_ET, cr4: 0n, efer: 0n };
}

export function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** NUL-terminated text, not longer than `maxLength` bytes with its end. */
export function cString(text: string, maxLength: number, what: string): Uint8Array {
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.length > maxLength) {
    throw new BootError(
      `${what} is ${bytes.length - 1} bytes long; this kernel takes at most ${maxLength - 1}.`,
      'Shorten the kernel command line.',
    );
  }
  return bytes;
}
