/**
 * xHCI, the controller for all speeds: QEMU's model (1b36:000d), which drivers know by its class.
 *
 * [XHCI] eXtensible Host Controller Interface 1.1. There is no frame timer: a doorbell starts work, and a device that has
 * had nothing to say tells when it does. Not here: streams, isochronous transfers, several interrupters, scratchpads, save
 * and restore of its internal state by the guest, debug capability, bandwidth (everything is granted).
 */
import type { Timer } from '../../base/clock.ts';
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import type { MsiSender } from '../pci-host/msi.ts';
import { MsixCapability } from '../pci-host/msix.ts';
import type { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { bits, defineState, type Fields, flag, list, record, uint } from '../state-shape.ts';
import * as U from './usb.regs.ts';
import { savedState, type UsbControllerPorts } from './usb-controller.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbDma } from './usb-dma.ts';
import type { UsbSocket } from './usb-socket.ts';
import * as R from './xhci.regs.ts';
import { XHCI_CAPABILITIES, XHCI_NAME, XHCI_SLOTS, xhciConfigSpace } from './xhci-capabilities.ts';
import { XhciCommands } from './xhci-commands.ts';
import { INTERRUPTER_FIELDS, Interrupter, type InterrupterState, interrupterPowerOn } from './xhci-interrupter.ts';
import { PORTS, PORTS_FIELDS, type PortsState, XhciPorts } from './xhci-ports.ts';
import { address64, Contexts, join64, newSlot, nextTrb, readTrb, SLOT_FIELDS, type SlotState } from './xhci-state.ts';
import { XhciTransfers } from './xhci-transfers.ts';

const MICROFRAME_NS = 125_000;
/** For one doorbell; what is left waits for the next microframe. */
const MAX_COMMANDS = 64;
const MAX_LOOKS = 64;
const ENDPOINT_KEYS = 32;

export interface XhciPortsGiven extends UsbControllerPorts {
  readonly msi: MsiSender;
}

interface XhciState {
  command: number;
  status: number;
  notifications: number;
  commandRing: number;
  commandCycle: boolean;
  commandRunning: boolean;
  contexts: number;
  config: number;
  ports: PortsState;
  interrupter: InterrupterState;
  slots: SlotState[];
  space: DeviceState;
}

const FIELDS: Fields<XhciState> = {
  command: bits(R.USBCMD_KEPT),
  status: bits(R.USBSTS_CLEARABLE),
  notifications: uint(0xffff),
  commandRing: address64,
  commandCycle: flag,
  commandRunning: flag,
  contexts: address64,
  config: uint(0xff),
  ports: record(PORTS_FIELDS),
  interrupter: record(INTERRUPTER_FIELDS),
  slots: list(XHCI_SLOTS, record(SLOT_FIELDS)),
  space: savedState,
};

type Registers = Omit<XhciState, 'contexts' | 'ports' | 'interrupter' | 'slots' | 'space'>;

const powerOn = (): Registers => ({
  command: 0,
  status: 0,
  notifications: 0,
  commandRing: 0,
  commandCycle: false,
  commandRunning: false,
  config: 0,
});

const STATE = defineState<XhciState>(XHCI_NAME, 1, FIELDS, (s) => {
  if (s.ports.ports.length !== PORTS || s.slots.length !== XHCI_SLOTS) return 'not all ports or slots are there';
  const whole = s.slots.every((slot) => slot.endpoints.length === (slot.enabled ? R.ENDPOINTS : 0));
  return whole ? undefined : 'a slot has not its endpoints';
});

export class Xhci implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  readonly #intx: IrqLine;
  readonly #msix: MsixCapability;
  readonly #dma: UsbDma;
  readonly #contexts: Contexts;
  readonly #events: Interrupter;
  readonly #ports: XhciPorts;
  readonly #slots: SlotState[] = Array.from({ length: XHCI_SLOTS }, newSlot);
  readonly #transfers: XhciTransfers;
  readonly #commands: XhciCommands;
  /** What a doorbell left undone. */
  readonly #rest: Timer;
  readonly #timers;
  /** Endpoints to look at, and whether somebody is at it: a device may become ready by the very packet it gets. */
  readonly #kicked = new Set<number>();
  #atWork = false;
  /** After a restore: a device that was restored after its controller may have become ready without being heard. */
  #lookAtAll = false;
  #s = powerOn();

  constructor(ports: XhciPortsGiven) {
    this.configSpace = xhciConfigSpace(this);
    this.#intx = this.configSpace.intx(ports.irq);
    const place = (offset: number) => ({ bar: 0, offset });
    const msix = { vectors: 1, table: place(R.MSIX_TABLE_OFFSET), pba: place(R.MSIX_PBA_OFFSET) };
    this.#msix = new MsixCapability(this.configSpace, msix, ports.msi);
    this.configSpace.onChange(() => this.#driveIrq());
    this.#dma = new UsbDma(ports.memory, this.configSpace);
    this.#contexts = new Contexts(this.#dma);
    this.#events = new Interrupter(this.#dma);
    const upstream = { ready: (device: UsbDevice, endpoint: number) => this.#ready(device, endpoint) };
    this.#ports = new XhciPorts(upstream, (port) => this.#portChanged(port));
    const device = (slot: SlotState) => this.#ports.device(slot.port, slot.route);
    const parts = { dma: this.#dma, contexts: this.#contexts, events: this.#events, slots: this.#slots, device };
    this.#transfers = new XhciTransfers(parts);
    this.#commands = new XhciCommands({ ...parts, transfers: this.#transfers });
    this.#timers = ports.timers;
    this.#rest = ports.timers.createTimer(`${XHCI_NAME} rest`, () => this.#continue());
  }

  /** Where devices are plugged in: USB 2 ports first. */
  get sockets(): readonly UsbSocket[] {
    return this.#ports.sockets;
  }

  reset(): void {
    this.configSpace.reset();
    this.#resetRegisters();
  }

  save(): DeviceState {
    return STATE.save({
      ...this.#s,
      contexts: this.#contexts.base,
      ports: this.#ports.state,
      interrupter: this.#events.state,
      slots: this.#slots,
      space: this.configSpace.save(),
    });
  }

  restore(state: DeviceState): void {
    const { contexts, ports, interrupter, slots, space, ...registers } = STATE.restore(state);
    this.configSpace.restore(space);
    this.#s = registers;
    this.#contexts.base = contexts;
    this.#ports.state = ports;
    this.#events.state = interrupter;
    for (const [i, slot] of this.#slots.entries()) Object.assign(slot, slots[i]);
    this.#lookAtAll = true;
    this.#rest.arm(this.#timers.nowNs() + MICROFRAME_NS);
    this.#driveIrq();
  }

  // -- Registers

  read(offset: number, size: AccessSize): number {
    const shift = 8 * (offset & 3);
    const mask = 2 ** (8 * size) - 1;
    if (shift + 8 * size > 32) return mask;
    const value = this.#word(offset & ~3);
    if (value === undefined) this.counters.unknownReads++;
    return (((value ?? 0xffff_ffff) >>> shift) & mask) >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0 || !this.#writeWord(offset, value >>> 0)) this.counters.unknownWrites++;
    this.#driveIrq();
  }

  #word(offset: number): number | undefined {
    if (offset < R.CAPLENGTH_VALUE) return XHCI_CAPABILITIES[offset / 4];
    if (offset < R.PORTS_OFFSET) return this.#operational(offset - R.CAPLENGTH_VALUE);
    if (offset < R.PORTS_OFFSET + 16 * PORTS) return this.#portWord(offset - R.PORTS_OFFSET);
    if (offset === R.RUNTIME_OFFSET + R.MFINDEX) {
      const running = (this.#s.command & R.USBCMD_RS) !== 0;
      return running ? Math.floor(this.#timers.nowNs() / MICROFRAME_NS) & R.MFINDEX_MASK : 0;
    }
    const interrupter = offset - R.RUNTIME_OFFSET - R.IR0;
    if (interrupter >= 0 && interrupter < R.IR_SIZE) return this.#events.read(interrupter);
    if (offset >= R.DOORBELL_OFFSET && offset <= R.DOORBELL_OFFSET + 4 * XHCI_SLOTS) return 0;
    const entry = offset - R.MSIX_TABLE_OFFSET;
    if (entry >= 0 && entry < 16) return this.#msix.table.read(entry, 4);
    const pending = offset - R.MSIX_PBA_OFFSET;
    return pending >= 0 && pending < 8 ? this.#msix.pba.read(pending, 4) : undefined;
  }

  #operational(offset: number): number | undefined {
    const s = this.#s;
    switch (offset) {
      case R.USBCMD:
        return s.command;
      case R.USBSTS:
        return s.status | (s.command & R.USBCMD_RS ? 0 : R.USBSTS_HCH);
      case R.PAGESIZE:
        return R.PAGESIZE_4K;
      case R.DNCTRL:
        return s.notifications;
      case R.CRCR_LO:
        return s.commandRunning ? R.CRCR_CRR : 0;
      case R.CRCR_HI:
        return 0;
      case R.DCBAAP_LO:
        return this.#contexts.base % 2 ** 32;
      case R.DCBAAP_HI:
        return Math.floor(this.#contexts.base / 2 ** 32);
      case R.CONFIG:
        return s.config;
      default:
        return undefined;
    }
  }

  /** PORTPMSC, PORTLI and PORTHLPMC, which power management would use, read zero. */
  #portWord(offset: number): number {
    return offset % 16 === 0 ? this.#ports.read(offset / 16) : 0;
  }

  /** False for a register that does not exist. */
  #writeWord(offset: number, value: number): boolean {
    const port = offset - R.PORTS_OFFSET;
    const interrupter = offset - R.RUNTIME_OFFSET - R.IR0;
    const doorbell = offset - R.DOORBELL_OFFSET;
    const entry = offset - R.MSIX_TABLE_OFFSET;
    if (offset >= R.CAPLENGTH_VALUE && port < 0) return this.#writeOperational(offset - R.CAPLENGTH_VALUE, value);
    if (port >= 0 && port < 16 * PORTS) {
      if (port % 16 === 0) this.#ports.write(port / 16, value);
      return true;
    }
    if (interrupter >= 0 && interrupter < R.IR_SIZE) {
      const known = this.#events.write(interrupter, value);
      if (interrupter === R.ERDP_LO || interrupter === R.ERDP_HI) this.#continue();
      return known;
    }
    if (doorbell >= 0 && doorbell <= 4 * XHCI_SLOTS) {
      this.#doorbell(doorbell / 4, value & 0xff);
      return true;
    }
    if (entry >= 0 && entry < 16) this.#msix.table.write(entry, 4, value);
    return entry >= 0 && entry < 16;
  }

  #writeOperational(offset: number, value: number): boolean {
    const s = this.#s;
    switch (offset) {
      case R.USBCMD:
        this.#command(value);
        return true;
      case R.USBSTS:
        s.status &= ~(value & R.USBSTS_CLEARABLE);
        return true;
      case R.DNCTRL:
        s.notifications = value & 0xffff;
        return true;
      case R.CRCR_LO:
        this.#commandRingControl(value);
        return true;
      case R.CRCR_HI:
        if (!s.commandRunning) s.commandRing = join64(s.commandRing % 2 ** 32, value);
        return true;
      case R.DCBAAP_LO:
        this.#contexts.base = join64((value & ~0x3f) >>> 0, Math.floor(this.#contexts.base / 2 ** 32));
        return true;
      case R.DCBAAP_HI:
        this.#contexts.base = join64(this.#contexts.base % 2 ** 32, value);
        return true;
      case R.CONFIG:
        s.config = value & 0xff;
        return true;
      default:
        return offset === R.PAGESIZE;
    }
  }

  #command(value: number): void {
    if (value & R.USBCMD_HCRST) {
      this.#resetRegisters();
      return;
    }
    const started = value & ~this.#s.command & R.USBCMD_RS;
    this.#s.command = value & R.USBCMD_KEPT;
    if (!(value & R.USBCMD_RS)) this.#s.commandRunning = false;
    if (started) for (const [i, port] of this.#ports.state.ports.entries()) this.#tellChange(i + 1, port);
  }

  /** Changes from before the controller ran are told now. [XHCI] 4.19.2 */
  #tellChange(port: number, status: number): void {
    if (status & R.PORTSC_CHANGES) this.#portChanged(port);
  }

  #resetRegisters(): void {
    this.#s = powerOn();
    this.#contexts.base = 0;
    this.#events.state = interrupterPowerOn();
    for (const slot of this.#slots) Object.assign(slot, newSlot());
    this.#rest.cancel();
    this.#ports.reset();
    this.#driveIrq();
  }

  // -- Command ring, [XHCI] 4.9.3

  #commandRingControl(value: number): void {
    const s = this.#s;
    if (s.commandRunning) {
      if (!(value & (R.CRCR_CS | R.CRCR_CA))) return;
      s.commandRunning = false;
      this.#completion(s.commandRing, R.CC_COMMAND_RING_STOPPED, 0);
      return;
    }
    s.commandRing = join64((value & ~0x3f) >>> 0, Math.floor(s.commandRing / 2 ** 32));
    s.commandCycle = (value & R.CRCR_RCS) !== 0;
  }

  #runCommands(): void {
    const s = this.#s;
    for (let done = 0; done < MAX_COMMANDS; done++) {
      if (!s.commandRunning) return;
      // A command may make an event beside its own: that of a stopped transfer.
      if (!this.#events.hasRoom(2)) return;
      const trb = readTrb(this.#dma, s.commandRing);
      if (((trb.control & R.TRB_CYCLE) !== 0) !== s.commandCycle) return;
      const next = nextTrb(trb, s.commandCycle);
      if (trb.type !== R.LINK) {
        const { code, slot } = this.#commands.execute(trb);
        this.#completion(trb.address, code, slot);
      }
      s.commandRing = next.dequeue;
      s.commandCycle = next.cycle;
    }
    this.#rest.arm(this.#timers.nowNs() + MICROFRAME_NS);
  }

  #completion(command: number, code: number, slot: number): void {
    this.#events.push(command, code << 24, (R.COMMAND_COMPLETION << R.TRB_TYPE_SHIFT) | (slot << 24));
  }

  // -- Transfers

  /** [XHCI] 4.7: slot 0 is the command ring. */
  #doorbell(slotId: number, target: number): void {
    if (!(this.#s.command & R.USBCMD_RS)) return;
    if (slotId === 0) {
      if (target !== 0) return;
      this.#s.commandRunning = true;
      this.#runCommands();
      return;
    }
    const endpoint = this.#slots[slotId - 1]?.endpoints[target - 1];
    if (!endpoint) return;
    if (endpoint.state === R.EP_STOPPED) {
      endpoint.state = R.EP_RUNNING;
      this.#contexts.setEndpointState(slotId, target, endpoint);
    }
    this.#runEndpoint(slotId, target);
  }

  #runEndpoint(slotId: number, index: number): void {
    this.#kicked.add(slotId * ENDPOINT_KEYS + index);
    if (this.#atWork || !(this.#s.command & R.USBCMD_RS)) return;
    this.#atWork = true;
    let looks = 0;
    for (const key of this.#kicked) {
      this.#kicked.delete(key); // one that is added again meanwhile comes last
      this.#look(Math.floor(key / ENDPOINT_KEYS), key % ENDPOINT_KEYS, ++looks <= MAX_LOOKS);
    }
    this.#atWork = false;
  }

  #look(slotId: number, index: number, now: boolean): void {
    const endpoint = this.#slots[slotId - 1]?.endpoints[index - 1];
    if (!endpoint) return;
    endpoint.pending = false;
    if (now && !this.#transfers.run(slotId, index)) return;
    endpoint.pending = true;
    this.#rest.arm(this.#timers.nowNs() + MICROFRAME_NS);
  }

  #ready(device: UsbDevice, endpoint: number): void {
    const number = endpoint & 0x0f;
    const index = number === 0 ? 1 : 2 * number + (endpoint & U.ENDPOINT_IN ? 1 : 0);
    for (const [i, slot] of this.#slots.entries()) {
      if (slot.enabled && this.#ports.device(slot.port, slot.route) === device) this.#runEndpoint(i + 1, index);
    }
    if (device.mayWakeUp) this.#ports.wakeUp(device);
    this.#driveIrq();
  }

  /** Commands and transfers that had to wait. */
  #continue(): void {
    const running = (this.#s.command & R.USBCMD_RS) !== 0;
    if (!running || this.#atWork) return;
    this.#runCommands();
    for (const [i, slot] of this.#slots.entries()) {
      for (const [j, endpoint] of slot.endpoints.entries()) {
        if (endpoint.pending || this.#lookAtAll) this.#runEndpoint(i + 1, j + 1);
      }
    }
    this.#lookAtAll = false;
    this.#driveIrq();
  }

  // -- Events

  #portChanged(port: number): void {
    this.#s.status |= R.USBSTS_PCD;
    if (!(this.#s.command & R.USBCMD_RS)) return;
    this.#events.push(port * 2 ** 24, R.CC_SUCCESS << 24, R.PORT_STATUS_CHANGE << R.TRB_TYPE_SHIFT);
    this.#driveIrq();
  }

  /** [XHCI] 4.17.2, 4.17.5: with messages, sending one takes the pending bit back. */
  #driveIrq(): void {
    const s = this.#s;
    const interrupter = this.#events.state;
    if (this.#events.update()) s.status |= R.USBSTS_EINT;
    const enabled = (interrupter.iman & R.IMAN_IE) !== 0 && (s.command & R.USBCMD_INTE) !== 0;
    const due = enabled && (interrupter.iman & R.IMAN_IP) !== 0;
    this.#intx.set(due && !this.#msix.enabled);
    if (!due || !this.#msix.enabled) return;
    interrupter.iman &= ~R.IMAN_IP;
    this.#msix.notify(0);
  }
}
