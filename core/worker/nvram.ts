/** A VM's UEFI variables: a file of its own, made from the firmware's template when it is not there yet. */
import { constants, copyFileSync, existsSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BLOCK_BYTES } from '../devices/pflash/pflash.regs.ts';
import type { FirmwareImages } from '../machine/machine.ts';
import { StartError } from './client-api.ts';

const MOST_BYTES = 4 * 2 ** 20;

/** Throws StartError where there is neither file nor template, or where the file cannot be a flash's content. */
export function openNvram(path: string, firmware: string): NonNullable<FirmwareImages['nvram']> {
  try {
    if (!existsSync(path)) copyFileSync(templateFor(firmware), path, constants.COPYFILE_EXCL);
    const fd = openSync(path, 'r+');
    const { size } = fstatSync(fd);
    if (size === 0 || size % BLOCK_BYTES !== 0 || size > MOST_BYTES) throw notVariables(path);
    const content = new Uint8Array(size);
    readSync(fd, content, 0, size, 0);
    return { content, store: { write: (offset, bytes) => void writeSync(fd, bytes, 0, bytes.length, offset) } };
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new StartError(
      `The firmware's variables ${path} cannot be opened (${code}).`,
      'Change the permissions of the file, or choose another one.',
      'file',
    );
  }
}

/** As distributions name them: OVMF_CODE_4M.fd has OVMF_VARS_4M.fd beside it, and so has its .secboot variant. */
function templateFor(firmware: string): string {
  const name = basename(firmware).replace('CODE', 'VARS');
  const candidates = [name, name.replace('.secboot', '')].filter((candidate) => candidate !== basename(firmware));
  const found = candidates.map((candidate) => join(dirname(firmware), candidate)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new StartError(
    `There is no template for the variables of the firmware ${firmware}.`,
    'Copy the template that came with the firmware to the file for the variables.',
    'file',
  );
}

const notVariables = (path: string): StartError =>
  new StartError(
    `The file ${path} does not hold a firmware's variables: its size is not right.`,
    'Choose another file, or remove this one to start with the template.',
    'file',
  );
