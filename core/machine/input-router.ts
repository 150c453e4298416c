/**
 * Which device a key or the pointer goes to: the USB ones as soon as the guest uses them, else those that every PC has. A
 * guest may change its mind while a key or button is down: what goes up, goes up where it went down.
 */
import type { I8042 } from '../devices/i8042/i8042.ts';
import type { MouseInput } from '../devices/i8042/ps2-mouse.ts';
import type { TabletInput } from '../devices/usb/hid-tablet.ts';
import type { UsbInputs } from './usb.ts';

interface Keyboard {
  press(code: string): void;
  release(code: string): void;
}

export interface PointerInput {
  /** What moved since the last call, with the buttons, for a mouse. */
  relative(): MouseInput;
  /** Where the pointer is, with the buttons, for a tablet. */
  absolute(): TabletInput;
}

export class InputRouter {
  /** The keys that are down, and on which keyboard. */
  readonly #down = new Map<string, Keyboard>();
  #releasePointer: (() => void) | undefined;
  #pointer: unknown;

  constructor(
    readonly i8042: Pick<I8042, 'keyboard' | 'mouse'>,
    readonly usb: UsbInputs,
  ) {}

  /** code: KeyboardEvent.code. A press of a key that is down is a repeat. */
  key(code: string, down: boolean): void {
    const usb = this.usb.keyboard?.configured ? this.usb.keyboard : undefined;
    const keyboard = this.#down.get(code) ?? usb ?? this.i8042.keyboard;
    if (down) {
      this.#down.set(code, keyboard);
      keyboard.press(code);
    } else {
      this.#down.delete(code);
      keyboard.release(code);
    }
  }

  pointer(input: PointerInput): void {
    const { tablet } = this.usb;
    if (tablet?.configured) {
      const at = input.absolute();
      this.#use(tablet, () => tablet.input({ ...at, wheel: 0, buttons: 0 }));
      tablet.input(at);
    } else this.motion(input.relative());
  }

  /** Whether the guest follows places, by its tablet, and not movement. */
  get absolute(): boolean {
    return this.usb.tablet?.configured ?? false;
  }

  /** Movement of a viewer that has grabbed the pointer; a tablet can do nothing with it. */
  motion(input: MouseInput): void {
    if (this.absolute) return;
    const { mouse } = this.usb;
    const used = mouse?.configured ? mouse : this.i8042.mouse;
    this.#use(used, () => used.input({ dx: 0, dy: 0, wheel: 0, buttons: 0 }));
    used.input(input);
  }

  /** The device the pointer was before loses its buttons. */
  #use(device: unknown, release: () => void): void {
    if (this.#pointer !== device) this.#releasePointer?.();
    this.#pointer = device;
    this.#releasePointer = release;
  }
}
