/** What the tests of media share: files of guests, why a test is skipped, and the firmware they are tried with. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesOf } from '../fixtures/guests.ts';

export type Files = ReturnType<typeof filesOf>;

/** Only for files that are there: tests of others are skipped. */
export const pathIn = (files: Files, name: string): string => ('folder' in files ? join(files.folder, name) : '');

/** For a test's title; empty when everything is there. */
export function why(...files: readonly Files[]): string {
  const missing = files.find((found) => 'missing' in found);
  return missing && 'missing' in missing ? ` (skipped: ${missing.missing})` : '';
}

const seabios = filesOf('seabios');
/** By name: the options that choose it, and its files. */
export const FIRMWARE: readonly [string, readonly string[], Files][] = [
  ['our BIOS', [], { folder: '' }],
  ['SeaBIOS', ['--firmware', pathIn(seabios, 'bios-256k.bin')], seabios],
];

export const OVMF = filesOf('ovmf');
/** The options that choose it, with variables of its own in this folder. */
export function ovmfIn(folder: string): string[] {
  const nvram = join(folder, 'vars.fd');
  copyFileSync(pathIn(OVMF, 'OVMF_VARS_4M.fd'), nvram);
  return ['--firmware', pathIn(OVMF, 'OVMF_CODE_4M.fd'), '--nvram', nvram];
}

export const figure = (text: string): void => console.log(`figure: ${text}`);
