import { describe, expect, it } from 'vitest';
import { KEY_CODES, type KeyCode, keyCodes, keyFromKeysym, keyFromQnum } from './keys.ts';
import { scanCodes, translate } from './scan-codes.ts';

/** What the controller makes of set 2 bytes. */
function translateAll(bytes: readonly number[]): number[] {
  const out: number[] = [];
  let afterBreak = false;
  for (const byte of bytes) {
    if (byte !== 0xf0) out.push(translate(byte, afterBreak));
    afterBreak = byte === 0xf0;
  }
  return out;
}

describe('key table', () => {
  it('has a full 105-key keyboard, each key once in every column', () => {
    expect(KEY_CODES.length).toBeGreaterThanOrEqual(105);
    const columns = [
      KEY_CODES,
      KEY_CODES.map((code) => `${keyCodes(code)?.extended} ${keyCodes(code)?.set1}`),
      KEY_CODES.map((code) => `${keyCodes(code)?.extended} ${keyCodes(code)?.set2}`),
      KEY_CODES.map((code) => keyCodes(code)?.set3).filter((set3) => set3 !== 0),
    ];
    for (const column of columns) expect(new Set<unknown>(column).size).toBe(column.length);
  });

  it.each(KEY_CODES)('sends for %s in set 2 what the controller translates to its set 1 codes', (code) => {
    for (const held of [[], ['AltLeft'], ['ControlRight'], ['ShiftLeft']] satisfies KeyCode[][]) {
      const set1 = scanCodes(code, 1, new Set(held));
      const set2 = scanCodes(code, 2, new Set(held));
      expect(translateAll(set2.make)).toEqual(set1.make);
      expect(translateAll(set2.break)).toEqual(set1.break);
    }
  });

  it.each([
    ['KeyA', [0x1e], [0x9e], [0x1c], [0xf0, 0x1c], [0x1c]],
    ['F7', [0x41], [0xc1], [0x83], [0xf0, 0x83], [0x37]],
    ['ArrowUp', [0xe0, 0x48], [0xe0, 0xc8], [0xe0, 0x75], [0xe0, 0xf0, 0x75], [0x63]],
    ['NumpadEnter', [0xe0, 0x1c], [0xe0, 0x9c], [0xe0, 0x5a], [0xe0, 0xf0, 0x5a], [0x79]],
    ['Pause', [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], [], [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], [], [0x62]],
  ] as const)('has the codes of IBM for %s', (code, make1, break1, make2, break2, make3) => {
    const none = new Set<never>();
    expect(scanCodes(code, 1, none)).toEqual({ make: make1, break: break1 });
    expect(scanCodes(code, 2, none)).toEqual({ make: make2, break: break2 });
    expect(scanCodes(code, 3, none).make).toEqual(make3);
  });

  it('is SysRq with Alt, Break with Control', () => {
    expect(scanCodes('PrintScreen', 1, new Set(['AltLeft'])).make).toEqual([0x54]);
    expect(scanCodes('Pause', 1, new Set(['ControlLeft'])).make).toEqual([0xe0, 0x46, 0xe0, 0xc6]);
  });
});

describe('keyFromQnum', () => {
  it('finds plain, extended and special keys', () => {
    expect([0x1e, 0x9c, 0xc8, 0x54, 0xb7, 0xc6, 0x45].map(keyFromQnum)).toEqual([
      'KeyA',
      'NumpadEnter',
      'ArrowUp',
      'PrintScreen',
      'PrintScreen',
      'Pause',
      'NumLock',
    ]);
  });

  it('knows none for other numbers', () => {
    for (const qnum of [0, 0x7f, 0xff, 0x100, -1, Number.NaN]) expect(keyFromQnum(qnum)).toBeUndefined();
  });
});

describe('keyFromKeysym', () => {
  it('types every printable ASCII character on a US keyboard', () => {
    for (let character = 0x21; character < 0x7f; character++) {
      const key = keyFromKeysym(character);
      expect(key?.shift, String.fromCharCode(character)).toBeTypeOf('boolean');
      expect(keyFromKeysym(0x0100_0000 + character)).toEqual(key);
    }
    expect(keyFromKeysym(0x20)).toEqual({ code: 'Space' });
  });

  it.each([
    ['a', { code: 'KeyA', shift: false }],
    ['A', { code: 'KeyA', shift: true }],
    ['"', { code: 'Quote', shift: true }],
    ['\\', { code: 'Backslash', shift: false }],
    ['?', { code: 'Slash', shift: true }],
  ])('types %s', (character, key) => {
    expect(keyFromKeysym(character.charCodeAt(0))).toEqual(key);
  });

  it('finds keys without characters, both names of keypad keys, and the back tab', () => {
    expect([0xff0d, 0xffe3, 0xff95, 0xffb7, 0xfe03].map((keysym) => keyFromKeysym(keysym)?.code)).toEqual([
      'Enter',
      'ControlLeft',
      'Numpad7',
      'Numpad7',
      'AltRight',
    ]);
    expect(keyFromKeysym(0xfe20)).toEqual({ code: 'Tab', shift: true });
  });

  it('knows none for characters that a US keyboard does not have', () => {
    expect(keyFromKeysym(0xe9)).toBeUndefined();
    expect(keyFromKeysym(0x0100_20ac)).toBeUndefined();
    expect(keyFromKeysym(0)).toBeUndefined();
  });
});
