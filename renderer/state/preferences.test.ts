import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES, type PreferenceStorage, readPreferences, writePreferences } from './preferences.ts';

function storage(content?: string): PreferenceStorage & { content: string | undefined } {
  return {
    content,
    getItem() {
      return this.content ?? null;
    },
    setItem(_key: string, value: string) {
      this.content = value;
    },
  };
}

describe('preferences', () => {
  it('come back as they were written', () => {
    const kept = storage();
    const mine = { theme: 'dark', scaleDisplay: 'never', pixelExact: false, speakerMuted: true } as const;
    writePreferences(kept, mine);
    expect(readPreferences(kept)).toEqual(mine);
  });

  it.each([
    undefined,
    'no JSON',
    '[]',
    'null',
    '{"theme":"pink","scaleDisplay":7,"pixelExact":"yes","speakerMuted":1}',
  ])('fall back to the defaults for %s', (content) =>
    expect(readPreferences(storage(content))).toEqual(DEFAULT_PREFERENCES),
  );

  it('survive a storage that refuses', () => {
    const full: PreferenceStorage = {
      getItem: () => {
        throw new Error('forbidden');
      },
      setItem: () => {
        throw new Error('full');
      },
    };
    expect(readPreferences(full)).toEqual(DEFAULT_PREFERENCES);
    expect(() => writePreferences(full, DEFAULT_PREFERENCES)).not.toThrow();
  });
});
