/**
 * One frame of a UHCI schedule: the frame list entry, its queue heads and transfer descriptors. [UHCI] 3.4, 3.5.
 *
 * A guest may link what it likes: a walk ends after MAX_STEPS, after the bytes of one frame, and when it comes around with
 * nothing moved since (drivers link their queues in a ring to use up a frame). Isochronous descriptors are
 * descriptors whose device does not exist: no device here has such endpoints.
 */

import * as R from './uhci.regs.ts';
import { SETUP_BYTES } from './usb.regs.ts';
import type { UsbDevice } from './usb-device.ts';
import type { UsbDma } from './usb-dma.ts';

const MAX_STEPS = 1024;
/** More than the 1.5 KB of a real frame: nothing depends on the bus being slow. */
const FRAME_BYTES = 16 * 1024;

/** What a frame, or one descriptor of it, calls for. */
export interface FrameResult {
  moved: boolean;
  /** A descriptor that asks for an interrupt has been done. */
  ioc: boolean;
  /** One that detects short packets got one. */
  short: boolean;
  error: boolean;
  /** The schedule makes no sense; the controller halts. */
  fatal: boolean;
}

/** Where a queue goes on behind a descriptor. */
type Next = 'advance' | 'stay';

export class UhciSchedule {
  #bytes = 0;
  /** What has been done since something moved or the guest ran, and so need not be done again. */
  readonly #seen = new Set<number>();

  constructor(
    readonly dma: UsbDma,
    readonly find: (address: number) => UsbDevice | undefined,
  ) {}

  /** entry: where in the frame list. fresh: the guest has run since the last frame. */
  run(entry: number, fresh: boolean): FrameResult {
    const result: FrameResult = { moved: false, ioc: false, short: false, error: false, fatal: false };
    const seen = this.#seen;
    if (fresh) seen.clear();
    let link = this.dma.read32(entry);
    this.#bytes = 0;
    for (let step = 0; step < MAX_STEPS && !(link & R.LINK_T) && !result.fatal; step++) {
      const address = (link & R.LINK_ADDRESS) >>> 0;
      if (seen.has(address) || this.#bytes >= FRAME_BYTES) break;
      seen.add(address);
      if (!(link & R.LINK_Q)) {
        this.#descriptor(address, result);
        link = this.dma.read32(address);
        continue;
      }
      const { next, moved } = this.#queue(address, result);
      if (moved) seen.clear();
      link = next;
    }
    return result;
  }

  /** Does a queue's first descriptor, and those behind it as far as they are linked depth first. */
  #queue(queueHead: number, result: FrameResult): { next: number; moved: boolean } {
    const [horizontal = R.LINK_T, first = R.LINK_T] = this.dma.words(queueHead, 2);
    let element = first;
    let moved = false;
    for (let step = 0; step < MAX_STEPS && !(element & (R.LINK_T | R.LINK_Q)); step++) {
      const address = (element & R.LINK_ADDRESS) >>> 0;
      if (this.#descriptor(address, result) === 'stay') return { next: horizontal, moved };
      moved = true;
      element = this.dma.read32(address);
      this.dma.write32(queueHead + 4, element);
      if (!(element & R.LINK_VF) || this.#bytes >= FRAME_BYTES) return { next: horizontal, moved };
    }
    // A queue head inside of a queue is walked in place of what follows.
    const nested = !(element & R.LINK_T) && (element & R.LINK_Q) !== 0;
    return { next: nested ? element : horizontal, moved };
  }

  #descriptor(address: number, result: FrameResult): Next {
    const [, status = 0, token = 0, buffer = 0] = this.dma.words(address, 4);
    if (!(status & R.TD_ACTIVE)) {
      // [UHCI] 3.2.2: also for a descriptor that is not active any more.
      if (status & R.TD_IOC) result.ioc = true;
      return 'stay';
    }
    const pid = token & 0xff;
    const length = ((token >>> 21) + 1) & R.TD_NO_BYTES;
    const known = pid === R.PID_IN || pid === R.PID_OUT || pid === R.PID_SETUP;
    if (!known || length > R.TD_MAX_LENGTH + 1) {
      result.fatal = true;
      return 'stay';
    }
    const moved = this.#transact(pid, token, buffer, length);
    if (moved === 'nak') {
      if (!(status & R.TD_NAK)) this.dma.write32(address + R.TD_STATUS, status | R.TD_NAK);
      return 'stay';
    }
    result.moved = true;
    this.#bytes += 64 + (typeof moved === 'number' ? 0 : moved.bytes); // 64: so that failures end a frame too
    return this.#complete(address, status, pid, length, moved, result);
  }

  #complete(
    address: number,
    status: number,
    pid: number,
    length: number,
    outcome: { bytes: number } | number,
    result: FrameResult,
  ): Next {
    const ended = status & ~(R.TD_ACTIVE | R.TD_NAK | R.TD_ACTLEN_MASK);
    if (typeof outcome === 'number') {
      result.error = true;
      if (status & R.TD_IOC) result.ioc = true;
      this.dma.write32(address + R.TD_STATUS, (ended | outcome | R.TD_STALLED | R.TD_NO_BYTES) >>> 0);
      return 'stay';
    }
    this.dma.write32(address + R.TD_STATUS, (ended | ((outcome.bytes - 1) & R.TD_ACTLEN_MASK)) >>> 0);
    if (status & R.TD_IOC) result.ioc = true;
    if (pid !== R.PID_IN || outcome.bytes === length || !(status & R.TD_SPD)) return 'advance';
    result.short = true;
    return 'stay';
  }

  /** What moved, or the error bits of the status. */
  #transact(pid: number, token: number, buffer: number, length: number): { bytes: number } | number | 'nak' {
    const device = this.find((token >>> 8) & 0x7f);
    const endpoint = (token >>> 15) & 0x0f;
    if (!device) return R.TD_TIMEOUT;
    if (pid === R.PID_IN) {
      const packet = device.packetIn(endpoint);
      if (packet === 'nak') return 'nak';
      if (packet === 'stall') return 0;
      if (packet.length > length) return R.TD_BABBLE;
      this.dma.write(buffer, packet);
      return { bytes: packet.length };
    }
    const data = this.dma.read(buffer, length);
    if (pid === R.PID_SETUP) {
      if (length !== SETUP_BYTES || endpoint !== 0) return R.TD_TIMEOUT;
      device.setup(data);
      return { bytes: length };
    }
    const handshake = device.packetOut(endpoint, data);
    if (handshake === 'nak') return 'nak';
    return handshake === 'stall' ? 0 : { bytes: length };
  }
}
