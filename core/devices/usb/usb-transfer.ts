/**
 * A transfer as its controller does it: packets to one endpoint until all is moved, a short packet ends it, or the device
 * answers something else. [USB2] 8.5.2, 8.7.3.
 */

import { ENDPOINT_IN } from './usb.regs.ts';
import type { UsbDevice } from './usb-device.ts';

export interface TransferResult {
  /** 'ack': it is done; with fewer bytes than asked for, by a short packet. The others: so far. */
  readonly outcome: 'ack' | 'nak' | 'stall' | 'babble';
  readonly bytes: number;
}

/** Fills data from an IN endpoint. */
export function transferIn(device: UsbDevice, endpoint: number, data: Uint8Array): TransferResult {
  const maxPacket = device.maxPacketBytes(endpoint | ENDPOINT_IN);
  let bytes = 0;
  do {
    const packet = device.packetIn(endpoint);
    if (packet === 'nak' || packet === 'stall') return { outcome: packet, bytes };
    if (packet.length > data.length - bytes) return { outcome: 'babble', bytes };
    data.set(packet, bytes);
    bytes += packet.length;
    if (packet.length < maxPacket) break;
  } while (bytes < data.length);
  return { outcome: 'ack', bytes };
}

/** Sends data to an OUT endpoint; no bytes are one empty packet. */
export function transferOut(device: UsbDevice, endpoint: number, data: Uint8Array): TransferResult {
  const maxPacket = device.maxPacketBytes(endpoint);
  let bytes = 0;
  do {
    const packet = data.subarray(bytes, bytes + maxPacket);
    const handshake = device.packetOut(endpoint, packet);
    if (handshake !== 'ack') return { outcome: handshake, bytes };
    bytes += packet.length;
  } while (bytes < data.length);
  return { outcome: 'ack', bytes };
}
