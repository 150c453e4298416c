/** The emulated VM file descriptor: memory slots, irqchip, vCPUs. */
import { TimerQueue } from '../base/clock.ts';
import { type MemoryLayout, PAGE_SIZE, PhysicalMemory, SPACE_SMM } from '../cpu/index.ts';
import * as A from './api.ts';
import { checkExtension, EnabledCapabilities, MAX_VCPUS } from './capabilities.ts';
import { CoalescedZones } from './coalesced-io.ts';
import { Irqchip } from './irqchip/irqchip.ts';
import { MemorySlots } from './slots.ts';
import { EmulatedVcpu } from './vcpu.ts';
import { VmClock } from './vm-clock.ts';
import { type CountedVm, vmStats } from './vm-stats.ts';

const SLOT_MASK = 0xffff;

export class EmulatedVm implements A.KvmVm {
  readonly memory: SharedArrayBuffer;
  /** Timers of the in-kernel devices. */
  readonly timers: TimerQueue;
  /** By address space; the second is what SMM sees. */
  readonly slots: readonly [MemorySlots, MemorySlots];
  readonly clock: VmClock;
  readonly enabled = new EnabledCapabilities();
  readonly coalesced = new CoalescedZones();
  bootCpuId = 0;
  irqchip: Irqchip | undefined;
  readonly vcpus: EmulatedVcpu[] = [];
  readonly counters: CountedVm['counters'] = { tlbFlushes: 0, irqLines: 0, msis: 0 };
  #hasPit = false;
  #nextMmap: number;
  readonly #userEnd: number;
  #open = true;

  constructor(
    readonly wasmMemory: WebAssembly.Memory,
    readonly layout: MemoryLayout,
    readonly physical: PhysicalMemory,
    readonly options: A.CreateVmOptions,
  ) {
    this.memory = physical.buffer;
    this.timers = new TimerQueue(options.thread);
    this.clock = new VmClock(options.thread, options.wall);
    this.#nextMmap = layout.user;
    this.#userEnd = layout.user + Math.ceil(options.userMemoryBytes / PAGE_SIZE) * PAGE_SIZE;
    const smram = new PhysicalMemory(physical.buffer, layout, SPACE_SMM);
    this.slots = [
      new MemorySlots(physical, layout.user, this.#userEnd),
      new MemorySlots(smram, layout.user, this.#userEnd),
    ];
  }

  #check(ioctl: string): void {
    if (!this.#open) throw new A.KvmError(ioctl, 'EBADF');
  }
  #requireIrqchip(ioctl: string): Irqchip {
    this.#check(ioctl);
    if (!this.irqchip) throw new A.KvmError(ioctl, 'ENXIO', 'the VM has no in-kernel irqchip');
    return this.irqchip;
  }

  mmap(sizeBytes: number): number {
    this.#check('mmap');
    const size = Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
    if (!(sizeBytes > 0) || this.#nextMmap + size > this.#userEnd)
      throw new A.KvmError('mmap', 'ENOMEM', `${sizeBytes} bytes; createVm was told of less`);
    const at = this.#nextMmap;
    this.#nextMmap += size;
    return at;
  }

  checkExtension(cap: number): number {
    this.#check('KVM_CHECK_EXTENSION');
    return checkExtension(cap);
  }

  setUserMemoryRegion(region: A.KvmUserspaceMemoryRegion): void {
    this.#check('KVM_SET_USER_MEMORY_REGION');
    this.#space('KVM_SET_USER_MEMORY_REGION', region.slot).set({ ...region, slot: region.slot & SLOT_MASK });
    this.counters.tlbFlushes++;
    for (const vcpu of this.vcpus) vcpu.cpu.mappingsChanged();
  }

  /** Bits 31..16 of a slot name the address space. */
  #space(ioctl: string, slot: number): MemorySlots {
    const slots = this.slots[Math.floor(slot / (SLOT_MASK + 1))];
    if (!slots) throw new A.KvmError(ioctl, 'EINVAL', `slot 0x${slot.toString(16)}: no such address space`);
    return slots;
  }

  createVcpu(id: number): A.KvmVcpu {
    this.#check('KVM_CREATE_VCPU');
    if (!Number.isInteger(id) || id < 0 || id >= MAX_VCPUS)
      throw new A.KvmError('KVM_CREATE_VCPU', 'EINVAL', `id ${id} is not below ${MAX_VCPUS}`);
    if (this.vcpus.some((v) => v.id === id)) throw new A.KvmError('KVM_CREATE_VCPU', 'EEXIST', `vCPU ${id}`);
    const vcpu = new EmulatedVcpu(id, this);
    this.vcpus.push(vcpu);
    return vcpu;
  }

  /** Where Intel's hardware wants three pages for real mode; this processor needs none. */
  setTssAddr(addr: number): void {
    this.#check('KVM_SET_TSS_ADDR');
    if (addr % PAGE_SIZE !== 0 || addr > 0xffffd000) throw new A.KvmError('KVM_SET_TSS_ADDR', 'EINVAL');
  }
  setIdentityMapAddr(addr: number): void {
    this.#check('KVM_SET_IDENTITY_MAP_ADDR');
    if (this.vcpus.length > 0 || addr % PAGE_SIZE !== 0) throw new A.KvmError('KVM_SET_IDENTITY_MAP_ADDR', 'EINVAL');
  }

  createIrqchip(): void {
    this.#check('KVM_CREATE_IRQCHIP');
    if (this.irqchip) throw new A.KvmError('KVM_CREATE_IRQCHIP', 'EEXIST');
    if (this.vcpus.length > 0) throw new A.KvmError('KVM_CREATE_IRQCHIP', 'EINVAL', 'vCPUs exist already');
    this.irqchip = new Irqchip({
      bootCpuId: () => this.bootCpuId,
      timers: this.timers,
      kickVcpu: (id) => this.vcpus[id]?.request(),
      tscToNs: (id, tsc) => this.vcpus[id]?.msrs.tscToNs(tsc) ?? 0,
      init: (id) => this.vcpus[id]?.init(),
      sipi: (id, vector) => this.vcpus[id]?.sipi(vector),
      nmi: (id) => this.vcpus[id]?.postNmi(),
      speakerChanged: (frequencyHz) => this.options.speakerChanged?.(frequencyHz),
    });
  }

  createPit2(config: A.KvmPitConfig): void {
    this.#check('KVM_CREATE_PIT2');
    const { irqchip } = this;
    if (!irqchip) throw new A.KvmError('KVM_CREATE_PIT2', 'ENOENT', 'the VM has no in-kernel irqchip');
    if (this.#hasPit) throw new A.KvmError('KVM_CREATE_PIT2', 'EEXIST');
    if ((config.flags & ~1) !== 0) throw new A.KvmError('KVM_CREATE_PIT2', 'EINVAL', `flags ${config.flags}`);
    irqchip.createPit();
    this.#hasPit = true;
  }

  irqLine(level: A.KvmIrqLevel): void {
    const irqchip = this.#requireIrqchip('KVM_IRQ_LINE');
    if (level.irq < 0 || level.irq >= A.KVM_MAX_IRQ_ROUTES)
      throw new A.KvmError('KVM_IRQ_LINE', 'EINVAL', `GSI ${level.irq}`);
    this.counters.irqLines++;
    irqchip.setIrq(level.irq, level.level !== 0 ? 1 : 0);
  }

  getIrqchip(chipId: number): Uint8Array {
    return this.#requireIrqchip('KVM_GET_IRQCHIP').getChip(chipId);
  }
  setIrqchip(chipId: number, state: Uint8Array): void {
    this.#requireIrqchip('KVM_SET_IRQCHIP').setChip(chipId, state);
  }
  getPit2(): Uint8Array {
    return this.#requireIrqchip('KVM_GET_PIT2').getPit2();
  }
  setPit2(state: Uint8Array): void {
    this.#requireIrqchip('KVM_SET_PIT2').setPit2(state);
  }

  setGsiRouting(entries: A.KvmIrqRoutingEntry[]): void {
    this.#requireRouting('KVM_SET_GSI_ROUTING').setRouting(entries);
  }
  signalMsi({ addressLo, addressHi, data, flags }: A.KvmMsi): boolean {
    const irqchip = this.#requireRouting('KVM_SIGNAL_MSI');
    if (flags !== 0) throw new A.KvmError('KVM_SIGNAL_MSI', 'EINVAL', `flags ${flags}`);
    this.counters.msis++;
    return irqchip.signalMsi((addressHi >>> 0) * 2 ** 32 + (addressLo >>> 0), data);
  }
  /** What these calls answer without an irqchip is EINVAL. */
  #requireRouting(ioctl: string): Irqchip {
    this.#check(ioctl);
    if (!this.irqchip) throw new A.KvmError(ioctl, 'EINVAL', 'the VM has no in-kernel irqchip');
    return this.irqchip;
  }

  registerCoalescedMmio(zone: A.KvmCoalescedMmioZone): void {
    this.#check('KVM_REGISTER_COALESCED_MMIO');
    this.coalesced.register(zone);
  }
  unregisterCoalescedMmio(zone: A.KvmCoalescedMmioZone): void {
    this.#check('KVM_UNREGISTER_COALESCED_MMIO');
    this.coalesced.unregister(zone);
  }

  getClock(): A.KvmClockData {
    this.#check('KVM_GET_CLOCK');
    return this.clock.get();
  }
  setClock(data: A.KvmClockData): void {
    this.#check('KVM_SET_CLOCK');
    this.clock.set(data);
    for (const vcpu of this.vcpus) vcpu.msrs.updateSystemTime();
  }
  enableCap(cap: A.KvmEnableCap): void {
    this.#check('KVM_ENABLE_CAP');
    this.enabled.enable(cap);
  }
  setBootCpuId(id: number): void {
    this.#check('KVM_SET_BOOT_CPU_ID');
    if (this.vcpus.length > 0) throw new A.KvmError('KVM_SET_BOOT_CPU_ID', 'EBUSY', 'vCPUs exist already');
    this.bootCpuId = id;
  }

  getDirtyLog(slot: number): Uint8Array {
    this.#check('KVM_GET_DIRTY_LOG');
    const bitmap = this.#space('KVM_GET_DIRTY_LOG', slot).dirtyLog(slot & SLOT_MASK);
    // pages are clean again: the next write to each must come by the slow path
    for (const vcpu of this.vcpus) vcpu.cpu.tlb.protectAll();
    return bitmap;
  }

  notifyWrite(offset: number, length: number): void {
    this.#check('notifyWrite');
    for (const slots of this.slots) slots.written(offset, length);
    for (const vcpu of this.vcpus) vcpu.cpu.externalWrite(offset, length);
  }

  getStats(): Uint8Array {
    this.#check('KVM_GET_STATS_FD');
    return vmStats(this);
  }

  close(): void {
    this.#check('close');
    this.#open = false;
    for (const vcpu of this.vcpus) vcpu.release();
  }
}
