/** Reads the kernel and the initial RAM disk of a VM, or its firmware, from the host's disk. */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DirectBoot } from '../contracts/machine.ts';
import type { BootFiles } from '../firmware/boot-image.ts';
import type { FirmwareImages } from '../machine/machine.ts';
import { StartError } from './client-api.ts';

const MIB = 2 ** 20;

/** Throws StartError for a file that is missing, unreadable, no file at all, or larger than the guest's memory. */
export function readBootFiles(boot: DirectBoot, memoryMiB: number): BootFiles {
  const kernel = readBootFile(boot.kernel, 'kernel', memoryMiB);
  if (boot.initrd === undefined) return { kernel, cmdline: boot.cmdline };
  return { kernel, initrd: readBootFile(boot.initrd, 'initial RAM disk', memoryMiB), cmdline: boot.cmdline };
}

/** Most firmware that a flash below 4 GiB holds. */
const MAX_FIRMWARE_MIB = 16;
/** The VGA's BIOS as SeaBIOS's builders call it. OVMF brings a driver of its own. */
const VGA_BIOS = 'vgabios-stdvga.bin';

/** Throws StartError for a file that is missing, unreadable, no file at all, empty or too large. */
export function readFirmware(path: string): FirmwareImages {
  const firmware = readFile(path, 'firmware', (size) => {
    if (size > 0 && size <= MAX_FIRMWARE_MIB * MIB) return;
    const message =
      size === 0
        ? `The firmware ${path} is an empty file.`
        : `The firmware ${path} has ${Math.ceil(size / MIB)} MiB; it can have at most ${MAX_FIRMWARE_MIB} MiB.`;
    throw new StartError(message, 'Choose another file.', 'file');
  });
  const beside = join(dirname(path), VGA_BIOS);
  const vgaBios = statSync(beside, { throwIfNoEntry: false })?.isFile() ? readFileSync(beside) : undefined;
  return { firmware, ...(vgaBios && { vgaBios }) };
}

function readBootFile(path: string, what: string, memoryMiB: number): Uint8Array {
  return readFile(path, what, (size) => {
    if (size <= memoryMiB * MIB) return;
    throw new StartError(
      `The ${what} ${path} has ${Math.ceil(size / MIB)} MiB, more than the memory of the virtual machine (${memoryMiB} MiB).`,
      'Give the virtual machine more memory, or choose another file.',
      'file',
    );
  });
}

function readFile(path: string, what: string, checkSize: (size: number) => void): Uint8Array {
  try {
    checkSize(requireFile(statSync(path), path, what).size); // before it is opened: that may block on a pipe
    return readFileSync(path);
  } catch (error) {
    throw error instanceof StartError ? error : unreadable(error, path, what);
  }
}

function requireFile(entry: Stats, path: string, what: string): Stats {
  if (entry.isFile()) return entry;
  const kind = entry.isDirectory() ? 'a folder' : 'not a regular file';
  throw new StartError(`The ${what} ${path} is ${kind}.`, `Choose the ${what} file itself.`, 'file');
}

function unreadable(error: unknown, path: string, what: string): StartError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new StartError(`The ${what} ${path} does not exist.`, 'Choose another file, or put it back.', 'file');
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'Change the permissions of the file, or choose another one.';
    return new StartError(`You are not allowed to read the ${what} ${path}.`, hint, 'file');
  }
  return new StartError(`The ${what} ${path} cannot be read (${code}).`, 'Choose another file.', 'file');
}
