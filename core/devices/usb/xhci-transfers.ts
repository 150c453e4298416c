/**
 * Transfer rings of xHCI. [XHCI] 4.9.2, 4.10, 4.11.
 *
 * A transfer descriptor is done packet by packet from where it stands; when its device says NAK the place is kept and the
 * ring is looked at again once the device is ready. How much is done at a time, how many blocks a descriptor has and how
 * long a ring is followed is limited; what is left is for the next time.
 */
import { SETUP_BYTES } from './usb.regs.ts';
import type { UsbDevice } from './usb-device.ts';
import type { UsbDma } from './usb-dma.ts';
import { type TransferResult, transferIn, transferOut } from './usb-transfer.ts';
import * as R from './xhci.regs.ts';
import type { Interrupter } from './xhci-interrupter.ts';
import { type Contexts, type EndpointState, nextTrb, readTrb, type SlotState, type Trb } from './xhci-state.ts';

const MAX_BLOCKS = 1024;
/** For one look at a ring. */
const MAX_DESCRIPTORS = 64;
/** A multiple of every packet size. */
const STEP_BYTES = 64 * 1024;

/** All blocks of a transfer descriptor without its links, and where the ring goes on behind it. */
interface Descriptor {
  readonly blocks: readonly Trb[];
  readonly length: number;
  /** At most so many events tell of it. */
  readonly events: number;
  readonly next: { dequeue: number; cycle: boolean };
  /** More than MAX_BLOCKS. */
  readonly endless?: boolean;
}

type Outcome = 'done' | 'short' | 'wait' | 'more' | { readonly error: number };

export interface TransferPorts {
  readonly dma: UsbDma;
  readonly contexts: Contexts;
  readonly events: Interrupter;
  readonly slots: readonly SlotState[];
  /** The device of a slot, if it can be reached. */
  device(slot: SlotState): UsbDevice | undefined;
}

export class XhciTransfers {
  constructor(readonly ports: TransferPorts) {}

  /** Does what is on the ring of an endpoint. True if there is more to do that waits for nobody. */
  run(slotId: number, index: number): boolean {
    const slot = this.ports.slots[slotId - 1];
    const endpoint = slot?.endpoints[index - 1];
    if (!slot || !endpoint) return false;
    for (let done = 0; done < MAX_DESCRIPTORS; done++) {
      if (endpoint.state !== R.EP_RUNNING) return false;
      const descriptor = this.#fetch(endpoint);
      if (!descriptor) return false;
      if (!this.ports.events.hasRoom(descriptor.events)) return this.#noRoom(slotId, index, descriptor);
      const outcome = this.#execute(slot, index, endpoint, descriptor);
      if (outcome === 'wait') return false;
      if (outcome === 'more') continue;
      this.#report(slotId, index, endpoint, descriptor, outcome);
      if (typeof outcome === 'object') {
        endpoint.state = R.EP_HALTED;
        this.ports.contexts.setEndpointState(slotId, index, endpoint);
      } else {
        Object.assign(endpoint, descriptor.next);
      }
      endpoint.done = 0;
    }
    return true;
  }

  /** The event of an endpoint that is stopped within a transfer. [XHCI] 4.6.9 */
  stopped(slotId: number, index: number, endpoint: EndpointState): void {
    const descriptor = endpoint.done > 0 ? this.#fetch(endpoint) : undefined;
    if (descriptor) this.#report(slotId, index, endpoint, descriptor, { error: R.CC_STOPPED });
  }

  /** Waits until the guest has taken events; a descriptor that no ring has room for is an error. */
  #noRoom(slotId: number, index: number, descriptor: Descriptor): boolean {
    const { events, slots, contexts } = this.ports;
    const endpoint = slots[slotId - 1]?.endpoints[index - 1];
    if (!endpoint) return false;
    if (descriptor.events < events.state.size) {
      endpoint.pending = true;
      return false;
    }
    endpoint.state = R.EP_ERROR;
    contexts.setEndpointState(slotId, index, endpoint);
    return false;
  }

  /** The descriptor at the dequeue pointer; undefined while the guest has not given all of it. */
  #fetch(endpoint: EndpointState): Descriptor | undefined {
    const blocks: Trb[] = [];
    let place = { dequeue: endpoint.dequeue, cycle: endpoint.cycle };
    let length = 0;
    let events = 1;
    for (let step = 0; step < MAX_BLOCKS; step++) {
      const trb = readTrb(this.ports.dma, place.dequeue);
      if (((trb.control & R.TRB_CYCLE) !== 0) !== place.cycle) return undefined;
      place = nextTrb(trb, place.cycle);
      if (trb.type === R.LINK) {
        // Between descriptors the place moves on; a ring of nothing but links stands still after MAX_BLOCKS.
        if (blocks.length === 0 && endpoint.done === 0) Object.assign(endpoint, place);
        continue;
      }
      blocks.push(trb);
      length += dataLength(trb);
      if (trb.control & (R.TRB_IOC | R.TRB_ISP)) events++;
      if (!(trb.control & R.TRB_CHAIN)) return { blocks, length, events, next: place };
    }
    return blocks.length > 0
      ? { blocks: blocks.slice(0, 1), length: 0, events: 1, next: place, endless: true }
      : undefined;
  }

  #execute(slot: SlotState, index: number, endpoint: EndpointState, descriptor: Descriptor): Outcome {
    const { blocks, length } = descriptor;
    const [first] = blocks;
    if (!first || descriptor.endless) return { error: R.CC_TRB_ERROR };
    if (first.type === R.NO_OP || first.type === R.EVENT_DATA) return 'done';
    const device = this.ports.device(slot);
    if (!device) return { error: R.CC_TRANSACTION_ERROR };
    if (index > 1) {
      if (first.type !== R.NORMAL) return { error: R.CC_TRB_ERROR };
      return this.#move(device, index >>> 1, (index & 1) !== 0, endpoint, blocks, length);
    }
    switch (first.type) {
      case R.SETUP_STAGE:
        if (!(first.control & R.TRB_IDT) || length !== SETUP_BYTES) return { error: R.CC_TRB_ERROR };
        device.setup(immediate(first));
        endpoint.done = SETUP_BYTES;
        return 'done';
      case R.DATA_STAGE:
      case R.STATUS_STAGE:
      case R.NORMAL:
        return this.#move(device, 0, (first.control & R.TRB_DIR_IN) !== 0, endpoint, blocks, length);
      default:
        return { error: R.CC_TRB_ERROR };
    }
  }

  /** The next step of the data. */
  #move(
    device: UsbDevice,
    number: number,
    isIn: boolean,
    endpoint: EndpointState,
    blocks: readonly Trb[],
    length: number,
  ): Outcome {
    const step = new Uint8Array(Math.max(0, Math.min(STEP_BYTES, length - endpoint.done)));
    const result = isIn ? transferIn(device, number, step) : this.#send(device, number, endpoint.done, blocks, step);
    if (isIn) {
      eachPart(blocks, endpoint.done, result.bytes, (trb, at, from, to) => {
        if (!(trb.control & R.TRB_IDT)) this.ports.dma.write(trb.parameter + at, step.subarray(from, to));
      });
    }
    endpoint.done += result.bytes;
    switch (result.outcome) {
      case 'nak':
        return 'wait';
      case 'stall':
        return { error: R.CC_STALL };
      case 'babble':
        return { error: R.CC_BABBLE };
      case 'ack':
        if (result.bytes < step.length) return 'short';
        return endpoint.done < length ? 'more' : 'done';
    }
  }

  #send(device: UsbDevice, number: number, done: number, blocks: readonly Trb[], step: Uint8Array): TransferResult {
    eachPart(blocks, done, step.length, (trb, at, from, to) => {
      const part =
        trb.control & R.TRB_IDT ? immediate(trb).subarray(at) : this.ports.dma.read(trb.parameter + at, to - from);
      step.set(part.subarray(0, to - from), from);
    });
    return transferOut(device, number, step);
  }

  /** Events of a descriptor that is done: for each block that asks for one, for the one that was short, for an error. */
  #report(slotId: number, index: number, endpoint: EndpointState, { blocks }: Descriptor, outcome: Outcome): void {
    const control = (R.TRANSFER_EVENT << R.TRB_TYPE_SHIFT) | (index << 16) | (slotId << 24);
    let left = endpoint.done;
    let sinceEventData = 0;
    let reportedShort = false;
    for (const [i, trb] of blocks.entries()) {
      const length = dataLength(trb);
      const moved = Math.min(length, left);
      left -= moved;
      sinceEventData += moved;
      const ends = moved < length || i === blocks.length - 1;
      if (typeof outcome === 'object' && ends && left === 0) {
        this.#event(trb.address, length - moved, outcome.error, control);
        return;
      }
      const isShort = outcome === 'short' && moved < length;
      const code = isShort ? R.CC_SHORT_PACKET : R.CC_SUCCESS;
      if (trb.type === R.EVENT_DATA) {
        if (trb.control & R.TRB_IOC) {
          const short = outcome === 'short' ? R.CC_SHORT_PACKET : R.CC_SUCCESS;
          this.#event(trb.parameter, sinceEventData, short, control | R.TRB_EVENT_DATA);
          sinceEventData = 0;
        }
      } else if (!reportedShort && trb.control & (isShort ? R.TRB_IOC | R.TRB_ISP : R.TRB_IOC)) {
        this.#event(trb.address, length - moved, code, control);
        reportedShort = isShort;
      }
    }
  }

  #event(pointer: number, residue: number, code: number, control: number): void {
    this.ports.events.push(pointer, (residue & 0xff_ffff) | (code << 24), control);
  }
}

/** Bytes of data that a block stands for. */
function dataLength(trb: Trb): number {
  const hasData = trb.type === R.NORMAL || trb.type === R.DATA_STAGE || trb.type === R.SETUP_STAGE;
  const length = hasData ? trb.status & R.TRB_LENGTH : 0;
  return trb.control & R.TRB_IDT ? Math.min(length, SETUP_BYTES) : length;
}

/** Data that lies in the block itself. [XHCI] 4.11.7 */
function immediate({ words }: Trb): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, words[0] ?? 0, true);
  view.setUint32(4, words[1] ?? 0, true);
  return new Uint8Array(view.buffer);
}

/** The blocks that [done, done + length) of a descriptor's data lies in: from where in the block, which part of the data. */
function eachPart(
  blocks: readonly Trb[],
  done: number,
  length: number,
  part: (trb: Trb, at: number, from: number, to: number) => void,
): void {
  let begin = 0;
  for (const trb of blocks) {
    const end = begin + dataLength(trb);
    const from = Math.max(begin, done);
    const to = Math.min(end, done + length);
    if (from < to) part(trb, from - begin, from - done, to - done);
    begin = end;
  }
}
