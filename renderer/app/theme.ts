/** The chosen theme on the root element; 'system' leaves it to the desktop (prefers-color-scheme). */
import type { Session } from '../state/session.ts';

export function followTheme(session: Pick<Session, 'preferences' | 'subscribePreferences'>, root: HTMLElement): void {
  const apply = () => {
    const { theme } = session.preferences();
    if (theme === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = theme;
  };
  session.subscribePreferences(apply);
  apply();
}
