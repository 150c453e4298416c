/** The saved state of the floppy controller: its registers, and the command it works on. */
import { bits, byteArray, defineState, flag, list, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './fdc.regs.ts';
import { FLOPPY_SECTOR_BYTES, MOST_CYLINDERS } from './floppy-formats.ts';

/** Where a command is. */
export const PHASE = {
  /** Its bytes are coming in. */
  command: 0,
  /** A sector waits for the processor, or for DMA. */
  host: 1,
  /** A sector is on its way from or to the medium. */
  medium: 2,
  /** Its result is going out. */
  result: 3,
} as const;

/** What a transfer does. */
export const READ = 0;
export const WRITE = 1;
export const FORMAT = 2;
export const VERIFY = 3;

const DRIVES = 4;
const MOST_COMMAND_BYTES = 9;
const MOST_RESULT_BYTES = 10;

export const STATE = defineState(
  'fdc',
  1,
  {
    dor: u8,
    tdr: bits(R.TDR_MASK),
    rate: bits(R.DRATESEL),
    phase: uint(PHASE.result),
    command: list(MOST_COMMAND_BYTES, u8),
    result: list(MOST_RESULT_BYTES, u8),
    interrupt: flag,
    /** Drives whose state after a reset has not been asked for. */
    polled: uint(DRIVES),
    /** ST0 of the seeks that have not been asked for. */
    sought: list(DRIVES, u8),
    cylinders: list(DRIVES, uint(MOST_CYLINDERS - 1)),
    changed: list(DRIVES, flag),
    specify: list(2, u8),
    configure: u8,
    precompensation: u8,
    perpendicular: u8,
    locked: flag,
    // The transfer
    direction: uint(VERIFY),
    pio: flag,
    multiTrack: flag,
    selection: u8,
    cylinder: u8,
    head: u8,
    sector: u8,
    size: u8,
    lastSector: u8,
    /** Sectors that are still to be formatted. */
    left: u8,
    filler: u8,
    /** DMA has raised TC. */
    ending: flag,
    position: uint(FLOPPY_SECTOR_BYTES - 1),
    data: byteArray(FLOPPY_SECTOR_BYTES),
  },
  (s) => {
    const complete = s.cylinders.length === DRIVES && s.changed.length === DRIVES && s.specify.length === 2;
    if (!complete) return 'not all drives are there';
    return s.phase === PHASE.result && s.result.length === 0 ? 'its result is empty' : undefined;
  },
);
export type FdcState = StateOf<typeof STATE>;

export const fdcPowerOn = (): FdcState => ({
  dor: 0,
  tdr: 0,
  rate: R.RATE_250K,
  phase: PHASE.command,
  command: [],
  result: [],
  interrupt: false,
  polled: 0,
  sought: [],
  cylinders: [0, 0, 0, 0],
  changed: [true, true, true, true],
  specify: [0, 0],
  configure: R.CONFIGURE_POWER_ON,
  precompensation: 0,
  perpendicular: 0,
  locked: false,
  direction: READ,
  pio: false,
  multiTrack: false,
  selection: 0,
  cylinder: 0,
  head: 0,
  sector: 1,
  size: 0,
  lastSector: 0,
  left: 0,
  filler: 0,
  ending: false,
  position: 0,
  data: new Uint8Array(FLOPPY_SECTOR_BYTES),
});
