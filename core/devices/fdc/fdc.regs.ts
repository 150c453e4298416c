/**
 * Registers, commands and status of the 82077AA floppy disk controller.
 *
 * [82077] Intel 82077AA data sheet (May 1994): 2.1 (registers), 5 (commands), 6 (status).
 */
export const FDC_PORTS = 0x3f0; //    six ports; 0x3f6 is the first IDE channel's
export const FDC_PORT_COUNT = 6;
export const DIR_PORT = 0x3f7;
export const FDC_IRQ = 6;
export const FDC_DMA_CHANNEL = 2;

export const DOR = 2;
export const DOR_SELECT = 0x03;
export const DOR_NRESET = 1 << 2;
export const DOR_DMAGATE = 1 << 3; //   lets interrupts and DMA requests out, too
export const DOR_MOTOR = 1 << 4; //     of drive 0; those of the others follow
export const TDR = 3;
export const TDR_MASK = 0x03;
export const MSR = 4; //              RO
export const MSR_CMDBSY = 1 << 4;
export const MSR_NONDMA = 1 << 5;
export const MSR_DIO = 1 << 6; //       the processor is to read
export const MSR_RQM = 1 << 7;
export const DSR = 4; //              WO
export const DSR_SWRESET = 1 << 7;
export const DSR_MASK = 0x5f;
export const FIFO = 5;
export const DIR_DSKCHG = 1 << 7;
export const CCR_MASK = 0x03;
export const DRATESEL = 0x03; //      in DSR and CCR
export const RATE_500K = 0;
export const RATE_300K = 1;
export const RATE_250K = 2;
export const RATE_1M = 3;

// Commands, by the low five bits
export const READ_TRACK = 0x02;
export const SPECIFY = 0x03;
export const SENSE_DRIVE_STATUS = 0x04;
export const WRITE_DATA = 0x05;
export const READ_DATA = 0x06;
export const RECALIBRATE = 0x07;
export const SENSE_INTERRUPT = 0x08;
export const WRITE_DELETED_DATA = 0x09;
export const READ_ID = 0x0a;
export const READ_DELETED_DATA = 0x0c;
export const FORMAT_TRACK = 0x0d;
export const DUMPREG = 0x0e;
export const SEEK = 0x0f;
export const VERSION = 0x10;
export const PERPENDICULAR = 0x12;
export const CONFIGURE = 0x13;
export const LOCK = 0x14;
export const VERIFY = 0x16;
export const COMMAND_MASK = 0x1f;
export const MULTI_TRACK = 1 << 7;
export const RELATIVE_UP = 1 << 6;
export const LOCK_SET = 1 << 7;

export const VERSION_82077 = 0x90;
export const HEAD = 1 << 2; //        in the second byte of commands, and in ST0
export const DRIVE = 0x03;

// ST0
export const ST0_ABNORMAL = 0x40;
export const ST0_INVALID = 0x80;
export const ST0_POLLING = 0xc0;
export const ST0_SEEK_END = 1 << 5;
export const ST0_EQUIPMENT_CHECK = 1 << 4;
// ST1
export const ST1_MISSING_ADDRESS = 1 << 0;
export const ST1_NOT_WRITABLE = 1 << 1;
export const ST1_NO_DATA = 1 << 2;
export const ST1_DATA_ERROR = 1 << 5;
export const ST1_END_OF_CYLINDER = 1 << 7;
// ST2
export const ST2_WRONG_CYLINDER = 1 << 4;
export const ST2_DATA_ERROR = 1 << 5;
// ST3
export const ST3_HEAD = 1 << 2;
export const ST3_ALWAYS = 0x28; //      ready, two sides
export const ST3_TRACK_0 = 1 << 4;
export const ST3_WRITE_PROTECTED = 1 << 6;

// CONFIGURE
export const CONFIGURE_IMPLIED_SEEK = 1 << 6;
export const CONFIGURE_POWER_ON = 0x20; // FIFO off, polling on
export const SPECIFY_NON_DMA = 1 << 0;
