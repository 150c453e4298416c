/**
 * A parallel NOR flash with Intel's command set, 8 bits wide: where OVMF keeps its variables. While it is read, its
 * content is memory that the machine maps, and costs no exit; a write is a command, after which everything goes through
 * here until the guest asks for the array again.
 *
 * [P30] see pflash.regs.ts. Not here: buffered programming, block locks, suspending (every operation ends at once).
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { bits, defineState, type StateOf, uint } from '../state-shape.ts';
import * as R from './pflash.regs.ts';

/** Where the content outlives the machine. */
export interface FlashStore {
  write(offset: number, bytes: Uint8Array): void;
}

export interface PflashPorts {
  /** The content, in the VM's shared memory: whole blocks. */
  readonly content: Uint8Array;
  readonly store: FlashStore;
  /** The array is read (as memory), or commands are under way. */
  setReadable(readable: boolean): void;
  /** The content changed at [offset, offset + length). */
  written(offset: number, length: number): void;
}

// What reads give: the array is one, each command that is under way another.
const MODES = [R.CMD_READ_ARRAY, R.CMD_READ_STATUS, R.CMD_READ_ID, R.CMD_CFI_QUERY, R.CMD_PROGRAM, R.CMD_ERASE];

const STATE = defineState('pflash', 1, { mode: uint(0xff), status: bits(R.SR_MASK) }, ({ mode }) =>
  MODES.includes(mode) ? undefined : `mode is ${mode}`,
);

export class Pflash implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #ports: PflashPorts;
  readonly #cfi: Uint8Array;
  #s: StateOf<typeof STATE> = { mode: R.CMD_READ_ARRAY, status: R.SR_READY };
  /** What the store does not have yet. */
  #unsaved: { start: number; end: number } | undefined;

  constructor(ports: PflashPorts) {
    const { length } = ports.content;
    if (length === 0 || length % R.BLOCK_BYTES !== 0) throw new RangeError(`a flash cannot have ${length} bytes`);
    this.#ports = ports;
    this.#cfi = cfiTable(length);
    ports.setReadable(true);
  }

  reset(): void {
    this.#s.status = R.SR_READY;
    this.#setMode(R.CMD_READ_ARRAY);
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    const { mode, status } = STATE.restore(state);
    this.#s.status = status;
    this.#setMode(mode);
  }

  read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (this.#s.mode === R.CMD_PROGRAM) {
      for (let i = 0; i < size; i++) this.#program(offset + i, (value >>> (8 * i)) & 0xff);
      this.#s.status |= R.SR_READY;
      this.#setMode(R.CMD_READ_STATUS);
    } else if (this.#s.mode === R.CMD_ERASE) {
      this.#erase(offset, value & 0xff);
    } else {
      this.#command(value & 0xff);
    }
  }

  #readByte(offset: number): number {
    switch (this.#s.mode) {
      case R.CMD_READ_ARRAY:
        return this.#ports.content[offset] ?? 0xff;
      case R.CMD_READ_ID:
        return (offset & 0xff) === 0 ? R.MANUFACTURER_INTEL : (offset & 0xff) === 1 ? R.DEVICE_CODE : 0;
      case R.CMD_CFI_QUERY:
        return this.#cfi[offset & 0xff] ?? 0;
      default:
        return this.#s.status;
    }
  }

  #command(command: number): void {
    switch (command) {
      case R.CMD_CLEAR_STATUS:
        // The ready bit, too, as OVMF expects of a flash that it has sent this; the next operation sets it.
        this.#s.status = 0;
        this.#setMode(R.CMD_READ_ARRAY);
        return;
      case R.CMD_PROGRAM_ALT:
        this.#setMode(R.CMD_PROGRAM);
        return;
      default:
        if (MODES.includes(command)) this.#setMode(command);
        else this.counters.unknownWrites++;
    }
  }

  /** Programming only clears bits. */
  #program(offset: number, value: number): void {
    const { content } = this.#ports;
    if (offset >= content.length) return;
    content[offset] = (content[offset] ?? 0) & value;
    this.#changed(offset, 1);
  }

  #erase(offset: number, command: number): void {
    const start = offset - (offset % R.BLOCK_BYTES);
    if (command === R.CMD_CONFIRM) {
      this.#ports.content.fill(0xff, start, start + R.BLOCK_BYTES);
      this.#changed(start, R.BLOCK_BYTES);
    } else {
      this.#s.status |= R.SR_COMMAND_ERROR;
    }
    this.#s.status |= R.SR_READY;
    this.#setMode(R.CMD_READ_STATUS);
  }

  #changed(start: number, length: number): void {
    const end = start + length;
    this.#unsaved = {
      start: Math.min(this.#unsaved?.start ?? start, start),
      end: Math.max(this.#unsaved?.end ?? end, end),
    };
    this.#ports.written(start, length);
  }

  /** What was programmed is stored when the guest goes back to reading. */
  #setMode(mode: number): void {
    const before = this.#s.mode;
    this.#s.mode = mode;
    const readable = mode === R.CMD_READ_ARRAY;
    if (readable && this.#unsaved) {
      const { start, end } = this.#unsaved;
      this.#unsaved = undefined;
      this.#ports.store.write(start, this.#ports.content.subarray(start, end));
    }
    if (readable !== (before === R.CMD_READ_ARRAY)) this.#ports.setReadable(readable);
  }
}

function cfiTable(sizeBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(R.CFI_LENGTH));
  new Uint8Array(view.buffer).set(new TextEncoder().encode('QRY'), R.CFI_QRY);
  view.setUint16(R.CFI_COMMAND_SET, R.CFI_COMMAND_SET_INTEL, true);
  view.setUint8(R.CFI_SIZE, Math.ceil(Math.log2(sizeBytes)));
  view.setUint8(R.CFI_REGIONS, 1);
  view.setUint16(R.CFI_REGION_BLOCKS, sizeBytes / R.BLOCK_BYTES - 1, true);
  view.setUint16(R.CFI_REGION_BLOCK_SIZE, R.BLOCK_BYTES / 256, true);
  return new Uint8Array(view.buffer);
}
