/** What xHCI keeps of slots and endpoints beside their contexts in guest memory, and its transfer request blocks. */
import { type Fields, flag, list, record, uint } from '../state-shape.ts';
import type { UsbDma } from './usb-dma.ts';
import * as R from './xhci.regs.ts';

/** Addresses are numbers; beyond 2^53 they are not exact, and lead nowhere either way. */
export const address64 = uint(2 ** 64);

export interface EndpointState {
  /** EP_DISABLED .. EP_ERROR. */
  state: number;
  /** The block where the transfer under way begins, or where the next will. */
  dequeue: number;
  cycle: boolean;
  /** Bytes of that transfer that have moved. */
  done: number;
  /** Its ring has to be looked at again, without a doorbell. */
  pending: boolean;
}

export interface SlotState {
  enabled: boolean;
  /** Root hub port from 1 on, 0 for none yet, and the route string through hubs. */
  port: number;
  route: number;
  /** By device context index - 1; none in a slot that is not enabled. */
  endpoints: EndpointState[];
}

const ENDPOINT_FIELDS: Fields<EndpointState> = {
  state: uint(R.EP_ERROR),
  dequeue: address64,
  cycle: flag,
  done: uint(2 ** 32),
  pending: flag,
};

export const SLOT_FIELDS: Fields<SlotState> = {
  enabled: flag,
  port: uint(0xff),
  route: uint(R.SLOT_ROUTE),
  endpoints: list(R.ENDPOINTS, record(ENDPOINT_FIELDS)),
};

export const newEndpoint = (): EndpointState => ({
  state: R.EP_DISABLED,
  dequeue: 0,
  cycle: false,
  done: 0,
  pending: false,
});

export const newSlot = (): SlotState => ({ enabled: false, port: 0, route: 0, endpoints: [] });

export interface Trb {
  readonly address: number;
  /** The first two words as one number, and as they are. */
  readonly parameter: number;
  readonly words: Uint32Array;
  readonly status: number;
  readonly control: number;
  readonly type: number;
}

export const join64 = (low: number, high: number): number => low + high * 2 ** 32;

export function readTrb(dma: UsbDma, address: number): Trb {
  const words = dma.words(address, 4);
  const [low = 0, high = 0, status = 0, control = 0] = words;
  const type = (control >>> R.TRB_TYPE_SHIFT) & 0x3f;
  return { address, parameter: join64(low, high), words, status, control, type };
}

/** Where a ring goes on behind a block; a link may turn the cycle. */
export function nextTrb(trb: Trb, cycle: boolean): { dequeue: number; cycle: boolean } {
  if (trb.type !== R.LINK) return { dequeue: trb.address + R.TRB_BYTES, cycle };
  const target = trb.parameter - (trb.parameter % R.TRB_BYTES);
  return { dequeue: target, cycle: trb.control & R.TRB_TOGGLE ? !cycle : cycle };
}

/** Device contexts in guest memory, by the array that the guest keeps of them. [XHCI] 6.1, 6.2 */
export class Contexts {
  /** The device context base address array. */
  base = 0;

  constructor(readonly dma: UsbDma) {}

  /** Of the slot's device context: entry 0 is the slot's, the others the endpoints'. */
  address(slot: number, entry: number): number {
    const [low = 0, high = 0] = this.dma.words(this.base + 8 * slot, 2);
    return join64((low & ~0x3f) >>> 0, high) + entry * R.CONTEXT_BYTES;
  }

  /** Of an input context: entry 0 is its control context, 1 the slot's. */
  input(inputContext: number, entry: number): Uint32Array {
    return this.dma.words(inputContext - (inputContext % 16) + entry * R.CONTEXT_BYTES, 8);
  }

  setSlotState(slot: number, state: number, deviceAddress: number): void {
    this.dma.write32(this.address(slot, 0) + 12, (state << R.SLOT_STATE_SHIFT) | deviceAddress);
  }

  setEndpointState(slot: number, index: number, { state, dequeue, cycle }: EndpointState): void {
    const at = this.address(slot, index);
    const [first = 0] = this.dma.words(at, 1);
    this.dma.write32(at, (first & ~R.EP_STATE) | state);
    this.dma.writeWords(at + 8, [(dequeue % 2 ** 32) | (cycle ? 1 : 0), Math.floor(dequeue / 2 ** 32)]);
  }
}
