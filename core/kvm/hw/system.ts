/** The file descriptor of /dev/kvm, and the VMs made from it. References: api.ts; kvm(4) by api.rst. */
import {
  type CreateVmOptions,
  type KvmCpuidEntry2,
  KvmError,
  type KvmMsrEntry,
  type KvmSystem,
  type KvmVm,
} from '../api.ts';
import * as ioctl from './ioctl.ts';
import { type Libc, loadLibc } from './libc.ts';
import { decodeCpuid, decodeMsrs, encodeCpuid, encodeMsrs } from './structs.ts';
import { HostVm } from './vm.ts';

/** Throws KvmError as open(2) does when the host has no /dev/kvm, or this user may not use it. */
export function openHostKvm(): KvmSystem {
  const libc = loadLibc();
  return new HostKvm(libc, libc.open('/dev/kvm'));
}

class HostKvm implements KvmSystem {
  constructor(
    readonly libc: Libc,
    readonly fd: number,
  ) {}

  getApiVersion(): number {
    return this.libc.ioctl('KVM_GET_API_VERSION', this.fd, ioctl.GET_API_VERSION);
  }
  checkExtension(cap: number): number {
    return this.libc.ioctl('KVM_CHECK_EXTENSION', this.fd, ioctl.CHECK_EXTENSION, cap);
  }
  getVcpuMmapSize(): number {
    return this.libc.ioctl('KVM_GET_VCPU_MMAP_SIZE', this.fd, ioctl.GET_VCPU_MMAP_SIZE);
  }
  getMsrIndexList(): number[] {
    return this.#msrList('KVM_GET_MSR_INDEX_LIST', ioctl.GET_MSR_INDEX_LIST);
  }
  getMsrFeatureIndexList(): number[] {
    return this.#msrList('KVM_GET_MSR_FEATURE_INDEX_LIST', ioctl.GET_MSR_FEATURE_INDEX_LIST);
  }
  #msrList(name: string, request: number): number[] {
    // The first call fails with E2BIG and says how many there are.
    const count = new Uint32Array(1);
    try {
      this.libc.ioctlStruct(name, this.fd, request, new Uint8Array(count.buffer));
    } catch (error) {
      if (!(error instanceof KvmError) || error.errno !== 'E2BIG') throw error;
    }
    const list = new Uint32Array(1 + (count[0] ?? 0));
    list[0] = list.length - 1;
    this.libc.ioctlStruct(name, this.fd, request, new Uint8Array(list.buffer));
    return [...list.subarray(1)];
  }
  getMsrs(indices: number[]): KvmMsrEntry[] {
    const bytes = encodeMsrs(indices.map((index) => ({ index, data: 0n })));
    return decodeMsrs(bytes, this.libc.ioctlStruct('KVM_GET_MSRS', this.fd, ioctl.GET_MSRS, bytes));
  }
  getSupportedCpuid(maxEntries: number): KvmCpuidEntry2[] {
    return this.#cpuid('KVM_GET_SUPPORTED_CPUID', ioctl.GET_SUPPORTED_CPUID, maxEntries);
  }
  getEmulatedCpuid(maxEntries: number): KvmCpuidEntry2[] {
    return this.#cpuid('KVM_GET_EMULATED_CPUID', ioctl.GET_EMULATED_CPUID, maxEntries);
  }
  #cpuid(name: string, request: number, maxEntries: number): KvmCpuidEntry2[] {
    const bytes = encodeCpuid([], maxEntries);
    this.libc.ioctlStruct(name, this.fd, request, bytes);
    return decodeCpuid(bytes);
  }
  createVm(options: CreateVmOptions): KvmVm {
    const fd = this.libc.ioctl('KVM_CREATE_VM', this.fd, ioctl.CREATE_VM);
    return new HostVm(this.libc, fd, options, this.getVcpuMmapSize());
  }
  close(): void {
    this.libc.close(this.fd);
  }
}
