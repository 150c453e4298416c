/** Fullscreen of one element. While it lasts, keys that the desktop would take (Escape, Alt+Tab) go to the guest too. */
import { type RefObject, useEffect, useState } from 'react';

/** Keyboard Lock API: Chromium only, and not in TypeScript's DOM library. */
interface LockableKeyboard {
  lock(): Promise<void>;
  unlock(): void;
}

function lockableKeyboard(): LockableKeyboard | undefined {
  return 'keyboard' in navigator ? (navigator.keyboard as LockableKeyboard) : undefined;
}

export interface Fullscreen {
  readonly active: boolean;
  readonly enter: () => void;
  readonly leave: () => void;
}

export function useFullscreen(element: RefObject<HTMLElement | null>): Fullscreen {
  const [active, setActive] = useState(false);
  useEffect(() => {
    const update = () => {
      const now = document.fullscreenElement !== null && document.fullscreenElement === element.current;
      setActive(now);
      if (!now) lockableKeyboard()?.unlock();
    };
    document.addEventListener('fullscreenchange', update);
    return () => document.removeEventListener('fullscreenchange', update);
  }, [element]);
  const enter = async () => {
    await element.current?.requestFullscreen();
    await lockableKeyboard()?.lock();
  };
  return {
    active,
    // Refused by the browser or the desktop: the window stays as it is.
    enter: () => void enter().catch(() => {}),
    leave: () => void document.exitFullscreen().catch(() => {}),
  };
}
