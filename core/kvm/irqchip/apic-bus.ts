/**
 * Interrupt messages between IOAPIC, local APICs and MSI, and who accepts them [SDM: "Issuing Interprocessor
 * Interrupts", "Determining IPI Destination", "Lowest Priority Delivery Mode"]. A message is one word laid out as
 * ICR's low half (lapic-regs.ts) and a destination.
 *
 * Lowest priority: among the software-enabled APICs that match, the one with the lowest processor priority class,
 * equal ones in turn (KVM takes turns only).
 */

import type { Lapic } from './lapic.ts';
import {
  DELIVERY_MODE_MASK,
  DEST_LOGICAL,
  INT_ASSERT,
  MODE_FIXED,
  MODE_LOWEST,
  SHORTHAND_ALL,
  SHORTHAND_MASK,
  SHORTHAND_OTHERS,
  SHORTHAND_SELF,
  TRIGGER_LEVEL,
  VECTOR_MASK,
} from './lapic-regs.ts';

const BROADCAST = 0xff;
const X2APIC_BROADCAST = 0xffff_ffff;

const MSI_ADDRESS_MASK = 0xfff0_0000;
const MSI_ADDRESS = 0xfee0_0000;
const MSI_REDIRECTION_HINT = 1 << 3;
const MSI_LOGICAL = 1 << 2;

export class ApicBus {
  /** By vCPU id; may have holes. */
  readonly lapics: (Lapic | undefined)[] = [];

  /**
   * Delivers to every APIC the message names; true when at least one accepted it.
   * @param destination APIC id or logical mask as the sender has it: 8 bits, or 32 from an x2APIC
   * @param source the sending APIC of an IPI, null for IOAPIC and MSI
   * @hot
   */
  deliver(message: number, destination: number, source: Lapic | null): boolean {
    let word = message;
    const shorthand = word & SHORTHAND_MASK;
    if ((word & DELIVERY_MODE_MASK) === MODE_LOWEST) {
      const broadcast = destination === BROADCAST || destination === X2APIC_BROADCAST;
      if (shorthand !== 0 || (word & DEST_LOGICAL) !== 0 || !broadcast) {
        return this.#deliverLowest(word, destination, source);
      }
      word = (word & ~DELIVERY_MODE_MASK) | MODE_FIXED; // a physical broadcast has no lowest: KVM sends it to all
    }
    let accepted = false;
    for (let i = 0; i < this.lapics.length; i++) {
      const lapic = this.lapics[i];
      if (lapic === undefined || !this.#addressed(lapic, word, destination, source)) continue;
      if (lapic.accept(word)) accepted = true;
    }
    return accepted;
  }

  /** A write of `data` to `address` in the MSI window; anything else is no MSI and is dropped. */
  signalMsi(address: number, data: number): boolean {
    if (address > 0xffff_ffff || (address & MSI_ADDRESS_MASK) !== (MSI_ADDRESS | 0)) return false;
    let message = (data & (VECTOR_MASK | DELIVERY_MODE_MASK | TRIGGER_LEVEL)) | INT_ASSERT;
    if ((address & MSI_LOGICAL) !== 0) message |= DEST_LOGICAL;
    if ((address & MSI_REDIRECTION_HINT) !== 0 && (message & DELIVERY_MODE_MASK) === MODE_FIXED) message |= MODE_LOWEST;
    return this.deliver(message, (address >>> 12) & 0xff, null);
  }

  #deliverLowest(message: number, destination: number, source: Lapic | null): boolean {
    let lowest: Lapic | undefined;
    for (let i = 0; i < this.lapics.length; i++) {
      const lapic = this.lapics[i];
      if (lapic === undefined || !lapic.softwareEnabled) continue;
      if (!this.#addressed(lapic, message, destination, source)) continue;
      if (lowest === undefined || lapic.comparePriority(lowest) < 0) lowest = lapic;
    }
    return lowest?.accept(message) ?? false;
  }

  #addressed(lapic: Lapic, message: number, destination: number, source: Lapic | null): boolean {
    if (!lapic.hardwareEnabled) return false;
    switch (message & SHORTHAND_MASK) {
      case SHORTHAND_SELF:
        return lapic === source;
      case SHORTHAND_ALL:
        return true;
      case SHORTHAND_OTHERS:
        return lapic !== source;
    }
    // Devices address an x2APIC with 8 bits too; their 0xff means everyone.
    const broadcast = lapic.x2apic && source !== null ? X2APIC_BROADCAST : BROADCAST;
    if (destination === broadcast || (lapic.x2apic && destination === X2APIC_BROADCAST)) return true;
    return (message & DEST_LOGICAL) !== 0 ? lapic.matchesLogical(destination) : lapic.matchesPhysical(destination);
  }
}
