/** The third fd level: the state ioctls of a vCPU. */
import { describe, expect, it } from 'vitest';
import { CODE, hex, KvmRig, MODES } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });

describe('a new vCPU', () => {
  it('is runnable at the reset vector, with CPUID, EDX and registers as at power-on', () => {
    const { vcpu } = new KvmRig();
    expect(vcpu.getMpState()).toBe(A.KVM_MP_STATE_RUNNABLE);
    expect(vcpu.getRegs()).toMatchObject({ rip: 0xfff0n, rflags: 2n, rax: 0n, rsp: 0n });
    const sregs = vcpu.getSregs();
    expect(sregs).toMatchObject({ cr0: 0x6000_0010n, cr3: 0n, cr4: 0n, efer: 0n, apicBase: 0xfee0_0900n });
    expect(sregs.cs).toMatchObject({ base: 0xffff_0000n, selector: 0xf000, limit: 0xffff });
    expect(vcpu.getFpu()).toMatchObject({ fcw: 0x37f, fsw: 0, mxcsr: 0x1f80 });
  });

  it('tells its TSC frequency', () => {
    expect(new KvmRig().vcpu.getTscKhz()).toBe(1_000_000);
  });
});

describe('state that was set is read back', () => {
  it('general registers, with the flags that exist', () => {
    const { vcpu } = new KvmRig();
    const names = [
      'rax',
      'rbx',
      'rcx',
      'rdx',
      'rsi',
      'rdi',
      'rsp',
      'rbp',
      'r8',
      'r9',
      'r10',
      'r11',
      'r12',
      'r13',
      'r14',
      'r15',
      'rip',
    ] as const;
    const regs = vcpu.getRegs();
    names.forEach((name, i) => {
      regs[name] = 0xf0e0_d0c0_b0a0_9080n + BigInt(i);
    });
    vcpu.setRegs({ ...regs, rflags: 0xffff_ffff_ffc0_8028n | 0x8d5n });
    expect(vcpu.getRegs()).toEqual({ ...regs, rflags: 0x8d7n });
  });

  it.each(MODES)('special registers of %s mode', (mode) => {
    const rig = new KvmRig();
    const sregs = { ...rig.sregs(mode), cr2: 0xffff_8000_1234_5678n, cr8: 5n };
    rig.vcpu.setSregs(sregs);
    expect(rig.vcpu.getSregs()).toEqual(sregs);
  });

  it('every attribute of a segment', () => {
    const { vcpu } = new KvmRig();
    const fs = {
      base: 0xffff_8800_0000_1000n,
      limit: 0xfffff,
      selector: 0x63,
      type: 7,
      present: 1,
      dpl: 3,
      db: 1,
      s: 1,
      l: 0,
      g: 1,
      avl: 1,
      unusable: 0,
    };
    const gs = { ...fs, present: 0, unusable: 1, type: 0, s: 0, dpl: 0, db: 0, g: 0, avl: 0, selector: 0 };
    vcpu.setSregs({ ...vcpu.getSregs(), fs, gs });
    expect(vcpu.getSregs()).toMatchObject({ fs, gs });
  });

  it('the FPU and the XMM registers', () => {
    const { vcpu } = new KvmRig();
    const bytes = (n: number, seed: number) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + seed) & 0xff);
    const fpr = bytes(128, 1);
    for (let n = 0; n < 8; n++) fpr.fill(0, n * 16 + 10, n * 16 + 16);
    const fpu: A.KvmFpu = {
      fpr,
      fcw: 0x27f,
      fsw: 0x3800,
      ftwx: 0xc3,
      lastOpcode: 0x123,
      lastIp: 0x1234_5678_9abcn,
      lastDp: 0xffff_0000_1111n,
      xmm: bytes(256, 3),
      mxcsr: 0x1fa0,
    };
    vcpu.setFpu(fpu);
    expect(vcpu.getFpu()).toEqual(fpu);
    expect(() => vcpu.setFpu({ ...fpu, mxcsr: 0x1_0000 })).toThrow(errno('EINVAL'));
    expect(() => vcpu.setFpu({ ...fpu, xmm: bytes(128, 0) })).toThrow(errno('EINVAL'));
    expect(vcpu.getFpu()).toEqual(fpu);
  });

  it('MSRs', () => {
    const { vcpu } = new KvmRig({ irqchip: true });
    const entries = [
      { index: 0xc000_0081, data: 0x0023_0010_0000_0000n },
      { index: 0xc000_0082, data: 0xffff_8000_0000_1000n },
      { index: 0xc000_0100, data: 0x7f00_0000_0000n },
      { index: 0x277, data: 0x0007_0406_0007_0406n },
      { index: 0x3b, data: 0x77n },
      { index: 0x174, data: 0x10n },
      { index: 0x4b56_4d01, data: 0x5000n },
      { index: 0xc000_0102, data: 0xffff_8000_0000_2000n },
    ];
    expect(vcpu.setMsrs(entries)).toBe(entries.length);
    expect(vcpu.getMsrs(entries.map((e) => e.index))).toEqual(entries);
  });

  it('the local APIC', () => {
    const { vcpu } = new KvmRig({ irqchip: true });
    const state = vcpu.getLapic();
    expect(state).toHaveLength(1024);
    const view = new DataView(state.buffer);
    view.setUint32(0xf0, 0x1ff, true);
    view.setUint32(0x380, 0x1000, true);
    view.setUint32(0x80, 0x40, true);
    vcpu.setLapic(state);
    const read = new DataView(vcpu.getLapic().buffer);
    expect([read.getUint32(0xf0, true), read.getUint32(0x380, true), read.getUint32(0x80, true)]).toEqual([
      0x1ff, 0x1000, 0x40,
    ]);
    expect(() => vcpu.setLapic(new Uint8Array(10))).toThrow(errno('EINVAL'));
  });

  it('the MP state', () => {
    const { vcpu } = new KvmRig({ irqchip: true });
    for (const state of [
      A.KVM_MP_STATE_HALTED,
      A.KVM_MP_STATE_INIT_RECEIVED,
      A.KVM_MP_STATE_UNINITIALIZED,
      A.KVM_MP_STATE_RUNNABLE,
    ]) {
      vcpu.setMpState(state);
      expect(vcpu.getMpState()).toBe(state);
    }
    for (const state of [-1, 5, 0.5]) expect(() => vcpu.setMpState(state)).toThrow(errno('EINVAL'));
  });

  it('pending events', () => {
    const { vcpu } = new KvmRig();
    const none = vcpu.getVcpuEvents();
    expect(none).toMatchObject({
      interrupt: { injected: 0 },
      nmi: { pending: 0, masked: 0 },
      exception: { injected: 0 },
    });
    const events = {
      ...none,
      exception: { ...none.exception, injected: 1, nr: 13, hasErrorCode: 1, errorCode: 0x50 },
      interrupt: { injected: 1, nr: 0x31, soft: 0, shadow: 2 },
      nmi: { injected: 0, pending: 1, masked: 1 },
    };
    vcpu.setVcpuEvents(events);
    expect(vcpu.getVcpuEvents()).toEqual(events);
    expect(vcpu.getSregs().interruptBitmap).toEqual([1n << 0x31n, 0n, 0n, 0n]);
    vcpu.setVcpuEvents(none);
    expect(vcpu.getVcpuEvents()).toEqual(none);
    expect(() => vcpu.setVcpuEvents({ ...none, flags: 0x100 })).toThrow(errno('EINVAL'));
    for (const nr of [2, 32])
      expect(() => vcpu.setVcpuEvents({ ...events, exception: { ...events.exception, nr } })).toThrow(errno('EINVAL'));
    expect(vcpu.getVcpuEvents()).toEqual(none);
  });

  it('a pending interrupt, by the bitmap of the special registers', () => {
    const { vcpu } = new KvmRig();
    const sregs = { ...vcpu.getSregs(), interruptBitmap: [0n, 0n, 0n, 1n << 63n] };
    vcpu.setSregs(sregs);
    expect(vcpu.getSregs().interruptBitmap).toEqual(sregs.interruptBitmap);
    expect(vcpu.getVcpuEvents().interrupt).toMatchObject({ injected: 1, nr: 255 });
  });
});

describe('KVM_SET_SREGS', () => {
  it.each<[string, Partial<A.KvmSregs>]>([
    ['CR0 above 32 bits', { cr0: 0x1_8001_0031n }],
    ['CR0 with a reserved bit', { cr0: 0x8001_00b1n }],
    ['CR0 with PG and without PE', { cr0: 0x8000_0010n }],
    ['CR0 with NW and without CD', { cr0: 0xa001_0031n }],
    ['CR4 with a reserved bit', { cr4: 0x8000_0620n }],
    ['CR4 with a feature that is not offered', { cr4: 0x2620n }],
    ['EFER with a reserved bit', { efer: 0xd03n }],
    ['EFER.LMA without paging', { cr0: 0x31n }],
    ['paging with LME and without LMA', { efer: 0x901n }],
    ['LMA without LME', { efer: 0xc01n }],
    ['long mode without PAE', { cr4: 0x600n }],
    ['CR3 with address bits that do not exist', { cr3: 1n << 41n }],
    ['CR8 above 15', { cr8: 16n }],
    ['an APIC base with reserved bits', { apicBase: 0xfee0_0901n }],
    ['an APIC base beyond all addresses', { apicBase: (1n << 50n) | 0x900n }],
  ])('refuses %s and changes nothing', (_name, over) => {
    const rig = new KvmRig({ irqchip: true });
    rig.start('long', []);
    const before = rig.vcpu.getSregs();
    const wrong = { ...before, cr2: 0x1234n, gdt: { base: 5n, limit: 5 }, ...over };
    expect(() => rig.vcpu.setSregs(wrong)).toThrow(errno('EINVAL'));
    expect(rig.vcpu.getSregs()).toEqual(before);
  });

  it('refuses a 64-bit code segment outside long mode, and one of both 32 and 64 bits', () => {
    const rig = new KvmRig();
    const wrong = rig.sregs('protected');
    expect(() => rig.vcpu.setSregs({ ...wrong, cs: { ...wrong.cs, l: 1, db: 0 } })).toThrow(errno('EINVAL'));
    const long = rig.sregs('long');
    expect(() => rig.vcpu.setSregs({ ...long, cs: { ...long.cs, db: 1 } })).toThrow(errno('EINVAL'));
  });

  it('takes page-directory pointers with reserved bits as absent', () => {
    const rig = new KvmRig();
    rig.start('pae', hex('nop', '90'));
    rig.load32(0x16000, 0x17fff, 0);
    rig.setControl({});
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });
});

describe('KVM_SET_MSRS and KVM_GET_MSRS', () => {
  it('stop at the first MSR that does not exist or does not take the value', () => {
    const { vcpu } = new KvmRig();
    expect(
      vcpu.setMsrs([
        { index: 0x174, data: 1n },
        { index: 0x1234, data: 0n },
        { index: 0x175, data: 2n },
      ]),
    ).toBe(1);
    expect(vcpu.setMsrs([{ index: 0xc000_0082, data: 1n << 62n }])).toBe(0);
    expect(vcpu.setMsrs([{ index: 0xc000_0080, data: 1n << 40n }])).toBe(0);
    expect(vcpu.getMsrs([0x174, 0x1234, 0x175])).toEqual([{ index: 0x174, data: 1n }]);
    expect(vcpu.setMsrs([])).toBe(0);
  });

  it('set the TSC and TSC_ADJUST one without the other', () => {
    const { vcpu, thread } = new KvmRig();
    vcpu.setMsrs([{ index: 0x10, data: 1_000_000n }]);
    expect(vcpu.getMsrs([0x10, 0x3b]).map((e) => e.data)).toEqual([1_000_000n, 0n]);
    vcpu.setMsrs([{ index: 0x3b, data: 77n }]);
    thread.timeNs += 5;
    expect(vcpu.getMsrs([0x10, 0x3b]).map((e) => e.data)).toEqual([1_000_005n, 77n]);
  });
});

describe('CPUID', () => {
  it('is read back, and wants room', () => {
    const { vcpu } = new KvmRig();
    const entries = [
      { function: 0, index: 0, flags: 0, eax: 0, ebx: 1, ecx: 2, edx: 3 },
      { function: 7, index: 1, flags: 1, eax: 4, ebx: 5, ecx: 6, edx: 7 },
    ];
    vcpu.setCpuid2(entries);
    expect(vcpu.getCpuid2(2)).toEqual(entries);
    expect(() => vcpu.getCpuid2(1)).toThrow(errno('E2BIG'));
  });

  it('may not change once the vCPU has run', () => {
    const rig = new KvmRig();
    const { vcpu } = rig;
    const entries = vcpu.getCpuid2(100);
    rig.start('real', hex('hlt', 'f4')).run();
    vcpu.setCpuid2(entries);
    expect(() => vcpu.setCpuid2(entries.slice(1))).toThrow(errno('EINVAL'));
    const [first, ...others] = entries;
    if (first) expect(() => vcpu.setCpuid2([{ ...first, ebx: 1 }, ...others])).toThrow(errno('EINVAL'));
    expect(vcpu.getCpuid2(100)).toEqual(entries);
  });

  it('is what the instruction gives: leaf, subleaf, the highest basic leaf beyond the last, zeros between', () => {
    const rig = new KvmRig();
    const leaf = (f: number, ebx: number, index?: number) => ({
      function: f,
      index: index ?? 0,
      flags: index === undefined ? 0 : 1,
      eax: f === 0 ? 7 : 0,
      ebx,
      ecx: 0,
      edx: 0,
    });
    // each: leaf in EAX, subleaf in ECX
    const ask = hex('ask: cpuid ; mov al, bl ; out 0x80, al ; hlt ; jmp ask', '0f a2 88 d8 e6 80 f4 eb f7');
    rig.start('protected', ask);
    rig.vcpu.setCpuid2([
      leaf(0, 0x10),
      leaf(1, 0x11),
      leaf(7, 0x17, 0),
      leaf(7, 0x27, 1),
      { ...leaf(0x8000_0000, 0x80), eax: 0x8000_0000 },
    ]);
    const answer = (eax: bigint, ecx = 0n) => {
      rig.set({ rax: eax, rcx: ecx });
      return rig.outputs()[0]?.[1];
    };
    expect([answer(0n), answer(1n, 9n), answer(7n), answer(7n, 1n)]).toEqual([0x10, 0x11, 0x17, 0x27]);
    expect([answer(7n, 2n), answer(3n)]).toEqual([0, 0]);
    expect([answer(9n), answer(0x8000_0001n)]).toEqual([0x17, 0x17]);
  });
});

describe('without an irqchip', () => {
  it('there is no local APIC and no halted state', () => {
    const { vcpu } = new KvmRig();
    expect(() => vcpu.getLapic()).toThrow(errno('EINVAL'));
    expect(() => vcpu.setLapic(new Uint8Array(1024))).toThrow(errno('EINVAL'));
    expect(() => vcpu.setMpState(A.KVM_MP_STATE_HALTED)).toThrow(errno('EINVAL'));
    vcpu.setMpState(A.KVM_MP_STATE_RUNNABLE);
  });
});

describe('a closed vCPU', () => {
  it('is a bad file descriptor for every call', () => {
    const { vcpu } = new KvmRig({ irqchip: true });
    const [regs, sregs, sregs2, debugRegs, xsave, xcrs, fpu, events, lapic] = [
      vcpu.getRegs(),
      vcpu.getSregs(),
      vcpu.getSregs2(),
      vcpu.getDebugRegs(),
      vcpu.getXsave(),
      vcpu.getXcrs(),
      vcpu.getFpu(),
      vcpu.getVcpuEvents(),
      vcpu.getLapic(),
    ];
    vcpu.close();
    const calls: (() => unknown)[] = [
      () => vcpu.kvmRun(),
      () => vcpu.getRegs(),
      () => vcpu.setRegs(regs),
      () => vcpu.getSregs(),
      () => vcpu.setSregs(sregs),
      () => vcpu.getSregs2(),
      () => vcpu.setSregs2(sregs2),
      () => vcpu.getDebugRegs(),
      () => vcpu.setDebugRegs(debugRegs),
      () => vcpu.getXsave(),
      () => vcpu.getXsave2(),
      () => vcpu.setXsave(xsave),
      () => vcpu.getXcrs(),
      () => vcpu.setXcrs(xcrs),
      () => vcpu.translate(0n),
      () => vcpu.setTscKhz(0),
      () => vcpu.kvmclockCtrl(),
      () => vcpu.smi(),
      () => vcpu.getFpu(),
      () => vcpu.setFpu(fpu),
      () => vcpu.getMsrs([]),
      () => vcpu.setMsrs([]),
      () => vcpu.setCpuid2([]),
      () => vcpu.getCpuid2(0),
      () => vcpu.getLapic(),
      () => vcpu.setLapic(lapic),
      () => vcpu.getMpState(),
      () => vcpu.setMpState(0),
      () => vcpu.getVcpuEvents(),
      () => vcpu.setVcpuEvents(events),
      () => vcpu.setGuestDebug({ control: 0, debugreg: [] }),
      () => vcpu.getTscKhz(),
      () => vcpu.getStats(),
      () => vcpu.interrupt(3),
      () => vcpu.nmi(),
      () => vcpu.close(),
    ];
    for (const call of calls) expect(call).toThrow(errno('EBADF'));
  });
});

it('counts what it did', () => {
  const rig = new KvmRig();
  rig.start('protected', hex('out 0x80, al ; mov al, [0x100000] ; hlt', 'e6 80 a0 00 00 10 00 f4'));
  for (let i = 0; i < 3; i++) rig.run();
  const counts = Object.fromEntries(A.readStats(rig.vcpu.getStats()).map(({ name, values }) => [name, values[0]]));
  expect(counts).toMatchObject({ exits: 3, io_exits: 1, mmio_exits: 1 });
  expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE + 8));
});
