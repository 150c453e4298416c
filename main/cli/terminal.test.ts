import { describe, expect, it } from 'vitest';
import { EscapeFilter } from './terminal.ts';

/** What reaches the guest of keys typed one by one, and whether it was asked to quit. */
function type(...keys: string[]): { text: string; quit: boolean } {
  const filter = new EscapeFilter();
  let text = '';
  for (const key of keys) {
    const { bytes, quit } = filter.filter(Buffer.from(key, 'latin1'));
    text += Buffer.from(bytes).toString('latin1');
    if (quit) return { text, quit };
  }
  return { text, quit: false };
}

describe('the escape key', () => {
  it('passes what is typed', () => {
    expect(type('ls', '\r', '\x03x')).toEqual({ text: 'ls\r\x03x', quit: false });
  });

  it('quits at Ctrl-A x, in one piece or two, and sends nothing behind it', () => {
    expect(type('a\x01xb')).toEqual({ text: 'a', quit: true });
    expect(type('a', '\x01', 'x')).toEqual({ text: 'a', quit: true });
  });

  it('sends one Ctrl-A for two, and what is no command as it is', () => {
    expect(type('\x01\x01', 'x')).toEqual({ text: '\x01x', quit: false });
    expect(type('\x01', 'b')).toEqual({ text: '\x01b', quit: false });
  });
});
