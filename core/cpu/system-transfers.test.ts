/** Modes, segments and changes of privilege by bare-metal code. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  CODE32,
  CODE64,
  DATA,
  DATA0,
  DATA16,
  FREE_SELECTOR,
  GDT,
  hex,
  IST_STACK,
  KvmRig,
  STACK,
  TSS,
  USER_CODE,
  USER_CODE32,
  USER_CODE64,
  USER_DATA,
  USER_STACK,
} from '../testing/kvm-rig.ts';

const HLT = { exit: 'HLT' };
const at = (offset: number) => BigInt(CODE + offset);

describe('real mode', () => {
  it('adds sixteen times the segment, and wraps offsets at 64 KiB', () => {
    const rig = new KvmRig()
      .start(
        'real',
        hex(
          'mov ax, 0x300 ; mov ds, ax ; mov bx, 0xfff0 ; mov al, [bx+0x20] ; mov [0x11], al ; hlt',
          'b8 00 03 8e d8 bb f0 ff 8a 47 20 a2 11 00 f4',
        ),
      )
      .load(0x3010, [0x42]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.ram[0x3011]).toBe(0x42);
  });
  it('serves INT by the vector table and returns by IRET', () => {
    const rig = new KvmRig().start(
      'real',
      hex('sti ; stc ; int 0x21 ; jc carried ; hlt ; carried: hlt', 'fb f9 cd 21 72 01 f4 f4'),
    );
    rig.load32(0x21 * 4, 0x0100_1000).load(0x2000, hex('clc ; iret', 'f8 cf'));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rip: at(8), rsp: BigInt(STACK) });
    expect(rig.vcpu.getRegs().rflags & 0x201n).toBe(0x201n);
  });
  it('raises #GP at the limit, #SS on the stack, without an error code', () => {
    expect(
      new KvmRig().start('real', hex('mov bx, 0xffff ; mov ax, [bx]', 'bb ff ff 8b 07')).exception(),
    ).toMatchObject({ vector: 13, ip: at(3), error: undefined });
    expect(
      new KvmRig().start('real', hex('mov bp, 0xffff ; mov ax, [bp]', 'bd ff ff 8b 46 00')).exception(),
    ).toMatchObject({ vector: 12, ip: at(3) });
  });
  it('calls and returns far', () => {
    const rig = new KvmRig()
      .start('real', hex('call 0x100:0x1000 ; hlt', '9a 00 10 00 01 f4'))
      .load(0x2000, hex('mov ax, cs ; retf', '8c c8 cb'));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rip: at(6), rsp: BigInt(STACK), rax: 0x100n });
  });
  it('keeps big limits from protected mode (unreal mode)', () => {
    const rig = new KvmRig().start(
      'real',
      hex(
        'lgdt [0x500] ; mov eax, cr0 ; inc ax ; mov cr0, eax ; mov bx, 0x10 ; mov ds, bx ; dec ax ; mov cr0, eax ; xor bx, bx ; mov ds, bx ; mov ebx, 0x80000 ; mov al, [ebx] ; hlt',
        '0f 01 16 00 05 0f 20 c0 40 0f 22 c0 bb 10 00 8e db 48 0f 22 c0 31 db 8e db 66 bb 00 00 08 00 67 8a 03 f4',
      ),
    );
    rig.load(0x500, [0xff, 0, 0, 0x90, 0, 0]).descriptor(DATA0, 0xffff, 0xcf9300).load(0x80000, [0x42]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(0x42n);
  });
});

describe('protected mode', () => {
  it('runs 16-bit code with a 16-bit stack beside 32-bit code', () => {
    const rig = new KvmRig()
      .start('protected', hex('jmp 0x50:0x1100', 'ea 00 11 00 00 50 00'))
      .load(
        0x1100,
        hex(
          'mov ax, 0x58 ; mov ss, ax ; mov esp, 0x12340002 ; push ax ; push ax ; jmp dword 0x8:0x1200',
          'b8 58 00 8e d0 66 bc 02 00 34 12 50 50 66 ea 00 12 00 00 08 00',
        ),
      )
      .load(0x1200, [0xf4]);
    rig.load(0xfffe, [0]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rsp).toBe(0x1234_fffen);
    expect(rig.view.getUint16(0xfffe, true)).toBe(DATA16);
  });

  it('checks limits of data segments, expand-down ones too', () => {
    const code = hex('mov eax, 0x60 ; mov fs, eax ; mov al, [fs:ebx] ; hlt', 'b8 60 00 00 00 8e e0 64 8a 03 f4');
    const small = (ebx: bigint) =>
      new KvmRig()
        .start('protected', code)
        .descriptor(FREE_SELECTOR, (DATA << 16) | 0xff, 0x409300)
        .set({ rbx: ebx });
    expect(small(0xffn).run()).toEqual(HLT);
    expect(small(0x100n).exception()).toMatchObject({ vector: 13, error: 0 });
    const down = (ebx: bigint) =>
      new KvmRig().start('protected', code).descriptor(FREE_SELECTOR, 0xfff, 0x409700).set({ rbx: ebx });
    expect(down(0x1000n).run()).toEqual(HLT);
    expect(down(0xfffn).exception()).toMatchObject({ vector: 13, error: 0 });
  });

  it('raises #NP for an absent segment, #SS for an absent stack, #GP for a write to a read-only one', () => {
    const load = hex(
      'mov eax, 0x60 ; mov fs, eax ; mov [fs:0x3000], al ; hlt',
      'b8 60 00 00 00 8e e0 64 a2 00 30 00 00 f4',
    );
    expect(new KvmRig().start('protected', load).descriptor(FREE_SELECTOR, 0xffff, 0xcf1300).exception()).toMatchObject(
      { vector: 11, error: FREE_SELECTOR },
    );
    expect(new KvmRig().start('protected', load).descriptor(FREE_SELECTOR, 0xffff, 0xcf9100).exception()).toMatchObject(
      { vector: 13, error: 0, ip: at(7) },
    );
    const ss = hex('mov eax, 0x60 ; mov ss, eax', 'b8 60 00 00 00 8e d0');
    expect(new KvmRig().start('protected', ss).descriptor(FREE_SELECTOR, 0xffff, 0xcf1300).exception()).toMatchObject({
      vector: 12,
      error: FREE_SELECTOR,
    });
  });

  it('goes inward by an interrupt and outward by IRET, with the stack of the TSS', () => {
    const rig = new KvmRig().startUser('protected', hex('int 0x80 ; inc ecx ; hlt', 'cd 80 41 f4'));
    const e = rig.exception();
    expect(e).toMatchObject({
      vector: 0x80,
      cs: USER_CODE32,
      ip: BigInt(USER_CODE + 2),
      ss: USER_DATA,
      sp: BigInt(USER_STACK),
    });
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK - 20));
    expect(rig.vcpu.getSregs()).toMatchObject({ cs: { selector: CODE32 }, ss: { selector: DATA0 } });
    rig.load(0xb000 + 0x80 * 16 + 2, [0xcf]);
    expect(rig.exception()).toMatchObject({ vector: 13, ip: BigInt(USER_CODE + 3), cs: USER_CODE32 });
    expect(rig.vcpu.getRegs().rcx).toBe(1n);
  });

  it('loses segments of the inner level on the way out', () => {
    const rig = new KvmRig()
      .start(
        'protected',
        hex(
          'push dword 0x23 ; push dword 0x8000 ; push dword 0x2 ; push dword 0x1b ; push dword 0x2000 ; mov eax, 0x23 ; mov es, eax ; iret',
          '6a 23 68 00 80 00 00 6a 02 6a 1b 68 00 20 00 00 b8 23 00 00 00 8e c0 cf',
        ),
      )
      .load(USER_CODE, [0xcd, 0x80]);
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE32 });
    expect(rig.vcpu.getSregs()).toMatchObject({
      ds: { selector: 0, unusable: 1 },
      es: { selector: 0x23, unusable: 0 },
    });
  });

  it('calls inward through a call gate with parameters, and returns', () => {
    const rig = new KvmRig().startUser(
      'protected',
      hex('push dword 0x11 ; push dword 0x22 ; call 0x60:0 ; int 0x80', '6a 11 6a 22 9a 00 00 00 00 60 00 cd 80'),
    );
    rig
      .descriptor(FREE_SELECTOR, (CODE32 << 16) | 0x1100, 0xec02)
      .load(
        0x1100,
        hex('mov eax, [esp+8] ; mov ebx, [esp+12] ; mov ecx, cs ; retf 8', '8b 44 24 08 8b 5c 24 0c 8c c9 ca 08 00'),
      );
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE32, sp: BigInt(USER_STACK) });
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0x22n, rbx: 0x11n, rcx: 8n });
  });

  it('refuses a call gate of an inner level, and a far jump inward', () => {
    const gate = new KvmRig()
      .startUser('protected', hex('call 0x60:0', '9a 00 00 00 00 60 00'))
      .descriptor(FREE_SELECTOR, (CODE32 << 16) | 0x1100, 0x8c00);
    expect(gate.exception()).toMatchObject({ vector: 13, error: FREE_SELECTOR });
    expect(new KvmRig().startUser('protected', hex('jmp 8:0x1000', 'ea 00 10 00 00 08 00')).exception()).toMatchObject({
      vector: 13,
      error: 8,
    });
  });

  it('jumps at its own level into conforming code of an inner one', () => {
    const rig = new KvmRig()
      .startUser('protected', hex('jmp 0x60:0x1100', 'ea 00 11 00 00 60 00'))
      .descriptor(FREE_SELECTOR, 0xffff, 0xcf9f00)
      .load(0x1100, [0xcd, 0x80]);
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: FREE_SELECTOR | 3 });
  });

  it('raises #TS for a bad stack in the TSS', () => {
    const rig = new KvmRig()
      .startUser('protected', hex('int 0x80', 'cd 80'))
      .load32(TSS + 8, USER_DATA)
      .gate(10, 0xb0a0, { type: 0x8e });
    // #TS itself cannot be delivered inward either: #DF, then shutdown
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });

  it('answers LAR, LSL, VERR and VERW', () => {
    const rig = new KvmRig().startUser(
      'protected',
      hex(
        'mov ecx, 0x23 ; lar eax, ecx ; lsl ebx, ecx ; verw cx ; setz dl ; mov cx, 0x10 ; verr cx ; setz dh ; int 0x80',
        'b9 23 00 00 00 0f 02 c1 0f 03 d9 0f 00 e9 0f 94 c2 66 b9 10 00 0f 00 e1 0f 94 c6 cd 80',
      ),
    );
    rig.exception();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0xcf_f300n & 0xffff00n, rbx: 0xffff_ffffn, rdx: 1n });
  });

  it('marks a TSS busy by LTR, once', () => {
    const rig = new KvmRig().start(
      'protected',
      hex('mov eax, 0x40 ; ltr ax ; str ebx ; ltr ax', 'b8 40 00 00 00 0f 00 d8 0f 00 cb 0f 00 d8'),
    );
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0x40, ip: at(11) });
    expect(rig.ram[GDT + 0x45]).toBe(0x8b);
    expect(rig.vcpu.getRegs().rbx).toBe(0x40n);
  });
});

const star = [
  { index: 0xc000_0081, data: 0x0018_0030_0000_0000n },
  { index: 0xc000_0082, data: 0x1100n },
  { index: 0xc000_0084, data: 0x700n },
];

describe('long mode', () => {
  it('takes exceptions of user code on RSP0, aligned, with SS null', () => {
    const rig = new KvmRig().startUser('long', hex('mov rsp, 0x7ff3 ; int 0x80', 'bc f3 7f 00 00 cd 80'));
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE64, ss: USER_DATA, sp: 0x7ff3n });
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK - 40));
    expect(rig.vcpu.getSregs().ss).toMatchObject({ selector: 0, unusable: 1 });
  });

  it('switches stacks by IST, at the same level too', () => {
    const rig = new KvmRig().start('long', hex('ud2', '0f 0b')).gate(6, 0xb060, { ist: 1 });
    expect(rig.exception()).toMatchObject({ vector: 6, sp: BigInt(STACK), ss: DATA0 });
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(IST_STACK - 40));
  });

  it('SYSCALL enters with RCX, R11 and masked flags; SYSRET goes back', () => {
    const rig = new KvmRig().startUser('long', hex('syscall ; int 0x80', '0f 05 cd 80')).set({ rflags: 0xe02n });
    rig.vcpu.setMsrs(star);
    rig.load(0x1100, hex('out 0x99, al ; o64 sysret', 'e6 99 48 0f 07'));
    expect(rig.run()).toMatchObject({ port: 0x99 });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: BigInt(USER_CODE + 2), r11: 0xe02n, rflags: 0x802n });
    expect(rig.vcpu.getSregs()).toMatchObject({ cs: { selector: 0x30, dpl: 0, l: 1 }, ss: { selector: 0x38, dpl: 0 } });
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: 0x2b, ss: 0x23, flags: 0xe02 });
  });

  it('SYSRET to a non-canonical address raises #GP at level 0; SYSCALL without EFER.SCE is #UD', () => {
    const rig = new KvmRig().start('long', hex('o64 sysret', '48 0f 07')).set({ rcx: 0x8000_0000_0000n });
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, cs: CODE64 });
    const off = new KvmRig().startUser('long', hex('syscall', '0f 05')).setControl({ efer: 0xd00n });
    expect(off.exception()).toMatchObject({ vector: 6, ip: BigInt(USER_CODE) });
  });

  it('SWAPGS exchanges the bases, at level 0 only', () => {
    const rig = new KvmRig()
      .start(
        'long',
        hex(
          'swapgs ; mov al, [gs:0] ; swapgs ; mov ah, [gs:0] ; hlt',
          '0f 01 f8 65 8a 04 25 00 00 00 00 0f 01 f8 65 8a 24 25 00 00 00 00 f4',
        ),
      )
      .load(DATA, [1])
      .load(DATA + 0x100, [2]);
    rig.vcpu.setMsrs([
      { index: 0xc000_0101, data: BigInt(DATA) },
      { index: 0xc000_0102, data: BigInt(DATA + 0x100) },
    ]);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffffn).toBe(0x0102n);
    expect(new KvmRig().startUser('long', hex('swapgs', '0f 01 f8')).exception()).toMatchObject({
      vector: 13,
      error: 0,
    });
  });

  it('goes between 64-bit and compatibility code by far transfers', () => {
    const rig = new KvmRig()
      .start('long', hex('push qword 8 ; push qword 0x1100 ; o64 retf', '6a 08 68 00 11 00 00 48 cb'))
      .load(0x1100, hex('mov eax, esp ; jmp 0x30:0x1200', '89 e0 ea 00 12 00 00 30 00'))
      .load(0x1200, hex('mov rbx, -1 ; hlt', '48 c7 c3 ff ff ff ff f4'));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rbx: 0xffff_ffff_ffff_ffffn, rax: BigInt(STACK) });
  });
});

describe.each(['protected', 'long'] as const)('SYSENTER in %s mode', (mode) => {
  it('enters at level 0 with interrupts off, and SYSEXIT goes back', () => {
    const rig = new KvmRig().startUser(mode, hex('sysenter ; int 0x80', '0f 34 cd 80')).set({ rflags: 0x202n });
    rig.vcpu.setMsrs([
      { index: 0x174, data: BigInt(CODE32) },
      { index: 0x175, data: 0x6000n },
      { index: 0x176, data: 0x1100n },
    ]);
    rig.load(0x1100, hex('out 0x99, al ; sysexit', 'e6 99 0f 35')).set({ rdx: BigInt(USER_CODE + 2), rcx: 0x7f00n });
    expect(rig.run()).toMatchObject({ port: 0x99 });
    expect(rig.vcpu.getRegs()).toMatchObject({ rsp: 0x6000n, rflags: 2n });
    expect(rig.vcpu.getSregs()).toMatchObject({ cs: { selector: CODE32, dpl: 0 }, ss: { selector: DATA0, dpl: 0 } });
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE32, ss: USER_DATA, sp: 0x7f00n });
  });
  it('raises #GP with a null SYSENTER_CS', () => {
    expect(new KvmRig().startUser(mode, hex('sysenter', '0f 34')).exception()).toMatchObject({ vector: 13, error: 0 });
  });
});
