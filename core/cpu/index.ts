/** The CPU's only door. */
export { Cpu, type CpuHost } from './cpu.ts';
export {
  CPU_DEBUG, CPU_FAILURE, CPU_HLT, CPU_IO, CPU_MMIO_READ, CPU_MMIO_WRITE, CPU_SHUTDOWN, CPU_SLICE, type CpuExit,
} from './exits.ts';
export { type MemoryLayout, memoryLayout, MAX_SLOT_GPA, PAGE_SIZE } from './layout.ts';
export { PhysicalMemory } from './mmu/physical.ts';
export * as CpuOffsets from './state.ts';
export { CR4_OFFERED, EFER_OFFERED, MSRS, badCr0, refreshPaging } from './system/control.ts';
export { MXCSR_MASK } from './system/fpu.ts';
export type { Feature } from './table/row.ts';
export { readFxsave, writeFxsave } from './fpu/image.ts';
