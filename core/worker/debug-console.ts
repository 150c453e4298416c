/** Where a firmware's debug console goes: a file, or the standard error of the process. */
import { openSync, writeSync } from 'node:fs';
import type { CharBackend } from '../devices/device.ts';
import { StartError } from './client-api.ts';

const STANDARD_ERROR = 2;
/** Firmware writes byte by byte; lines are written whole, and what has no line break in pieces of this size. */
const BUFFER_BYTES = 256;
const LINE_FEED = 0x0a;

/** path: absolute, or '-'. The file starts anew. Throws StartError where it cannot be written. */
export function openDebugConsole(path: string): CharBackend {
  const fd = path === '-' ? STANDARD_ERROR : openLog(path);
  const buffer = new Uint8Array(BUFFER_BYTES);
  let length = 0;
  return {
    write: (bytes) => {
      for (const byte of bytes) {
        buffer[length++] = byte;
        if (byte !== LINE_FEED && length < BUFFER_BYTES) continue;
        writeSync(fd, buffer, 0, length);
        length = 0;
      }
    },
  };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new StartError(
      `The debug console's file ${path} cannot be written (${code}).`,
      'Choose another file.',
      'file',
    );
  }
}
