/**
 * What the human interface devices share: one interrupt endpoint, reports that wait for the host, boot protocol, idle.
 *
 * [HID] 7.2 (requests), 4.2 and 4.3 (boot interface). A device reports when something changed and, if the host asked for
 * an idle rate, again after that time.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { byteArrayUpTo, type Fields, flag, list, timeNs, uint } from '../state-shape.ts';
import { descriptor, type UsbSpeed } from './descriptors.ts';
import * as U from './usb.regs.ts';
import type { PacketIn } from './usb-device.ts';
import { type SetupPacket, UsbFunction } from './usb-function.ts';

/** Reports that wait for a slow host; the newest state goes last, so that nothing sticks. */
const REPORTS_WAITING = 32;
const REPORT_BYTES_MAX = 8;
const INPUT = U.ENDPOINT_IN | 1;
const VENDOR = 0x1209; // pid.codes, for open hardware

interface HidState {
  /** Boot protocol, not report protocol. */
  boot: boolean;
  /** In units of 4 ms; 0: only changes are reported. */
  idle: number;
  /** Reports the host has not fetched, oldest first. */
  waiting: Uint8Array[];
  /** When the last report went to the host. */
  reportedNs: number;
}

const HID_FIELDS: Fields<HidState> = {
  boot: flag,
  idle: uint(0xff),
  waiting: list(REPORTS_WAITING, byteArrayUpTo(REPORT_BYTES_MAX)),
  reportedNs: timeNs,
};

export interface HidModel<F extends object> {
  readonly name: string;
  readonly productId: number;
  readonly product: string;
  /** Boot interface protocol; absent for a device without one. */
  readonly bootProtocol?: number;
  readonly reportDescriptor: Uint8Array;
  readonly reportBytes: number;
  readonly intervalMs: number;
  readonly fields: Fields<F>;
  powerOn(): F;
}

/** [HID] 6.2.1 */
const hidDescriptor = (reportBytes: number): number[] =>
  descriptor(U.DT_HID, 0x11, 0x01, 0, 1, U.DT_HID_REPORT, reportBytes & 0xff, reportBytes >>> 8);

export abstract class HidDevice<F extends object> extends UsbFunction<HidState & F> {
  readonly #idle: Timer;

  constructor(
    readonly hid: HidModel<F>,
    readonly timers: TimerHost,
  ) {
    const classDescriptors = Uint8Array.from(hidDescriptor(hid.reportDescriptor.length));
    const boot = hid.bootProtocol;
    super({
      name: hid.name,
      speeds: ['full'] satisfies UsbSpeed[],
      table: () => ({
        vendorId: VENDOR,
        productId: hid.productId,
        strings: ['Vivarium', hid.product, '1'],
        attributes: U.ATTRIBUTES_BUS_POWERED | U.ATTRIBUTES_REMOTE_WAKEUP,
        interfaceClass: [U.CLASS_HID, boot === undefined ? 0 : U.SUBCLASS_BOOT, boot ?? 0],
        classDescriptors,
        endpoints: [
          { address: INPUT, type: U.TRANSFER_INTERRUPT, maxPacketBytes: hid.reportBytes, intervalMs: hid.intervalMs },
        ],
      }),
      fields: { ...HID_FIELDS, ...hid.fields } as Fields<HidState & F>,
      powerOn: () => ({ boot: false, idle: 0, waiting: [], reportedNs: 0, ...hid.powerOn() }),
    });
    this.#idle = timers.createTimer(`${hid.name} idle`, () => this.ready(INPUT));
  }

  /** The report of how things are now; movement in it counts as told. */
  protected abstract report(boot: boolean): Uint8Array;
  /** The host's report, as the LEDs of a keyboard. False for a device that takes none. */
  protected output(_data: Uint8Array): boolean {
    return false;
  }

  /** Room for a report without giving up an older one. */
  protected get hasRoom(): boolean {
    return this.own.waiting.length < REPORTS_WAITING;
  }

  /** Something changed: the host gets a report. */
  protected changed(): void {
    if (!this.configured) return;
    const { waiting } = this.own;
    if (!this.hasRoom) waiting.pop();
    waiting.push(this.report(this.own.boot));
    this.ready(INPUT);
  }

  protected override dataIn(_endpoint: number): PacketIn {
    const own = this.own;
    const waiting = own.waiting.shift();
    const idleOver = own.idle !== 0 && this.timers.nowNs() >= this.#idleEndNs();
    if (!waiting && !idleOver) return 'nak';
    own.reportedNs = this.timers.nowNs();
    this.stateChanged();
    this.reportTaken();
    return waiting ?? this.report(own.boot);
  }

  /** The host has fetched a report: there is room for the next. */
  protected reportTaken(): void {}

  protected override controlIn({ request, value }: SetupPacket): Uint8Array | undefined {
    const { boot, idle } = this.own;
    switch (request) {
      case U.GET_DESCRIPTOR_INTERFACE:
        if (value >>> 8 === U.DT_HID_REPORT) return this.hid.reportDescriptor;
        return value >>> 8 === U.DT_HID ? Uint8Array.from(hidDescriptor(this.hid.reportDescriptor.length)) : undefined;
      case U.HID_GET_REPORT:
        return value >>> 8 === U.HID_REPORT_INPUT ? this.report(boot) : undefined;
      case U.HID_GET_IDLE:
        return Uint8Array.of(idle);
      case U.HID_GET_PROTOCOL:
        return this.hid.bootProtocol === undefined ? undefined : Uint8Array.of(boot ? 0 : 1);
      default:
        return undefined;
    }
  }

  protected override controlOut({ request, value }: SetupPacket, data: Uint8Array): boolean {
    switch (request) {
      case U.HID_SET_REPORT:
        return value >>> 8 === U.HID_REPORT_OUTPUT && this.output(data);
      case U.HID_SET_IDLE:
        this.own.idle = value >>> 8;
        this.stateChanged();
        return true;
      case U.HID_SET_PROTOCOL:
        if (this.hid.bootProtocol === undefined || value > 1) return false;
        this.own.boot = value === 0;
        return true;
      default:
        return false;
    }
  }

  protected override stateChanged(): void {
    if (this.own.idle !== 0 && this.configured) this.#idle.arm(this.#idleEndNs());
    else this.#idle.cancel();
  }

  #idleEndNs(): number {
    return this.own.reportedNs + this.own.idle * U.IDLE_UNIT_NS;
  }
}
