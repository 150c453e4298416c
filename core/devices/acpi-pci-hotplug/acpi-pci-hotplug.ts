/**
 * Hot plug of PCI slots by ACPI: what the user plugged in and wants to take out, for the methods of the DSDT to ask, and
 * their answer that a slot may be emptied.
 *
 * [PCIHP] QEMU's docs/specs/acpi_pci_hotplug.rst. Not here: buses behind bridges.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { defineState, type StateOf, uint } from '../state-shape.ts';
import * as R from './acpi-pci-hotplug.regs.ts';

const WORD = 0xffff_ffff;
const SLOTS = 32;
const STATE = defineState('acpi-pci-hotplug', 1, {
  up: uint(WORD),
  down: uint(WORD),
  /** Slots with what was plugged in and can be taken out. */
  removable: uint(WORD),
  select: uint(WORD),
});

export interface AcpiPciHotplugPorts {
  /** The general-purpose event of PCI hot plug. */
  event(): void;
  /** The guest lets go of what is in a slot that it may let go of: take it out. */
  eject(slot: number): void;
}

/** PCI_HOTPLUG_PORTS ports from PCI_HOTPLUG_PORT. */
export class AcpiPciHotplug implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  #s: StateOf<typeof STATE> = { up: 0, down: 0, removable: 0, select: 0 };

  constructor(readonly ports: AcpiPciHotplugPorts) {}

  /** A guest that starts anew finds what is there by itself, and what was to go is gone. */
  reset(): void {
    this.#eject(this.#s.down);
    this.#s = { ...this.#s, up: 0, down: 0, select: 0 };
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#s = STATE.restore(state);
  }

  /** Something is in the slot since the machine was switched on, and can be taken out. */
  present(slot: number): void {
    this.#s.removable = withSlot(this.#s.removable, slot);
  }

  /** Something is in the slot now that the guest has not seen. */
  plugged(slot: number): void {
    this.present(slot);
    this.#s.up = withSlot(this.#s.up, slot);
    this.ports.event();
  }

  /** Asks the guest to let go of what is in the slot. False where nothing is that can be taken out. */
  requestEject(slot: number): boolean {
    if (!has(this.#s.removable, slot)) return false;
    this.#s.down = withSlot(this.#s.down, slot);
    this.ports.event();
    return true;
  }

  read(offset: number, size: AccessSize): number {
    const value = size === 4 ? this.#readRegister(offset) : undefined;
    if (value !== undefined) return value;
    this.counters.unknownReads++;
    return 2 ** (8 * size) - 1;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size === 4 && offset === R.PCI_SEL) this.#s.select = value;
    else if (size === 4 && offset === R.PCI_EJ) this.#eject(this.#s.select === 0 ? value : 0);
    else this.counters.unknownWrites++;
  }

  #readRegister(offset: number): number | undefined {
    const { up, down, removable, select } = this.#s;
    const here = select === 0;
    switch (offset) {
      case R.PCI_UP:
        if (here) this.#s.up = 0;
        return here ? up : 0;
      case R.PCI_DOWN:
        return here ? down : 0;
      case R.PCI_EJ:
        return 0;
      case R.PCI_RMV:
        return here ? removable : 0;
      case R.PCI_SEL:
        return select;
      default:
        return undefined;
    }
  }

  #eject(slots: number): void {
    const s = this.#s;
    const ejected = slots & s.removable;
    for (const register of ['up', 'down', 'removable'] as const) s[register] = (s[register] & ~ejected) >>> 0;
    for (let slot = 0; slot < SLOTS; slot++) if (has(ejected, slot)) this.ports.eject(slot);
  }
}

const has = (slots: number, slot: number): boolean => ((slots >>> slot) & 1) !== 0;
const withSlot = (slots: number, slot: number): number => (slots | (1 << slot)) >>> 0;
