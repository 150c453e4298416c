/**
 * One running Vivarium per data folder. The lock is a listening socket (a named pipe on Windows): the kernel ends it
 * with its process, so a lock never outlives its holder, and who finds it taken can ask by whom. A second start may
 * also ask the first to come to the front.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from './host-error.ts';

export interface LockHolder {
  readonly pid: number;
  readonly host: 'electron' | 'browser';
}

export interface InstanceLock {
  release(): Promise<void>;
}

export type LockResult =
  | { readonly held: true; readonly lock: InstanceLock }
  /** Someone else has it; `by` is absent when they do not answer. */
  | { readonly held: false; readonly by?: LockHolder };

/** sun_path has 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 100;
const ANSWER_TIMEOUT_MS = 2000;
const STALE_TAKEOVER_MS = 10_000;
const MAX_ANSWER_CHARS = 1000;

/** onSecondStart is called when another start found the folder taken. */
export async function lockInstance(
  dataRoot: string,
  host: LockHolder['host'],
  onSecondStart: () => void,
): Promise<LockResult> {
  const path = await socketPath(dataRoot);
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const server = await listen(path, host, onSecondStart);
    if (server !== undefined) return { held: true, lock: lockOf(server) };
    const answer = await ask(path);
    if (answer !== 'nobody') return { held: false, ...(answer === undefined ? {} : { by: answer }) };
    await removeDeadSocket(path);
  }
  return { held: false };
}

async function socketPath(dataRoot: string): Promise<string> {
  const name = createHash('sha256').update(dataRoot).digest('hex').slice(0, 32);
  if (process.platform === 'win32') return `\\\\.\\pipe\\vivarium-${name}`;
  const inside = join(dataRoot, 'lock.sock');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH_BYTES) return inside;
  const outside = join(tmpdir(), `vivarium-${userInfo().uid}`);
  await mkdir(outside, { recursive: true, mode: 0o700 });
  return join(outside, `${name}.sock`);
}

/** Undefined when the path is taken, by a live process or by what a dead one left. */
function listen(path: string, host: LockHolder['host'], onSecondStart: () => void): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(JSON.stringify({ pid: process.pid, host } satisfies LockHolder));
      onSecondStart();
    });
    server.once('error', (error) => (errnoOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
  });
}

/** Who holds the lock: 'nobody' when no process listens, undefined when it listens but does not answer. */
function ask(path: string): Promise<LockHolder | 'nobody' | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    let connected = false;
    const socket = connect(path);
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on('connect', () => {
      connected = true;
    });
    socket.on('data', (text: string) => {
      answer = (answer + text).slice(0, MAX_ANSWER_CHARS);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(connected ? parseHolder(answer) : 'nobody'));
  });
}

function parseHolder(answer: string): LockHolder | undefined {
  try {
    const { pid, host } = JSON.parse(answer) as Partial<LockHolder>;
    return typeof pid === 'number' && (host === 'electron' || host === 'browser') ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A killed process leaves its socket file. Of several that find it dead only one may remove it, or the slower would
 * remove the socket that the faster has just made: so they take turns over a second file, and look again.
 */
async function removeDeadSocket(path: string): Promise<void> {
  if (process.platform === 'win32') return; // pipes leave nothing
  const turn = `${path}.takeover`;
  try {
    await (await open(turn, 'wx')).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const ageMs = Date.now() - (await stat(turn).then((entry) => entry.mtimeMs, () => Date.now())); // biome-ignore format: one line
    if (ageMs > STALE_TAKEOVER_MS) await rm(turn, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return;
  }
  try {
    if ((await ask(path)) === 'nobody') await rm(path, { force: true });
  } finally {
    await rm(turn, { force: true });
  }
}

function lockOf(server: Server): InstanceLock {
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}
