/** Random privilege changes and events of 64-bit code, by fast paths and by TypeScript. VIVARIUM_SEED repeats a run. */
import { describe, expect, it, vi } from 'vitest';
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
const CASES = 200;
const FEATURES = new Set<Feature>(['lm', 'syscall', 'nx', 'smap', 'smep', 'fsgsbase', 'msr']);

const CODE = 0x40_0000;
const LANDING = CODE + 0x800;
const KERNEL_LANDING = 0x50_0000;
const STACK = 0x60_0000;
const TSS = 0x61_0000;
const NOWHERE = 0x70_0000;
const MEMORY = 1 << 17;

const GDT = [
  ...[0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00af_9a00_0000_ffffn, 0x00cf_fb00_0000_ffffn],
  ...[0x00cf_f300_0000_ffffn, 0x00af_fb00_0000_ffffn, 0x00af_9f00_0000_ffffn, 0x00cf_f300_0010_ffffn],
  ...[0x00af_1b00_0000_ffffn, 0x0000_9300_0000_ffffn],
];
const gate = (type: number, selector: number, ist = 0): bigint =>
  BigInt(KERNEL_LANDING & 0xffff) |
  (BigInt(selector) << 16n) |
  (BigInt((type << 8) | ist) << 32n) |
  (BigInt(KERNEL_LANDING >>> 16) << 48n);
const GATES = [
  ...[gate(0x8e, 8), gate(0x8f, 8), gate(0xee, 8), gate(0x8e, 8, 1), gate(0x0e, 8), gate(0x85, 8)],
  ...[gate(0x8e, 0x18), gate(0x8e, 0x38), gate(0x8e, 0x10), gate(0x8e, 0x30), gate(0x8e, 0), gate(0x8f, 0xb)],
];
const JUMP_TO_ITSELF = [0xeb, 0xfe];

class Pair extends FastAndSlow {
  readonly #stack: Uint8Array;
  readonly #code: Uint8Array;

  constructor(readonly random: SeededRandom) {
    const created = TestCpu.create(FEATURES, MEMORY);
    const start = created.physical.host(0);
    super(created, created.physical.u8.subarray(start, start + MEMORY));
    const { cpu } = this;
    const idt = Array.from({ length: GATES.length * 2 }, (_, n) => (n % 2 === 0 ? (GATES[n / 2] ?? 0n) : 0n));
    this.#code = cpu.map(CODE, 0x1000);
    for (const page of [this.#code, cpu.map(KERNEL_LANDING, 0x1000)])
      for (let at = 0; at < page.length; at += 2) page.set(JUMP_TO_ITSELF, at);
    this.#stack = cpu.map(STACK, 0x2000);
    const tss = cpu.map(TSS, 0x1000);
    new DataView(tss.buffer, tss.byteOffset).setBigUint64(4, BigInt(STACK + 0x1000), true);
    cpu.setTables(GDT, [], idt.slice(0, GATES.length));
    const s = cpu.state;
    for (const [n, value] of GATES.entries()) {
      cpu.tlb.flush();
      s.set32(S.CPL, 0);
      cpu.updateMode();
      cpu.memory.write(s.get64(S.IDTR_BASE) + BigInt(n * 16), 8, value);
      cpu.memory.write(s.get64(S.IDTR_BASE) + BigInt(n * 16 + 8), 8, 0n);
    }
    s.set32(S.IDTR_LIMIT, GATES.length * 16 - 1);
    s.setSegment(S.TR, 0x40, BigInt(TSS), 0x66, S.AR_P | 0xb);
    // accessed bits of tables are set: that is the common case
    for (const at of [CODE, KERNEL_LANDING, STACK, STACK + 0x1000, TSS]) cpu.memory.read8(BigInt(at));
  }

  /** A random state to start from, with these bytes at RIP. */
  prepare(code: readonly number[], cpl: number, adjust: (cpu: TestCpu) => void = () => {}): void {
    const { cpu, random } = this;
    const s = cpu.state;
    const one = <T>(...from: readonly T[]): T => from[random.below(from.length)] as T;
    const selector = (): number =>
      one(8, 8, 0x10, 0x18, 0x23, 0x2b, 0x2b, 0x33, 0x33, 0x38, 0x43, 0x48, 0x50, 0, 3, 0xff);
    this.#code.set(code, 0);
    s.set32(S.EFER, S.EFER_LME | S.EFER_LMA | one(S.EFER_SCE, S.EFER_SCE, 0) | one(S.EFER_NXE, S.EFER_NXE, 0));
    s.set32(S.CR4, S.CR4_PAE | S.CR4_OSFXSR | one(0, 0, 0, S.CR4_SMAP));
    s.set32(S.CR0, S.CR0_PG | S.CR0_PE | S.CR0_WP | S.CR0_NE | one(0, S.CR0_AM));
    for (const n of [S.ES, S.DS, S.FS, S.GS]) {
      if (one(true, true, true, false)) s.setSegment(n, 0, 0n, 0, S.SEG_UNUSABLE);
      else s.setSegment(n, 0x2b, 0n, 0xffffffff, 0xc093 | (one(0, 3) << S.AR_DPL_SHIFT));
    }
    s.setSegment(S.CS, cpl === 3 ? 0x33 : 8, 0n, 0xffffffff, 0xa09b | (cpl << S.AR_DPL_SHIFT));
    s.setSegment(S.SS, cpl === 3 ? 0x2b : one(0, 0x10), 0n, 0xffffffff, 0xc093 | (cpl << S.AR_DPL_SHIFT));
    s.set32(S.CPL, cpl);
    for (let n = 0; n < 16; n++) s.setGpr(n, BigInt(random.uint32() >>> 0));
    s.setGpr(S.RCX, one(BigInt(LANDING), BigInt(LANDING), 1n << 63n, BigInt(NOWHERE)));
    const flags = (): number =>
      random.uint32() & 0x3f4ed5 & ~one(S.FLAG_AC, S.FLAG_AC, 0) & ~one(S.FLAG_NT, S.FLAG_NT, 0);
    s.setGpr(11, BigInt(flags() | one(0, 0, 0, S.FLAG_TF)));
    s.eflags = (flags() | 2) & ~S.FLAG_VM;
    s.set64(S.STAR, 0x0023_0008_0000_0000n);
    s.set64(S.LSTAR, BigInt(one(LANDING, KERNEL_LANDING)));
    s.set64(S.FMASK, BigInt(one(0x47700, 0, random.uint32() >>> 0)));
    cpu.nmiMasked = one(false, false, false, true);
    cpu.windowWanted = one(false, false, false, true);
    const rsp = STACK + 0x800 + one(0, 0, 0x7e0, 0x7f0, random.below(64));
    s.setGpr(S.RSP, BigInt(rsp));
    const view = new DataView(this.#stack.buffer, this.#stack.byteOffset);
    const frame = [one(LANDING, LANDING, NOWHERE), selector(), flags() | one(0, S.FLAG_RF), STACK + 0x100, selector()];
    for (const [n, value] of frame.entries()) view.setBigUint64(rsp - STACK + n * 8, BigInt(value >>> 0), true);
    s.rip = BigInt(CODE);
    cpu.blocks.flush();
    adjust(cpu);
    refreshPaging(cpu);
    cpu.breakpoints.update();
    cpu.updateMode();
    cpu.tlb.flush();
    this.begin();
  }
}

const INSTRUCTIONS: readonly [SystemName, readonly number[], cpls: readonly number[]][] = [
  ['syscall', [0x0f, 0x05], [3, 3, 0]],
  ['sysret', [0x48, 0x0f, 0x07], [0, 0, 3]],
  ['iret', [0x48, 0xcf], [0, 0, 0, 3]],
];

const bytes32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Present, writable, user and accessed bits of a page's entry. */
function setRights(cpu: TestCpu, linear: number, bits: number): void {
  const { u32 } = cpu.physical;
  let entry = 0;
  for (let shift = 39, table = 0; shift >= 12; shift -= 9) {
    entry = cpu.physical.host(table + (Math.floor(linear / 2 ** shift) % 512) * 8) >> 2;
    table = (u32[entry] ?? 0) & ~0xfff;
  }
  u32[entry] = ((u32[entry] ?? 0) & ~0x27) | bits;
}

describe('fast paths do what TypeScript does', () => {
  it.each(INSTRUCTIONS)('%s', (name, code, cpls) => {
    const random = new SeededRandom(SEED);
    const pair = new Pair(random);
    const slow = vi.spyOn(SYSTEM as Record<SystemName, unknown> as Record<SystemName, () => number>, name);
    for (let n = 0; n < CASES; n++) {
      pair.prepare([...code, ...JUMP_TO_ITSELF], cpls[random.below(cpls.length)] ?? 0);
      const act = (cpu: TestCpu): unknown => cpu.run(3);
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `case ${n}`).toEqual(wanted);
    }
    // a watched run calls it once at least, the other one only where the fast path gave up
    expect(slow.mock.calls.length).toBeLessThan(2 * CASES * 0.95);
    slow.mockRestore();
  });

  it('page faults', () => {
    const random = new SeededRandom(SEED);
    const pair = new Pair(random);
    const tables = pair.cpu.state.get64(S.IDTR_BASE);
    let fast = 0;
    for (let n = 0; n < 2 * CASES; n++) {
      const [opcode, target] = [random.pick([0x8b, 0x89, 0x01]), random.pick([NOWHERE, STACK, STACK + 0x1000, CODE])];
      const bits = random.pick([7, 7, 6, 5, 3, 0x27, 1]);
      pair.prepare(
        [0x48, opcode, 0x04, 0x25, ...bytes32(target + 8), ...JUMP_TO_ITSELF],
        random.pick([0, 3]),
        (cpu) => {
          const { state: s } = cpu;
          if (target !== NOWHERE && target !== CODE) setRights(cpu, target, bits);
          s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~random.pick([S.FLAG_AC, 0]) & ~S.FLAG_TF);
          s.set64(S.IDTR_BASE, tables - BigInt((S.PF - random.below(3)) * 16));
          s.set32(S.IDTR_LIMIT, random.pick([S.PF * 16 + 15, S.PF * 16 + 15, 0xff, S.PF * 16]));
        },
      );
      const act = (cpu: TestCpu): unknown => {
        const { answer, fast: delivered } = runFaulting(cpu, FAULT_COST + 20);
        fast += delivered;
        return answer;
      };
      const wanted = pair.run(true, act);
      expect(pair.run(false, act), `case ${n}`).toEqual(wanted);
    }
    expect(fast).toBeGreaterThan(CASES / 10);
  });

  it('events', () => {
    const random = new SeededRandom(SEED);
    const pair = new Pair(random);
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
    expect(fast).toBeGreaterThan(CASES / 10);
  });
});
