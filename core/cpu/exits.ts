/** Exits of a vCPU, from WebAssembly to the loop around it. */

/** Why run() came back. */
export const CPU_SLICE = 0; // the slice is over, or a request waits
export const CPU_IO = 1; // Cpu.io says what
export const CPU_MMIO_READ = 2; // Cpu.memory.mmio.pendingRead
export const CPU_MMIO_WRITE = 3; // Cpu.memory.mmio.writes
export const CPU_HLT = 4;
export const CPU_SHUTDOWN = 5; // triple fault
export const CPU_DEBUG = 6;
export const CPU_FAILURE = 7; // Cpu.failure says why
export type CpuExit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
