/** Task switches by bare-metal code. [SDM] volume 3, chapter 8. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  CODE32,
  DATA0,
  DATA16,
  FREE_SELECTOR,
  GDT,
  hex,
  IDT,
  KvmRig,
  PAGE_DIRECTORY32,
  STACK,
  STUBS,
  TSS,
  USER_CODE,
  USER_CODE32,
  USER_DATA,
  USER_STACK,
} from '../testing/kvm-rig.ts';

const HLT = { exit: 'HLT' };
const NT = 0x4000;
const VM = 0x20000;
/** The task of the rig, and another one with its TSS, its code and its stack. */
const FIRST = 0x40;
const SECOND = FREE_SELECTOR;
const TASK_GATE = FREE_SELECTOR + 8;
const LDT = FREE_SELECTOR + 16;
const ODD = FREE_SELECTOR + 24;
const TSS2 = 0x4000;
const CODE2 = 0x2800;
const STACK2 = 0x5000;
const LDT_AT = 0x4800;
const BUSY = 2;

interface Task {
  type?: number;
  limit?: number;
  dpl?: number;
  present?: boolean;
  cr3?: number;
  eip?: number;
  eflags?: number;
  esp?: number;
  cs?: number;
  ss?: number;
  data?: number;
  ldt?: number;
  trap?: number;
  link?: number;
}

/** A 32-bit TSS at TSS2 with its descriptor. */
function task(rig: KvmRig, o: Task = {}): KvmRig {
  const { type = 9, limit = 0x67, dpl = 0, present = true, eip = CODE2, eflags = 2, esp = STACK2, data = DATA0 } = o;
  rig.descriptor(FIRST, (TSS << 16) | 0x67, 0x8b00); // it runs
  rig.descriptor(SECOND, (TSS2 << 16) | limit, ((present ? 0x80 : 0) | (dpl << 5) | type) << 8);
  rig.descriptor(TASK_GATE, SECOND << 16, 0x8500 | (dpl << 13));
  rig.load32(TSS2, o.link ?? 0, STACK, DATA0);
  rig.load32(TSS2 + 0x1c, o.cr3 ?? PAGE_DIRECTORY32, eip, eflags);
  rig.load32(TSS2 + 0x28, 0xa, 0xc, 0xd, 0xb, esp, 0xeb, 0x51, 0xd1);
  rig.load32(TSS2 + 0x48, data, o.cs ?? CODE32, o.ss ?? DATA0, data, 0, 0, o.ldt ?? 0, o.trap ?? 0);
  return rig;
}
/** A 16-bit one. */
function task16(rig: KvmRig, eflags = 2): KvmRig {
  rig.descriptor(FIRST, (TSS << 16) | 0x67, 0x8b00);
  rig.descriptor(SECOND, (TSS2 << 16) | 0x2b, 0x8100).descriptor(TASK_GATE, SECOND << 16, 0x8500);
  const words = [CODE2, eflags, 0xa, 0xc, 0xd, 0xb, STACK2, 0xeb, 0x51, 0xd1, DATA16, CODE32, DATA0, DATA16, 0];
  words.forEach((w, i) => {
    rig.view.setUint16(TSS2 + 0xe + i * 2, w, true);
  });
  return rig;
}
const start = (code: Uint8Array, second = hex('hlt', 'f4')) =>
  new KvmRig().start('protected', code).load(CODE2, second);
const typeOf = (rig: KvmRig, selector: number) => (rig.ram[GDT + selector + 5] ?? 0) & 15;
const word = (rig: KvmRig, at: number) => rig.view.getUint32(at, true);

const JMP_TSS = hex('jmp 0x60:0', 'ea 00 00 00 00 60 00');
const CALL_TSS = hex('call 0x60:0 ; hlt', '9a 00 00 00 00 60 00 f4');
const JMP_GATE = hex('jmp 0x68:0', 'ea 00 00 00 00 68 00');

describe('a task switch', () => {
  it.each([
    ['a TSS', JMP_TSS],
    ['a task gate', JMP_GATE],
  ])('by JMP to %s loads the new state and saves the old', (_, code) => {
    const rig = task(start(code)).set({ rax: 0x1111n, rsi: 0x2222n, rflags: 0x8d7n });
    expect(rig.run()).toEqual(HLT);
    const regs = rig.vcpu.getRegs();
    expect(regs).toMatchObject({ rax: 0xan, rcx: 0xcn, rdx: 0xdn, rbx: 0xbn, rbp: 0xebn, rsi: 0x51n, rdi: 0xd1n });
    expect(regs).toMatchObject({ rsp: BigInt(STACK2), rip: BigInt(CODE2 + 1), rflags: 2n });
    const sregs = rig.vcpu.getSregs();
    expect(sregs).toMatchObject({ tr: { selector: SECOND, base: BigInt(TSS2), type: 0xb }, fs: { unusable: 1 } });
    expect(sregs).toMatchObject({ ldt: { selector: 0, unusable: 1 }, cs: { selector: CODE32 } });
    expect(sregs.cr0 & 8n).toBe(8n); // TS
    expect([typeOf(rig, FIRST), typeOf(rig, SECOND)]).toEqual([9, 0xb]);
    expect([0x20, 0x24, 0x28, 0x40].map((at) => word(rig, TSS + at))).toEqual([CODE + 7, 0x8d7, 0x1111, 0x2222]);
    expect([0x48, 0x4c, 0x50].map((at) => word(rig, TSS + at))).toEqual([DATA0, CODE32, DATA0]);
    expect(word(rig, TSS2)).toBe(0);
  });

  it('by CALL nests, and IRET comes back', () => {
    const rig = task(start(CALL_TSS, hex('pushf ; pop eax ; iret ; hlt', '9c 58 cf f4'))).set({ rbx: 0x77n });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rip: BigInt(CODE + 8), rbx: 0x77n, rflags: 2n });
    expect(word(rig, TSS2)).toBe(FIRST); // back link
    expect(word(rig, TSS2 + 0x28)).toBe(NT | 2);
    expect(word(rig, TSS2 + 0x24)).toBe(2); // saved without NT
    expect(word(rig, TSS2 + 0x20)).toBe(CODE2 + 3);
    expect([typeOf(rig, FIRST), typeOf(rig, SECOND)]).toEqual([0xb, 9]);
  });

  it('by INT through a task gate nests too', () => {
    const rig = task(start(hex('int 0x21 ; hlt', 'cd 21 f4'), hex('iret', 'cf'))).load32(
      IDT + 0x21 * 8,
      SECOND << 16,
      0x8500,
    );
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE + 3));
    expect(word(rig, TSS2)).toBe(FIRST);
  });

  it('by a fault saves the instruction with RF, and has the error code on its stack', () => {
    const rig = task(start(hex('nop ; mov eax, 0x1003 ; mov ds, eax', '90 b8 03 10 00 00 8e d8'))).load32(
      IDT + 13 * 8,
      SECOND << 16,
      0x8500,
    );
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK2 - 4));
    expect(word(rig, STACK2 - 4)).toBe(0x1000);
    expect([word(rig, TSS + 0x20), word(rig, TSS + 0x24)]).toEqual([CODE + 6, 0x10002]);
  });

  it('to and from a 16-bit TSS has words, and no CR3, FS and GS', () => {
    const rig = task16(start(CALL_TSS, hex('iret', 'cf'))).set({ rax: 0x1234_5678n, rbp: 0x8765_4321n });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 0x1234_5678n, rbp: 0x8765_4321n });
    expect(rig.view.getUint16(TSS2, true)).toBe(FIRST);
    expect(rig.view.getUint16(TSS2 + 0xe, true)).toBe(CODE2 + 1);
    const there = task16(start(JMP_TSS)).set({ rax: 0x1234_5678n });
    expect(there.run()).toEqual(HLT);
    expect(there.vcpu.getRegs()).toMatchObject({ rax: 0xan, rsp: BigInt(STACK2), rdi: 0xd1n });
    expect(there.vcpu.getSregs()).toMatchObject({ ds: { selector: DATA16 }, fs: { unusable: 1 }, tr: { type: 3 } });
  });

  it('loads CR3 when paging is on', () => {
    const other = 0x19000;
    const rig = new KvmRig().start('paging', JMP_TSS).load(CODE2, hex('mov eax, [0x3000] ; hlt', 'a1 00 30 00 00 f4'));
    task(rig, { cr3: other });
    rig.load32(other, 0x1a007);
    for (let page = 0; page < 256; page++) rig.load32(0x1a000 + page * 4, (page << 12) | 7);
    rig
      .load32(0x1a000 + 3 * 4, 0x20007)
      .load32(0x20000, 0x4242)
      .load32(0x3000, 0x1111);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax).toBe(0x4242n);
    expect(rig.vcpu.getSregs().cr3).toBe(BigInt(other));
  });

  it('goes to level 3, to virtual-8086 mode, and to segments of its LDT', () => {
    const user = task(start(JMP_TSS), { cs: USER_CODE32, ss: USER_DATA, data: USER_DATA, eip: USER_CODE });
    user.load(USER_CODE, hex('int3', 'cc'));
    expect(user.exception()).toMatchObject({ vector: 3, cs: USER_CODE32, ss: USER_DATA, sp: BigInt(STACK2) });

    const virtual = task(start(JMP_TSS), { eflags: VM | 2, cs: 0x200, ss: 0x700, data: 0x300, eip: 0x10, esp: 0x100 });
    virtual.load(0x2010, hex('mov al, [0] ; int3', 'a0 00 00 cc')).load(0x3000, [0x42]);
    expect(virtual.exception()).toMatchObject({ vector: 3, cs: 0x200, ip: 0x14n, flags: VM | 2 });
    expect(virtual.vcpu.getRegs().rax & 0xffn).toBe(0x42n);

    const local = task(start(JMP_TSS), { ldt: LDT, cs: 4, ss: 0xc, eip: CODE2 });
    local.descriptor(LDT, (LDT_AT << 16) | 0xf, 0x8200);
    local.load32(LDT_AT, 0xffff, 0xcf9a00, 0xffff, 0xcf9200);
    expect(local.run()).toEqual(HLT);
    expect(local.vcpu.getSregs()).toMatchObject({ cs: { selector: 4 }, ss: { selector: 0xc }, ldt: { selector: LDT } });
    expect([local.ram[LDT_AT + 5], local.ram[LDT_AT + 13]]).toEqual([0x9b, 0x93]); // accessed
  });

  it('saves a virtual-8086 task whole', () => {
    const rig = task(new KvmRig().start('protected', hex('iret', 'cf')), { esp: STACK2 }).load(CODE2, [0xf4]);
    rig.load(0x2000, hex('int3', 'cc')).load32(IDT + 24, SECOND << 16, 0xe500);
    rig.load32(0x6000, 0, 0x200, VM | 2, 0x100, 0x700, 0x11, 0x22, 0x33, 0x44).set({ rsp: 0x6000n });
    expect(rig.run()).toEqual(HLT);
    expect([0x20, 0x24, 0x38].map((at) => word(rig, TSS + at))).toEqual([1, VM | 2, 0x100]);
    const selectors = [0, 1, 2, 3, 4, 5].map((n) => word(rig, TSS + 0x48 + n * 4));
    expect(selectors).toEqual([0x11, 0x200, 0x700, 0x22, 0x33, 0x44]);
  });

  it('traps before the first instruction when T is set', () => {
    const rig = task(start(JMP_TSS), { trap: 1 });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE2), flags: 2 });
  });

  it('clears the local breakpoints of DR7', () => {
    const rig = task(
      start(
        hex('mov eax, 0x7ff ; mov dr7, eax ; jmp 0x60:0', 'b8 ff 07 00 00 0f 23 f8 ea 00 00 00 00 60 00'),
        hex('mov eax, dr7 ; hlt', '0f 21 f8 f4'),
      ),
    );
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0x3ffn).toBe(0x2aan);
  });
});

describe('a task switch refused in the old task', () => {
  const there: [string, Task, number, number][] = [
    ['a busy TSS', { type: 9 | BUSY }, 13, SECOND],
    ['an absent TSS', { present: false }, 11, SECOND],
    ['a TSS that is too small', { limit: 0x66 }, 10, SECOND],
    ['a 16-bit TSS that is too small', { type: 1, limit: 0x2a }, 10, SECOND],
  ];
  it.each(there)('JMP and CALL to %s', (_, options, vector, error) => {
    for (const code of [JMP_TSS, CALL_TSS, JMP_GATE])
      expect(task(start(code), options).exception()).toMatchObject({ vector, error, ip: BigInt(CODE) });
  });
  it.each(there)('INT to %s', (_, options, vector, error) => {
    const rig = task(start(hex('int 0x21', 'cd 21')), options).load32(IDT + 0x21 * 8, SECOND << 16, 0x8500);
    expect(rig.exception()).toMatchObject({ vector, error, ip: BigInt(CODE) });
    const fault = task(start(hex('ud2', '0f 0b')), options).load32(IDT + 6 * 8, SECOND << 16, 0x8500);
    expect(fault.exception()).toMatchObject({ vector, error: error | 1, ip: BigInt(CODE) });
  });
  it('of an inner level, by selector, gate or RPL', () => {
    const user = (code: Uint8Array) => task(new KvmRig().startUser('protected', code));
    expect(user(JMP_TSS).exception()).toMatchObject({ vector: 13, error: SECOND });
    expect(user(JMP_GATE).exception()).toMatchObject({ vector: 13, error: TASK_GATE });
    expect(task(start(hex('jmp 0x63:0', 'ea 00 00 00 00 63 00'))).exception()).toMatchObject({
      vector: 13,
      error: SECOND,
    });
  });
  it('by a gate to no TSS, or to one in the LDT', () => {
    for (const target of [CODE32, SECOND | 4, 0x1000, 0]) {
      const rig = task(start(JMP_GATE)).descriptor(TASK_GATE, target << 16, 0x8500);
      expect(rig.exception()).toMatchObject({ vector: 13, error: target & ~3 });
    }
    expect(
      task(start(JMP_GATE))
        .descriptor(TASK_GATE, SECOND << 16, 0x0500)
        .exception(),
    ).toMatchObject({
      vector: 11,
      error: TASK_GATE,
    });
  });
  it('by IRET to a task that is not busy, or to no task: #TS', () => {
    const back = (link: number, options: Task = {}) => {
      const rig = task(start(hex('iret', 'cf')), options).load32(TSS, link);
      return rig.set({ rflags: BigInt(NT | 2) }).exception();
    };
    expect(back(SECOND)).toMatchObject({ vector: 10, error: SECOND, ip: BigInt(CODE) });
    expect(back(CODE32)).toMatchObject({ vector: 10, error: CODE32 });
    expect(back(0x1000)).toMatchObject({ vector: 10, error: 0x1000 });
    expect(back(SECOND, { type: 0xb, present: false })).toMatchObject({ vector: 11, error: SECOND });
  });
  it('leaves everything as it was', () => {
    const rig = new KvmRig().start('paging', JMP_TSS);
    task(rig).load32(0x15000 + 4 * 4, 0); // the page of the new TSS
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0, cr2: BigInt(TSS2), ip: BigInt(CODE) });
    expect(rig.vcpu.getSregs().tr.selector).toBe(FIRST);
    expect([typeOf(rig, FIRST), typeOf(rig, SECOND)]).toEqual([0xb, 9]);
    expect(word(rig, TSS + 0x20)).toBe(0);
  });
  it('in long mode, where there is none', () => {
    const rig = new KvmRig().start('compatibility', JMP_TSS);
    expect(task(rig).exception()).toMatchObject({ vector: 13, error: SECOND });
    const nested = new KvmRig().start('long', hex('iretq', '48 cf')).set({ rflags: BigInt(NT | 2) });
    expect(nested.exception()).toMatchObject({ vector: 13, error: 0 });
  });
});

describe('a fault in the new task', () => {
  const flat = (access: number): [number, number] => [0xffff, 0xcf0000 | (access << 8)];
  it.each<[string, Task, [number, number], number, number]>([
    ['no code segment', { cs: 0 }, [0, 0], 10, 0],
    ['data for CS', { cs: DATA0 }, [0, 0], 10, DATA0],
    ['CS of another level than its RPL', { cs: CODE32 | 3 }, [0, 0], 10, CODE32],
    ['an absent CS', { cs: ODD }, flat(0x1a), 11, ODD],
    ['CS beyond the GDT', { cs: 0x1000 }, [0, 0], 10, 0x1000],
    ['a null SS', { ss: 0 }, [0, 0], 10, 0],
    ['a read-only SS', { ss: ODD }, flat(0x90), 10, ODD],
    ['SS of another level', { ss: USER_DATA }, [0, 0], 10, USER_DATA & ~3],
    ['an absent SS', { ss: ODD }, flat(0x12), 12, ODD],
    ['code that cannot be read for DS', { data: ODD }, flat(0x98), 10, ODD],
    ['a TSS for DS', { data: FIRST }, [0, 0], 10, FIRST],
    ['an absent DS', { data: ODD }, flat(0x12), 11, ODD],
    ['an LDT that is none', { ldt: ODD }, flat(0x92), 10, ODD],
    ['an absent LDT', { ldt: ODD }, [0, 0x0200], 10, ODD],
    ['an LDT of the LDT', { ldt: 0xc }, [0, 0], 10, 0xc],
  ])('%s', (_, options, descriptor, vector, error) => {
    // the handler is a task of its own: the new task's stack may be none
    const rig = task(start(JMP_TSS), options).descriptor(ODD, ...descriptor);
    rig.descriptor(0x80, (0x4400 << 16) | 0x67, 0x8900).load32(IDT + vector * 8, 0x80 << 16, 0x8500);
    rig.load32(0x4400 + 0x20, STUBS + vector * 16, 2).load32(0x4400 + 0x38, 0x5800);
    rig.load32(0x4400 + 0x48, DATA0, CODE32, DATA0, DATA0);
    expect(rig.run()).toMatchObject({ exit: 'IO', port: vector });
    expect(word(rig, 0x5800 - 4)).toBe(error);
    expect(word(rig, 0x4400)).toBe(SECOND);
    expect(word(rig, TSS2 + 0x20)).toBe(options.eip ?? CODE2);
    expect(word(rig, TSS + 0x20)).toBe(CODE + 7);
  });

  it('EIP beyond CS: #GP(0) there', () => {
    const rig = task(start(JMP_TSS), { cs: ODD, eip: 0x1_0000 }).descriptor(ODD, 0xffff, 0x409a00);
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, ip: 0x1_0000n, cs: ODD });
  });
  it('no room for the error code: #SS, which is a double fault behind #GP', () => {
    const rig = task(start(hex('mov eax, 0x1003 ; mov ds, eax', 'b8 03 10 00 00 8e d8')), { esp: 2, ss: ODD });
    rig.descriptor(ODD, 0xfff, 0x409600).load32(IDT + 13 * 8, SECOND << 16, 0x8500);
    rig.gate(8, STUBS + 8 * 16);
    // #DF comes on that stack too
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });
  it('at level 3 is served on the stack of the new TSS', () => {
    const options = { cs: USER_CODE32, ss: USER_DATA, data: ODD, esp: USER_STACK };
    const rig = task(start(JMP_TSS), options).descriptor(ODD, ...flat(0x72));
    expect(rig.exception()).toMatchObject({ vector: 11, error: ODD, cs: USER_CODE32, ss: USER_DATA });
    expect(rig.vcpu.getRegs().rsp).toBe(BigInt(STACK - 24));
  });
});
