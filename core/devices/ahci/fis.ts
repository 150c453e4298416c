/** Frames between controller and drive. [SATA] Serial ATA 3.0, 10.3; byte numbers are those of its figures. */
import * as A from '../ata/ata.regs.ts';
import type { AtaDrive, TaskFileRegister } from '../ata/ata-drive.ts';
import * as R from './ahci.regs.ts';

export const H2D_BYTES = 20;
const D2H_BYTES = 20;
/** Where the task file is in a register frame: current bytes, and the ones written before them. */
const LAYOUT: readonly (readonly [TaskFileRegister, current: number, previous: number])[] = [
  ['lba0', 4, 8],
  ['lba1', 5, 9],
  ['lba2', 6, 10],
  ['count', 12, 13],
];
const DEVICE = 7;

/** Puts a host's register frame into the drive's registers; returns the command. */
export function load(drive: AtaDrive, frame: Uint8Array): number {
  const at = (offset: number): number => frame[offset] ?? 0;
  for (const [register, current, previous] of LAYOUT) drive.taskFile.set(register, at(current) | (at(previous) << 8));
  drive.taskFile.set('features', at(3) | (at(11) << 8));
  drive.device = at(DEVICE);
  return at(2);
}

/** The device control register in a host's frame. */
export const control = (frame: Uint8Array): number => frame[15] ?? 0;

function taskFile(drive: AtaDrive, type: number, flags: number): Uint8Array {
  const frame = new Uint8Array(D2H_BYTES);
  frame.set([type, flags, drive.status, drive.error]);
  for (const [register, current, previous] of LAYOUT) {
    frame[current] = drive.taskFile.get(register, false);
    frame[previous] = drive.taskFile.get(register, true);
  }
  frame[DEVICE] = drive.device;
  return frame;
}

export const register = (drive: AtaDrive, interrupt: boolean): Uint8Array =>
  taskFile(drive, R.FIS_REGISTER_D2H, interrupt ? R.FIS_INTERRUPT : 0);

/** Before each DRQ block: its direction and length, and the status that holds after it. */
export function pioSetup(drive: AtaDrive, toHost: boolean, bytes: number): Uint8Array {
  const frame = taskFile(drive, R.FIS_PIO_SETUP, (toHost ? R.FIS_TO_HOST : 0) | R.FIS_INTERRUPT);
  frame[15] = toHost ? A.DRDY | A.DSC : A.BSY;
  frame[16] = bytes & 0xff;
  frame[17] = bytes >> 8;
  return frame;
}

/** The end of queued commands: `finished` has their tags. */
export function setDeviceBits(status: number, error: number, finished: number): Uint8Array {
  const STATUS_BITS = 0x77; // without BSY and DRQ
  const frame = new Uint8Array(8);
  frame.set([R.FIS_SET_DEVICE_BITS, R.FIS_INTERRUPT, status & STATUS_BITS, error]);
  new DataView(frame.buffer).setUint32(4, finished, true);
  return frame;
}
