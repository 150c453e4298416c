/** Bochs's and QEMU's debug console (isa-debugcon): one port; reading it tells firmware that it is there. */
export const DEBUG_CONSOLE_PORT = 0x402;
export const DEBUG_CONSOLE_PRESENT = 0xe9;
