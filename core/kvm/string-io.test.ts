/** REP INS and REP OUTS: how many elements an exit has, and that each is done once, in order, and precisely. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, MMIO, type Mode, PAGE_TABLE32, RAM_SIZE } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const HLT = { exit: 'HLT' };
const INSB = hex('rep insb ; hlt', 'f3 6c f4');
const INSW = hex('rep insw ; hlt', '66 f3 6d f4');
const INSD = hex('rep insd ; hlt', 'f3 6d f4');
const OUTSB = hex('rep outsb ; hlt', 'f3 6e f4');
const OUTSW = hex('rep outsw ; hlt', '66 f3 6f f4');
const OUTSD = hex('rep outsd ; hlt', 'f3 6f f4');
const PORT = 0x1f0;
const DF = 0x400n;
const TF = 0x100n;

interface Pointers {
  readonly at: number;
  readonly count: number;
  readonly flags?: bigint;
}

/** RSI and RDI at `at`. */
function start(code: Uint8Array, { at, count, flags = 0n }: Pointers, mode: Mode = 'protected', rig = new KvmRig()) {
  const pointer = BigInt(at);
  return rig
    .start(mode, code)
    .set({ rcx: BigInt(count), rsi: pointer, rdi: pointer, rdx: BigInt(PORT), rflags: 2n | flags });
}
const pointers = (rig: KvmRig) => {
  const { rcx, rsi, rdi, rip } = rig.vcpu.getRegs();
  return [rcx, rsi, rdi, rip].map(Number);
};
const numbers = (length: number, first = 1) => Array.from({ length }, (_, i) => (first + i) & 0xff);

describe('REP OUTS', () => {
  it.each([
    ['bytes', OUTSB, 1],
    ['words', OUTSW, 2],
    ['double words', OUTSD, 4],
  ])('gives all %s at once, in either direction', (_name, code, size) => {
    const values = [0x44332211, 0x88776655, 0xccbbaa99].map((v) => (size === 4 ? v : v % 2 ** (8 * size)));
    const put = (rig: KvmRig) => {
      values.forEach((v, i) => {
        for (let b = 0; b < size; b++) rig.load(DATA + i * size + b, [(v / 2 ** (8 * b)) & 0xff]);
      });
      return rig;
    };
    const up = put(start(code, { at: DATA, count: 3 }));
    expect(up.run()).toEqual({ exit: 'IO', direction: 'out', port: PORT, size, value: values[0], values });
    expect(up.run()).toEqual(HLT);
    expect(pointers(up).slice(0, 2)).toEqual([0, DATA + 3 * size]);
    const down = put(start(code, { at: DATA + 2 * size, count: 3, flags: DF }));
    expect(down.run()).toMatchObject({ values: [...values].reverse() });
    expect(down.run()).toEqual(HLT);
    expect(pointers(down).slice(0, 2)).toEqual([0, DATA - size]);
  });

  it('fills the page of port data, and no more', () => {
    const rig = start(OUTSB, { at: 0x4000, count: 0x1801 }).load(0x4000, numbers(0x1801));
    expect(rig.run()).toMatchObject({ values: numbers(0x1000) });
    expect(rig.run()).toMatchObject({ values: numbers(0x801, 0x1001) });
    expect(rig.run()).toEqual(HLT);
  });

  it('stops at the end of a page, in either direction; an element over it comes alone', () => {
    const rig = start(OUTSW, { at: 0x3ffb, count: 5 }).load(0x3ffb, numbers(10));
    expect(rig.run()).toMatchObject({ values: [0x0201, 0x0403] });
    expect(rig.run()).toEqual({ exit: 'IO', direction: 'out', port: PORT, size: 2, value: 0x0605 });
    expect(rig.run()).toMatchObject({ values: [0x0807, 0x0a09] });
    expect(rig.run()).toEqual(HLT);
    const down = start(OUTSB, { at: 0x4001, count: 4, flags: DF }).load(0x3ffe, [1, 2, 3, 4]);
    expect(down.run()).toMatchObject({ values: [4, 3] });
    expect(down.run()).toMatchObject({ values: [2, 1] });
    expect(down.run()).toEqual(HLT);
  });

  it('gives what lies before a page that is not there, then faults', () => {
    const rig = start(OUTSB, { at: 0x3ffe, count: 4 }, 'paging').load(0x3ffe, [1, 2]);
    rig.load32(PAGE_TABLE32 + 4 * 4, 0).setControl({});
    expect(rig.run()).toMatchObject({ values: [1, 2] });
    expect(rig.exception()).toMatchObject({ vector: 14, cr2: 0x4000n, ip: BigInt(CODE) });
    expect(pointers(rig).slice(0, 2)).toEqual([2, 0x4000]);
  });

  it('gives what lies within the segment, then faults', () => {
    const rig = start(OUTSB, { at: 0x3000, count: 8 }).load(0x3000, numbers(8));
    const { ds } = rig.vcpu.getSregs();
    rig.setControl({ ds: { ...ds, limit: 0x3004, g: 0 } });
    expect(rig.run()).toMatchObject({ values: numbers(5) });
    expect(rig.exception()).toMatchObject({ vector: 13, ip: BigInt(CODE) });
    expect(pointers(rig).slice(0, 2)).toEqual([3, 0x3005]);
  });

  it('wraps with the address size', () => {
    const rig = start(OUTSB, { at: 0xfffe, count: 4 }, 'real').load(0xfffe, [1, 2, 9]).load(0, [3, 4]);
    expect(rig.run()).toMatchObject({ values: [1, 2] });
    expect(rig.run()).toMatchObject({ values: [3, 4] });
    expect(rig.run()).toEqual(HLT);
    expect(pointers(rig).slice(0, 2)).toEqual([0, 2]);
  });

  it('gives one without REP, and one by one from memory-mapped I/O', () => {
    const single = start(hex('outsb ; hlt', '6e f4'), { at: DATA, count: 7 }).load(DATA, [1, 2]);
    expect(single.run()).toEqual({ exit: 'IO', direction: 'out', port: PORT, size: 1, value: 1 });
    expect(single.run()).toEqual(HLT);
    expect(pointers(single).slice(0, 2)).toEqual([7, DATA + 1]);
    const rig = start(OUTSB, { at: MMIO, count: 2 });
    for (const value of [0x11, 0x22]) {
      expect(rig.run()).toMatchObject({ exit: 'MMIO', write: false });
      expect(rig.answerMmio(value).run()).toEqual({ exit: 'IO', direction: 'out', port: PORT, size: 1, value });
    }
    expect(rig.run()).toEqual(HLT);
  });
});

describe('REP INS', () => {
  it.each([
    ['bytes', INSB, 1],
    ['words', INSW, 2],
    ['double words', INSD, 4],
  ])('asks for all %s at once, and stores them at the next run', (_name, code, size) => {
    const up = start(code, { at: DATA, count: 3 });
    expect(up.run()).toEqual({ exit: 'IO', direction: 'in', port: PORT, size, value: 0, values: [0, 0, 0] });
    expect(pointers(up)).toEqual([3, DATA, DATA, CODE]);
    expect(up.bytes(DATA, 3 * size)).toEqual(Array(3 * size).fill(0));
    expect(up.answerIn(0x04030201, 0x14131211, 0x24232221).run()).toEqual(HLT);
    expect(up.bytes(DATA, 3 * size)).toEqual([1, 0x11, 0x21].flatMap((first) => numbers(size, first)));
    expect(pointers(up)).toEqual([0, DATA, DATA + 3 * size, CODE + code.length]);
    const down = start(code, { at: DATA + 2 * size, count: 3, flags: DF });
    expect(down.run()).toMatchObject({ values: [0, 0, 0] });
    expect(down.answerIn(0x04030201, 0x14131211, 0x24232221).run()).toEqual(HLT);
    expect(down.bytes(DATA, 3 * size)).toEqual([0x21, 0x11, 1].flatMap((first) => numbers(size, first)));
    expect(pointers(down)[2]).toBe(DATA - size);
  });

  it('shows nothing of an earlier answer', () => {
    const rig = start(hex('rep insb ; mov cl, 2 ; rep insb', 'f3 6c b1 02 f3 6c'), { at: DATA, count: 2 });
    rig.run();
    expect(rig.answerIn(5, 6).run()).toMatchObject({ values: [0, 0] });
  });

  it('asks for no more than lies on the page of its target, in either direction', () => {
    const rig = start(INSW, { at: 0x3ffd, count: 4 });
    expect(rig.run()).not.toHaveProperty('values');
    expect(rig.answerIn(0x0201).run()).not.toHaveProperty('values'); // over the end
    expect(rig.answerIn(0x0403).run()).toMatchObject({ values: [0, 0] });
    expect(rig.answerIn(0x0605, 0x0807).run()).toEqual(HLT);
    expect(rig.bytes(0x3ffd, 8)).toEqual(numbers(8));
    const down = start(INSB, { at: 0x4001, count: 3, flags: DF });
    expect(down.run()).toMatchObject({ values: [0, 0] });
    expect(down.answerIn(1, 2).run()).not.toHaveProperty('values');
    expect(down.answerIn(3).run()).toEqual(HLT);
    expect(down.bytes(0x3fff, 3)).toEqual([3, 2, 1]);
  });

  it('takes a whole page', () => {
    const rig = start(INSD, { at: 0x4000, count: 0x401 });
    const exit = rig.run();
    expect(exit).toMatchObject({ values: Array(0x400).fill(0) });
    expect(rig.answerIn(...numbers(0x400)).run()).not.toHaveProperty('values');
    expect(rig.answerIn(0x11).run()).toEqual(HLT);
    expect(rig.view.getUint32(0x4ffc, true)).toBe(0);
    expect([rig.view.getUint32(0x4ff8, true), rig.view.getUint32(0x5000, true)]).toEqual([0xff, 0x11]);
  });

  it('faults at the page that is not there, once what lies before it is stored', () => {
    const rig = start(INSB, { at: 0x3ffe, count: 4 }, 'paging');
    rig.load32(PAGE_TABLE32 + 4 * 4, 0).setControl({});
    expect(rig.run()).toMatchObject({ values: [0, 0] });
    expect(rig.answerIn(1, 2).exception()).toMatchObject({ vector: 14, error: 2, cr2: 0x4000n, ip: BigInt(CODE) });
    expect(rig.bytes(0x3ffe, 2)).toEqual([1, 2]);
    expect(pointers(rig)[2]).toBe(0x4000);
  });

  it('stores nothing where its page has gone meanwhile', () => {
    const rig = start(INSB, { at: DATA, count: 4 }, 'paging');
    expect(rig.run()).toMatchObject({ values: [0, 0, 0, 0] });
    rig.load32(PAGE_TABLE32 + 3 * 4, 0).setControl({});
    expect(rig.answerIn(1, 2, 3, 4).exception()).toMatchObject({ vector: 14, error: 2, cr2: BigInt(DATA) });
    expect(rig.bytes(DATA, 4)).toEqual([0, 0, 0, 0]);
    expect(pointers(rig)[0]).toBe(4);
  });

  it('ends at the limit of its segment, and at the end of 16-bit addresses', () => {
    const rig = start(INSB, { at: DATA, count: 8 });
    const { es } = rig.vcpu.getSregs();
    rig.setControl({ es: { ...es, limit: DATA + 2, g: 0 } });
    expect(rig.run()).toMatchObject({ values: [0, 0, 0] });
    expect(rig.answerIn(1, 2, 3).exception()).toMatchObject({ vector: 13, ip: BigInt(CODE) });
    const real = start(INSB, { at: 0xffff, count: 3 }, 'real');
    expect(real.run()).not.toHaveProperty('values');
    expect(real.answerIn(1).run()).toMatchObject({ values: [0, 0] });
  });

  it('goes one by one into memory-mapped I/O and read-only memory', () => {
    const rig = start(INSB, { at: MMIO, count: 2 });
    expect(rig.run()).not.toHaveProperty('values');
    expect(rig.answerIn(7).run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO, bytes: [7] });
    const rom = new KvmRig();
    start(INSB, { at: DATA, count: 2 }, 'protected', rom);
    rom.setRam(0);
    const memory = { guestPhysAddr: MMIO, memorySize: 0x1000, userspaceAddr: rom.vm.mmap(0x1000) };
    rom.vm.setUserMemoryRegion({ slot: 1, flags: A.KVM_MEM_READONLY, ...memory });
    rom.set({ rdi: BigInt(MMIO) });
    expect(rom.run()).not.toHaveProperty('values');
    expect(rom.answerIn(7).run()).toMatchObject({ exit: 'MMIO', write: true, gpa: MMIO });
  });

  it('changes code that has run, and it runs as it is now', () => {
    const rig = start(hex('call 0x3000 ; rep insb ; call 0x3000 ; hlt', 'e8 fb 1f 00 00 f3 6c e8 f4 1f 00 00 f4'), {
      at: DATA,
      count: 3,
    });
    rig.load(DATA, hex('mov al, 1 ; ret', 'b0 01 c3')).set({ rsp: 0x7000n });
    expect(rig.run()).toMatchObject({ values: [0, 0, 0] });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(1n);
    expect(rig.answerIn(0xb0, 0x02, 0xc3).run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(2n);
  });

  it('is in the dirty log', () => {
    const rig = start(INSB, { at: DATA, count: 2 }, 'protected', new KvmRig({ logDirty: true }));
    rig.run();
    rig.vm.getDirtyLog(0);
    expect(rig.answerIn(1, 2).run()).toEqual(HLT);
    expect(rig.vm.getDirtyLog(0)[0]).toBe(1 << (DATA >> 12));
  });
});

describe('between exit and completion', () => {
  it('immediate_exit stores the elements and goes no further', () => {
    const rig = start(INSB, { at: 0x3ffe, count: 4 });
    rig.run();
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.answerIn(1, 2).run()).toEqual({ exit: 'EINTR' });
    expect(rig.bytes(0x3ffe, 2)).toEqual([1, 2]);
    expect(pointers(rig)).toEqual([2, 0x3ffe, 0x4000, CODE]);
  });

  it('a vCPU that takes over the state then goes on with the elements that are left', () => {
    const rig = start(INSB, { at: 0x3ffe, count: 4 });
    rig.run();
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    rig.answerIn(1, 2).run();
    const other = new KvmRig().load(0, rig.ram);
    other.vcpu.setSregs(rig.vcpu.getSregs());
    other.vcpu.setRegs(rig.vcpu.getRegs());
    other.vcpu.setVcpuEvents(rig.vcpu.getVcpuEvents());
    expect(other.run()).toMatchObject({ direction: 'in', values: [0, 0] });
    expect(other.answerIn(3, 4).run()).toEqual(HLT);
    expect(other.bytes(0x3ffe, 4)).toEqual([1, 2, 3, 4]);
  });

  it('an SMI comes behind the elements, and RSM goes back to those that are left', () => {
    const rig = start(INSB, { at: 0x3ffe, count: 4 }).load(0x38000, [0x0f, 0xaa]);
    rig.run();
    rig.vcpu.smi();
    expect(rig.answerIn(1, 2).run()).toMatchObject({ values: [0, 0] });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 2n, rdi: 0x4000n });
    expect(rig.answerIn(3, 4).run()).toEqual(HLT);
    expect(rig.bytes(0x3ffe, 4)).toEqual([1, 2, 3, 4]);
  });

  it('an NMI comes behind the elements', () => {
    const rig = start(OUTSB, { at: 0x3ffe, count: 4 });
    rig.run();
    rig.vcpu.nmi();
    expect(rig.exception()).toMatchObject({ vector: 2, ip: BigInt(CODE) });
  });
});

describe('element by element', () => {
  it('under TF, with a trap after each', () => {
    const rig = start(INSB, { at: DATA, count: 2, flags: TF });
    expect(rig.run()).not.toHaveProperty('values');
    expect(rig.answerIn(1).exception()).toMatchObject({ vector: 1, ip: BigInt(CODE) });
    const out = start(OUTSB, { at: DATA, count: 2, flags: TF });
    expect(out.run()).not.toHaveProperty('values');
    expect(out.exception()).toMatchObject({ vector: 1, ip: BigInt(CODE) });
  });

  it('under a debugger that steps', () => {
    const rig = start(OUTSB, { at: DATA, count: 2 });
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_SINGLESTEP, debugreg: [] });
    for (const pc of [CODE, CODE + 2]) {
      expect(rig.run()).not.toHaveProperty('values');
      expect(rig.run()).toMatchObject({ exit: 'DEBUG', pc: BigInt(pc) });
    }
  });

  it.each([
    ['a breakpoint at its port', PORT, 2n],
    ['a breakpoint in its memory', DATA + 1, 3n],
    ['a breakpoint elsewhere on its page', DATA + 0x800, 3n],
  ])('with %s', (_name, address, kind) => {
    for (const code of [INSB, OUTSB]) {
      const rig = start(code, { at: DATA, count: 2 }).setControl({ cr4: 8n });
      const dr7 = 0x402n | (kind << 16n);
      rig.vcpu.setDebugRegs({ db: [BigInt(address), 0n, 0n, 0n], dr6: 0xffff0ff0n, dr7, flags: 0 });
      expect(rig.run()).not.toHaveProperty('values');
    }
  });

  it('where the device is in the kernel', () => {
    const rig = new KvmRig({ irqchip: true, pit: true });
    start(OUTSB, { at: DATA, count: 3 }, 'protected', rig).load(DATA, [0xaa, 0xbb, 0xcc]).set({ rdx: 0x21n });
    expect(rig.run()).toEqual({ exit: 'EINTR' }); // HLT sleeps
    expect(pointers(rig).slice(0, 2)).toEqual([0, DATA + 3]);
    expect(rig.vm.getIrqchip(A.KVM_IRQCHIP_PIC_MASTER)[8 + 2]).toBe(0xcc); // imr
    start(INSB, { at: DATA, count: 3 }, 'protected', rig).set({ rdx: 0x21n });
    rig.vcpu.setMpState(A.KVM_MP_STATE_RUNNABLE);
    rig.thread.signal = false;
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(rig.bytes(DATA, 4)).toEqual([0xcc, 0xcc, 0xcc, 0]);
  });
});

it('a count beyond all memory asks for no more than a page', () => {
  const rig = start(INSB, { at: RAM_SIZE - 2, count: 0xffff_ffff });
  expect(rig.run()).toMatchObject({ values: [0, 0] });
  expect(rig.answerIn(1, 2).run()).not.toHaveProperty('values');
  expect(pointers(rig)[0]).toBe(0xffff_fffd);
});
