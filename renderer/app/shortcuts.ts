/**
 * Keyboard shortcuts as they are shown ("Alt+R") and as they are matched. Letters go by the key's place (code), so that
 * Alt, which changes letters on some keyboards, does not matter. Ctrl is Command on a Mac.
 */
export type KeyPress = Pick<KeyboardEvent, 'code' | 'key' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey'>;

export function matches(shortcut: string, press: KeyPress): boolean {
  const parts = shortcut.split('+');
  const key = parts.pop() ?? '';
  const wants = (modifier: string) => parts.includes(modifier);
  if (wants('Ctrl') !== (press.ctrlKey || press.metaKey)) return false;
  if (wants('Alt') !== press.altKey || wants('Shift') !== press.shiftKey) return false;
  return /^[A-Z]$/.test(key) ? press.code === `Key${key}` : press.key === key;
}

/** The first entry whose shortcut was pressed. */
export function findByShortcut<T extends { readonly shortcut?: string | undefined }>(
  entries: readonly T[],
  press: KeyPress,
): T | undefined {
  return entries.find((entry) => entry.shortcut !== undefined && matches(entry.shortcut, press));
}
