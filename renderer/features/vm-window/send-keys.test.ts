import { describe, expect, it } from 'vitest';
import { CONSOLE_COMBINATIONS, keyStrokes, SYSTEM_COMBINATIONS } from './send-keys.ts';

describe('key combinations', () => {
  it('go down in order and up in reverse', () => {
    const [ctrlAltDelete] = SYSTEM_COMBINATIONS;
    if (!ctrlAltDelete) throw new Error('the table is empty');
    expect(keyStrokes(ctrlAltDelete).map(({ code, down }) => `${down ? '+' : '-'}${code}`)).toEqual([
      '+ControlLeft',
      '+AltLeft',
      '+Delete',
      '-Delete',
      '-AltLeft',
      '-ControlLeft',
    ]);
  });

  it('reach F1 to F12 with the keysyms of X11', () => {
    expect(CONSOLE_COMBINATIONS).toHaveLength(12);
    expect(CONSOLE_COMBINATIONS[0]?.keys.at(-1)).toEqual({ keysym: 0xffbe, code: 'F1' });
    expect(CONSOLE_COMBINATIONS[11]?.keys.at(-1)).toEqual({ keysym: 0xffc9, code: 'F12' });
  });
});
