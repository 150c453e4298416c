/** Exceptions, traps and what an operating system relies on around them, by bare-metal code. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, DATA0, hex, IDT, KvmRig, STACK, TSS, USER_CODE, USER_DATA } from '../testing/kvm-rig.ts';

const HLT = { exit: 'HLT' };
const at = (offset: number) => BigInt(CODE + offset);

describe('exceptions', () => {
  it.each<[string, 'protected' | 'long', Uint8Array, number, number | undefined, number]>([
    ['#DE of a division by zero', 'protected', hex('xor ecx, ecx ; div ecx', '31 c9 f7 f1'), 0, undefined, 2],
    [
      '#DE of a quotient that does not fit',
      'protected',
      hex('mov ax, 0x400 ; mov cl, 2 ; div cl', '66 b8 00 04 b1 02 f6 f1'),
      0,
      undefined,
      6,
    ],
    [
      '#DE of the smallest integer by -1',
      'long',
      hex(
        'mov rax, 0x8000000000000000 ; cqo ; mov rcx, -1 ; idiv rcx',
        '48 b8 00 00 00 00 00 00 00 80 48 99 48 c7 c1 ff ff ff ff 48 f7 f9',
      ),
      0,
      undefined,
      19,
    ],
    ['#BP behind INT3', 'protected', hex('int3', 'cc'), 3, undefined, 1],
    ['#OF behind INTO', 'protected', hex('mov al, 0x7f ; inc al ; into', 'b0 7f fe c0 ce'), 4, undefined, 5],
    [
      '#BR of BOUND',
      'protected',
      hex('mov eax, 9 ; bound eax, [0x3000]', 'b8 09 00 00 00 62 05 00 30 00 00'),
      5,
      undefined,
      5,
    ],
    ['#UD of UD2', 'protected', hex('nop ; ud2', '90 0f 0b'), 6, undefined, 1],
    ['#UD of an instruction that 64-bit mode has not', 'long', hex('push es', '06'), 6, undefined, 0],
    ['#UD of LOCK on a register', 'protected', hex('lock inc eax', 'f0 ff c0'), 6, undefined, 0],
    ['#UD of LOCK on an instruction without it', 'protected', hex('lock mov [ebx], eax', 'f0 89 03'), 6, undefined, 0],
    ['#UD of MOV to CS', 'protected', hex('mov cs, ax', '8e c8'), 6, undefined, 0],
    ['#UD of an x87-free address form: LEA of a register', 'protected', hex('lea eax, eax', '8d c0'), 6, undefined, 0],
    [
      '#GP of 16 bytes of instruction',
      'protected',
      hex('15 prefixes and a NOP', '66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90'),
      13,
      0,
      0,
    ],
    ['#GP of an unknown MSR', 'protected', hex('mov ecx, 0x12345678 ; rdmsr', 'b9 78 56 34 12 0f 32'), 13, 0, 5],
    [
      '#GP of a selector beyond the GDT',
      'protected',
      hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'),
      13,
      0x1000,
      5,
    ],
    ['#GP of a null SS', 'protected', hex('xor eax, eax ; mov ss, eax', '31 c0 8e d0'), 13, 0, 2],
    [
      '#GP of an INT beyond the IDT',
      'protected',
      hex('lidt [0x3100] ; int 0x80', '0f 01 1d 00 31 00 00 cd 80'),
      13,
      0x402,
      7,
    ],
    [
      '#GP of a reserved CR4 bit',
      'protected',
      hex('mov eax, 0x80000000 ; mov cr4, eax', 'b8 00 00 00 80 0f 22 e0'),
      13,
      0,
      5,
    ],
    [
      '#GP of CR0.PG without PE',
      'protected',
      hex('mov eax, 0x80000010 ; mov cr0, eax', 'b8 10 00 00 80 0f 22 c0'),
      13,
      0,
      5,
    ],
    ['#GP of a misaligned MOVAPS', 'protected', hex('movaps xmm0, [0x3001]', '0f 28 05 01 30 00 00'), 13, 0, 0],
  ])('%s', (_name, mode, code, vector, error, ip) => {
    const rig = new KvmRig()
      .start(mode, code)
      .load32(DATA, 1, 5)
      .load(DATA + 0x100, [0xff, 3, IDT & 0xff, IDT >> 8, 0, 0]);
    expect(rig.exception()).toMatchObject({ vector, error, ip: at(ip) });
  });

  it.each<[string, bigint, Uint8Array, number]>([
    ['#NM of x87 with CR0.TS', 0x39n, hex('fninit', 'db e3'), 7],
    ['#NM of x87 with CR0.EM', 0x35n, hex('fninit', 'db e3'), 7],
    ['#NM of SSE with CR0.TS', 0x39n, hex('xorps xmm0, xmm0', '0f 57 c0'), 7],
    ['#UD of SSE with CR0.EM', 0x35n, hex('xorps xmm0, xmm0', '0f 57 c0'), 6],
    ['#NM of FWAIT with CR0.TS and MP', 0x3bn, hex('fwait', '9b'), 7],
  ])('%s, until CLTS and friends', (_name, cr0, code, vector) => {
    const rig = new KvmRig().start('protected', code).setControl({ cr0 });
    expect(rig.exception()).toMatchObject({ vector, ip: at(0) });
    rig
      .set({ rip: at(0) })
      .setControl({ cr0: 0x33n })
      .load(CODE + code.length, [0xf4]);
    expect(rig.run()).toEqual(HLT);
  });

  it('#UD of SSE without CR4.OSFXSR', () => {
    const rig = new KvmRig().start('protected', hex('xorps xmm0, xmm0', '0f 57 c0')).setControl({ cr4: 0n });
    expect(rig.exception().vector).toBe(6);
  });

  it('#MF of the x87 comes at the next waiting instruction', () => {
    const rig = new KvmRig()
      .start(
        'protected',
        hex(
          'fninit ; fldcw [0x3000] ; fld1 ; fldz ; fdivp ; nop ; fwait',
          'db e3 d9 2d 00 30 00 00 d9 e8 d9 ee de f9 90 9b',
        ),
      )
      .load(DATA, [0x7b, 3]);
    expect(rig.exception()).toMatchObject({ vector: 16, ip: at(15) });
  });
});

describe('double and triple faults', () => {
  it('a contributory exception in the delivery of another is #DF with error code 0', () => {
    const rig = new KvmRig()
      .start('protected', hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'))
      .gate(13, 0, { type: 0x0e });
    expect(rig.exception()).toMatchObject({ vector: 8, error: 0, ip: at(5) });
  });
  it('a page fault in the delivery of a page fault is #DF', () => {
    const rig = new KvmRig()
      .start('paging', hex('mov al, [0x200000] ; hlt', 'a0 00 00 20 00 f4'))
      .load32(0x15000 + 0x200 * 4, 0)
      .gate(14, 0x500, { type: 0x0e });
    expect(rig.exception()).toMatchObject({ vector: 8, error: 0, cr2: 0x20_0000n });
  });
  it('#UD behind which #GP comes is served as that #GP', () => {
    const rig = new KvmRig().start('protected', hex('ud2', '0f 0b')).gate(6, 0, { type: 0x0e });
    expect(rig.exception()).toMatchObject({ vector: 11, error: 6 * 8 + 3, ip: at(0) });
  });
  it('a fault in the delivery of #DF shuts down', () => {
    const rig = new KvmRig()
      .start('protected', hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'))
      .gate(13, 0, { type: 0x0e })
      .gate(8, 0, { type: 0x0e });
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });
  it('a handler that faults at once for ever does not hold the host', () => {
    // real mode, CS limit 0: every handler lies beyond it
    const rig = new KvmRig().start('real', hex('ud2', '0f 0b'));
    rig.setControl({ cs: { ...rig.vcpu.getSregs().cs, limit: 0 } });
    expect(rig.run(20)).toEqual({ exit: 'EINTR' });
  });
});

describe('the trap flag', () => {
  it('traps behind each instruction from the one after POPF, with DR6.BS, and not into handlers', () => {
    const rig = new KvmRig().start(
      'protected',
      hex('push dword 0x102 ; popf ; nop ; inc eax ; hlt', '68 02 01 00 00 9d 90 40 f4'),
    );
    expect(rig.exception()).toMatchObject({ vector: 1, ip: at(7) });
    expect(rig.vcpu.getRegs().rflags & 0x100n).toBe(0n);
    rig.load(0xb012, hex('mov ebx, dr6 ; iret', '0f 21 f3 cf'));
    expect(rig.exception()).toMatchObject({ vector: 1, ip: at(8) });
    expect(rig.vcpu.getRegs().rbx & 0xffffn).toBe(0x4ff0n);
  });
  it('traps behind the POPF that clears it', () => {
    const rig = new KvmRig()
      .start('protected', hex('push dword 2 ; popf ; nop ; hlt', '6a 02 9d 90 f4'))
      .set({ rip: at(0), rflags: 0x102n });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: at(2) });
    rig.set({ rip: at(2), rsp: BigInt(STACK - 4), rflags: 0x102n });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: at(3) });
  });
  it('does not trap behind INT n, nor between MOV SS and the instruction behind it', () => {
    const int = new KvmRig().start('protected', hex('int 0x80', 'cd 80')).set({ rflags: 0x102n });
    expect(int.exception()).toMatchObject({ vector: 0x80 });
    const ss = new KvmRig()
      .start('protected', hex('mov ss, eax ; mov esp, 0x6000 ; nop', '8e d0 bc 00 60 00 00 90'))
      .set({ rflags: 0x102n, rax: BigInt(DATA0) });
    expect(ss.exception()).toMatchObject({ vector: 1, ip: at(7) });
  });
  it('traps behind an instruction that userspace took part in', () => {
    for (const [code, length] of [
      [hex('out 0x80, al ; nop', 'e6 80 90'), 2],
      [hex('mov [0x100000], al ; nop', 'a2 00 00 10 00 90'), 5],
      [hex('mov al, [0x100000] ; nop', 'a0 00 00 10 00 90'), 5],
      [hex('in al, 0x60 ; nop', 'e4 60 90'), 2],
    ] as const) {
      const rig = new KvmRig().start('protected', code).set({ rflags: 0x102n });
      expect(rig.run().exit).toMatch(/IO|MMIO/);
      expect(rig.exception()).toMatchObject({ vector: 1, ip: at(length) });
    }
  });
});

describe('self-modifying code', () => {
  it.each<[string, Uint8Array]>([
    [
      'the instruction behind, in the same block',
      hex('mov byte [next+1], 7 ; next: mov al, 1 ; hlt', 'c6 05 08 10 00 00 07 b0 01 f4'),
    ],
    [
      'an instruction that ran before',
      hex(
        'xor ecx, ecx ; again: mov al, 1 ; inc ecx ; mov byte [again+1], 7 ; cmp ecx, 2 ; jb again ; hlt',
        '31 c9 b0 01 41 c6 05 03 10 00 00 07 83 f9 02 72 f1 f4',
      ),
    ],
    [
      'by a string instruction',
      hex('mov edi, next+1 ; mov al, 7 ; stosb ; next: mov al, 1 ; hlt', 'bf 09 10 00 00 b0 07 aa b0 01 f4'),
    ],
    ['by a read-modify-write', hex('add byte [next+1], 6 ; next: mov al, 1 ; hlt', '80 05 08 10 00 00 06 b0 01 f4')],
    [
      'by PUSH',
      hex(
        'mov esp, next+4 ; push dword 0xf40007b0 ; next: mov al, 1 ; nop ; hlt',
        'bc 0e 10 00 00 68 b0 07 00 f4 b0 01 90 f4',
      ),
    ],
    [
      'by an x87 store',
      hex(
        'fild word [0x3000] ; fistp word [next] ; next: mov al, 1 ; hlt',
        'df 05 00 30 00 00 df 1d 0c 10 00 00 b0 01 f4',
      ),
    ],
    [
      'by a vector store',
      hex(
        'movups xmm0, [0x3010] ; movups [next], xmm0 ; next: mov al, 1 ; hlt',
        '0f 10 05 10 30 00 00 0f 11 05 0e 10 00 00 b0 01 f4',
      ),
    ],
  ])('%s', (_name, code) => {
    const rig = new KvmRig()
      .start('protected', code)
      .load(DATA, [0xb0, 7])
      .load(DATA + 16, [0xb0, 7, 0xf4]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(7n);
  });

  it('sees a device write to code that ran, and to the second page of an instruction', () => {
    const rig = new KvmRig()
      .start('paging', hex('again: call 0x1ffe ; hlt ; jmp again', 'e8 f9 0f 00 00 f4 eb f8'))
      .load(0x1ffe, hex('mov eax, 0x01010101 ; ret', 'b8 01 01 01 01 c3'));
    expect(rig.run()).toEqual(HLT);
    rig.load(0x2001, [5]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax).toBe(0x0105_0101n);
    rig.load(0x1ffe, [0xb9]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rcx).toBe(0x0105_0101n);
  });

  it('sees the second page of an instruction mapped elsewhere', () => {
    const rig = new KvmRig()
      .start('paging', hex('again: call 0x1ffe ; hlt ; jmp again', 'e8 f9 0f 00 00 f4 eb f8'))
      .load(0x1ffe, hex('mov eax, 0x01010101 ; ret', 'b8 01 01 01 01 c3'));
    rig.load(0x5000, [2, 2, 2, 0xc3]);
    expect(rig.run()).toEqual(HLT);
    rig.load32(0x15000 + 2 * 4, 0x5007).setControl({});
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax).toBe(0x0202_0201n);
  });
});

describe('user level', () => {
  it.each<[string, Uint8Array]>([
    ['HLT', hex('hlt', 'f4')],
    ['CLI', hex('cli', 'fa')],
    ['MOV from CR0', hex('mov eax, cr0', '0f 20 c0')],
    ['WRMSR', hex('wrmsr', '0f 30')],
    ['IN', hex('in al, 0x60', 'e4 60')],
    ['OUT', hex('out dx, al', 'ee')],
    ['LGDT', hex('lgdt [0x3000]', '0f 01 15 00 30 00 00')],
    ['INVLPG', hex('invlpg [ebx]', '0f 01 3b')],
    ['CLTS', hex('clts', '0f 06')],
    ['MOV to DR7', hex('mov dr7, eax', '0f 23 f8')],
    ['LTR', hex('ltr ax', '0f 00 d8')],
  ])('may not: %s', (_name, code) => {
    expect(new KvmRig().startUser('protected', code).exception()).toMatchObject({
      vector: 13,
      error: 0,
      ip: BigInt(USER_CODE),
      cs: 0x1b,
      ss: USER_DATA,
    });
  });

  it('may use the ports that the TSS allows, whole', () => {
    const rig = new KvmRig().startUser('protected', hex('out 0x81, al ; out 0x81, ax', 'e6 81 66 e7 81'));
    rig.setControl({ tr: { ...rig.vcpu.getSregs().tr, limit: 103 + 0x20 } });
    rig.load(
      TSS + 104,
      Array.from({ length: 0x20 }, (_, i) => (i === 0x10 ? 0xfd : 0xff)),
    );
    expect(rig.run()).toMatchObject({ port: 0x81 });
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(USER_CODE + 2) });
  });

  it('may read the time unless CR4.TSD is set', () => {
    const rig = new KvmRig().startUser('protected', hex('rdtsc ; int 0x80', '0f 31 cd 80'));
    rig.thread.timeNs = 0x1_0000_0005;
    expect(rig.exception().vector).toBe(0x80);
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 5n, rdx: 1n });
    const forbidden = new KvmRig().startUser('protected', hex('rdtsc', '0f 31')).setControl({ cr4: 4n });
    expect(forbidden.exception()).toMatchObject({ vector: 13, ip: BigInt(USER_CODE) });
  });

  it('enters a gate by INT only when its level allows', () => {
    expect(new KvmRig().startUser('protected', hex('int 0x80', 'cd 80')).exception()).toMatchObject({
      vector: 0x80,
      ip: BigInt(USER_CODE + 2),
    });
    expect(new KvmRig().startUser('protected', hex('int 0x40', 'cd 40')).exception()).toMatchObject({
      vector: 13,
      error: 0x202,
      ip: BigInt(USER_CODE),
    });
  });
});

describe('the TSC', () => {
  it('and TSC_ADJUST move together when the guest writes one', () => {
    const write = (msr: string) =>
      msr === 'tsc'
        ? hex(
            'mov ecx, 0x10 ; mov eax, 1000 ; xor edx, edx ; wrmsr ; hlt',
            'b9 10 00 00 00 b8 e8 03 00 00 31 d2 0f 30 f4',
          )
        : hex(
            'mov ecx, 0x3b ; mov eax, 1000 ; xor edx, edx ; wrmsr ; hlt',
            'b9 3b 00 00 00 b8 e8 03 00 00 31 d2 0f 30 f4',
          );
    for (const msr of ['tsc', 'adjust']) {
      const rig = new KvmRig().start('protected', write(msr));
      expect(rig.run()).toEqual(HLT);
      expect(rig.vcpu.getMsrs([0x10, 0x3b]).map((e) => e.data)).toEqual([1000n, 1000n]);
    }
  });
});
