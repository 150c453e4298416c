/**
 * A PS/2 mouse: plain until the guest's driver knocks for the wheel and then for the five buttons.
 *
 * [PS2TR] IBM PS/2 Hardware Interface Technical Reference, mouse chapter. [MSWHEEL] see i8042.regs.ts. Movement that
 * the guest has not taken yet adds up, as in a real mouse between two samples. Not emulated: the effect of resolution
 * and sample rate (they are kept and reported), horizontal wheels.
 */
import { bits, type Field, flag, int, list, record, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './i8042.regs.ts';
import { PS2_FIELDS, Ps2Device } from './ps2-device.ts';

const PACKET_BYTES_WAITING = 64;
/** The most movement that adds up while the guest does not listen. */
const MAX_MOVEMENT = 4096;
const PACKET_MAX = 255;
const WHEEL_MAX = 7;
const ALL_BUTTONS = 0x1f;
const THREE_BUTTONS = 0x07;
/** Sample rates that, set one after the other, make the mouse answer with another id. [MSWHEEL] */
const KNOCKS = [
  { rates: [200, 100, 80], id: R.AUX_ID_WHEEL },
  { rates: [200, 200, 80], id: R.AUX_ID_FIVE_BUTTONS },
] as const;

const anId: Field<number> = (value) => (value === 0 || value === 3 || value === 4 ? value : undefined);
const movement = int(-MAX_MOVEMENT, MAX_MOVEMENT);

export const mouseState = record({
  ...PS2_FIELDS,
  packets: list(PACKET_BYTES_WAITING, u8),
  id: anId,
  reporting: flag,
  remote: flag,
  wrap: flag,
  doubled: flag,
  resolution: uint(R.AUX_RESOLUTION_MAX),
  rate: u8,
  recentRates: list(3, u8),
  /** Not yet reported: right, up (as the packet counts) and wheel towards the user. */
  dx: movement,
  dy: movement,
  dz: movement,
  /** Bits: left, right, middle, fourth, fifth. */
  buttons: bits(ALL_BUTTONS),
  buttonsReported: bits(ALL_BUTTONS),
});
type MouseState = StateOf<typeof mouseState>;

const defaults = () => ({
  reporting: false,
  remote: false,
  wrap: false,
  doubled: false,
  resolution: R.AUX_RESOLUTION_DEFAULT,
  rate: R.AUX_RATE_DEFAULT,
});

const powerOn = (): MouseState => ({
  ...defaults(),
  replies: [],
  parameterOf: 0,
  lastSent: 0,
  packets: [],
  id: R.AUX_ID_PLAIN,
  recentRates: [],
  dx: 0,
  dy: 0,
  dz: 0,
  buttons: 0,
  buttonsReported: 0,
});

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, Math.trunc(value) || 0));

export interface MouseInput {
  /** Pixels to the right. */
  dx: number;
  /** Pixels down. */
  dy: number;
  /** Notches towards the user. */
  wheel: number;
  /** All buttons that are down: bit 0 left, 1 right, 2 middle, 3 fourth, 4 fifth. */
  buttons: number;
}

export class Ps2Mouse extends Ps2Device<MouseState> {
  constructor(onData: () => void) {
    super(powerOn(), onData);
  }

  get state(): MouseState {
    return this.s;
  }

  set state(state: MouseState) {
    this.s = state;
  }

  reset(): void {
    this.s = powerOn();
  }

  /** Movement since the last call, and the buttons as they are now. */
  input({ dx, dy, wheel, buttons }: MouseInput): void {
    const s = this.s;
    s.buttons = buttons & ALL_BUTTONS;
    if (!s.reporting && !s.remote) return;
    s.dx = clamp(s.dx + dx, MAX_MOVEMENT);
    s.dy = clamp(s.dy - dy, MAX_MOVEMENT);
    if (s.id !== R.AUX_ID_PLAIN) s.dz = clamp(s.dz + wheel, MAX_MOVEMENT);
    this.#report();
    this.onData();
  }

  hasData(): boolean {
    return this.s.replies.length > 0 || this.s.packets.length > 0;
  }

  protected takeData(): number | undefined {
    const byte = this.s.packets.shift();
    if (this.s.packets.length === 0) this.#report();
    return byte;
  }

  /** A command cuts off the packet that is being sent. */
  override write(byte: number): void {
    this.s.packets = [];
    super.write(byte);
  }

  protected command(byte: number): void {
    const s = this.s;
    if (s.wrap && byte !== R.AUX_RESET_WRAP && byte !== R.DEV_RESET) {
      this.reply(byte);
      return;
    }
    switch (byte) {
      case R.AUX_RESOLUTION:
      case R.DEV_SET_RATE:
        this.awaitParameter(byte);
        return;
      case R.DEV_GET_ID:
        this.reply(R.ACK, s.id);
        return;
      case R.AUX_STATUS:
        this.reply(R.ACK, this.#status(), s.resolution, s.rate);
        return;
      case R.AUX_READ_DATA:
        this.reply(R.ACK, ...this.#packet());
        return;
      case R.DEV_RESEND:
        this.reply(s.lastSent);
        return;
      case R.DEV_RESET:
        this.s = { ...powerOn(), buttons: s.buttons };
        this.reply(R.ACK, R.SELF_TEST_OK, R.AUX_ID_PLAIN);
        return;
    }
    this.reply(this.#switchMode(byte) ? R.ACK : R.RESEND);
  }

  protected parameter(command: number, value: number): void {
    const s = this.s;
    if (command === R.DEV_SET_RATE) {
      s.rate = value;
      s.recentRates = [...s.recentRates, value].slice(-3);
      const knock = KNOCKS.find(({ rates }) => rates.every((rate, i) => rate === s.recentRates[i]));
      if (knock) s.id = knock.id;
    } else if (value <= R.AUX_RESOLUTION_MAX) {
      s.resolution = value;
    } else {
      this.reply(R.RESEND);
      return;
    }
    this.reply(R.ACK);
  }

  /** The commands that are only acknowledged. False for one that does not exist. */
  #switchMode(byte: number): boolean {
    const s = this.s;
    switch (byte) {
      case R.AUX_SCALING_1_1:
      case R.AUX_SCALING_2_1:
        s.doubled = byte === R.AUX_SCALING_2_1;
        return true;
      case R.AUX_STREAM_MODE:
      case R.AUX_REMOTE_MODE:
        s.remote = byte === R.AUX_REMOTE_MODE;
        break;
      case R.AUX_WRAP_MODE:
      case R.AUX_RESET_WRAP:
        s.wrap = byte === R.AUX_WRAP_MODE;
        break;
      case R.DEV_ENABLE:
      case R.DEV_DISABLE:
        s.reporting = byte === R.DEV_ENABLE;
        break;
      case R.DEV_DEFAULTS:
        Object.assign(s, defaults());
        break;
      default:
        return false;
    }
    // A change of mode clears the movement counters.
    Object.assign(s, { dx: 0, dy: 0, dz: 0 });
    return true;
  }

  #status(): number {
    const { remote, reporting, doubled, buttons } = this.s;
    const leftMiddleRight = ((buttons & 1) << 2) | ((buttons & 4) >> 1) | ((buttons & 2) >> 1);
    return (
      (remote ? R.AUX_STATUS_REMOTE : 0) |
      (reporting ? R.AUX_STATUS_ENABLED : 0) |
      (doubled ? R.AUX_STATUS_SCALING : 0) |
      leftMiddleRight
    );
  }

  /** In stream mode, queues packets for what has not been reported, as far as there is room. */
  #report(): void {
    const s = this.s;
    if (!s.reporting || s.remote || s.wrap) return;
    while (s.dx !== 0 || s.dy !== 0 || s.dz !== 0 || s.buttons !== s.buttonsReported) {
      if (s.packets.length + this.#packetBytes > PACKET_BYTES_WAITING) return;
      s.packets.push(...this.#packet());
    }
  }

  get #packetBytes(): number {
    return this.s.id === R.AUX_ID_PLAIN ? 3 : 4;
  }

  /** One report, of as much movement as fits into it. */
  #packet(): number[] {
    const s = this.s;
    const dx = clamp(s.dx, PACKET_MAX);
    const dy = clamp(s.dy, PACKET_MAX);
    const dz = clamp(s.dz, WHEEL_MAX);
    s.dx -= dx;
    s.dy -= dy;
    s.dz -= dz;
    s.buttonsReported = s.buttons;
    const scaled = (value: number): number => (s.doubled && !s.remote ? double(value) : value);
    const x = scaled(dx);
    const y = scaled(dy);
    const signs = (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0);
    const overflow = (Math.abs(x) > PACKET_MAX ? 0x40 : 0) | (Math.abs(y) > PACKET_MAX ? 0x80 : 0);
    const bytes = [overflow | signs | 0x08 | (s.buttons & THREE_BUTTONS), x & 0xff, y & 0xff];
    if (s.id === R.AUX_ID_WHEEL) bytes.push(dz & 0xff);
    if (s.id === R.AUX_ID_FIVE_BUTTONS) bytes.push((dz & 0x0f) | ((s.buttons & ~THREE_BUTTONS) << 1));
    return bytes;
  }
}

/** Scaling 2:1: small movements stay fine. [PS2TR] mouse, "Set Scaling 2:1" */
function double(value: number): number {
  const small = [0, 1, 1, 3, 6, 9];
  const size = Math.abs(value);
  return Math.sign(value) * (small[size] ?? size * 2);
}
