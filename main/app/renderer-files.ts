/**
 * The built renderer (out/renderer) as both hosts serve it: one file for one URL path, and the headers that confine
 * the page. Nothing outside the folder can be named, and only kinds of files that a build produces are given out.
 */
import { readFile } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

export interface RendererFile {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Undefined when there is no such file. urlPath is the path of the URL as it was sent, percent-encoded. */
export async function readRendererFile(rendererDir: string, urlPath: string): Promise<RendererFile | undefined> {
  const name = decodePath(urlPath === '/' ? '/index.html' : urlPath);
  if (name === undefined) return undefined;
  const path = resolve(rendererDir, `.${name}`);
  const type = CONTENT_TYPES[extname(path)];
  if (type === undefined || !path.startsWith(resolve(rendererDir) + sep)) return undefined;
  try {
    const body = await readFile(path);
    // Vite puts a digest of the content into the names under assets/.
    const cache = name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-store';
    return { body, headers: { 'Content-Type': type, 'Cache-Control': cache } };
  } catch {
    return undefined;
  }
}

export function indexPath(rendererDir: string): string {
  return join(rendererDir, 'index.html');
}

function decodePath(urlPath: string): string | undefined {
  try {
    const path = decodeURIComponent(urlPath);
    return /[\0\\]/.test(path) || !path.startsWith('/') ? undefined : path;
  } catch {
    return undefined; // a malformed escape
  }
}

/**
 * connectSources: what the page may connect to besides its own origin. Styles may be inline because xterm.js and
 * React Aria make style elements; scripts may not.
 */
export function securityHeaders(connectSources: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    `connect-src ${["'self'", ...connectSources].join(' ')}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  };
}
