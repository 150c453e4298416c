/** The CPU's only door. */
export { Assembler } from './asm/assembler.ts';
export { far, type Label, mem, reg, sys } from './asm/operands.ts';
export { Cpu, type CpuHost } from './cpu.ts';
export {
  CPU_DEBUG,
  CPU_FAILURE,
  CPU_HLT,
  CPU_IO,
  CPU_MMIO_READ,
  CPU_MMIO_WRITE,
  CPU_SHUTDOWN,
  CPU_SLICE,
  type CpuExit,
} from './exits.ts';
export { FEATURE_NAMES, type Feature } from './features.ts';
export { readFxsave, writeFxsave } from './fpu/image.ts';
export { MAX_SLOT_GPA, type MemoryLayout, memoryLayout, PAGE_SIZE } from './layout.ts';
export { PhysicalMemory } from './mmu/physical.ts';
export * as CpuOffsets from './state.ts';
export { badCr0, CR0_DEFINED, CR4_OFFERED, EFER_OFFERED, MSRS, refreshPaging } from './system/control.ts';
export { MXCSR_MASK } from './system/fpu.ts';
