/**
 * What a keyboard sends for a key in each scan-code set, and the controller's translation from set 2 to set 1.
 *
 * [PS2TR] IBM PS/2 Hardware Interface Technical Reference, keyboard chapter. Keys that send fixed sequences of their
 * own are Pause and PrintScreen. Not emulated: the imitated Shift codes that navigation keys send while Shift or Num
 * Lock is on; drivers ignore them.
 */
import { type KeyCode, keyCodes } from './keys.ts';

export type ScanCodeSet = 1 | 2 | 3;

export const BREAK_PREFIX = 0xf0; // sets 2 and 3
const EXTENDED_PREFIX = 0xe0;
const SET1_BREAK = 0x80;

interface Sequence {
  readonly make: readonly number[];
  readonly break: readonly number[];
}

const PAUSE: Readonly<Record<1 | 2, Sequence>> = {
  1: { make: [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], break: [] },
  2: { make: [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], break: [] },
};
const CONTROL_PAUSE: Readonly<Record<1 | 2, Sequence>> = {
  1: { make: [0xe0, 0x46, 0xe0, 0xc6], break: [] },
  2: { make: [0xe0, 0x7e, 0xe0, 0xf0, 0x7e], break: [] },
};
const PRINT_SCREEN: Readonly<Record<1 | 2, Sequence>> = {
  1: { make: [0xe0, 0x2a, 0xe0, 0x37], break: [0xe0, 0xb7, 0xe0, 0xaa] },
  2: { make: [0xe0, 0x12, 0xe0, 0x7c], break: [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12] },
};
/** With Shift or Control the imitated Shift is left out. */
const SHIFTED_PRINT_SCREEN: Readonly<Record<1 | 2, Sequence>> = {
  1: { make: [0xe0, 0x37], break: [0xe0, 0xb7] },
  2: { make: [0xe0, 0x7c], break: [0xe0, 0xf0, 0x7c] },
};

/**
 * The bytes that pressing and releasing a key sends. held: the other keys that are down. Empty for a key that the set
 * does not have.
 */
export function scanCodes(code: KeyCode, set: ScanCodeSet, held: ReadonlySet<KeyCode>): Sequence {
  if (set !== 3) {
    const control = held.has('ControlLeft') || held.has('ControlRight');
    const alt = held.has('AltLeft') || held.has('AltRight');
    const shift = held.has('ShiftLeft') || held.has('ShiftRight');
    if (code === 'Pause') return (control ? CONTROL_PAUSE : PAUSE)[set];
    if (code === 'PrintScreen' && !alt) return (shift || control ? SHIFTED_PRINT_SCREEN : PRINT_SCREEN)[set];
  }
  const codes = keyCodes(code);
  if (!codes) return { make: [], break: [] };
  const prefix = codes.extended && set !== 3 ? [EXTENDED_PREFIX] : [];
  switch (set) {
    case 1:
      return { make: [...prefix, codes.set1], break: [...prefix, codes.set1 | SET1_BREAK] };
    case 2:
      return { make: [...prefix, codes.set2], break: [...prefix, BREAK_PREFIX, codes.set2] };
    case 3:
      return codes.set3 === 0 ? { make: [], break: [] } : { make: [codes.set3], break: [BREAK_PREFIX, codes.set3] };
  }
}

/** Set 1 codes by set 2 code, 0x00..0x7f; above, only F7 and SysRq are not themselves. [PS2TR] "Keyboard translate" */
const SET2_TO_SET1 = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59, 0x65, 0x38, 0x2a,
  0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05,
  0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a,
  0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26,
  0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63,
  0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53,
  0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
];
const F7_SET2 = 0x83;
const F7_SET1 = 0x41;
const SYSRQ_SET2 = 0x84;
const SYSRQ_SET1 = 0x54;

/**
 * The controller's translation of one byte from the keyboard, replies included. afterBreak: the byte before was the
 * break prefix, which is not passed on but sets bit 7.
 */
export function translate(byte: number, afterBreak: boolean): number {
  const code = byte === F7_SET2 ? F7_SET1 : byte === SYSRQ_SET2 ? SYSRQ_SET1 : (SET2_TO_SET1[byte] ?? byte);
  return afterBreak ? code | SET1_BREAK : code;
}
