/** KVM_SET_GUEST_DEBUG: single steps and breakpoints. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, MMIO, STUBS } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const STEP = A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_SINGLESTEP;
const DR6_BS = 0xffff4ff0n;
const step = (rig: KvmRig) => rig.vcpu.setGuestDebug({ control: STEP, debugreg: [] });
const stepped = (pc: number | bigint) => ({ exit: 'DEBUG', exception: 1, pc: BigInt(pc), dr6: DR6_BS, dr7: 0x400n });
/** Breakpoints by DR0..3. */
const breakAt = (rig: KvmRig, ...at: number[]) => {
  const debugreg = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => BigInt(at[n] ?? 0));
  debugreg[7] = at.reduce((dr7, _, n) => dr7 | (2n << BigInt(n * 2)), 0x400n);
  rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_USE_HW_BP, debugreg });
  return debugreg[7];
};

describe('KVM_SET_GUEST_DEBUG', () => {
  it('refuses flags that it does not know', () => {
    expect(() => new KvmRig().vcpu.setGuestDebug({ control: 0x80_0001, debugreg: [] })).toThrow(errno('EINVAL'));
  });

  it('does nothing without ENABLE', () => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_SINGLESTEP, debugreg: [] });
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
});

describe('single step', () => {
  it('exits behind each instruction, with pc, DR6.BS and DR7', () => {
    const rig = new KvmRig().start(
      'long',
      hex(
        'nop ; mov eax, 5 ; jmp short next ; hlt ; next: push rax ; rdtsc ; nop',
        '90 b8 05 00 00 00 eb 01 f4 50 0f 31 90',
      ),
    );
    step(rig);
    for (const at of [1, 6, 9, 10, 12, 13]) expect(rig.run()).toEqual(stepped(CODE + at));
    expect(rig.vcpu.getRegs().rflags & 0x100n).toBe(0n);
  });

  it('reports linear addresses', () => {
    const rig = new KvmRig().start('real', []);
    rig.load(0x12345, [0x90, 0x90]);
    const sregs = rig.vcpu.getSregs();
    rig.setControl({ cs: { ...sregs.cs, selector: 0x1200, base: 0x12000n } }).set({ rip: 0x345n });
    step(rig);
    expect(rig.run()).toMatchObject({ pc: 0x12346n });
    breakAt(rig, 0x12346);
    expect(rig.run()).toMatchObject({ pc: 0x12346n, exception: 1 });
  });

  it('stops behind an instruction that another exit came from, when that is finished', () => {
    const rig = new KvmRig().start(
      'protected',
      hex(
        'out 0x80, al ; in al, 0x60 ; mov [0x100003], ax ; mov al, [0x100000] ; hlt ; nop',
        'e6 80 e4 60 66 a3 03 00 10 00 a0 00 00 10 00 f4 90',
      ),
    );
    step(rig);
    expect(rig.run()).toMatchObject({ exit: 'IO' });
    expect(rig.run()).toEqual(stepped(CODE + 2));
    expect(rig.run()).toMatchObject({ exit: 'IO', direction: 'in' });
    expect(rig.answerIn(7).run()).toEqual(stepped(CODE + 4));
    expect(rig.run()).toMatchObject({ exit: 'MMIO', gpa: MMIO + 3 });
    expect(rig.run()).toMatchObject({ exit: 'MMIO', gpa: MMIO + 4 });
    expect(rig.run()).toEqual(stepped(CODE + 10));
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: false });
    expect(rig.answerMmio(9).run()).toEqual(stepped(CODE + 15));
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.run()).toEqual(stepped(CODE + 16));
  });

  it('stops at the handler of an exception', () => {
    const rig = new KvmRig().start('protected', hex('ud2', '0f 0b'));
    step(rig);
    expect(rig.run()).toEqual(stepped(STUBS + 6 * 16));
  });

  it('stops at each element of a repeated instruction', () => {
    const rig = new KvmRig().start('protected', hex('rep stosb ; nop', 'f3 aa 90')).set({ rcx: 3n, rdi: 0x3000n });
    step(rig);
    for (const at of [0, 0, 2]) expect(rig.run()).toEqual(stepped(CODE + at));
  });

  it('goes across pages', () => {
    const rig = new KvmRig().start('paging', hex('mov eax, 0x12345678 ; nop', 'b8 78 56 34 12 90'), 0x1ffe);
    step(rig);
    expect(rig.run()).toEqual(stepped(0x2003));
    expect(rig.run()).toEqual(stepped(0x2004));
    expect(rig.vcpu.getRegs().rax).toBe(0x12345678n);
  });

  it('ends when it is switched off', () => {
    const rig = new KvmRig().start('protected', hex('nop ; nop ; out 0x80, al ; hlt', '90 90 e6 80 f4'));
    step(rig);
    rig.run();
    rig.vcpu.setGuestDebug({ control: 0, debugreg: [] });
    expect(rig.outputs()).toEqual([[0x80, 0]]);
  });
});

describe('software breakpoints', () => {
  it('exit at INT3 with exception 3, and the guest sees nothing', () => {
    const rig = new KvmRig().start('protected', hex('nop ; int3 ; hlt', '90 cc f4'));
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_USE_SW_BP, debugreg: [] });
    for (let again = 0; again < 2; again++)
      expect(rig.run()).toMatchObject({ exit: 'DEBUG', exception: 3, pc: BigInt(CODE + 1) });
    rig.load(CODE + 1, [0x90]); // the debugger puts the instruction back
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('leave INT3 to the guest when not asked for', () => {
    const rig = new KvmRig().start('protected', hex('int3', 'cc'));
    expect(rig.exception()).toMatchObject({ vector: 3, ip: BigInt(CODE + 1) });
  });
});

describe('hardware breakpoints', () => {
  it('exit before the instruction, each time round, with the bit of their register', () => {
    const rig = new KvmRig().start('protected', hex('again: inc eax ; nop ; dec ebx ; jmp again', '40 90 4b eb fb'));
    const dr7 = breakAt(rig, CODE + 1, CODE + 3);
    for (let round = 1n; round <= 2n; round++) {
      expect(rig.run()).toEqual({ exit: 'DEBUG', exception: 1, pc: BigInt(CODE + 1), dr6: 0xffff0ff1n, dr7 });
      expect(rig.vcpu.getRegs().rax).toBe(round);
      expect(rig.run()).toMatchObject({ pc: BigInt(CODE + 3), dr6: 0xffff0ff2n });
    }
  });

  it('hit again on an instruction that jumps to itself', () => {
    const rig = new KvmRig().start('protected', hex('jmp $', 'eb fe'));
    breakAt(rig, CODE);
    for (let i = 0; i < 3; i++) expect(rig.run()).toMatchObject({ pc: BigInt(CODE) });
  });

  it('leave other exits alone', () => {
    const rig = new KvmRig().start('protected', hex('out 0x80, al ; nop ; out 0x81, al ; hlt', 'e6 80 90 e6 81 f4'));
    breakAt(rig, CODE + 3);
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.run()).toMatchObject({ exit: 'DEBUG', pc: BigInt(CODE + 3) });
    expect(rig.run()).toMatchObject({ port: 0x81 });
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
});

describe('watchpoints', () => {
  const [WRITE, PORT, ACCESS] = [1n, 2n, 3n];
  /** Breakpoint 1 at `address`, of 4 bytes. */
  const watch = (rig: KvmRig, address: number, kind: bigint) => {
    const dr7 = 0x408n | ((0xcn | kind) << 20n);
    const debugreg = [0n, BigInt(address), 0n, 0n, 0n, 0n, 0n, dr7];
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_USE_HW_BP, debugreg });
    return { exit: 'DEBUG', exception: 1, dr6: 0xffff0ff2n, dr7 };
  };

  it('exit behind the instruction that wrote', () => {
    const rig = new KvmRig().start('paging', hex('nop ; mov [0x3002], al ; inc eax ; hlt', '90 a2 02 30 00 00 40 f4'));
    const told = watch(rig, DATA, WRITE);
    expect(rig.run()).toEqual({ ...told, pc: BigInt(CODE + 6) });
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
  it('exit behind the instruction that read, after its MMIO', () => {
    const rig = new KvmRig().start('protected', hex('mov eax, [0x100000] ; hlt', 'a1 00 00 10 00 f4'));
    const told = watch(rig, MMIO, ACCESS);
    expect(rig.run()).toMatchObject({ exit: 'MMIO' });
    expect(rig.answerMmio(1, 0, 0, 0).run()).toEqual({ ...told, pc: BigInt(CODE + 5) });
  });
  it('exit behind port I/O with CR4.DE', () => {
    const rig = new KvmRig().start('protected', hex('out 0x80, al ; hlt', 'e6 80 f4')).setControl({ cr4: 0x608n });
    const told = watch(rig, 0x80, PORT);
    expect(rig.run()).toMatchObject({ exit: 'IO' });
    expect(rig.run()).toEqual({ ...told, pc: BigInt(CODE + 2) });
  });
});

describe('the guest and its debugger', () => {
  const guestRegisters = (rig: KvmRig, address: number) =>
    rig.vcpu.setDebugRegs({ db: [BigInt(address), 0n, 0n, 0n], dr6: 0xffff0ff0n, dr7: 0x402n, flags: 0 });

  it("the debugger's registers come before the guest's", () => {
    const rig = new KvmRig().start('protected', hex('nop ; nop ; nop ; hlt', '90 90 90 f4'));
    guestRegisters(rig, CODE + 1);
    breakAt(rig, CODE + 2);
    expect(rig.run()).toMatchObject({ exit: 'DEBUG', pc: BigInt(CODE + 2) });
    rig.vcpu.setGuestDebug({ control: 0, debugreg: [] });
    rig.set({ rip: BigInt(CODE) });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 1) });
  });

  it('breakpoints of the guest are exits while it is stepped', () => {
    const rig = new KvmRig().start('protected', hex('nop ; nop ; hlt', '90 90 f4'));
    guestRegisters(rig, CODE + 1);
    step(rig);
    expect(rig.run()).toMatchObject({ pc: BigInt(CODE + 1), dr6: 0xffff4ff0n });
    expect(rig.run()).toMatchObject({ pc: BigInt(CODE + 1), dr6: 0xffff0ff1n });
    expect(rig.run()).toMatchObject({ pc: BigInt(CODE + 2), dr6: 0xffff4ff0n });
    expect(rig.vcpu.getDebugRegs().dr6).toBe(0xffff0ff0n);
  });

  it('ICEBP and accesses that DR7.GD guards are exits', () => {
    const rig = new KvmRig().start('protected', hex('icebp ; mov eax, dr0', 'f1 0f 21 c0'));
    const debugreg = [0n, 0n, 0n, 0n, 0n, 0n, 0n, 0x2400n];
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_USE_HW_BP, debugreg });
    expect(rig.run()).toMatchObject({ exit: 'DEBUG', pc: BigInt(CODE + 1), dr6: 0xffff0ff0n });
    expect(rig.run()).toMatchObject({ exit: 'DEBUG', pc: BigInt(CODE + 1), dr6: 0xffff2ff0n });
  });

  it.each([
    ['INJECT_DB', A.KVM_GUESTDBG_INJECT_DB, 1],
    ['INJECT_BP', A.KVM_GUESTDBG_INJECT_BP, 3],
  ])('%s gives the guest an exception, once', (_name, flag, vector) => {
    const rig = new KvmRig().start('protected', hex('nop ; hlt', '90 f4'));
    rig.vcpu.setGuestDebug({ control: flag, debugreg: [] });
    expect(() => rig.vcpu.setGuestDebug({ control: flag, debugreg: [] })).toThrow(errno('EBUSY'));
    expect(rig.exception()).toMatchObject({ vector, ip: BigInt(CODE), flags: 2 });
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('BLOCKIRQ holds interrupts, NMI and SMI back, and not exceptions', () => {
    const rig = new KvmRig().start('protected', hex('nop ; nop ; ud2', '90 90 0f 0b')).set({ rflags: 0x202n });
    rig.vcpu.setGuestDebug({ control: STEP | A.KVM_GUESTDBG_BLOCKIRQ, debugreg: [] });
    rig.vcpu.interrupt(0x40);
    rig.vcpu.nmi();
    rig.vcpu.smi();
    expect(rig.run()).toEqual(stepped(CODE + 1));
    expect(rig.run()).toEqual(stepped(CODE + 2));
    expect(rig.run()).toEqual(stepped(STUBS + 6 * 16));
  });
});
