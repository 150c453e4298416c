/**
 * System control port A. [PIIX3] Intel 82371SB data sheet (April 1996), 2.5.5.2. One register, RW.
 */
export const SYSTEM_CONTROL_PORT = 0x92;
export const FAST_INIT = 1 << 0; // a rising edge resets the CPU
export const FAST_A20 = 1 << 1;
export const SYSTEM_CONTROL_MASK = FAST_INIT | FAST_A20;
