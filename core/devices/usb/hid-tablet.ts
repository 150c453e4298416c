/** An absolute pointer with five buttons and a wheel: what a viewer's pointer is, without any grab. [HID] 6.2.2. */
import type { TimerHost } from '../../base/clock.ts';
import { int, uint } from '../state-shape.ts';
import { HidDevice } from './hid-device.ts';
import { FIVE_BUTTON_POINTER, FIVE_BUTTONS } from './hid-pointer.ts';

/** The right and bottom edge. */
export const TABLET_MAX = 0x7fff;
const WHEEL_WAITING = 1024;
const WHEEL_MAX = 127;

// biome-ignore format: one item a line
const REPORT_DESCRIPTOR = Uint8Array.from([
  ...FIVE_BUTTON_POINTER,
  0x05, 0x01, //                   Usage Page (Generic Desktop)
  0x09, 0x30, //                   Usage (X)
  0x09, 0x31, //                   Usage (Y)
  0x15, 0x00, //                   Logical Minimum (0)
  0x26, 0xff, 0x7f, //             Logical Maximum (32767)
  0x35, 0x00, //                   Physical Minimum (0)
  0x46, 0xff, 0x7f, //             Physical Maximum (32767)
  0x75, 0x10, //                   Report Size (16)
  0x95, 0x02, //                   Report Count (2)
  0x81, 0x02, //                   Input (Data, Variable, Absolute)
  0x09, 0x38, //                   Usage (Wheel)
  0x15, 0x81, //                   Logical Minimum (-127)
  0x25, 0x7f, //                   Logical Maximum (127)
  0x35, 0x00, //                   Physical Minimum (0)
  0x45, 0x00, //                   Physical Maximum (0): as the logical ones
  0x75, 0x08, //                   Report Size (8)
  0x95, 0x01, //                   Report Count (1)
  0x81, 0x06, //                   Input (Data, Variable, Relative)
  0xc0, //                       End Collection
  0xc0, //                     End Collection
]);

export interface TabletInput {
  /** 0 left .. TABLET_MAX right. */
  x: number;
  /** 0 top .. TABLET_MAX bottom. */
  y: number;
  /** Notches towards the user since the last call. */
  wheel: number;
  /** All buttons that are down: bit 0 left, 1 right, 2 middle, 3 fourth, 4 fifth. */
  buttons: number;
}

interface TabletState {
  x: number;
  y: number;
  wheel: number;
  buttons: number;
}

const clamp = (value: number, min: number, max: number): number => Math.max(min, Math.min(max, Math.round(value) || 0));

export class UsbTablet extends HidDevice<TabletState> {
  constructor(timers: TimerHost) {
    super(
      {
        name: 'usb-tablet',
        productId: 0x0003,
        product: 'USB Tablet',
        reportDescriptor: REPORT_DESCRIPTOR,
        reportBytes: 6,
        intervalMs: 4,
        fields: {
          x: uint(TABLET_MAX),
          y: uint(TABLET_MAX),
          wheel: int(-WHEEL_WAITING, WHEEL_WAITING),
          buttons: uint(FIVE_BUTTONS),
        },
        powerOn: () => ({ x: 0, y: 0, wheel: 0, buttons: 0 }),
      },
      timers,
    );
  }

  input({ x, y, wheel, buttons }: TabletInput): void {
    const own = this.own;
    if (!this.configured) return;
    const click = own.buttons !== (buttons & FIVE_BUTTONS);
    own.x = clamp(x, 0, TABLET_MAX);
    own.y = clamp(y, 0, TABLET_MAX);
    own.wheel = clamp(own.wheel + wheel, -WHEEL_WAITING, WHEEL_WAITING);
    own.buttons = buttons & FIVE_BUTTONS;
    if (!click) this.#dropStalePosition();
    this.changed();
  }

  /** Where the pointer only passed by need not be told; where a button changed must be. */
  #dropStalePosition(): void {
    const [before, last] = this.own.waiting.slice(-2);
    if (!before || !last || before[0] !== last[0]) return;
    this.own.waiting.pop();
    this.own.wheel = clamp(this.own.wheel - signed(last[5] ?? 0), -WHEEL_WAITING, WHEEL_WAITING);
  }

  protected override reportTaken(): void {
    if (this.own.waiting.length === 0 && this.own.wheel !== 0) this.changed();
  }

  protected override report(): Uint8Array {
    const own = this.own;
    const wheel = clamp(own.wheel, -WHEEL_MAX, WHEEL_MAX);
    own.wheel -= wheel;
    // The wheel counts away from the user.
    return Uint8Array.of(own.buttons, own.x & 0xff, own.x >>> 8, own.y & 0xff, own.y >>> 8, -wheel);
  }
}

const signed = (byte: number): number => (byte << 24) >> 24;
