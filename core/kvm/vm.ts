/** The emulated VM file descriptor: memory slots, irqchip, vCPUs. */
import { TimerQueue } from '../base/clock.ts';
import { type MemoryLayout, PAGE_SIZE, type PhysicalMemory } from '../cpu/index.ts';
import * as A from './api.ts';
import { checkExtension, MAX_VCPUS } from './capabilities.ts';
import { Irqchip } from './irqchip/irqchip.ts';
import { MemorySlots } from './slots.ts';
import { EmulatedVcpu } from './vcpu.ts';

const GSI_COUNT = 24;

export class EmulatedVm implements A.KvmVm {
  readonly memory: SharedArrayBuffer;
  /** Timers of the in-kernel devices. */
  readonly timers: TimerQueue;
  readonly slots: MemorySlots;
  irqchip: Irqchip | undefined;
  readonly vcpus: EmulatedVcpu[] = [];
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
    this.#nextMmap = layout.user;
    this.#userEnd = layout.user + Math.ceil(options.userMemoryBytes / PAGE_SIZE) * PAGE_SIZE;
    this.slots = new MemorySlots(physical, layout.user, this.#userEnd);
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
    this.slots.set(region);
    for (const vcpu of this.vcpus) vcpu.cpu.tlb.flush();
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
      timers: this.timers,
      kickVcpu: (id) => this.vcpus[id]?.request(),
      tscToNs: (id, tsc) => this.vcpus[id]?.msrs.tscToNs(tsc) ?? 0,
      init: (id) => this.vcpus[id]?.init(),
      sipi: (id, vector) => this.vcpus[id]?.sipi(vector),
      nmi: (id) => this.vcpus[id]?.postNmi(),
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
    if (level.irq < 0 || level.irq >= GSI_COUNT) throw new A.KvmError('KVM_IRQ_LINE', 'EINVAL', `GSI ${level.irq}`);
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

  getDirtyLog(slot: number): Uint8Array {
    this.#check('KVM_GET_DIRTY_LOG');
    const bitmap = this.slots.dirtyLog(slot);
    // pages are clean again: the next write to each must come by the slow path
    for (const vcpu of this.vcpus) vcpu.cpu.tlb.protectAll();
    return bitmap;
  }

  notifyWrite(offset: number, length: number): void {
    this.#check('notifyWrite');
    for (const gpa of this.slots.pagesAt(offset, length)) this.physical.markDirty(gpa);
    for (const vcpu of this.vcpus) vcpu.cpu.externalWrite(offset, length);
  }

  close(): void {
    this.#check('close');
    this.#open = false;
    for (const vcpu of this.vcpus) vcpu.release();
  }
}
