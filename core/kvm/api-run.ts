/** The mailbox page kvm_run: exit reasons, and offsets as Linux lays it out. Part of api.ts. */

// exit reasons (struct kvm_run.exit_reason)
export const KVM_EXIT_UNKNOWN = 0;
export const KVM_EXIT_EXCEPTION = 1;
export const KVM_EXIT_IO = 2;
export const KVM_EXIT_HYPERCALL = 3;
export const KVM_EXIT_DEBUG = 4;
export const KVM_EXIT_HLT = 5;
export const KVM_EXIT_MMIO = 6;
export const KVM_EXIT_IRQ_WINDOW_OPEN = 7;
export const KVM_EXIT_SHUTDOWN = 8;
export const KVM_EXIT_FAIL_ENTRY = 9;
export const KVM_EXIT_INTR = 10;
export const KVM_EXIT_INTERNAL_ERROR = 17;
export const KVM_EXIT_SYSTEM_EVENT = 24;

export const KVM_EXIT_IO_IN = 0;
export const KVM_EXIT_IO_OUT = 1;
export const KVM_INTERNAL_ERROR_EMULATION = 1;
export const KVM_INTERNAL_ERROR_DELIVERY_EV = 3;

// kvm_run.flags
/** In system management mode. */
export const KVM_RUN_X86_SMM = 1;

// struct kvm_run, offsets in bytes
export const RUN_REQUEST_INTERRUPT_WINDOW = 0; // u8
export const RUN_IMMEDIATE_EXIT = 1; // u8
export const RUN_EXIT_REASON = 8; // u32
export const RUN_READY_FOR_INTERRUPT_INJECTION = 12; // u8
export const RUN_IF_FLAG = 13; // u8
export const RUN_FLAGS = 14; // u16
export const RUN_CR8 = 16; // u64
export const RUN_APIC_BASE = 24; // u64
export const RUN_IO_DIRECTION = 32; // u8
export const RUN_IO_SIZE = 33; // u8
export const RUN_IO_PORT = 34; // u16
export const RUN_IO_COUNT = 36; // u32
export const RUN_IO_DATA_OFFSET = 40; // u64, from the start of the page
export const RUN_MMIO_PHYS_ADDR = 32; // u64
export const RUN_MMIO_DATA = 40; // u8[8]
export const RUN_MMIO_LEN = 48; // u32
export const RUN_MMIO_IS_WRITE = 52; // u8
export const RUN_DEBUG_EXCEPTION = 32; // u32
export const RUN_DEBUG_PC = 40; // u64
export const RUN_DEBUG_DR6 = 48; // u64
export const RUN_DEBUG_DR7 = 56; // u64
export const RUN_INTERNAL_SUBERROR = 32; // u32
export const RUN_INTERNAL_NDATA = 36; // u32
export const RUN_INTERNAL_DATA = 40; // u64[16]
// KVM_CAP_SYNC_REGS: which of KVM_SYNC_X86_* userspace wants after KVM_RUN, and which it changed before
export const RUN_KVM_VALID_REGS = 288; // u64
export const RUN_KVM_DIRTY_REGS = 296; // u64
export const RUN_SYNC_REGS = 304; // struct kvm_regs
export const RUN_SYNC_SREGS = 448; // struct kvm_sregs
export const RUN_SYNC_EVENTS = 760; // struct kvm_vcpu_events
export const KVM_SYNC_X86_REGS = 1;
export const KVM_SYNC_X86_SREGS = 2;
export const KVM_SYNC_X86_EVENTS = 4;
export const KVM_SYNC_X86_VALID_FIELDS = 7;
export const RUN_PAGE_SIZE = 4096;
/** Where KVM puts port I/O data: the page after kvm_run. */
export const RUN_PIO_DATA = 4096;
/** KVM_COALESCED_MMIO_PAGE_OFFSET: what KVM_CAP_COALESCED_MMIO answers on x86, the page that the ring is. */
export const KVM_COALESCED_MMIO_PAGE_OFFSET = 2;
export const RUN_COALESCED_RING = KVM_COALESCED_MMIO_PAGE_OFFSET * RUN_PAGE_SIZE;
/** KVM_GET_VCPU_MMAP_SIZE */
export const RUN_MMAP_SIZE = 3 * RUN_PAGE_SIZE;

// struct kvm_coalesced_mmio_ring, offsets in bytes; an entry is struct kvm_coalesced_mmio
export const COALESCED_FIRST = 0; // u32, the next entry for userspace
export const COALESCED_LAST = 4; // u32, the next entry for KVM
export const COALESCED_ENTRIES = 8;
export const COALESCED_ENTRY_SIZE = 24;
// u64 phys_addr comes first
export const COALESCED_LEN = 8; // u32
export const COALESCED_PIO = 12; // u32
export const COALESCED_DATA = 16; // u8[8]
/** Entries of the ring. */
export const KVM_COALESCED_MMIO_MAX = Math.floor((RUN_PAGE_SIZE - COALESCED_ENTRIES) / COALESCED_ENTRY_SIZE);
