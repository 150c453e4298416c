/**
 * The structures that kvm_run carries as well (KVM_CAP_SYNC_REGS), to and from the objects of api.ts: kvm_regs, kvm_sregs
 * with kvm_sregs2, kvm_vcpu_events. Reference: arch/x86/include/uapi/asm/kvm.h.
 */
import type { KvmDtable, KvmRegs, KvmSegment, KvmSregs, KvmSregs2, KvmVcpuEvents } from './api.ts';

export const REGS_SIZE = 144;
export const SREGS_SIZE = 312;
export const SREGS2_SIZE = 320;
export const VCPU_EVENTS_SIZE = 64;

const REG_ORDER = [
  'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip',
  'rflags',
] as const satisfies readonly (keyof KvmRegs)[]; // biome-ignore format: the order is the structure

export function encodeRegs(regs: KvmRegs): Uint8Array {
  return new Uint8Array(BigUint64Array.from(REG_ORDER, (name) => BigInt.asUintN(64, regs[name])).buffer);
}

export function decodeRegs(bytes: Uint8Array): KvmRegs {
  const values = getWords(viewOf(bytes, REGS_SIZE), 0, REG_ORDER.length);
  return Object.fromEntries(REG_ORDER.map((name, i) => [name, values[i]])) as unknown as KvmRegs;
}

const SEGMENT_ORDER = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'] as const;
const SEGMENT_SIZE = 24;
const SEGMENT_BYTES = ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const;
const GDT_OFFSET = SEGMENT_ORDER.length * SEGMENT_SIZE;
const IDT_OFFSET = GDT_OFFSET + 16;
const CONTROL_ORDER = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer', 'apicBase'] as const;
const CONTROL_OFFSET = IDT_OFFSET + 16;
/** kvm_sregs: the interrupt bitmap; kvm_sregs2: flags, then the page-directory pointers. */
const TAIL_OFFSET = CONTROL_OFFSET + CONTROL_ORDER.length * 8;
const PDPTRS_OFFSET = TAIL_OFFSET + 8;
const TAIL_WORDS = 4;

type SystemRegisters = Omit<KvmSregs, 'interruptBitmap'>;

function putWords(view: DataView, at: number, words: readonly bigint[]): void {
  for (let i = 0; i < TAIL_WORDS; i++) view.setBigUint64(at + i * 8, BigInt.asUintN(64, words[i] ?? 0n), true);
}
function getWords(view: DataView, at: number, count = TAIL_WORDS): bigint[] {
  return Array.from({ length: count }, (_, i) => view.getBigUint64(at + i * 8, true));
}
function viewOf(bytes: Uint8Array, size: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, size);
}

function putSystemRegisters(view: DataView, sregs: SystemRegisters): void {
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
}

function getSystemRegisters(view: DataView): SystemRegisters {
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
  const controls = getWords(view, CONTROL_OFFSET, CONTROL_ORDER.length);
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
  };
}

export function encodeSregs(sregs: KvmSregs): Uint8Array {
  const view = new DataView(new ArrayBuffer(SREGS_SIZE));
  putSystemRegisters(view, sregs);
  putWords(view, TAIL_OFFSET, sregs.interruptBitmap);
  return new Uint8Array(view.buffer);
}
export function decodeSregs(bytes: Uint8Array): KvmSregs {
  const view = viewOf(bytes, SREGS_SIZE);
  return { ...getSystemRegisters(view), interruptBitmap: getWords(view, TAIL_OFFSET) };
}

export function encodeSregs2(sregs: KvmSregs2): Uint8Array {
  const view = new DataView(new ArrayBuffer(SREGS2_SIZE));
  putSystemRegisters(view, sregs);
  view.setBigUint64(TAIL_OFFSET, BigInt(sregs.flags), true);
  putWords(view, PDPTRS_OFFSET, sregs.pdptrs);
  return new Uint8Array(view.buffer);
}
export function decodeSregs2(bytes: Uint8Array): KvmSregs2 {
  const view = viewOf(bytes, SREGS2_SIZE);
  const flags = Number(view.getBigUint64(TAIL_OFFSET, true));
  return { ...getSystemRegisters(view), flags, pdptrs: getWords(view, PDPTRS_OFFSET) };
}

export function encodeVcpuEvents(events: KvmVcpuEvents): Uint8Array {
  const { exception, interrupt, nmi, smi } = events;
  const bytes = new Uint8Array(VCPU_EVENTS_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set([exception.injected, exception.nr, exception.hasErrorCode, exception.pending], 0);
  view.setUint32(4, exception.errorCode, true);
  bytes.set([interrupt.injected, interrupt.nr, interrupt.soft, interrupt.shadow], 8);
  bytes.set([nmi.injected, nmi.pending, nmi.masked], 12);
  view.setUint32(16, events.sipiVector, true);
  view.setUint32(20, events.flags, true);
  bytes.set([smi.smm, smi.pending, smi.smmInsideNmi, smi.latchedInit, events.tripleFault.pending], 24);
  view.setUint8(55, exception.hasPayload);
  view.setBigUint64(56, exception.payload, true);
  return bytes;
}

export function decodeVcpuEvents(bytes: Uint8Array): KvmVcpuEvents {
  const view = viewOf(bytes, VCPU_EVENTS_SIZE);
  const u8 = (at: number): number => view.getUint8(at);
  return {
    exception: {
      injected: u8(0),
      nr: u8(1),
      hasErrorCode: u8(2),
      pending: u8(3),
      errorCode: view.getUint32(4, true),
      hasPayload: u8(55),
      payload: view.getBigUint64(56, true),
    },
    interrupt: { injected: u8(8), nr: u8(9), soft: u8(10), shadow: u8(11) },
    nmi: { injected: u8(12), pending: u8(13), masked: u8(14) },
    sipiVector: view.getUint32(16, true),
    flags: view.getUint32(20, true),
    smi: { smm: u8(24), pending: u8(25), smmInsideNmi: u8(26), latchedInit: u8(27) },
    tripleFault: { pending: u8(28) },
  };
}
