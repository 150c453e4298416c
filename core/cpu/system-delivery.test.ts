/** Delivery of interrupts and exceptions: gates, error codes with EXT, faults on the way, double and triple faults. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  CODE32,
  DATA0,
  FREE_SELECTOR,
  hex,
  IDT,
  KvmRig,
  type Mode,
  STACK,
  STUBS,
  TSS,
  USER_CODE,
  USER_CODE32,
  USER_CODE64,
  USER_DATA,
} from '../testing/kvm-rig.ts';

const at = (offset: number) => BigInt(CODE + offset);
const ODD = FREE_SELECTOR;
const wide = (mode: Mode) => mode === 'long' || mode === 'compatibility';
/** The two low words of a gate. */
const gateWords = (rig: KvmRig, vector: number, low: number, high: number) =>
  rig.load32(IDT + vector * (wide(rig.mode) ? 16 : 8), low, high);

describe('instructions that interrupt', () => {
  it.each<[string, Mode, Uint8Array, number, number]>([
    ['INT n', 'protected', hex('int 0x80', 'cd 80'), 0x80, 2],
    ['INT3', 'protected', hex('int3', 'cc'), 3, 1],
    ['INT 3 of two bytes', 'protected', hex('db 0xcd, 3', 'cd 03'), 3, 2],
    ['INTO', 'protected', hex('mov al, 0x7f ; inc al ; into', 'b0 7f fe c0 ce'), 4, 5],
    ['ICEBP', 'protected', hex('db 0xf1', 'f1'), 1, 1],
    ['BOUND', 'protected', hex('bound eax, [0x3000]', '62 05 00 30 00 00'), 5, 0],
    ['INT n in long mode', 'long', hex('int 0x80', 'cd 80'), 0x80, 2],
    ['ICEBP in long mode', 'long', hex('db 0xf1', 'f1'), 1, 1],
    ['INT n in real mode', 'real', hex('int 0x80', 'cd 80'), 0x80, 2],
    ['INTO in real mode', 'real', hex('mov al, 0x7f ; inc al ; into', 'b0 7f fe c0 ce'), 4, 5],
    ['BOUND in real mode', 'real', hex('bound ax, [0x3000]', '62 06 00 30'), 5, 0],
  ])('%s', (_, mode, code, vector, ip) => {
    const rig = new KvmRig().start(mode, code).load32(0x3000, 1, 0).set({ rax: 0x7000_8000n });
    expect(rig.exception()).toMatchObject({ vector, ip: at(ip), error: undefined });
  });
  it('INT n of a vector that has an error code pushes none', () => {
    const rig = new KvmRig().start('protected', hex('int 0x0d', 'cd 0d'));
    rig.run();
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK - 12));
  });
  it.each<[string, Uint8Array, number]>([
    ['INT n', hex('int 0x21', 'cd 21'), 0x21],
    ['INT3', hex('int3', 'cc'), 3],
    ['INTO', hex('mov al, 0x7f ; inc al ; into', 'b0 7f fe c0 ce'), 4],
  ])('%s of level 3 needs a gate of level 3', (_, code, vector) => {
    for (const mode of ['protected', 'long'] as const) {
      if (mode === 'long' && vector === 4) continue; // no INTO
      const rig = new KvmRig().startUser(mode, code).gate(vector, STUBS, { dpl: 0 });
      const cs = mode === 'long' ? USER_CODE64 : USER_CODE32;
      expect(rig.exception()).toMatchObject({ vector: 13, error: vector * 8 + 2, cs });
    }
  });
  it('ICEBP of level 3 needs none', () => {
    expect(new KvmRig().startUser('protected', hex('db 0xf1', 'f1')).exception()).toMatchObject({
      vector: 1,
      ip: BigInt(USER_CODE + 1),
    });
  });
});

describe.each(['protected', 'long'] as const)('a gate in %s mode', (mode) => {
  const code = mode === 'long' ? 0x30 : CODE32;
  const flat = mode === 'long' ? 0xaf0000 : 0xcf0000;
  it.each<[string, [number, number], number, number, number]>([
    ['of no type', [code << 16, 0x8000], 0, 13, 0x21 * 8 + 2],
    ['that is a call gate', [code << 16, 0x8c00], 0, 13, 0x21 * 8 + 2],
    ['that is absent', [code << 16, 0x0e00], 0, 11, 0x21 * 8 + 2],
    ['to a null selector', [0, 0x8e00], 0, 13, 0],
    ['to a selector beyond the GDT', [0x1000 << 16, 0x8e00], 0, 13, 0x1000],
    ['to data', [DATA0 << 16, 0x8e00], 0, 13, DATA0],
    ['to absent code', [ODD << 16, 0x8e00], flat | 0x1a00, 11, ODD],
    ['to code of an outer level', [ODD << 16, 0x8e00], flat | 0xfa00, 13, ODD],
  ])('%s', (_, words, high, vector, error) => {
    const set = (rig: KvmRig, n: number) => gateWords(rig.descriptor(ODD, 0xffff, high), n, ...words);
    const software = set(new KvmRig().start(mode, hex('int 0x21', 'cd 21')), 0x21);
    expect(software.exception()).toMatchObject({ vector, error, ip: at(0) });
    // an exception sets EXT
    const fault = set(new KvmRig().start(mode, hex('ud2', '0f 0b')), 6);
    const idt = (error & 2) !== 0;
    expect(fault.exception()).toMatchObject({ vector, error: (idt ? 6 * 8 + 2 : error) | 1, ip: at(0) });
  });
  it('beyond the IDT', () => {
    const limit = 0x21 * (mode === 'long' ? 16 : 8) + 6;
    const rig = new KvmRig().start(mode, hex('int 0x21', 'cd 21'));
    expect(rig.setControl({ idt: { base: BigInt(IDT), limit } }).exception()).toMatchObject({
      vector: 13,
      error: 0x21 * 8 + 2,
    });
  });
  it('to conforming code stays at level 3', () => {
    const rig = new KvmRig().startUser(mode, hex('int 0x21', 'cd 21')).descriptor(ODD, 0xffff, flat | 0x9e00);
    gateWords(rig, 0x21, (ODD << 16) | 0x1100, 0xee00).load(0x1100, hex('int 0x80', 'cd 80'));
    expect(rig.exception()).toMatchObject({ vector: 0x80, cs: ODD | 3, ss: USER_DATA });
  });
});

describe('protected mode', () => {
  it('pushes words through a 16-bit gate, the error code too', () => {
    const rig = new KvmRig()
      .start('protected', hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'))
      .set({ rflags: 0x203n });
    rig.gate(13, STUBS + 13 * 16, { type: 0x86 });
    expect(rig.run()).toMatchObject({ port: 13 });
    const rsp = Number(rig.vcpu.getRegs().rsp);
    expect(rsp).toBe(STACK - 8);
    const words = [0, 2, 4, 6].map((n) => rig.view.getUint16(rsp + n, true));
    expect(words).toEqual([0x1000, CODE + 5, CODE32, 0x203]);
  });
  it('16-bit gates have 16 bits of the offset', () => {
    const rig = new KvmRig().start('protected', hex('int 0x21', 'cd 21'));
    gateWords(rig, 0x21, (CODE32 << 16) | 0x1100, 0x0007_8600).load(0x1100, [0xf4]);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });
  it('an offset beyond the code segment is #GP with EXT alone', () => {
    const rig = new KvmRig().start('protected', hex('ud2', '0f 0b')).descriptor(ODD, 0xff, 0x409a00);
    expect(gateWords(rig, 6, (ODD << 16) | 0x100, 0x8e00).exception()).toMatchObject({ vector: 13, error: 1 });
  });
  it.each<[string, number, number, number, number]>([
    ['null', 0, 0, 10, 0],
    ['beyond the GDT', 0x1000, 0, 10, 0x1000],
    ['of another level', USER_DATA, 0, 10, USER_DATA & ~3],
    ['read-only', ODD, 0xcf9000, 10, ODD],
    ['absent', ODD, 0xcf1200, 12, ODD],
    ['without room', ODD, 0x409200, 12, ODD],
  ])('a stack of the TSS that is %s', (_, ss, high, vector, error) => {
    for (const [source, external] of [
      [hex('int 0x80', 'cd 80'), 0],
      [hex('ud2', '0f 0b'), 1],
    ] as const) {
      const rig = new KvmRig()
        .startUser('protected', source)
        .descriptor(ODD, 0xff, high)
        .load32(TSS + 8, ss);
      rig.descriptor(0x78, (0x4400 << 16) | 0x67, 0x8900).load32(IDT + vector * 8, 0x78 << 16, 0x8500);
      rig.load32(0x4420, STUBS + vector * 16, 2).load32(0x4438, 0x5800);
      rig.load32(0x4448, DATA0, CODE32, DATA0, DATA0);
      expect(rig.run()).toMatchObject({ exit: 'IO', port: vector });
      expect(rig.view.getUint32(0x57fc, true)).toBe(error | external);
      expect(rig.view.getUint32(TSS + 0x20, true)).toBe(USER_CODE);
    }
  });
  it('a TSS that ends before the stack is #TS of its selector', () => {
    const rig = new KvmRig().startUser('protected', hex('int 0x80', 'cd 80'));
    const { tr } = rig.vcpu.getSregs();
    // #TS needs that stack too: a double fault, which needs it too
    expect(rig.setControl({ tr: { ...tr, limit: 8 } }).run()).toEqual({ exit: 'SHUTDOWN' });
  });
  it('a stack of the same level without room is #SS with EXT alone', () => {
    const rig = new KvmRig().start('protected', hex('int 0x21', 'cd 21'));
    const { ss } = rig.vcpu.getSregs();
    rig.setControl({ ss: { ...ss, limit: 0xfff, g: 0 } }).set({ rsp: 0x1002n });
    rig.descriptor(0x78, (0x4400 << 16) | 0x67, 0x8900).load32(IDT + 12 * 8, 0x78 << 16, 0x8500);
    rig
      .load32(0x4420, STUBS + 12 * 16, 2)
      .load32(0x4438, 0x5800)
      .load32(0x4448, DATA0, CODE32, DATA0, DATA0);
    expect(rig.run()).toMatchObject({ exit: 'IO', port: 12 });
    expect(rig.view.getUint32(0x57fc, true)).toBe(0);
    expect(rig.view.getUint32(TSS + 0x38, true)).toBe(0x1002);
  });
});

describe('long mode', () => {
  it('an IST that is not canonical is #SS', () => {
    const rig = new KvmRig()
      .start('long', hex('ud2', '0f 0b'))
      .gate(6, STUBS, { ist: 1 })
      .load64(TSS + 36, 0x8000_0000_0000n);
    expect(rig.exception()).toMatchObject({ vector: 12, error: 1, ip: at(0) });
  });
  it('a TSS that ends before the IST is #TS', () => {
    const rig = new KvmRig().start('long', hex('int 0x21', 'cd 21')).gate(0x21, STUBS, { ist: 7 });
    const { tr } = rig.vcpu.getSregs();
    expect(rig.setControl({ tr: { ...tr, limit: 40 } }).exception()).toMatchObject({ vector: 10, error: 0x40 });
  });
  it('a target that is not canonical is #GP with EXT alone, and one of 32-bit code #GP with its selector', () => {
    const rig = new KvmRig().start('long', hex('ud2', '0f 0b')).load32(IDT + 6 * 16 + 8, 0x8000);
    expect(rig.exception()).toMatchObject({ vector: 13, error: 1 });
    const compatible = new KvmRig().start('long', hex('ud2', '0f 0b'));
    expect(gateWords(compatible, 6, (CODE32 << 16) | STUBS, 0x8e00).exception()).toMatchObject({
      vector: 13,
      error: CODE32 | 1,
    });
  });
  it('task gates do not exist', () => {
    const rig = new KvmRig().start('long', hex('int 0x21', 'cd 21'));
    expect(gateWords(rig, 0x21, 0x40 << 16, 0x8500).exception()).toMatchObject({ vector: 13, error: 0x21 * 8 + 2 });
  });
});

// [SDM] volume 3, table 6-5: what makes #DF when it comes while the first is delivered
describe('a second fault', () => {
  /** A first exception of each class, and the vector whose gate is then spoiled so that #NP follows. */
  const FIRST: [string, Uint8Array, number, number | undefined][] = [
    ['#DE, contributory', hex('xor ecx, ecx ; div ecx', '31 c9 f7 f1'), 0, 8],
    ['#GP, contributory', hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'), 13, 8],
    ['#PF', hex('mov al, [0x5000]', 'a0 00 50 00 00'), 14, 8],
    ['#UD, benign', hex('ud2', '0f 0b'), 6, 11],
    ['#BR, benign', hex('bound eax, [0x3000]', '62 05 00 30 00 00'), 5, 11],
    ['INT 13, benign', hex('int 13', 'cd 0d'), 13, 11],
  ];
  it.each(FIRST)('#NP behind %s', (_, code, vector, expected) => {
    const rig = new KvmRig().start('paging', code).gate(vector, 0, { type: 0x0e });
    rig.load32(0x15000 + 5 * 4, 0).load32(0x3000, 1, 0);
    expect(rig.exception()).toMatchObject({
      vector: expected,
      error: expected === 8 ? 0 : vector * 8 + (vector === 13 ? 2 : 3),
    });
  });
  it.each<[string, Uint8Array, number, number]>([
    ['#GP: served as #PF', hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8'), 13, 14],
    ['#UD: served as #PF', hex('ud2', '0f 0b'), 6, 14],
    ['#PF: #DF', hex('mov al, [0x5000]', 'a0 00 50 00 00'), 14, 8],
  ])('#PF behind %s, with CR2', (_, code, vector, expected) => {
    const rig = new KvmRig().start('paging', code).load32(0x15000 + 5 * 4, 0);
    // the gate's code segment lies in a table that is not there
    rig.setControl({
      ldt: { ...rig.vcpu.getSregs().ldt, base: 0x4000n, limit: 0xf, type: 2, present: 1, unusable: 0, s: 0 },
    });
    rig.load32(0x15000 + 4 * 4, 0);
    gateWords(rig, vector, (4 << 16) | STUBS, 0x8e00);
    expect(rig.exception()).toMatchObject({ vector: expected, error: 0, cr2: 0x4000n });
  });
});
