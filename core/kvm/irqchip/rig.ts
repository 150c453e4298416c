/** For tests: an irqchip with its vCPUs, a clock moved by hand, and short names for what a guest does. */

import { TimerQueue } from '../../base/clock.ts';
import { Irqchip, LAPIC_PAGE_SIZE, type Lapic } from './irqchip.ts';
import { APIC_EOI, APIC_LVTT, APIC_SPIV } from './lapic-regs.ts';

export const LAPIC_GPA = 0xfee0_0000;
export const IOAPIC_GPA = 0xfec0_0000;
/** The rig's TSC: 2 GHz. */
export const TSC_PER_NS = 2;

export class Rig {
  nowNs = 0;
  /** How much time passes whenever someone looks at the clock. */
  lookNs = 0;
  /** Timers that fired. */
  fired = 0;
  kicks: number[] = [];
  /** INIT, SIPI and NMI in their order, as "init 1". */
  events: string[] = [];
  speakerChanged: (frequencyHz: number | undefined) => void = () => {};
  tscToNs: (tsc: bigint) => number = (tsc) => Number(tsc) / TSC_PER_NS;
  readonly queue = new TimerQueue({ nowNs: () => (this.nowNs += this.lookNs) });
  readonly chip: Irqchip;
  readonly lapics: Lapic[] = [];

  constructor(vcpus = 1) {
    this.chip = new Irqchip({
      timers: this.queue,
      kickVcpu: (id) => this.kicks.push(id),
      tscToNs: (_id, tsc) => this.tscToNs(tsc),
      bootCpuId: () => 0,
      init: (id) => this.events.push(`init ${id}`),
      sipi: (id, vector) => this.events.push(`sipi ${id} ${vector}`),
      nmi: (id) => this.events.push(`nmi ${id}`),
      speakerChanged: (frequencyHz) => this.speakerChanged(frequencyHz),
    });
    const memory = new SharedArrayBuffer(vcpus * LAPIC_PAGE_SIZE);
    for (let id = 0; id < vcpus; id++) {
      this.lapics.push(this.chip.addVcpu(id, new DataView(memory, id * LAPIC_PAGE_SIZE, LAPIC_PAGE_SIZE)));
    }
  }

  lapic(id = 0): Lapic {
    const lapic = this.lapics[id];
    if (lapic === undefined) throw new Error(`the rig has no vCPU ${id}`);
    return lapic;
  }

  /** Lets guest time pass, firing timers exactly at their deadlines. */
  advance(ns: number): void {
    const endNs = this.nowNs + ns;
    for (let next = this.queue.nextDeadlineNs(); next <= endNs; next = this.queue.nextDeadlineNs()) {
      this.nowNs = Math.max(this.nowNs, next);
      this.fired++;
      this.queue.runDue(this.nowNs);
    }
    this.nowNs = endNs;
  }

  /** Guest time jumps, as when the host was busy: what became due fires late. */
  stall(ns: number): void {
    this.nowNs += ns;
    this.queue.runDue(this.nowNs);
  }

  in(port: number): number {
    return this.chip.pioRead(port, 1);
  }

  out(port: number, ...values: number[]): void {
    for (const value of values) this.chip.pioWrite(port, 1, value);
  }

  /** A local APIC register. */
  read(offset: number, id = 0): number {
    return this.chip.mmioRead(id, LAPIC_GPA + offset, 4);
  }

  write(offset: number, value: number, id = 0): void {
    this.chip.mmioWrite(id, LAPIC_GPA + offset, 4, value);
  }

  readIoapic(register: number): number {
    this.chip.mmioWrite(0, IOAPIC_GPA, 4, register);
    return this.chip.mmioRead(0, IOAPIC_GPA + 0x10, 4);
  }

  writeIoapic(register: number, value: number): void {
    this.chip.mmioWrite(0, IOAPIC_GPA, 4, register);
    this.chip.mmioWrite(0, IOAPIC_GPA + 0x10, 4, value);
  }

  /** Programs a redirection entry. */
  route(pin: number, low: number, destination = 0): void {
    this.writeIoapic(0x11 + pin * 2, destination << 24);
    this.writeIoapic(0x10 + pin * 2, low);
  }

  pulse(gsi: number): void {
    this.chip.setIrq(gsi, 1);
    this.chip.setIrq(gsi, 0);
  }

  /** The vector the vCPU takes now, or undefined. */
  take(id = 0): number | undefined {
    const lapic = this.lapic(id);
    return lapic.hasInterrupt() ? lapic.acknowledge() : undefined;
  }

  eoi(id = 0): void {
    this.write(APIC_EOI, 0, id);
  }

  /** Switches the local APICs on by their spurious vector registers, vector 0xff. */
  enableApics(): void {
    for (const lapic of this.lapics) this.write(APIC_SPIV, 0x1ff, lapic.id);
  }

  /** As PC firmware does: vectors from 8 and 0x70, everything masked but `unmasked` (bits 0 to 15). */
  initPics(unmasked = 0, icw4 = 0x01): void {
    this.out(0x20, 0x11);
    this.out(0x21, 0x08, 0x04, icw4);
    this.out(0xa0, 0x11);
    this.out(0xa1, 0x70, 0x02, icw4);
    this.out(0x21, ~unmasked & 0xff);
    this.out(0xa1, (~unmasked >> 8) & 0xff);
  }

  startTimer(lvtt: number): void {
    this.enableApics();
    this.write(APIC_LVTT, lvtt);
  }
}
