/** System management mode: SMI, the saved state, RSM. [SDM] volume 3, chapter 32; KVM's choices where processors differ. */
import { describe, expect, it } from 'vitest';
import * as A from '../kvm/api.ts';
import { CODE, hex, KvmRig, MMIO, MODES, type Mode, RAM_SIZE } from '../testing/kvm-rig.ts';

const BASE = 0x30000;
const HANDLER = BASE + 0x8000;
const AREA = BASE + 0xfe00;
const MSR_SMBASE = 0x9e;
const RSM = '0f aa';
const handler = (rig: KvmRig, source: string, bytes: string): KvmRig => rig.load(HANDLER, hex(source, bytes));
const withSmi = (rig: KvmRig): KvmRig => {
  rig.vcpu.smi();
  return rig;
};
const REGISTERS = {
  rax: 0x1111_2222_3333_4444n,
  rcx: 2n,
  rdx: 3n,
  rbx: 4n,
  rbp: 5n,
  rsi: 6n,
  rdi: 7n,
  r8: 8n,
  r15: 0xffff_ffff_ffff_ffffn,
};
/** A processor without long mode saves the 32-bit layout. */
function withoutLongMode(rig: KvmRig): KvmRig {
  const entries = rig.vcpu
    .getCpuid2(256)
    .map((e) => (e.function === 0x80000001 ? { ...e, edx: e.edx & ~(1 << 29) } : e));
  rig.vcpu.setCpuid2(entries);
  return rig;
}
const smi = (rig: KvmRig) => rig.vcpu.getVcpuEvents().smi;

describe('SMI', () => {
  it.each(MODES)('enters a mode like real mode with large segments, from %s', (mode) => {
    const rig = handler(new KvmRig().start(mode, hex('hlt', 'f4')), 'out 0x10, al', 'e6 10');
    expect(withSmi(rig).run()).toMatchObject({ exit: 'IO', port: 0x10 });
    const data = { selector: 0, base: 0n, limit: 0xffffffff, type: 3, present: 1, dpl: 0, db: 0, l: 0, g: 1 };
    const { cs, ds, es, fs, gs, ss, cr0, cr4, efer, idt } = rig.vcpu.getSregs();
    for (const segment of [ds, es, fs, gs, ss]) expect(segment).toMatchObject(data);
    expect(cs).toMatchObject({ ...data, selector: BASE >> 4, base: BigInt(BASE) });
    expect({ cr0: cr0 & 0x8000_000dn, cr4, efer, idt }).toEqual({
      cr0: 0n,
      cr4: 0n,
      efer: 0n,
      idt: { base: 0n, limit: 0 },
    });
    expect(rig.vcpu.getRegs()).toMatchObject({ rip: 0x8002n, rflags: 2n });
    expect(rig.vcpu.getDebugRegs().dr7).toBe(0x400n);
    expect(rig.vcpu.run.getUint16(A.RUN_FLAGS, true)).toBe(A.KVM_RUN_X86_SMM);
    expect(smi(rig)).toMatchObject({ smm: 1, pending: 0 });
  });

  it('reaches all of 4 GiB there', () => {
    const rig = new KvmRig().start('protected', hex('hlt', 'f4'));
    handler(rig, 'mov [dword 0x54321], al ; out 0x10, al', '67 a2 21 43 05 00 e6 10').set({ rax: 0x77n });
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    expect(rig.bytes(0x54321, 1)).toEqual([0x77]);
  });

  it('waits within the handler of another', () => {
    const rig = new KvmRig().start('protected', hex('hlt', 'f4'));
    handler(rig, 'out 0x10, al ; inc al ; rsm', `e6 10 fe c0 0f aa`).set({ rax: 1n });
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    rig.vcpu.smi();
    expect(smi(rig)).toMatchObject({ smm: 1, pending: 1 });
    expect(rig.outputs()).toEqual([[0x10, 1]]); // RSM brought the old AL back
  });

  it('fails loudly where no memory is to save the state in', () => {
    const rig = new KvmRig().start('protected', hex('hlt', 'f4'));
    rig.vcpu.setMsrs([{ index: MSR_SMBASE, data: BigInt(MMIO) }]);
    expect(withSmi(rig).run()).toMatchObject({ exit: 'INTERNAL_ERROR', message: expect.stringContaining('SMI') });
  });
});

describe('RSM', () => {
  it.each(MODES)('goes on in %s as if nothing had been', (mode) => {
    const rig = new KvmRig()
      .start(mode, hex('nop ; hlt', '90 f4'))
      .set(mode === 'long' ? REGISTERS : { rax: 1n, rdi: 7n });
    // mov eax, 5 ; mov ss, ax ; mov cr4... the handler changes what it can
    handler(rig, 'mov ax, 0x10 ; mov ds, ax ; mov sp, ax ; xor edi, edi ; rsm', `b8 10 00 8e d8 89 c4 66 31 ff ${RSM}`);
    const before = { regs: rig.vcpu.getRegs(), sregs: rig.vcpu.getSregs(), debug: rig.vcpu.getDebugRegs() };
    expect(withSmi(rig).run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs()).toEqual({ ...before.regs, rip: before.regs.rip + 2n });
    expect(rig.vcpu.getSregs()).toEqual(before.sregs);
    expect(rig.vcpu.getDebugRegs()).toEqual(before.debug);
    expect(rig.vcpu.run.getUint16(A.RUN_FLAGS, true)).toBe(0);
  });

  it.each(['real', 'protected', 'paging', 'pae'] as const)('does so without long mode in %s', (mode) => {
    const rig = withoutLongMode(new KvmRig()).start('protected', hex('nop ; hlt', '90 f4'));
    rig.start(mode, hex('nop ; hlt', '90 f4')).setControl({ efer: 0n }).set({ rax: 1n, rdi: 0x8000_0007n });
    handler(rig, 'mov ax, 0x10 ; mov ds, ax ; mov sp, ax ; xor edi, edi ; rsm', `b8 10 00 8e d8 89 c4 66 31 ff ${RSM}`);
    const before = { regs: rig.vcpu.getRegs(), sregs: rig.vcpu.getSregs() };
    expect(withSmi(rig).run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs()).toEqual({ ...before.regs, rip: before.regs.rip + 2n });
    expect(rig.vcpu.getSregs()).toEqual(before.sregs);
  });

  it.each(MODES)('is #UD outside system management mode, %s', (mode) => {
    expect(new KvmRig().start(mode, hex('rsm', RSM)).exception()).toMatchObject({ vector: 6, ip: BigInt(CODE) });
  });

  it('takes what the handler changed in the saved state', () => {
    const rig = new KvmRig().start('long', hex('hlt', 'f4'));
    // mov dword [cs:0xfff8], 0x12345678 (RAX) ; mov dword [cs:0xff00], 0x50000 (SMBASE)
    const change = '2e 66 c7 06 f8 ff 78 56 34 12 2e 66 c7 06 00 ff 00 00 05 00';
    handler(rig, 'mov dword [cs:0xfff8], 0x12345678 ; mov dword [cs:0xff00], 0x50000 ; rsm', `${change} ${RSM}`);
    expect(withSmi(rig).run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax).toBe(0x12345678n);
    expect(rig.vcpu.getMsrs([MSR_SMBASE])).toEqual([{ index: MSR_SMBASE, data: 0x50000n }]);
    rig.load(0x58000, hex('out 0x11, al', 'e6 11')).set({ rip: BigInt(CODE) });
    expect(withSmi(rig).run()).toMatchObject({ port: 0x11 });
  });

  it('keeps the interrupt shadow', () => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    handler(rig, 'rsm', RSM);
    const events = rig.vcpu.getVcpuEvents();
    rig.vcpu.setVcpuEvents({ ...events, interrupt: { ...events.interrupt, shadow: 1 } });
    handler(rig, 'out 0x10, al ; rsm', `e6 10 ${RSM}`);
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    expect(rig.bytes(AREA + 0xcb, 1)).toEqual([1]);
    expect(rig.vcpu.getVcpuEvents().interrupt.shadow).toBe(0);
    rig.thread.signal = false;
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it.each([
    ['CR0.PG without PE', 0x158, 0x8000_0010],
    ['CR0.NW without CD', 0x158, 0x2000_0011],
    ['a CR4 bit that is not there', 0x148, 0x8000_0000],
    ['an EFER bit that is not there', 0xd0, 0x8000_0000],
    ['long mode without CR4.PAE', 0x148, 0],
  ])('shuts down with %s', (_name, at, value) => {
    const rig = handler(new KvmRig().start('long', hex('nop ; hlt', '90 f4')), 'out 0x10, al ; rsm', `e6 10 ${RSM}`);
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    rig.load32(AREA + at, value);
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });
});

describe('the saved state', () => {
  const saved = (rig: KvmRig): DataView => {
    handler(rig, 'out 0x10, al', 'e6 10');
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    return new DataView(rig.ram.buffer, rig.ramAt + AREA, 512);
  };

  it('lies as AMD64 has it', () => {
    const rig = new KvmRig().start('long', hex('hlt', 'f4')).set(REGISTERS);
    const { cs, tr, gdt, idt, cr0, cr3, cr4, efer } = rig.vcpu.getSregs();
    const view = saved(rig);
    const word = (at: number) => view.getBigUint64(at, true);
    expect([view.getUint16(0x10, true), view.getUint32(0x14, true), word(0x18)]).toEqual([
      cs.selector,
      cs.limit,
      cs.base,
    ]);
    expect(view.getUint16(0x12, true)).toBe(0xa09b);
    expect([view.getUint16(0x90, true), word(0x98)]).toEqual([tr.selector, tr.base]);
    expect([view.getUint32(0x64, true), word(0x68)]).toEqual([gdt.limit, gdt.base]);
    expect([view.getUint32(0x84, true), word(0x88)]).toEqual([idt.limit, idt.base]);
    expect([word(0xd0), word(0x148), word(0x150), word(0x158)]).toEqual([efer, cr4, cr3, cr0]);
    expect([word(0x1f8), word(0x1f0), word(0x1e8), word(0x1e0), word(0x180)]).toEqual([
      REGISTERS.rax,
      REGISTERS.rcx,
      REGISTERS.rdx,
      REGISTERS.rbx,
      REGISTERS.r15,
    ]);
    expect([word(0x178), word(0x170)]).toEqual([BigInt(CODE), 2n]);
    expect([view.getUint32(0xfc, true), view.getUint32(0x100, true)]).toEqual([0x20064, BASE]);
  });

  it('lies as the P6 has it when the processor has no long mode', () => {
    const rig = withoutLongMode(new KvmRig()).start('protected', hex('hlt', 'f4'));
    rig.set({ rax: 0xaan, rdi: 0xddn });
    const { cs, ds, tr, gdt, idt, cr0 } = rig.vcpu.getSregs();
    const view = saved(rig);
    const word = (at: number) => view.getUint32(at, true);
    expect([word(0x1fc), word(0x1f4), word(0x1f0), word(0x1ec), word(0x1d0)]).toEqual([
      Number(cr0),
      2,
      CODE,
      0xdd,
      0xaa,
    ]);
    expect([word(0x1ac), word(0x1b4), word(0x1c4)]).toEqual([cs.selector, ds.selector, tr.selector]);
    expect([word(0x190), word(0x194), word(0x198)]).toEqual([0xc09b00, 0xffffffff, 0]);
    expect([word(0x174), word(0x170), word(0x158), word(0x154)]).toEqual([
      Number(gdt.base),
      gdt.limit,
      Number(idt.base),
      idt.limit,
    ]);
    expect([word(0xfc), word(0xf8)]).toEqual([0x20000, BASE]);
  });
});

describe('NMI and system management', () => {
  it('an NMI waits for RSM', () => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    handler(rig, 'out 0x10, al ; rsm', `e6 10 ${RSM}`);
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    rig.vcpu.nmi();
    expect(rig.exception()).toMatchObject({ vector: 2, ip: BigInt(CODE) });
  });
  it('NMIs stay masked when the SMI came within the handler of one', () => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    handler(rig, 'out 0x10, al ; rsm', `e6 10 ${RSM}`);
    rig.vcpu.nmi();
    expect(rig.exception()).toMatchObject({ vector: 2 });
    expect(withSmi(rig).run()).toMatchObject({ port: 0x10 });
    expect(smi(rig).smmInsideNmi).toBe(1);
    rig.vcpu.nmi();
    expect(rig.run()).toEqual({ exit: 'HLT' }); // the stub's
    expect(rig.vcpu.getVcpuEvents().nmi).toMatchObject({ pending: 1, masked: 1 });
  });
});

it('an INIT waits for RSM', () => {
  const rig = new KvmRig({ irqchip: true }).start('protected', hex('nop ; hlt', '90 f4'));
  // the handler sends itself an INIT: mov dword [0xfee00300], 0x44500
  const init = '67 66 c7 05 00 03 e0 fe 00 45 04 00';
  handler(rig, 'mov dword [0xfee00300], 0x44500 ; out 0x10, al ; rsm', `${init} e6 10 ${RSM}`);
  expect(withSmi(rig).run()).toMatchObject({ exit: 'IO', port: 0x10 });
  expect(smi(rig)).toMatchObject({ smm: 1, latchedInit: 1 });
  rig.run(3);
  expect(smi(rig)).toMatchObject({ smm: 0, latchedInit: 0 });
  expect(rig.vcpu.getSregs().cs).toMatchObject({ selector: 0xf000, base: 0xffff0000n });
});

describe('HLT and SMI', () => {
  const halted = (source: string, bytes: string): KvmRig => {
    const rig = new KvmRig({ irqchip: true }).start('protected', hex('hlt ; out 0x20, al ; hlt', 'f4 e6 91 f4'));
    handler(rig, source, bytes);
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    rig.thread.signal = false;
    return withSmi(rig);
  };
  it('RSM goes back to HLT', () => {
    const rig = halted('rsm', RSM);
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getMpState()).toBe(A.KVM_MP_STATE_HALTED);
    expect(smi(rig)).toMatchObject({ smm: 0, pending: 0 });
  });
  it('RSM goes on behind HLT when the handler clears the flag', () => {
    const rig = halted('mov byte [cs:0xfec9], 0 ; rsm', `2e c6 06 c9 fe 00 ${RSM}`);
    expect(rig.run()).toMatchObject({ exit: 'IO', port: 0x91 });
  });
});

it('an IRET ends the blocking of NMIs even when it faults', () => {
  const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
  rig.load(0x5000, hex('push 0 ; push 0 ; push 0 ; iret', '6a 00 6a 00 6a 00 cf')).gate(2, 0x5000);
  rig.vcpu.nmi();
  expect(rig.exception()).toMatchObject({ vector: 13, ip: 0x5006n });
  expect(rig.vcpu.getVcpuEvents().nmi.masked).toBe(0);
});

describe('the address space of SMM', () => {
  const SMRAM = 1 << 16;
  const region = (rig: KvmRig, slot: number, at: number, size: number, from: number) =>
    rig.vm.setUserMemoryRegion({ slot, flags: 0, guestPhysAddr: at, memorySize: size, userspaceAddr: from });

  it('has its own slots', () => {
    const rig = new KvmRig().start(
      'long' as Mode,
      hex('mov al, [0x38000] ; out 0x20, al ; hlt', '8a 04 25 00 80 03 00 e6 91 f4'),
    );
    const smram = rig.vm.mmap(0x10000);
    region(rig, SMRAM, 0, BASE, rig.ramAt);
    region(rig, SMRAM | 1, BASE, 0x10000, smram);
    region(rig, SMRAM | 2, BASE + 0x10000, RAM_SIZE - BASE - 0x10000, rig.ramAt + BASE + 0x10000);
    new Uint8Array(rig.vm.memory, smram + 0x8000).set(hex('out 0x10, al ; rsm', `e6 10 ${RSM}`));
    rig.load(HANDLER, [0x5a]);
    expect(withSmi(rig).outputs()).toEqual([
      [0x10, 0],
      [0x91, 0x5a],
    ]);
    expect(rig.bytes(AREA, 512).every((b) => b === 0)).toBe(true);
  });
  it('is refused by a number above 1', () => {
    const rig = new KvmRig();
    expect(() => region(rig, 2 << 16, 0, 0x1000, rig.ramAt)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
  });
});
