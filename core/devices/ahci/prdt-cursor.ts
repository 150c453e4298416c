/**
 * A place in the physical region descriptor table of one command: where its data goes to or comes from.
 *
 * [AHCI] 4.2.3.3. Each region is of two bytes at least, so what a transfer can cost is bounded by its length.
 */
import type { GuestMemory } from '../device.ts';
import { flag, record, type StateOf, uint } from '../state-shape.ts';
import * as R from './ahci.regs.ts';

/** Addresses of 64 bits as two halves: a double does not hold all of them. */
export const address64 = (low: number, high: number): number => high * 2 ** 32 + low;

export const CURSOR_STATE = record({
  /** Of the table. */
  tableLow: uint(0xffff_ffff),
  tableHigh: uint(0xffff_ffff),
  entries: uint(0xffff),
  next: uint(0xffff),
  low: uint(0xffff_ffff),
  high: uint(0xffff_ffff),
  /** Of the current region: bytes done and left. */
  done: uint(R.LARGEST_PRD),
  left: uint(R.LARGEST_PRD),
  interrupts: flag,
  /** Bytes moved by this command. */
  total: uint(Number.MAX_SAFE_INTEGER),
});
export type CursorState = StateOf<typeof CURSOR_STATE> & object;

export const noTable = (): CursorState => ({
  tableLow: 0,
  tableHigh: 0,
  entries: 0,
  next: 0,
  low: 0,
  high: 0,
  done: 0,
  left: 0,
  interrupts: false,
  total: 0,
});

type Move = (address: number, part: Uint8Array) => void;

export class PrdtCursor {
  state = noTable();
  /** A descriptor as it was read last: a table has one for every page or so. */
  readonly #regionBytes = new Uint8Array(R.PRD_BYTES);
  readonly #region = new DataView(this.#regionBytes.buffer);

  /** processed: a region that asks for an interrupt has been done. */
  constructor(
    readonly memory: GuestMemory,
    readonly processed: () => void,
  ) {}

  begin(tableLow: number, tableHigh: number, entries: number): void {
    this.state = { ...noTable(), tableLow, tableHigh, entries };
  }

  /** How many bytes were moved: fewer than all where the table ends. */
  move(bytes: Uint8Array, move: Move): number {
    const { state } = this;
    let moved = 0;
    while (moved < bytes.length) {
      if (state.left === 0 && !this.#nextRegion()) break;
      const length = Math.min(state.left, bytes.length - moved);
      move(address64(state.low, state.high) + state.done, bytes.subarray(moved, moved + length));
      state.done += length;
      state.left -= length;
      moved += length;
      if (state.left === 0 && state.interrupts) this.processed();
    }
    state.total += moved;
    return moved;
  }

  #nextRegion(): boolean {
    const { state } = this;
    if (state.next >= state.entries) return false;
    const view = this.#region;
    const table = address64(state.tableLow, state.tableHigh) + R.TABLE_PRDT;
    this.memory.read(table + state.next * R.PRD_BYTES, this.#regionBytes);
    const control = view.getUint32(12, true);
    state.next++;
    state.low = (view.getUint32(0, true) & ~1) >>> 0;
    state.high = view.getUint32(4, true);
    state.done = 0;
    state.left = ((control & R.PRD_DBC) | 1) + 1;
    state.interrupts = control >= R.PRD_INTERRUPT;
    return true;
  }
}
