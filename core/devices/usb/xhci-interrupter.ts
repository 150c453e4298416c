/**
 * The interrupter of xHCI: its event ring and the registers of that. [XHCI] 4.9.4, 4.17, 5.5.2.
 *
 * One segment (ERST Max is 0). Moderation is kept without effect: an interrupt comes at once, and none while the last is
 * being handled. A full ring takes no event; the controller looks for room before it does anything that makes one.
 */

import { bits, type Fields, flag, uint } from '../state-shape.ts';
import type { UsbDma } from './usb-dma.ts';
import * as R from './xhci.regs.ts';
import { address64, join64 } from './xhci-state.ts';

export interface InterrupterState {
  iman: number;
  imod: number;
  erstSize: number;
  erstBase: number;
  dequeue: number;
  /** Event handler busy. */
  busy: boolean;
  /** The segment, and where its next event goes. */
  base: number;
  size: number;
  index: number;
  cycle: boolean;
}

export const INTERRUPTER_FIELDS: Fields<InterrupterState> = {
  iman: bits(R.IMAN_IP | R.IMAN_IE),
  imod: uint(0xffff_ffff),
  erstSize: uint(0xffff),
  erstBase: address64,
  dequeue: address64,
  busy: flag,
  base: address64,
  size: uint(R.EVENT_RING_MAX),
  index: uint(R.EVENT_RING_MAX),
  cycle: flag,
};

export const interrupterPowerOn = (): InterrupterState => ({
  iman: 0,
  imod: R.IMOD_POWER_ON,
  erstSize: 0,
  erstBase: 0,
  dequeue: 0,
  busy: false,
  base: 0,
  size: 0,
  index: 0,
  cycle: true,
});

const low = (value: number): number => value % 2 ** 32;
const high = (value: number): number => Math.floor(value / 2 ** 32);

export class Interrupter {
  state = interrupterPowerOn();

  constructor(readonly dma: UsbDma) {}

  /** For this many events. */
  hasRoom(events: number): boolean {
    const { size, index, base, dequeue } = this.state;
    if (size === 0) return false;
    const reader = Math.floor((dequeue - base) / R.TRB_BYTES);
    if (!(reader >= 0 && reader < size)) return false;
    return (reader - index - 1 + size) % size >= events;
  }

  push(parameter: number, status: number, control: number): void {
    const s = this.state;
    if (!this.hasRoom(1)) return;
    const event = [low(parameter), high(parameter), status, control | (s.cycle ? R.TRB_CYCLE : 0)];
    this.dma.writeWords(s.base + s.index * R.TRB_BYTES, event);
    s.index++;
    if (s.index >= s.size) {
      s.index = 0;
      s.cycle = !s.cycle;
    }
  }

  /** Sets the interrupt pending if there are events that nobody handles yet. True when it is new. */
  update(): boolean {
    const s = this.state;
    const empty = s.size === 0 || s.base + s.index * R.TRB_BYTES === s.dequeue;
    if (empty || s.busy) return false;
    s.busy = true;
    s.iman |= R.IMAN_IP;
    return true;
  }

  read(offset: number): number | undefined {
    const s = this.state;
    switch (offset) {
      case R.IMAN:
        return s.iman;
      case R.IMOD:
        return s.imod;
      case R.ERSTSZ:
        return s.erstSize;
      case R.ERSTBA_LO:
        return low(s.erstBase);
      case R.ERSTBA_HI:
        return high(s.erstBase);
      case R.ERDP_LO:
        return low(s.dequeue) | (s.busy ? R.ERDP_EHB : 0);
      case R.ERDP_HI:
        return high(s.dequeue);
      default:
        return undefined;
    }
  }

  /** False for a register that does not exist. */
  write(offset: number, value: number): boolean {
    const s = this.state;
    switch (offset) {
      case R.IMAN:
        s.iman = (value & R.IMAN_IE) | (s.iman & R.IMAN_IP & ~value);
        return true;
      case R.IMOD:
        s.imod = value;
        return true;
      case R.ERSTSZ:
        s.erstSize = value & 0xffff;
        return true;
      case R.ERSTBA_LO:
        s.erstBase = join64((value & ~0x3f) >>> 0, high(s.erstBase));
        return true;
      case R.ERSTBA_HI:
        s.erstBase = join64(low(s.erstBase), value);
        this.#openRing();
        return true;
      case R.ERDP_LO:
        s.dequeue = join64((value & ~0xf) >>> 0, high(s.dequeue));
        if (value & R.ERDP_EHB) s.busy = false;
        return true;
      case R.ERDP_HI:
        s.dequeue = join64(low(s.dequeue), value);
        return true;
      default:
        return false;
    }
  }

  /** The upper half is written last: by drivers that write both, [XHCI] 5.1, and by the bus, which splits 64 bits. */
  #openRing(): void {
    const s = this.state;
    const [baseLow = 0, baseHigh = 0, size = 0] = this.dma.words(s.erstBase, 3);
    const entries = size & 0xffff;
    s.base = join64((baseLow & ~0x3f) >>> 0, baseHigh);
    s.size = s.erstSize > 0 && entries >= R.EVENT_RING_MIN && entries <= R.EVENT_RING_MAX ? entries : 0;
    s.index = 0;
    s.cycle = true;
  }
}
