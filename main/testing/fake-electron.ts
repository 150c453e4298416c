/**
 * The part of Electron that main/electron uses, without windows: written by hand after electron.d.ts, driven by a test.
 * It stands in for the package under a built bundle, so what is exercised is what is shipped, all but Electron itself.
 */
import { EventEmitter } from 'node:events';
import { createContext, runInContext } from 'node:vm';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

type Handler = (event: unknown, ...args: unknown[]) => unknown;

export class FakeFrame {
  constructor(public url: string) {}
}

class FakeWebContents extends EventEmitter {
  readonly mainFrame = new FakeFrame('');
  readonly sent: { channel: string; message: unknown }[] = [];
  crashed = false;
  windowOpenHandler: ((details: { url: string }) => { action: string }) | undefined;

  send(channel: string, message: unknown): void {
    this.sent.push({ channel, message });
    this.emit('test:sent', channel, message);
  }
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.windowOpenHandler = handler;
  }
  isCrashed(): boolean {
    return this.crashed;
  }
  isDestroyed(): boolean {
    return false;
  }
}

export class CancellableEvent {
  defaultPrevented = false;
  constructor(fields: object = {}) {
    Object.assign(this, fields);
  }
  preventDefault(): void {
    this.defaultPrevented = true;
  }
}

export class FakeWindow extends EventEmitter {
  readonly webContents = new FakeWebContents();
  destroyed = false;
  focused = 0;
  maximized = false;

  constructor(readonly options: Record<string, unknown>) {
    super();
  }
  async loadURL(url: string): Promise<void> {
    this.webContents.mainFrame.url = url;
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  isMinimized(): boolean {
    return false;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  maximize(): void {
    this.maximized = true;
  }
  show(): void {}
  focus(): void {
    this.focused += 1;
  }
  getNormalBounds(): object {
    return { x: 10, y: 20, width: 800, height: 600 };
  }
}

/** Electron's MessagePortMain over Node's: its messages are events with a data field. */
export class FakePort extends EventEmitter {
  constructor(readonly port: MessagePort) {
    super();
    port.on('close', () => this.emit('close'));
  }
  start(): void {
    this.port.on('message', (data: unknown) => this.emit('message', { data }));
  }
  postMessage(message: unknown): void {
    this.port.postMessage(message);
  }
  close(): void {
    this.port.close();
  }
}

export class FakeElectron {
  readonly windows: FakeWindow[] = [];
  readonly handlers = new Map<string, Handler>();
  readonly log: string[] = [];
  readonly ipcMain = Object.assign(new EventEmitter(), {
    handle: (channel: string, handler: Handler) => void this.handlers.set(channel, handler),
  });
  readonly app = new FakeApp(this.log, this.windows);
  schemes: unknown;
  protocolHandler: ((request: Request) => Promise<Response>) | undefined;
  permission: ((contents: unknown, permission: string, answer: (granted: boolean) => void) => void) | undefined;
  /** Index of the button that is pressed in the next dialog. */
  dialogChoice = 1;

  /** What `import ... from 'electron'` gets. */
  exports(): Record<string, unknown> {
    const { windows, log } = this;
    return {
      app: this.app,
      ipcMain: this.ipcMain,
      BrowserWindow: class extends FakeWindow {
        constructor(options: Record<string, unknown>) {
          super(options);
          windows.push(this);
        }
      },
      Menu: {
        setApplicationMenu: (menu: unknown) => log.push(`menu ${menu === null ? 'none' : 'set'}`),
        buildFromTemplate: (template: unknown) => template,
      },
      dialog: {
        showErrorBox: (title: string, text: string) => log.push(`error box: ${title}: ${text}`),
        showMessageBoxSync: (options: { message: string }) => {
          log.push(`dialog: ${options.message}`);
          return this.dialogChoice;
        },
      },
      protocol: {
        registerSchemesAsPrivileged: (schemes: unknown) => {
          this.schemes = schemes;
        },
        handle: (_: string, handler: (request: Request) => Promise<Response>) => {
          this.protocolHandler = handler;
        },
      },
      screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
      session: {
        defaultSession: {
          setPermissionRequestHandler: (handler: typeof this.permission) => {
            this.permission = handler;
          },
          setPermissionCheckHandler: () => undefined,
        },
      },
    };
  }

  get window(): FakeWindow {
    const window = this.windows.at(-1);
    if (window === undefined) throw new Error('no window was made');
    return window;
  }

  /** A call as a page's ipcRenderer.invoke makes it. */
  async invoke(frame: FakeFrame | null, channel: string, ...args: unknown[]): Promise<unknown> {
    const handler = this.handlers.get(channel);
    if (handler === undefined) throw new Error(`nothing handles ${channel}`);
    return handler({ senderFrame: frame }, ...structuredClone(args));
  }

  /** Runs a built preload in a world of its own, and gives the page's window as that page would see it. */
  loadPage(preload: string): Record<string, unknown> {
    const page = new PageWindow();
    const pageWorld = createContext({ window: page, crypto });
    const { webContents } = this.window;
    const ipcRenderer = Object.assign(new EventEmitter(), {
      invoke: (channel: string, ...args: unknown[]) => this.invoke(webContents.mainFrame, channel, ...args),
      postMessage: (channel: string, message: unknown, [port]: [MessagePort]) =>
        this.ipcMain.emit(channel, { senderFrame: webContents.mainFrame, ports: [new FakePort(port)] }, message),
    });
    webContents.on('test:sent', (channel: string, message: unknown) => ipcRenderer.emit(channel, {}, message));
    const contextBridge = {
      executeInMainWorld: ({ func, args }: { func: (...args: unknown[]) => unknown; args: unknown[] }) => {
        // From its text alone, as Electron does.
        const inPage = runInContext(`(${func.toString()})`, pageWorld) as (...args: unknown[]) => unknown;
        return inPage(...args);
      },
    };
    const preloadWorld = createContext({
      require: (name: string) => {
        if (name !== 'electron') throw new Error(`a sandboxed preload may not require ${name}`);
        return { contextBridge, ipcRenderer };
      },
      exports: {},
      module: { exports: {} },
      window: page,
      MessageChannel,
    });
    runInContext(preload, preloadWorld);
    return page as unknown as Record<string, unknown>;
  }
}

class FakeApp extends EventEmitter {
  readonly isPackaged = true;
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => undefined;

  constructor(
    readonly log: string[],
    readonly windows: FakeWindow[],
  ) {
    super();
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }
  whenReady(): Promise<void> {
    return this.#ready;
  }
  ready(): void {
    this.#resolveReady();
  }
  enableSandbox(): void {
    this.log.push('sandbox');
  }
  exit(code: number): void {
    this.log.push(`exit ${code}`);
  }
  /** Electron's order: before-quit, close of every window, will-quit; any of the first two may prevent it. */
  quit(): void {
    const event = new CancellableEvent();
    this.emit('before-quit', event);
    if (event.defaultPrevented) return;
    for (const window of this.windows) if (!window.destroyed && !closeWindow(window)) return;
    this.emit('will-quit', new CancellableEvent());
    this.log.push('quit');
  }
}

/** What a click on the window's cross does; false when it was prevented. */
export function closeWindow(window: FakeWindow): boolean {
  const event = new CancellableEvent();
  window.emit('close', event);
  if (!event.defaultPrevented) window.destroyed = true;
  return !event.defaultPrevented;
}

/** A page's window, as far as messages to itself go. */
class PageWindow extends EventEmitter {
  readonly origin = 'app://vivarium';
  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.on(type, listener);
  }
  removeEventListener(type: string, listener: (event: unknown) => void): void {
    this.off(type, listener);
  }
  postMessage(data: unknown, targetOrigin: string, ports: MessagePort[]): void {
    if (targetOrigin === this.origin) queueMicrotask(() => this.emit('message', { source: this, data, ports }));
  }
}
