/** What this person likes, kept by the browser or by Electron's profile. Unknown or broken values fall back. */

export type Theme = 'system' | 'light' | 'dark';
export type ScaleDisplay = 'always' | 'fullscreen' | 'never';

export interface Preferences {
  readonly theme: Theme;
  readonly scaleDisplay: ScaleDisplay;
  /** Scale the display by whole numbers of device pixels only, so that every guest pixel has the same size. */
  readonly pixelExact: boolean;
  /** The PC speaker of guests is not heard. */
  readonly speakerMuted: boolean;
}

export const DEFAULT_PREFERENCES: Preferences = {
  theme: 'system',
  scaleDisplay: 'always',
  pixelExact: true,
  speakerMuted: false,
};

const KEY = 'vivarium.preferences';

/** The part of localStorage this needs. */
export type PreferenceStorage = Pick<Storage, 'getItem' | 'setItem'>;

export function readPreferences(storage: PreferenceStorage): Preferences {
  const stored = parse(storage);
  const flag = (value: unknown, fallback: boolean): boolean => (typeof value === 'boolean' ? value : fallback);
  const oneOf = <T extends string>(value: unknown, choices: readonly T[], fallback: T): T =>
    choices.find((choice) => choice === value) ?? fallback;
  return {
    theme: oneOf(stored['theme'], ['system', 'light', 'dark'], DEFAULT_PREFERENCES.theme),
    scaleDisplay: oneOf(stored['scaleDisplay'], ['always', 'fullscreen', 'never'], DEFAULT_PREFERENCES.scaleDisplay),
    pixelExact: flag(stored['pixelExact'], DEFAULT_PREFERENCES.pixelExact),
    speakerMuted: flag(stored['speakerMuted'], DEFAULT_PREFERENCES.speakerMuted),
  };
}

export function writePreferences(storage: PreferenceStorage, preferences: Preferences): void {
  try {
    storage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Storage is full or forbidden: the preference still holds until the window closes.
  }
}

function parse(storage: PreferenceStorage): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(storage.getItem(KEY) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
