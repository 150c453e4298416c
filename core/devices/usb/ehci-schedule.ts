/**
 * The periodic and the asynchronous schedule of EHCI: queue heads with their transfer descriptors. [EHCI] 4.4, 4.8, 4.10.
 *
 * Only high-speed queues are done: a port with a slower device belongs to a companion, and there are no hubs with
 * transaction translators. Isochronous descriptors are passed over: no device here has such endpoints. Every walk has a
 * limit of steps and of bytes, since a guest may link what it likes.
 */
import * as R from './ehci.regs.ts';
import { SETUP_BYTES } from './usb.regs.ts';
import type { UsbDevice } from './usb-device.ts';
import type { UsbDma } from './usb-dma.ts';
import { type TransferResult, transferIn, transferOut } from './usb-transfer.ts';

const MAX_QUEUES = 256;
const MAX_DESCRIPTORS = 64;
/** In one frame; twice what a real bus carries. */
const FRAME_BYTES = 128 * 1024;
/** What a descriptor costs beside its data, so that empty ones and failures end a frame too. */
const DESCRIPTOR_BYTES = 512;

export interface WalkResult {
  moved: boolean;
  /** USBSTS bits to set. */
  status: number;
}

interface Queue {
  readonly address: number;
  readonly words: Uint32Array;
}

export class EhciSchedule {
  #bytes = 0;
  #result: WalkResult = { moved: false, status: 0 };
  /** Of the periodic list: what has been done since the guest ran, and so need not be done again. */
  readonly #seen = new Set<number>();

  constructor(
    readonly dma: UsbDma,
    readonly find: (address: number) => UsbDevice | undefined,
  ) {}

  /**
   * One frame: the periodic list from this entry, the asynchronous list from this queue head; undefined for none. fresh: the
   * guest has run since the last frame.
   */
  run(periodicEntry: number | undefined, asyncHead: number | undefined, fresh: boolean): WalkResult {
    if (fresh) this.#seen.clear();
    this.#bytes = 0;
    this.#result = { moved: false, status: 0 };
    if (periodicEntry !== undefined) this.#periodic(periodicEntry);
    if (asyncHead !== undefined && fresh) this.#async(asyncHead);
    return this.#result;
  }

  /** [EHCI] 4.4 */
  #periodic(entry: number): void {
    let link = this.dma.read32(entry);
    for (let step = 0; step < MAX_QUEUES && !(link & R.LINK_T); step++) {
      const address = (link & R.LINK_ADDRESS) >>> 0;
      if (this.#seen.has(address)) return;
      this.#seen.add(address);
      if ((link & R.LINK_TYPE) === R.LINK_QH) {
        const queue = { address, words: this.dma.words(address, R.QH_WORDS) };
        if (word(queue, R.QH_CAPABILITIES) & R.QH_SMASK) this.#queue(queue, 1);
        link = word(queue, R.QH_LINK);
      } else {
        link = this.dma.read32(address);
      }
    }
  }

  /** Around the ring as long as something moves. [EHCI] 4.8 */
  #async(head: number): void {
    let moved = true;
    while (moved && this.#bytes < FRAME_BYTES) {
      moved = false;
      const seen = new Set<number>();
      for (let address = head; !seen.has(address) && seen.size < MAX_QUEUES; ) {
        seen.add(address);
        const queue = { address, words: this.dma.words(address, R.QH_WORDS) };
        if (this.#queue(queue, MAX_DESCRIPTORS)) moved = true;
        const link = word(queue, R.QH_LINK);
        if (link & R.LINK_T || (link & R.LINK_TYPE) !== R.LINK_QH) break;
        address = (link & R.LINK_ADDRESS) >>> 0;
      }
    }
  }

  /** Does up to `limit` descriptors of a queue. True if something moved. [EHCI] 4.10 */
  #queue(queue: Queue, limit: number): boolean {
    if ((word(queue, R.QH_CHARACTERISTICS) & R.QH_SPEED) !== R.QH_HIGH_SPEED) return false;
    let moved = false;
    for (let done = 0; done < limit && this.#bytes < FRAME_BYTES; done++) {
      const token = overlay(queue, R.QTD_TOKEN);
      if (token & R.TOKEN_HALTED) break;
      if (!(token & R.TOKEN_ACTIVE) && !this.#advance(queue)) break;
      const before = overlay(queue, R.QTD_TOKEN);
      const ended = this.#execute(queue);
      if (overlay(queue, R.QTD_TOKEN) !== before) {
        moved = true;
        this.#writeBack(queue, ended);
      }
      if (!ended) break;
    }
    if (moved) this.#result.moved = true;
    return moved;
  }

  /** Fetches the next descriptor, if it is active, into the overlay. [EHCI] 4.10.2 */
  #advance(queue: Queue): boolean {
    const left = (overlay(queue, R.QTD_TOKEN) >>> R.TOKEN_BYTES_SHIFT) & R.TOKEN_BYTES;
    const alternate = overlay(queue, R.QTD_ALTERNATE);
    const next = left !== 0 && !(alternate & R.LINK_T) ? alternate : overlay(queue, R.QTD_NEXT);
    if (next & R.LINK_T) return false;
    const address = (next & R.LINK_ADDRESS) >>> 0;
    const descriptor = this.dma.words(address, R.QTD_WORDS);
    const token = descriptor[R.QTD_TOKEN] ?? 0;
    if (!(token & R.TOKEN_ACTIVE)) return false;
    const toggleFrom = word(queue, R.QH_CHARACTERISTICS) & R.QH_DTC ? token : overlay(queue, R.QTD_TOKEN);
    queue.words.set(descriptor, R.QH_OVERLAY);
    queue.words[R.QH_CURRENT] = address;
    setOverlay(queue, R.QTD_TOKEN, (token & ~R.TOKEN_DT) | (toggleFrom & R.TOKEN_DT));
    this.#writeBack(queue, false);
    return true;
  }

  #writeBack(queue: Queue, ended: boolean): void {
    this.dma.writeWords(queue.address + 4 * R.QH_CURRENT, queue.words.subarray(R.QH_CURRENT));
    if (!ended) return;
    this.dma.write32(word(queue, R.QH_CURRENT) + 4 * R.QTD_TOKEN, overlay(queue, R.QTD_TOKEN));
  }

  /** Does the descriptor in the overlay as far as the device lets it. True when the descriptor is done with. */
  #execute(queue: Queue): boolean {
    const characteristics = word(queue, R.QH_CHARACTERISTICS);
    const token = overlay(queue, R.QTD_TOKEN);
    const device = this.find(characteristics & 0x7f);
    const length = (token >>> R.TOKEN_BYTES_SHIFT) & R.TOKEN_BYTES;
    const pid = (token >>> R.TOKEN_PID_SHIFT) & 3;
    this.#bytes += DESCRIPTOR_BYTES;
    if (length > room(queue)) return this.#fail(queue, R.TOKEN_BUFFER_ERROR);
    if (!device || pid > R.PID_SETUP) return this.#fail(queue, R.TOKEN_XACTERR);
    const { outcome, bytes } = this.#transfer(device, (characteristics >>> 8) & 0xf, pid, queue, length);
    this.#bytes += bytes;
    if (outcome === 'nak' && bytes === 0) return false;
    const packets = Math.max(1, Math.ceil(bytes / ((characteristics >>> 16) & 0x7ff || 1)));
    moveOn(queue, bytes, packets);
    if (outcome === 'nak') return false;
    if (outcome === 'babble') return this.#fail(queue, R.TOKEN_BABBLE);
    if (outcome === 'stall') return this.#fail(queue, 0);
    setOverlay(queue, R.QTD_TOKEN, overlay(queue, R.QTD_TOKEN) & ~R.TOKEN_ACTIVE);
    if (token & R.TOKEN_IOC || bytes < length) this.#result.status |= R.USBSTS_USBINT;
    return true;
  }

  #transfer(device: UsbDevice, endpoint: number, pid: number, queue: Queue, length: number): TransferResult {
    if (pid === R.PID_IN) {
      const data = new Uint8Array(length);
      const result = transferIn(device, endpoint, data);
      this.#eachPage(queue, result.bytes, (gpa, from, to) => this.dma.write(gpa, data.subarray(from, to)));
      return result;
    }
    const data = new Uint8Array(length);
    this.#eachPage(queue, length, (gpa, from, to) => data.set(this.dma.read(gpa, to - from), from));
    if (pid === R.PID_OUT) return transferOut(device, endpoint, data);
    if (length !== SETUP_BYTES || endpoint !== 0) return { outcome: 'stall', bytes: 0 };
    device.setup(data);
    return { outcome: 'ack', bytes: length };
  }

  /** Ends the queue's work until software clears the halt. [EHCI] 4.15.1.1 */
  #fail(queue: Queue, error: number): boolean {
    const token = overlay(queue, R.QTD_TOKEN);
    setOverlay(queue, R.QTD_TOKEN, (token & ~(R.TOKEN_ACTIVE | R.TOKEN_CERR)) | R.TOKEN_HALTED | error);
    this.#result.status |= R.USBSTS_ERROR | (token & R.TOKEN_IOC ? R.USBSTS_USBINT : 0);
    return true;
  }

  #eachPage(queue: Queue, length: number, part: (gpa: number, from: number, to: number) => void): void {
    let page = currentPage(queue);
    let offset = overlay(queue, R.QTD_BUFFER) % R.PAGE_BYTES;
    for (let from = 0; from < length; page++) {
      const to = Math.min(length, from + R.PAGE_BYTES - offset);
      const base = overlay(queue, R.QTD_BUFFER + page);
      part(base - (base % R.PAGE_BYTES) + offset, from, to);
      from = to;
      offset = 0;
    }
  }
}

const word = (queue: Queue, index: number): number => queue.words[index] ?? 0;
const overlay = (queue: Queue, index: number): number => word(queue, R.QH_OVERLAY + index);

function setOverlay(queue: Queue, index: number, value: number): void {
  queue.words[R.QH_OVERLAY + index] = value;
}

const currentPage = (queue: Queue): number => (overlay(queue, R.QTD_TOKEN) >>> R.TOKEN_CPAGE_SHIFT) & 7;

/** Bytes from the current place to the end of the last page. */
function room(queue: Queue): number {
  const offset = overlay(queue, R.QTD_BUFFER) % R.PAGE_BYTES;
  return Math.max(0, (R.QTD_BUFFERS - currentPage(queue)) * R.PAGE_BYTES - offset);
}

/** The place in the buffer, the bytes that are left and the data toggle after some packets. [EHCI] 4.10.3 */
function moveOn(queue: Queue, bytes: number, packets: number): void {
  const token = overlay(queue, R.QTD_TOKEN);
  const buffer = overlay(queue, R.QTD_BUFFER);
  const end = (buffer % R.PAGE_BYTES) + bytes;
  const page = Math.min(7, currentPage(queue) + Math.floor(end / R.PAGE_BYTES));
  const left = ((token >>> R.TOKEN_BYTES_SHIFT) & R.TOKEN_BYTES) - bytes;
  const toggle = packets % 2 === 1 ? R.TOKEN_DT : 0;
  const kept = token & ~((R.TOKEN_BYTES << R.TOKEN_BYTES_SHIFT) | (7 << R.TOKEN_CPAGE_SHIFT));
  setOverlay(queue, R.QTD_BUFFER, buffer - (buffer % R.PAGE_BYTES) + (end % R.PAGE_BYTES));
  setOverlay(queue, R.QTD_TOKEN, (kept ^ toggle) | (left << R.TOKEN_BYTES_SHIFT) | (page << R.TOKEN_CPAGE_SHIFT));
}
