/** KVM's C structures on x86-64, to and from the objects of api.ts. Reference: arch/x86/include/uapi/asm/kvm.h. */
import type {
  KvmCpuidEntry2,
  KvmDtable,
  KvmFpu,
  KvmMsrEntry,
  KvmRegs,
  KvmSegment,
  KvmSregs,
  KvmVcpuEvents,
} from '../api.ts';
import { FPU_SIZE, REGS_SIZE, SREGS_SIZE, VCPU_EVENTS_SIZE } from './ioctl.ts';

const REG_ORDER = [
  'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip',
  'rflags',
] as const satisfies readonly (keyof KvmRegs)[]; // biome-ignore format: the order is the structure

export function encodeRegs(regs: KvmRegs): Uint8Array {
  return new Uint8Array(BigUint64Array.from(REG_ORDER, (name) => BigInt.asUintN(64, regs[name])).buffer);
}

export function decodeRegs(bytes: Uint8Array): KvmRegs {
  const values = new BigUint64Array(bytes.buffer, bytes.byteOffset, REGS_SIZE / 8);
  return Object.fromEntries(REG_ORDER.map((name, i) => [name, values[i]])) as unknown as KvmRegs;
}

const SEGMENT_ORDER = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'] as const;
const SEGMENT_SIZE = 24;
const SEGMENT_BYTES = ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const;
const GDT_OFFSET = SEGMENT_ORDER.length * SEGMENT_SIZE;
const IDT_OFFSET = GDT_OFFSET + 16;
const CONTROL_ORDER = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer', 'apicBase'] as const;
const CONTROL_OFFSET = IDT_OFFSET + 16;
const BITMAP_OFFSET = CONTROL_OFFSET + CONTROL_ORDER.length * 8;
const BITMAP_WORDS = 4;

export function encodeSregs(sregs: KvmSregs): Uint8Array {
  const view = new DataView(new ArrayBuffer(SREGS_SIZE));
  SEGMENT_ORDER.forEach((name, i) => {
    const at = i * SEGMENT_SIZE;
    const segment = sregs[name];
    view.setBigUint64(at, segment.base, true);
    view.setUint32(at + 8, segment.limit, true);
    view.setUint16(at + 12, segment.selector, true);
    SEGMENT_BYTES.forEach((field, byte) => {
      view.setUint8(at + 14 + byte, segment[field]);
    });
  });
  for (const [at, table] of [
    [GDT_OFFSET, sregs.gdt],
    [IDT_OFFSET, sregs.idt],
  ] as const) {
    view.setBigUint64(at, table.base, true);
    view.setUint16(at + 8, table.limit, true);
  }
  CONTROL_ORDER.forEach((name, i) => {
    view.setBigUint64(CONTROL_OFFSET + i * 8, sregs[name], true);
  });
  sregs.interruptBitmap.forEach((word, i) => {
    view.setBigUint64(BITMAP_OFFSET + i * 8, word, true);
  });
  return new Uint8Array(view.buffer);
}

export function decodeSregs(bytes: Uint8Array): KvmSregs {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SREGS_SIZE);
  const segment = (i: number): KvmSegment => {
    const at = i * SEGMENT_SIZE;
    const attributes = SEGMENT_BYTES.map((field, byte) => [field, view.getUint8(at + 14 + byte)] as const);
    return {
      base: view.getBigUint64(at, true),
      limit: view.getUint32(at + 8, true),
      selector: view.getUint16(at + 12, true),
      ...(Object.fromEntries(attributes) as Record<(typeof SEGMENT_BYTES)[number], number>),
    };
  };
  const table = (at: number): KvmDtable => ({ base: view.getBigUint64(at, true), limit: view.getUint16(at + 8, true) });
  const words = (at: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, i) => view.getBigUint64(at + i * 8, true));
  const controls = words(CONTROL_OFFSET, CONTROL_ORDER.length);
  return {
    ...(Object.fromEntries(SEGMENT_ORDER.map((name, i) => [name, segment(i)])) as Record<
      (typeof SEGMENT_ORDER)[number],
      KvmSegment
    >),
    ...(Object.fromEntries(CONTROL_ORDER.map((name, i) => [name, controls[i]])) as Record<
      (typeof CONTROL_ORDER)[number],
      bigint
    >),
    gdt: table(GDT_OFFSET),
    idt: table(IDT_OFFSET),
    interruptBitmap: words(BITMAP_OFFSET, BITMAP_WORDS),
  };
}

const XMM_OFFSET = 152;
const MXCSR_OFFSET = 408;

export function encodeFpu(fpu: KvmFpu): Uint8Array {
  const bytes = new Uint8Array(FPU_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(fpu.fpr.subarray(0, 128), 0);
  view.setUint16(128, fpu.fcw, true);
  view.setUint16(130, fpu.fsw, true);
  view.setUint8(132, fpu.ftwx);
  view.setUint16(134, fpu.lastOpcode, true);
  view.setBigUint64(136, fpu.lastIp, true);
  view.setBigUint64(144, fpu.lastDp, true);
  bytes.set(fpu.xmm.subarray(0, 256), XMM_OFFSET);
  view.setUint32(MXCSR_OFFSET, fpu.mxcsr, true);
  return bytes;
}

export function decodeFpu(bytes: Uint8Array): KvmFpu {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FPU_SIZE);
  return {
    fpr: bytes.slice(0, 128),
    fcw: view.getUint16(128, true),
    fsw: view.getUint16(130, true),
    ftwx: view.getUint8(132),
    lastOpcode: view.getUint16(134, true),
    lastIp: view.getBigUint64(136, true),
    lastDp: view.getBigUint64(144, true),
    xmm: bytes.slice(XMM_OFFSET, XMM_OFFSET + 256),
    mxcsr: view.getUint32(MXCSR_OFFSET, true),
  };
}

/** struct kvm_msrs and struct kvm_cpuid2 alike: a count, padding, entries. */
const LIST_HEADER = 8;
const MSR_ENTRY = 16;
const CPUID_ENTRY = 40;
const CPUID_ORDER = ['function', 'index', 'flags', 'eax', 'ebx', 'ecx', 'edx'] as const;

export function encodeMsrs(entries: readonly KvmMsrEntry[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(LIST_HEADER + entries.length * MSR_ENTRY));
  view.setUint32(0, entries.length, true);
  entries.forEach((entry, i) => {
    view.setUint32(LIST_HEADER + i * MSR_ENTRY, entry.index, true);
    view.setBigUint64(LIST_HEADER + i * MSR_ENTRY + 8, entry.data, true);
  });
  return new Uint8Array(view.buffer);
}

export function decodeMsrs(bytes: Uint8Array, count: number): KvmMsrEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) => ({
    index: view.getUint32(LIST_HEADER + i * MSR_ENTRY, true),
    data: view.getBigUint64(LIST_HEADER + i * MSR_ENTRY + 8, true),
  }));
}

/** `capacity` entries, the first of them filled in. */
export function encodeCpuid(entries: readonly KvmCpuidEntry2[], capacity = entries.length): Uint8Array {
  const view = new DataView(new ArrayBuffer(LIST_HEADER + capacity * CPUID_ENTRY));
  view.setUint32(0, capacity, true);
  entries.forEach((entry, i) => {
    CPUID_ORDER.forEach((field, word) => {
      view.setUint32(LIST_HEADER + i * CPUID_ENTRY + word * 4, entry[field], true);
    });
  });
  return new Uint8Array(view.buffer);
}

export function decodeCpuid(bytes: Uint8Array): KvmCpuidEntry2[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: view.getUint32(0, true) }, (_, i) => {
    const fields = CPUID_ORDER.map((field, word) => [
      field,
      view.getUint32(LIST_HEADER + i * CPUID_ENTRY + word * 4, true),
    ]);
    return Object.fromEntries(fields) as unknown as KvmCpuidEntry2;
  });
}

export function encodeVcpuEvents(events: KvmVcpuEvents): Uint8Array {
  const { exception, interrupt, nmi } = events;
  const bytes = new Uint8Array(VCPU_EVENTS_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set([exception.injected, exception.nr, exception.hasErrorCode, exception.pending], 0);
  view.setUint32(4, exception.errorCode, true);
  bytes.set([interrupt.injected, interrupt.nr, interrupt.soft, interrupt.shadow], 8);
  bytes.set([nmi.injected, nmi.pending, nmi.masked], 12);
  view.setUint32(16, events.sipiVector, true);
  view.setUint32(20, events.flags, true);
  return bytes;
}

export function decodeVcpuEvents(bytes: Uint8Array): KvmVcpuEvents {
  const view = new DataView(bytes.buffer, bytes.byteOffset, VCPU_EVENTS_SIZE);
  const u8 = (at: number): number => view.getUint8(at);
  return {
    exception: { injected: u8(0), nr: u8(1), hasErrorCode: u8(2), pending: u8(3), errorCode: view.getUint32(4, true) },
    interrupt: { injected: u8(8), nr: u8(9), soft: u8(10), shadow: u8(11) },
    nmi: { injected: u8(12), pending: u8(13), masked: u8(14) },
    sipiVector: view.getUint32(16, true),
    flags: view.getUint32(20, true),
  };
}
