/**
 * What a vCPU counts, and its statistics file. Names are those of Linux' struct kvm_vcpu_stat where it counts the same;
 * the others are ours. Counters are plain numbers that only grow: counting costs a nanosecond or so.
 */
import type { Cpu } from '../cpu/index.ts';
import * as A from './api.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import { countLog2, linearHistogram, type StatRow, stat, timeHistogram, timeStat, writeStats } from './stats-file.ts';

/** HALT_POLL_HIST_COUNT */
const HALT_BUCKETS = 32;
/** The priority class of a vector is its high half. */
const VECTOR_CLASSES = 16;

export class VcpuCounters {
  /** Guest code gave control back. */
  exits = 0;
  ioExits = 0;
  mmioExits = 0;
  signalExits = 0;
  /** Without anything of the guest's: its slice was over, or somebody asked for attention. */
  irqExits = 0;
  /** IF opened for an interrupt that waited. */
  irqWindowExits = 0;
  /** KVM_EXIT_IRQ_WINDOW_OPEN. */
  requestIrqExits = 0;
  haltExits = 0;
  haltWakeups = 0;
  haltWaitNs = 0;
  readonly haltWaits = new Array<number>(HALT_BUCKETS).fill(0);
  /** HLT sleeps. */
  blocking = false;
  emulationFailures = 0;
  hypercalls = 0;
  irqInjections = 0;
  nmiInjections = 0;
  /** irqInjections by the vector's class. */
  readonly irqClasses = new Array<number>(VECTOR_CLASSES).fill(0);

  injected(vector: number): void {
    this.irqInjections++;
    this.irqClasses[vector >> 4] = (this.irqClasses[vector >> 4] ?? 0) + 1;
  }
  waited(ns: number): void {
    this.haltWaitNs += ns;
    countLog2(this.haltWaits, ns);
  }
}

interface CountedVcpu {
  readonly id: number;
  readonly cpu: Cpu;
  readonly lapic: Lapic | undefined;
  readonly counters: VcpuCounters;
}
const NO_POLLS = new Array<number>(HALT_BUCKETS).fill(0);
const INSTANT = A.KVM_STATS_TYPE_INSTANT;

const ROWS: readonly StatRow<CountedVcpu>[] = [
  // generic: HLT sleeps at once, it never polls
  stat('halt_successful_poll', () => 0),
  stat('halt_attempted_poll', () => 0),
  stat('halt_poll_invalid', () => 0),
  stat('halt_wakeup', (v) => v.counters.haltWakeups),
  timeStat('halt_poll_success_ns', () => 0),
  timeStat('halt_poll_fail_ns', () => 0),
  timeStat('halt_wait_ns', (v) => v.counters.haltWaitNs),
  timeHistogram('halt_poll_success_hist', HALT_BUCKETS, () => NO_POLLS),
  timeHistogram('halt_poll_fail_hist', HALT_BUCKETS, () => NO_POLLS),
  timeHistogram('halt_wait_hist', HALT_BUCKETS, (v) => v.counters.haltWaits),
  stat('blocking', (v) => (v.counters.blocking ? 1 : 0), INSTANT | A.KVM_STATS_UNIT_BOOLEAN),
  // x86
  stat('tlb_flush', (v) => v.cpu.tlb.flushes),
  stat('invlpg', (v) => v.cpu.pageFlushes),
  stat('exits', (v) => v.counters.exits),
  stat('io_exits', (v) => v.counters.ioExits),
  stat('mmio_exits', (v) => v.counters.mmioExits),
  stat('signal_exits', (v) => v.counters.signalExits),
  stat('irq_window_exits', (v) => v.counters.irqWindowExits),
  stat('halt_exits', (v) => v.counters.haltExits),
  stat('request_irq_exits', (v) => v.counters.requestIrqExits),
  stat('irq_exits', (v) => v.counters.irqExits),
  stat('insn_emulation', (v) => v.cpu.emulated),
  stat('insn_emulation_fail', (v) => v.counters.emulationFailures),
  stat('hypercalls', (v) => v.counters.hypercalls),
  stat('irq_injections', (v) => v.counters.irqInjections),
  stat('nmi_injections', (v) => v.counters.nmiInjections),
  // ours: interrupts
  linearHistogram('irq_injections_by_class', VECTOR_CLASSES, 256 / VECTOR_CLASSES, (v) => v.counters.irqClasses),
  stat('apic_timer_fires', (v) => v.lapic?.timerFires ?? 0),
  stat('apic_eois', (v) => v.lapic?.eois ?? 0),
  stat('pv_eois', (v) => v.lapic?.pvEois ?? 0),
  // ours: the processor
  stat('insns', (v) => v.cpu.instructions),
  stat('exceptions', (v) => v.cpu.exceptions),
  stat('tlb_fills', (v) => v.cpu.memory.tlbFills),
  stat('block_lookups', (v) => v.cpu.blocks.lookups),
  stat('block_decodes', (v) => v.cpu.blocks.decodes),
  stat('decoded_insns', (v) => v.cpu.blocks.decoded),
  stat('blocks', (v) => v.cpu.blocks.size, INSTANT),
  stat('code_flushes', (v) => v.cpu.blocks.flushes),
  // ours: the translator
  stat('regions', (v) => v.cpu.translator.size, INSTANT),
  stat('translated_regions', (v) => v.cpu.translator.regions),
  stat('translated_modules', (v) => v.cpu.translator.modules),
  stat('translated_insns', (v) => v.cpu.translator.instructions),
  stat('translation_drops', (v) => v.cpu.translator.drops),
  stat('translation_evictions', (v) => v.cpu.translator.evictions),
  timeStat('translation_ns', (v) => v.cpu.translator.timeNs),
];

/** The file of a vCPU. The number after "kvm-" is the process on Linux; here there is none. */
export function vcpuStats(vcpu: CountedVcpu): Uint8Array {
  return writeStats(`kvm-0/vcpu-${vcpu.id}`, ROWS, vcpu);
}
