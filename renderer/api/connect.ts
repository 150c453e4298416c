/** Which host is this page in? */
import type { Api } from './api.ts';
import { BrowserApi, pageEnvironment } from './browser.ts';
import { type Bridge, electronApi } from './electron.ts';

declare global {
  interface Window {
    /** There in Electron only. */
    readonly vivarium?: Bridge;
  }
}

export function connect(): Api {
  return window.vivarium ? electronApi(window.vivarium) : new BrowserApi(pageEnvironment(window.location));
}
