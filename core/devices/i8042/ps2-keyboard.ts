/**
 * A PS/2 keyboard: keys in, scan codes of the selected set out.
 *
 * [PS2TR] IBM PS/2 Hardware Interface Technical Reference, keyboard chapter. A key that is held repeats when the viewer
 * says so (a second press without a release), not by a timer here: then the typematic rate is the user's own and a slow
 * connection cannot make a key stick. The guest's rate is acknowledged and kept.
 */
import { bits, byteArray, type Field, flag, int, list, record, type StateOf, u8 } from '../state-shape.ts';
import * as R from './i8042.regs.ts';
import { type KeyCode, keyCodes } from './keys.ts';
import { PS2_FIELDS, Ps2Device } from './ps2-device.ts';
import { type ScanCodeSet, scanCodes } from './scan-codes.ts';

/** Scan code bytes that wait for the guest. */
const BUFFER_BYTES = 256;
/** Bits of a key type in set 3: it sends a break code; it repeats. */
const BREAKS = 1 << 0;
const REPEATS = 1 << 1;
const KEY_TYPES: Readonly<Record<number, number>> = {
  [R.KBD_ALL_TYPEMATIC]: REPEATS,
  [R.KBD_ALL_MAKE_BREAK]: BREAKS,
  [R.KBD_ALL_MAKE]: 0,
  [R.KBD_ALL_TYPEMATIC_MAKE_BREAK]: BREAKS | REPEATS,
  [R.KBD_KEY_TYPEMATIC]: REPEATS,
  [R.KBD_KEY_MAKE_BREAK]: BREAKS,
  [R.KBD_KEY_MAKE]: 0,
};
/** While a list of keys follows a command, a byte from here on is the next command. */
const FIRST_COMMAND = R.KBD_LEDS;

const aKey: Field<KeyCode> = (value) => (typeof value === 'string' && keyCodes(value) ? (value as KeyCode) : undefined);
const aSet: Field<ScanCodeSet> = (value) => int(1, 3)(value) as ScanCodeSet | undefined;

export const keyboardState = record({
  ...PS2_FIELDS,
  buffer: list(BUFFER_BYTES, u8),
  /** Keys that the guest was told are down, in the order they went down. */
  held: list(BUFFER_BYTES, aKey),
  /** Those that were down when PrintScreen went down: it is released as what it was pressed as. */
  heldBeforePrint: list(BUFFER_BYTES, aKey),
  set: aSet,
  scanning: flag,
  leds: bits(R.LED_MASK),
  typematic: u8,
  /** By set 3 code; other sets do not look at it. */
  keyTypes: byteArray(256),
});
type KeyboardState = StateOf<typeof keyboardState>;

const defaults = () => ({
  set: 2 as ScanCodeSet,
  typematic: R.TYPEMATIC_DEFAULT,
  keyTypes: new Uint8Array(256).fill(BREAKS | REPEATS),
});

const powerOn = (): KeyboardState => ({
  ...defaults(),
  replies: [],
  parameterOf: 0,
  lastSent: 0,
  buffer: [],
  held: [],
  heldBeforePrint: [],
  scanning: true,
  leds: 0,
});

export class Ps2Keyboard extends Ps2Device<KeyboardState> {
  constructor(onData: () => void) {
    super(powerOn(), onData);
  }

  /** Scroll (bit 0), Num (1) and Caps Lock (2) lights. */
  get leds(): number {
    return this.s.leds;
  }

  get state(): KeyboardState {
    return this.s;
  }

  set state(state: KeyboardState) {
    this.s = state;
  }

  reset(): void {
    this.s = powerOn();
  }

  /** A key goes down, or repeats. Dropped while the guest has the keyboard off or has not read what came before. */
  press(code: KeyCode): void {
    const { held, scanning } = this.s;
    if (!scanning) return;
    const repeat = held.includes(code);
    const { make, break: release } = this.#codes(code);
    if (repeat && (release.length === 0 || !(this.#keyType(code) & REPEATS))) return;
    // Room stays for the release of every key that is down: a key can be lost, but not get stuck.
    const reserved = held.reduce((sum, key) => sum + this.#codes(key).break.length, repeat ? 0 : release.length);
    if (this.s.buffer.length + make.length + reserved > BUFFER_BYTES) return;
    if (!repeat) {
      if (code === 'PrintScreen') this.s.heldBeforePrint = [...held];
      held.push(code);
    }
    this.#send(make);
  }

  release(code: KeyCode): void {
    const { held, scanning } = this.s;
    const at = held.indexOf(code);
    if (at < 0) return;
    if (scanning && this.#keyType(code) & BREAKS) this.#send(this.#codes(code).break);
    held.splice(at, 1);
  }

  hasData(): boolean {
    return this.s.replies.length > 0 || this.s.buffer.length > 0;
  }

  protected takeData(): number | undefined {
    return this.s.buffer.shift();
  }

  protected command(byte: number): void {
    const s = this.s;
    switch (byte) {
      case R.KBD_ECHO:
        this.reply(R.KBD_ECHO);
        break;
      case R.KBD_LEDS:
      case R.KBD_SCAN_CODE_SET:
      case R.DEV_SET_RATE:
      case R.KBD_KEY_TYPEMATIC:
      case R.KBD_KEY_MAKE_BREAK:
      case R.KBD_KEY_MAKE:
        this.awaitParameter(byte);
        break;
      case R.DEV_GET_ID:
        this.reply(R.ACK, ...R.KBD_ID);
        break;
      case R.DEV_ENABLE:
        this.#scan(true);
        break;
      case R.DEV_DISABLE:
        Object.assign(s, defaults());
        this.#scan(false);
        break;
      case R.DEV_DEFAULTS:
        Object.assign(s, defaults());
        this.#scan(true);
        break;
      case R.KBD_ALL_TYPEMATIC:
      case R.KBD_ALL_MAKE_BREAK:
      case R.KBD_ALL_MAKE:
      case R.KBD_ALL_TYPEMATIC_MAKE_BREAK:
        s.keyTypes.fill(KEY_TYPES[byte] ?? 0);
        this.reply(R.ACK);
        break;
      case R.DEV_RESEND:
        this.reply(s.lastSent);
        break;
      case R.DEV_RESET:
        this.s = powerOn();
        this.reply(R.ACK, R.SELF_TEST_OK);
        break;
      default:
        this.reply(R.RESEND);
    }
  }

  protected parameter(command: number, value: number): void {
    switch (command) {
      case R.KBD_LEDS:
        this.s.leds = value & R.LED_MASK;
        this.reply(R.ACK);
        break;
      case R.DEV_SET_RATE:
        this.s.typematic = value;
        this.reply(R.ACK);
        break;
      case R.KBD_SCAN_CODE_SET:
        this.#selectSet(value);
        break;
      default: // the lists of keys
        if (value >= FIRST_COMMAND) {
          this.command(value);
          break;
        }
        this.s.keyTypes[value] = KEY_TYPES[command] ?? 0;
        this.awaitParameter(command);
    }
  }

  #codes(code: KeyCode) {
    const { held, heldBeforePrint, set } = this.s;
    const printing = code === 'PrintScreen' && held.includes(code);
    return scanCodes(code, set, new Set(printing ? heldBeforePrint : held));
  }

  #keyType(code: KeyCode): number {
    if (this.s.set !== 3) return BREAKS | REPEATS;
    return this.s.keyTypes[keyCodes(code)?.set3 ?? 0] ?? 0;
  }

  #send(bytes: readonly number[]): void {
    if (bytes.length === 0 || this.s.buffer.length + bytes.length > BUFFER_BYTES) return;
    this.s.buffer.push(...bytes);
    this.onData();
  }

  /** Starting and stopping throws away what was typed before. */
  #scan(scanning: boolean): void {
    this.s.scanning = scanning;
    this.s.buffer = [];
    this.reply(R.ACK);
  }

  /** 0 asks which set it is. */
  #selectSet(value: number): void {
    if (value === 0) {
      this.reply(R.ACK, this.s.set);
    } else if (value === 1 || value === 2 || value === 3) {
      this.s.set = value;
      this.s.buffer = [];
      this.reply(R.ACK);
    } else {
      this.reply(R.RESEND);
    }
  }
}
