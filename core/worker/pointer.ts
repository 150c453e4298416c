/** From a viewer's absolute pointer to what a PS/2 mouse can say: movement, notches, its own order of buttons. */
import type { MouseInput } from '../devices/i8042/ps2-mouse.ts';

// RFB buttons, [RFC6143] 7.5.5
const LEFT = 1 << 0;
const MIDDLE = 1 << 1;
const RIGHT = 1 << 2;
const WHEEL_UP = 1 << 3;
const WHEEL_DOWN = 1 << 4;

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
      wheel: (pressed & WHEEL_DOWN ? 1 : 0) - (pressed & WHEEL_UP ? 1 : 0),
      buttons: (buttons & LEFT ? 1 : 0) | (buttons & RIGHT ? 2 : 0) | (buttons & MIDDLE ? 4 : 0),
    };
  }
}
