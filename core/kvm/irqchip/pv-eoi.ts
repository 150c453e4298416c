/**
 * End of interrupt by memory, MSR_KVM_PV_EOI_EN (Documentation/virt/kvm/x86/msr.rst): a guest that finds the bit of its
 * word set clears it instead of writing the EOI register, and the local APIC takes that as the EOI when it next looks.
 * The bit is set only when nothing else waits and no IOAPIC has to hear of the EOI; it is taken back at every look.
 */

const ENABLED = 1n;
const ALIGNMENT = 4n;
const PENDING = 1;

export interface PvEoiMemory {
  /** undefined where no memory is. */
  readGuest(gpa: number, size: number): Uint8Array | undefined;
  writeGuest(gpa: number, bytes: Uint8Array): boolean;
}

export class PvEoi {
  readonly #memory: PvEoiMemory;
  #msr = 0n;
  // Of the MSR, taken apart when it is set: both are asked for at every interrupt.
  #enabled = false;
  #gpa = 0;
  #offered = false;

  constructor(memory: PvEoiMemory) {
    this.#memory = memory;
  }

  get msr(): bigint {
    return this.#msr;
  }

  /** False: #GP. */
  setMsr(value: bigint): boolean {
    if ((value & ~ENABLED) % ALIGNMENT !== 0n) return false;
    this.#msr = value;
    this.#enabled = (value & ENABLED) !== 0n;
    this.#gpa = Number(value & ~ENABLED);
    this.#offered = false;
    return true;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** The guest may end the interrupt in service by its bit: the APIC does not know its state before take(). */
  get offered(): boolean {
    return this.#offered;
  }

  offer(): void {
    const word = this.#memory.readGuest(this.#gpa, 1);
    if (word === undefined) return;
    this.#offered = this.#memory.writeGuest(this.#gpa, Uint8Array.of((word[0] ?? 0) | PENDING));
  }

  /** Takes the offer back. True when the guest has used it: an EOI is due. */
  take(): boolean {
    if (!this.#offered) return false;
    this.#offered = false;
    const flags = this.#memory.readGuest(this.#gpa, 1)?.[0] ?? 0;
    if ((flags & PENDING) === 0) return true;
    this.#memory.writeGuest(this.#gpa, Uint8Array.of(flags & ~PENDING));
    return false;
  }
}
