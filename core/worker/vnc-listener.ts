/** A TCP port for viewers from outside the app, as <graphics type='vnc'> of libvirt's domain XML asks for it. */
import { createServer, type Server, type Socket } from 'node:net';
import type { ByteChannel } from '../backends/display/rfb-session.ts';

/** Where libvirt and QEMU begin to look for a free port, and how many they try. */
const FIRST_PORT = 5900;
const PORTS = 100;
/** Connections at once, those that the display will turn away included. */
const MAX_CONNECTIONS = 32;

/**
 * Listens and gives each connection to `connect`. Resolves with the server once it listens; rejects where it cannot.
 * @param port the first free one from 5900 when absent.
 */
export async function listenForViewers(
  { address, port }: { readonly address: string; readonly port?: number },
  connect: (channel: ByteChannel) => void,
): Promise<Server> {
  if (port !== undefined) return listen(address, port, connect);
  for (let number = FIRST_PORT; ; number++) {
    try {
      return await listen(address, number, connect);
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || number === FIRST_PORT + PORTS - 1) throw error;
    }
  }
}

/** Address and port, as one writes them. */
export function placeOf(server: Server): string {
  const at = server.address();
  if (at === null || typeof at === 'string') return String(at);
  return at.family === 'IPv6' ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

function listen(address: string, port: number, connect: (channel: ByteChannel) => void): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => connect(socketChannel(socket)));
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

function socketChannel(socket: Socket): ByteChannel {
  // What is wrong with a connection ends it: 'close' follows.
  socket.on('error', () => socket.destroy());
  return {
    send: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    onData: (listener) => {
      socket.on('data', listener);
    },
    onClose: (listener) => {
      socket.on('close', listener);
    },
    close: () => socket.destroySoon(),
    bufferedBytes: () => socket.writableLength,
  };
}
