/** A mouse with five buttons and a wheel; in boot protocol, with three and none. [HID] B.2, E.10. */
import type { TimerHost } from '../../base/clock.ts';
import { int, uint } from '../state-shape.ts';
import { HidDevice } from './hid-device.ts';
import { FIVE_BUTTON_POINTER, FIVE_BUTTONS } from './hid-pointer.ts';
import { PROTOCOL_MOUSE } from './usb.regs.ts';

/** Movement that waits for the guest. */
const MAX_MOVEMENT = 4096;
const REPORT_MAX = 127;
const THREE_BUTTONS = 0x07;

// biome-ignore format: one item a line
const REPORT_DESCRIPTOR = Uint8Array.from([
  ...FIVE_BUTTON_POINTER,
  0x05, 0x01, //       Usage Page (Generic Desktop)
  0x09, 0x30, //       Usage (X)
  0x09, 0x31, //       Usage (Y)
  0x09, 0x38, //       Usage (Wheel)
  0x15, 0x81, //       Logical Minimum (-127)
  0x25, 0x7f, //       Logical Maximum (127)
  0x75, 0x08, //       Report Size (8)
  0x95, 0x03, //       Report Count (3)
  0x81, 0x06, //       Input (Data, Variable, Relative)
  0xc0, //           End Collection
  0xc0, //         End Collection
]);

/** Movement since the last call, and the buttons as they are now. The same words as the PS/2 mouse's. */
export interface UsbMouseInput {
  /** Pixels to the right. */
  dx: number;
  /** Pixels down. */
  dy: number;
  /** Notches towards the user. */
  wheel: number;
  /** All buttons that are down: bit 0 left, 1 right, 2 middle, 3 fourth, 4 fifth. */
  buttons: number;
}

interface MouseState {
  dx: number;
  dy: number;
  wheel: number;
  buttons: number;
}

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, Math.trunc(value) || 0));

export class UsbMouse extends HidDevice<MouseState> {
  constructor(timers: TimerHost) {
    const movement = int(-MAX_MOVEMENT, MAX_MOVEMENT);
    super(
      {
        name: 'usb-mouse',
        productId: 0x0002,
        product: 'USB Mouse',
        bootProtocol: PROTOCOL_MOUSE,
        reportDescriptor: REPORT_DESCRIPTOR,
        reportBytes: 4,
        intervalMs: 8,
        fields: { dx: movement, dy: movement, wheel: movement, buttons: uint(FIVE_BUTTONS) },
        powerOn: () => ({ dx: 0, dy: 0, wheel: 0, buttons: 0 }),
      },
      timers,
    );
  }

  input({ dx, dy, wheel, buttons }: UsbMouseInput): void {
    const own = this.own;
    if (!this.configured) return;
    own.dx = clamp(own.dx + dx, MAX_MOVEMENT);
    own.dy = clamp(own.dy + dy, MAX_MOVEMENT);
    own.wheel = clamp(own.wheel + wheel, MAX_MOVEMENT);
    const click = own.buttons !== (buttons & FIVE_BUTTONS);
    own.buttons = buttons & FIVE_BUTTONS;
    // Movement adds up while a report waits; every change of the buttons has a report of its own.
    if (click || own.waiting.length === 0) this.changed();
  }

  protected override reportTaken(): void {
    const { dx, dy, wheel, waiting } = this.own;
    if (waiting.length === 0 && (dx !== 0 || dy !== 0 || wheel !== 0)) this.changed();
  }

  protected override report(boot: boolean): Uint8Array {
    const own = this.own;
    const dx = clamp(own.dx, REPORT_MAX);
    const dy = clamp(own.dy, REPORT_MAX);
    const wheel = boot ? 0 : clamp(own.wheel, REPORT_MAX);
    own.dx -= dx;
    own.dy -= dy;
    own.wheel = boot ? 0 : own.wheel - wheel;
    if (boot) return Uint8Array.of(own.buttons & THREE_BUTTONS, dx, dy);
    // The wheel counts away from the user.
    return Uint8Array.of(own.buttons, dx, dy, -wheel);
  }
}
