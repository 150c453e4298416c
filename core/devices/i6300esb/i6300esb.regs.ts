/**
 * Registers of the watchdog timer of the 6300ESB. [ESB] Intel 6300ESB I/O Controller Hub data sheet (300641), chapter
 * 15 (watchdog timer). RO read only, W1C cleared by writing ones; * needs the unlock sequence before each write.
 */
export const VENDOR_INTEL = 0x8086;
export const DEVICE_6300ESB_WDT = 0x25ab;
export const CLASS_SYSTEM_OTHER = 0x08_80_00;

// Configuration space
export const WDT_CONFIG = 0x60; //          RW   16 bits
export const WDT_INT_TYPE = 3; //                of the first stage:
export const INT_TYPE_IRQ = 0;
export const WDT_PRE_SEL = 1 << 2; //            0: 1 kHz, 1: 1 MHz
export const WDT_OUTPUT = 1 << 5; //             set: the second stage does nothing
export const WDT_CONFIG_MASK = WDT_INT_TYPE | WDT_PRE_SEL | WDT_OUTPUT;
export const WDT_LOCK = 0x68; //            RW   8 bits
export const WDT_LOCK_LOCKED = 1 << 0; //        the register cannot be written until reset
export const WDT_LOCK_ENABLE = 1 << 1;
export const WDT_LOCK_FREE_RUN = 1 << 2; //      starts again after the second stage
export const WDT_LOCK_MASK = WDT_LOCK_LOCKED | WDT_LOCK_ENABLE | WDT_LOCK_FREE_RUN;

// Memory-mapped, BAR 0
export const BAR_BYTES = 16;
export const PRELOAD_1 = 0x0; //            RW*  20 bits
export const PRELOAD_2 = 0x4; //            RW*  20 bits
export const PRELOAD_MASK = 0xf_ffff;
export const GINTSR = 0x8; //               W1C*
export const GINTSR_STAGE_1 = 1 << 0; //         the first stage is over
export const RELOAD = 0xc; //               RW   16 bits
export const RELOAD_UNLOCK_1 = 0x80;
export const RELOAD_UNLOCK_2 = 0x86;
export const RELOAD_WDT_RELOAD = 1 << 8; //  WO* starts the first stage again
export const RELOAD_WDT_TIMEOUT = 1 << 9; // W1C* the second stage ended once

/** The counters' clock is the PCI clock, divided by 2^15 or 2^5. */
export const PCI_CLOCK_HZ = 33_000_000;
export const PRESCALER_1KHZ = 2 ** 15;
export const PRESCALER_1MHZ = 2 ** 5;
