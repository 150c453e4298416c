/** KVM_SET/GET_CPUID2: what the guest is told of the processor, and with it what the processor can do. */
import { type Cpu, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';
import type { CpuidRegisters } from './cpuid/features.ts';
import { featuresOf, readCpuid, supportedCpuid } from './cpuid/index.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import { APIC_BASE_ENABLE } from './irqchip/lapic-regs.ts';

const LEAF1_ECX_X2APIC = 1 << 21;
const LEAF1_ECX_TSC_DEADLINE = 1 << 24;

export class VcpuCpuid {
  #entries: readonly A.KvmCpuidEntry2[] = supportedCpuid();

  constructor(
    readonly cpu: Cpu,
    readonly lapic: Lapic | undefined,
    readonly apicBase: () => bigint,
  ) {
    this.#apply();
  }

  /** EINVAL for other entries once the vCPU has run. */
  set(entries: A.KvmCpuidEntry2[], hasRun: boolean): void {
    if (hasRun && JSON.stringify(entries) !== JSON.stringify(this.#entries))
      throw new A.KvmError('KVM_SET_CPUID2', 'EINVAL', 'the vCPU has run already');
    this.#entries = entries.map((e) => ({ ...e }));
    this.cpu.features = featuresOf(this.#entries);
    this.#apply();
  }
  #apply(): void {
    if (!this.lapic) return;
    const leaf1 = this.#entries.find((e) => e.function === 1);
    this.lapic.cpuidTscDeadline = ((leaf1?.ecx ?? 0) & LEAF1_ECX_TSC_DEADLINE) !== 0;
    this.lapic.cpuidX2apic = ((leaf1?.ecx ?? 0) & LEAF1_ECX_X2APIC) !== 0;
  }

  get(maxEntries: number): A.KvmCpuidEntry2[] {
    if (this.#entries.length > maxEntries)
      throw new A.KvmError('KVM_GET_CPUID2', 'E2BIG', `${this.#entries.length} entries`);
    return this.#entries.map((e) => ({ ...e }));
  }

  /** What the CPUID instruction answers. */
  read(leaf: number, subleaf: number): CpuidRegisters {
    const { state } = this.cpu;
    return readCpuid(this.#entries, leaf, subleaf, {
      osxsave: (state.cr4 & S.CR4_OSXSAVE) !== 0,
      apicEnabled: (this.apicBase() & APIC_BASE_ENABLE) !== 0n,
      xcr0: state.get64(S.XCR0),
    });
  }
}
