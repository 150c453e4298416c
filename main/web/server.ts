/** The browser host's server: the built renderer over HTTP and the contract over WebSockets, on 127.0.0.1 only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { App } from '../app/app.ts';
import { readRendererFile, securityHeaders } from '../app/renderer-files.ts';
import { Auth } from './auth.ts';
import { refusalPage } from './refusal-page.ts';
import { MAX_MESSAGE_BYTES, serveApi, serveStream } from './sockets.ts';

export interface WebServer {
  readonly port: number;
  /** The address with the token, for the person. */
  readonly url: string;
  /** An address that lets one browser in, once: command lines can be read by other users of the host. */
  launchUrl(): string;
  close(): Promise<void>;
}

const STREAM_PATH = /^\/streams\/([a-z]+)\/([0-9a-f-]+)$/;

/** Rejects with the host's error, EADDRINUSE for one, when it cannot listen. Port 0 takes a free one. */
export async function startWebServer(app: App, rendererDir: string, wantedPort: number): Promise<WebServer> {
  const http = createServer();
  await listen(http, wantedPort);
  const { port } = http.address() as AddressInfo;
  const auth = new Auth(port);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  http.on('request', (request, response) => {
    respond(request, response, auth, rendererDir).catch(() => response.destroy());
  });
  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const serve = upgradeOf(request, auth, app);
    if (typeof serve === 'string') return refuseUpgrade(socket, serve);
    sockets.handleUpgrade(request, socket, head, serve);
  });
  return {
    port,
    url: addressWith(auth, auth.token),
    launchUrl: () => addressWith(auth, auth.launchToken()),
    close: () => close(http, sockets),
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  auth: Auth,
  rendererDir: string,
): Promise<void> {
  const headers = { ...securityHeaders([auth.origin.replace('http:', 'ws:')]), 'Cache-Control': 'no-store' };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!auth.hasOwnHost(request)) return end(response, 403, refusalPage('host', auth.origin));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return end(response, 405, refusalPage('method', auth.origin));
  }
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const token = path === '/' ? new URLSearchParams(query).get('token') : null;
  const accepted = token !== null && auth.acceptsToken(token);
  if (accepted) response.setHeader('Set-Cookie', auth.setCookie());
  if (!accepted && !auth.hasSession(request)) return end(response, 401, refusalPage('token', auth.origin));
  if (token !== null) {
    // Out of the address bar, so that the token is neither seen nor kept in the history.
    response.setHeader('Location', '/');
    return end(response, 303);
  }
  const file = await readRendererFile(rendererDir, path);
  if (file === undefined) return end(response, 404, refusalPage('path', auth.origin));
  for (const [name, value] of Object.entries(file.headers)) response.setHeader(name, value);
  end(response, 200, request.method === 'HEAD' ? undefined : file.body);
}

function end(response: ServerResponse, status: number, body?: string | Uint8Array): void {
  response.statusCode = status;
  if (typeof body === 'string') response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(body);
}

/** What to do with an accepted socket, or the status line of the refusal. */
function upgradeOf(request: IncomingMessage, auth: Auth, app: App): ((socket: WebSocket) => void) | string {
  if (!auth.hasOwnOrigin(request)) return '403 Forbidden';
  if (!auth.hasSession(request)) return '401 Unauthorized';
  const [path = ''] = (request.url ?? '').split('?', 1);
  if (path === '/api') return (socket) => serveApi(socket, app);
  const stream = STREAM_PATH.exec(path);
  if (stream === null) return '404 Not Found';
  return (socket) => serveStream(socket, app, { kind: stream[1], vmId: stream[2] });
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function addressWith(auth: Auth, token: string): string {
  return `${auth.origin}/?token=${token}`;
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      http.off('error', reject);
      resolve();
    });
  });
}

function close(http: Server, sockets: WebSocketServer): Promise<void> {
  for (const socket of sockets.clients) socket.terminate();
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}
