/**
 * A viewer that types and points and does not look: the client's half of an RFB session, as scripts need it.
 *
 * [RFC6143] The Remote Framebuffer Protocol, sections 7.1 to 7.5. Keys go by X11 keysym.
 */
import type { ByteStream } from '../../core/worker/client-api.ts';

const FRAMEBUFFER_UPDATE_REQUEST = 3;
const KEY_EVENT = 4;
const POINTER_EVENT = 5;
const SECURITY_NONE = 1;
const SHARED = 1;
/** Longer than the server takes to look at the screen for a viewer that asks. */
const LOOK_MS = 50;
/** Keys typed one after the other: within what a PS/2 keyboard keeps for a guest that polls slowly. */
const KEY_MS = 20;

const SHIFT = 0xffe1;
const KEYSYMS: Readonly<Record<string, number>> = {
  space: 0x20,
  backspace: 0xff08,
  tab: 0xff09,
  enter: 0xff0d,
  esc: 0xff1b,
  home: 0xff50,
  left: 0xff51,
  up: 0xff52,
  right: 0xff53,
  down: 0xff54,
  pageup: 0xff55,
  pagedown: 0xff56,
  end: 0xff57,
  insert: 0xff63,
  shift: SHIFT,
  ctrl: 0xffe3,
  alt: 0xffe9,
  meta: 0xffeb,
  delete: 0xffff,
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i + 1}`, 0xffbe + i])),
};

/** The keysyms of "ctrl+alt+delete" or "a"; undefined when one of the names is unknown. */
export function keysymsOf(chord: string): readonly number[] | undefined {
  const names = chord === '+' ? [chord] : chord.split('+');
  const keysyms = names.map((name) => (name.length === 1 ? name.charCodeAt(0) : KEYSYMS[name]));
  return keysyms.every((keysym) => keysym !== undefined) ? keysyms : undefined;
}

/** What a US keyboard has on the other level of its keys. */
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

/** The keys that type a character. */
export function keysymsToType(character: string): readonly number[] {
  const keysym = character.charCodeAt(0);
  return SHIFTED.test(character) ? [SHIFT, keysym] : [keysym];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class InputViewer {
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    // What the server says has one answer each, so that all can be said at once.
    this.#send([...new TextEncoder().encode('RFB 003.008\n'), SECURITY_NONE, SHARED]);
  }

  /** Presses these keys in order, and lets them go in the opposite one. */
  async press(keysyms: readonly number[]): Promise<void> {
    for (const keysym of keysyms) this.#key(keysym, true);
    await pause(KEY_MS);
    for (const keysym of keysyms.toReversed()) this.#key(keysym, false);
    await pause(KEY_MS);
  }

  /** In pixels of the screen. buttons: bit 0 left, 1 middle, 2 right, 3 and 4 wheel up and down. */
  async point(x: number, y: number, buttons: number): Promise<void> {
    // The server looks at the screen, and thus knows its size, only while a viewer asks for what has changed.
    this.#send([FRAMEBUFFER_UPDATE_REQUEST, 1, 0, 0, 0, 0, 0, 1, 0, 1]);
    await pause(LOOK_MS);
    this.#send([POINTER_EVENT, buttons, x >> 8, x & 0xff, y >> 8, y & 0xff]);
  }

  #key(keysym: number, down: boolean): void {
    this.#send([KEY_EVENT, down ? 1 : 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (keysym >>> shift) & 0xff)]);
  }

  #send(bytes: readonly number[]): void {
    this.#stream.send(Uint8Array.from(bytes).buffer);
  }
}
