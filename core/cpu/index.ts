/** The CPU's only door. */
export { Assembler } from './asm/assembler.ts';
export { far, type Label, mem, reg, sys } from './asm/operands.ts';
export { Cpu } from './cpu.ts';
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
export {
  componentsInUse,
  initComponents,
  MXCSR_INIT,
  MXCSR_MASK,
  mxcsrOf,
  offeredXcr0,
  readComponents,
  validXcr0,
  writeComponents,
  writeMxcsr,
  XSAVE_HEADER,
  XSAVE_HEADER_SIZE,
  XSTATE_AVX,
  XSTATE_SSE,
  XSTATE_X87,
  xsaveSize,
} from './fpu/xsave-area.ts';
export type { CpuHost } from './host.ts';
export { MAX_SLOT_GPA, type MemoryLayout, memoryLayout, PAGE_SIZE } from './layout.ts';
export { PhysicalMemory, SPACE_SMM } from './mmu/physical.ts';
export { NOT_MAPPED, PHYSICAL_ADDRESS_BITS, READ, SUPERVISOR } from './mmu/walk.ts';
export * as CpuOffsets from './state.ts';
export { badCr0, CR0_DEFINED, cr4Offered, eferOffered, refreshPaging } from './system/control-registers.ts';
export { debugRegister } from './system/debug.ts';
export { isCanonical } from './system/descriptors.ts';
export { MSRS } from './system/msrs.ts';
