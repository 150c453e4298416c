/** Virtual-8086 mode by bare-metal code: the way in and out, and what depends on IOPL, VME and the I/O bitmap. */
import { describe, expect, it } from 'vitest';
import { CODE32, DATA0, FREE_SELECTOR, hex, IDT, KvmRig, STACK, STUBS, TSS } from '../testing/kvm-rig.ts';

const VM = 0x20000;
const IOPL3 = 0x3000;
const IF = 0x200;
const VIF = 0x80000;
const VIP = 0x100000;
const VME = 1n;
/** 8086 code lies at 0x2000, its stack below 0x8000, its data at 0x3000. */
const CS = 0x200;
const SS = 0x700;
const SP = 0x1000;
const DS = 0x300;
const ENTRY_STACK = 0x6000;
const IO_MAP = 136;

interface Options {
  flags?: number;
  cr4?: bigint;
  /** Ports whose bit of the I/O permission bitmap is set. */
  denied?: number[];
  /** Vectors whose bit of the redirection bitmap is set. */
  monitored?: number[];
}

/** A guest whose level 0 enters virtual-8086 mode by IRET, with code at CS:0. */
function virtual(code: Uint8Array, { flags = 0, cr4 = 0n, denied = [], monitored = [] }: Options = {}): KvmRig {
  const rig = new KvmRig().start('protected', hex('iret', 'cf')).load(CS * 16, code);
  const { tr, cr4: old } = rig.vcpu.getSregs();
  rig.setControl({ tr: { ...tr, limit: IO_MAP + 0x20 }, cr4: old | cr4 });
  rig.view.setUint16(TSS + 102, IO_MAP, true);
  const bit = (base: number, n: number) =>
    rig.load(base + (n >> 3), [(rig.ram[base + (n >> 3)] ?? 0) | (1 << (n & 7))]);
  for (const port of denied) bit(TSS + IO_MAP, port);
  for (const vector of monitored) bit(TSS + IO_MAP - 32, vector);
  rig.load32(ENTRY_STACK, 0, CS, VM | 2 | flags, SP, SS, 0x111, DS, 0x222, 0x333);
  return rig.set({ rsp: BigInt(ENTRY_STACK) });
}

/** Runs to a stub; what lies on the stack of level 0. */
function leave(rig: KvmRig, words = 9) {
  const { vector } = rig.exception();
  const error = [8, 10, 11, 12, 13, 14, 17].includes(vector) ? 1 : 0;
  const rsp = Number(rig.vcpu.getRegs().rsp);
  expect(rsp).toBe(STACK - (words + error) * 4);
  const frame = Array.from({ length: words + error }, (_, i) => rig.view.getUint32(rsp + i * 4, true));
  const [ip, cs, flags, sp, ss, ...data] = frame.slice(error);
  return { vector, error: error === 1 ? frame[0] : undefined, ip, cs, flags, sp, ss, data };
}
const GP = { vector: 13, error: 0 };

describe('virtual-8086 mode', () => {
  it('is entered by IRET, with segments of sixteen times the selector and 64 KiB', () => {
    const rig = virtual(hex('mov al, [0] ; mov bx, [bp] ; mov cx, ds ; int3', 'a0 00 00 8b 5e 00 8c d9 cc')).load(
      0x3000,
      [0x42],
    );
    rig.set({ rbp: 0x10n }).load(0x7010, [0x34, 0x12]);
    expect(leave(rig)).toMatchObject({ vector: 3, ip: 9, cs: CS, flags: VM | 2, sp: SP, ss: SS });
    expect(rig.vcpu.getRegs()).toMatchObject({ rbx: 0x1234n, rcx: BigInt(DS) });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(0x42n);
  });

  it('is left with its segments on the stack and none in the registers', () => {
    const rig = virtual(hex('ud2', '0f 0b'));
    expect(leave(rig)).toMatchObject({ vector: 6, ip: 0, cs: CS, sp: SP, ss: SS, data: [0x111, DS, 0x222, 0x333] });
    const { cs, ss, ds, es, fs, gs } = rig.vcpu.getSregs();
    expect([cs.selector, ss.selector]).toEqual([CODE32, DATA0]);
    for (const s of [ds, es, fs, gs]) expect(s).toMatchObject({ selector: 0, unusable: 1 });
    expect(rig.vcpu.getRegs().rflags & BigInt(VM)).toBe(0n);
  });

  it('comes back by IRET where it was', () => {
    const rig = virtual(hex('int3 ; inc cx ; mov ax, es ; int3', 'cc 41 8c c0 cc'));
    leave(rig);
    rig.load(STUBS + 3 * 16 + 2, hex('iret', 'cf')).set({ rcx: 6n });
    rig.run(); // the IRET lies where the stub's HLT was
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 7n, rax: 0x111n });
  });

  it('shows its descriptors as data of level 3', () => {
    const rig = virtual(hex('in al, 0x99', 'e4 99'));
    expect(rig.run()).toMatchObject({ exit: 'IO', direction: 'in' });
    const { cs, ss } = rig.vcpu.getSregs();
    for (const s of [cs, ss])
      expect(s).toMatchObject({ limit: 0xffff, type: 3, dpl: 3, s: 1, present: 1, db: 0, g: 0 });
    expect(cs.base).toBe(0x2000n);
  });

  it('raises #GP at 64 KiB, and #SS on the stack', () => {
    expect(leave(virtual(hex('mov bx, 0xffff ; mov ax, [bx]', 'bb ff ff 8b 07')))).toMatchObject({ ...GP, ip: 3 });
    expect(leave(virtual(hex('mov bp, 0xffff ; mov ax, [bp]', 'bd ff ff 8b 46 00')))).toMatchObject({
      vector: 12,
      error: 0,
      ip: 3,
    });
  });

  it.each<[string, Uint8Array]>([
    ['SLDT', hex('sldt ax', '0f 00 c0')],
    ['STR', hex('str ax', '0f 00 c8')],
    ['LLDT', hex('lldt ax', '0f 00 d0')],
    ['LTR', hex('ltr ax', '0f 00 d8')],
    ['VERR', hex('verr ax', '0f 00 e0')],
    ['VERW', hex('verw ax', '0f 00 e8')],
    ['LAR', hex('lar ax, ax', '0f 02 c0')],
    ['LSL', hex('lsl ax, ax', '0f 03 c0')],
    ['ARPL', hex('arpl ax, ax', '63 c0')],
  ])('has no %s', (_, code) => {
    expect(leave(virtual(code, { flags: IOPL3 }))).toMatchObject({ vector: 6, ip: 0 });
  });

  it.each<[string, Uint8Array]>([
    ['HLT', hex('hlt', 'f4')],
    ['LGDT', hex('lgdt [0]', '0f 01 16 00 00')],
    ['LMSW', hex('lmsw ax', '0f 01 f0')],
    ['MOV to CR0', hex('mov cr0, eax', '0f 22 c0')],
    ['MOV from DR7', hex('mov eax, dr7', '0f 21 f8')],
    ['CLTS', hex('clts', '0f 06')],
    ['WBINVD', hex('wbinvd', '0f 09')],
    ['RDMSR', hex('rdmsr', '0f 32')],
  ])('may not do %s, at any IOPL', (_, code) => {
    expect(leave(virtual(code, { flags: IOPL3 }))).toMatchObject({ ...GP, ip: 0 });
  });

  it('goes between its segments by far transfers', () => {
    const rig = virtual(hex('call 0x210:0 ; int3', '9a 00 00 10 02 cc')).load(
      0x2100,
      hex('push cs ; pop ax ; retf', '0e 58 cb'),
    );
    expect(leave(rig)).toMatchObject({ vector: 3, ip: 6, cs: CS, sp: SP });
    expect(rig.vcpu.getRegs().rax).toBe(0x210n);
  });
});

describe('events out of virtual-8086 mode', () => {
  it('through a 16-bit gate push words', () => {
    const rig = virtual(hex('int3', 'cc')).gate(3, STUBS + 48, { type: 0x86, dpl: 3 });
    rig.exception();
    const rsp = Number(rig.vcpu.getRegs().rsp);
    expect(rsp).toBe(STACK - 18);
    const words = Array.from({ length: 9 }, (_, i) => rig.view.getUint16(rsp + i * 2, true));
    expect(words).toEqual([1, CS, 2, SP, SS, 0x111, DS, 0x222, 0x333]);
  });
  it('keep IF through a trap gate and clear it through an interrupt gate', () => {
    const rig = virtual(hex('int3', 'cc'), { flags: IF }).gate(3, STUBS + 48, { type: 0x8f, dpl: 3 });
    expect(leave(rig).flags).toBe(VM | IF | 2);
    expect(rig.vcpu.getRegs().rflags & BigInt(IF)).toBe(BigInt(IF));
    const closed = virtual(hex('int3', 'cc'), { flags: IF });
    leave(closed);
    expect(closed.vcpu.getRegs().rflags & BigInt(IF)).toBe(0n);
  });
  it.each<[string, number]>([
    ['conforming code', 0xcf9f00],
    ['code of level 3', 0xcffb00],
  ])('raise #GP for a gate to %s', (_, high) => {
    const rig = virtual(hex('int3', 'cc')).descriptor(FREE_SELECTOR, 0xffff, high);
    rig.load32(IDT + 24, (FREE_SELECTOR << 16) | STUBS, 0xee00);
    expect(leave(rig)).toMatchObject({ vector: 13, error: FREE_SELECTOR, ip: 0 });
  });
  it.each<[string, Uint8Array, number]>([
    ['INT3', hex('int3', 'cc'), 3],
    ['INTO', hex('mov al, 0x7f ; inc al ; into', 'b0 7f fe c0 ce'), 4],
  ])('by %s need a gate of level 3, whatever IOPL', (_, code, vector) => {
    expect(leave(virtual(code))).toMatchObject({ vector });
    expect(leave(virtual(code).gate(vector, STUBS, { dpl: 0 }))).toMatchObject({ vector: 13, error: vector * 8 + 2 });
  });
  it('by ICEBP need none', () => {
    expect(leave(virtual(hex('db 0xf1', 'f1')))).toMatchObject({ vector: 1, ip: 1 });
  });
  it('report #PF with its user bit', () => {
    const paging = new KvmRig().start('paging', hex('iret', 'cf')).load(CS * 16, hex('mov al, [0]', 'a0 00 00'));
    paging.load32(ENTRY_STACK, 0, CS, VM | 2, SP, SS, 0, DS, 0, 0).set({ rsp: BigInt(ENTRY_STACK) });
    paging.load32(0x15000 + 3 * 4, 0x3003);
    expect(paging.exception()).toMatchObject({ vector: 14, error: 5, cr2: 0x3000n });
  });
});

describe('IOPL and VME', () => {
  const SENSITIVE: [string, Uint8Array][] = [
    ['CLI', hex('cli', 'fa')],
    ['STI', hex('sti', 'fb')],
    ['PUSHF', hex('pushf', '9c')],
    ['PUSHFD', hex('pushfd', '66 9c')],
    ['POPF', hex('popf', '9d')],
    ['POPFD', hex('popfd', '66 9d')],
    ['IRET', hex('iret', 'cf')],
    ['IRETD', hex('iretd', '66 cf')],
    ['INT n', hex('int 0x80', 'cd 80')],
  ];
  it.each(SENSITIVE)('%s is #GP below IOPL 3', (_, code) => {
    expect(leave(virtual(code, { flags: 0x2000 }))).toMatchObject({ ...GP, ip: 0 });
  });
  it.each(SENSITIVE.filter(([name]) => name.endsWith('D')))('%s is #GP with VME too', (_, code) => {
    expect(leave(virtual(code, { cr4: VME }))).toMatchObject({ ...GP, ip: 0 });
  });

  it.each<[string, Uint8Array, number, bigint, number]>([
    ['CLI at IOPL 3 clears IF', hex('cli ; int3', 'fa cc'), IOPL3 | IF, 0n, IOPL3],
    ['STI at IOPL 3 sets IF', hex('sti ; nop ; int3', 'fb 90 cc'), IOPL3, 0n, IOPL3 | IF],
    ['CLI with VME clears VIF', hex('cli ; int3', 'fa cc'), IF | VIF, VME, IF],
    ['STI with VME sets VIF', hex('sti ; int3', 'fb cc'), 0, VME, VIF],
    ['POPF at IOPL 3 sets IF, and not IOPL', hex('push 0x200 ; popf ; int3', '68 00 02 9d cc'), IOPL3, 0n, IOPL3 | IF],
    [
      'POPFD does not change VM, VIF and VIP',
      hex('push dword 0x180200 ; popfd ; int3', '66 68 00 02 18 00 66 9d cc'),
      IOPL3,
      0n,
      IOPL3 | IF,
    ],
    ['POPF with VME sets VIF', hex('push 0x3200 ; popf ; int3', '68 00 32 9d cc'), 0, VME, VIF],
    [
      'POPF with VME clears VIF',
      hex('push 0x4000 ; popf ; int3', '68 00 40 9d cc'),
      VIF | VIP | IF,
      VME,
      VIP | IF | 0x4000,
    ],
    [
      'IRET at IOPL 3',
      hex('push 0x4200 ; push 0x200 ; push 9 ; iret ; int3', '68 00 42 68 00 02 6a 09 cf cc'),
      IOPL3,
      0n,
      IOPL3 | IF | 0x4000,
    ],
    [
      'IRET with VME',
      hex('push 0x200 ; push 0x200 ; push 9 ; iret ; int3', '68 00 02 68 00 02 6a 09 cf cc'),
      0,
      VME,
      VIF,
    ],
  ])('%s', (_, code, flags, cr4, after) => {
    expect(leave(virtual(code, { flags, cr4 }))).toMatchObject({ vector: 3, flags: VM | after | 2 });
  });
  it.each<[string, Uint8Array, number]>([
    ['STI', hex('sti', 'fb'), 0],
    ['POPF that opens', hex('push 0x200 ; popf', '68 00 02 9d'), 3],
    ['IRET that opens', hex('push 0x200 ; push 0x200 ; push 0 ; iret', '68 00 02 68 00 02 6a 00 cf'), 8],
  ])('%s is #GP with VME while an interrupt waits', (_, code, ip) => {
    expect(leave(virtual(code, { flags: VIP, cr4: VME }))).toMatchObject({ ...GP, ip });
  });
  it('POPF of TF is #GP with VME', () => {
    expect(leave(virtual(hex('push 0x100 ; popf', '68 00 01 9d'), { cr4: VME }))).toMatchObject({ ...GP, ip: 3 });
  });

  it('PUSHF shows IOPL 3 and VIF with VME, and the flags themselves at IOPL 3', () => {
    const pushed = (options: Options) => {
      const rig = virtual(hex('pushf ; pop ax ; int3', '9c 58 cc'), options);
      expect(leave(rig)).toMatchObject({ vector: 3 });
      return rig.vcpu.getRegs().rax;
    };
    expect(pushed({ flags: VIF, cr4: VME })).toBe(0x3202n);
    expect(pushed({ flags: IF, cr4: VME })).toBe(0x3002n);
    expect(pushed({ flags: IOPL3 | IF | VIF, cr4: VME })).toBe(0x3202n);
    expect(pushed({ flags: IOPL3 | VIF, cr4: VME })).toBe(0x3002n);
  });

  // [SDM] volume 3, table 21-2
  it.each<[number, number, bigint, number[], number]>([
    [1, IOPL3, 0n, [], 0x80],
    [2, 0, 0n, [], 13],
    [3, 0, VME, [0x80], 13],
    [4, IOPL3, VME, [0x80], 0x80],
  ])('INT n by method %i', (_, flags, cr4, monitored, vector) => {
    const rig = virtual(hex('int 0x80', 'cd 80'), { flags, cr4, monitored });
    expect(leave(rig)).toMatchObject({ vector, ip: vector === 13 ? 0 : 2 });
  });
  it.each<[number, number, number, number]>([
    [5, IOPL3 | IF, 0x3202, IOPL3],
    [6, VIF | IF, 0x3202, IF],
    [6, IF, 0x3002, IF],
  ])('INT n by method %i goes to the handler of the 8086 program', (_, flags, image, after) => {
    const rig = virtual(hex('int 0x80', 'cd 80'), { flags, cr4: VME });
    rig.load32(0x80 * 4, (0x220 << 16) | 0x10).load(0x2210, hex('int3', 'cc'));
    expect(leave(rig)).toMatchObject({ vector: 3, ip: 0x11, cs: 0x220, sp: SP - 6, flags: VM | after | 2 });
    const words = [0, 2, 4].map((n) => rig.view.getUint16(SS * 16 + SP - 6 + n, true));
    expect(words).toEqual([2, CS, image]);
  });
  it('INT n is #GP where the TSS has no redirection bitmap', () => {
    const rig = virtual(hex('int 0x80', 'cd 80'), { cr4: VME });
    const { tr } = rig.vcpu.getSregs();
    rig.setControl({ tr: { ...tr, limit: 0x66 } });
    expect(leave(rig)).toMatchObject({ ...GP, ip: 0 });
  });
});

describe('protected-mode virtual interrupts', () => {
  const PVI = 2n;
  const user = (code: Uint8Array, flags: number, cr4 = PVI) => {
    const rig = new KvmRig().startUser('protected', code).set({ rflags: BigInt(flags | 2) });
    return rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | cr4 });
  };
  it('CLI and STI of level 3 change VIF', () => {
    expect(user(hex('sti ; int3', 'fb cc'), 0).exception()).toMatchObject({ vector: 3, flags: VIF | 2 });
    expect(user(hex('cli ; int3', 'fa cc'), VIF | IF).exception()).toMatchObject({ vector: 3, flags: IF | 2 });
    expect(user(hex('sti', 'fb'), VIP).exception()).toMatchObject({ vector: 13, error: 0 });
  });
  it('are not those of VME, nor of an IOPL that allows IF', () => {
    expect(user(hex('sti', 'fb'), 0, VME).exception()).toMatchObject({ vector: 13, error: 0 });
    expect(user(hex('cli ; int3', 'fa cc'), IOPL3 | IF | VIF).exception()).toMatchObject({
      vector: 3,
      flags: IOPL3 | VIF | 2,
    });
  });
});

describe('the I/O permission bitmap', () => {
  const INPUT = hex('in al, 0x53', 'e4 53');
  it('decides in virtual-8086 mode at any IOPL', () => {
    for (const flags of [0, IOPL3]) {
      expect(virtual(INPUT, { flags }).run()).toMatchObject({ exit: 'IO', direction: 'in', port: 0x53 });
      expect(leave(virtual(INPUT, { flags, denied: [0x53] }))).toMatchObject({ ...GP, ip: 0 });
    }
  });
  it.each<[string, Uint8Array, number]>([
    ['OUT', hex('out 0x53, al', 'e6 53'), 0x53],
    ['IN of a word', hex('in ax, 0x52', 'e5 52'), 0x53],
    ['IN of four bytes across a byte of the map', hex('in eax, 0x4f', '66 e5 4f'), 0x52],
    ['INS', hex('mov dx, 0x53 ; insb', 'ba 53 00 6c'), 0x53],
    ['OUTS', hex('mov dx, 0x53 ; outsb', 'ba 53 00 6e'), 0x53],
  ])('refuses %s for any of its ports', (_, code, port) => {
    expect(leave(virtual(code, { denied: [port] }))).toMatchObject(GP);
    expect(virtual(code, { denied: [port + 1, 0x4e] }).run()).toMatchObject({ exit: 'IO' });
  });
  it('refuses what lies beyond the TSS', () => {
    // the map has ports 0 to 0xff and half of the last byte's partner
    expect(leave(virtual(hex('mov dx, 0x100 ; in al, dx', 'ba 00 01 ec')))).toMatchObject(GP);
    expect(virtual(hex('mov dx, 0xff ; in al, dx', 'ba ff 00 ec')).run()).toMatchObject({ exit: 'IO', port: 0xff });
  });
  it('decides in protected mode above IOPL only', () => {
    const user = (flags: bigint) =>
      new KvmRig().startUser('protected', hex('in al, 0x53', 'e4 53')).set({ rflags: flags });
    expect(user(2n).exception()).toMatchObject({ vector: 13, error: 0 });
    expect(user(0x3002n).run()).toMatchObject({ exit: 'IO', port: 0x53 });
  });
});
