/** CODE_MODE: everything outside an instruction's own bytes that decides how it decodes; part of a block's key. */

/** Code size: bits 0..1, 0 = 16, 1 = 32, 2 = 64 bits. */
export const MODE_16 = 0;
export const MODE_32 = 1;
export const MODE_64 = 2;
export const MODE_SIZE_MASK = 3;
/** The stack pointer is ESP (SS.B); in 64-bit mode it is RSP whatever this says. */
export const MODE_STACK32 = 4;
/** ES SS DS are flat and writable (base 0, limit 4 GiB): no segment check is needed. */
export const MODE_FLAT = 8;
/** SSE instructions raise #UD: CR0.EM, or CR4.OSFXSR clear. */
export const MODE_NO_SSE = 16;
/** CR0.TS: x87, MMX and SSE instructions raise #NM. */
export const MODE_TASK_SWITCHED = 32;
/** CR0.EM: x87 raises #NM, MMX #UD. */
export const MODE_EMULATE = 64;
/** CS is flat (base 0, limit 4 GiB), or 64-bit: EIP needs no check. */
export const MODE_FLAT_CODE = 128;
/** Vectors of VEX-encoded instructions raise #UD: CR4.OSXSAVE is clear, or XCR0 enables no YMM state. */
export const MODE_NO_AVX = 256;
/** Real or virtual-8086 mode: no VEX encoding exists. */
export const MODE_REAL = 512;
/** One more than the greatest mode. */
export const MODE_COUNT = 1024;
