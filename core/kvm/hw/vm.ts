/** A VM's file descriptor. Guest memory is the pages of one SharedArrayBuffer, where the kernel maps them in place. */
import {
  type CreateVmOptions,
  KVM_CAP_XSAVE2,
  type KvmClockData,
  type KvmCoalescedMmioZone,
  type KvmEnableCap,
  KvmError,
  type KvmIrqLevel,
  type KvmIrqRoutingEntry,
  type KvmMsi,
  type KvmPitConfig,
  type KvmUserspaceMemoryRegion,
  type KvmVcpu,
  type KvmVm,
} from '../api.ts';
import * as ioctl from './ioctl.ts';
import type { Libc } from './libc.ts';
import { StatsFile } from './stats-file.ts';
import * as structs from './structs.ts';
import { HostVcpu } from './vcpu.ts';

const PAGE_SIZE = 4096;
const WASM_PAGE_SIZE = 65536;
const IRQCHIP_HEADER = 8;

export class HostVm implements KvmVm {
  readonly memory: SharedArrayBuffer;
  readonly #address: number;
  readonly #vcpus: HostVcpu[] = [];
  /** Sizes of the slots in bytes, for the size of their dirty logs. */
  readonly #slotSizes = new Map<number, number>();
  readonly #stats: StatsFile;
  #reserved = 0;

  constructor(
    readonly libc: Libc,
    readonly fd: number,
    readonly options: CreateVmOptions,
    readonly runSize: number,
  ) {
    // A WebAssembly memory, because its pages are page-aligned, never move and are committed by first use.
    const pages = Math.ceil(options.userMemoryBytes / WASM_PAGE_SIZE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.memory = memory.buffer as unknown as SharedArrayBuffer;
    this.#address = libc.addressOf(new Uint8Array(this.memory));
    this.#stats = new StatsFile(libc, fd);
  }

  mmap(sizeBytes: number): number {
    const offset = this.#reserved;
    const end = offset + Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
    if (end > this.memory.byteLength) throw new KvmError('mmap', 'ENOMEM');
    this.#reserved = end;
    return offset;
  }
  checkExtension(cap: number): number {
    return this.libc.ioctl('KVM_CHECK_EXTENSION', this.fd, ioctl.CHECK_EXTENSION, cap);
  }
  setUserMemoryRegion(region: KvmUserspaceMemoryRegion): void {
    if (region.userspaceAddr + region.memorySize > this.memory.byteLength) {
      throw new KvmError('KVM_SET_USER_MEMORY_REGION', 'EINVAL', 'outside of the memory of the VM');
    }
    const view = new DataView(new ArrayBuffer(ioctl.MEMORY_REGION_SIZE));
    view.setUint32(0, region.slot, true);
    view.setUint32(4, region.flags, true);
    view.setBigUint64(8, BigInt(region.guestPhysAddr), true);
    view.setBigUint64(16, BigInt(region.memorySize), true);
    view.setBigUint64(24, BigInt(this.#address + region.userspaceAddr), true);
    this.#ioctlStruct('KVM_SET_USER_MEMORY_REGION', ioctl.SET_USER_MEMORY_REGION, new Uint8Array(view.buffer));
    this.#slotSizes.set(region.slot, region.memorySize);
  }
  createVcpu(id: number): KvmVcpu {
    const fd = this.libc.ioctl('KVM_CREATE_VCPU', this.fd, ioctl.CREATE_VCPU, id);
    const vcpu = new HostVcpu(this.libc, fd, id, this.runSize, this.options.thread, () =>
      this.checkExtension(KVM_CAP_XSAVE2),
    );
    this.#vcpus.push(vcpu);
    return vcpu;
  }
  setTssAddr(addr: number): void {
    this.libc.ioctl('KVM_SET_TSS_ADDR', this.fd, ioctl.SET_TSS_ADDR, addr);
  }
  setIdentityMapAddr(addr: number): void {
    const bytes = new Uint8Array(new BigUint64Array([BigInt(addr)]).buffer);
    this.#ioctlStruct('KVM_SET_IDENTITY_MAP_ADDR', ioctl.SET_IDENTITY_MAP_ADDR, bytes);
  }
  createIrqchip(): void {
    this.libc.ioctl('KVM_CREATE_IRQCHIP', this.fd, ioctl.CREATE_IRQCHIP);
  }
  createPit2(config: KvmPitConfig): void {
    const words = new Uint32Array(ioctl.PIT_CONFIG_SIZE / 4);
    words[0] = config.flags;
    this.#ioctlStruct('KVM_CREATE_PIT2', ioctl.CREATE_PIT2, new Uint8Array(words.buffer));
  }
  irqLine(level: KvmIrqLevel): void {
    const bytes = new Uint8Array(new Uint32Array([level.irq, level.level]).buffer);
    this.#ioctlStruct('KVM_IRQ_LINE', ioctl.IRQ_LINE, bytes);
  }
  getIrqchip(chipId: number): Uint8Array {
    const bytes = new Uint8Array(ioctl.IRQCHIP_SIZE);
    bytes[0] = chipId;
    this.#ioctlStruct('KVM_GET_IRQCHIP', ioctl.GET_IRQCHIP, bytes);
    return bytes.slice(IRQCHIP_HEADER);
  }
  setIrqchip(chipId: number, state: Uint8Array): void {
    const bytes = new Uint8Array(ioctl.IRQCHIP_SIZE);
    bytes[0] = chipId;
    bytes.set(state, IRQCHIP_HEADER);
    this.#ioctlStruct('KVM_SET_IRQCHIP', ioctl.SET_IRQCHIP, bytes);
  }
  getPit2(): Uint8Array {
    const bytes = new Uint8Array(ioctl.PIT_STATE2_SIZE);
    this.#ioctlStruct('KVM_GET_PIT2', ioctl.GET_PIT2, bytes);
    return bytes;
  }
  setPit2(state: Uint8Array): void {
    this.#ioctlStruct('KVM_SET_PIT2', ioctl.SET_PIT2, state);
  }
  setGsiRouting(entries: KvmIrqRoutingEntry[]): void {
    this.#ioctlStruct('KVM_SET_GSI_ROUTING', ioctl.SET_GSI_ROUTING, structs.encodeGsiRouting(entries));
  }
  signalMsi(msi: KvmMsi): boolean {
    return this.#ioctlStruct('KVM_SIGNAL_MSI', ioctl.SIGNAL_MSI, structs.encodeMsi(msi)) > 0;
  }
  registerCoalescedMmio(zone: KvmCoalescedMmioZone): void {
    const bytes = structs.encodeCoalescedZone(zone);
    this.#ioctlStruct('KVM_REGISTER_COALESCED_MMIO', ioctl.REGISTER_COALESCED_MMIO, bytes);
  }
  unregisterCoalescedMmio(zone: KvmCoalescedMmioZone): void {
    const bytes = structs.encodeCoalescedZone(zone);
    this.#ioctlStruct('KVM_UNREGISTER_COALESCED_MMIO', ioctl.UNREGISTER_COALESCED_MMIO, bytes);
  }
  getClock(): KvmClockData {
    const bytes = new Uint8Array(ioctl.CLOCK_DATA_SIZE);
    this.#ioctlStruct('KVM_GET_CLOCK', ioctl.GET_CLOCK, bytes);
    return structs.decodeClock(bytes);
  }
  setClock(data: KvmClockData): void {
    this.#ioctlStruct('KVM_SET_CLOCK', ioctl.SET_CLOCK, structs.encodeClock(data));
  }
  enableCap(cap: KvmEnableCap): void {
    this.#ioctlStruct('KVM_ENABLE_CAP', ioctl.ENABLE_CAP, structs.encodeEnableCap(cap));
  }
  setBootCpuId(id: number): void {
    this.libc.ioctl('KVM_SET_BOOT_CPU_ID', this.fd, ioctl.SET_BOOT_CPU_ID, id);
  }
  getDirtyLog(slot: number): Uint8Array {
    const pages = (this.#slotSizes.get(slot) ?? 0) / PAGE_SIZE;
    const bitmap = new Uint8Array(new SharedArrayBuffer(Math.ceil(pages / 64) * 8)); // shared: it does not move
    const view = new DataView(new ArrayBuffer(ioctl.DIRTY_LOG_SIZE));
    view.setUint32(0, slot, true);
    view.setBigUint64(8, BigInt(this.libc.addressOf(bitmap)), true);
    this.#ioctlStruct('KVM_GET_DIRTY_LOG', ioctl.GET_DIRTY_LOG, new Uint8Array(view.buffer));
    return bitmap.slice();
  }
  notifyWrite(): void {
    // The CPU itself sees to it.
  }
  getStats(): Uint8Array {
    return this.#stats.read();
  }
  close(): void {
    this.#stats.close();
    for (const vcpu of this.#vcpus.splice(0)) vcpu.close();
    this.libc.close(this.fd);
  }

  #ioctlStruct(name: string, request: number, struct: Uint8Array): number {
    return this.libc.ioctlStruct(name, this.fd, request, struct);
  }
}
