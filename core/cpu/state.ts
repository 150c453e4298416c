/**
 * The state of one vCPU, in the VM's shared memory so that interpreter, translator and TypeScript see the same bytes.
 * Offsets are from the vCPU's state base, in bytes.
 */

export const GPR = 0x000; // i64[16], in encoding order: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
/** RIP (EIP, IP) of the first instruction of the block that runs; exact whenever WebAssembly is not running. */
export const RIP = 0x080; // i64
/** Lazy arithmetic flags, see flags.ts: sign-extended result, and carries. */
export const FLAG_RESULT = 0x088; // i64
export const FLAG_AUX = 0x090; // i32
/** EFLAGS without OF SF ZF AF PF CF, which live in the two words above. */
export const EFLAGS = 0x094; // i32
/** Always zero: the "register" that an absent base, index or segment reads. */
export const ZERO = 0x098; // i64
/** Instructions left in this slice. */
export const BUDGET = 0x0a0; // i32
/** Anything to look at at the next block boundary: REQUEST_* bits, set by any thread. */
export const REQUEST = 0x0a4; // i32
/** Address of the part of the TLB in use. */
export const TLB_BASE = 0x0a8; // i32
/** Block key: how code decodes now (decode/mode.ts). */
export const CODE_MODE = 0x0ac; // i32
export const CPL = 0x0b0; // i32
/** Addresses of the page flags and of the page map in use (mmu/physical.ts). */
export const PAGE_FLAGS = 0x0b4; // i32
export const PAGE_MAP = 0x0c0; // i32
/** Breakpoints or alignment checks look at accesses: TypeScript alone fills the TLB. */
export const WATCHED = 0x0c4; // i32
/** Page walks of generated code that filled the TLB. */
export const TLB_FILLS = 0x0c8; // i64
export const TLB_PAGE_FLUSHES = 0x328; // i64
/** Linear address limit of the code segment: EIP above it faults; all ones in 64-bit mode. */
export const CODE_LIMIT = 0x0b8; // i64
/** Mask of linear code addresses: 32 bits outside 64-bit mode. */
export const CODE_MASK = 0x0e0; // i64
/** Value of a slow memory access on its way between TypeScript and WebAssembly. */
export const SCRATCH = 0x2e0; // 32 bytes, 32-byte aligned
/** Vector that a refused segmented address (REFUSED) raises: #SS or #GP. */
export const SEGMENT_FAULT = 0x0d0; // i32

/** Interrupts wait for one more instruction when SHADOW is set and RIP is SHADOW_RIP: 1 by STI, 2 by MOV SS and POP SS. */
export const SHADOW = 0x0d4; // i32
export const SHADOW_STI = 1;
export const SHADOW_MOV_SS = 2;
export const SHADOW_RIP = 0x0d8; // i64

/** An interrupt waits for IF: an instruction that sets it leaves. */
export const WINDOW = 0x0e8; // i32

/** Counts every time decoded code was dropped: links of other generations are stale. */
export const CODE_GENERATION = 0x0ec; // i32
/** A link that is never one, for jumps that have none of their own (interp/record.ts). */
export const NO_LINK = 0x0f0; // 12 bytes
/** Upper bits of a linear address that repeat its highest used one: 16, or 7 with 5-level paging. */
export const CANONICAL_SHIFT = 0x0fc; // i32

/** Segment registers in encoding order ES CS SS DS FS GS, then LDTR, TR: SEG_SIZE bytes each. */
export const SEG = 0x100;
export const SEG_SIZE = 32;
export const SEG_BASE = 0; // i64
export const SEG_LIMIT = 8; // u32, in bytes
export const SEG_SELECTOR = 12; // u16
/** Access rights as bits 8..23 of the descriptor's high word, shifted down by 8; SEG_UNUSABLE for a null selector. */
export const SEG_ACCESS = 14; // u16
/** Offsets allowed, inclusive: limit and expand direction resolved. */
export const SEG_LOW = 16; // u32
export const SEG_HIGH = 20; // u32
/** SEG_CAN_READ, SEG_CAN_WRITE */
export const SEG_RIGHTS = 24; // i32
export const SEG_CAN_READ = 1;
export const SEG_CAN_WRITE = 2;

export const GDTR_BASE = 0x200; // i64
export const GDTR_LIMIT = 0x208; // u32
export const IDTR_BASE = 0x210; // i64
export const IDTR_LIMIT = 0x218; // u32
export const CR0 = 0x220; // i32
export const CR4 = 0x224; // i32
export const EFER = 0x228; // i32
export const CR2 = 0x230; // i64
export const CR3 = 0x238; // i64
export const XCR0 = 0x240; // i64
export const DR = 0x248; // i64[8]
export const STAR = 0x290; // i64, and so on: MSRs that instructions use
export const LSTAR = 0x298;
export const CSTAR = 0x2a0;
export const FMASK = 0x2a8;
export const KERNEL_GS_BASE = 0x2b0;
export const SYSENTER_CS = 0x2b8;
export const SYSENTER_ESP = 0x2c0;
export const SYSENTER_EIP = 0x2c8;
export const PAT = 0x2d0;
export const TSC_AUX = 0x2d8;

/** NMIs are held back: a handler of one runs. */
export const NMI_MASKED = 0x300; // i32
/** Address of the bits of address 0 in the map of code (interp/code-map.ts). */
export const CODE_MAP = 0x304; // i32

/** The last walk of generated code: PAGE_FAULTS and the error code when it found that the access faults, or 0. */
export const WALK_FAULT = 0x310; // i32
/** The same of a page fault that is pending: CR2 is set. */
export const PAGE_FAULT = 0x314; // i32
export const PAGE_FAULTS = 0x80000000 | 0;
/** Page-directory-pointer entries of PAE paging: address of the directory, -1 when not present. */
export const PDPTES = 0x330; // f64[4]
/** Page faults are left to the run loop. */
export const LEAVES_FAULTS = 0x320; // i32
/** Page faults that generated code delivered. */
export const FAULTS_DELIVERED = 0x318; // i64

/** The TSC is guest time in ns, plus TSC_OFFSET: generated code may make it of that. */
export const TSC_IN_NS = 0x324; // i32
export const TSC_OFFSET = 0x308; // i64

/** XMM0..15: VEC_SIZE bytes each, XMM in the low half, the upper half of YMM in the high one. */
export const VEC = 0x400;
export const VEC_SIZE = 32;
export const MXCSR = 0x600; // i32
/** Result, then up to three sources of an exact float operation (sse/unit.ts): VEC_SIZE bytes each. */
export const FLOAT_SCRATCH = 0xf00; // 128 bytes
/** x87 state, laid out by fpu/x87.ts. */
export const X87 = 0x640;
export const STATE_SIZE = 0x1000;

export const REQUEST_INTERRUPT = 1; // the irqchip may have something
export const REQUEST_EXIT = 2; // signal, immediate exit
export const REQUEST_TLB = 4; // another thread asks for a TLB flush

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

/** Access rights, bits of SEG_ACCESS. */
export const AR_TYPE = 0x000f;
export const AR_S = 0x0010;
export const AR_DPL_SHIFT = 5;
export const AR_P = 0x0080;
export const AR_AVL = 0x1000;
export const AR_L = 0x2000;
export const AR_DB = 0x4000;
export const AR_G = 0x8000;
export const SEG_UNUSABLE = 0x0100;

export const CR0_PE = 1;
export const CR0_MP = 2;
export const CR0_EM = 4;
export const CR0_TS = 8;
export const CR0_ET = 0x10;
export const CR0_NE = 0x20;
export const CR0_WP = 0x10000;
export const CR0_AM = 0x40000;
export const CR0_NW = 0x20000000;
export const CR0_CD = 0x40000000;
export const CR0_PG = 0x80000000 | 0;

export const CR4_VME = 1;
export const CR4_PVI = 2;
export const CR4_TSD = 4;
export const CR4_DE = 8;
export const CR4_PSE = 0x10;
export const CR4_PAE = 0x20;
export const CR4_MCE = 0x40;
export const CR4_PGE = 0x80;
export const CR4_PCE = 0x100;
export const CR4_OSFXSR = 0x200;
export const CR4_OSXMMEXCPT = 0x400;
export const CR4_UMIP = 0x800;
export const CR4_LA57 = 0x1000;
export const CR4_FSGSBASE = 0x10000;
export const CR4_PCIDE = 0x20000;
export const CR4_OSXSAVE = 0x40000;
export const CR4_SMEP = 0x100000;
export const CR4_SMAP = 0x200000;

export const EFER_SCE = 1;
export const EFER_LME = 0x100;
export const EFER_LMA = 0x400;
export const EFER_NXE = 0x800;

export const FLAG_CF = 1;
export const FLAG_PF = 4;
export const FLAG_AF = 0x10;
export const FLAG_ZF = 0x40;
export const FLAG_SF = 0x80;
export const FLAG_TF = 0x100;
export const FLAG_IF = 0x200;
export const FLAG_DF = 0x400;
export const FLAG_OF = 0x800;
export const FLAG_IOPL = 0x3000;
export const FLAG_NT = 0x4000;
export const FLAG_RF = 0x10000;
export const FLAG_VM = 0x20000;
export const FLAG_AC = 0x40000;
export const FLAG_VIF = 0x80000;
export const FLAG_VIP = 0x100000;
export const FLAG_ID = 0x200000;
/** OF SF ZF AF PF CF */
export const FLAGS_ARITH = 0x8d5;

// exception vectors
export const DE = 0;
export const DB = 1;
export const NMI_VECTOR = 2;
export const BP = 3;
export const OF_VECTOR = 4;
export const BR = 5;
export const UD = 6;
export const NM = 7;
export const DF_VECTOR = 8;
export const TS_VECTOR = 10;
export const NP = 11;
export const SS_VECTOR = 12;
export const GP = 13;
export const PF = 14;
export const MF = 16;
export const AC = 17;
export const XM = 19;
export const VE = 20;
export const CP = 21;

/**
 * The TLB: TLB_CONTEXTS times TLB_PARTS times TLB_ENTRIES direct-mapped entries. A context has the translations of one
 * PCID, a part those of one kind of accessor (mmu/walk.ts). A tag is the page's linear address when that kind of access
 * needs nothing but the addend; NO_TAG otherwise. host = low32(linear) + addend.
 */
export const TLB_CONTEXTS = 4;
export const TLB_PARTS = 3;
export const TLB_ENTRIES = 2048;
export const TLB_ENTRY_SIZE = 32;
export const TLB_READ = 0; // i64 tag
export const TLB_WRITE = 8; // i64 tag
export const TLB_EXEC = 16; // i64 tag
export const TLB_ADDEND = 24; // i32
/**
 * Bit 0: the mapping is global (CR4.PGE) and survives a CR3 load. Bit 1 (TLB_PART_OF_LARGE): of a page larger than 4 KiB. Bit 2
 * (TLB_WRITES_CODE): writes are allowed but for code in the page, which they must look out for (mmu/code-writes.ts).
 */
export const TLB_GLOBAL = 28; // i32
export const TLB_PART_OF_LARGE = 2;
export const TLB_WRITES_CODE = 4;
/** No linear page has low bits set, so this never matches. */
export const NO_TAG = -1n;
export const TLB_PART_SIZE = TLB_ENTRIES * TLB_ENTRY_SIZE;
/** Behind the entries, u8 for each part: TLB_HOLDS_ bits of what it may hold. Most parts are empty most of the time. */
export const TLB_HOLDINGS = TLB_CONTEXTS * TLB_PARTS * TLB_PART_SIZE;
export const TLB_HOLDS_OWN = 1;
export const TLB_HOLDS_GLOBAL = 2;
/** u8 by gigabyte of linear addresses, modulo TLB_GIGABYTES: parts of large pages of it may be here. */
export const TLB_LARGE = TLB_HOLDINGS + 16;
export const TLB_GIGABYTES = 1024;
export const TLB_SIZE = TLB_LARGE + TLB_GIGABYTES;

/** What segmentation answers instead of a linear address: never canonical, so that every TLB look-up misses. */
export const REFUSED_HIGH = 0x80000000 | 0;

/** Block hash: cache of decoded blocks, keyed by host address and CODE_MODE; two entries side by side are a set. */
export const HASH_ENTRIES = 1 << 16;
export const HASH_SETS = HASH_ENTRIES / 2;
export const HASH_ENTRY_SIZE = 16;
export const HASH_HOST = 0; // u32
export const HASH_MODE = 4; // u32
export const HASH_RECORD = 8; // u32, 0 = empty
export const HASH_COUNT = 12; // u32 instructions in the block
