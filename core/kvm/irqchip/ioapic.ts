/**
 * The 82093AA I/O APIC with 24 pins, version 0x11, as in KVM. [82093AA] Intel 82093AA data sheet, section 3.
 *
 * A level-triggered pin stays quiet from delivery to the EOI of its vector (remote IRR) and is delivered again then
 * if the line is still active. An edge on a masked pin is lost, as the data sheet says. Turning an entry to edge
 * clears remote IRR, which some systems use in place of the EOI register this version lacks.
 * Not emulated: polarity (lines are logical levels), delivery status (delivery is instant), moving the base address.
 */

import { INT_ASSERT, TRIGGER_LEVEL, VECTOR_MASK } from './lapic-regs.ts';

export const IOAPIC_BASE = 0xfec0_0000;
export const IOAPIC_SIZE = 0x100;
export const IOAPIC_NUM_PINS = 24;

// [82093AA] 3.1: memory-mapped registers
const IOREGSEL = 0x00; // RW
const IOWIN = 0x10; //    RW
// [82093AA] 3.2: registers behind IOWIN
const IOAPICID = 0x00; //  RW   bits 27:24
const IOAPICVER = 0x01; // RO   last pin in 23:16, version
const IOAPICARB = 0x02; // RO   arbitration id in 27:24, loaded when the id is written
const IOREDTBL = 0x10; //  RW   two registers a pin

const VERSION = ((IOAPIC_NUM_PINS - 1) << 16) | 0x11;

const REMOTE_IRR = 1 << 14;
const MASKED = 1 << 16;
/** Low half of an entry: vector, mode, destination mode, polarity, trigger, mask. Its high half: destination. */
const ENTRY_LOW_WRITABLE = 0x1_afff;
const ENTRY_HIGH_WRITABLE = 0xff00_0000;
/** The part of an entry that is the message on the bus. */
const MESSAGE_MASK = 0x8fff;

export interface RedirectionEntry {
  low: number;
  high: number;
}

/** The fields of struct kvm_ioapic_state that change. */
export interface IoapicState {
  ioregsel: number;
  /** 0 to 15 */
  id: number;
  /** Active lines that are not delivered edges. */
  irr: number;
  redirtbl: readonly Readonly<RedirectionEntry>[];
}

export interface IoapicPorts {
  /** A message laid out as ICR's low half; false when no local APIC takes it. */
  send(message: number, destination: number): boolean;
}

export class Ioapic {
  readonly #ports: IoapicPorts;
  readonly #entries: RedirectionEntry[] = [];
  #ioregsel = 0;
  #id = 0;
  /** One bit a pin: the line's level. */
  #irr = 0;
  /** Edges delivered whose line is still high. */
  #irrDelivered = 0;

  constructor(ports: IoapicPorts) {
    this.#ports = ports;
    for (let pin = 0; pin < IOAPIC_NUM_PINS; pin++) this.#entries.push({ low: MASKED, high: 0 });
  }

  reset(): void {
    this.#ioregsel = 0;
    this.#id = 0;
    this.#irr = 0;
    this.#irrDelivered = 0;
    for (const entry of this.#entries) {
      entry.low = MASKED;
      entry.high = 0;
    }
  }

  /** True when a local APIC took it now. @hot */
  setIrq(pin: number, level: number): boolean {
    const entry = this.#entries[pin];
    if (entry === undefined) return false;
    const mask = 1 << pin;
    if (level === 0) {
      this.#irr &= ~mask;
      this.#irrDelivered &= ~mask;
      return false;
    }
    const rising = (this.#irr & mask) === 0;
    this.#irr |= mask;
    if ((entry.low & TRIGGER_LEVEL) === 0 && !rising) return false;
    return this.#deliver(pin, entry);
  }

  /** EOI of a level-triggered vector. @hot */
  eoi(vector: number): void {
    for (let pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
      const entry = this.#entries[pin];
      if (entry === undefined || (entry.low & VECTOR_MASK) !== vector || (entry.low & TRIGGER_LEVEL) === 0) continue;
      entry.low &= ~REMOTE_IRR;
      if ((this.#irr & (1 << pin)) !== 0) this.#deliver(pin, entry);
    }
  }

  vectorOf(pin: number): number {
    return (this.#entries[pin]?.low ?? 0) & VECTOR_MASK;
  }

  isMasked(pin: number): boolean {
    return ((this.#entries[pin]?.low ?? MASKED) & MASKED) !== 0;
  }

  /** The pin whose entry a write to `offset` changes now, or -1. */
  entryWrittenBy(offset: number): number {
    return offset === IOWIN && this.#ioregsel >= IOREDTBL ? (this.#ioregsel - IOREDTBL) >> 1 : -1;
  }

  /** @param offset 0 to IOAPIC_SIZE - 1; at other offsets than IOREGSEL and IOWIN it is 0 */
  read(offset: number): number {
    if (offset === IOREGSEL) return this.#ioregsel;
    return offset === IOWIN ? this.#readRegister() : 0;
  }

  write(offset: number, value: number): void {
    if (offset === IOREGSEL) this.#ioregsel = value & 0xff;
    else if (offset === IOWIN) this.#writeRegister(value);
  }

  state(): IoapicState {
    return {
      ioregsel: this.#ioregsel,
      id: this.#id,
      irr: this.#irr & ~this.#irrDelivered,
      redirtbl: this.#entries,
    };
  }

  /** Pins that were waiting are delivered now. */
  restore(state: IoapicState): void {
    this.#ioregsel = state.ioregsel & 0xff;
    this.#id = state.id & 0xf;
    this.#irr = 0;
    this.#irrDelivered = 0;
    this.#entries.forEach((entry, pin) => {
      entry.low = (state.redirtbl[pin]?.low ?? MASKED) & (ENTRY_LOW_WRITABLE | REMOTE_IRR);
      entry.high = (state.redirtbl[pin]?.high ?? 0) & ENTRY_HIGH_WRITABLE;
    });
    for (let pin = 0; pin < IOAPIC_NUM_PINS; pin++) this.setIrq(pin, (state.irr >> pin) & 1);
  }

  #readRegister(): number {
    if (this.#ioregsel === IOAPICVER) return VERSION;
    if (this.#ioregsel === IOAPICID || this.#ioregsel === IOAPICARB) return this.#id << 24;
    const entry = this.#entries[(this.#ioregsel - IOREDTBL) >> 1];
    if (entry === undefined) return 0xffff_ffff;
    return ((this.#ioregsel & 1) !== 0 ? entry.high : entry.low) >>> 0;
  }

  #writeRegister(value: number): void {
    if (this.#ioregsel === IOAPICID) this.#id = (value >>> 24) & 0xf;
    const pin = (this.#ioregsel - IOREDTBL) >> 1;
    const entry = this.#entries[pin];
    if (entry === undefined) return;
    if ((this.#ioregsel & 1) !== 0) {
      entry.high = value & ENTRY_HIGH_WRITABLE;
    } else {
      const remoteIrr = (value & TRIGGER_LEVEL) !== 0 ? entry.low & REMOTE_IRR : 0;
      entry.low = (value & ENTRY_LOW_WRITABLE) | remoteIrr;
    }
    if ((entry.low & TRIGGER_LEVEL) !== 0 && (this.#irr & (1 << pin)) !== 0) this.#deliver(pin, entry);
  }

  #deliver(pin: number, entry: RedirectionEntry): boolean {
    if ((entry.low & (MASKED | REMOTE_IRR)) !== 0) return false;
    const level = (entry.low & TRIGGER_LEVEL) !== 0;
    if (!level) this.#irrDelivered |= 1 << pin;
    const taken = this.#ports.send((entry.low & MESSAGE_MASK) | INT_ASSERT, entry.high >>> 24);
    if (taken && level) entry.low |= REMOTE_IRR;
    return taken;
  }
}
