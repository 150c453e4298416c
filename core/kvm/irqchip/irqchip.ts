/**
 * The in-kernel interrupt controllers of a VM, put together: KVM_CREATE_IRQCHIP (8259A pair, IOAPIC, a local APIC for
 * each vCPU) and KVM_CREATE_PIT2. The only file of this folder that vm.ts and vcpu.ts import.
 *
 * Where GSIs lead is in routing.ts; the PIT drives GSI 0. The PIC's INTR is wired to LINT0 of every local APIC and to
 * IOAPIC pin 0, where an ExtINT entry passes it on.
 */

import {
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  KvmError,
  type KvmIrqRoutingEntry,
} from '../api.ts';
import { ApicBus } from './apic-bus.ts';
import type { IrqchipHost } from './host.ts';
import { IOAPIC_BASE, IOAPIC_SIZE, Ioapic } from './ioapic.ts';
import { ioapicFromBytes, ioapicToBytes, picFromBytes, picToBytes, pitFromBytes, pitToBytes } from './kvm-state.ts';
import { Lapic, type LapicPorts } from './lapic.ts';
import { Pic } from './pic.ts';
import { PIT_CHANNEL_0, PIT_CONTROL, Pit, SPEAKER_PORT } from './pit.ts';
import { GSI_TIMER, GsiRouting, type Route } from './routing.ts';

export type { IrqchipHost } from './host.ts';
export { KVM_IRQCHIP_SIZE, KVM_PIT_STATE2_SIZE } from './kvm-state.ts';
export { KVM_APIC_REG_SIZE, Lapic } from './lapic.ts';
export { LAPIC_PAGE_SIZE } from './lapic-page.ts';

const PIN_EXTINT = 0;

export class Irqchip {
  readonly #host: IrqchipHost;
  readonly #bus = new ApicBus();
  readonly #routing = new GsiRouting();
  readonly #pic: Pic;
  readonly #ioapic: Ioapic;
  readonly #lapicPorts: LapicPorts;
  #pit: Pit | undefined;
  /** Interrupts that the PIT asked for. */
  pitTicks = 0;

  constructor(host: IrqchipHost) {
    this.#host = host;
    const bus = this.#bus;
    this.#ioapic = new Ioapic({ send: (message, destination) => bus.deliver(message, destination, null) });
    const pic = new Pic({
      intr: (level) => this.#picIntr(level),
      tickAcknowledged: () => this.#pit?.tickAcknowledged(),
    });
    this.#pic = pic;
    this.#lapicPorts = {
      host,
      get picOutput() {
        return pic.output;
      },
      picAcknowledge: () => pic.acknowledge(),
      send: (message, destination, source) => bus.deliver(message, destination, source),
      eoi: (vector, level) => this.#eoi(vector, level),
    };
  }

  /** @param lapicPage 4096 bytes of the VM's shared memory that become the register page */
  addVcpu(id: number, lapicPage: DataView): Lapic {
    const lapic = new Lapic(id, lapicPage, this.#lapicPorts);
    this.#bus.lapics[id] = lapic;
    return lapic;
  }

  get picEois(): number {
    return this.#pic.eois;
  }

  createPit(): void {
    this.#pit = new Pit({
      timers: this.#host.timers,
      tick: () => this.#tick(),
      tickUnmasked: () => this.#tickReachesPic || !this.#ioapic.isMasked(this.#routing.timerPin),
      speakerChanged: (frequencyHz) => this.#host.speakerChanged?.(frequencyHz),
    });
  }

  /** Power-on of PIC, IOAPIC and PIT; the local APICs have their own reset(). */
  reset(): void {
    this.#pic.reset();
    this.#ioapic.reset();
    this.#pit?.reset();
  }

  /** KVM_SET_GSI_ROUTING. */
  setRouting(entries: readonly KvmIrqRoutingEntry[]): void {
    this.#pit?.catchUp();
    this.#routing.set(entries);
    this.#pit?.rewired();
  }

  /** KVM_IRQ_LINE. A message is sent when the line rises. True when an IOAPIC or local APIC took it. @hot */
  setIrq(gsi: number, level: 0 | 1): boolean {
    let taken = false;
    const routes = this.#routing.of(gsi);
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i] as Route;
      if (route.to === 'pic') this.#pic.setIrq(route.line, level);
      else if (route.to === 'ioapic') taken = this.#ioapic.setIrq(route.pin, level) || taken;
      else if (level === 1) taken = this.signalMsi(route.address, route.data) || taken;
    }
    return taken;
  }

  /** KVM_SIGNAL_MSI: a device's 32-bit write of `data` to `address`. True when an APIC took it. */
  signalMsi(address: number, data: number): boolean {
    return this.#bus.signalMsi(address, data);
  }

  // ---- ports: bytes; the PIC drops other sizes and the PIT takes their low byte, as in KVM

  /** The port belongs to the PIC, the ELCR or, once created, the PIT. */
  pio(port: number): boolean {
    return isPicPort(port) || (this.#pit !== undefined && isPitPort(port));
  }

  pioRead(port: number, size: number): number {
    if (!isPicPort(port)) return this.#pit?.read(port) ?? 0xff;
    if (size !== 1) return 0;
    this.#pit?.catchUp();
    return this.#pic.read(port);
  }

  pioWrite(port: number, size: number, value: number): void {
    if (!isPicPort(port)) {
      this.#pit?.write(port, value & 0xff);
      return;
    }
    if (size !== 1) return;
    this.#pit?.catchUp();
    this.#pic.write(port, value & 0xff);
    this.#pit?.maskChanged();
  }

  // ---- MMIO: guest physical addresses

  /** The address belongs to the IOAPIC or to this vCPU's local APIC, which is an enabled xAPIC. @hot */
  mmio(gpa: number, vcpuId: number): boolean {
    return isIoapic(gpa) || (this.#bus.lapics[vcpuId]?.covers(gpa) ?? false);
  }

  mmioRead(vcpuId: number, gpa: number, size: number): number {
    const lapic = this.#bus.lapics[vcpuId];
    if (lapic?.covers(gpa)) return lapic.mmioRead(gpa, size);
    if (!isIoapic(gpa)) return 0;
    return truncate(this.#ioapic.read(gpa - IOAPIC_BASE), size);
  }

  /** @hot */
  mmioWrite(vcpuId: number, gpa: number, size: number, value: number): void {
    const lapic = this.#bus.lapics[vcpuId];
    if (lapic?.covers(gpa)) lapic.mmioWrite(gpa, size, value);
    else if (isIoapic(gpa)) this.#writeIoapic(gpa - IOAPIC_BASE, truncate(value, size));
  }

  // ---- state

  /** KVM_GET_IRQCHIP: struct kvm_irqchip. Throws KvmError EINVAL for an unknown chip. */
  getChip(id: number): Uint8Array {
    this.#pit?.catchUp();
    if (id === KVM_IRQCHIP_IOAPIC) {
      const state = this.#ioapic.state();
      return ioapicToBytes({ ...state, irr: state.irr & ~(1 << PIN_EXTINT) }); // driven anew by setChip
    }
    return picToBytes(id, this.#pic.state(isSlave('KVM_GET_IRQCHIP', id)));
  }

  /** KVM_SET_IRQCHIP: struct kvm_irqchip. Throws KvmError EINVAL for an unknown chip, another size or another chip's. */
  setChip(id: number, bytes: Uint8Array): void {
    if (id === KVM_IRQCHIP_IOAPIC) {
      this.#ioapic.restore(ioapicFromBytes(bytes));
      this.#ioapic.setIrq(PIN_EXTINT, this.#pic.output ? 1 : 0);
    } else {
      const slave = isSlave('KVM_SET_IRQCHIP', id);
      this.#pic.restore(slave, picFromBytes(id, bytes));
    }
    this.#pit?.rewired();
  }

  /** KVM_GET_PIT2: struct kvm_pit_state2. Throws KvmError ENXIO without a PIT. */
  getPit2(): Uint8Array {
    return pitToBytes(this.#requirePit('KVM_GET_PIT2').state());
  }

  /** KVM_SET_PIT2. Counting goes on from count_load_time. Throws KvmError ENXIO without a PIT, EINVAL for another size. */
  setPit2(bytes: Uint8Array): void {
    this.#requirePit('KVM_SET_PIT2').restore(pitFromBytes(bytes));
  }

  #requirePit(ioctl: string): Pit {
    if (this.#pit === undefined) throw new KvmError(ioctl, 'ENXIO', 'the VM has no PIT: call KVM_CREATE_PIT2 first');
    return this.#pit;
  }

  #writeIoapic(offset: number, value: number): void {
    const pin = this.#ioapic.entryWrittenBy(offset);
    const toTimer = pin >= 0 && pin === this.#routing.timerPin;
    if (toTimer) this.#pit?.catchUp();
    this.#ioapic.write(offset, value);
    if (toTimer) this.#pit?.rewired();
  }

  #picIntr(level: boolean): void {
    const lapics = this.#bus.lapics;
    for (let i = 0; i < lapics.length; i++) {
      if (level) lapics[i]?.picIntrRaised();
      else lapics[i]?.picIntrLowered();
    }
    this.#ioapic.setIrq(PIN_EXTINT, level ? 1 : 0);
  }

  #eoi(vector: number, level: boolean): void {
    if (level) this.#ioapic.eoi(vector);
    const { timerPin } = this.#routing;
    if (timerPin >= 0 && this.#ioapic.vectorOf(timerPin) === vector) this.#pit?.tickAcknowledged();
  }

  #tick(): boolean {
    this.pitTicks++;
    const taken = this.setIrq(GSI_TIMER, 1);
    this.setIrq(GSI_TIMER, 0);
    return taken || this.#tickReachesPic;
  }
  get #tickReachesPic(): boolean {
    return !this.#pic.tickMasked && this.#routing.of(GSI_TIMER).some((r) => r.to === 'pic' && r.line === 0);
  }
}

function isPicPort(port: number): boolean {
  return (port & ~0x81) === 0x20 || port === 0x4d0 || port === 0x4d1;
}

function isPitPort(port: number): boolean {
  return (port >= PIT_CHANNEL_0 && port <= PIT_CONTROL) || port === SPEAKER_PORT;
}

function isIoapic(gpa: number): boolean {
  return gpa >= IOAPIC_BASE && gpa < IOAPIC_BASE + IOAPIC_SIZE;
}

function truncate(value: number, size: number): number {
  return size < 4 ? value & ((1 << (size * 8)) - 1) : value;
}

function isSlave(ioctl: string, id: number): boolean {
  if (id !== KVM_IRQCHIP_PIC_MASTER && id !== KVM_IRQCHIP_PIC_SLAVE) {
    throw new KvmError(ioctl, 'EINVAL', `no interrupt controller ${id}`);
  }
  return id === KVM_IRQCHIP_PIC_SLAVE;
}
