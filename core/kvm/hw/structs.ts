/**
 * KVM's C structures on x86-64 that only the host's KVM needs, to and from the objects of api.ts; ../structs.ts has the
 * others. Reference: linux/kvm.h, arch/x86/include/uapi/asm/kvm.h.
 */
import type {
  KvmClockData,
  KvmCoalescedMmioZone,
  KvmCpuidEntry2,
  KvmDebugRegs,
  KvmEnableCap,
  KvmFpu,
  KvmIrqRoutingEntry,
  KvmMsi,
  KvmMsrEntry,
  KvmTranslation,
  KvmXcrs,
} from '../api.ts';
import {
  CLOCK_DATA_SIZE,
  COALESCED_ZONE_SIZE,
  DEBUGREGS_SIZE,
  ENABLE_CAP_SIZE,
  FPU_SIZE,
  MSI_SIZE,
  TRANSLATION_SIZE,
  XCRS_SIZE,
} from './ioctl.ts';

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

const XCR_SIZE = 16;

export function encodeXcrs(xcrs: KvmXcrs): Uint8Array {
  const view = new DataView(new ArrayBuffer(Math.max(XCRS_SIZE, LIST_HEADER + xcrs.xcrs.length * XCR_SIZE)));
  view.setUint32(0, xcrs.xcrs.length, true);
  view.setUint32(4, xcrs.flags, true);
  xcrs.xcrs.forEach(({ xcr, value }, i) => {
    view.setUint32(LIST_HEADER + i * XCR_SIZE, xcr, true);
    view.setBigUint64(LIST_HEADER + i * XCR_SIZE + 8, value, true);
  });
  return new Uint8Array(view.buffer);
}
export function decodeXcrs(bytes: Uint8Array): KvmXcrs {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const xcrs = Array.from({ length: view.getUint32(0, true) }, (_, i) => ({
    xcr: view.getUint32(LIST_HEADER + i * XCR_SIZE, true),
    value: view.getBigUint64(LIST_HEADER + i * XCR_SIZE + 8, true),
  }));
  return { flags: view.getUint32(4, true), xcrs };
}

export function encodeDebugRegs(regs: KvmDebugRegs): Uint8Array {
  const words = new BigUint64Array(DEBUGREGS_SIZE / 8);
  words.set([...regs.db.slice(0, 4), regs.dr6, regs.dr7, BigInt(regs.flags)]);
  return new Uint8Array(words.buffer);
}
export function decodeDebugRegs(bytes: Uint8Array): KvmDebugRegs {
  const [db0 = 0n, db1 = 0n, db2 = 0n, db3 = 0n, dr6 = 0n, dr7 = 0n, flags = 0n] = new BigUint64Array(bytes.buffer);
  return { db: [db0, db1, db2, db3], dr6, dr7, flags: Number(flags) };
}

export function encodeTranslation(linearAddress: bigint): Uint8Array {
  const words = new BigUint64Array(TRANSLATION_SIZE / 8);
  words[0] = linearAddress;
  return new Uint8Array(words.buffer);
}
export function decodeTranslation(bytes: Uint8Array): KvmTranslation {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const flag = (at: number): boolean => view.getUint8(at) !== 0;
  return { physicalAddress: view.getBigUint64(8, true), valid: flag(16), writeable: flag(17), usermode: flag(18) };
}

const ROUTE_SIZE = 48;
const KVM_IRQ_ROUTING_IRQCHIP = 1;
const KVM_IRQ_ROUTING_MSI = 2;

export function encodeGsiRouting(entries: readonly KvmIrqRoutingEntry[]): Uint8Array {
  const words = new Uint32Array((LIST_HEADER + entries.length * ROUTE_SIZE) / 4);
  words[0] = entries.length;
  entries.forEach((entry, i) => {
    const route =
      'msi' in entry
        ? [KVM_IRQ_ROUTING_MSI, entry.flags, 0, entry.msi.addressLo, entry.msi.addressHi, entry.msi.data]
        : [KVM_IRQ_ROUTING_IRQCHIP, entry.flags, 0, entry.irqchip.irqchip, entry.irqchip.pin];
    words.set([entry.gsi, ...route], (LIST_HEADER + i * ROUTE_SIZE) / 4);
  });
  return new Uint8Array(words.buffer);
}

export function encodeMsi(msi: KvmMsi): Uint8Array {
  const words = new Uint32Array(MSI_SIZE / 4);
  words.set([msi.addressLo, msi.addressHi, msi.data, msi.flags]);
  return new Uint8Array(words.buffer);
}

export function encodeCoalescedZone({ addr, size, pio }: KvmCoalescedMmioZone): Uint8Array {
  const view = new DataView(new ArrayBuffer(COALESCED_ZONE_SIZE));
  view.setBigUint64(0, BigInt(addr), true);
  view.setUint32(8, size, true);
  view.setUint32(12, pio, true);
  return new Uint8Array(view.buffer);
}

export function encodeClock(data: KvmClockData): Uint8Array {
  const words = new BigUint64Array(CLOCK_DATA_SIZE / 8);
  words.set([data.clock, BigInt(data.flags), data.realtime, data.hostTsc]);
  return new Uint8Array(words.buffer);
}
export function decodeClock(bytes: Uint8Array): KvmClockData {
  const [clock = 0n, flags = 0n, realtime = 0n, hostTsc = 0n] = new BigUint64Array(bytes.buffer);
  return { clock, flags: Number(flags & 0xffff_ffffn), realtime, hostTsc };
}

export function encodeEnableCap({ cap, flags, args }: KvmEnableCap): Uint8Array {
  const view = new DataView(new ArrayBuffer(ENABLE_CAP_SIZE));
  view.setUint32(0, cap, true);
  view.setUint32(4, flags, true);
  args.slice(0, 4).forEach((arg, i) => {
    view.setBigUint64(8 + i * 8, arg, true);
  });
  return new Uint8Array(view.buffer);
}
