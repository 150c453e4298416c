/** The saved state of a drive: its task file, and the command it works on. [ACS] ATA8-ACS. */
import { bits, byteArrayUpTo, flag, record, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './ata.regs.ts';

/** Bytes that go to or come from a back end at once. */
export const CHUNK_BYTES = 128 * 1024;
const MAX_SECTORS = 2 ** 48;

/** Where a command is. */
export const PHASE = {
  idle: 0,
  /** Sectors are on their way from the medium. */
  fetch: 1,
  /** Sectors are on their way to the medium. */
  store: 2,
  flush: 3,
  /** The ranges in the buffer are being discarded. */
  trim: 4,
  /** A block waits for the processor to read or to write it: DRQ. */
  pioIn: 5,
  pioOut: 6,
  /** The controller moves the data when it has a DMA list. */
  dmaIn: 7,
  dmaOut: 8,
  /** A command packet is awaited. */
  packet: 9,
  /** There is more in the buffer than the last DRQ block. */
  nextBlock: 10,
} as const;
export const NO_DATA = new Uint8Array(0);
const LAST_PHASE = PHASE.nextBlock;

/** How the data of a command travels. */
export const PROTOCOL = { none: 0, pio: 1, dma: 2 } as const;
export type Protocol = (typeof PROTOCOL)[keyof typeof PROTOCOL];

export const ATA_STATE = record({
  // What was written last in the low byte, what before it in the high one: 48-bit commands use both.
  features: uint(0xffff),
  count: uint(0xffff),
  lba0: uint(0xffff),
  lba1: uint(0xffff),
  lba2: uint(0xffff),
  device: u8,
  status: u8,
  error: u8,
  command: u8,
  phase: uint(LAST_PHASE),
  protocol: uint(PROTOCOL.dma),
  /** The next sector of the medium, and how many are left. */
  address: uint(MAX_SECTORS),
  left: uint(2 ** 32),
  /** Bytes of a DRQ block. */
  blockBytes: uint(CHUNK_BYTES),
  flushAtEnd: flag,
  /** A CPU's or controller's progress in the buffer, and the end of the DRQ block. */
  position: uint(CHUNK_BYTES),
  blockEnd: uint(CHUNK_BYTES),
  data: byteArrayUpTo(CHUNK_BYTES),
  modeKind: bits(R.MODE_MULTIWORD_DMA | R.MODE_ULTRA_DMA),
  modeNumber: uint(7),
});
export type AtaState = StateOf<typeof ATA_STATE> & object;

export const noCommand = (): AtaState => ({
  features: 0,
  count: 0,
  lba0: 0,
  lba1: 0,
  lba2: 0,
  device: 0,
  status: R.DRDY | R.DSC,
  error: 0,
  command: 0,
  phase: PHASE.idle,
  protocol: PROTOCOL.none,
  address: 0,
  left: 0,
  blockBytes: 0,
  flushAtEnd: false,
  position: 0,
  blockEnd: 0,
  data: NO_DATA,
  modeKind: 0,
  modeNumber: 0,
});
