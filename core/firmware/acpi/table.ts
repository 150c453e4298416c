/**
 * The frame every ACPI system description table has: a 36-byte header and a checksum over the whole.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.6 (header), 5.2.3.2 (generic address structure).
 */
import { concat } from './aml.ts';

const OEM_ID = 'VIVARM';
const OEM_TABLE_ID = 'VIVARIUM';
const CREATOR_ID = 'VIVA';
const HEADER_LENGTH = 36;
const CHECKSUM_OFFSET = 9;

export type Acpi = Uint8Array;

/** The byte that makes `bytes` sum to zero, when its place now holds zero. */
function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

export function ascii(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(new TextEncoder().encode(text).subarray(0, length));
  return bytes;
}

export function table(signature: string, revision: number, body: Uint8Array): Acpi {
  const header = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(header.buffer);
  header.set(ascii(signature, 4), 0);
  view.setUint32(4, HEADER_LENGTH + body.length, true);
  header[8] = revision;
  header.set(ascii(OEM_ID, 6), 10);
  header.set(ascii(OEM_TABLE_ID, 8), 16);
  view.setUint32(24, 1, true); // OEM revision
  header.set(ascii(CREATOR_ID, 4), 28);
  view.setUint32(32, 1, true); // creator revision
  const bytes = concat(header, body);
  bytes[CHECKSUM_OFFSET] = checksum(bytes);
  return bytes;
}

/** RSDP of ACPI 2.0 and later, [ACPI] 5.2.5.3: its first 20 bytes are checked on their own for 1.0 readers. */
export function rsdp(rsdtAddress: number, xsdtAddress: number): Acpi {
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii('RSD PTR ', 8), 0);
  bytes.set(ascii(OEM_ID, 6), 9);
  bytes[15] = 2; // revision
  view.setUint32(16, rsdtAddress, true);
  view.setUint32(20, bytes.length, true);
  view.setBigUint64(24, BigInt(xsdtAddress), true);
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}
