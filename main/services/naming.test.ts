import { describe, expect, it } from 'vitest';
import { fileNameOf } from './file-name.ts';
import { problemWithName, sameName } from './vm-name.ts';

describe('names of virtual machines', () => {
  it.each(['Debian', 'a', 'ein Name', 'ünïcode 🐧', 'x'.repeat(255), '.hidden', 'a\\b', "it's 100% <ok>"])(
    'may be %j',
    (name) => {
      expect(problemWithName(name)).toBeUndefined();
    },
  );

  it.each(['', '  ', ' a', 'a ', 'a/b', '.', '..', 'a\nb', 'a\0b', '\ud800', 'a\u2028b', 'x'.repeat(256)])(
    'may not be %j',
    (name) => {
      expect(problemWithName(name)).toMatch(/\.$/);
    },
  );

  it('are the same when they read the same', () => {
    expect(sameName('Zoe\u0308', 'Zo\u00eb')).toBe(true);
    expect(sameName('debian', 'Debian')).toBe(false);
  });
});

describe('file names', () => {
  it('are the names themselves where every platform allows them', () => {
    expect(fileNameOf('Debian 12 (ünïcode 🐧)')).toBe('Debian 12 (ünïcode 🐧)');
  });

  it.each([
    ['a/b', 'a%2fb'],
    ['..', '%2e%2e'],
    ['.hidden', '%2ehidden'],
    ['a:b*c?', 'a%3ab%2ac%3f'],
    ['100%', '100%25'],
    ['con', '%63on'],
    ['LPT1.x', '%4cPT1.x'],
    ['console', 'console'],
    ['end.', 'end%2e'],
  ])('of %j is %j', (name, fileName) => {
    expect(fileNameOf(name)).toBe(fileName);
  });

  it('of long names are cut, and differ where the names do', () => {
    const [a, b] = [fileNameOf(`${'ü'.repeat(200)}a`), fileNameOf(`${'ü'.repeat(200)}b`)];
    expect(a).not.toBe(b);
    expect(Buffer.byteLength(a)).toBeLessThan(230);
  });
});
