/**
 * A USB device as its controller or hub sees it: packets to endpoints, each answered at once. A device that has nothing
 * yet answers NAK and tells through its upstream port when that changes, so that nobody needs to ask again and no
 * transfer is ever in flight when a state is saved. [USB2] 8.4, 8.5.
 */
import type { Device } from '../device.ts';
import type { UsbSpeed } from './descriptors.ts';

export type Handshake = 'ack' | 'nak' | 'stall';

/** A packet from the device, or why there is none. */
export type PacketIn = Uint8Array | 'nak' | 'stall';

/** What a device tells the port that it is plugged into. */
export interface UpstreamPort {
  /** This endpoint, which answered NAK, does so no longer. endpoint: with ENDPOINT_IN for data from the device. */
  ready(device: UsbDevice, endpoint: number): void;
}

export interface UsbDevice extends Device {
  readonly name: string;
  /** All that it can do. */
  readonly speeds: readonly UsbSpeed[];
  /** What it and its port agreed on when it was plugged in; part of the wiring, not of the state. */
  speed: UsbSpeed;
  /** Given by the port it is plugged into. */
  upstream: UpstreamPort | undefined;
  /** The guest uses it: it has a configuration. */
  readonly configured: boolean;
  /** The host lets it wake up the bus. */
  readonly mayWakeUp: boolean;
  /** What a reset of its port does: back to the default state, address 0. [USB2] 9.1.1.3 */
  busReset(): void;
  /** This device, or one behind it, if a packet for the address comes by. */
  find(address: number): UsbDevice | undefined;
  /** The device on a hub's port, as xHCI's route strings ask for it; ports count from 1. */
  downstream(port: number): UsbDevice | undefined;
  /** The largest packet of an endpoint; endpoint 0 is one in both directions. */
  maxPacketBytes(endpoint: number): number;
  /** A SETUP packet to endpoint 0: 8 bytes, which no device refuses. */
  setup(packet: Uint8Array): void;
  packetIn(endpoint: number): PacketIn;
  packetOut(endpoint: number, data: Uint8Array): Handshake;
}
