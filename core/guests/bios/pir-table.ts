/** The $PIR table: which interrupt router input each slot's pins lead to. [PIR] Microsoft PCI IRQ Routing Table 1.0. */
import type { Listing } from './listing.ts';

const SLOTS = 31;
/** IRQ 10 and 11. */
const POSSIBLE = 0x0c00;
const FIRST_ROUTER_REGISTER = 0x60;

export function pirTable(p: Listing): void {
  const bytes = 32 + SLOTS * 16;
  const table = new Uint8Array(bytes);
  const view = new DataView(table.buffer);
  table.set([0x24, 0x50, 0x49, 0x52, 0, 1]); // "$PIR", version 1.0
  view.setUint16(6, bytes, true);
  table[9] = 1 << 3; // the router: device 1
  view.setUint32(12, 0x7000_8086, true); // compatible with the PIIX3
  for (let slot = 1; slot <= SLOTS; slot++) {
    const at = 32 + (slot - 1) * 16;
    table[at + 1] = slot << 3;
    for (let pin = 0; pin < 4; pin++) {
      table[at + 2 + pin * 3] = FIRST_ROUTER_REGISTER + ((pin + slot - 1) & 3);
      view.setUint16(at + 3 + pin * 3, POSSIBLE, true);
    }
    table[at + 14] = slot;
  }
  table[31] = -table.reduce((sum, byte) => sum + byte, 0) & 0xff;
  p.align(16);
  p.bind('pir_table');
  p.bytes(...table);
}
