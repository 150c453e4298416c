/**
 * The configuration space of one PCI function, as a register file that knows which bits a guest can change; every PCI
 * device of this program has one. 256 bytes, or 4 KiB for a PCI Express function.
 *
 * [PCI] PCI Local Bus Specification 3.0, 6.1 (header), 6.2.3 (status), 6.2.5 (base address registers, expansion ROM),
 * 6.7 (capabilities). Reserved registers read zero, as 6.1 asks. Not here: bridges (header type 1).
 */
import type { AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { byteArray, defineState, type StateShape } from '../state-shape.ts';
import * as R from './pci.regs.ts';

/** One function on a PCI bus. An access never crosses the end of a 32-bit register; beyond the space all ones are read. */
export interface PciFunction {
  readConfig(offset: number, size: AccessSize): number;
  writeConfig(offset: number, size: AccessSize, value: number): void;
  /** It is no longer on its bus. */
  unplugged?(): void;
}

/** Bytes of the VM's shared memory, which guests reach without exits. */
export interface BarMemory {
  /** In the VM's shared memory, page-aligned. */
  readonly offset: number;
  /** Which pages were written is asked for. */
  readonly logsDirty?: boolean;
  /** ROM: writes are dropped. */
  readonly readOnly?: boolean;
}

/** A base address register. A 64-bit one takes the next number too. */
export interface BarSpec {
  /** 0..5, or ROM_BAR */
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

/** The expansion ROM's place among the BARs. */
const ROM_BAR = R.BAR_COUNT;
/** Address bits of the expansion ROM register: 31 to 11. [PCI] 6.2.5.2 */
const SMALLEST_ROM = 1 << 11;

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
  /** Option ROM: code for firmware to run. */
  rom?: { sizeBytes: number; memory: BarMemory };
  /** 4 KiB of configuration space. */
  extended?: boolean;
}

/** What may change a register beside a guest's plain write. */
export interface RegisterBits {
  /** A guest clears these by writing ones. */
  clearable?: number;
  /** Changed by the device alone, with `put`. */
  own?: number;
}

interface ConfigState {
  bytes: Uint8Array;
  tables: Uint8Array;
}

export class PciConfigSpace implements PciFunction, Device {
  /** Configuration space has no unknown registers: what is reserved reads zero. */
  readonly counters = { unknownReads: 0, unknownWrites: 0 };
  readonly name: string;
  readonly bars: readonly BarSpec[];
  readonly #powerOn: Uint8Array;
  readonly #writable: Uint8Array;
  readonly #clearable: Uint8Array;
  readonly #own: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #mapped = new Map<BarSpec, number | undefined>();
  readonly #listeners: (() => void)[] = [];
  readonly #windowListeners: ((bar: BarSpec, base: number | undefined) => void)[] = [];
  /** Memory of capabilities outside of configuration space, each with its power-on content. */
  readonly #tables: { bytes: Uint8Array; powerOn: Uint8Array }[] = [];
  readonly #keptInSleep: number[] = [];
  #intxPin: IrqLine | undefined;
  #intxAsserted = false;
  #lastCapability = R.CAPABILITIES_POINTER - 1;
  #nextCapability = R.FIRST_CAPABILITY;

  constructor(header: PciHeader) {
    const size = header.extended ? R.EXTENDED_CONFIG_SPACE_SIZE : R.CONFIG_SPACE_SIZE;
    const bytes = (): Uint8Array => new Uint8Array(size);
    this.#powerOn = bytes();
    this.#writable = bytes();
    this.#clearable = bytes();
    this.#own = bytes();
    this.#bytes = bytes();
    this.name = header.name;
    const { rom } = header;
    const romBar: BarSpec[] = rom ? [{ index: ROM_BAR, kind: 'memory32', ...rom }] : [];
    this.bars = [...(header.bars ?? []), ...romBar];
    this.#defineHeader(header);
    for (const bar of this.bars) this.#defineBar(bar);
  }

  /** Adds a register (little endian), before the first reset: its power-on value and which bits a guest can change. */
  define(offset: number, size: AccessSize, value: number, writable = 0, bits: RegisterBits = {}): this {
    for (let i = 0; i < size; i++) {
      const byte = (word = 0): number => (word >>> (8 * i)) & 0xff;
      this.#powerOn[offset + i] = byte(value);
      this.#writable[offset + i] = byte(writable);
      this.#clearable[offset + i] = byte(bits.clearable);
      this.#own[offset + i] = byte(bits.own);
      this.#bytes[offset + i] = byte(value);
    }
    return this;
  }

  /** The device changes bits of a register that are its own or that guests clear. Listeners are not called. */
  put(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      const mask = (this.#clearable[at] ?? 0) | (this.#own[at] ?? 0);
      this.#bytes[at] = ((this.#bytes[at] ?? 0) & ~mask) | ((value >>> (8 * i)) & mask);
    }
  }

  /**
   * Appends a capability of `length` bytes, at `at` or behind the one before, and answers its offset. Its body, from the
   * third byte on, is the caller's to define.
   */
  addCapability(id: number, length: number, at = this.#nextCapability): number {
    if (at < R.FIRST_CAPABILITY || at % 4 !== 0 || at + length > R.CONFIG_SPACE_SIZE) {
      throw new RangeError(`${this.name}: no room for capability ${id} of ${length} bytes at ${at}`);
    }
    const status = (this.#powerOn[R.STATUS] ?? 0) | R.STATUS_CAPABILITIES;
    this.define(R.STATUS, 1, status, 0, { own: R.STATUS_INTERRUPT });
    this.define(this.#lastCapability + 1, 1, at);
    this.define(at, 1, id);
    this.define(at + 1, 1, 0);
    this.#lastCapability = at;
    this.#nextCapability = Math.ceil((at + length) / 4) * 4;
    return at;
  }

  /** Memory beside configuration space (a capability's table) that is reset, saved and restored with it. */
  addTable(powerOn: Uint8Array): Uint8Array {
    const bytes = powerOn.slice();
    this.#tables.push({ bytes, powerOn });
    return bytes;
  }

  /** Calls the listener after every write, reset and restore, to act on registers that `define` added. */
  onChange(listener: () => void): this {
    this.#listeners.push(listener);
    return this;
  }

  /** Calls the listener whenever a BAR's window moved, appeared or (undefined) went. */
  onWindow(listener: (bar: BarSpec, base: number | undefined) => void): void {
    this.#windowListeners.push(listener);
  }

  /** The device may read and write memory by itself. */
  get busMaster(): boolean {
    return (this.readConfig(R.COMMAND, 2) & R.COMMAND_MASTER) !== 0;
  }

  /**
   * The INTx line for the device to drive; `pin` is where it leads. The status register shows it, the command register
   * can keep it from the pin. [PCI] 6.2.2, 6.2.3
   */
  intx(pin: IrqLine): IrqLine {
    this.#intxPin = pin;
    return {
      set: (level) => {
        if (level === this.#intxAsserted) return;
        this.#intxAsserted = level;
        this.#driveIntx();
      },
    };
  }

  /** Its windows go with it. */
  unplugged(): void {
    this.reset();
  }

  reset(): void {
    this.#resetTo(this.#powerOn);
  }

  /** These registers stay as they are over S3. */
  keepInSleep(offset: number, length: number): this {
    for (let i = 0; i < length; i++) this.#keptInSleep.push(offset + i);
    return this;
  }

  resetFromSleep(): void {
    const bytes = this.#powerOn.slice();
    for (const at of this.#keptInSleep) bytes[at] = this.#bytes[at] ?? 0;
    this.#resetTo(bytes);
  }

  #resetTo(registers: Uint8Array): void {
    this.#bytes.set(registers);
    for (const { bytes, powerOn } of this.#tables) bytes.set(powerOn);
    this.#changed();
  }

  save(): DeviceState {
    const bytes = this.#bytes.slice();
    bytes[R.STATUS] = (bytes[R.STATUS] ?? 0) & ~R.STATUS_INTERRUPT; // a level: the device drives it again
    const tables = new Uint8Array(this.#tableBytes);
    let at = 0;
    for (const table of this.#tables) {
      tables.set(table.bytes, at);
      at += table.bytes.length;
    }
    return this.#shape().save({ bytes, tables });
  }

  restore(state: DeviceState): void {
    const { bytes, tables } = this.#shape().restore(state);
    this.#bytes.set(bytes);
    let at = 0;
    for (const table of this.#tables) {
      table.bytes.set(tables.subarray(at, at + table.bytes.length));
      at += table.bytes.length;
    }
    this.#changed();
  }

  readConfig(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.#bytes[offset + i] ?? 0xff) << (8 * i);
    return value >>> 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < this.#bytes.length; i++) {
      const at = offset + i;
      const byte = (value >>> (8 * i)) & 0xff;
      const writable = this.#writable[at] ?? 0;
      const kept = (this.#bytes[at] ?? 0) & ~writable & ~(byte & (this.#clearable[at] ?? 0));
      this.#bytes[at] = kept | (byte & writable);
    }
    this.#changed();
  }

  get #tableBytes(): number {
    return this.#tables.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #shape(): StateShape<ConfigState> {
    const fields = { bytes: byteArray(this.#bytes.length), tables: byteArray(this.#tableBytes) };
    return defineState<ConfigState>(this.name, 2, fields, ({ bytes }) => this.#mismatch(bytes));
  }

  #defineHeader(header: PciHeader): void {
    const io = this.bars.some((bar) => bar.kind === 'io') ? R.COMMAND_IO : 0;
    const memory = this.bars.some((bar) => bar.kind !== 'io') ? R.COMMAND_MEMORY : 0;
    const always = R.COMMAND_MASTER | R.COMMAND_PARITY | R.COMMAND_SERR | R.COMMAND_INTX_DISABLE;
    const command = header.command ?? { value: 0, writable: io | memory | always };
    this.define(R.VENDOR_ID, 2, header.vendorId);
    this.define(R.DEVICE_ID, 2, header.deviceId);
    this.define(R.COMMAND, 2, command.value, command.writable);
    this.define(R.STATUS, 2, R.STATUS_DEVSEL_MEDIUM, 0, { own: R.STATUS_INTERRUPT });
    this.define(R.REVISION_ID, 4, ((header.classCode << 8) | (header.revisionId ?? 0)) >>> 0);
    this.define(R.HEADER_TYPE, 1, header.multifunction ? R.HEADER_MULTIFUNCTION : 0);
    this.define(R.SUBSYSTEM_VENDOR_ID, 2, header.subsystemVendorId ?? 0);
    this.define(R.SUBSYSTEM_ID, 2, header.subsystemId ?? 0);
    this.define(R.INTERRUPT_LINE, 1, header.interruptLine ?? 0, 0xff);
    this.define(R.INTERRUPT_PIN, 1, header.interruptPin ?? 0);
  }

  /** The address bits below the size stay zero: writing ones and reading back tells the size. [PCI] 6.2.5.1 */
  #defineBar(bar: BarSpec): void {
    const rom = bar.index === ROM_BAR;
    const slots = bar.kind === 'memory64' ? 2 : 1;
    const minimum = rom ? SMALLEST_ROM : bar.kind === 'io' ? 4 : 16;
    const fits = rom || (bar.index >= 0 && bar.index + slots <= R.BAR_COUNT);
    if (!fits || bar.sizeBytes < minimum || !isPowerOfTwo(bar.sizeBytes)) {
      throw new RangeError(`BAR ${bar.index} of ${bar.sizeBytes} bytes cannot be: check its index, size and kind`);
    }
    const offset = registerOf(bar);
    const mask = ~BigInt(bar.sizeBytes - 1);
    const enable = rom ? R.EXPANSION_ROM_ENABLE : 0;
    this.define(offset, 4, rom ? 0 : typeBits(bar), Number(BigInt.asUintN(32, mask)) | enable);
    if (slots === 2) this.define(offset + 4, 4, 0, Number(BigInt.asUintN(32, mask >> 32n)));
    this.#mapped.set(bar, undefined);
  }

  /** The address a BAR decodes at, or undefined. Zero is no address. */
  #base(bar: BarSpec): number | undefined {
    const enable = bar.kind === 'io' ? R.COMMAND_IO : R.COMMAND_MEMORY;
    if (!(this.readConfig(R.COMMAND, 2) & enable)) return undefined;
    const offset = registerOf(bar);
    const register = this.readConfig(offset, 4);
    if (bar.index === ROM_BAR && !(register & R.EXPANSION_ROM_ENABLE)) return undefined;
    const low = register & (bar.kind === 'io' ? ~0x3 : ~0xf);
    const high = bar.kind === 'memory64' ? this.readConfig(offset + 4, 4) : 0;
    return high * 2 ** 32 + (low >>> 0) || undefined;
  }

  #changed(): void {
    this.#driveIntx();
    for (const bar of this.bars) {
      const base = this.#base(bar);
      if (base === this.#mapped.get(bar)) continue;
      this.#mapped.set(bar, base);
      bar.mapped?.(base);
      for (const listener of this.#windowListeners) listener(bar, base);
    }
    for (const listener of this.#listeners) listener();
  }

  #driveIntx(): void {
    this.put(R.STATUS, 1, this.#intxAsserted ? R.STATUS_INTERRUPT : 0);
    const disabled = (this.readConfig(R.COMMAND, 2) & R.COMMAND_INTX_DISABLE) !== 0;
    this.#intxPin?.set(this.#intxAsserted && !disabled);
  }

  /** What neither a guest nor the device could have written is not from a save(). */
  #mismatch(bytes: Uint8Array): string | undefined {
    const at = bytes.findIndex((byte, i) => {
      const variable = (this.#writable[i] ?? 0) | (this.#clearable[i] ?? 0) | (this.#own[i] ?? 0);
      return ((byte ^ (this.#powerOn[i] ?? 0)) & ~variable) !== 0;
    });
    return at < 0 ? undefined : `read-only byte ${at} is ${bytes[at]}`;
  }
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));

const registerOf = (bar: BarSpec): number => (bar.index === ROM_BAR ? R.EXPANSION_ROM : R.BAR0 + 4 * bar.index);

function typeBits(bar: BarSpec): number {
  if (bar.kind === 'io') return R.BAR_IO;
  return (bar.kind === 'memory64' ? R.BAR_MEMORY_64 : 0) | (bar.prefetchable ? R.BAR_PREFETCHABLE : 0);
}
