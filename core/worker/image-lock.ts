/**
 * What node:fs lacks for disk images, on Linux: locks between those who have one open, and holes. Elsewhere, and where
 * koffi's library cannot be loaded, there are no locks and no holes.
 *
 * The locks are QEMU's (docs/system/qemu-block-drivers, "image locking"): open file description locks, see fcntl(2), on
 * bytes that stand for what an opener does (100 and up) and what it does not suffer from others (200 and up), so a
 * running QEMU and Vivarium respect each other too. They end with the file descriptor, also when a process is killed.
 */
import { createRequire } from 'node:module';

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK_BYTES = 32;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

const DOES_BASE = 100;
const SUFFERS_NOT_BASE = 200;
const CONSISTENT_READ = 0;
const WRITE = 1;
const RESIZE = 3;

interface FileCalls {
  fcntl(fd: number, command: number, flock: Uint8Array): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
}

let loaded: FileCalls | false | undefined;

function fileCalls(): FileCalls | undefined {
  if (loaded === undefined) loaded = loadFileCalls() ?? false;
  return loaded || undefined;
}

function loadFileCalls(): FileCalls | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi').default;
    const library = koffi.load('libc.so.6');
    return {
      fcntl: library.func('int fcntl(int fd, int command, _Inout_ void *flock)'),
      fallocate: library.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
    };
  } catch {
    return undefined;
  }
}

/**
 * Takes the locks of a reader or a writer, which last until the file is closed. False when somebody else has the image
 * open in a way that does not go with it. True also where there are no locks.
 */
export function lockImage(fd: number, writes: boolean): boolean {
  const calls = fileCalls();
  if (!calls) return true;
  const does = writes ? [CONSISTENT_READ, WRITE, RESIZE] : [CONSISTENT_READ];
  const suffersNot = [WRITE, RESIZE];
  // First all locks, then the look at those of others: of two who come at once, both see the other.
  for (const bit of does) calls.fcntl(fd, F_OFD_SETLK, flock(F_RDLCK, DOES_BASE + bit));
  for (const bit of suffersNot) calls.fcntl(fd, F_OFD_SETLK, flock(F_RDLCK, SUFFERS_NOT_BASE + bit));
  const disturbs = does.some((bit) => isLocked(calls, fd, SUFFERS_NOT_BASE + bit));
  return !disturbs && !suffersNot.some((bit) => isLocked(calls, fd, DOES_BASE + bit));
}

/** Makes a hole. The host may not know holes in this file: then what is there stays. */
export function punchHole(fd: number, offset: number, length: number): void {
  fileCalls()?.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/** struct flock of 64-bit Linux: type, whence (0: from the start), start, length, process. */
function flock(type: number, start: number): Uint8Array {
  const bytes = new Uint8Array(FLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, type, true);
  view.setBigInt64(8, BigInt(start), true);
  view.setBigInt64(16, 1n, true);
  return bytes;
}

/** Whether somebody else's lock is there; a file system without locks says no. */
function isLocked(calls: FileCalls, fd: number, byte: number): boolean {
  const probe = flock(F_WRLCK, byte);
  return calls.fcntl(fd, F_OFD_GETLK, probe) === 0 && new DataView(probe.buffer).getInt16(0, true) !== F_UNLCK;
}
