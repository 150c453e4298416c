/**
 * The KVM boundary, as in linux/kvm.h and the kernel's Documentation/virt/kvm/api.rst: three levels of file
 * descriptor, ioctls as methods, kvm_run as a mailbox page at Linux's offsets. Everything above (machine, devices)
 * knows only this file's types, so that a second implementation, the host's /dev/kvm, can stand behind it.
 * Every failing call throws KvmError with the kernel's errno.
 */

import type { WallClock } from '../base/clock.ts';
import type {
  KvmCpuidEntry2,
  KvmDebugRegs,
  KvmFpu,
  KvmGuestDebug,
  KvmMsrEntry,
  KvmRegs,
  KvmSregs,
  KvmSregs2,
  KvmTranslation,
  KvmVcpuEvents,
  KvmXcrs,
} from './api-state.ts';

export * from './api-capabilities.ts';
export * from './api-run.ts';
export * from './api-state.ts';
export * from './api-stats.ts';

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

/** One entry of KVM_SET_GSI_ROUTING: struct kvm_irq_routing_entry, its type by which member is there. */
export type KvmIrqRoutingEntry =
  | { gsi: number; flags: number; irqchip: { irqchip: number; pin: number } }
  | { gsi: number; flags: number; msi: { addressLo: number; addressHi: number; data: number } };
/** Most entries, and so one more than the highest GSI: KVM_CAP_IRQ_ROUTING. */
export const KVM_MAX_IRQ_ROUTES = 4096;

/** struct kvm_msi. */
export interface KvmMsi {
  addressLo: number;
  addressHi: number;
  data: number;
  flags: number;
}

/** struct kvm_coalesced_mmio_zone: guest physical addresses or, with pio, ports. */
export interface KvmCoalescedMmioZone {
  addr: number;
  size: number;
  pio: 0 | 1;
}

/** struct kvm_clock_data: kvmclock in ns, and with the flags real time in ns since 1970 and the host's TSC. */
export interface KvmClockData {
  clock: bigint;
  flags: number;
  realtime: bigint;
  hostTsc: bigint;
}
export const KVM_CLOCK_TSC_STABLE = 2;
export const KVM_CLOCK_REALTIME = 4;
export const KVM_CLOCK_HOST_TSC = 8;

/** struct kvm_enable_cap. */
export interface KvmEnableCap {
  cap: number;
  flags: number;
  /** Up to four. */
  args: bigint[];
}

/** What Linux gives a vCPU thread beside KVM itself: a clock to sleep on, and signals that interrupt KVM_RUN. */
export interface VcpuThread {
  /** Guest time in ns (core/base/clock). */
  nowNs(): number;
  /**
   * True while a signal is pending: KVM_RUN returns with EINTR at the next block boundary. Cheap, and cheaper for who has
   * just looked at the clock and says so.
   */
  signalPending(nowNs?: number): boolean;
  /** Sleep until guest time reaches deadlineNs (may be Infinity) or a signal arrives; may wake early. */
  sleepUntil(deadlineNs: number): void;
  /** The alarm as by timer_settime: guest time in ns at which signalPending() turns true; Infinity for none. */
  readonly alarmNs: number;
  /** Memory of generated code that is no more can be given back. Dear: asked for rarely. */
  reclaim?(): void;
  /** How long this thread has waited for a processor of the host, in ns, where the host tells: steal time. */
  runDelayNs?(): number;
}

/** An open /dev/kvm. */
export interface KvmSystem {
  getApiVersion(): number;
  checkExtension(cap: number): number;
  getVcpuMmapSize(): number;
  getMsrIndexList(): number[];
  /** MSRs that tell features: getMsrs of the system reads them. */
  getMsrFeatureIndexList(): number[];
  /** KVM_GET_MSRS of /dev/kvm: stops at the first that is no feature MSR. */
  getMsrs(indices: number[]): KvmMsrEntry[];
  /** E2BIG when more than maxEntries are needed. */
  getSupportedCpuid(maxEntries: number): KvmCpuidEntry2[];
  /** E2BIG when more than maxEntries are needed. Features that KVM emulates though the processor does not have them. */
  getEmulatedCpuid(maxEntries: number): KvmCpuidEntry2[];
  createVm(options: CreateVmOptions): KvmVm;
  close(): void;
}

export interface CreateVmOptions {
  /** Bytes the VMM will mmap for guest RAM, ROM and VRAM, all slots together. */
  userMemoryBytes: number;
  thread: VcpuThread;
  /** Real time, for kvmclock's wall clock; the host's KVM has its own. */
  wall: WallClock;
  /**
   * The PC speaker sounds at this frequency from now on, or (undefined) is silent. Linux has no such thing: behind
   * KVM_PIT_SPEAKER_DUMMY nobody hears it, and the host's KVM never calls.
   */
  speakerChanged?(frequencyHz: number | undefined): void;
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
  /** Replaces all routes. EINVAL for entries that no chip of the VM has, or without an irqchip. */
  setGsiRouting(entries: KvmIrqRoutingEntry[]): void;
  /** Whether the message was delivered; EINVAL for flags and without an irqchip. */
  signalMsi(msi: KvmMsi): boolean;
  /** Writes to the zone wait in the ring (RUN_COALESCED_RING) while it has room, and may still be exits. */
  registerCoalescedMmio(zone: KvmCoalescedMmioZone): void;
  /** Of the zones that the given one lies in. */
  unregisterCoalescedMmio(zone: KvmCoalescedMmioZone): void;
  getClock(): KvmClockData;
  setClock(data: KvmClockData): void;
  /** EINVAL for a capability that needs no enabling or cannot be enabled. */
  enableCap(cap: KvmEnableCap): void;
  /** The id of the boot processor; EBUSY once there are vCPUs. */
  setBootCpuId(id: number): void;
  /** One bit a page of the slot; clears the log. */
  getDirtyLog(slot: number): Uint8Array;
  /** The VMM wrote [offset, offset + length) of `memory`: dirty log and decoded code follow. On hardware: nothing. */
  notifyWrite(offset: number, length: number): void;
  /** What a read of the file of KVM_GET_STATS_FD gives (api-stats.ts). */
  getStats(): Uint8Array;
  close(): void;
}

export interface KvmVcpu {
  readonly id: number;
  /** kvm_run, the PIO data page and the ring of coalesced writes (RUN_MMAP_SIZE bytes), for RUN_* offsets. */
  readonly run: DataView;
  /** KVM_RUN. Returns with run.exit_reason set; throws KvmError EINTR when interrupted by a signal or immediate_exit. */
  kvmRun(): void;
  getRegs(): KvmRegs;
  setRegs(regs: KvmRegs): void;
  getSregs(): KvmSregs;
  setSregs(sregs: KvmSregs): void;
  getSregs2(): KvmSregs2;
  setSregs2(sregs: KvmSregs2): void;
  getDebugRegs(): KvmDebugRegs;
  setDebugRegs(regs: KvmDebugRegs): void;
  /** An XSAVE area in the standard format, KVM_XSAVE_SIZE bytes. */
  getXsave(): Uint8Array;
  /** The same in as many bytes as KVM_CAP_XSAVE2 answers. */
  getXsave2(): Uint8Array;
  setXsave(area: Uint8Array): void;
  getXcrs(): KvmXcrs;
  setXcrs(xcrs: KvmXcrs): void;
  /** Guest physical address of a linear one. */
  translate(linearAddress: bigint): KvmTranslation;
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
  /** Frequency of the guest's TSC (KVM_CAP_TSC_CONTROL); 0 is the host's. */
  setTscKhz(khz: number): void;
  /** Tells the guest by kvmclock that it was stopped; EINVAL when it has none. */
  kvmclockCtrl(): void;
  /** KVM_INTERRUPT, only without an in-kernel irqchip (ENXIO). */
  interrupt(vector: number): void;
  nmi(): void;
  /** KVM_SMI: a system management interrupt. */
  smi(): void;
  /** What a read of the file of KVM_GET_STATS_FD gives (api-stats.ts). */
  getStats(): Uint8Array;
  close(): void;
}
