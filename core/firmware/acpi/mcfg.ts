/**
 * MCFG: where memory-mapped PCI configuration space is.
 *
 * Reference: [PCIFW] PCI Firmware Specification 3.0, 4.1.2.
 */
import { type Acpi, table } from './table.ts';

export interface EcamWindow {
  readonly base: number;
  /** From bus 0 on. */
  readonly buses: number;
}

const RESERVED_BYTES = 8;
const ENTRY_BYTES = 16;

export function mcfg({ base, buses }: EcamWindow): Acpi {
  const view = new DataView(new ArrayBuffer(RESERVED_BYTES + ENTRY_BYTES));
  view.setBigUint64(RESERVED_BYTES, BigInt(base), true);
  view.setUint8(RESERVED_BYTES + 11, buses - 1); // the last bus
  return table('MCFG', 1, new Uint8Array(view.buffer));
}
