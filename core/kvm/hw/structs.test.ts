import { describe, expect, it } from 'vitest';
import { zeroRegs, zeroSregs } from '../../testing/scripted-kvm.ts';
import type { KvmVcpuEvents } from '../api.ts';
import {
  decodeRegs,
  decodeSregs,
  decodeSregs2,
  decodeVcpuEvents,
  encodeRegs,
  encodeSregs,
  encodeSregs2,
  encodeVcpuEvents,
  REGS_SIZE,
  SREGS_SIZE,
  SREGS2_SIZE,
  VCPU_EVENTS_SIZE,
} from '../structs.ts';
import * as ioctl from './ioctl.ts';
import * as structs from './structs.ts';

describe('structures of kvm.h', () => {
  it('have registers in the order of struct kvm_regs', () => {
    const bytes = encodeRegs({ ...zeroRegs(), rax: 1n, rsi: 5n, r15: 16n, rip: 17n, rflags: 2n });
    const words = new BigUint64Array(bytes.buffer);
    expect(bytes).toHaveLength(REGS_SIZE);
    expect([words[0], words[4], words[15], words[16], words[17]]).toEqual([1n, 5n, 16n, 17n, 2n]);
    expect(decodeRegs(bytes)).toMatchObject({ rax: 1n, rsi: 5n, rip: 17n });
  });

  it('carry system registers there and back', () => {
    const base = zeroSregs();
    const cs = { ...base.cs, base: 0xffff_0000n, selector: 0xf000, type: 0xb, l: 1, g: 1, avl: 1, unusable: 1, dpl: 3 };
    const sregs = {
      ...base,
      cs,
      idt: { base: 7n, limit: 0xfff },
      cr4: 0x20n,
      efer: 0x500n,
      interruptBitmap: [0n, 1n, 0n, 2n],
    };
    const bytes = encodeSregs(sregs);
    expect(bytes).toHaveLength(SREGS_SIZE);
    expect(new DataView(bytes.buffer).getBigUint64(272, true)).toBe(0xfee0_0900n); // apic_base
    expect(decodeSregs(bytes)).toEqual(sregs);
  });

  it('carry system registers with page-directory pointers', () => {
    const { interruptBitmap: _, ...base } = zeroSregs();
    const sregs = { ...base, cr4: 0x20n, flags: 1, pdptrs: [0x1001n, 0n, 0x3001n, 0x4001n] };
    const bytes = encodeSregs2(sregs);
    expect(bytes).toHaveLength(SREGS2_SIZE);
    expect(new DataView(bytes.buffer).getBigUint64(280, true)).toBe(1n); // flags
    expect(decodeSregs2(bytes)).toEqual(sregs);
  });

  it('carry extended control registers, debug registers and the clock there and back', () => {
    const xcrs = { flags: 0, xcrs: [{ xcr: 0, value: 7n }] };
    expect(structs.encodeXcrs(xcrs)).toHaveLength(ioctl.XCRS_SIZE);
    expect(structs.decodeXcrs(structs.encodeXcrs(xcrs))).toEqual(xcrs);
    const debug = { db: [1n, 2n, 3n, 4n], dr6: 0xffff_0ff0n, dr7: 0x400n, flags: 0 };
    expect(structs.encodeDebugRegs(debug)).toHaveLength(ioctl.DEBUGREGS_SIZE);
    expect(structs.decodeDebugRegs(structs.encodeDebugRegs(debug))).toEqual(debug);
    const clock = { clock: 5n, flags: 6, realtime: 7n, hostTsc: 8n };
    expect(structs.encodeClock(clock)).toHaveLength(ioctl.CLOCK_DATA_SIZE);
    expect(structs.decodeClock(structs.encodeClock(clock))).toEqual(clock);
  });

  it('have routes, messages and translations at their offsets', () => {
    const routing = new Uint32Array(
      structs.encodeGsiRouting([
        { gsi: 4, flags: 0, irqchip: { irqchip: 2, pin: 7 } },
        { gsi: 30, flags: 0, msi: { addressLo: 0xfee0_0000, addressHi: 1, data: 0x41 } },
      ]).buffer,
    );
    expect([routing.length * 4, ...routing.subarray(0, 8)]).toEqual([104, 2, 0, 4, 1, 0, 0, 2, 7]);
    expect([...routing.subarray(14, 21)]).toEqual([30, 2, 0, 0, 0xfee0_0000, 1, 0x41]);
    const msi = structs.encodeMsi({ addressLo: 1, addressHi: 2, data: 3, flags: 4 });
    expect([...new Uint32Array(msi.buffer).subarray(0, 4), msi.length]).toEqual([1, 2, 3, 4, 32]);
    const zone = structs.encodeCoalescedZone({ addr: 0x1_000a_0000, size: 0x20000, pio: 1 });
    expect([...new Uint32Array(zone.buffer)]).toEqual([0xa0000, 1, 0x20000, 1]);
    const translation = structs.encodeTranslation(0x1234n);
    translation.set([0x56, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0], 8);
    expect(structs.decodeTranslation(translation)).toEqual({
      physicalAddress: 0x56n,
      valid: true,
      writeable: true,
      usermode: false,
    });
    const cap = new DataView(structs.encodeEnableCap({ cap: 164, flags: 0, args: [1n, 2n] }).buffer);
    expect([cap.byteLength, cap.getUint32(0, true), cap.getBigUint64(16, true)]).toEqual([104, 164, 2n]);
  });

  it('carry the FPU there and back', () => {
    const fpu = {
      fpr: new Uint8Array(128).fill(1),
      ...{ fcw: 0x37f, fsw: 0x3800, ftwx: 0xff, lastOpcode: 0x1d9, lastIp: 5n, lastDp: 6n, mxcsr: 0x1f80 },
      xmm: new Uint8Array(256).fill(2),
    };
    const bytes = structs.encodeFpu(fpu);
    expect(bytes).toHaveLength(ioctl.FPU_SIZE);
    expect(structs.decodeFpu(bytes)).toEqual(fpu);
  });

  it('carry pending events there and back', () => {
    const events: KvmVcpuEvents = {
      exception: {
        injected: 1,
        nr: 14,
        hasErrorCode: 1,
        pending: 0,
        errorCode: 0xdead,
        hasPayload: 1,
        payload: 0x4000n,
      },
      interrupt: { injected: 1, nr: 0x30, soft: 1, shadow: 2 },
      nmi: { injected: 1, pending: 1, masked: 1 },
      sipiVector: 0x9f,
      flags: 0xd,
      smi: { smm: 1, pending: 1, smmInsideNmi: 1, latchedInit: 1 },
      tripleFault: { pending: 1 },
    };
    const bytes = encodeVcpuEvents(events);
    expect(bytes).toHaveLength(VCPU_EVENTS_SIZE);
    expect([...bytes.subarray(24, 29), bytes[55], bytes[57]]).toEqual([1, 1, 1, 1, 1, 1, 0x40]);
    expect(decodeVcpuEvents(bytes)).toEqual(events);
  });

  it('carry lists with their count', () => {
    const cpuid = { function: 7, index: 1, flags: 1, eax: 0xffff_ffff, ebx: 2, ecx: 3, edx: 4 };
    expect(structs.decodeCpuid(structs.encodeCpuid([cpuid]))).toEqual([cpuid]);
    expect(structs.encodeCpuid([], 3)).toHaveLength(8 + 3 * 40);
    const msrs = [{ index: 0xc000_0080, data: 0xffff_ffff_ffff_ffffn }];
    expect(structs.decodeMsrs(structs.encodeMsrs(msrs), 1)).toEqual(msrs);
  });
});
