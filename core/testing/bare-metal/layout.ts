/**
 * Where everything lies in the memory of the test guest, and the names that cases may use for it. Addresses are linear and
 * physical at once: every kind of page table maps the first 2 MiB to themselves.
 */

/** The kernel, below 64 KiB so that real mode reaches it. Its entry points lie at fixed places at its beginning. */
export const KERNEL = 0x8000;
/** What the kernel writes, in a page without code: a processor that keeps translations need not look there. */
export const VARIABLES = 0xd000;
/** The stacks of 16-bit code follow. */
export const KERNEL_END = 0xe000;
export const KERNEL_DOUBLE_FAULT = KERNEL + 0x10;
export const STUB_BYTES = 16;
export const STUBS32 = KERNEL + 0x100;
export const STUBS64 = STUBS32 + 256 * STUB_BYTES;
export const STUBS_REAL = STUBS64 + 256 * STUB_BYTES;
export const REAL_STUB_BYTES = 8;

/** Tables: put back before each case. */
const TABLES = 0x10000;
export const GDT = TABLES;
export const LDT = TABLES + 0x400;
export const IDT32 = TABLES + 0x800;
export const IDT64 = TABLES + 0x1000;
export const TSS = TABLES + 0x2000;
export const TSS_DOUBLE_FAULT = TABLES + 0x2200;
export const TSS_OTHER = TABLES + 0x2300;
export const TSS_OTHER16 = TABLES + 0x2400;
export const TSS64 = TABLES + 0x2500;
export const DIRECTORY32 = TABLES + 0x3000;
export const TABLE32 = TABLES + 0x4000;
export const PML4 = TABLES + 0x5000;
export const PDPT64 = TABLES + 0x6000;
export const PDPT_PAE = TABLES + 0x7000;
/** PAE and 64-bit mode have these in common. */
export const DIRECTORY64 = TABLES + 0x8000;
export const TABLE64 = TABLES + 0x9000;
export const IVT_COPY = TABLES + 0xa000;
export const TABLES_BYTES = 0xa400;

/** The code of the case, with UD2 behind it to the end of its 64 KiB: the end of a case is a #UD. */
export const TEST = 0x20000;
/** Where gates, tasks and fast system calls lead. */
export const TARGET = TEST + 0x800;
/** Zero at the start; the first four double words are reported. */
export const DATA = 0x30000;
export const STACK0 = 0x51000;
export const STACK_HOME = 0x52000;
export const STACK1 = 0x53000;
export const STACK2 = 0x54000;
export const STACK3 = 0x55000;
export const STACK_DOUBLE_FAULT = 0x57000;
export const STACK_TASK = 0x58000;
export const STACK_IST = 0x59000;
/** Stack pointer of 16-bit code in protected mode: its segment begins at 0. */
export const STACK16_0 = 0xf000;
export const STACK16_3 = 0xe800;
/** Real and virtual-8086 mode. */
export const SS_REAL = 0x5000;
export const SP_REAL = 0x5800;

export const LOAD = 0x10_0000;

/** Pages that are not like the others. */
export const PAGES = {
  PAGE_NP: 0x40000, // not present
  PAGE_RO: 0x41000, // read-only
  PAGE_S: 0x42000, // supervisor
  PAGE_NX: 0x43000, // no execution (PAE, 64-bit)
  PAGE_RSVD: 0x44000, // a reserved bit (PAE, 64-bit)
  PAGE_S_RO: 0x45000, // supervisor, read-only
  PAGE_S_CODE: 0x46000, // supervisor, with UD2 as code
} as const;

/** Selectors of the GDT, with the RPL that one uses them with. tables.ts has the descriptors. */
export const SELECTORS = {
  CODE32: 0x08,
  DATA32: 0x10,
  CODE32_3: 0x1b,
  DATA32_3: 0x23,
  CODE64: 0x28,
  CODE64_3: 0x33,
  CODE16: 0x38,
  CODE16_3: 0x43,
  DATA16: 0x48,
  DATA16_3: 0x53,
  STACK16: 0x58,
  STACK16_3: 0x63,
  CODE32_1: 0x69,
  DATA32_1: 0x71,
  CODE32_2: 0x7a,
  DATA32_2: 0x82,
  TSS_SEL: 0x88,
  TSS64_SEL: 0x98,
  TSS_DF_SEL: 0xa8,
  TSS_OTHER_SEL: 0xb0,
  TSS16_SEL: 0xb8,
  TSS_BUSY: 0xc0,
  LDT_SEL: 0xc8,
  DATA_NP: 0xd8,
  CODE_NP: 0xe0,
  DATA_RO: 0xe8,
  DATA_SMALL: 0xf0, // base DATA, limit 15
  DATA_DOWN: 0xf8, // expand-down from 0x30000, 32-bit
  CODE_XO: 0x100, // execute-only
  CODE_CONF: 0x108, // conforming, level 0
  TASK_GATE: 0x110,
  GATE32: 0x118, // call gates for level 3
  GATE32_P2: 0x120, // two parameters
  GATE16: 0x128,
  GATE_0: 0x130, // for level 0
  GATE_DATA: 0x140, // to a data segment
  GATE_NULL: 0x148,
  GATE64: 0x150, // 16 bytes
  CODE_LD: 0x160, // L and D
  INT_GATE: 0x168, // does not belong into a GDT
  TSS_SHORT: 0x170,
  CODE_SMALL: 0x180, // base TEST, limit 0xff
  GATE_OUT: 0x188, // to level 3
  KERNEL16: 0x190, // 16-bit code from 0 for the way into real mode
  DATA_SMALL_3: 0x19b,
  DATA_DOWN16: 0x1a0, // expand-down from 0x1000, base DATA, 16-bit
  CONF_3: 0x1ab, // conforming, level 3
  GATE_NP: 0x1b0, // this and the next are followed by 8 bytes of zero, as in 64-bit mode
  TSS_NP: 0x1c0,
  BEYOND: 0x1d0,
  LDT_NULL: 0x04, // null descriptor of the LDT
  LDT_DATA: 0x0f,
  LDT_CODE: 0x17,
  LDT_BEYOND: 0x1c,
} as const;

/** Vectors with gates of their own; the others have interrupt gates for level 0 (3 and 4 for level 3). */
export const VECTORS = {
  V_INT: 0x30, // for level 3, as are all up to V_0
  V_TRAP: 0x31,
  V_INT16: 0x32,
  V_TRAP16: 0x33,
  V_NP: 0x34,
  V_TASK: 0x35, // in 64-bit mode: a task gate, which there is not
  V_DATA: 0x36,
  V_NULL: 0x37,
  V_CONF: 0x38,
  V_OUT: 0x39, // to level 3
  V_CALL: 0x3a, // a call gate
  V_0: 0x3b, // for level 0
  V_1: 0x3c, // to level 1
  V_IST: 0x3d,
  V_FAR: 0x3e, // to a non-canonical address
  V_32: 0x3f, // to a 32-bit segment, which 64-bit mode refuses
} as const;

/** What the text of a case may name. */
export const SYMBOLS: Readonly<Record<string, number>> = {
  ...PAGES,
  ...SELECTORS,
  ...VECTORS,
  TEST,
  TARGET,
  DATA,
  GDT,
  LDT,
  IDT32,
  IDT64,
  TSS,
  TSS_OTHER,
  TSS_OTHER16,
  TSS64,
  DIRECTORY32,
  TABLE32,
  PML4,
  PDPT64,
  PDPT_PAE,
  DIRECTORY64,
  TABLE64,
  STACK0,
  STACK3,
};
