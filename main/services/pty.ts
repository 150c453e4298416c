/**
 * A host pty on a VM's serial port, as `<serial type='pty'>` has in libvirt: any terminal program (screen, minicom,
 * picocom, cat) can open the path. Bytes pass raw in both directions. We keep the far side open too, so that programs
 * can come and go. What nobody reads is kept up to a limit, the newest of it, and lost beyond, as on a real line.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { ByteStream } from '../../core/worker/client-api.ts';
import { errnoOf } from './host-error.ts';

export interface SerialPty {
  /** e.g. /dev/pts/4 */
  readonly path: string;
  close(): void;
}

/** Rejects where the host has no ptys; `connect` is called only once there is one. */
export type OpenPty = (connect: () => ByteStream) => Promise<SerialPty>;

const MAX_UNREAD_BYTES = 64 * 1024;
/** How often a full terminal is tried again: nothing tells when a program begins to read it. */
const RETRY_MS = 200;
/** More than any host's struct termios. */
const TERMIOS_BYTES = 256;
const TCSANOW = 0;

export const openPty: OpenPty = async (connect) => {
  const { open } = await import('node-pty');
  const pair = open({ encoding: null });
  const { master, slave, ptsName } = pair;
  // The far side is kept open by a descriptor that nobody reads. node-pty's own stream there would take the first bytes.
  const farSide = openSync(ptsName, constants.O_RDWR | constants.O_NOCTTY);
  slave.destroy();
  // node-pty's kill() and destroy() of the pair would signal process -1, every one we may; its streams are closed instead.
  const output = new Output(pair.fd);
  const closePair = (): void => {
    output.close();
    master.destroy();
    closeSync(farSide);
  };
  try {
    await makeRaw(farSide);
  } catch (error) {
    closePair();
    throw error;
  }
  const stream = connect();
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    stream.close();
    closePair();
  };
  stream.onMessage((message) => {
    if (message === 'close') close();
    else if (message !== 'open') output.write(new Uint8Array(message));
  });
  master.on('data', (data: Buffer) => stream.send(new Uint8Array(data).buffer));
  master.on('data', () => output.flush()); // someone is there
  master.on('error', close);
  return { path: ptsName, close };
};

/**
 * Writes what the terminal takes at once and keeps the rest. Not through Node's stream: libuv writes to the master side
 * of a pty blockingly, so a terminal that nobody reads would stop the whole program. The descriptor itself does not block.
 */
class Output {
  readonly #fd: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    while (this.#waitingBytes > MAX_UNREAD_BYTES && this.#waiting.length > 1)
      this.#waitingBytes -= this.#waiting.shift()?.length ?? 0;
    if (this.#retry === undefined) this.flush();
  }

  flush(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let first = this.#waiting[0]; first !== undefined && !this.#closed; first = this.#waiting[0]) {
      const taken = writeNow(this.#fd, first);
      this.#waitingBytes -= taken;
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        this.#retry = setTimeout(() => this.flush(), RETRY_MS);
        return;
      }
      this.#waiting.shift();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }
}

/** How many bytes were taken; 0 when the terminal is full. Bytes for a line that is gone are lost, as on a real one. */
function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return errnoOf(error) === 'EAGAIN' ? 0 : bytes.length;
  }
}

/** cfmakeraw(3) of the libc that this process has: Node's own raw mode would still turn LF into CR LF. */
async function makeRaw(fd: number): Promise<void> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const tcgetattr = libc.func('int tcgetattr(int fd, _Out_ void *termios)');
  const cfmakeraw = libc.func('void cfmakeraw(_Inout_ void *termios)');
  const tcsetattr = libc.func('int tcsetattr(int fd, int actions, void *termios)');
  const termios = Buffer.alloc(TERMIOS_BYTES);
  if (tcgetattr(fd, termios) !== 0) throw new Error('its settings cannot be read');
  cfmakeraw(termios);
  if (tcsetattr(fd, TCSANOW, termios) !== 0) throw new Error('it cannot be made raw');
}
