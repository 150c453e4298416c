/**
 * A keyboard with the boot interface; its report protocol is the same report. [HID] B.1, E.6; appendix C: more than six
 * keys at once are reported as roll-over.
 */
import type { TimerHost } from '../../base/clock.ts';
import { list, uint } from '../state-shape.ts';
import { HidDevice } from './hid-device.ts';
import { keyUsage, USAGE_MODIFIERS } from './hid-usages.ts';
import { PROTOCOL_KEYBOARD } from './usb.regs.ts';

const KEYS_IN_REPORT = 6;
const ERROR_ROLL_OVER = 1;
const KEYS_DOWN_MAX = 256;
const ALL_LEDS = 0x1f;

// biome-ignore format: one item a line
const REPORT_DESCRIPTOR = Uint8Array.of(
  0x05, 0x01, //       Usage Page (Generic Desktop)
  0x09, 0x06, //       Usage (Keyboard)
  0xa1, 0x01, //       Collection (Application)
  0x05, 0x07, //         Usage Page (Keyboard)
  0x19, 0xe0, //         Usage Minimum (Left Control)
  0x29, 0xe7, //         Usage Maximum (Right GUI)
  0x15, 0x00, //         Logical Minimum (0)
  0x25, 0x01, //         Logical Maximum (1)
  0x75, 0x01, //         Report Size (1)
  0x95, 0x08, //         Report Count (8)
  0x81, 0x02, //         Input (Data, Variable, Absolute): the modifiers
  0x95, 0x01, //         Report Count (1)
  0x75, 0x08, //         Report Size (8)
  0x81, 0x01, //         Input (Constant)
  0x95, 0x05, //         Report Count (5)
  0x75, 0x01, //         Report Size (1)
  0x05, 0x08, //         Usage Page (LEDs)
  0x19, 0x01, //         Usage Minimum (Num Lock)
  0x29, 0x05, //         Usage Maximum (Kana)
  0x91, 0x02, //         Output (Data, Variable, Absolute)
  0x95, 0x01, //         Report Count (1)
  0x75, 0x03, //         Report Size (3)
  0x91, 0x01, //         Output (Constant)
  0x95, 0x06, //         Report Count (6)
  0x75, 0x08, //         Report Size (8)
  0x15, 0x00, //         Logical Minimum (0)
  0x26, 0xff, 0x00, //   Logical Maximum (255)
  0x05, 0x07, //         Usage Page (Keyboard)
  0x19, 0x00, //         Usage Minimum (0)
  0x2a, 0xff, 0x00, //   Usage Maximum (255)
  0x81, 0x00, //         Input (Data, Array): the keys
  0xc0, //             End Collection
);

interface KeyboardState {
  /** Usages of the keys that are down, without the modifiers, as they were pressed. */
  keys: number[];
  modifiers: number;
  leds: number;
}

export class UsbKeyboard extends HidDevice<KeyboardState> {
  constructor(timers: TimerHost) {
    super(
      {
        name: 'usb-kbd',
        productId: 0x0001,
        product: 'USB Keyboard',
        bootProtocol: PROTOCOL_KEYBOARD,
        reportDescriptor: REPORT_DESCRIPTOR,
        reportBytes: 8,
        intervalMs: 8,
        fields: { keys: list(KEYS_DOWN_MAX, uint(0xff)), modifiers: uint(0xff), leds: uint(ALL_LEDS) },
        powerOn: () => ({ keys: [], modifiers: 0, leds: 0 }),
      },
      timers,
    );
  }

  /** What the guest shows: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock, 3 Compose, 4 Kana. */
  get leds(): number {
    return this.own.leds;
  }

  /** code: KeyboardEvent.code. Repeats are the guest's own: a second press changes nothing. */
  press(code: string): void {
    this.#set(code, true);
  }

  release(code: string): void {
    this.#set(code, false);
  }

  #set(code: string, down: boolean): void {
    const usage = keyUsage(code);
    const own = this.own;
    if (usage === undefined || !this.configured) return;
    if (usage >= USAGE_MODIFIERS) {
      const bit = 1 << (usage - USAGE_MODIFIERS);
      if (((own.modifiers & bit) !== 0) === down) return;
      own.modifiers ^= bit;
    } else {
      if (own.keys.includes(usage) === down) return;
      own.keys = down ? [...own.keys, usage] : own.keys.filter((key) => key !== usage);
    }
    this.changed();
  }

  protected override report(): Uint8Array {
    const { keys, modifiers } = this.own;
    const report = new Uint8Array(8);
    report[0] = modifiers;
    if (keys.length > KEYS_IN_REPORT) report.fill(ERROR_ROLL_OVER, 2);
    else report.set(keys, 2);
    return report;
  }

  protected override output(data: Uint8Array): boolean {
    this.own.leds = (data[0] ?? 0) & ALL_LEDS;
    return true;
  }
}
