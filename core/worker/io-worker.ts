/**
 * Entry of a VM's I/O thread: its display, read from the VM's shared memory, for any number of viewers; and their keys
 * and pointer, to the machine's thread. See messages.ts for what comes and goes.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { DisplayServer } from '../backends/display/display-server.ts';
import type { ByteChannel } from '../backends/display/rfb-session.ts';
import { Scanout } from '../backends/display/scanout.ts';
import type { VncConfig } from '../contracts/machine.ts';
import { HostTimers } from './host-timers.ts';
import { Kick } from './machine-clock.ts';
import type { FromIo, InputMessage, IoWorkerData, SharedDisplay, ToIo } from './messages.ts';
import { nodeDeflate } from './node-deflate.ts';
import { closeStreamPort, openStreamPort, sendStreamBytes, streamBytes } from './stream-port.ts';
import { listenForViewers, placeOf } from './vnc-listener.ts';
import { VncPassword } from './vnc-password.ts';

const { name, kick: kickBuffer, input, vnc } = workerData as IoWorkerData;
const control = parentPort;
if (!control) throw new Error('io-worker is the entry of a worker thread');
const post = (message: FromIo): void => control.postMessage(message);

const kick = new Kick(kickBuffer);
function send(message: InputMessage): void {
  input.postMessage(message);
  kick.kick();
}

function serve(display: SharedDisplay): DisplayServer {
  return new DisplayServer({
    vram: new Uint8Array(display.memory, display.vramOffset, display.vramSizeBytes),
    scanout: new Scanout(new Int32Array(display.scanout)),
    timers: new HostTimers(),
    deflate: nodeDeflate,
    input: {
      key: (key, down) => send({ type: 'key', key, down }),
      pointer: (x, y, buttons) => send({ type: 'pointer', x, y, buttons }),
    },
    name,
    log: (message) => post({ type: 'log', level: 'info', message }),
    collectWrites: () => kick.kick(),
  });
}

control.once('message', (first: ToIo) => {
  if (first.type !== 'display') throw new Error('the first message to the I/O thread gives it the display');
  const server = serve(first.display);
  if (vnc) void listen(server, vnc);
  control.on('message', (message: ToIo) => {
    if (message.type === 'display-viewer') server.connect(viewerChannel(message.port));
    else if (message.type === 'picture') void takePicture(server, message.request);
  });
});

async function listen(server: DisplayServer, { address, port, password, passwordValidToMs }: VncConfig): Promise<void> {
  const guard = password === undefined ? undefined : new VncPassword(password, passwordValidToMs);
  try {
    const place = { address, ...(port !== undefined && { port }) };
    const listening = await listenForViewers(place, (channel) => server.connect(channel, guard));
    post({ type: 'log', level: 'info', message: `display: VNC viewers may connect to ${placeOf(listening)}` });
  } catch (error) {
    const where = `${address}${port === undefined ? '' : `, port ${port}`}`;
    post({ type: 'log', level: 'error', message: `display: no VNC viewer can connect to ${where}: ${String(error)}` });
  }
}

async function takePicture(server: DisplayServer, request: number): Promise<void> {
  const text = server.textScreen();
  post({ type: 'picture', request, picture: { text, png: await server.screenshot() } });
}

function viewerChannel(port: MessagePort): ByteChannel {
  openStreamPort(port);
  let unread = 0;
  return {
    send: (bytes) => {
      unread += bytes.length;
      sendStreamBytes(port, bytes);
    },
    onData: (listener) => {
      port.on('message', (message: unknown) => {
        const bytes = streamBytes(message);
        if (bytes) listener(bytes);
        else if (typeof message === 'number') unread -= message;
        else port.close();
      });
    },
    onClose: (listener) => {
      port.on('close', listener);
    },
    close: () => closeStreamPort(port),
    bufferedBytes: () => unread,
  };
}
