import { expect, it } from 'vitest';
import { DebugConsole } from './debugcon.ts';

it('passes on what firmware prints, and tells it that somebody listens', () => {
  let text = '';
  const console = new DebugConsole({ write: (bytes) => (text += String.fromCharCode(...bytes)) });
  for (const char of 'Hi\n') console.write(0, 1, char.charCodeAt(0));
  expect(text).toBe('Hi\n');
  expect(console.read(0, 1)).toBe(0xe9);
  console.write(1, 1, 0x41);
  expect([text, console.counters.unknownWrites]).toEqual(['Hi\n', 1]);
});
