/**
 * UHCI, the USB 1.1 controller of PIIX3 and, as companions of EHCI, of ICH9: two ports at full and low speed.
 *
 * [UHCI] Universal Host Controller Interface Design Guide 1.1. [PIIX] Intel 82371SB data sheet 2.5. Frames are done in
 * batches while nothing happens: see frame-timer.ts. Kept without effect: SOF timing, legacy keyboard traps (LEGSUP), debug
 * mode.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { bits, defineState, type Fields, flag, list, record, uint } from '../state-shape.ts';
import { FRAME_FIELDS, type FrameState, FrameTimer, framesPowerOn } from './frame-timer.ts';
import * as R from './uhci.regs.ts';
import { UhciSchedule } from './uhci-schedule.ts';
import { savedState, type UsbControllerPorts } from './usb-controller.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbDma } from './usb-dma.ts';
import { UsbSocket } from './usb-socket.ts';

export interface UhciModel {
  readonly name: string;
  readonly deviceId: number;
  readonly interruptPin: number;
  /** Not the last function of its slot. */
  readonly multifunction?: boolean;
}

export const PIIX3_UHCI: UhciModel = { name: 'piix3-uhci', deviceId: 0x7020, interruptPin: 4 };
/** 00:1d.0 to 00:1d.2, beside the EHCI controller at 00:1d.7. */
export const ICH9_UHCI: readonly UhciModel[] = [
  { name: 'ich9-uhci1', deviceId: 0x2934, interruptPin: 1, multifunction: true },
  { name: 'ich9-uhci2', deviceId: 0x2935, interruptPin: 2 },
  { name: 'ich9-uhci3', deviceId: 0x2936, interruptPin: 3 },
];

interface UhciState {
  command: number;
  status: number;
  /** Why USBINT is set: the two reasons have an enable bit each. */
  ioc: boolean;
  short: boolean;
  interruptEnable: number;
  frameList: number;
  sofModify: number;
  ports: number[];
  frames: FrameState;
  config: DeviceState;
}

const FIELDS: Fields<UhciState> = {
  command: bits(R.USBCMD_MASK),
  status: bits(R.USBSTS_CLEARABLE),
  ioc: flag,
  short: flag,
  interruptEnable: bits(R.USBINTR_MASK),
  frameList: bits(0xffff_f000),
  sofModify: uint(0x7f),
  ports: list(R.PORT_COUNT, bits(R.PORTSC_KEPT)),
  frames: record(FRAME_FIELDS),
  config: savedState,
};

type Registers = Omit<UhciState, 'frames' | 'config'>;

const powerOn = (): Registers => ({
  command: 0,
  status: 0,
  ioc: false,
  short: false,
  interruptEnable: 0,
  frameList: 0,
  sofModify: R.SOFMOD_POWER_ON,
  ports: Array(R.PORT_COUNT).fill(0),
});

export class Uhci implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  /** Where devices are plugged in; for a companion, by its EHCI controller. */
  readonly sockets: readonly UsbSocket[];
  readonly #shape;
  readonly #intx: IrqLine;
  readonly #frames: FrameTimer;
  readonly #schedule: UhciSchedule;
  #s = powerOn();

  constructor(model: UhciModel, ports: UsbControllerPorts) {
    this.configSpace = uhciConfigSpace(model, this);
    this.#shape = defineState<UhciState>(model.name, 1, FIELDS, (s) =>
      s.ports.length === R.PORT_COUNT ? undefined : 'not all ports are there',
    );
    this.#intx = this.configSpace.intx(ports.irq);
    const upstream = { ready: (device: UsbDevice) => this.#ready(device) };
    this.sockets = Array.from(
      { length: R.PORT_COUNT },
      (_, port) => new UsbSocket(['full', 'low'], upstream, () => this.#plugged(port)),
    );
    const dma = new UsbDma(ports.memory, this.configSpace);
    this.#schedule = new UhciSchedule(dma, (address) => this.#find(address));
    this.#frames = new FrameTimer(ports.timers, `${model.name} frame`, (...at) => this.#walk(...at));
  }

  reset(): void {
    this.configSpace.reset();
    this.#resetRegisters();
  }

  save(): DeviceState {
    return this.#shape.save({ ...this.#s, frames: this.#frames.state, config: this.configSpace.save() });
  }

  restore(state: DeviceState): void {
    const { frames, config, ...registers } = this.#shape.restore(state);
    this.configSpace.restore(config);
    this.#s = registers;
    this.#frames.restore(frames, (registers.command & R.USBCMD_RS) !== 0);
    this.#driveIrq();
  }

  read(offset: number, size: AccessSize): number {
    if (offset + size > R.UHCI_IO_SIZE) return this.#unknownRead(size);
    if (size === 4 && offset % 4 === 0) return (this.#word(offset) | (this.#word(offset + 2) << 16)) >>> 0;
    const shift = 8 * (offset & 1);
    if (size + (offset & 1) > 2) return this.#unknownRead(size);
    return (this.#word(offset & ~1) >>> shift) & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === R.FRBASEADD && size === 4) this.#s.frameList = (value & 0xffff_f000) >>> 0;
    else if (offset === R.SOFMOD && size === 1) this.#s.sofModify = value & 0x7f;
    else if (offset % 2 === 0 && size === 2) this.#writeWord(offset, value);
    else if (offset % 4 === 0 && size === 4) {
      this.#writeWord(offset, value & 0xffff);
      this.#writeWord(offset + 2, value >>> 16);
    } else this.counters.unknownWrites++;
    this.#frames.kick();
    this.#driveIrq();
  }

  #word(offset: number): number {
    const s = this.#s;
    switch (offset) {
      case R.USBCMD:
        return s.command;
      case R.USBSTS:
        return s.status | (s.command & R.USBCMD_RS ? 0 : R.USBSTS_HCH);
      case R.USBINTR:
        return s.interruptEnable;
      case R.FRNUM:
        return this.#frames.frame & R.FRNUM_MASK;
      case R.FRBASEADD:
        return s.frameList & 0xffff;
      case R.FRBASEADD + 2:
        return s.frameList >>> 16;
      case R.SOFMOD:
        return s.sofModify;
      case R.PORTSC1:
      case R.PORTSC1 + 2:
        return this.#portStatus((offset - R.PORTSC1) / 2);
      default:
        this.counters.unknownReads++;
        return 0xffff;
    }
  }

  #writeWord(offset: number, value: number): void {
    const s = this.#s;
    switch (offset) {
      case R.USBCMD:
        this.#command(value & R.USBCMD_MASK);
        break;
      case R.USBSTS:
        s.status &= ~(value & R.USBSTS_CLEARABLE);
        if (value & R.USBSTS_USBINT) Object.assign(s, { ioc: false, short: false });
        break;
      case R.USBINTR:
        s.interruptEnable = value & R.USBINTR_MASK;
        break;
      case R.FRNUM:
        this.#frames.set(value & R.FRNUM_MASK);
        break;
      case R.FRBASEADD:
        s.frameList = ((s.frameList & 0xffff_0000) | (value & 0xf000)) >>> 0;
        break;
      case R.FRBASEADD + 2:
        s.frameList = ((s.frameList & 0xf000) | (value << 16)) >>> 0;
        break;
      case R.SOFMOD:
        s.sofModify = value & 0x7f;
        break;
      case R.PORTSC1:
      case R.PORTSC1 + 2:
        this.#writePort((offset - R.PORTSC1) / 2, value);
        break;
      default:
        this.counters.unknownWrites++;
    }
  }

  /** [UHCI] 2.1.1 */
  #command(value: number): void {
    if (value & R.USBCMD_HCRESET) {
      this.#resetRegisters();
      return;
    }
    const s = this.#s;
    const started = value & ~s.command;
    const stopped = s.command & ~value;
    s.command = value;
    if (started & R.USBCMD_GRESET) this.#globalReset();
    if (started & R.USBCMD_RS) this.#frames.start(this.#frames.frame & R.FRNUM_MASK);
    if (stopped & R.USBCMD_RS) this.#frames.stop();
  }

  #globalReset(): void {
    for (let port = 0; port < R.PORT_COUNT; port++) {
      this.sockets[port]?.device?.busReset();
      this.#s.ports[port] = this.sockets[port]?.device ? R.PORTSC_CSC : 0;
    }
  }

  #resetRegisters(): void {
    this.#s = powerOn();
    this.#frames.stop();
    Object.assign(this.#frames.state, framesPowerOn());
    this.#globalReset();
    this.#driveIrq();
  }

  // -- Ports, [UHCI] 2.1.7

  #portStatus(port: number): number {
    const device = this.sockets[port]?.device;
    const kept = (this.#s.ports[port] ?? 0) | R.PORTSC_ONE;
    if (!device) return kept;
    const line = device.speed === 'low' ? R.PORTSC_LSDA | R.PORTSC_LINE_DMINUS : R.PORTSC_LINE_DPLUS;
    return kept | R.PORTSC_CCS | line;
  }

  #writePort(port: number, value: number): void {
    const device = this.sockets[port]?.device;
    const before = this.#s.ports[port] ?? 0;
    const written = R.PORTSC_PED | R.PORTSC_RD | R.PORTSC_PR | R.PORTSC_SUSP;
    let after = (before & ~written & ~(value & (R.PORTSC_CSC | R.PORTSC_PEDC))) | (value & written);
    if (value & R.PORTSC_PR) {
      if (!(before & R.PORTSC_PR)) device?.busReset();
      after &= ~R.PORTSC_PED;
    }
    if (!device) after &= ~R.PORTSC_PED;
    this.#s.ports[port] = after;
  }

  #plugged(port: number): void {
    const before = this.#s.ports[port] ?? 0;
    const disabled = before & R.PORTSC_PED ? R.PORTSC_PEDC : 0;
    this.#s.ports[port] = (before & ~(R.PORTSC_PED | R.PORTSC_SUSP)) | R.PORTSC_CSC | disabled;
    this.#wakeUp();
  }

  #find(address: number): UsbDevice | undefined {
    for (const [port, socket] of this.sockets.entries()) {
      const enabled = ((this.#s.ports[port] ?? 0) & R.PORTSC_PED) !== 0;
      const found = enabled ? socket.device?.find(address) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  #ready(device: UsbDevice): void {
    this.#frames.kick();
    if (device.mayWakeUp) this.#wakeUp();
  }

  /** Out of global suspend. [UHCI] 2.1.1, bits 3 and 4 */
  #wakeUp(): void {
    const s = this.#s;
    if (!(s.command & R.USBCMD_EGSM)) return;
    s.command |= R.USBCMD_FGR;
    s.status |= R.USBSTS_RD;
    this.#driveIrq();
  }

  // -- Schedule and interrupt

  #walk(frame: number, fresh: boolean): boolean {
    const s = this.#s;
    const result = this.#schedule.run(s.frameList + 4 * (frame % R.FRAME_LIST_ENTRIES), fresh);
    s.ioc ||= result.ioc;
    s.short ||= result.short;
    if (result.ioc || result.short) s.status |= R.USBSTS_USBINT;
    if (result.error) s.status |= R.USBSTS_ERROR;
    if (result.fatal) {
      s.status |= R.USBSTS_HCPE;
      s.command &= ~R.USBCMD_RS;
      this.#frames.stop();
    }
    this.#driveIrq();
    return result.moved || result.ioc;
  }

  /** [UHCI] 4.1 */
  #driveIrq(): void {
    const { status, interruptEnable: enabled, ioc, short } = this.#s;
    const transfer = (ioc && (enabled & R.USBINTR_IOC) !== 0) || (short && (enabled & R.USBINTR_SHORT) !== 0);
    const error = (status & R.USBSTS_ERROR) !== 0 && (enabled & R.USBINTR_ERROR) !== 0;
    const resume = (status & R.USBSTS_RD) !== 0 && (enabled & R.USBINTR_RESUME) !== 0;
    this.#intx.set(transfer || error || resume || (status & (R.USBSTS_HSE | R.USBSTS_HCPE)) !== 0);
  }

  #unknownRead(size: AccessSize): number {
    this.counters.unknownReads++;
    return 2 ** (8 * size) - 1;
  }
}

function uhciConfigSpace(model: UhciModel, region: IoRegion): PciConfigSpace {
  return new PciConfigSpace({
    name: model.name,
    vendorId: 0x8086,
    deviceId: model.deviceId,
    revisionId: 1,
    classCode: 0x0c_03_00,
    multifunction: model.multifunction ?? false,
    interruptPin: model.interruptPin,
    bars: [{ index: 4, kind: 'io', sizeBytes: R.UHCI_IO_SIZE, region }],
  })
    .define(R.SBRN, 1, R.SBRN_USB_1_0)
    .define(R.LEGSUP, 2, R.LEGSUP_POWER_ON, R.LEGSUP_WRITABLE, { clearable: R.LEGSUP_CLEARABLE });
}
