import { describe, expect, it } from 'vitest';
import { zeroRegs, zeroSregs } from '../../testing/scripted-kvm.ts';
import type { KvmVcpuEvents } from '../api.ts';
import { FPU_SIZE, REGS_SIZE, SREGS_SIZE, VCPU_EVENTS_SIZE } from './ioctl.ts';
import * as structs from './structs.ts';

describe('structures of kvm.h', () => {
  it('have registers in the order of struct kvm_regs', () => {
    const bytes = structs.encodeRegs({ ...zeroRegs(), rax: 1n, rsi: 5n, r15: 16n, rip: 17n, rflags: 2n });
    const words = new BigUint64Array(bytes.buffer);
    expect(bytes).toHaveLength(REGS_SIZE);
    expect([words[0], words[4], words[15], words[16], words[17]]).toEqual([1n, 5n, 16n, 17n, 2n]);
    expect(structs.decodeRegs(bytes)).toMatchObject({ rax: 1n, rsi: 5n, rip: 17n });
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
    const bytes = structs.encodeSregs(sregs);
    expect(bytes).toHaveLength(SREGS_SIZE);
    expect(new DataView(bytes.buffer).getBigUint64(272, true)).toBe(0xfee0_0900n); // apic_base
    expect(structs.decodeSregs(bytes)).toEqual(sregs);
  });

  it('carry the FPU there and back', () => {
    const fpu = {
      fpr: new Uint8Array(128).fill(1),
      ...{ fcw: 0x37f, fsw: 0x3800, ftwx: 0xff, lastOpcode: 0x1d9, lastIp: 5n, lastDp: 6n, mxcsr: 0x1f80 },
      xmm: new Uint8Array(256).fill(2),
    };
    const bytes = structs.encodeFpu(fpu);
    expect(bytes).toHaveLength(FPU_SIZE);
    expect(structs.decodeFpu(bytes)).toEqual(fpu);
  });

  it('carry pending events there and back', () => {
    const events: KvmVcpuEvents = {
      exception: { injected: 1, nr: 14, hasErrorCode: 1, pending: 0, errorCode: 0xdead },
      interrupt: { injected: 1, nr: 0x30, soft: 1, shadow: 2 },
      nmi: { injected: 1, pending: 1, masked: 1 },
      sipiVector: 0x9f,
      flags: 0xd,
    };
    const bytes = structs.encodeVcpuEvents(events);
    expect(bytes).toHaveLength(VCPU_EVENTS_SIZE);
    expect(structs.decodeVcpuEvents(bytes)).toEqual(events);
  });

  it('carry lists with their count', () => {
    const cpuid = { function: 7, index: 1, flags: 1, eax: 0xffff_ffff, ebx: 2, ecx: 3, edx: 4 };
    expect(structs.decodeCpuid(structs.encodeCpuid([cpuid]))).toEqual([cpuid]);
    expect(structs.encodeCpuid([], 3)).toHaveLength(8 + 3 * 40);
    const msrs = [{ index: 0xc000_0080, data: 0xffff_ffff_ffff_ffffn }];
    expect(structs.decodeMsrs(structs.encodeMsrs(msrs), 1)).toEqual(msrs);
  });
});
