/**
 * The keyboard usages of HID by the key's KeyboardEvent.code. [HUT] HID Usage Tables 1.12, chapter 10; [UIEVENTS] W3C UI
 * Events KeyboardEvent code Values. Media and browser keys are on another usage page and not on a boot keyboard.
 */
const LETTERS = Array.from({ length: 26 }, (_, i) => `Key${String.fromCharCode(65 + i)}`);
const DIGITS = ['Digit1', 'Digit2', 'Digit3', 'Digit4', 'Digit5', 'Digit6', 'Digit7', 'Digit8', 'Digit9', 'Digit0'];
const F_KEYS = Array.from({ length: 12 }, (_, i) => `F${i + 1}`);

/** Runs of usages: the first, and the keys from there on. '' is a usage that no key here has. */
// biome-ignore format: a table
const RUNS: readonly (readonly [number, readonly string[]])[] = [
  [0x04, LETTERS],
  [0x1e, DIGITS],
  [0x28, ['Enter', 'Escape', 'Backspace', 'Tab', 'Space', 'Minus', 'Equal', 'BracketLeft', 'BracketRight', 'Backslash', '',
    'Semicolon', 'Quote', 'Backquote', 'Comma', 'Period', 'Slash', 'CapsLock']],
  [0x3a, F_KEYS],
  [0x46, ['PrintScreen', 'ScrollLock', 'Pause', 'Insert', 'Home', 'PageUp', 'Delete', 'End', 'PageDown', 'ArrowRight',
    'ArrowLeft', 'ArrowDown', 'ArrowUp', 'NumLock', 'NumpadDivide', 'NumpadMultiply', 'NumpadSubtract', 'NumpadAdd',
    'NumpadEnter', 'Numpad1', 'Numpad2', 'Numpad3', 'Numpad4', 'Numpad5', 'Numpad6', 'Numpad7', 'Numpad8', 'Numpad9',
    'Numpad0', 'NumpadDecimal', 'IntlBackslash', 'ContextMenu', 'Power', 'NumpadEqual']],
  [0x7f, ['AudioVolumeMute', 'AudioVolumeUp', 'AudioVolumeDown']],
  [0x85, ['NumpadComma', '', 'IntlRo', 'KanaMode', 'IntlYen', 'Convert', 'NonConvert']],
  [0xe0, ['ControlLeft', 'ShiftLeft', 'AltLeft', 'MetaLeft', 'ControlRight', 'ShiftRight', 'AltRight', 'MetaRight']],
];

/** From here on: the eight modifiers, one bit each in a report. */
export const USAGE_MODIFIERS = 0xe0;

const usages = new Map(RUNS.flatMap(([first, keys]) => keys.map((key, i) => [key, first + i] as const)));

/** Undefined for a key that this keyboard does not have. */
export const keyUsage = (code: string): number | undefined => usages.get(code);
