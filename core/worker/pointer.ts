/** From a viewer's pointer to what a mouse or a tablet can say: movement or place, notches, its own order of buttons. */
import type { MouseInput } from '../devices/i8042/ps2-mouse.ts';
import { TABLET_MAX, type TabletInput } from '../devices/usb/hid-tablet.ts';

// RFB buttons, [RFC6143] 7.5.5
const LEFT = 1 << 0;
const MIDDLE = 1 << 1;
const RIGHT = 1 << 2;
const WHEEL_UP = 1 << 3;
const WHEEL_DOWN = 1 << 4;

/** Of a USB tablet, whose coordinates are a picture's share of its range. */
export class AbsolutePointer {
  #buttons = 0;

  move(
    x: number,
    y: number,
    buttons: number,
    screen: { readonly width: number; readonly height: number },
  ): TabletInput {
    const wheel = notches(buttons & ~this.#buttons);
    this.#buttons = buttons;
    return { x: share(x, screen.width), y: share(y, screen.height), wheel, buttons: ownOrder(buttons) };
  }
}

const share = (at: number, pixels: number): number =>
  Math.round((TABLET_MAX * Math.min(at, Math.max(pixels - 1, 0))) / Math.max(pixels - 1, 1));

const notches = (pressed: number): number => (pressed & WHEEL_DOWN ? 1 : 0) - (pressed & WHEEL_UP ? 1 : 0);

const ownOrder = (buttons: number): number =>
  (buttons & LEFT ? 1 : 0) | (buttons & RIGHT ? 2 : 0) | (buttons & MIDDLE ? 4 : 0);

export class RelativePointer {
  #x: number | undefined;
  #y = 0;
  #buttons = 0;

  /** x and y in pixels; the first position ever is where the mouse lies already. */
  move(x: number, y: number, buttons: number): MouseInput {
    const dx = x - (this.#x ?? x);
    const dy = this.#x === undefined ? 0 : y - this.#y;
    const pressed = buttons & ~this.#buttons;
    this.#x = x;
    this.#y = y;
    this.#buttons = buttons;
    return {
      dx,
      dy,
      wheel: notches(pressed),
      buttons: ownOrder(buttons),
    };
  }
}
