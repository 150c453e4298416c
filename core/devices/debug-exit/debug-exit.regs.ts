/** The window of isa-debug-exit: all of its ports are one write-only register. */
export const DEBUG_EXIT_PORT = 0xf4;
export const DEBUG_EXIT_PORTS = 4;
