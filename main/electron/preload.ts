/**
 * The bridge between the sandboxed page and main: `window.vivarium` with call, onEvent, openStream and pathOf, and nothing else
 * of Electron. A MessagePort cannot pass through the context bridge, but it can be posted to the page's own window: so
 * the page's half of openStream, which waits for it there, is put into the page's world.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type { AppEvent, CallName, Reply, Request } from '../../core/contracts/calls.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';
import { CALL_CHANNEL, EVENT_CHANNEL, STREAM_CHANNEL } from './channels.ts';

type Unsubscribe = () => void;

function call<K extends CallName>(name: K, request: Request<K>): Promise<Reply<K>> {
  return ipcRenderer.invoke(CALL_CHANNEL, name, request);
}

function onEvent(listener: (event: AppEvent) => void): Unsubscribe {
  const forward = (_: unknown, event: AppEvent): void => listener(event);
  ipcRenderer.on(EVENT_CHANNEL, forward);
  return () => {
    ipcRenderer.off(EVENT_CHANNEL, forward);
  };
}

/** Sends one end of a new channel to main, and posts the other to the page under `ticket`. */
function connectStream(ticket: string, address: StreamAddress): void {
  const { port1, port2 } = new MessageChannel();
  ipcRenderer.postMessage(STREAM_CHANNEL, address, [port2]);
  window.postMessage({ vivariumStream: ticket }, window.origin, [port1]);
}

interface Half {
  call: typeof call;
  onEvent: typeof onEvent;
  connectStream: typeof connectStream;
  pathOf: (file: File) => string;
}

/** Runs in the page's world from its text alone: it must not refer to anything outside itself. */
function install(half: Half): void {
  const openStream = (address: StreamAddress): Promise<MessagePort> =>
    new Promise((resolve) => {
      const ticket = crypto.randomUUID();
      const receive = (event: MessageEvent<{ vivariumStream?: unknown } | null>): void => {
        const port = event.ports[0];
        if (event.source !== window || event.data?.vivariumStream !== ticket || port === undefined) return;
        window.removeEventListener('message', receive);
        resolve(port);
      };
      window.addEventListener('message', receive);
      half.connectStream(ticket, address);
    });
  const bridge = Object.freeze({ call: half.call, onEvent: half.onEvent, openStream, pathOf: half.pathOf });
  Object.defineProperty(window, 'vivarium', { value: bridge, enumerable: true });
}

contextBridge.executeInMainWorld({
  func: install,
  args: [{ call, onEvent, connectStream, pathOf: (file: File) => webUtils.getPathForFile(file) } satisfies Half],
});
