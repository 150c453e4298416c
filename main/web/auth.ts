/**
 * Who may talk to the browser host. It listens on the loopback address only, but other users' programs and any web page
 * that the same browser shows can reach that too. So: a random token in the address that is printed, exchanged for a
 * cookie that scripts cannot read and other sites cannot send; a Host that is ours, against DNS rebinding; and for
 * WebSockets, which no same-origin rule protects, an Origin that is ours.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** How long the address handed to the browser (and so visible in the host's list of processes) can be used, once. */
const LAUNCH_TOKEN_MS = 60_000;

export class Auth {
  /** Part of the printed address; good for as long as the process runs. */
  readonly token = secret();
  readonly #session = secret();
  readonly #port: number;
  #launch: { readonly token: string; readonly untilMs: number } | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A token for one use within a minute. */
  launchToken(nowMs = Date.now()): string {
    this.#launch = { token: secret(), untilMs: nowMs + LAUNCH_TOKEN_MS };
    return this.#launch.token;
  }

  acceptsToken(token: string, nowMs = Date.now()): boolean {
    if (equal(token, this.token)) return true;
    const launch = this.#launch;
    if (launch === undefined || nowMs > launch.untilMs || !equal(token, launch.token)) return false;
    this.#launch = undefined;
    return true;
  }

  /** Cookies know no ports, so the name tells apart several hosts on one machine. */
  setCookie(): string {
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  hasSession(request: IncomingMessage): boolean {
    const prefix = `${this.#cookieName}=`;
    const cookies = (request.headers.cookie ?? '').split(/; */);
    return cookies.some((cookie) => cookie.startsWith(prefix) && equal(cookie.slice(prefix.length), this.#session));
  }

  hasOwnHost(request: IncomingMessage): boolean {
    return this.#names.includes(request.headers.host ?? '');
  }

  hasOwnOrigin(request: IncomingMessage): boolean {
    return request.headers.origin === `http://${request.headers.host}` && this.hasOwnHost(request);
  }

  get #cookieName(): string {
    return `vivarium_${this.#port}`;
  }

  get #names(): readonly string[] {
    return [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`];
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

/** Digests make the lengths equal, so that the comparison tells nothing by its time. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
