/** A vCPU's state in KVM's structures. Part of api.ts. */

export interface KvmRegs {
  rax: bigint;
  rbx: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  rsp: bigint;
  rbp: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  rip: bigint;
  rflags: bigint;
}

export interface KvmSegment {
  base: bigint;
  limit: number;
  selector: number;
  type: number;
  present: number;
  dpl: number;
  db: number;
  s: number;
  l: number;
  g: number;
  avl: number;
  unusable: number;
}

export interface KvmDtable {
  base: bigint;
  limit: number;
}

interface KvmSystemRegisters {
  cs: KvmSegment;
  ds: KvmSegment;
  es: KvmSegment;
  fs: KvmSegment;
  gs: KvmSegment;
  ss: KvmSegment;
  tr: KvmSegment;
  ldt: KvmSegment;
  gdt: KvmDtable;
  idt: KvmDtable;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
  cr8: bigint;
  efer: bigint;
  apicBase: bigint;
}
export interface KvmSregs extends KvmSystemRegisters {
  /** 256 bits: a pending external interrupt, as KVM reports it. */
  interruptBitmap: bigint[];
}
/** struct kvm_sregs2: with the page-directory pointers of PAE paging in place of the interrupt. */
export interface KvmSregs2 extends KvmSystemRegisters {
  flags: number;
  pdptrs: bigint[];
}
export const KVM_SREGS2_FLAGS_PDPTRS_VALID = 1;

/** struct kvm_fpu: the FXSAVE-like subset. */
export interface KvmFpu {
  /** 8 registers of 16 bytes (10 used). */
  fpr: Uint8Array;
  fcw: number;
  fsw: number;
  ftwx: number;
  lastOpcode: number;
  lastIp: bigint;
  lastDp: bigint;
  /** 16 registers of 16 bytes. */
  xmm: Uint8Array;
  mxcsr: number;
}

/** struct kvm_xcrs. */
export interface KvmXcrs {
  flags: number;
  xcrs: { xcr: number; value: bigint }[];
}
export const KVM_MAX_XCRS = 16;
/** Bytes of struct kvm_xsave. */
export const KVM_XSAVE_SIZE = 4096;

/** struct kvm_debugregs. */
export interface KvmDebugRegs {
  /** DR0 to DR3. */
  db: bigint[];
  dr6: bigint;
  dr7: bigint;
  flags: number;
}

/** struct kvm_translation without its input. */
export interface KvmTranslation {
  physicalAddress: bigint;
  valid: boolean;
  writeable: boolean;
  usermode: boolean;
}

export interface KvmMsrEntry {
  index: number;
  data: bigint;
}

export interface KvmCpuidEntry2 {
  function: number;
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}
export const KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

// KVM_GET/SET_MP_STATE
export const KVM_MP_STATE_RUNNABLE = 0;
export const KVM_MP_STATE_UNINITIALIZED = 1;
export const KVM_MP_STATE_INIT_RECEIVED = 2;
export const KVM_MP_STATE_HALTED = 3;
export const KVM_MP_STATE_SIPI_RECEIVED = 4;

/** struct kvm_vcpu_events: what is on its way to the guest. */
export interface KvmVcpuEvents {
  exception: {
    injected: number;
    nr: number;
    hasErrorCode: number;
    /** Raised, and not yet delivered: DR6 and CR2 do not show it (KVM_CAP_EXCEPTION_PAYLOAD). */
    pending: number;
    errorCode: number;
    hasPayload: number;
    payload: bigint;
  };
  interrupt: { injected: number; nr: number; soft: number; shadow: number };
  nmi: { injected: number; pending: number; masked: number };
  sipiVector: number;
  /** KVM_VCPUEVENT_VALID_*: the fields that mean something. */
  flags: number;
  smi: { smm: number; pending: number; smmInsideNmi: number; latchedInit: number };
  tripleFault: { pending: number };
}
export const KVM_VCPUEVENT_VALID_NMI_PENDING = 1;
export const KVM_VCPUEVENT_VALID_SIPI_VECTOR = 2;
export const KVM_VCPUEVENT_VALID_SHADOW = 4;
export const KVM_VCPUEVENT_VALID_SMM = 8;
export const KVM_VCPUEVENT_VALID_PAYLOAD = 0x10;
export const KVM_VCPUEVENT_VALID_TRIPLE_FAULT = 0x20;
export const KVM_X86_SHADOW_INT_MOV_SS = 1;
export const KVM_X86_SHADOW_INT_STI = 2;

// KVM_SET_GUEST_DEBUG
export const KVM_GUESTDBG_ENABLE = 1;
export const KVM_GUESTDBG_SINGLESTEP = 2;
export const KVM_GUESTDBG_USE_SW_BP = 0x10000;
export const KVM_GUESTDBG_USE_HW_BP = 0x20000;
export const KVM_GUESTDBG_INJECT_DB = 0x40000;
export const KVM_GUESTDBG_INJECT_BP = 0x80000;
export const KVM_GUESTDBG_BLOCKIRQ = 0x100000;
export interface KvmGuestDebug {
  control: number;
  /** DR0-3, 4-5 unused, DR6, DR7 */
  debugreg: bigint[];
}
