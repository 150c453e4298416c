/**
 * EHCI, the USB 2.0 controller of ICH9, with its UHCI companions: six ports, high speed its own, the rest theirs.
 *
 * [EHCI] Enhanced Host Controller Interface Specification 1.0. [ICH9] Intel I/O Controller Hub 9 data sheet, 18. Frames are
 * done in batches while nothing happens: see frame-timer.ts. Kept without effect: interrupt threshold (an interrupt comes at
 * once), frame length adjustment, legacy hand-off (nobody holds the controller). Not here: 64-bit addressing, park mode,
 * split transactions, isochronous transfers, test modes, debug port.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { bits, defineState, type Fields, list, record, uint } from '../state-shape.ts';
import * as R from './ehci.regs.ts';
import { EhciSchedule } from './ehci-schedule.ts';
import { FRAME_FIELDS, type FrameState, FrameTimer, framesPowerOn } from './frame-timer.ts';
import type { Uhci } from './uhci.ts';
import { savedState, type UsbControllerPorts } from './usb-controller.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbDma } from './usb-dma.ts';
import { UsbSocket } from './usb-socket.ts';

const PORTS_PER_COMPANION = 2;
const COMPANIONS = 3;
const PORTS = PORTS_PER_COMPANION * COMPANIONS;
const NAME = 'ich9-ehci1';
const ROLLOVER_FRAMES = 1024;

export interface EhciPorts extends UsbControllerPorts {
  /** Three; each has two of the ports, in order. */
  readonly companions: readonly Uhci[];
}

interface EhciState {
  command: number;
  status: number;
  interruptEnable: number;
  periodicList: number;
  asyncList: number;
  configured: number;
  ports: number[];
  frames: FrameState;
  config: DeviceState;
}

const FIELDS: Fields<EhciState> = {
  command: bits(R.USBCMD_KEPT),
  status: bits(R.USBSTS_CLEARABLE),
  interruptEnable: bits(R.USBINTR_MASK),
  periodicList: uint(0xffff_ffff),
  asyncList: uint(0xffff_ffff),
  configured: uint(1),
  ports: list(PORTS, bits(R.PORTSC_KEPT)),
  frames: record(FRAME_FIELDS),
  config: savedState,
};

type Registers = Omit<EhciState, 'frames' | 'config'>;

const powerOn = (): Registers => ({
  command: R.USBCMD_POWER_ON,
  status: 0,
  interruptEnable: 0,
  periodicList: 0,
  asyncList: 0,
  configured: 0,
  ports: Array(PORTS).fill(R.PORTSC_PO),
});

const STATE = defineState<EhciState>(NAME, 1, FIELDS, (s) =>
  s.ports.length === PORTS ? undefined : 'not all ports are there',
);

export class Ehci implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  /** Where devices are plugged in, whoever owns the port. */
  readonly sockets: readonly UsbSocket[];
  readonly #intx: IrqLine;
  readonly #frames: FrameTimer;
  readonly #schedule: EhciSchedule;
  readonly #companions: readonly Uhci[];
  #s = powerOn();

  constructor(ports: EhciPorts) {
    this.configSpace = ehciConfigSpace(this);
    this.#companions = ports.companions;
    this.#intx = this.configSpace.intx(ports.irq);
    const upstream = { ready: () => this.#frames.kick() };
    this.sockets = Array.from(
      { length: PORTS },
      (_, port) => new UsbSocket(['high', 'full', 'low'], upstream, () => this.#plugged(port)),
    );
    const dma = new UsbDma(ports.memory, this.configSpace);
    this.#schedule = new EhciSchedule(dma, (address) => this.#find(address));
    this.#frames = new FrameTimer(ports.timers, `${NAME} frame`, (...at) => this.#walk(...at));
    this.#frames.want(false);
  }

  reset(): void {
    this.configSpace.reset();
    this.#resetRegisters();
  }

  save(): DeviceState {
    return STATE.save({ ...this.#s, frames: this.#frames.state, config: this.configSpace.save() });
  }

  restore(state: DeviceState): void {
    const { frames, config, ...registers } = STATE.restore(state);
    this.configSpace.restore(config);
    this.#s = registers;
    for (const [port, socket] of this.sockets.entries()) {
      this.#companionSocket(port)?.connect(this.#owned(port) ? undefined : socket.device);
      if (this.#owned(port)) socket.claim();
    }
    this.#frames.restore(frames, (registers.command & R.USBCMD_RS) !== 0, this.#hasSchedules);
    this.#driveIrq();
  }

  read(offset: number, size: AccessSize): number {
    const word = this.#word(offset & ~3);
    const shift = 8 * (offset & 3);
    const mask = 2 ** (8 * size) - 1;
    return shift + 8 * size > 32 ? mask : ((word >>> shift) & mask) >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0 || offset < R.CAPLENGTH_VALUE) {
      this.counters.unknownWrites++;
      return;
    }
    this.#writeWord(offset - R.CAPLENGTH_VALUE, value);
    this.#frames.want(this.#hasSchedules);
    this.#frames.kick();
    this.#driveIrq();
  }

  /** The doorbell too is answered by a walk. */
  get #hasSchedules(): boolean {
    return (this.#s.command & (R.USBCMD_PSE | R.USBCMD_ASE | R.USBCMD_IAAD)) !== 0;
  }

  #word(offset: number): number {
    const s = this.#s;
    switch (offset) {
      case R.CAPLENGTH:
        return (R.HCIVERSION_VALUE << 16) | R.CAPLENGTH_VALUE;
      case R.HCSPARAMS:
        return (COMPANIONS << R.HCSPARAMS_CC_SHIFT) | (PORTS_PER_COMPANION << R.HCSPARAMS_PCC_SHIFT) | PORTS;
      case R.HCCPARAMS:
        return (R.USBLEGSUP << R.HCCPARAMS_EECP_SHIFT) | R.HCCPARAMS_FRAME_LIST;
      case R.CAPLENGTH_VALUE + R.USBCMD:
        return s.command;
      case R.CAPLENGTH_VALUE + R.USBSTS:
        return s.status | this.#runStatus();
      case R.CAPLENGTH_VALUE + R.USBINTR:
        return s.interruptEnable;
      case R.CAPLENGTH_VALUE + R.FRINDEX:
        return (this.#frames.frame * 8) & R.FRINDEX_MASK;
      case R.CAPLENGTH_VALUE + R.CTRLDSSEGMENT:
        return 0; // without 64-bit addressing, 2.3.5
      case R.CAPLENGTH_VALUE + R.PERIODICLISTBASE:
        return s.periodicList;
      case R.CAPLENGTH_VALUE + R.ASYNCLISTADDR:
        return s.asyncList;
      case R.CAPLENGTH_VALUE + R.CONFIGFLAG:
        return s.configured;
      default:
        return this.#portOrUnknown(offset - R.CAPLENGTH_VALUE);
    }
  }

  #runStatus(): number {
    const { command } = this.#s;
    if (!(command & R.USBCMD_RS)) return R.USBSTS_HCH;
    return (command & R.USBCMD_PSE ? R.USBSTS_PSS : 0) | (command & R.USBCMD_ASE ? R.USBSTS_ASS : 0);
  }

  #portOrUnknown(offset: number): number {
    const port = (offset - R.PORTSC1) / 4;
    if (port >= 0 && port < PORTS) return this.#portStatus(port);
    this.counters.unknownReads++;
    return 0xffff_ffff;
  }

  #writeWord(offset: number, value: number): void {
    const s = this.#s;
    switch (offset) {
      case R.USBCMD:
        this.#command(value);
        break;
      case R.USBSTS:
        s.status &= ~(value & R.USBSTS_CLEARABLE);
        break;
      case R.USBINTR:
        s.interruptEnable = value & R.USBINTR_MASK;
        break;
      case R.FRINDEX:
        this.#frames.set((value & R.FRINDEX_MASK) >>> 3);
        break;
      case R.CTRLDSSEGMENT:
        break;
      case R.PERIODICLISTBASE:
        s.periodicList = (value & 0xffff_f000) >>> 0;
        break;
      case R.ASYNCLISTADDR:
        s.asyncList = (value & R.LINK_ADDRESS) >>> 0;
        break;
      case R.CONFIGFLAG:
        this.#configure(value & 1);
        break;
      default: {
        const port = (offset - R.PORTSC1) / 4;
        if (port >= 0 && port < PORTS) this.#writePort(port, value);
        else this.counters.unknownWrites++;
      }
    }
  }

  #command(value: number): void {
    if (value & R.USBCMD_HCRESET) {
      this.#resetRegisters();
      return;
    }
    const before = this.#s.command;
    this.#s.command = (value & R.USBCMD_KEPT) | (before & R.USBCMD_IAAD);
    if (value & ~before & R.USBCMD_RS) this.#frames.start(this.#frames.frame & (R.FRINDEX_MASK >>> 3));
    if (before & ~value & R.USBCMD_RS) this.#frames.stop();
  }

  #resetRegisters(): void {
    this.#s = powerOn();
    this.#frames.stop();
    this.#frames.want(false);
    Object.assign(this.#frames.state, framesPowerOn());
    for (let port = 0; port < PORTS; port++) this.#route(port);
    this.#driveIrq();
  }

  // -- Ports, [EHCI] 2.3.9 and 4.2

  #companionSocket(port: number): UsbSocket | undefined {
    return this.#companions[Math.floor(port / PORTS_PER_COMPANION)]?.sockets[port % PORTS_PER_COMPANION];
  }

  /** The port is this controller's, not a companion's. */
  #owned(port: number): boolean {
    return !((this.#s.ports[port] ?? 0) & R.PORTSC_PO);
  }

  /** All ports go to this controller, or (0) to the companions. */
  #configure(value: number): void {
    if (value === this.#s.configured) return;
    this.#s.configured = value;
    for (let port = 0; port < PORTS; port++) {
      this.#s.ports[port] = value ? 0 : R.PORTSC_PO;
      this.#route(port);
    }
  }

  /** Hands the device to the port's owner, who finds it newly connected. */
  #route(port: number): void {
    const companion = this.#companionSocket(port);
    const device = this.sockets[port]?.device;
    if (!this.#owned(port)) {
      if (companion?.device !== device) companion?.plug(device);
      return;
    }
    if (companion?.device) companion.plug(undefined);
    if (!device) return;
    this.sockets[port]?.claim();
    device.busReset();
    this.#portChanged(port, R.PORTSC_CSC);
  }

  #plugged(port: number): void {
    const before = this.#s.ports[port] ?? 0;
    // What is pulled out leaves its port to this controller again, once that is configured. 4.2.2
    const companionKeeps = !this.#s.configured || (!this.#owned(port) && this.sockets[port]?.device !== undefined);
    this.#s.ports[port] = companionKeeps ? before : before & ~(R.PORTSC_PO | R.PORTSC_PED | R.PORTSC_SUSP);
    if (this.#owned(port)) {
      if (this.#companionSocket(port)?.device) this.#companionSocket(port)?.plug(undefined);
      this.#portChanged(port, R.PORTSC_CSC | (before & R.PORTSC_PED ? R.PORTSC_PEDC : 0));
    } else {
      this.#companionSocket(port)?.plug(this.sockets[port]?.device);
    }
  }

  #portChanged(port: number, change: number): void {
    this.#s.ports[port] = (this.#s.ports[port] ?? 0) | change;
    this.#s.status |= R.USBSTS_PCD;
    this.#driveIrq();
  }

  #portStatus(port: number): number {
    const kept = (this.#s.ports[port] ?? 0) | R.PORTSC_PP;
    const device = this.#owned(port) ? this.sockets[port]?.device : undefined;
    if (!device) return kept;
    const line = device.speed === 'low' ? R.PORTSC_LINE_K : R.PORTSC_LINE_J;
    return kept | R.PORTSC_CCS | (kept & R.PORTSC_PED ? 0 : line);
  }

  #writePort(port: number, value: number): void {
    const before = this.#s.ports[port] ?? 0;
    const cleared = value & (R.PORTSC_CSC | R.PORTSC_PEDC);
    let after = (before & ~cleared & ~R.PORTSC_WRITABLE) | (value & R.PORTSC_WRITABLE);
    if (!(value & R.PORTSC_PED)) after &= ~R.PORTSC_PED;
    if (!this.#s.configured) after |= R.PORTSC_PO;
    const device = this.#owned(port) ? this.sockets[port]?.device : undefined;
    if (value & ~before & R.PORTSC_PR) {
      device?.busReset();
      after &= ~(R.PORTSC_PED | R.PORTSC_SUSP);
    }
    // Only a high-speed device answers the reset with its chirp.
    if (before & ~value & R.PORTSC_PR && device?.speed === 'high') after |= R.PORTSC_PED;
    if (before & ~value & R.PORTSC_FPR) after &= ~R.PORTSC_SUSP;
    this.#s.ports[port] = after;
    if ((before ^ after) & R.PORTSC_PO) {
      this.#s.ports[port] = after & ~R.PORTSC_PED;
      this.#route(port);
    }
  }

  #find(address: number): UsbDevice | undefined {
    for (const [port, socket] of this.sockets.entries()) {
      const enabled = this.#owned(port) && ((this.#s.ports[port] ?? 0) & R.PORTSC_PED) !== 0;
      const found = enabled ? socket.device?.find(address) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  // -- Schedules and interrupt

  #walk(frame: number, fresh: boolean): boolean {
    const s = this.#s;
    const entries = ROLLOVER_FRAMES >>> ((s.command & R.USBCMD_FLS_MASK) >>> R.USBCMD_FLS_SHIFT);
    if (frame % entries === 0) s.status |= R.USBSTS_FLR;
    const periodic = s.command & R.USBCMD_PSE ? s.periodicList + 4 * (frame % entries) : undefined;
    const result = this.#schedule.run(periodic, s.command & R.USBCMD_ASE ? s.asyncList : undefined, fresh);
    s.status |= result.status;
    const doorbell = (s.command & R.USBCMD_IAAD) !== 0;
    if (doorbell) {
      s.command &= ~R.USBCMD_IAAD;
      s.status |= R.USBSTS_IAA;
    }
    this.#frames.want(this.#hasSchedules);
    this.#driveIrq();
    return result.moved || doorbell;
  }

  #driveIrq(): void {
    this.#intx.set((this.#s.status & this.#s.interruptEnable) !== 0);
  }
}

function ehciConfigSpace(region: IoRegion): PciConfigSpace {
  return new PciConfigSpace({
    name: NAME,
    vendorId: 0x8086,
    deviceId: 0x293a,
    revisionId: 3,
    classCode: 0x0c_03_20,
    multifunction: true,
    interruptPin: 4,
    bars: [{ index: 0, kind: 'memory32', sizeBytes: R.EHCI_MMIO_SIZE, region }],
  })
    .define(R.SBRN, 1, R.SBRN_USB_2_0)
    .define(R.FLADJ, 1, R.FLADJ_POWER_ON, 0x3f)
    .define(R.USBLEGSUP, 4, R.USBLEGSUP_ID, R.USBLEGSUP_SEMAPHORES)
    .define(R.USBLEGCTLSTS, 4, 0, 0xe03f);
}
