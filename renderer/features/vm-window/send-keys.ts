/** Key combinations that the host would take for itself. X11 keysyms (keysymdef.h) and DOM codes, as RFB wants both. */
export interface Key {
  readonly keysym: number;
  readonly code: string;
}
export interface KeyCombination {
  readonly label: string;
  readonly keys: readonly Key[];
}

const CONTROL: Key = { keysym: 0xffe3, code: 'ControlLeft' };
const ALT: Key = { keysym: 0xffe9, code: 'AltLeft' };
const XK_F1 = 0xffbe;

export const SYSTEM_COMBINATIONS: readonly KeyCombination[] = [
  { label: 'Ctrl+Alt+Delete', keys: [CONTROL, ALT, { keysym: 0xffff, code: 'Delete' }] },
  { label: 'Ctrl+Alt+Backspace', keys: [CONTROL, ALT, { keysym: 0xff08, code: 'Backspace' }] },
  { label: 'Print Screen', keys: [{ keysym: 0xff61, code: 'PrintScreen' }] },
];

export const CONSOLE_COMBINATIONS: readonly KeyCombination[] = Array.from({ length: 12 }, (_, index) => ({
  label: `Ctrl+Alt+F${index + 1}`,
  keys: [CONTROL, ALT, { keysym: XK_F1 + index, code: `F${index + 1}` }],
}));

/** Down in order, up in reverse. */
export function keyStrokes(combination: KeyCombination): readonly (Key & { readonly down: boolean })[] {
  return [
    ...combination.keys.map((key) => ({ ...key, down: true })),
    ...combination.keys.toReversed().map((key) => ({ ...key, down: false })),
  ];
}
