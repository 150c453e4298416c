/** The panic device. [PVPANIC] QEMU's docs/specs/pvpanic.rst. One port, 8 bits. */
export const PVPANIC_PORT = 0x505;
/** A read says which events are known, a write that they happen. */
export const PVPANIC_PANICKED = 1 << 0;
/** It panicked, and a kernel for that case takes over. */
export const PVPANIC_CRASH_LOADED = 1 << 1;
export const PVPANIC_EVENTS = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
