import { describe, expect, it } from 'vitest';
import { ReleaseChord } from './release-chord.ts';

/** "+Code" goes down, "-Code" up; true when any of them released the keyboard. */
function released(...keys: readonly string[]): boolean {
  const chord = new ReleaseChord();
  return keys.map((key) => (key[0] === '+' ? chord.keyDown(key.slice(1)) : chord.keyUp(key.slice(1)))).includes(true);
}

describe('the release chord', () => {
  it('is left Ctrl and left Alt, in either order', () => {
    expect(released('+ControlLeft', '+AltLeft', '-AltLeft', '-ControlLeft')).toBe(true);
    expect(released('+AltLeft', '+ControlLeft', '-AltLeft', '-ControlLeft')).toBe(true);
  });

  it('is complete only when both are up, so that none stays down in the guest', () => {
    expect(released('+ControlLeft', '+AltLeft', '-AltLeft')).toBe(false);
    expect(released('+ControlLeft', '+AltLeft', '-AltLeft', '+KeyC', '-KeyC', '-ControlLeft')).toBe(false);
  });

  it('does not swallow Ctrl+Alt+Delete and the like', () => {
    expect(released('+ControlLeft', '+AltLeft', '+Delete', '-Delete', '-AltLeft', '-ControlLeft')).toBe(false);
    expect(released('+KeyA', '+ControlLeft', '+AltLeft', '-AltLeft', '-ControlLeft', '-KeyA')).toBe(false);
  });

  it('is not the right-hand keys, nor one key alone', () => {
    expect(released('+ControlRight', '+AltLeft', '-AltLeft', '-ControlRight')).toBe(false);
    expect(released('+ControlLeft', '-ControlLeft')).toBe(false);
  });

  it('starts afresh when the keyboard was elsewhere', () => {
    const chord = new ReleaseChord();
    chord.keyDown('ControlLeft');
    chord.reset();
    chord.keyDown('AltLeft');
    expect(chord.keyUp('AltLeft')).toBe(false);
  });
});
