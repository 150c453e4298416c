/**
 * The desktop host: one window over the same app that the browser host serves. Everything that is not Electron's lives
 * elsewhere; this file joins the two and decides when the program may end.
 */
import { join } from 'node:path';
import { type BrowserWindow, dialog, app as electron, ipcMain, Menu, protocol, session } from 'electron';
import { type App, AppStartError, createApp } from '../app/app.ts';
import { corePorts } from '../app/core-ports.ts';
import { readRendererFile, securityHeaders } from '../app/renderer-files.ts';
import { defaultDataRoot } from '../services/data-dir.ts';
import { connectIpc } from './ipc.ts';
import { confinePermissions, createWindow, saveWindowState, windowStatePath } from './window.ts';

const SCHEME = 'app';
const ORIGIN = `${SCHEME}://vivarium`;
const RENDERER_DIR = join(import.meta.dirname, '..', 'renderer');
const PRELOAD = join(import.meta.dirname, '..', 'preload', 'index.cjs');

// Before Electron is ready: a scheme of our own gives the page an origin, which file: has not.
protocol.registerSchemesAsPrivileged([
  { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);
electron.enableSandbox();

/** electron-vite's development server; its address is its page's origin. */
const developmentUrl = electron.isPackaged ? undefined : process.env['ELECTRON_RENDERER_URL'];
const origin = developmentUrl === undefined ? ORIGIN : new URL(developmentUrl).origin;

let window: BrowserWindow | undefined;
let quitting = false;

electron.whenReady().then(start).catch(failToStart);

async function start(): Promise<void> {
  const dataRoot = defaultDataRoot();
  const app = await createApp({ core: corePorts, host: 'electron', dataRoot, quit, onSecondStart: focus });
  Menu.setApplicationMenu(process.platform === 'darwin' ? macMenu() : null);
  confinePermissions(session.defaultSession);
  protocol.handle(SCHEME, serveRenderer);
  connectIpc(ipcMain, app, origin, () => (window?.isDestroyed() ? undefined : window?.webContents));
  electron.on('before-quit', (event) => holdBack(event, app));
  electron.on('will-quit', () => void app.close());
  electron.on('window-all-closed', () => electron.quit());
  const statePath = windowStatePath(dataRoot);
  window = createWindow(`${origin}/`, PRELOAD, statePath);
  window.on('close', (event) => {
    holdBack(event, app);
    if (!event.defaultPrevented && window) saveWindowState(window, statePath);
  });
}

/** Closing while VMs run is the person's decision: the page asks, or a dialog where the page cannot. */
function holdBack(event: Electron.Event, app: App): void {
  const running = app.activeVms();
  if (quitting || running.length === 0) return;
  event.preventDefault();
  if (window && !window.isDestroyed() && !window.webContents.isCrashed()) {
    focus();
    app.requestClose();
    return;
  }
  const choice = dialog.showMessageBoxSync({
    type: 'warning',
    message: `Still running: ${running.map((vm) => vm.name).join(', ')}`,
    detail: 'Their windows cannot be shown. Forcing them off is like pulling the plug.',
    buttons: ['Force Off and Quit', 'Cancel'],
    cancelId: 1,
    defaultId: 1,
  });
  if (choice === 0) void app.call('app.quit', { force: true });
}

function quit(): void {
  quitting = true;
  electron.quit();
}

function focus(): void {
  if (window === undefined || window.isDestroyed()) return;
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

async function serveRenderer(request: Request): Promise<Response> {
  const { host, pathname } = new URL(request.url);
  const file = host === 'vivarium' ? await readRendererFile(RENDERER_DIR, pathname) : undefined;
  if (file === undefined) return new Response('There is no such file.', { status: 404 });
  return new Response(new Uint8Array(file.body), { headers: { ...securityHeaders([]), ...file.headers } });
}

/** Copy, paste and quit hang on the menu there. Elsewhere a menu's shortcuts would only take keys from guests. */
function macMenu(): Menu {
  return Menu.buildFromTemplate([{ role: 'appMenu' }, { role: 'editMenu' }, { role: 'windowMenu' }]);
}

function failToStart(error: unknown): void {
  const [message, hint] =
    error instanceof AppStartError ? [error.message, error.hint] : [String(error), 'See the terminal for more.'];
  console.error(`${message} ${hint}`);
  dialog.showErrorBox('Vivarium cannot start', `${message}\n\n${hint}`);
  electron.exit(1);
}
