/**
 * Registers of the two 8237A DMA controllers of a PC, and of its page registers.
 *
 * [8237] Intel 8237A data sheet (1993). [PIIX] Intel 82371SB data sheet, 2.4 (registers) and 5.1 (page registers).
 * Register numbers; the second controller has them at every other port.
 */
export const CONTROLLER_PORTS = [0x00, 0xc0] as const;
export const CONTROLLER_PORT_COUNTS = [0x10, 0x20] as const;
/** 0x80 itself is where POST codes go. */
export const PAGE_PORTS = 0x81;
export const PAGE_PORT_COUNT = 15;

export const CHANNELS = 4; //         of each controller: address and count at 2n and 2n + 1
export const STATUS = 8; //           RO
export const COMMAND = 8; //          WO
export const COMMAND_DISABLE = 1 << 2;
export const REQUEST = 9; //          WO
export const SINGLE_MASK = 10; //     WO
export const SINGLE_MASK_SET = 1 << 2;
export const MODE = 11; //            WO
export const MODE_TYPE = 0x0c;
export const MODE_VERIFY = 0x00;
export const MODE_WRITE = 0x04; //      to memory
export const MODE_READ = 0x08;
export const MODE_AUTOINITIALIZE = 1 << 4;
export const MODE_DECREMENT = 1 << 5;
export const CLEAR_BYTE_POINTER = 12; // WO
export const MASTER_CLEAR = 13; //    WO
export const CLEAR_MASK = 14; //      WO
export const ALL_MASK = 15;

/** Which page register (from PAGE_PORTS) belongs to which channel, 0 to 7; 4 is the cascade's. [PIIX] table 2-4 */
export const PAGE_OF_CHANNEL = [6, 2, 0, 1, 14, 10, 8, 9] as const;
