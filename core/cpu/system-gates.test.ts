/** Call gates, far transfers and returns, IRET and POPF by mode and level, and what vendors differ in. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  CODE32,
  CODE64,
  DATA0,
  FREE_SELECTOR,
  hex,
  KvmRig,
  type Mode,
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
const GATE = FREE_SELECTOR;
const ODD = FREE_SELECTOR + 16;
const TARGET = 0x1100;
const CODE16 = 0x50;

/** A call gate to TARGET; high has DPL, type and parameters. */
const gate = (rig: KvmRig, selector: number, high: number, upper = 0) =>
  rig.descriptor(GATE, (selector << 16) | TARGET, high, 0, upper);

describe('call gates', () => {
  it('of 16 bits push words and parameters as words', () => {
    const rig = new KvmRig().startUser(
      'protected',
      hex('push word 0x11 ; push word 0x22 ; call 0x60:0 ; int 0x80', '66 6a 11 66 6a 22 9a 00 00 00 00 60 00 cd 80'),
    );
    gate(rig, CODE32, 0xe402).load(
      TARGET,
      hex(
        'mov eax, [esp] ; mov ebx, [esp+4] ; mov ecx, [esp+8] ; o16 retf 4',
        '8b 04 24 8b 5c 24 04 8b 4c 24 08 66 ca 04 00',
      ),
    );
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE32, sp: BigInt(USER_STACK) });
    const { rax, rbx, rcx } = rig.vcpu.getRegs();
    expect(rax).toBe(BigInt((USER_CODE32 << 16) | (USER_CODE + 13)));
    expect([rbx, rcx]).toEqual([0x11_0022n, BigInt(((USER_DATA << 16) | (USER_STACK - 4)) >>> 0)]);
  });

  it('of 64 bits go from compatibility mode to 64-bit mode, with the stack of the TSS, and back', () => {
    const rig = new KvmRig().startUser('compatibility', hex('call 0x60:0 ; int 0x80', '9a 00 00 00 00 60 00 cd 80'));
    gate(rig, CODE64, 0xec00).load(
      TARGET,
      hex('mov eax, ss ; mov rbx, rsp ; mov rcx, [rsp+16] ; retfq', '8c d0 48 89 e3 48 8b 4c 24 10 48 cb'),
    );
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: USER_CODE32, ss: USER_DATA, sp: BigInt(USER_STACK) });
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0n, rbx: BigInt(STACK - 32), rcx: BigInt(USER_STACK) });
  });

  it('of 64 bits at the same level push two quadwords', () => {
    const rig = new KvmRig()
      .start('long', hex('call far dword [0x3000] ; hlt', 'ff 1c 25 00 30 00 00 f4'))
      .load32(0x3000, 0, GATE);
    gate(rig, CODE64, 0x8c00).load(
      TARGET,
      hex('mov rbx, rsp ; mov rcx, [rsp+8] ; retfq', '48 89 e3 48 8b 4c 24 08 48 cb'),
    );
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rbx: BigInt(STACK - 16), rcx: BigInt(CODE64), rsp: BigInt(STACK) });
  });

  it('by JMP stay at their level', () => {
    const rig = new KvmRig().start('protected', hex('jmp 0x60:0', 'ea 00 00 00 00 60 00'));
    expect(gate(rig, CODE32, 0x8c00).load(TARGET, [0xf4]).run()).toEqual(HLT);
    const inner = new KvmRig().startUser('protected', hex('jmp 0x60:0', 'ea 00 00 00 00 60 00'));
    expect(gate(inner, CODE32, 0xec00).exception()).toMatchObject({ vector: 13, error: CODE32 });
    const conforming = new KvmRig()
      .startUser('protected', hex('jmp 0x60:0', 'ea 00 00 00 00 60 00'))
      .descriptor(ODD, 0xffff, 0xcf9e00);
    expect(gate(conforming, ODD, 0xec00).load(TARGET, hex('int3', 'cc')).exception()).toMatchObject({
      vector: 3,
      cs: ODD | 3,
    });
  });

  it.each<[string, Mode, number, number, number, number]>([
    ['a null selector', 'protected', 0, 0x8c00, 13, 0],
    ['a selector beyond the GDT', 'protected', 0x1000, 0x8c00, 13, 0x1000],
    ['data', 'protected', DATA0, 0x8c00, 13, DATA0],
    ['absent code', 'protected', ODD, 0x8c00, 11, ODD],
    ['an offset beyond the limit', 'protected', ODD + 8, 0x8c00, 13, 0],
    ['32-bit code in long mode', 'compatibility', CODE32, 0x8c00, 13, CODE32],
    ['a 16-bit gate in long mode', 'compatibility', CODE64, 0x8400, 13, GATE],
    ['an absent gate', 'protected', CODE32, 0x0c00, 11, GATE],
    ['an interrupt gate', 'protected', CODE32, 0x8e00, 13, GATE],
  ])('to %s', (_, mode, selector, high, vector, error) => {
    for (const code of [hex('call 0x60:0', '9a 00 00 00 00 60 00'), hex('jmp 0x60:0', 'ea 00 00 00 00 60 00')]) {
      const rig = new KvmRig().start(mode, code).descriptor(ODD, 0xffff, 0xcf1a00, 0xff, 0x409a00);
      expect(gate(rig, selector, high).exception()).toMatchObject({ vector, error, ip: at(0) });
    }
  });
  it('of 64 bits: type bits above, and a non-canonical target', () => {
    const typed = new KvmRig().start('compatibility', hex('call 0x60:0', '9a 00 00 00 00 60 00'));
    typed.descriptor(GATE, (CODE64 << 16) | TARGET, 0x8c00, 0, 0x100);
    expect(typed.exception()).toMatchObject({ vector: 13, error: GATE });
    const far = new KvmRig().start('compatibility', hex('call 0x60:0', '9a 00 00 00 00 60 00'));
    far.descriptor(GATE, (CODE64 << 16) | TARGET, 0x8c00, 0x8000, 0);
    expect(far.exception()).toMatchObject({ vector: 13, error: 0 });
  });
  it.each<[string, number, number, number, number]>([
    ['is null', 0, 0, 10, 0],
    ['has another level', USER_DATA, 0, 10, USER_DATA & ~3],
    ['is read-only', ODD, 0xcf9000, 10, ODD],
    ['is absent', ODD, 0xcf1200, 12, ODD],
    ['has no room', ODD, 0x409200, 12, ODD],
  ])('inward when the stack of the TSS %s', (_, ss, high, vector, error) => {
    const rig = new KvmRig()
      .startUser('protected', hex('call 0x60:0', '9a 00 00 00 00 60 00'))
      .descriptor(ODD, 0xff, high);
    gate(rig, CODE32, 0xec00).load32(TSS + 8, ss);
    // its handler is a task, for the TSS has no good stack
    rig.descriptor(0x78, (0x4400 << 16) | 0x67, 0x8900).load32(0xa000 + vector * 8, 0x78 << 16, 0x8500);
    rig.load32(0x4420, 0xb000 + vector * 16, 2).load32(0x4438, 0x5800);
    rig.load32(0x4448, DATA0, CODE32, DATA0, DATA0);
    expect(rig.run()).toMatchObject({ exit: 'IO', port: vector });
    expect(rig.view.getUint32(0x57fc, true)).toBe(error);
    expect(rig.view.getUint32(TSS + 0x20, true)).toBe(USER_CODE);
  });
});

describe('far transfers', () => {
  it.each<[string, Mode, Uint8Array, [number, number], number, number]>([
    ['beyond the limit', 'protected', hex('jmp 0x70:0x100', 'ea 00 01 00 00 70 00'), [0xff, 0x409a00], 13, 0],
    ['call beyond the limit', 'protected', hex('call 0x70:0x100', '9a 00 01 00 00 70 00'), [0xff, 0x409a00], 13, 0],
    ['to a null selector', 'protected', hex('jmp 3:0', 'ea 00 00 00 00 03 00'), [0, 0], 13, 0],
    ['to data', 'protected', hex('jmp 0x10:0', 'ea 00 00 00 00 10 00'), [0, 0], 13, DATA0],
    ['to absent code', 'protected', hex('call 0x70:0', '9a 00 00 00 00 70 00'), [0xffff, 0xcf1a00], 11, ODD],
    ['to code with L and D', 'compatibility', hex('jmp 0x70:0', 'ea 00 00 00 00 70 00'), [0xffff, 0xef9a00], 13, ODD],
    [
      'back to the inside',
      'protected',
      hex('push 0x1b ; push 0x1000 ; retf', '6a 1b 68 00 10 00 00 cb'),
      [0, 0],
      13,
      0,
    ],
    [
      'back beyond the limit',
      'protected',
      hex('push 0x70 ; push 0x100 ; retf', '6a 70 68 00 01 00 00 cb'),
      [0xff, 0x409a00],
      13,
      0,
    ],
    ['back to data', 'protected', hex('push 0x10 ; push 0x100 ; retf', '6a 10 68 00 01 00 00 cb'), [0, 0], 13, DATA0],
    ['back to nothing', 'protected', hex('push 0 ; push 0x100 ; retf', '6a 00 68 00 01 00 00 cb'), [0, 0], 13, 0],
  ])('%s', (_, mode, code, descriptor, vector, error) => {
    const rig = new KvmRig().start(mode, code).descriptor(ODD, ...descriptor);
    // an outer level's stack: nothing
    rig.load32(STACK, 0, 0);
    expect(rig.exception()).toMatchObject({ vector, error });
  });

  it('JMP by m16:64 to a non-canonical address', () => {
    const rig = new KvmRig().start('long', hex('jmp far qword [0x3000]', '48 ff 2c 25 00 30 00 00'));
    rig.load64(0x3000, 0x8000_0000_0000n, BigInt(CODE64));
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, ip: at(0) });
  });
  it('JMP by m16:64 and by m16:32', () => {
    const rig = new KvmRig().start('long', hex('jmp far qword [0x3000]', '48 ff 2c 25 00 30 00 00'));
    rig
      .load64(0x3000, BigInt(TARGET), BigInt(CODE64))
      .load(TARGET, hex('jmp far dword [0x3010]', 'ff 2c 25 10 30 00 00'))
      .load(0x1200, [0xf4]);
    rig.load32(0x3010, 0x1200, CODE32);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getSregs().cs.selector).toBe(CODE32);
  });
  it('to 16-bit code have 16 bits of the offset at operand size 16', () => {
    const frame = new KvmRig().start('protected', hex('o16 retf', '66 cb')).load(TARGET, [0xf4]);
    frame.load32(STACK, (CODE16 << 16) | TARGET);
    expect(frame.run()).toEqual(HLT);
    expect(frame.vcpu.getRegs()).toMatchObject({ rip: BigInt(TARGET + 1), rsp: BigInt(STACK + 4) });
  });
  it('do nothing when the accessed bit cannot be written', () => {
    const rig = new KvmRig()
      .start('paging', hex('call 0x70:0x1100', '9a 00 11 00 00 70 00'))
      .descriptor(ODD, 0xffff, 0xcf9a00);
    rig.load32(0x15000 + 9 * 4, 0x9005); // the GDT is read-only
    rig.setControl({ cr0: rig.vcpu.getSregs().cr0 | 0x10000n });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 3, ip: at(0), cs: CODE32 });
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK - 16));
  });
});

describe('flags of IRET and POPF', () => {
  const ALL = 0x3f7fd5;
  const VM = 0x20000;
  const frame = (rig: KvmRig, size: number, ...words: number[]) =>
    words.reduce((r, w, i) => {
      if (size === 2) r.view.setUint16(STACK + i * 2, w, true);
      else if (size === 4) r.load32(STACK + i * 4, w);
      else r.load64(STACK + i * 8, BigInt(w));
      return r;
    }, rig);
  const TF = 0x100;
  it.each<[string, Mode, Uint8Array, number, number, number]>([
    ['IRETD at level 0 takes VIF and VIP', 'protected', hex('iretd', 'cf'), CODE32, 4, ALL & ~VM & ~TF],
    ['IRET of 16 bits the low half', 'protected', hex('o16 iret', '66 cf'), CODE32, 2, 0x7ed5],
    ['IRETD in real mode all but VM, VIF and VIP', 'real', hex('iretd', '66 cf'), 0, 4, 0x257ed5],
    ['IRETQ as IRETD', 'long', hex('iretq', '48 cf'), CODE64, 8, ALL & ~VM & ~TF],
    ['IRETD in compatibility mode', 'compatibility', hex('iretd', 'cf'), CODE32, 4, ALL & ~VM & ~TF],
  ])('%s', (_, mode, code, cs, size, flags) => {
    const rig = new KvmRig().start(mode, code).load(TARGET, hex('out 0x99, al ; hlt', 'e6 99 f4'));
    const image = ALL & ~TF & (mode === 'protected' || mode === 'compatibility' ? ~VM : -1);
    frame(rig, size, TARGET, cs, image, STACK + 0x80, mode === 'long' ? DATA0 : 0);
    expect(rig.run()).toMatchObject({ port: 0x99 });
    const RF = 0x10000n;
    expect(rig.vcpu.getRegs().rflags & ~RF).toBe(BigInt((flags & ~0x10000) | 2));
  });
  it.each<[number, number, number]>([
    [0, 0, 0x4000 | 0x240000 | 0xcd5],
    [3, 0x3000, 0x4000 | 0x240000 | 0xed5],
  ])('POPFD and IRETD at level 3 and IOPL %i', (_, iopl, changes) => {
    for (const code of [
      hex('push dword 0x3f7ed5 ; popfd ; int3', '68 d5 7e 3f 00 9d cc'),
      hex(
        'push dword 0x3d7ed5 ; push dword 0x1b ; push dword 0x200d ; iretd ; int3',
        '68 d5 7e 3d 00 6a 1b 68 0d 20 00 00 cf cc',
      ),
    ]) {
      const rig = new KvmRig().startUser('protected', code).set({ rflags: BigInt(iopl | 2) });
      const e = rig.exception();
      expect(e).toMatchObject({ vector: 3 });
      expect(e.flags & ~0x10000).toBe(changes | iopl | 2);
    }
  });
  it('POPF at level 0 leaves VM, VIF and VIP', () => {
    const rig = new KvmRig().start(
      'protected',
      hex('push dword 0x3f7ed5 ; popfd ; out 0x99, al', '68 d5 7e 3f 00 9d e6 99'),
    );
    expect(rig.run()).toMatchObject({ port: 0x99 });
    expect(rig.vcpu.getRegs().rflags).toBe(0x247ed7n);
  });
  it('IRET with VM above level 0 does not enter virtual-8086 mode', () => {
    const code = hex(
      'push dword 0x20002 ; push dword 0x1b ; push dword 0x200d ; iretd ; int3',
      '68 02 00 02 00 6a 1b 68 0d 20 00 00 cf cc',
    );
    expect(new KvmRig().startUser('protected', code).exception()).toMatchObject({ vector: 3, flags: 2 });
  });
});

describe('vendors', () => {
  const asAmd = (rig: KvmRig) => {
    const [ebx, edx, ecx] = [0x68747541, 0x69746e65, 0x444d4163];
    rig.vcpu.setCpuid2(rig.vcpu.getCpuid2(100).map((e) => (e.function === 0 ? { ...e, ebx, edx, ecx } : e)));
    return rig;
  };
  const msrs = (rig: KvmRig) => {
    rig.vcpu.setMsrs([
      { index: 0xc000_0081, data: 0x0018_0030_0000_0000n },
      { index: 0xc000_0083, data: BigInt(TARGET) },
      { index: 0x174, data: BigInt(CODE32) },
      { index: 0x176, data: BigInt(TARGET) },
    ]);
    return rig.load(TARGET, [0xf4]);
  };
  const SYSCALL = hex('syscall', '0f 05');
  it('SYSCALL outside 64-bit mode is AMD only', () => {
    expect(msrs(new KvmRig().startUser('compatibility', SYSCALL)).exception()).toMatchObject({ vector: 6 });
    expect(msrs(asAmd(new KvmRig()).startUser('compatibility', SYSCALL)).run()).toEqual(HLT);
  });
  it('SYSENTER in long mode is Intel only', () => {
    for (const mode of ['long', 'compatibility'] as const) {
      expect(msrs(new KvmRig().startUser(mode, hex('sysenter', '0f 34'))).run()).toEqual(HLT);
      expect(msrs(asAmd(new KvmRig()).startUser(mode, hex('sysenter', '0f 34'))).exception()).toMatchObject({
        vector: 6,
      });
    }
  });
  it('SYSRET to a non-canonical address faults at level 3 on AMD', () => {
    const rig = msrs(asAmd(new KvmRig()).start('long', hex('o64 sysret', '48 0f 07'))).set({ rcx: 0x8000_0000_0000n });
    expect(rig.exception()).toMatchObject({ vector: 13, cs: USER_CODE64, ip: 0x8000_0000_0000n });
  });
});
