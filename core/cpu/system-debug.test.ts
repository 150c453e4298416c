/** Debug registers, single step and alignment checks, as a guest uses them. [SDM] volume 3, chapter 18 and 6.15. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, MMIO, type Mode, PAGE_TABLE32, STACK, USER_CODE } from '../testing/kvm-rig.ts';

const RF = 0x10000;
const TF = 0x100n;
const AC = 0x40000n;
const DR6 = 0xffff0ff0;
const BS = 0x4000;
const BD = 0x2000;
/** Where the code is that arms breakpoints; it jumps to CODE. */
const PRELUDE = 0x4000;

// DR7.R/W and LEN
const EXECUTE = 0;
const WRITE = 1;
const PORT = 2;
const ACCESS = 3;
const LENGTHS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 3, 8: 2 };
/** DR7 with breakpoint n enabled, for this guest (L) or always (G). */
const dr7 = (kind: number, length = 1, n = 0, enable = 1): number =>
  ((enable << (n * 2)) | (((LENGTHS[length] ?? 0) * 4 + kind) << (16 + n * 4))) >>> 0;

const little = (value: number): number[] => [0, 8, 16, 24].map((by) => (value >>> by) & 0xff);
/** mov eax, value ; mov dr n, eax */
const setDebug = (n: number, value: number): number[] => [0xb8, ...little(value), 0x0f, 0x23, 0xc0 | (n << 3)];

/** Runs `code` with debug registers set by the guest itself. */
function armed(mode: Mode, code: Uint8Array, registers: Readonly<Record<number, number>>): KvmRig {
  const rig = new KvmRig().start(mode, code);
  const bytes = Object.entries(registers).flatMap(([n, value]) => setDebug(Number(n), value));
  const jump = [0xe9, ...little(CODE - (PRELUDE + bytes.length + 5))];
  return rig.load(PRELUDE, [...bytes, ...jump]).set({ rip: BigInt(PRELUDE) });
}

/** DR6 and DR7, read by a program at level 0 after a #DB. */
function debugRegisters(rig: KvmRig): { dr6: number; dr7: number } {
  const [sregs, regs] = [rig.vcpu.getSregs(), rig.vcpu.getRegs()];
  // mov eax, dr6 ; mov ebx, dr7 ; hlt
  rig.load(PRELUDE + 0x800, [0x0f, 0x21, 0xf0, 0x0f, 0x21, 0xfb, 0xf4]);
  rig.set({ rip: BigInt(PRELUDE + 0x800), rflags: 2n });
  expect(rig.run()).toEqual({ exit: 'HLT' });
  const { rax, rbx } = rig.vcpu.getRegs();
  rig.vcpu.setSregs(sregs);
  rig.vcpu.setRegs(regs);
  return { dr6: Number(rax), dr7: Number(rbx) };
}

const hit = (rig: KvmRig) => {
  const { vector, ip, flags } = rig.exception();
  return { vector, ip: Number(ip), rf: (flags & RF) !== 0, dr6: debugRegisters(rig).dr6 };
};
const trap = (ip: number, bits: number) => ({ vector: 1, ip, rf: false, dr6: (DR6 | bits) >>> 0 });
const fault = (ip: number, bits: number) => ({ vector: 1, ip, rf: true, dr6: (DR6 | bits) >>> 0 });

describe.each(['protected', 'paging', 'long'] as const)('instruction breakpoints, %s', (mode) => {
  it.each([1, 2])('fault before the instruction, enabled by bit %i', (enable) => {
    const rig = armed(mode, hex('nop ; nop ; out 0x80, al ; hlt', '90 90 e6 80 f4'), {
      2: CODE + 1,
      7: dr7(EXECUTE, 1, 2, enable),
    });
    expect(hit(rig)).toEqual(fault(CODE + 1, 4));
  });

  it('are passed once by an IRET that sets RF, and hit the next time round', () => {
    // the handler returns at once
    const rig = armed(mode, hex('again: inc cl ; nop ; dec bl ; jnz again ; hlt', 'fe c1 90 fe cb 75 f9 f4'), {
      0: CODE + 2,
      7: dr7(EXECUTE),
    });
    rig.load(0x5000, mode === 'long' ? hex('inc dl ; iretq', 'fe c2 48 cf') : hex('inc dl ; iret', 'fe c2 cf'));
    rig.gate(1, 0x5000).set({ rbx: 3n, rcx: 0n, rdx: 0n });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 3n, rdx: 3n });
  });

  it('hit in the middle of code that has run before', () => {
    const code = hex(
      'again: nop ; nop ; dec bl ; jnz again ; out 0x80, al ; jmp again',
      '90 90 fe cb 75 fa e6 80 eb f6',
    );
    const rig = new KvmRig().start(mode, code).set({ rbx: 5n });
    expect(rig.run()).toMatchObject({ exit: 'IO' });
    const arm = [...setDebug(0, CODE + 1), ...setDebug(7, dr7(EXECUTE))];
    rig.load(PRELUDE, [...arm, 0xe9, ...little(CODE - (PRELUDE + arm.length + 5))]).set({ rip: BigInt(PRELUDE) });
    expect(hit(rig)).toEqual(fault(CODE + 1, 1));
  });
});

it('an instruction breakpoint hits an instruction that lies in two pages, and not its second half', () => {
  const rig = armed('paging', Uint8Array.of(), { 0: 0x1ffe, 1: 0x2000, 7: dr7(EXECUTE) | dr7(EXECUTE, 1, 1) });
  rig
    .load(CODE, [0xe9, ...little(0x1ffe - CODE - 5)])
    .load(0x1ffe, hex('mov eax, 0x12345678 ; hlt', 'b8 78 56 34 12 f4'));
  expect(hit(rig)).toEqual(fault(0x1ffe, 1));
  rig.set({ rip: 0x1ffen, rflags: 2n | BigInt(RF) });
  expect(rig.run()).toEqual({ exit: 'HLT' });
  expect(rig.vcpu.getRegs().rax).toBe(0x12345678n);
});

it('a data breakpoint traps an instruction whose second half lies in a page with an instruction breakpoint', () => {
  const rig = armed('paging', hex('jmp 0x1ffe', 'e9 f9 0f 00 00'), {
    0: 0x2000,
    1: DATA,
    7: dr7(EXECUTE) | dr7(WRITE, 1, 1),
  });
  rig.load(0x1ffe, hex('mov [0x3000], eax ; hlt', 'a3 00 30 00 00 f4'));
  expect(hit(rig)).toEqual(trap(0x2003, 2));
});

describe.each(['protected', 'paging', 'long'] as const)('data breakpoints, %s', (mode) => {
  const byDi = (bytes: string) => hex('by [edi] ; nop ; hlt', `${bytes} 90 f4`);
  it.each([
    ['a write', WRITE, 'mov [edi], al', '67 88 07', true],
    ['a read of a write breakpoint', WRITE, 'mov al, [edi]', '67 8a 07', false],
    ['a read', ACCESS, 'mov al, [edi]', '67 8a 07', true],
    ['a write of an access breakpoint', ACCESS, 'mov [edi], al', '67 88 07', true],
    ['a read-modify-write', WRITE, 'add byte [edi], 1', '67 80 07 01', true],
    ['a compare that fails and writes nonetheless', WRITE, 'cmpxchg [edi], ecx', '67 0f b1 0f', true],
    ['an exchange', WRITE, 'xchg [edi], ecx', '67 87 0f', true],
    ['a vector', ACCESS, 'movups xmm0, [edi]', '67 0f 10 07', true],
    ['an x87 load', ACCESS, 'fld tword [edi]', '67 db 2f', true],
  ] as const)('%s', (_name, kind, _source, bytes, hits) => {
    const code = byDi(mode === 'long' ? bytes : bytes.replace('67 ', ''));
    const rig = armed(mode, code, { 3: DATA, 7: dr7(kind, 1, 3) }).set({ rdi: BigInt(DATA), rax: 1n });
    if (!hits) expect(rig.run()).toEqual({ exit: 'HLT' });
    else expect(hit(rig)).toEqual(trap(CODE + code.length - 2, 8));
  });

  it('happen with the instruction done', () => {
    const rig = armed(mode, byDi(mode === 'long' ? '67 88 07' : '88 07'), { 0: DATA, 7: dr7(WRITE) });
    rig.set({ rdi: BigInt(DATA) });
    rig.exception();
    expect(rig.bytes(DATA, 1)[0]).toBe(dr7(WRITE) & 0xff);
  });
});

it.each([
  // breakpoint, its length; access of 4 bytes at
  [DATA, 1, DATA, true],
  [DATA, 1, DATA - 3, true],
  [DATA, 1, DATA - 4, false],
  [DATA, 1, DATA + 1, false],
  [DATA + 1, 2, DATA + 1, true], // masked to DATA
  [DATA + 1, 2, DATA + 2, false],
  [DATA + 7, 4, DATA + 4, true],
  [DATA + 7, 4, DATA + 8, false],
  [DATA + 5, 8, DATA, true],
  [DATA + 5, 8, DATA - 4, false],
  [DATA, 4, DATA - 4, false],
] as const)('a breakpoint at %i of %i bytes, an access of 4 bytes at %i: %s', (address, length, access, hits) => {
  const rig = armed('long', hex('mov [rdi], eax ; nop ; hlt', '89 07 90 f4'), { 1: address, 7: dr7(WRITE, length, 1) });
  rig.set({ rdi: BigInt(access) });
  if (hits) expect(hit(rig)).toEqual(trap(CODE + 2, 2));
  else expect(rig.run()).toEqual({ exit: 'HLT' });
});

describe('traps of data breakpoints', () => {
  it('tell of all breakpoints at once', () => {
    const rig = armed('protected', hex('movsd ; nop', 'a5 90'), {
      0: DATA,
      1: DATA + 0x100,
      7: dr7(ACCESS) | dr7(WRITE, 4, 1),
    }).set({ rsi: BigInt(DATA), rdi: BigInt(DATA + 0x100) });
    expect(hit(rig)).toEqual(trap(CODE + 1, 3));
  });

  it('come between the elements of a repeated instruction, with RF set for where it goes on', () => {
    const rig = armed('protected', hex('rep stosb ; nop', 'f3 aa 90'), { 0: DATA + 2, 7: dr7(WRITE) });
    rig.set({ rdi: BigInt(DATA), rcx: 6n });
    expect(hit(rig)).toEqual({ ...trap(CODE, 1), rf: true });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 3n, rdi: BigInt(DATA + 3) });
  });

  it('wait until MMIO is done', () => {
    const rig = armed('protected', hex('mov [0x100000], eax ; nop', 'a3 00 00 10 00 90'), {
      0: MMIO,
      7: dr7(WRITE, 4),
    });
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: true });
    expect(hit(rig)).toEqual(trap(CODE + 5, 1));
    const reads = armed('protected', hex('mov eax, [0x100000] ; nop', 'a1 00 00 10 00 90'), {
      0: MMIO,
      7: dr7(ACCESS, 4),
    });
    expect(reads.run()).toMatchObject({ exit: 'MMIO', write: false });
    expect(hit(reads.answerMmio(1, 2, 3, 4))).toEqual(trap(CODE + 5, 1));
    expect(reads.vcpu.getRegs().rax).toBe(0x04030201n);
  });

  it('do not come when the instruction faults', () => {
    const rig = armed('paging', hex('mov [edi], eax', '89 07'), { 0: 0x4ffc, 7: dr7(WRITE, 4) });
    rig.load32(PAGE_TABLE32 + 5 * 4, 0).set({ rdi: 0x4ffen }); // the second page is not there
    expect(rig.exception()).toMatchObject({ vector: 14, cr2: 0x5000n });
    expect(debugRegisters(rig).dr6).toBe(DR6 >>> 0);
  });

  it('are put off by MOV SS', () => {
    const rig = armed('protected', hex('mov ss, [0x3000] ; inc ecx ; nop', '8e 15 00 30 00 00 41 90'), {
      0: DATA,
      7: dr7(ACCESS, 2),
    });
    rig.load32(DATA, 0x10).set({ rcx: 0n });
    expect(hit(rig)).toEqual(trap(CODE + 7, 1));
    expect(rig.vcpu.getRegs().rcx).toBe(1n);
  });

  it('come at the handler when the stack of its frame is watched', () => {
    const rig = armed('protected', hex('int 0x80', 'cd 80'), { 0: STACK - 4, 7: dr7(WRITE, 4) });
    rig.load(0x5000, hex('nop ; nop', '90 90')).gate(0x80, 0x5000, { dpl: 3 });
    expect(hit(rig)).toEqual(trap(0x5000, 1));
  });

  it('cannot go on for ever by the stack of #DB itself', () => {
    const rig = armed('protected', hex('push eax ; nop', '50 90'), { 0: STACK - 8, 7: dr7(WRITE, 4) });
    rig.set({ rsp: BigInt(STACK - 4) });
    expect(hit(rig)).toEqual(trap(CODE + 1, 1));
  });
});

describe('port breakpoints', () => {
  const [cr4, de] = [0x600n, 0x608n];
  it.each([
    ['OUT', hex('out 0x80, al ; nop', 'e6 80 90'), 0x80, 1, de, true],
    ['OUT without CR4.DE', hex('out 0x80, al ; nop ; hlt', 'e6 80 90 f4'), 0x80, 1, cr4, false],
    ['OUT next to it', hex('out 0x81, al ; nop ; hlt', 'e6 81 90 f4'), 0x80, 1, de, false],
    ['OUT of 4 bytes over it', hex('out 0x80, eax ; nop', 'e7 80 90'), 0x82, 1, de, true],
    ['IN', hex('in al, 0x83 ; nop', 'e4 83 90'), 0x80, 4, de, true],
  ] as const)('%s', (_name, code, port, length, control, hits) => {
    const rig = armed('protected', code, { 0: port, 7: dr7(PORT, length) }).setControl({ cr4: control });
    expect(rig.run()).toMatchObject({ exit: 'IO' });
    if (hits) expect(hit(rig)).toEqual(trap(CODE + 2, 1));
    else expect(rig.run()).toEqual({ exit: 'HLT' });
  });
});

describe('MOV to and from debug registers', () => {
  it('keeps reserved bits of DR6 and DR7', () => {
    const rig = armed('protected', hex('mov eax, dr6 ; mov ebx, dr7 ; hlt', '0f 21 f0 0f 21 fb f4'), {
      6: 0xffffffff,
      7: 0xffffdfff,
    });
    rig.run();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0xffffefffn, rbx: 0xffff07ffn });
  });

  it('has DR4 and DR5 for DR6 and DR7, or #UD with CR4.DE', () => {
    const code = hex('mov eax, dr4 ; mov ebx, dr5 ; hlt', '0f 21 e0 0f 21 eb f4');
    const rig = new KvmRig().start('protected', code);
    rig.run();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: BigInt(DR6 >>> 0), rbx: 0x400n });
    const de = new KvmRig().start('protected', code).setControl({ cr4: 0x608n });
    expect(de.exception()).toMatchObject({ vector: 6, ip: BigInt(CODE) });
  });

  it('needs level 0', () => {
    expect(new KvmRig().startUser('protected', hex('mov eax, dr0', '0f 21 c0')).exception()).toMatchObject({
      vector: 13,
    });
  });

  it('faults with DR7.GD, which the fault clears', () => {
    const rig = armed('protected', hex('mov dr0, eax', '0f 23 c0'), { 7: 0x2000 });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE) });
    expect(debugRegisters(rig)).toEqual({ dr6: (DR6 | BD) >>> 0, dr7: 0x400 });
  });
});

describe('single step by TF', () => {
  const step = (mode: Mode, code: Uint8Array): KvmRig => new KvmRig().start(mode, code).set({ rflags: 2n | TF });

  it.each(['real', 'protected', 'long'] as const)('traps behind an instruction, %s', (mode) => {
    const rig = step(mode, hex('nop ; nop', '90 90'));
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 1) });
    expect(debugRegisters(rig).dr6).toBe((DR6 | BS) >>> 0);
  });
  it('leaves RF clear in the frame', () => {
    expect(hit(step('protected', hex('nop', '90')))).toEqual(trap(CODE + 1, BS));
  });
  it('comes behind the instruction that follows MOV SS', () => {
    const rig = step('protected', hex('mov ss, ax ; nop ; nop', '8e d0 90 90')).set({ rax: 0x10n });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 3) });
  });
  it('comes behind each turn of a jump to itself that follows MOV SS', () => {
    const rig = step('protected', hex('mov ss, ax ; jmp $', '8e d0 eb fe')).set({ rax: 0x10n });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 2) });
  });
  it('comes between the elements of a repeated instruction', () => {
    const rig = step('protected', hex('rep stosb', 'f3 aa')).set({ rcx: 3n, rdi: 0x3000n });
    expect(hit(rig)).toEqual({ ...trap(CODE, BS), rf: true });
    expect(rig.vcpu.getRegs().rcx).toBe(2n);
  });
  it('does not come with INT n, whose handler begins with TF clear', () => {
    expect(step('protected', hex('int 0x80', 'cd 80')).exception()).toMatchObject({ vector: 0x80, flags: 0x102 });
  });
  it('does not come with a fault', () => {
    expect(step('protected', hex('ud2', '0f 0b')).exception()).toMatchObject({ vector: 6, flags: 0x10102 });
  });
  it('begins behind the instruction that follows a POPF', () => {
    const rig = new KvmRig().start('protected', hex('push 0x102 ; popf ; nop ; nop', '68 02 01 00 00 9d 90 90'));
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 7) });
  });
  it('comes a last time behind the POPF that clears TF', () => {
    const rig = step('protected', hex('popf ; nop', '9d 90')).load32(STACK, 2);
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE + 1) });
  });
  it('comes right behind a SYSRET that sets TF', () => {
    const rig = new KvmRig().start('long', hex('sysret', '48 0f 07'));
    rig.setControl({ efer: 0xd01n }).set({ rcx: BigInt(USER_CODE), r11: 0x102n });
    rig.vcpu.setMsrs([{ index: 0xc0000081, data: 0x001b_0008_0000_0000n }]);
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(USER_CODE) });
  });
  it.each([
    ['masks TF: no trap', 0x100n],
    ['keeps TF: a trap', 0n],
  ])('SYSCALL that %s', (_name, mask) => {
    const rig = step('long', hex('syscall', '0f 05')).load(0x5000, hex('nop ; hlt', '90 f4'));
    rig.vcpu.setMsrs([
      { index: 0xc0000081, data: 0x0030_0000_0000n },
      { index: 0xc0000082, data: 0x5000n },
      { index: 0xc0000084, data: mask },
    ]);
    if (mask !== 0n) expect(rig.run()).toEqual({ exit: 'HLT' });
    else expect(rig.exception()).toMatchObject({ vector: 1, ip: 0x5000n });
  });
  it('tells of a data breakpoint with the same trap', () => {
    const rig = armed('protected', hex('mov [0x3000], al ; nop', 'a2 00 30 00 00 90'), { 0: DATA, 7: dr7(WRITE) });
    rig.load(PRELUDE + 0x700, hex('push 0x102 ; popf ; mov [0x3000], al', '68 02 01 00 00 9d a2 00 30 00 00'));
    rig.load(CODE, [0xe9, ...little(PRELUDE + 0x700 - CODE - 5)]);
    expect(hit(rig)).toEqual(trap(PRELUDE + 0x70b, 1 | BS));
  });
});

it('ICEBP is a trap through gate 1 that leaves DR6', () => {
  const rig = new KvmRig().start('protected', hex('icebp ; nop', 'f1 90'));
  expect(hit(rig)).toEqual(trap(CODE + 1, 0));
});

describe('alignment checks', () => {
  const AM = 0x8005_0031n;
  const checked = (code: Uint8Array): KvmRig =>
    new KvmRig()
      .startUser('long', code)
      .setControl({ cr0: AM, cr4: 0x620n })
      .set({ rflags: 2n | AC });
  it.each([
    ['mov ax, [0x3001]', '66 8b 04 25 01 30 00 00', true],
    ['mov ax, [0x3002]', '66 8b 04 25 02 30 00 00', false],
    ['mov eax, [0x3002]', '8b 04 25 02 30 00 00', true],
    ['mov rax, [0x3004]', '48 8b 04 25 04 30 00 00', true],
    ['mov rax, [0x3008]', '48 8b 04 25 08 30 00 00', false],
    ['mov [0x3001], al', '88 04 25 01 30 00 00', false],
    ['mov [0x3001], ax', '66 89 04 25 01 30 00 00', true],
    ['lock add dword [0x3002], 1', 'f0 83 04 25 02 30 00 00 01', true],
    ['movq xmm0, [0x3004]', 'f3 0f 7e 04 25 04 30 00 00', true],
    ['movups xmm0, [0x3008]', '0f 10 04 25 08 30 00 00', true],
    ['movdqu [0x3010], xmm0', 'f3 0f 7f 04 25 10 30 00 00', false],
    ['fld tword [0x3008]', 'db 2c 25 08 30 00 00', false],
    ['fld tword [0x3004]', 'db 2c 25 04 30 00 00', true],
    ['fnstenv [0x3004]', 'd9 34 25 04 30 00 00', false],
    ['fnstenv [0x3002]', 'd9 34 25 02 30 00 00', true],
  ])('%s', (_source, bytes, faults) => {
    const rig = checked(hex('', `${bytes} 0f 0b`));
    expect(rig.exception()).toMatchObject(faults ? { vector: 17, error: 0, ip: BigInt(USER_CODE) } : { vector: 6 });
  });

  it('need CR0.AM, EFLAGS.AC and level 3', () => {
    const code = hex('mov eax, [0x3001] ; ud2', '8b 04 25 01 30 00 00 0f 0b');
    const vector = (rig: KvmRig) => rig.exception().vector;
    expect(vector(checked(code))).toBe(17);
    expect(vector(checked(code).set({ rflags: 2n }))).toBe(6);
    expect(vector(checked(code).setControl({ cr0: 0x8001_0031n }))).toBe(6);
    expect(
      vector(
        new KvmRig()
          .start('long', code)
          .setControl({ cr0: AM })
          .set({ rflags: 2n | AC }),
      ),
    ).toBe(6);
  });

  it('begin with the POPF that sets AC, also for pages known already', () => {
    const code = hex(
      'mov eax, [0x3001] ; pushfq ; or dword [rsp], 0x40000 ; popfq ; mov eax, [0x3001]',
      '8b 04 25 01 30 00 00 9c 81 0c 24 00 00 04 00 9d 8b 04 25 01 30 00 00',
    );
    expect(checked(code).set({ rflags: 2n }).exception()).toMatchObject({ vector: 17, ip: BigInt(USER_CODE + 16) });
  });

  it('come after page faults', () => {
    const rig = checked(hex('mov eax, [0x3001]', '8b 04 25 01 30 00 00'));
    rig.load32(0x13000 + 3 * 8, 0);
    expect(rig.exception()).toMatchObject({ vector: 14 });
  });
});
