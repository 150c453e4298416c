/**
 * The firmware configuration device: how SeaBIOS, OVMF and Linux learn what machine they are on. Items by key, some of
 * them files with names, read byte by byte or by DMA.
 *
 * [FWCFG] QEMU's docs/specs/fw_cfg.rst. Not here: items that a guest writes.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, GuestMemory, IoRegion } from '../device.ts';
import { defineState, type StateOf, uint } from '../state-shape.ts';
import * as R from './fw-cfg.regs.ts';

export interface FirmwareFile {
  /** As in "etc/e820"; at most 55 bytes. */
  readonly name: string;
  /** Looked at when the file is selected; always of the same length. */
  readonly bytes: Uint8Array;
}

export interface FirmwareItem {
  readonly key: number;
  readonly bytes: Uint8Array;
}

export interface FwCfgPorts {
  readonly memory: GuestMemory;
  readonly items: readonly FirmwareItem[];
  readonly files: readonly FirmwareFile[];
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Little-endian, as most items are. */
export function word(value: number, size: 2 | 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(view.buffer, 0, size);
}

/** Behind the end of an item zeros are read; a guest that asks for more of them than this made a mistake. */
const MOST_ZEROS = 2 ** 20;
const NOTHING = new Uint8Array(0);
const STATE = defineState('fw-cfg', 1, { key: uint(0xffff), offset: uint(2 ** 32), dmaHi: uint(0xffff_ffff) });

/** FW_CFG_PORTS ports from FW_CFG_PORT. */
export class FwCfg implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #memory: GuestMemory;
  readonly #items: ReadonlyMap<number, { readonly bytes: Uint8Array }>;
  #selected: Uint8Array = NOTHING;
  #s: StateOf<typeof STATE> = { key: 0, offset: 0, dmaHi: 0 };

  constructor({ memory, items, files }: FwCfgPorts) {
    this.#memory = memory;
    const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#items = new Map<number, { readonly bytes: Uint8Array }>([
      [R.KEY_SIGNATURE, { bytes: ascii(R.SIGNATURE) }],
      [R.KEY_ID, { bytes: word(R.ID_TRADITIONAL | R.ID_DMA, 4) }],
      [R.KEY_FILE_DIR, { bytes: directory(sorted) }],
      ...items.map((item) => [item.key, item] as const),
      ...sorted.map((file, i) => [R.KEY_FILE_FIRST + i, file] as const),
    ]);
    this.reset();
  }

  reset(): void {
    this.#s = { key: 0, offset: 0, dmaHi: 0 };
    this.#look();
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#s = STATE.restore(state);
    this.#look();
  }

  read(offset: number, size: AccessSize): number {
    if (offset === R.DATA && size === 1) return this.#take(1)[0] ?? 0;
    if (offset >= R.DMA_ADDRESS_HI && offset + size <= R.FW_CFG_PORTS) {
      const text = R.DMA_SIGNATURE.slice(offset - R.DMA_ADDRESS_HI, offset - R.DMA_ADDRESS_HI + size);
      return ascii(text).reduceRight((value, byte) => ((value << 8) | byte) >>> 0, 0);
    }
    this.counters.unknownReads++;
    return 2 ** (8 * size) - 1;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === R.SELECTOR && size === 2) {
      this.#select(value);
    } else if (offset === R.DMA_ADDRESS_HI && size === 4) {
      this.#s.dmaHi = swap32(value);
    } else if (offset === R.DMA_ADDRESS_LO && size === 4) {
      const address = this.#s.dmaHi * 2 ** 32 + swap32(value);
      this.#s.dmaHi = 0;
      this.#dma(address);
    } else {
      this.counters.unknownWrites++; // the data port, too: nothing can be written
    }
  }

  #select(key: number): void {
    this.#s.key = key;
    this.#s.offset = 0;
    this.#look();
  }

  #look(): void {
    this.#selected = this.#items.get(this.#s.key & ~R.KEY_WRITE)?.bytes ?? NOTHING;
  }

  /** The next bytes of the selected item, as many as there are up to `length`. */
  #take(length: number): Uint8Array {
    const { offset } = this.#s;
    this.#s.offset = Math.min(offset + length, 2 ** 32);
    return this.#selected.subarray(offset, offset + length);
  }

  #dma(address: number): void {
    const header = new Uint8Array(R.DMA_SIZE);
    this.#memory.read(address, header);
    const view = new DataView(header.buffer);
    const control = view.getUint32(R.DMA_CONTROL);
    const length = view.getUint32(R.DMA_LENGTH);
    const target = Number(view.getBigUint64(R.DMA_ADDRESS));
    if (control & R.DMA_CTL_SELECT) this.#select(control >>> 16);
    let failed = (control & R.DMA_CTL_WRITE) !== 0;
    if (control & R.DMA_CTL_READ) failed = !this.#readTo(target, length);
    else if (control & R.DMA_CTL_SKIP) this.#take(length);
    const result = new DataView(new ArrayBuffer(4));
    result.setUint32(0, failed ? R.DMA_CTL_ERROR : 0);
    this.#memory.write(address, new Uint8Array(result.buffer));
  }

  #readTo(target: number, length: number): boolean {
    const bytes = this.#take(length);
    const zeros = length - bytes.length;
    if (zeros > MOST_ZEROS) return false;
    this.#memory.write(target, bytes);
    this.#memory.write(target + bytes.length, new Uint8Array(zeros));
    return true;
  }
}

function directory(files: readonly FirmwareFile[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + files.length * R.DIR_ENTRY_SIZE));
  view.setUint32(0, files.length);
  files.forEach(({ name, bytes }, i) => {
    const encoded = ascii(name);
    if (encoded.length > R.MAX_NAME_BYTES) throw new RangeError(`a firmware file cannot be called ${name}`);
    const at = 4 + i * R.DIR_ENTRY_SIZE;
    view.setUint32(at, bytes.length);
    view.setUint16(at + 4, R.KEY_FILE_FIRST + i);
    new Uint8Array(view.buffer).set(encoded, at + R.DIR_NAME);
  });
  return new Uint8Array(view.buffer);
}

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
