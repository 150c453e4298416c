/** The window: a sandboxed page that can go nowhere, open nothing and ask the host for nothing but the clipboard. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrowserWindow, type Session, screen } from 'electron';
import { explain } from '../services/host-error.ts';
import { isReachable, readWindowState, type WindowState } from './window-state.ts';

const DEFAULT_SIZE = { width: 1100, height: 760 };
const MINIMUM_SIZE = { minWidth: 640, minHeight: 420 };
const PERMISSIONS: readonly string[] = [
  'clipboard-sanitized-write',
  'clipboard-read',
  'fullscreen',
  'keyboardLock',
  'pointerLock',
];
/** A page that dies sooner after it was loaded than this is not loaded again. */
const RELOAD_PAUSE_MS = 10_000;

export function createWindow(url: string, preload: string, statePath: string): BrowserWindow {
  const state = readWindowState(statePath);
  const screens = screen.getAllDisplays().map((display) => display.workArea);
  const usable = state !== undefined && isReachable(state.bounds, screens);
  const window = new BrowserWindow({
    ...(usable ? state.bounds : DEFAULT_SIZE),
    ...MINIMUM_SIZE,
    title: 'Vivarium',
    show: false,
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (state?.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  confine(window, url);
  reloadAfterCrash(window, url);
  void window.loadURL(url);
  return window;
}

/** At once, for the program may be about to end; a place that cannot be kept is not worth a message. */
export function saveWindowState(window: BrowserWindow, statePath: string): void {
  const state: WindowState = { bounds: window.getNormalBounds(), maximized: window.isMaximized() };
  try {
    writeFileSync(`${statePath}.tmp`, `${JSON.stringify(state)}\n`);
    renameSync(`${statePath}.tmp`, statePath);
  } catch (error) {
    console.error(`The place of the window could not be kept: ${explain(error)}.`);
  }
}

export function windowStatePath(dataRoot: string): string {
  return join(dataRoot, 'window.json');
}

export function confinePermissions(session: Session): void {
  session.setPermissionRequestHandler((_, permission, answer) => answer(PERMISSIONS.includes(permission)));
  session.setPermissionCheckHandler((_, permission) => PERMISSIONS.includes(permission));
}

function confine(window: BrowserWindow, url: string): void {
  const contents = window.webContents;
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  contents.on('will-navigate', (event) => {
    if (event.url !== url) event.preventDefault();
  });
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
}

/** Virtual machines run in main and outlive their page. */
function reloadAfterCrash(window: BrowserWindow, url: string): void {
  let loadedMs = performance.now();
  window.webContents.on('render-process-gone', (_, details) => {
    const nowMs = performance.now();
    if (details.reason === 'clean-exit' || nowMs - loadedMs < RELOAD_PAUSE_MS) return;
    loadedMs = nowMs;
    void window.loadURL(url);
  });
}
