/**
 * The KVM boundary, as in linux/kvm.h and the kernel's Documentation/virt/kvm/api.rst: three levels of file
 * descriptor, ioctls as methods, kvm_run as a mailbox page at Linux's offsets. Everything above (machine, devices)
 * knows only this file's types, so that a second implementation, the host's /dev/kvm, can stand behind it.
 * Every failing call throws KvmError with the kernel's errno.
 */

import type { WallClock } from '../base/clock.ts';

/** Errors: the symbolic errno the kernel documents for the ioctl. */
export type Errno =
  | 'EBADF'
  | 'EINVAL'
  | 'EEXIST'
  | 'E2BIG'
  | 'EINTR'
  | 'ENXIO'
  | 'ENOENT'
  | 'EFAULT'
  | 'ENOMEM'
  | 'EBUSY'
  | 'ENOTTY'
  | 'EAGAIN'
  | 'EPERM'
  | 'EACCES'
  | 'ENOSPC';

export class KvmError extends Error {
  constructor(
    readonly ioctl: string,
    readonly errno: Errno,
    detail = '',
  ) {
    super(`${ioctl}: ${errno}${detail ? `: ${detail}` : ''}`);
    this.name = 'KvmError';
  }
}

export const KVM_API_VERSION = 12;

// exit reasons (struct kvm_run.exit_reason)
export const KVM_EXIT_UNKNOWN = 0;
export const KVM_EXIT_EXCEPTION = 1;
export const KVM_EXIT_IO = 2;
export const KVM_EXIT_HYPERCALL = 3;
export const KVM_EXIT_DEBUG = 4;
export const KVM_EXIT_HLT = 5;
export const KVM_EXIT_MMIO = 6;
export const KVM_EXIT_IRQ_WINDOW_OPEN = 7;
export const KVM_EXIT_SHUTDOWN = 8;
export const KVM_EXIT_FAIL_ENTRY = 9;
export const KVM_EXIT_INTR = 10;
export const KVM_EXIT_INTERNAL_ERROR = 17;
export const KVM_EXIT_SYSTEM_EVENT = 24;

export const KVM_EXIT_IO_IN = 0;
export const KVM_EXIT_IO_OUT = 1;
export const KVM_INTERNAL_ERROR_EMULATION = 1;
export const KVM_INTERNAL_ERROR_DELIVERY_EV = 3;

// struct kvm_run, offsets in bytes
export const RUN_REQUEST_INTERRUPT_WINDOW = 0; // u8
export const RUN_IMMEDIATE_EXIT = 1; // u8
export const RUN_EXIT_REASON = 8; // u32
export const RUN_READY_FOR_INTERRUPT_INJECTION = 12; // u8
export const RUN_IF_FLAG = 13; // u8
export const RUN_FLAGS = 14; // u16
export const RUN_CR8 = 16; // u64
export const RUN_APIC_BASE = 24; // u64
export const RUN_IO_DIRECTION = 32; // u8
export const RUN_IO_SIZE = 33; // u8
export const RUN_IO_PORT = 34; // u16
export const RUN_IO_COUNT = 36; // u32
export const RUN_IO_DATA_OFFSET = 40; // u64, from the start of the page
export const RUN_MMIO_PHYS_ADDR = 32; // u64
export const RUN_MMIO_DATA = 40; // u8[8]
export const RUN_MMIO_LEN = 48; // u32
export const RUN_MMIO_IS_WRITE = 52; // u8
export const RUN_DEBUG_EXCEPTION = 32; // u32
export const RUN_DEBUG_PC = 40; // u64
export const RUN_DEBUG_DR6 = 48; // u64
export const RUN_DEBUG_DR7 = 56; // u64
export const RUN_INTERNAL_SUBERROR = 32; // u32
export const RUN_INTERNAL_NDATA = 36; // u32
export const RUN_INTERNAL_DATA = 40; // u64[16]
export const RUN_PAGE_SIZE = 4096;
/** Where KVM puts port I/O data: the page after kvm_run. */
export const RUN_PIO_DATA = 4096;
/** KVM_GET_VCPU_MMAP_SIZE */
export const RUN_MMAP_SIZE = 8192;

// KVM_CHECK_EXTENSION capabilities
export const KVM_CAP_IRQCHIP = 0;
export const KVM_CAP_HLT = 1;
export const KVM_CAP_USER_MEMORY = 3;
export const KVM_CAP_SET_TSS_ADDR = 4;
export const KVM_CAP_EXT_CPUID = 7;
export const KVM_CAP_CLOCKSOURCE = 8;
export const KVM_CAP_NR_VCPUS = 9;
export const KVM_CAP_NR_MEMSLOTS = 10;
export const KVM_CAP_PIT = 11;
export const KVM_CAP_MP_STATE = 14;
export const KVM_CAP_SET_GUEST_DEBUG = 23;
export const KVM_CAP_IRQ_ROUTING = 25;
export const KVM_CAP_PIT2 = 33;
export const KVM_CAP_PIT_STATE2 = 35;
export const KVM_CAP_SET_IDENTITY_MAP_ADDR = 37;
export const KVM_CAP_ADJUST_CLOCK = 39;
export const KVM_CAP_VCPU_EVENTS = 41;
export const KVM_CAP_DEBUGREGS = 50;
export const KVM_CAP_XSAVE = 55;
export const KVM_CAP_XCRS = 56;
export const KVM_CAP_TSC_CONTROL = 60;
export const KVM_CAP_GET_TSC_KHZ = 61;
export const KVM_CAP_MAX_VCPUS = 66;
export const KVM_CAP_TSC_DEADLINE_TIMER = 72;
export const KVM_CAP_SYNC_REGS = 74;
export const KVM_CAP_READONLY_MEM = 81;
export const KVM_CAP_MAX_VCPU_ID = 128;
export const KVM_CAP_IMMEDIATE_EXIT = 136;

// KVM_SET_USER_MEMORY_REGION
export const KVM_MEM_LOG_DIRTY_PAGES = 1;
export const KVM_MEM_READONLY = 2;

/** struct kvm_userspace_memory_region. Addresses and sizes in bytes, multiples of 4096. */
export interface KvmUserspaceMemoryRegion {
  slot: number;
  flags: number;
  guestPhysAddr: number;
  /** 0 deletes the slot. */
  memorySize: number;
  /** Offset into the VM's shared memory, as VmFd.mmap() gave it. */
  userspaceAddr: number;
}

export interface KvmRegs {
  rax: bigint;
  rbx: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  rsp: bigint;
  rbp: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  rip: bigint;
  rflags: bigint;
}

export interface KvmSegment {
  base: bigint;
  limit: number;
  selector: number;
  type: number;
  present: number;
  dpl: number;
  db: number;
  s: number;
  l: number;
  g: number;
  avl: number;
  unusable: number;
}

export interface KvmDtable {
  base: bigint;
  limit: number;
}

export interface KvmSregs {
  cs: KvmSegment;
  ds: KvmSegment;
  es: KvmSegment;
  fs: KvmSegment;
  gs: KvmSegment;
  ss: KvmSegment;
  tr: KvmSegment;
  ldt: KvmSegment;
  gdt: KvmDtable;
  idt: KvmDtable;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
  cr8: bigint;
  efer: bigint;
  apicBase: bigint;
  /** 256 bits: a pending external interrupt, as KVM reports it. */
  interruptBitmap: bigint[];
}

/** struct kvm_fpu: the FXSAVE-like subset. */
export interface KvmFpu {
  /** 8 registers of 16 bytes (10 used). */
  fpr: Uint8Array;
  fcw: number;
  fsw: number;
  ftwx: number;
  lastOpcode: number;
  lastIp: bigint;
  lastDp: bigint;
  /** 16 registers of 16 bytes. */
  xmm: Uint8Array;
  mxcsr: number;
}

export interface KvmMsrEntry {
  index: number;
  data: bigint;
}

export interface KvmCpuidEntry2 {
  function: number;
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}
export const KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

// KVM_GET/SET_MP_STATE
export const KVM_MP_STATE_RUNNABLE = 0;
export const KVM_MP_STATE_UNINITIALIZED = 1;
export const KVM_MP_STATE_INIT_RECEIVED = 2;
export const KVM_MP_STATE_HALTED = 3;
export const KVM_MP_STATE_SIPI_RECEIVED = 4;

export interface KvmVcpuEvents {
  exception: { injected: number; nr: number; hasErrorCode: number; pending: number; errorCode: number };
  interrupt: { injected: number; nr: number; soft: number; shadow: number };
  nmi: { injected: number; pending: number; masked: number };
  sipiVector: number;
  flags: number;
}

// KVM_SET_GUEST_DEBUG
export const KVM_GUESTDBG_ENABLE = 1;
export const KVM_GUESTDBG_SINGLESTEP = 2;
export const KVM_GUESTDBG_USE_SW_BP = 0x10000;
export const KVM_GUESTDBG_USE_HW_BP = 0x20000;
export interface KvmGuestDebug {
  control: number;
  /** DR0-3, 4-5 unused, DR6, DR7 */
  debugreg: bigint[];
}

// KVM_GET/SET_IRQCHIP chip ids
export const KVM_IRQCHIP_PIC_MASTER = 0;
export const KVM_IRQCHIP_PIC_SLAVE = 1;
export const KVM_IRQCHIP_IOAPIC = 2;

export interface KvmIrqLevel {
  irq: number;
  level: number;
}
export interface KvmPitConfig {
  flags: number;
}

/** What Linux gives a vCPU thread beside KVM itself: a clock to sleep on, and signals that interrupt KVM_RUN. */
export interface VcpuThread {
  /** Guest time in ns (core/base/clock). */
  nowNs(): number;
  /** True while a signal is pending: KVM_RUN returns with EINTR at the next block boundary. Cheap. */
  signalPending(): boolean;
  /** Sleep until guest time reaches deadlineNs (may be Infinity) or a signal arrives; may wake early. */
  sleepUntil(deadlineNs: number): void;
  /** The alarm as by timer_settime: guest time in ns at which signalPending() turns true; Infinity for none. */
  readonly alarmNs: number;
}

/** An open /dev/kvm. */
export interface KvmSystem {
  getApiVersion(): number;
  checkExtension(cap: number): number;
  getVcpuMmapSize(): number;
  getMsrIndexList(): number[];
  /** E2BIG when more than maxEntries are needed. */
  getSupportedCpuid(maxEntries: number): KvmCpuidEntry2[];
  createVm(options: CreateVmOptions): KvmVm;
  close(): void;
}

export interface CreateVmOptions {
  /** Bytes the VMM will mmap for guest RAM, ROM and VRAM, all slots together. */
  userMemoryBytes: number;
  thread: VcpuThread;
  /** Real time, for kvmclock's wall clock; the host's KVM has its own. */
  wall: WallClock;
}

export interface KvmVm {
  /**
   * The VMM's address space for guest memory. userspaceAddr values are offsets into it; `mmap` reserves zeroed,
   * page-aligned parts of it. Devices read and write RAM here; after a write by a device call `notifyWrite`.
   */
  readonly memory: SharedArrayBuffer;
  mmap(sizeBytes: number): number;
  checkExtension(cap: number): number;
  setUserMemoryRegion(region: KvmUserspaceMemoryRegion): void;
  createVcpu(id: number): KvmVcpu;
  setTssAddr(addr: number): void;
  setIdentityMapAddr(addr: number): void;
  createIrqchip(): void;
  createPit2(config: KvmPitConfig): void;
  irqLine(level: KvmIrqLevel): void;
  getIrqchip(chipId: number): Uint8Array;
  setIrqchip(chipId: number, state: Uint8Array): void;
  getPit2(): Uint8Array;
  setPit2(state: Uint8Array): void;
  /** One bit a page of the slot; clears the log. */
  getDirtyLog(slot: number): Uint8Array;
  /** The VMM wrote [offset, offset + length) of `memory`: dirty log and decoded code follow. On hardware: nothing. */
  notifyWrite(offset: number, length: number): void;
  close(): void;
}

export interface KvmVcpu {
  readonly id: number;
  /** kvm_run and the PIO data page behind it (RUN_MMAP_SIZE bytes), for RUN_* offsets. */
  readonly run: DataView;
  /** KVM_RUN. Returns with run.exit_reason set; throws KvmError EINTR when interrupted by a signal or immediate_exit. */
  kvmRun(): void;
  getRegs(): KvmRegs;
  setRegs(regs: KvmRegs): void;
  getSregs(): KvmSregs;
  setSregs(sregs: KvmSregs): void;
  getFpu(): KvmFpu;
  setFpu(fpu: KvmFpu): void;
  getMsrs(indices: number[]): KvmMsrEntry[];
  /** Returns how many were set: processing stops at the first bad one. */
  setMsrs(entries: KvmMsrEntry[]): number;
  setCpuid2(entries: KvmCpuidEntry2[]): void;
  getCpuid2(maxEntries: number): KvmCpuidEntry2[];
  getLapic(): Uint8Array;
  setLapic(state: Uint8Array): void;
  getMpState(): number;
  setMpState(state: number): void;
  getVcpuEvents(): KvmVcpuEvents;
  setVcpuEvents(events: KvmVcpuEvents): void;
  setGuestDebug(debug: KvmGuestDebug): void;
  getTscKhz(): number;
  /** KVM_INTERRUPT, only without an in-kernel irqchip (ENXIO). */
  interrupt(vector: number): void;
  nmi(): void;
  /** Counters by name, as the KVM statistics interface has them ("exits", "io_exits", "insns", ...). */
  stats(): Record<string, number>;
  close(): void;
}
