/**
 * What every USB device here has: endpoint 0 and the standard requests, for one configuration with one interface.
 *
 * [USB2] 8.5.3 (control transfers), 9.4 (standard requests), 9.1.1 (states). [USB3] 9.4. Not modelled: data toggles of
 * the device (its controller's are always right), suspend, isochronous endpoints, alternate settings.
 */
import type { AccessCounters, DeviceState } from '../device.ts';
import {
  byteArray,
  byteArrayUpTo,
  defineState,
  type Fields,
  flag,
  record,
  type StateShape,
  uint,
} from '../state-shape.ts';
import * as D from './descriptors.ts';
import * as U from './usb.regs.ts';
import type { Handshake, PacketIn, UpstreamPort, UsbDevice } from './usb-device.ts';

export interface SetupPacket {
  /** bmRequestType * 256 + bRequest. */
  readonly request: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

/** More than any request to a device here has. */
const CONTROL_DATA_MAX = 4096;
const NO_DATA = new Uint8Array(0);
const EMPTY_SETUP = new Uint8Array(U.SETUP_BYTES);

const IDLE = 0;
const DATA_IN = 1;
const DATA_OUT = 2;
/** The request was refused: endpoint 0 stalls until the next SETUP. */
const REFUSED = 3;

interface ControlState {
  address: number;
  configuration: number;
  remoteWakeup: boolean;
  /** Bit n: OUT endpoint n is halted; bit 16 + n: IN endpoint n. */
  halted: number;
  stage: number;
  setup: Uint8Array;
  data: Uint8Array;
  /** Bytes of data that the host has fetched. */
  offset: number;
}

const CONTROL_FIELDS: Fields<ControlState> = {
  address: uint(127),
  configuration: uint(D.CONFIGURATION_VALUE),
  remoteWakeup: flag,
  halted: uint(0xffff_ffff),
  stage: uint(REFUSED),
  setup: byteArray(U.SETUP_BYTES),
  data: byteArrayUpTo(CONTROL_DATA_MAX),
  offset: uint(CONTROL_DATA_MAX),
};

const controlPowerOn = (): ControlState => ({
  address: 0,
  configuration: 0,
  remoteWakeup: false,
  halted: 0,
  stage: IDLE,
  setup: EMPTY_SETUP,
  data: NO_DATA,
  offset: 0,
});

interface UsbState<F> {
  control: ControlState;
  /** What the device itself keeps. */
  own: F;
}

export interface UsbModel<F extends object> {
  /** In saved states and their errors. */
  readonly name: string;
  /** All that it can do. */
  readonly speeds: readonly D.UsbSpeed[];
  /** Its descriptors at a speed. */
  table(speed: D.UsbSpeed): D.DescriptorTable;
  readonly fields: Fields<F>;
  readonly check?: (own: F) => string | undefined;
  powerOn(): F;
}

const haltBit = (endpoint: number): number => 1 << ((endpoint & 0x0f) + (endpoint & U.ENDPOINT_IN ? 16 : 0));

export abstract class UsbFunction<F extends object> implements UsbDevice {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  upstream: UpstreamPort | undefined;
  #speed: D.UsbSpeed;
  #table: D.DescriptorTable;
  #control = controlPowerOn();
  readonly #shape: StateShape<UsbState<F>>;
  protected own: F;

  constructor(private readonly model: UsbModel<F>) {
    this.#speed = model.speeds[0] ?? 'full';
    this.#table = model.table(this.#speed);
    this.own = model.powerOn();
    const { fields, check } = model;
    this.#shape = defineState<UsbState<F>>(
      model.name,
      1,
      { control: record(CONTROL_FIELDS), own: record(fields) },
      (s) => (s.control.offset > s.control.data.length ? 'offset is beyond the data' : check?.(s.own)),
    );
  }

  get name(): string {
    return this.model.name;
  }

  get speeds(): readonly D.UsbSpeed[] {
    return this.model.speeds;
  }

  get speed(): D.UsbSpeed {
    return this.#speed;
  }

  set speed(speed: D.UsbSpeed) {
    this.#speed = speed;
    this.#table = this.model.table(speed);
  }

  get configured(): boolean {
    return this.#control.configuration !== 0;
  }

  get mayWakeUp(): boolean {
    return this.#control.remoteWakeup;
  }

  reset(): void {
    this.busReset();
  }

  busReset(): void {
    this.#control = controlPowerOn();
    this.own = this.model.powerOn();
    this.stateChanged();
  }

  save(): DeviceState {
    return this.#shape.save({ control: this.#control, own: this.own });
  }

  restore(state: DeviceState): void {
    const { control, own } = this.#shape.restore(state);
    this.#control = control;
    this.own = own;
    this.stateChanged();
  }

  find(address: number): UsbDevice | undefined {
    return this.#control.address === address ? this : undefined;
  }

  downstream(_port: number): UsbDevice | undefined {
    return undefined;
  }

  maxPacketBytes(endpoint: number): number {
    if ((endpoint & 0x0f) === 0) return D.controlPacketBytes(this.#speed);
    return this.#table.endpoints.find((e) => e.address === endpoint)?.maxPacketBytes ?? 8;
  }

  /** It ends whatever went on before. [USB2] 8.5.3 */
  setup(packet: Uint8Array): void {
    const control = this.#control;
    control.setup = packet.slice();
    control.data = NO_DATA;
    control.offset = 0;
    const setup = this.#setup();
    if (!((setup.request >>> 8) & U.REQUEST_IN)) {
      control.stage = setup.length <= CONTROL_DATA_MAX ? DATA_OUT : REFUSED;
      return;
    }
    const reply = this.#standardIn(setup) ?? this.controlIn(setup);
    control.stage = reply ? DATA_IN : REFUSED;
    if (reply) control.data = reply.slice(0, Math.min(setup.length, CONTROL_DATA_MAX));
  }

  packetIn(endpoint: number): PacketIn {
    if ((endpoint & 0x0f) === 0) return this.#controlPacketIn();
    return this.#usable(endpoint | U.ENDPOINT_IN) ? this.dataIn(endpoint | U.ENDPOINT_IN) : 'stall';
  }

  packetOut(endpoint: number, data: Uint8Array): Handshake {
    if ((endpoint & 0x0f) === 0) return this.#controlPacketOut(data);
    return this.#usable(endpoint & 0x0f) ? this.dataOut(endpoint & 0x0f, data) : 'stall';
  }

  /** The reply to a class request, undefined to refuse it. */
  protected abstract controlIn(setup: SetupPacket): Uint8Array | undefined;
  /** Does a class request, with its data; false to refuse it. */
  protected abstract controlOut(setup: SetupPacket, data: Uint8Array): boolean;
  protected abstract dataIn(endpoint: number): PacketIn;
  protected dataOut(_endpoint: number, _data: Uint8Array): Handshake {
    return 'stall';
  }
  /** After a reset, a restore and a new configuration: what follows from the state is brought up to date. */
  protected stateChanged(): void {}
  /** The host has ended the halt of an endpoint. */
  protected haltCleared(_endpoint: number): void {}

  protected ready(endpoint: number): void {
    this.upstream?.ready(this, endpoint);
  }

  /** Stalls an endpoint until the host clears it. */
  protected halt(endpoint: number): void {
    this.#control.halted = (this.#control.halted | haltBit(endpoint)) >>> 0;
  }

  #setup(): SetupPacket {
    const [type = 0, request = 0, v0 = 0, v1 = 0, i0 = 0, i1 = 0, l0 = 0, l1 = 0] = this.#control.setup;
    return { request: (type << 8) | request, value: v0 | (v1 << 8), index: i0 | (i1 << 8), length: l0 | (l1 << 8) };
  }

  #usable(endpoint: number): boolean {
    const exists = this.#table.endpoints.some((e) => e.address === endpoint);
    return exists && this.configured && !(this.#control.halted & haltBit(endpoint));
  }

  #controlPacketIn(): PacketIn {
    const control = this.#control;
    if (control.stage === DATA_IN) {
      const end = Math.min(control.data.length, control.offset + D.controlPacketBytes(this.#speed));
      const packet = control.data.subarray(control.offset, end);
      control.offset = end;
      return packet;
    }
    if (control.stage !== DATA_OUT) return 'stall';
    // The status stage: now the request is complete and is done.
    const setup = this.#setup();
    const done = control.data.length === setup.length && this.#requestOut(setup, control.data);
    this.#control.stage = done ? IDLE : REFUSED;
    return done ? NO_DATA : 'stall';
  }

  #controlPacketOut(data: Uint8Array): Handshake {
    const control = this.#control;
    if (control.stage === DATA_IN) {
      control.stage = IDLE; // the status stage
      return 'ack';
    }
    if (control.stage !== DATA_OUT || control.data.length + data.length > this.#setup().length) {
      control.stage = REFUSED;
      return 'stall';
    }
    const gathered = new Uint8Array(control.data.length + data.length);
    gathered.set(control.data);
    gathered.set(data, control.data.length);
    control.data = gathered;
    return 'ack';
  }

  #standardIn(setup: SetupPacket): Uint8Array | undefined {
    const control = this.#control;
    switch (setup.request) {
      case U.GET_STATUS_DEVICE: {
        const selfPowered = (this.#table.attributes & U.ATTRIBUTES_SELF_POWERED) === U.ATTRIBUTES_SELF_POWERED;
        const wakeup = control.remoteWakeup ? U.STATUS_REMOTE_WAKEUP : 0;
        return Uint8Array.of((selfPowered ? U.STATUS_SELF_POWERED : 0) | wakeup, 0);
      }
      case U.GET_STATUS_INTERFACE:
        return Uint8Array.of(0, 0);
      case U.GET_STATUS_ENDPOINT:
        return Uint8Array.of(control.halted & haltBit(setup.index) ? 1 : 0, 0);
      case U.GET_CONFIGURATION:
        return Uint8Array.of(control.configuration);
      case U.GET_INTERFACE:
        return this.configured ? Uint8Array.of(0) : undefined;
      case U.GET_DESCRIPTOR:
        return this.#descriptor(setup.value >>> 8, setup.value & 0xff);
      default:
        return undefined;
    }
  }

  #descriptor(type: number, index: number): Uint8Array | undefined {
    const table = this.#table;
    switch (type) {
      case U.DT_DEVICE:
        return D.deviceDescriptor(table, this.#speed);
      case U.DT_CONFIGURATION:
        return index === 0 ? D.configurationDescriptor(table, this.#speed) : undefined;
      case U.DT_STRING:
        return D.stringDescriptor(table, index);
      case U.DT_DEVICE_QUALIFIER: {
        const twoSpeeds = this.speeds.includes('high') && this.speeds.includes('full');
        return twoSpeeds && this.#speed !== 'super' ? D.qualifierDescriptor(table, this.#speed) : undefined;
      }
      case U.DT_BOS:
        return this.#speed === 'super' ? D.bosDescriptor() : undefined;
      default:
        return undefined;
    }
  }

  #requestOut(setup: SetupPacket, data: Uint8Array): boolean {
    const control = this.#control;
    switch (setup.request) {
      case U.SET_ADDRESS:
        control.address = setup.value & 0x7f;
        return setup.value <= 127;
      case U.SET_CONFIGURATION:
        return this.#configure(setup.value & 0xff);
      case U.SET_INTERFACE:
        return this.configured && setup.value === 0 && setup.index === 0;
      case U.SET_FEATURE_DEVICE:
        return this.#deviceFeature(setup.value, true);
      case U.CLEAR_FEATURE_DEVICE:
        return this.#deviceFeature(setup.value, false);
      case U.SET_FEATURE_INTERFACE:
        return this.#speed === 'super' && setup.value === U.FUNCTION_SUSPEND;
      case U.SET_FEATURE_ENDPOINT:
        if (setup.value === U.ENDPOINT_HALT) this.halt(setup.index);
        return setup.value === U.ENDPOINT_HALT;
      case U.CLEAR_FEATURE_ENDPOINT:
        return setup.value === U.ENDPOINT_HALT && this.#clearHalt(setup.index & 0xff);
      case U.SET_SEL:
      case U.SET_ISOCH_DELAY:
        return this.#speed === 'super';
      default:
        return this.controlOut(setup, data);
    }
  }

  #configure(value: number): boolean {
    if (value > D.CONFIGURATION_VALUE) return false;
    this.own = this.model.powerOn();
    this.#control.configuration = value;
    this.#control.halted = 0;
    this.stateChanged();
    return true;
  }

  #deviceFeature(feature: number, on: boolean): boolean {
    if (feature === U.U1_ENABLE || feature === U.U2_ENABLE) return this.#speed === 'super';
    if (feature !== U.DEVICE_REMOTE_WAKEUP || !(this.#table.attributes & U.ATTRIBUTES_REMOTE_WAKEUP)) return false;
    this.#control.remoteWakeup = on;
    return true;
  }

  #clearHalt(endpoint: number): boolean {
    this.#control.halted = (this.#control.halted & ~haltBit(endpoint)) >>> 0;
    this.haltCleared(endpoint);
    return true;
  }
}
