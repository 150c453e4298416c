/**
 * The 256 bytes of configuration space of one PCI function, as a register file with a mask of writable bits; every PCI
 * device of this program has one.
 *
 * [PCI] PCI Local Bus Specification 3.0, 6.1 (header), 6.2.5 (base address registers). Reserved registers read zero,
 * as 6.1 asks. Not here: bridges (header type 1), expansion ROMs, capability lists, configuration space beyond 256
 * bytes.
 */
import type { AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { byteArray, defineState, type StateShape } from '../state-shape.ts';
import * as R from './pci.regs.ts';

/** One function on a PCI bus. Offsets are 0..255; an access never crosses the end of a 32-bit register. */
export interface PciFunction {
  readConfig(offset: number, size: AccessSize): number;
  writeConfig(offset: number, size: AccessSize, value: number): void;
}

/** Bytes of the VM's shared memory, which guests reach without exits. */
export interface BarMemory {
  /** In the VM's shared memory, page-aligned. */
  readonly offset: number;
  /** Which pages were written is asked for. */
  readonly logsDirty?: boolean;
}

/** A base address register. A 64-bit one takes the next number too. */
export interface BarSpec {
  /** 0..5 */
  index: number;
  kind: 'io' | 'memory32' | 'memory64';
  /** A power of two; at least 4 for I/O, 16 for memory. */
  sizeBytes: number;
  prefetchable?: boolean;
  /** What answers there: registers, or memory that the machine maps as a slot. */
  region?: IoRegion;
  memory?: BarMemory;
  /** The window moved to this address, or (undefined) decodes no longer: by the register or the command register. */
  mapped?(base: number | undefined): void;
}

export interface PciHeader {
  /** In messages and errors. */
  name: string;
  vendorId: number;
  deviceId: number;
  revisionId?: number;
  /** Base class, sub-class and interface as 24 bits. */
  classCode: number;
  multifunction?: boolean;
  subsystemVendorId?: number;
  subsystemId?: number;
  /** 1 INTA .. 4 INTD; absent for none. */
  interruptPin?: number;
  /** What firmware wrote to the interrupt line register. */
  interruptLine?: number;
  /** Power-on value and writable bits of the command register; by default off, and what the BARs call for. */
  command?: { value: number; writable: number };
  bars?: readonly BarSpec[];
}

export class PciConfigSpace implements PciFunction, Device {
  /** Configuration space has no unknown registers: what is reserved reads zero. */
  readonly counters = { unknownReads: 0, unknownWrites: 0 };
  readonly #powerOn = new DataView(new ArrayBuffer(R.CONFIG_SPACE_SIZE));
  readonly #writable = new DataView(new ArrayBuffer(R.CONFIG_SPACE_SIZE));
  readonly #bytes = new Uint8Array(R.CONFIG_SPACE_SIZE);
  readonly #bars: readonly BarSpec[];
  readonly #mapped = new Map<BarSpec, number | undefined>();
  readonly #listeners: (() => void)[] = [];
  readonly #shape: StateShape<{ bytes: Uint8Array }>;

  constructor(header: PciHeader) {
    this.#bars = header.bars ?? [];
    this.#shape = defineState(header.name, 1, { bytes: byteArray(R.CONFIG_SPACE_SIZE) }, (s) =>
      this.#mismatch(s.bytes),
    );
    this.#defineHeader(header);
    for (const bar of this.#bars) this.#defineBar(bar);
    this.#bytes.set(new Uint8Array(this.#powerOn.buffer));
  }

  /** Adds a register (little endian), before the first reset: its power-on value and which bits a guest can change. */
  define(offset: number, size: AccessSize, value: number, writable = 0): this {
    for (let i = 0; i < size; i++) {
      this.#powerOn.setUint8(offset + i, (value >>> (8 * i)) & 0xff);
      this.#writable.setUint8(offset + i, (writable >>> (8 * i)) & 0xff);
      this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff;
    }
    return this;
  }

  /** Calls the listener after every write, reset and restore, to act on registers that `define` added. */
  onChange(listener: () => void): this {
    this.#listeners.push(listener);
    return this;
  }

  reset(): void {
    this.#bytes.set(new Uint8Array(this.#powerOn.buffer));
    this.#changed();
  }

  save(): DeviceState {
    return this.#shape.save({ bytes: this.#bytes });
  }

  restore(state: DeviceState): void {
    this.#bytes.set(this.#shape.restore(state).bytes);
    this.#changed();
  }

  readConfig(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.#bytes[offset + i] ?? 0xff) << (8 * i);
    return value >>> 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < R.CONFIG_SPACE_SIZE; i++) {
      const writable = this.#writable.getUint8(offset + i);
      const kept = (this.#bytes[offset + i] ?? 0) & ~writable;
      this.#bytes[offset + i] = kept | ((value >>> (8 * i)) & writable);
    }
    this.#changed();
  }

  #defineHeader(header: PciHeader): void {
    const io = this.#bars.some((bar) => bar.kind === 'io') ? R.COMMAND_IO : 0;
    const memory = this.#bars.some((bar) => bar.kind !== 'io') ? R.COMMAND_MEMORY : 0;
    const always = R.COMMAND_MASTER | R.COMMAND_PARITY | R.COMMAND_SERR | R.COMMAND_INTX_DISABLE;
    const command = header.command ?? { value: 0, writable: io | memory | always };
    this.define(R.VENDOR_ID, 2, header.vendorId);
    this.define(R.DEVICE_ID, 2, header.deviceId);
    this.define(R.COMMAND, 2, command.value, command.writable);
    this.define(R.STATUS, 2, R.STATUS_DEVSEL_MEDIUM);
    this.define(R.REVISION_ID, 4, ((header.classCode << 8) | (header.revisionId ?? 0)) >>> 0);
    this.define(R.HEADER_TYPE, 1, header.multifunction ? R.HEADER_MULTIFUNCTION : 0);
    this.define(R.SUBSYSTEM_VENDOR_ID, 2, header.subsystemVendorId ?? 0);
    this.define(R.SUBSYSTEM_ID, 2, header.subsystemId ?? 0);
    this.define(R.INTERRUPT_LINE, 1, header.interruptLine ?? 0, 0xff);
    this.define(R.INTERRUPT_PIN, 1, header.interruptPin ?? 0);
  }

  /** The address bits below the size stay zero: writing ones and reading back tells the size. [PCI] 6.2.5.1 */
  #defineBar(bar: BarSpec): void {
    const slots = bar.kind === 'memory64' ? 2 : 1;
    const minimum = bar.kind === 'io' ? 4 : 16;
    if (bar.index < 0 || bar.index + slots > R.BAR_COUNT || bar.sizeBytes < minimum || !isPowerOfTwo(bar.sizeBytes)) {
      throw new RangeError(`BAR ${bar.index} of ${bar.sizeBytes} bytes cannot be: check its index, size and kind`);
    }
    const offset = R.BAR0 + 4 * bar.index;
    const mask = ~BigInt(bar.sizeBytes - 1);
    const type =
      bar.kind === 'io'
        ? R.BAR_IO
        : (bar.kind === 'memory64' ? R.BAR_MEMORY_64 : 0) | (bar.prefetchable ? R.BAR_PREFETCHABLE : 0);
    this.define(offset, 4, type, Number(BigInt.asUintN(32, mask)));
    if (slots === 2) this.define(offset + 4, 4, 0, Number(BigInt.asUintN(32, mask >> 32n)));
    this.#mapped.set(bar, undefined);
  }

  /** The address a BAR decodes at, or undefined. Zero is no address. */
  #base(bar: BarSpec): number | undefined {
    const enable = bar.kind === 'io' ? R.COMMAND_IO : R.COMMAND_MEMORY;
    if (!(this.readConfig(R.COMMAND, 2) & enable)) return undefined;
    const offset = R.BAR0 + 4 * bar.index;
    const low = this.readConfig(offset, 4) & (bar.kind === 'io' ? ~0x3 : ~0xf);
    const high = bar.kind === 'memory64' ? this.readConfig(offset + 4, 4) : 0;
    return high * 2 ** 32 + (low >>> 0) || undefined;
  }

  #changed(): void {
    for (const bar of this.#bars) {
      const base = this.#base(bar);
      if (base === this.#mapped.get(bar)) continue;
      this.#mapped.set(bar, base);
      bar.mapped?.(base);
    }
    for (const listener of this.#listeners) listener();
  }

  /** What no guest could have written is not from a save(). */
  #mismatch(bytes: Uint8Array): string | undefined {
    const at = bytes.findIndex((byte, i) => ((byte ^ this.#powerOn.getUint8(i)) & ~this.#writable.getUint8(i)) !== 0);
    return at < 0 ? undefined : `read-only byte ${at} is ${bytes[at]}`;
  }
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));
