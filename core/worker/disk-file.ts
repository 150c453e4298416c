/**
 * Disk images of the host for the machine's thread: positioned, synchronous reads and writes, which for data in the
 * host's page cache are the fastest there is (core/backends/block/README.md).
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { BlockFile } from '../backends/block/block-file.ts';
import { StartError } from './client-api.ts';
import { lockImage, punchHole } from './image-lock.ts';

/** Nothing on a block device is found beyond this: 8 EiB less what a double cannot count. */
const MAX_DEVICE_BYTES = 2 ** 53;

/**
 * Opens a regular file or a block device. Throws StartError, with what the user can do, for a path that is neither or
 * cannot be opened, and for an image that another virtual machine has open: one may write, or several may read.
 */
export function openDiskFile(path: string, readOnly: boolean): BlockFile {
  let fd: number | undefined;
  try {
    const entry = statSync(path); // before it is opened: that may block on a pipe
    if (!entry.isFile() && !entry.isBlockDevice()) throw notAnImage(path);
    fd = openSync(path, readOnly ? constants.O_RDONLY : constants.O_RDWR);
    if (!lockImage(fd, !readOnly)) throw inUse(path, readOnly);
    return new DiskFile(fd, readOnly);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw error instanceof StartError ? error : unusable(error, path, readOnly);
  }
}

class DiskFile implements BlockFile {
  readonly sizeBytes: number;

  constructor(
    readonly fd: number,
    readonly readOnly: boolean,
  ) {
    const entry = fstatSync(fd);
    this.sizeBytes = entry.isFile() ? entry.size : deviceSize(fd);
  }

  read(offset: number, target: Uint8Array): number {
    let done = 0;
    while (done < target.length) {
      const got = readSync(this.fd, target, done, target.length - done, offset + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(offset: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(this.fd, bytes, done, bytes.length - done, offset + done);
  }

  flush(): void {
    fdatasyncSync(this.fd);
  }

  discard(offset: number, length: number): void {
    punchHole(this.fd, offset, length);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** stat() tells no size of a block device; where reading ends does. */
function deviceSize(fd: number): number {
  const byte = new Uint8Array(1);
  let size = 0;
  for (let step = MAX_DEVICE_BYTES / 2; step >= 1; step /= 2) {
    if (readSync(fd, byte, 0, 1, size + step - 1) === 1) size += step;
  }
  return size;
}

const notAnImage = (path: string): StartError =>
  new StartError(`The disk ${path} is neither a file nor a block device.`, 'Choose a disk image.', 'file');

const inUse = (path: string, readOnly: boolean): StartError =>
  new StartError(
    `The disk ${path} is ${readOnly ? 'being written by' : 'open in'} another virtual machine.`,
    'Shut that one down first, or give this one a copy of the disk.',
    'file',
  );

function unusable(error: unknown, path: string, readOnly: boolean): StartError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new StartError(`The disk ${path} does not exist.`, 'Choose another file, or put it back.', 'file');
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const what = readOnly ? 'read' : 'write to';
    const hint = readOnly
      ? 'Change the permissions of the file, or choose another one.'
      : 'Change the permissions of the file, or make the disk read-only.';
    return new StartError(`You are not allowed to ${what} the disk ${path}.`, hint, 'file');
  }
  return new StartError(`The disk ${path} cannot be opened (${code}).`, 'Choose another file.', 'file');
}
