import { describe, expect, it } from 'vitest';
import { findByShortcut, type KeyPress, matches } from './shortcuts.ts';

const press = (key: string, code: string, modifiers: Partial<KeyPress> = {}): KeyPress => ({
  key,
  code,
  ctrlKey: false,
  altKey: false,
  shiftKey: false,
  metaKey: false,
  ...modifiers,
});

describe('shortcuts', () => {
  it('match by place, so that what Alt makes of a letter does not matter', () => {
    expect(matches('Alt+N', press('˜', 'KeyN', { altKey: true }))).toBe(true);
  });

  it('take Command for Ctrl', () => {
    expect(matches('Ctrl+K', press('k', 'KeyK', { metaKey: true }))).toBe(true);
  });

  it('need exactly their modifiers', () => {
    expect(matches('Alt+R', press('r', 'KeyR'))).toBe(false);
    expect(matches('Alt+R', press('r', 'KeyR', { altKey: true, ctrlKey: true }))).toBe(false);
    expect(matches('Delete', press('Delete', 'Delete', { shiftKey: true }))).toBe(false);
  });

  it('find the entry they belong to', () => {
    const entries = [{ shortcut: undefined }, { shortcut: 'F11' }];
    expect(findByShortcut(entries, press('F11', 'F11'))).toBe(entries[1]);
    expect(findByShortcut(entries, press('F10', 'F10'))).toBeUndefined();
  });
});
