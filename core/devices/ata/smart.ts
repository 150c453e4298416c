/** SMART data of a drive that is well. [ACS] ATA8-ACS 7.53; each structure's bytes add up to zero. */
import { BLOCK_SECTOR_SIZE } from '../../backends/block/port.ts';

const REVISION = 16;
/** Attributes that hold for a drive without a mechanism: number, flags, value, threshold. */
const ATTRIBUTES = [
  { id: 1, flags: 0x0003, value: 100, threshold: 6 }, // raw read error rate
  { id: 5, flags: 0x0003, value: 100, threshold: 36 }, // reallocated sectors
  { id: 9, flags: 0x0003, value: 100, threshold: 0 }, // power-on hours
] as const;
const ATTRIBUTES_START = 2;
const ATTRIBUTE_BYTES = 12;
const OFFLINE_CAPABILITY = 367;
const SMART_CAPABILITY = 368;

function sealed(bytes: Uint8Array): Uint8Array {
  bytes[BLOCK_SECTOR_SIZE - 1] = -bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0) & 0xff;
  return bytes;
}

function structure(): Uint8Array {
  const bytes = new Uint8Array(BLOCK_SECTOR_SIZE);
  bytes[0] = REVISION;
  return bytes;
}

export function smartData(): Uint8Array {
  const bytes = structure();
  ATTRIBUTES.forEach(({ id, flags, value }, i) => {
    bytes.set([id, flags, 0, value, value], ATTRIBUTES_START + i * ATTRIBUTE_BYTES);
  });
  bytes[OFFLINE_CAPABILITY] = 0; // no off-line tests
  bytes[SMART_CAPABILITY] = 3; // saves its data by itself
  return sealed(bytes);
}

export function smartThresholds(): Uint8Array {
  const bytes = structure();
  ATTRIBUTES.forEach(({ id, threshold }, i) => {
    bytes.set([id, threshold], ATTRIBUTES_START + i * ATTRIBUTE_BYTES);
  });
  return sealed(bytes);
}

/** There are no logs but this one. */
export function smartLogDirectory(): Uint8Array {
  const bytes = new Uint8Array(BLOCK_SECTOR_SIZE);
  bytes[0] = 1;
  return bytes;
}
