/**
 * The browser host: calls and events as JSON on one WebSocket (`/api`), each byte stream on a WebSocket of its own
 * (`/streams/<kind>/<vmId>`). Comes back by itself when the server does.
 *
 *   page to server   { id, call, req }
 *   server to page   { id, ok: true, value } | { id, ok: false, error } | { event }
 */
import type {
  AppEvent,
  CallFailure,
  CallName,
  ErrorCode,
  Reply,
  Request,
  Response,
} from '../../core/contracts/calls.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';
import { type Api, type ByteChannel, type Connection, LOST_CONNECTION } from './api.ts';

type ServerMessage =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: CallFailure }
  | { readonly event: AppEvent };

/** The part of WebSocket and of timers this uses, so that a test can stand in for the server. */
export interface BrowserEnvironment {
  openSocket(path: string): WebSocket;
  setTimeout(callback: () => void, delayMs: number): void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

export class BrowserApi implements Api {
  readonly #environment: BrowserEnvironment;
  readonly #waiting = new Map<number, (reply: Reply<CallName>) => void>();
  readonly #eventListeners = new Set<(event: AppEvent) => void>();
  readonly #connectionListeners = new Set<(connection: Connection) => void>();
  /** Calls made before the socket is open: sent when it is. */
  #unsent: string[] = [];
  #socket: WebSocket;
  #connection: Connection = 'connecting';
  #nextId = 1;
  #retryMs = FIRST_RETRY_MS;

  constructor(environment: BrowserEnvironment) {
    this.#environment = environment;
    this.#socket = this.#connect();
  }

  call<K extends CallName>(name: K, request: Request<K>): Promise<Reply<K>> {
    if (this.#connection === 'offline') return Promise.resolve({ ok: false, error: LOST_CONNECTION });
    const id = this.#nextId++;
    const message = JSON.stringify({ id, call: name, req: request });
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve as (reply: Reply<CallName>) => void);
      if (this.#connection === 'online') this.#socket.send(message);
      else this.#unsent.push(message);
    });
  }

  onEvent(listener: (event: AppEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onConnection(listener: (connection: Connection) => void): () => void {
    this.#connectionListeners.add(listener);
    listener(this.#connection);
    return () => this.#connectionListeners.delete(listener);
  }

  /** A page is not told where a file lies. */
  pathOf(): undefined {
    return undefined;
  }

  openStream(address: StreamAddress): Promise<ByteChannel> {
    const socket = this.#environment.openSocket(`/streams/${address.kind}/${encodeURIComponent(address.vmId)}`);
    socket.binaryType = 'arraybuffer';
    return Promise.resolve(socket as ByteChannel);
  }

  #connect(): WebSocket {
    const socket = this.#environment.openSocket('/api');
    socket.onopen = () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#setConnection('online');
      const unsent = this.#unsent;
      this.#unsent = [];
      for (const message of unsent) socket.send(message);
    };
    socket.onmessage = (event: MessageEvent<unknown>) => this.#receive(event.data);
    socket.onclose = () => this.#lost();
    return socket;
  }

  #lost(): void {
    this.#setConnection('offline');
    this.#unsent = [];
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve({ ok: false, error: LOST_CONNECTION });
    this.#environment.setTimeout(() => {
      this.#socket = this.#connect();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  #receive(data: unknown): void {
    if (typeof data !== 'string') return;
    const message = JSON.parse(data) as ServerMessage;
    if ('event' in message) {
      for (const listener of this.#eventListeners) listener(message.event);
      return;
    }
    const resolve = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    resolve?.(
      message.ok
        ? { ok: true, value: message.value as Response<CallName> }
        : { ok: false, error: message.error as CallFailure<ErrorCode> },
    );
  }

  #setConnection(connection: Connection): void {
    if (this.#connection === connection) return;
    this.#connection = connection;
    for (const listener of this.#connectionListeners) listener(connection);
  }
}

/** The server this page came from; the cookie that came with the page lets its sockets in. */
export function pageEnvironment(location: Location): BrowserEnvironment {
  const origin = location.origin.replace(/^http/, 'ws');
  return {
    openSocket: (path) => new WebSocket(`${origin}${path}`),
    setTimeout: (callback, delayMs) => {
      window.setTimeout(callback, delayMs);
    },
  };
}
