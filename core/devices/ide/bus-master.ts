/**
 * The bus master of one IDE channel: moves a drive's data along a table of physical regions in memory.
 *
 * [SFF] SFF-8038i 1.0. [PIIX] 2.6. Its place in the table is part of its state; each region is of two bytes at least, so
 * what a transfer can cost is bounded by its length.
 */

import type { DmaChannel } from '../ata/ata-drive.ts';
import type { AccessSize, GuestMemory } from '../device.ts';
import { bits, flag, record, type StateOf, uint } from '../state-shape.ts';
import * as R from './ide.regs.ts';

const BIGGEST_REGION = 0x1_0000;

export const BUS_MASTER_STATE = record({
  command: bits(R.BMICX_MASK),
  status: bits(R.BMISX_MASK),
  table: uint(0xffff_ffff),
  /** The next descriptor, and what is left of the region of the one before. */
  descriptor: uint(0xffff_ffff),
  address: uint(2 * 0xffff_ffff),
  left: uint(BIGGEST_REGION),
  ended: flag,
});
export type BusMasterState = StateOf<typeof BUS_MASTER_STATE> & object;

const powerOn = (): BusMasterState => ({
  command: 0,
  status: 0,
  table: 0,
  descriptor: 0,
  address: 0,
  left: 0,
  ended: false,
});

export interface BusMasterPorts {
  readonly memory: GuestMemory;
  /** The engine has been started: the drive may go on. */
  started(): void;
}

export class BusMaster implements DmaChannel {
  state = powerOn();
  /** A descriptor as it was read last: a table has one for every page or so. */
  readonly #regionBytes = new Uint8Array(R.PRD_BYTES);
  readonly #region = new DataView(this.#regionBytes.buffer);

  constructor(readonly ports: BusMasterPorts) {}

  reset(): void {
    this.state = powerOn();
  }

  get active(): boolean {
    return (this.state.status & R.BMISX_ACTIVE) !== 0;
  }

  /** The channel's interrupt line rose. */
  interrupted(): void {
    this.state.status |= R.BMISX_INTERRUPT;
  }

  /** The drive has ended its command: nothing more is moved. */
  ended(): void {
    this.state.status &= ~R.BMISX_ACTIVE;
  }

  read(offset: number, size: AccessSize): number | undefined {
    const { command, status, table } = this.state;
    if (offset >= R.BMIDTPX && offset + size <= R.BMIDTPX + 4) {
      return ((table >>> (8 * (offset - R.BMIDTPX))) & (2 ** (8 * size) - 1)) >>> 0;
    }
    const registers = command | (status << 16);
    return offset + size <= R.BMIDTPX ? (registers >>> (8 * offset)) & (2 ** (8 * size) - 1) : undefined;
  }

  writeByte(offset: number, value: number): boolean {
    if (offset === R.BMICX) this.#command(value & R.BMICX_MASK);
    else if (offset === R.BMISX) this.#acknowledge(value);
    else if (offset >= R.BMIDTPX && offset < R.BMIDTPX + 4) {
      const shift = 8 * (offset - R.BMIDTPX);
      const table = (this.state.table & ~(0xff << shift)) | (value << shift);
      this.state.table = (table & R.BMIDTPX_MASK) >>> 0;
    } else return false;
    return true;
  }

  toMemory(bytes: Uint8Array): number {
    if (!(this.state.command & R.BMICX_RWCON)) return 0;
    return this.#move(bytes, (address, part) => this.ports.memory.write(address, part));
  }

  fromMemory(target: Uint8Array): number {
    if (this.state.command & R.BMICX_RWCON) return 0;
    return this.#move(target, (address, part) => this.ports.memory.read(address, part));
  }

  #command(value: number): void {
    const { state } = this;
    const starts = (value & ~state.command & R.BMICX_SSBM) !== 0;
    state.command = value;
    if (!(value & R.BMICX_SSBM)) state.status &= ~R.BMISX_ACTIVE;
    if (!starts) return;
    Object.assign(state, { descriptor: state.table, left: 0, ended: false });
    state.status |= R.BMISX_ACTIVE;
    this.ports.started();
  }

  #acknowledge(value: number): void {
    const { state } = this;
    const cleared = value & (R.BMISX_ERROR | R.BMISX_INTERRUPT);
    state.status = (state.status & ~cleared & ~R.BMISX_DMA_CAPABLE) | (value & R.BMISX_DMA_CAPABLE);
  }

  #move(bytes: Uint8Array, move: (address: number, part: Uint8Array) => void): number {
    const { state } = this;
    let done = 0;
    while (done < bytes.length) {
      if (state.left === 0 && !this.#nextRegion()) break;
      const length = Math.min(state.left, bytes.length - done);
      move(state.address, bytes.subarray(done, done + length));
      state.address += length;
      state.left -= length;
      done += length;
    }
    return done;
  }

  /** False at the end of the table: the drive wants more than it describes, and the engine stops. [SFF] 3.2 */
  #nextRegion(): boolean {
    const { state } = this;
    if (state.ended) {
      state.status &= ~R.BMISX_ACTIVE;
      return false;
    }
    const view = this.#region;
    this.ports.memory.read(state.descriptor, this.#regionBytes);
    state.address = (view.getUint32(0, true) & ~1) >>> 0;
    state.left = view.getUint16(4, true) & ~1 || BIGGEST_REGION;
    state.ended = (view.getUint16(6, true) & R.PRD_END) !== 0;
    const next = (state.descriptor + R.PRD_BYTES) & 0xffff; // the table does not cross 64 KiB, [SFF] 1.3.1
    state.descriptor = ((state.descriptor & 0xffff_0000) | next) >>> 0;
    return true;
  }
}
