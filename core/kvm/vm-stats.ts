/** What a VM counts, and its statistics file: names of Linux' struct kvm_vm_stat where it counts the same. */
import type { Irqchip } from './irqchip/irqchip.ts';
import { type StatRow, stat, writeStats } from './stats-file.ts';

export interface CountedVm {
  readonly irqchip: Irqchip | undefined;
  readonly counters: { tlbFlushes: number; irqLines: number; msis: number };
}

const ROWS: readonly StatRow<CountedVm>[] = [
  // a request is carried out at once
  stat('remote_tlb_flush', (vm) => vm.counters.tlbFlushes),
  stat('remote_tlb_flush_requests', (vm) => vm.counters.tlbFlushes),
  // ours
  stat('irq_lines', (vm) => vm.counters.irqLines),
  stat('msis', (vm) => vm.counters.msis),
  stat('pit_ticks', (vm) => vm.irqchip?.pitTicks ?? 0),
  stat('pic_eois', (vm) => vm.irqchip?.picEois ?? 0),
];

export function vmStats(vm: CountedVm): Uint8Array {
  return writeStats('kvm-0', ROWS, vm);
}
