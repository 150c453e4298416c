/**
 * A hub with eight ports, so that a controller with few ports serves many devices. [USB2] chapter 11.
 *
 * At full speed only: its ports take full- and low-speed devices, and it needs no transaction translator. Not modelled:
 * suspend and resume of a port beyond its bits, over-current, individual power switching (a port without power shows no
 * device), test modes, indicators.
 */
import { bits, type Fields, list } from '../state-shape.ts';
import { descriptor } from './descriptors.ts';
import * as U from './usb.regs.ts';
import type { PacketIn, UsbDevice } from './usb-device.ts';
import { type SetupPacket, UsbFunction } from './usb-function.ts';
import { UsbSocket } from './usb-socket.ts';

const HUB_PORTS = 8;
const STATUS_CHANGE = U.ENDPOINT_IN | 1;
const STATUS_BITS = U.PORT_CONNECTION | U.PORT_ENABLE | U.PORT_SUSPEND | U.PORT_POWER | U.PORT_LOW_SPEED;
const CHANGE_BITS = U.PORT_CONNECTION | U.PORT_ENABLE | U.PORT_SUSPEND | U.PORT_RESET;

interface HubState {
  /** wPortStatus of each port. */
  status: number[];
  /** wPortChange of each port. */
  change: number[];
}

const FIELDS: Fields<HubState> = {
  status: list(HUB_PORTS, bits(STATUS_BITS)),
  change: list(HUB_PORTS, bits(CHANGE_BITS)),
};

export class UsbHub extends UsbFunction<HubState> {
  /** Where devices are plugged in, port 1 first. */
  readonly sockets: readonly UsbSocket[];

  constructor() {
    super({
      name: 'usb-hub',
      speeds: ['full'],
      table: () => ({
        vendorId: 0x1209,
        productId: 0x0004,
        strings: ['Vivarium', 'USB Hub', '1'],
        deviceClass: U.CLASS_HUB,
        attributes: U.ATTRIBUTES_SELF_POWERED | U.ATTRIBUTES_REMOTE_WAKEUP,
        interfaceClass: [U.CLASS_HUB, 0, 0],
        endpoints: [{ address: STATUS_CHANGE, type: U.TRANSFER_INTERRUPT, maxPacketBytes: 2, intervalMs: 255 }],
      }),
      fields: FIELDS,
      check: ({ status, change }) =>
        status.length === HUB_PORTS && change.length === HUB_PORTS ? undefined : 'not all ports are there',
      powerOn: () => ({ status: Array(HUB_PORTS).fill(0), change: Array(HUB_PORTS).fill(0) }),
    });
    const upstream = {
      ready: (device: UsbDevice, endpoint: number) => this.upstream?.ready(device, endpoint),
    };
    this.sockets = Array.from(
      { length: HUB_PORTS },
      (_, port) => new UsbSocket(['full', 'low'], upstream, () => this.#plugged(port)),
    );
  }

  override find(address: number): UsbDevice | undefined {
    const own = super.find(address);
    if (own) return own;
    for (let port = 0; port < HUB_PORTS; port++) {
      const found = this.#enabled(port)?.find(address);
      if (found) return found;
    }
    return undefined;
  }

  override downstream(port: number): UsbDevice | undefined {
    return this.#enabled(port - 1);
  }

  #enabled(port: number): UsbDevice | undefined {
    return (this.own.status[port] ?? 0) & U.PORT_ENABLE ? this.sockets[port]?.device : undefined;
  }

  protected override dataIn(): PacketIn {
    const map = this.own.change.reduce((set, change, port) => (change ? set | (2 << port) : set), 0);
    return map === 0 ? 'nak' : Uint8Array.of(map & 0xff, map >>> 8);
  }

  protected override controlIn({ request, value, index }: SetupPacket): Uint8Array | undefined {
    switch (request) {
      case U.HUB_GET_DESCRIPTOR: {
        if (value >>> 8 !== U.DT_HUB) return undefined;
        // Ganged power, no over-current protection; power is good after 2 ms; all devices are removable.
        return Uint8Array.from(descriptor(U.DT_HUB, HUB_PORTS, 0x10, 0, 1, 0, 0, 0, 0xff, 0xff));
      }
      case U.HUB_GET_STATUS:
        return new Uint8Array(4);
      case U.HUB_GET_PORT_STATUS: {
        const status = this.own.status[index - 1];
        const change = this.own.change[index - 1];
        if (status === undefined || change === undefined) return undefined;
        return Uint8Array.of(status & 0xff, status >>> 8, change & 0xff, change >>> 8);
      }
      default:
        return undefined;
    }
  }

  protected override controlOut({ request, value, index }: SetupPacket): boolean {
    const port = (index & 0xff) - 1;
    if (request === U.HUB_CLEAR_FEATURE || request === U.HUB_SET_FEATURE) return value <= 1;
    if (port < 0 || port >= HUB_PORTS) return false;
    if (request === U.HUB_SET_PORT_FEATURE) return this.#setFeature(port, value);
    return request === U.HUB_CLEAR_PORT_FEATURE && this.#clearFeature(port, value);
  }

  /** [USB2] 11.24.2.13 */
  #setFeature(port: number, feature: number): boolean {
    const powered = ((this.own.status[port] ?? 0) & U.PORT_POWER) !== 0;
    switch (feature) {
      case U.FEATURE_PORT_POWER:
        if (!powered) {
          this.#change(port, U.PORT_POWER, 0, 0);
          this.#plugged(port);
        }
        return true;
      case U.FEATURE_PORT_RESET:
        if (powered && this.sockets[port]?.device) this.#resetPort(port);
        return true;
      case U.FEATURE_PORT_SUSPEND:
        if (this.#enabled(port)) this.#change(port, U.PORT_SUSPEND, 0, 0);
        return true;
      default:
        return false;
    }
  }

  /** [USB2] 11.24.2.2 */
  #clearFeature(port: number, feature: number): boolean {
    switch (feature) {
      case U.FEATURE_PORT_POWER:
        this.#change(port, 0, STATUS_BITS, 0);
        return true;
      case U.FEATURE_PORT_ENABLE:
        this.#change(port, 0, U.PORT_ENABLE, 0);
        return true;
      case U.FEATURE_PORT_SUSPEND:
        if ((this.own.status[port] ?? 0) & U.PORT_SUSPEND) this.#change(port, 0, U.PORT_SUSPEND, U.PORT_SUSPEND);
        return true;
      default:
        if (feature < U.FEATURE_C_PORT_CONNECTION || feature > U.FEATURE_C_PORT_LAST) return false;
        this.own.change[port] = (this.own.change[port] ?? 0) & ~(1 << (feature - U.FEATURE_C_PORT_CONNECTION));
        return true;
    }
  }

  #resetPort(port: number): void {
    this.sockets[port]?.device?.busReset();
    this.#change(port, U.PORT_ENABLE, U.PORT_SUSPEND, U.PORT_RESET);
  }

  #change(port: number, set: number, clear: number, change: number): void {
    this.own.status[port] = ((this.own.status[port] ?? 0) & ~clear) | set;
    this.own.change[port] = (this.own.change[port] ?? 0) | change;
    if (change) this.ready(STATUS_CHANGE);
  }

  /** A device came or went, or the port has power now and notices one. */
  #plugged(port: number): void {
    const status = this.own.status[port] ?? 0;
    const device = this.sockets[port]?.device;
    if (!(status & U.PORT_POWER)) return;
    if (!device && !(status & U.PORT_CONNECTION)) return;
    const connected = U.PORT_CONNECTION | (device?.speed === 'low' ? U.PORT_LOW_SPEED : 0);
    const gone = U.PORT_CONNECTION | U.PORT_ENABLE | U.PORT_SUSPEND | U.PORT_LOW_SPEED;
    this.#change(port, device ? connected : 0, gone, U.PORT_CONNECTION);
  }
}
