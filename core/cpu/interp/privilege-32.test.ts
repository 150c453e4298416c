/** Random privilege changes, segment loads and events of 32-bit code, by fast paths and by TypeScript. VIVARIUM_SEED repeats a run. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FastAndSlow, runFaulting, tryToDeliver } from '../../testing/fast-and-slow.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import type { Feature } from '../features.ts';
import * as S from '../state.ts';
import { refreshPaging } from '../system/control-registers.ts';
import { SYSTEM } from '../system/index.ts';
import type { SystemName } from '../table/system-names.ts';
import { eventFlags } from './event-entry.ts';
import { FAULT_COST } from './page-faults.ts';

const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
const CASES = 300;
const FEATURES = new Set<Feature>(['sep', 'smap', 'smep', 'pse', 'msr']);

const MEMORY = 1 << 17;
const DIRECTORY = 0x1000;
const TABLE = 0x2000;
const GDT_AT = 0x4000;
const IDT_AT = 0x5000;
const TSS = 0x6000;
const CODE = 0x8000;
const LANDING = CODE + 0x800;
const KERNEL_LANDING = 0x9000;
const STACK = 0xa000;
const DATA = 0xc000;
const NOWHERE = 0x70_0000;

/** Selectors as bytes into it. */
const GDT = [
  ...[0n, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00cf_fb00_0000_ffffn, 0x00cf_f300_0000_ffffn], // 0 8 10 18 20
  ...[0x00cf_9a00_0000_ffffn, 0x00cf_9f00_0000_ffffn, 0x0040_9300_1234_8fffn, 0x00cf_f300_0010_ffffn], // 28 30 38 40
  ...[0x00cf_1300_0000_ffffn, 0x008f_9300_0000_ffffn, 0x00cf_9700_0000_ffffn, 0x008f_9b00_0000_ffffn], // 48 50 58 60
  ...[0x00cf_9100_0000_ffffn, 0x12c3_f3ab_cdef_0100n, 0x00cf_9200_0000_ffffn], // 68 70 78
];
const gate = (type: number, selector: number): bigint =>
  BigInt(KERNEL_LANDING & 0xffff) | (BigInt(selector) << 16n) | (BigInt(type << 8) << 32n);
const GATES = [
  ...[gate(0x8e, 8), gate(0x8f, 8), gate(0xee, 8), gate(0x0e, 8), gate(0x85, 8), gate(0x86, 8)],
  ...[gate(0x8e, 0x28), gate(0x8e, 0x30), gate(0x8e, 0x10), gate(0x8e, 0x60), gate(0x8e, 0), gate(0x8f, 0xb)],
];
const JUMP_TO_ITSELF = [0xeb, 0xfe];
const FLAT_CODE = S.AR_P | S.AR_S | S.AR_G | S.AR_DB | 0xb;
const FLAT_DATA = S.AR_P | S.AR_S | S.AR_G | S.AR_DB | 3;

class Pair32 extends FastAndSlow {
  constructor(readonly random: SeededRandom) {
    const created = TestCpu.create(FEATURES, MEMORY);
    const start = created.physical.host(0);
    super(created, created.physical.u8.subarray(start, start + MEMORY));
    const view = this.view;
    view.setUint32(DIRECTORY, TABLE | 0x27, true);
    for (let at = 0; at < MEMORY; at += 0x1000) view.setUint32(TABLE + at / 1024, at | 0x67, true);
    for (const [n, value] of GDT.entries()) view.setBigUint64(GDT_AT + n * 8, value, true);
    for (const [n, value] of GATES.entries()) view.setBigUint64(IDT_AT + n * 8, value, true);
    for (const page of [CODE, KERNEL_LANDING])
      for (let at = page; at < page + 0x1000; at += 2) this.memory.set(JUMP_TO_ITSELF, at);
  }
  get view(): DataView {
    return new DataView(this.memory.buffer, this.memory.byteOffset, this.memory.length);
  }

  one<T>(...from: readonly T[]): T {
    return this.random.pick(from);
  }
  flags(): number {
    const { random } = this;
    return random.uint32() & 0x3f4ed5 & ~this.one(S.FLAG_AC, S.FLAG_AC, 0) & ~this.one(S.FLAG_NT, S.FLAG_NT, 0);
  }
  selector(): number {
    return this.one(8, 8, 0x10, 0x1b, 0x1b, 0x23, 0x23, 0x28, 0x30, 0x38, 0x43, 0x48, 0x50, 0x60, 0, 3, 0xff);
  }
  /** Present, writable, user and accessed bits of a page. */
  setRights(linear: number, bits: number): void {
    const at = TABLE + linear / 1024;
    this.view.setUint32(at, (this.view.getUint32(at, true) & ~0x27) | bits, true);
  }

  /** A random state to start from, with these bytes at EIP. */
  prepare(code: readonly number[], cpl: number, adjust: () => void = () => {}): void {
    const { cpu, random } = this;
    const s = cpu.state;
    const one = this.one.bind(this);
    this.memory.set(code, CODE);
    s.set32(S.EFER, 0);
    s.set32(S.CR4, S.CR4_OSFXSR | one(0, S.CR4_PSE) | one(0, 0, 0, S.CR4_SMAP));
    s.set32(S.CR0, S.CR0_PG | S.CR0_PE | S.CR0_WP | S.CR0_NE | one(0, S.CR0_AM));
    s.set64(S.CR3, BigInt(DIRECTORY));
    s.set64(S.GDTR_BASE, BigInt(GDT_AT));
    s.set32(S.GDTR_LIMIT, one(GDT.length * 8 - 1, GDT.length * 8 - 1, 0x27));
    s.set64(S.IDTR_BASE, BigInt(IDT_AT));
    s.set32(S.IDTR_LIMIT, GATES.length * 8 - 1);
    const dpl = cpl << S.AR_DPL_SHIFT;
    s.setSegment(S.CS, cpl === 3 ? 0x1b : 8, 0n, 0xffffffff, FLAT_CODE | dpl);
    s.setSegment(S.SS, cpl === 3 ? 0x23 : 0x10, 0n, 0xffffffff, FLAT_DATA | dpl);
    for (const n of [S.ES, S.DS]) s.setSegment(n, 0x23, 0n, one(0xffffffff, 0xffffffff, 0xffffffff, 0xfffffff), 0xc0f3);
    s.setSegment(S.FS, 0x38, 0x1234n, 0x8fff, 0x4093 | (one(0, 3, 3) << S.AR_DPL_SHIFT));
    s.setSegment(S.GS, 0, 0n, 0, S.SEG_UNUSABLE);
    s.setSegment(S.TR, 0x80, BigInt(TSS), one(0x67, 0x67, 9, 8), S.AR_P | one(0xb, 0xb, 0xb, 3));
    this.view.setUint32(TSS + 4, STACK + one(0x1000, 0x1000, 0x1004), true);
    this.view.setUint16(TSS + 8, one(0x10, 0x10, 0x10, 0x10, 0x13, 0x50, 0x20, 0x78), true);
    s.set32(S.CPL, cpl);
    for (let n = 0; n < 8; n++) s.setGpr32(n, random.uint32());
    s.setGpr32(S.RDX, one(LANDING, LANDING, NOWHERE));
    s.eflags = (this.flags() | 2) & ~S.FLAG_VM;
    s.set64(S.SYSENTER_CS, BigInt(one(8, 8, 0xb, 0)));
    s.set64(S.SYSENTER_EIP, BigInt(KERNEL_LANDING));
    s.set64(S.SYSENTER_ESP, BigInt(STACK + 0x100));
    cpu.nmiMasked = one(false, false, false, true);
    cpu.windowWanted = one(false, false, false, true);
    const esp = STACK + 0x800 + one(0, 0, 0x7e8, 0x7f0, random.below(64));
    s.setGpr32(S.RSP, esp);
    const image = this.flags() | one(0, S.FLAG_RF) | one(0, 0, 0, S.FLAG_VM);
    const frame = [one(LANDING, LANDING, NOWHERE), this.selector(), image, STACK + 0x100, this.selector()];
    for (const [n, value] of frame.entries()) this.view.setUint32(esp + n * 4, value, true);
    s.rip = BigInt(CODE);
    cpu.blocks.flush();
    adjust();
    refreshPaging(cpu);
    cpu.breakpoints.update();
    cpu.updateMode();
    cpu.tlb.flush();
    this.begin();
  }
}

const INSTRUCTIONS: readonly [SystemName, readonly number[], cpls: readonly number[]][] = [
  ['sysenter', [0x0f, 0x34], [3, 3, 0]],
  ['sysexit', [0x0f, 0x35], [0, 0, 3]],
  ['iret', [0xcf], [0, 0, 0, 3]],
];
const bytes32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const LOAD_ECX = [0x8b, 0x0d, ...bytes32(DATA)];
/** MOV from AX, from memory that the TLB knows, and POP. */
const LOADS = [S.ES, S.DS, S.FS, S.GS].flatMap((n): [string, number, SystemName, code: readonly number[]][] => [
  ['MOV register', n, 'movToSegment', [0x8e, 0xc0 | (n << 3)]],
  ['MOV memory', n, 'movToSegment', [...LOAD_ECX, 0x8e, 0x05 | (n << 3), ...bytes32(DATA)]],
  ['POP', n, 'popSegment', n < 4 ? [0x07 | (n << 3)] : [0x0f, 0x81 | (n << 3)]],
]);

afterEach(() => vi.restoreAllMocks());

describe('fast paths of 32-bit code do what TypeScript does', () => {
  it.each(INSTRUCTIONS)('%s', (name, code, cpls) => {
    const pair = new Pair32(new SeededRandom(SEED));
    const slow = vi.spyOn(SYSTEM as Record<SystemName, unknown> as Record<SystemName, () => number>, name);
    for (let n = 0; n < CASES; n++) {
      pair.prepare([...code, ...JUMP_TO_ITSELF], pair.one(...cpls));
      const act = (cpu: TestCpu): unknown => cpu.run(3);
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `case ${n}`).toEqual(wanted);
    }
    // a watched run calls it once at least, the other one only where the fast path gave up
    expect(slow.mock.calls.length).toBeLessThan(2 * CASES * 0.95);
  });

  it.each(LOADS)('%s to segment register %d', (_kind, n, name, code) => {
    const pair = new Pair32(new SeededRandom(SEED + n));
    const slow = vi.spyOn(SYSTEM as Record<SystemName, unknown> as Record<SystemName, () => number>, name);
    for (let i = 0; i < CASES; i++) {
      const good = n < S.FS ? [0x23, 0x23, 0x20, 0x10] : [0, 3, 0x23, 0x38, 0x70, 0x73, 0x68, 0x40];
      const selector = pair.one(...good, ...good, ...good, 0x78, 0x58, pair.selector());
      pair.prepare([...code, ...JUMP_TO_ITSELF], pair.one(0, 0, 0, 0, 3), () => {
        const { state: s } = pair.cpu;
        s.setGpr32(S.RAX, (pair.random.uint32() & ~0xffff) | selector);
        s.set32(S.CR0, s.cr0 & ~S.CR0_AM);
        s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~(S.FLAG_TF | S.FLAG_RF) & ~pair.one(S.FLAG_AC, S.FLAG_AC, 0));
        pair.view.setUint16(DATA, selector, true);
        pair.view.setUint16(s.gpr32(S.RSP), selector, true);
      });
      const act = (cpu: TestCpu): unknown => cpu.run(4);
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `case ${i}: selector 0x${selector.toString(16)}`).toEqual(wanted);
    }
    expect(slow.mock.calls.length).toBeLessThan(2 * CASES * 0.95);
  });

  it('POPF changes what its level may, as the manual has it', () => {
    const pair = new Pair32(new SeededRandom(SEED));
    const slow = vi.spyOn(SYSTEM, 'popf');
    for (let n = 0; n < CASES; n++) {
      const [size, cpl] = [pair.one(2, 4), pair.one(0, 3)];
      const image = pair.flags() & ~S.FLAG_TF;
      const { state: s } = pair.cpu;
      pair.prepare([...(size === 2 ? [0x66] : []), 0x9d, ...JUMP_TO_ITSELF], cpl, () => {
        pair.view.setUint32(s.gpr32(S.RSP), image, true);
        s.set32(S.CR0, s.cr0 & ~S.CR0_AM);
        s.set32(S.CR4, s.cr4 & ~S.CR4_SMAP);
        s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~(S.FLAG_TF | S.FLAG_RF));
        if ((s.get32(S.EFLAGS) & S.FLAG_IF) !== 0) pair.cpu.windowWanted = false;
      });
      const [before, esp] = [s.eflags, s.gpr32(S.RSP)];
      const open = cpl === 0 || (before & S.FLAG_IOPL) === S.FLAG_IOPL;
      const wide = size === 4 ? S.FLAG_AC | S.FLAG_ID : 0;
      const own = S.FLAGS_ARITH | S.FLAG_DF | S.FLAG_NT | wide | (open ? S.FLAG_IF : 0) | (cpl === 0 ? S.FLAG_IOPL : 0);
      pair.run(false, (cpu) => cpu.run(3));
      expect(s.eflags, `case ${n}`).toBe((before & ~own) | (image & own));
      expect(s.gpr32(S.RSP)).toBe(esp + size);
    }
    expect(slow.mock.calls.length).toBeLessThan(CASES * 0.8);
  });

  it('page faults', () => {
    const pair = new Pair32(new SeededRandom(SEED));
    const { random } = pair;
    let fast = 0;
    for (let n = 0; n < 2 * CASES; n++) {
      const [opcode, target] = [random.pick([0x8b, 0x89, 0x01]), random.pick([NOWHERE, DATA, DATA + 0x1000, CODE])];
      const bits = random.pick([7, 7, 6, 5, 3, 0x27, 1]);
      pair.prepare([opcode, 0x05, ...bytes32(target + 8), ...JUMP_TO_ITSELF], random.pick([0, 3]), () => {
        const { state: s } = pair.cpu;
        if (target === DATA) pair.setRights(target, bits);
        s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~random.pick([S.FLAG_AC, 0]) & ~S.FLAG_TF);
        s.set64(S.IDTR_BASE, BigInt(IDT_AT - (S.PF - random.below(3)) * 8));
        s.set32(S.IDTR_LIMIT, random.pick([S.PF * 8 + 7, S.PF * 8 + 7, 0x7f, S.PF * 8]));
      });
      const act = (cpu: TestCpu): unknown => {
        const { answer, fast: delivered } = runFaulting(cpu, FAULT_COST + 20);
        fast += delivered;
        return answer;
      };
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `case ${n}`).toEqual(wanted);
    }
    expect(fast).toBeGreaterThan(CASES / 20);
  });

  it('events', () => {
    const pair = new Pair32(new SeededRandom(SEED));
    const { random } = pair;
    let fast = 0;
    for (let n = 0; n < 2 * CASES; n++) {
      pair.prepare(JUMP_TO_ITSELF, random.below(2) * 3);
      const vector = random.below(GATES.length + 1);
      const error = random.below(2) === 0 ? undefined : random.below(0x10000);
      const kind = random.below(2) === 0 ? 'exception' : 'external';
      const act = (cpu: TestCpu): unknown => tryToDeliver(cpu, vector, error, kind);
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `event ${n}: vector ${vector}`).toEqual(wanted);
      pair.run(false, (cpu) => {
        fast += cpu.engine.deliver(vector, error ?? 0, eventFlags(error !== undefined, kind === 'exception'));
      });
    }
    expect(fast).toBeGreaterThan(CASES / 20);
  });
});
