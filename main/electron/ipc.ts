/** Carries the contract over Electron's IPC: calls, events, and a MessagePort for each stream. */
import type { IpcMain, IpcMainEvent, IpcMainInvokeEvent, MessagePortMain, WebContents } from 'electron';
import type { StreamMessage } from '../../core/contracts/streams.ts';
import type { App } from '../app/app.ts';
import { fail } from '../services/outcome.ts';
import { CALL_CHANNEL, EVENT_CHANNEL, STREAM_CHANNEL } from './channels.ts';

/** Answers only the page that we loaded ourselves, in the top frame of a window of ours. */
export function connectIpc(ipcMain: IpcMain, app: App, origin: string, window: () => WebContents | undefined): void {
  const isOurs = (event: IpcMainEvent | IpcMainInvokeEvent): boolean => {
    const contents = window();
    const frame = event.senderFrame;
    return (
      contents !== undefined && frame !== null && frame === contents.mainFrame && frame.url.startsWith(`${origin}/`)
    );
  };
  ipcMain.handle(CALL_CHANNEL, async (event, name: unknown, request: unknown) =>
    isOurs(event) ? app.call(name, request) : fail('invalid-request', 'This page may not control virtual machines.'),
  );
  ipcMain.on(STREAM_CHANNEL, (event, address: unknown) => {
    const [port] = event.ports;
    if (port === undefined) return;
    if (isOurs(event)) connectStream(app, port, address);
    else port.close();
  });
  app.onEvent((event) => {
    const contents = window();
    if (contents !== undefined && !contents.isDestroyed()) contents.send(EVENT_CHANNEL, event);
  });
}

function connectStream(app: App, port: MessagePortMain, address: unknown): void {
  const opened = app.openStream(address);
  if (!opened.ok) {
    port.postMessage('close' satisfies StreamMessage);
    port.close();
    return;
  }
  const stream = opened.value;
  port.on('message', ({ data }: { data: unknown }) => {
    if (data === 'close') stream.close();
    else if (data instanceof ArrayBuffer) stream.send(data);
  });
  port.on('close', () => stream.close());
  stream.onMessage((message) => {
    port.postMessage(message);
    if (message === 'close') port.close();
  });
  port.start();
}
