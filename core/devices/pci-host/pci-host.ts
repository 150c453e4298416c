/**
 * PCI bus 0 and the two ways to its configuration space: mechanism 1, with the address port 0xcf8 and the data window
 * 0xcfc..0xcff, and the memory-mapped one (ECAM).
 *
 * [PCI] PCI Local Bus Specification 3.0, 3.2.2.3.2. [PCIe] PCI Express Base Specification 2.0, 7.2.2. Not emulated:
 * mechanism 2, buses behind bridges.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { bits, defineState } from '../state-shape.ts';
import * as R from './pci.regs.ts';
import type { PciFunction } from './pci-config-space.ts';

const SLOTS = 32;
const FUNCTIONS = 8;
const ALL_ONES: Readonly<Record<AccessSize, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff };

/** The functions of bus 0 by slot (device number) and function number. */
export class PciBus {
  readonly #functions = new Map<number, PciFunction>();

  /** Throws RangeError for a place that does not exist or is taken: the machine's table is wrong. */
  attach(slot: number, functionNumber: number, pciFunction: PciFunction): void {
    const place = slot * FUNCTIONS + functionNumber;
    const exists = slot >= 0 && slot < SLOTS && functionNumber >= 0 && functionNumber < FUNCTIONS;
    if (!exists || this.#functions.has(place)) {
      throw new RangeError(`PCI function 00:${slot}.${functionNumber} ${exists ? 'is taken' : 'does not exist'}`);
    }
    this.#functions.set(place, pciFunction);
  }

  /** Takes out what is in a slot. */
  detach(slot: number): void {
    for (let i = 0; i < FUNCTIONS; i++) {
      const place = slot * FUNCTIONS + i;
      this.#functions.get(place)?.unplugged?.();
      this.#functions.delete(place);
    }
  }

  /** devfn: slot * 8 + function. Undefined where nothing is plugged in. */
  functionAt(bus: number, devfn: number): PciFunction | undefined {
    return bus === 0 ? this.#functions.get(devfn) : undefined;
  }
}

/** Memory-mapped configuration space: 4 KiB a function. An access that is not aligned reaches nothing. */
export class Ecam implements IoRegion {
  constructor(readonly bus: PciBus) {}

  read(offset: number, size: AccessSize): number {
    return this.#target(offset, size)?.readConfig(offset & 0xfff, size) ?? ALL_ONES[size];
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.#target(offset, size)?.writeConfig(offset & 0xfff, size, value);
  }

  #target(offset: number, size: AccessSize): PciFunction | undefined {
    return offset % size === 0 ? this.bus.functionAt(offset >>> 20, (offset >>> 12) & 0xff) : undefined;
  }
}

const STATE = defineState('pci-host', 1, { configAddress: bits(R.CONFIG_ADDRESS_MASK) });

export interface PciHostPorts {
  bus: PciBus;
  /** One port, 0xcf9, which lies inside the address register but is the ISA bridge's when accessed by bytes. */
  resetControl: IoRegion;
}

/** Eight ports from CONFIG_ADDRESS_PORT. */
export class PciHost implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  #configAddress = 0;

  constructor(readonly ports: PciHostPorts) {}

  reset(): void {
    this.#configAddress = 0;
  }

  save(): DeviceState {
    return STATE.save({ configAddress: this.#configAddress });
  }

  restore(state: DeviceState): void {
    this.#configAddress = STATE.restore(state).configAddress;
  }

  read(offset: number, size: AccessSize): number {
    if (offset === R.CONFIG_ADDRESS && size === 4) return this.#configAddress;
    if (offset === R.RESET_CONTROL && size === 1) return this.ports.resetControl.read(0, 1);
    const target = this.#target(offset, size);
    if (target) return target.readConfig(this.#register(offset), size);
    this.counters.unknownReads++;
    return ALL_ONES[size];
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === R.CONFIG_ADDRESS && size === 4) {
      this.#configAddress = (value & R.CONFIG_ADDRESS_MASK) >>> 0;
    } else if (offset === R.RESET_CONTROL && size === 1) {
      this.ports.resetControl.write(0, 1, value);
    } else {
      const target = this.#target(offset, size);
      if (target) target.writeConfig(this.#register(offset), size, value);
      else this.counters.unknownWrites++;
    }
  }

  /** The function that an access to the data window reaches. */
  #target(offset: number, size: AccessSize): PciFunction | undefined {
    const address = this.#configAddress;
    const inWindow = offset >= R.CONFIG_DATA && offset + size <= R.CONFIG_PORTS;
    if (!inWindow || !(address & R.CONFIG_ENABLE)) return undefined;
    return this.ports.bus.functionAt((address >>> 16) & 0xff, (address >>> 8) & 0xff);
  }

  #register(offset: number): number {
    return (this.#configAddress & 0xfc) | (offset & 3);
  }
}
