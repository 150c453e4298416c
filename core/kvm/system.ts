/** The emulated /dev/kvm. */
import { MSRS, memoryLayout, PhysicalMemory } from '../cpu/index.ts';
import * as A from './api.ts';
import { checkExtension, MAX_VCPUS } from './capabilities.ts';
import { supportedCpuid } from './cpuid/index.ts';
import { FEATURE_MSRS, VmMsrs } from './msrs.ts';
import { EmulatedVm } from './vm.ts';

export class EmulatedKvm implements A.KvmSystem {
  #open = true;

  #check(ioctl: string): void {
    if (!this.#open) throw new A.KvmError(ioctl, 'EBADF');
  }
  getApiVersion(): number {
    this.#check('KVM_GET_API_VERSION');
    return A.KVM_API_VERSION;
  }
  checkExtension(cap: number): number {
    this.#check('KVM_CHECK_EXTENSION');
    return checkExtension(cap);
  }
  getVcpuMmapSize(): number {
    this.#check('KVM_GET_VCPU_MMAP_SIZE');
    return A.RUN_MMAP_SIZE;
  }
  getMsrIndexList(): number[] {
    this.#check('KVM_GET_MSR_INDEX_LIST');
    return [...MSRS.keys(), ...VmMsrs.INDICES];
  }
  getMsrFeatureIndexList(): number[] {
    this.#check('KVM_GET_MSR_FEATURE_INDEX_LIST');
    return [...FEATURE_MSRS.keys()];
  }
  getMsrs(indices: number[]): A.KvmMsrEntry[] {
    this.#check('KVM_GET_MSRS');
    const entries: A.KvmMsrEntry[] = [];
    for (const index of indices) {
      const data = FEATURE_MSRS.get(index);
      if (data === undefined) break;
      entries.push({ index, data });
    }
    return entries;
  }
  getSupportedCpuid(maxEntries: number): A.KvmCpuidEntry2[] {
    this.#check('KVM_GET_SUPPORTED_CPUID');
    const entries = supportedCpuid();
    if (entries.length > maxEntries)
      throw new A.KvmError('KVM_GET_SUPPORTED_CPUID', 'E2BIG', `${entries.length} entries`);
    return entries;
  }

  /** Everything this processor executes, CPUID can offer: there is nothing besides. */
  getEmulatedCpuid(maxEntries: number): A.KvmCpuidEntry2[] {
    this.#check('KVM_GET_EMULATED_CPUID');
    if (maxEntries < 1) throw new A.KvmError('KVM_GET_EMULATED_CPUID', 'E2BIG', '1 entry');
    return [{ function: 0, index: 0, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0 }];
  }

  /** ENOMEM when the memory does not fit into WebAssembly's 4 GiB, or the host cannot give it. */
  createVm(options: A.CreateVmOptions): A.KvmVm {
    this.#check('KVM_CREATE_VM');
    const layout = memoryLayout(MAX_VCPUS, options.userMemoryBytes);
    if (!layout) throw new A.KvmError('KVM_CREATE_VM', 'ENOMEM', 'guest memory and tables exceed 4 GiB');
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: layout.wasmPages, maximum: layout.wasmPages, shared: true });
    } catch (e) {
      const why = e instanceof Error ? e.message : String(e);
      throw new A.KvmError(
        'KVM_CREATE_VM',
        'ENOMEM',
        `the host gave no ${layout.wasmPages / 16} MiB of address space: ${why}`,
      );
    }
    const physical = new PhysicalMemory(memory.buffer as unknown as SharedArrayBuffer, layout);
    return new EmulatedVm(memory, layout, physical, options);
  }
  close(): void {
    this.#check('close');
    this.#open = false;
  }
}
