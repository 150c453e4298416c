/**
 * The descriptors of a device, from one small table for each. [USB2] 9.6, [USB3] 9.6.2 and 9.6.7.
 */
import * as U from './usb.regs.ts';

export type UsbSpeed = 'low' | 'full' | 'high' | 'super';

export interface EndpointTable {
  /** Number, with ENDPOINT_IN for one that gives data. */
  readonly address: number;
  readonly type: typeof U.TRANSFER_BULK | typeof U.TRANSFER_INTERRUPT;
  readonly maxPacketBytes: number;
  /** Of an interrupt endpoint; rounded to what the speed can say. */
  readonly intervalMs?: number;
}

/** A device with one configuration of one interface, as all of ours are. */
export interface DescriptorTable {
  readonly vendorId: number;
  readonly productId: number;
  /** iManufacturer, iProduct, iSerialNumber. */
  readonly strings: readonly [manufacturer: string, product: string, serial: string];
  /** Of the device; 0 where its interface has the class. */
  readonly deviceClass?: number;
  readonly attributes: number;
  readonly interfaceClass: readonly [baseClass: number, subClass: number, protocol: number];
  /** Class descriptors between the interface's and its endpoints'. */
  readonly classDescriptors?: Uint8Array;
  readonly endpoints: readonly EndpointTable[];
}

const LANGUAGE_ENGLISH_US = 0x0409;
export const CONFIGURATION_VALUE = 1;
/** In 2 mA; a promise nobody keeps here. */
const MAX_POWER = 50;
const SPEED_VERSION: Readonly<Record<UsbSpeed, number>> = { low: 0x0110, full: 0x0200, high: 0x0200, super: 0x0300 };

/** What endpoint 0 takes at a time: low speed 8, super speed 512. */
export function controlPacketBytes(speed: UsbSpeed): number {
  if (speed === 'low') return 8;
  return speed === 'super' ? 512 : 64;
}

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];

/** A descriptor: its length and type before its fields. */
export const descriptor = (type: number, ...fields: number[]): number[] => [fields.length + 2, type, ...fields];

function deviceFields(table: DescriptorTable, speed: UsbSpeed): number[] {
  const packet = controlPacketBytes(speed);
  // Super speed gives a power of two. [USB3] table 9-8
  return [...word(SPEED_VERSION[speed]), table.deviceClass ?? 0, 0, 0, speed === 'super' ? Math.log2(packet) : packet];
}

export function deviceDescriptor(table: DescriptorTable, speed: UsbSpeed): Uint8Array {
  const ids = [...word(table.vendorId), ...word(table.productId), ...word(0x0100)];
  return Uint8Array.from(descriptor(U.DT_DEVICE, ...deviceFields(table, speed), ...ids, 1, 2, 3, 1));
}

/** How the device would be at the other of full and high speed. [USB2] 9.6.2 */
export function qualifierDescriptor(table: DescriptorTable, speed: UsbSpeed): Uint8Array {
  const other = speed === 'high' ? 'full' : 'high';
  return Uint8Array.from(descriptor(U.DT_DEVICE_QUALIFIER, ...deviceFields(table, other), 1, 0));
}

/** Frames at low and full speed, a power of two microframes at the others. [USB2] table 9-13 */
function interval(ms: number, speed: UsbSpeed): number {
  return speed === 'low' || speed === 'full' ? ms : Math.round(Math.log2(ms * 8)) + 1;
}

function endpointDescriptors(endpoint: EndpointTable, speed: UsbSpeed): number[] {
  const { address, type, maxPacketBytes, intervalMs = 0 } = endpoint;
  const polled = type === U.TRANSFER_INTERRUPT ? interval(intervalMs, speed) : 0;
  const own = descriptor(U.DT_ENDPOINT, address, type, ...word(maxPacketBytes), polled);
  if (speed !== 'super') return own;
  const bytesPerInterval = type === U.TRANSFER_INTERRUPT ? maxPacketBytes : 0;
  return [...own, ...descriptor(U.DT_SS_ENDPOINT_COMPANION, 0, 0, ...word(bytesPerInterval))];
}

/** The configuration with all that belongs to it, as one reply. [USB2] 9.6.3 */
export function configurationDescriptor(table: DescriptorTable, speed: UsbSpeed): Uint8Array {
  const { endpoints, interfaceClass, classDescriptors = [] } = table;
  const parts = [
    ...descriptor(U.DT_INTERFACE, 0, 0, endpoints.length, ...interfaceClass, 0),
    ...classDescriptors,
    ...endpoints.flatMap((endpoint) => endpointDescriptors(endpoint, speed)),
  ];
  const total = word(parts.length + 9);
  const own = descriptor(U.DT_CONFIGURATION, ...total, 1, CONFIGURATION_VALUE, 0, table.attributes, MAX_POWER);
  return Uint8Array.from([...own, ...parts]);
}

/** index 0 is the list of languages. Undefined for a string that does not exist. */
export function stringDescriptor(table: DescriptorTable, index: number): Uint8Array | undefined {
  if (index === 0) return Uint8Array.from(descriptor(U.DT_STRING, ...word(LANGUAGE_ENGLISH_US)));
  const text = table.strings[index - 1];
  if (text === undefined) return undefined;
  const units = Array.from({ length: text.length }, (_, i) => word(text.charCodeAt(i)));
  return Uint8Array.from(descriptor(U.DT_STRING, ...units.flat()));
}

/** What a super-speed device can do: USB 2.0 extension and SuperSpeed capability. [USB3] 9.6.2 */
export function bosDescriptor(): Uint8Array {
  const extension = descriptor(U.DT_DEVICE_CAPABILITY, 2, 0, 0, 0, 0);
  // Works from full speed on; no U1 and U2 latency.
  const superSpeed = descriptor(U.DT_DEVICE_CAPABILITY, 3, 0, ...word(0x000e), 1, 0, ...word(0));
  const parts = [...extension, ...superSpeed];
  return Uint8Array.from([...descriptor(U.DT_BOS, ...word(parts.length + 5), 2), ...parts]);
}
