/**
 * SRAT: all processors and all memory are one node.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.16.
 */
import { splitRam } from '../e820.ts';
import { HIGH_RAM_START } from '../platform.ts';
import { concat } from './aml.ts';
import { type Acpi, table } from './table.ts';

const ENABLED = 1;
const NODE = 0;
const HEADER_BYTES = 12;

/** A guest's RAM, and where it ends below 4 GiB at most. */
export interface RamLayout {
  readonly ramBytes: number;
  readonly holeStart: number;
}

export function srat(vcpus: number, { ramBytes, holeStart }: RamLayout): Acpi {
  const { lowBytes, highBytes } = splitRam(ramBytes, holeStart);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint32(0, 1, true); // reserved, and 1
  return table(
    'SRAT',
    3,
    concat(
      new Uint8Array(header.buffer),
      ...Array.from({ length: vcpus }, (_, apicId) => processorAffinity(apicId)),
      memoryAffinity(0, lowBytes),
      ...(highBytes > 0 ? [memoryAffinity(HIGH_RAM_START, highBytes)] : []),
    ),
  );
}

function processorAffinity(apicId: number): Uint8Array {
  return Uint8Array.of(0, 16, NODE, apicId, ENABLED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

function memoryAffinity(start: number, sizeBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(40));
  view.setUint8(0, 1);
  view.setUint8(1, view.byteLength);
  view.setUint32(2, NODE, true);
  view.setBigUint64(8, BigInt(start), true);
  view.setBigUint64(16, BigInt(sizeBytes), true);
  view.setUint32(28, ENABLED, true);
  return new Uint8Array(view.buffer);
}
