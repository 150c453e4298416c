/**
 * HPET: where the high precision event timers are.
 *
 * Reference: [HPET] IA-PC HPET Specification 1.0a, 3.2.4.
 */
import { FASTEST_PERIOD_TICKS, GCAP_ID_LO, HPET_BASE } from '../../devices/hpet/hpet.regs.ts';
import { type Acpi, table } from './table.ts';

export function hpetTable(): Acpi {
  const REGISTER_BITS = 64;
  const view = new DataView(new ArrayBuffer(20));
  view.setUint32(0, GCAP_ID_LO, true);
  view.setUint8(5, REGISTER_BITS); // an address in memory
  view.setBigUint64(8, BigInt(HPET_BASE), true);
  view.setUint16(17, FASTEST_PERIOD_TICKS, true);
  return table('HPET', 1, new Uint8Array(view.buffer));
}
