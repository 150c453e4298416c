import { describe, expect, it } from 'vitest';
import { newLines, screenText } from './screen-text.ts';

describe('the text of the screen', () => {
  it('leaves out the blanks that only fill the screen', () => {
    expect(screenText({ columns: 4, rows: 4, lines: ['ab  ', '    ', 'c   ', '    '] })).toBe('ab\n\nc');
  });
});

describe('what is announced', () => {
  it('is the lines that came', () => expect(newLines('a\nb', 'a\nb\nc\nd')).toEqual(['c', 'd']));

  it('is the line that is being typed on', () => expect(newLines('a\n# l', 'a\n# ls')).toEqual(['# ls']));

  it('is not what only scrolled up', () => {
    expect(newLines('1\n2\n3\n4', '3\n4\n5\n6')).toEqual(['5', '6']);
  });

  it('is everything after the screen was cleared', () => expect(newLines('a\nb', 'x\ny')).toEqual(['x', 'y']));

  it('is nothing when nothing changed', () => expect(newLines('a\nb', 'a\nb')).toEqual([]));
});
