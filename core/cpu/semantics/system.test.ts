/**
 * The emitters of system instructions (semantics/system.ts) against TypeScript's (system/): the same random state runs twice,
 * once with the emitter out of the way. VIVARIUM_SEED repeats a run.
 */
import { describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import type { Insn } from '../decode/insn.ts';
import type { Feature } from '../features.ts';
import { SUPERVISOR } from '../mmu/walk.ts';
import * as S from '../state.ts';
import { SYSTEM } from '../system/index.ts';
import type { SystemName } from '../table/system-names.ts';
import type { Emitter } from './emit.ts';

const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
const CASES = 400;
const FEATURES = new Set<Feature>([
  ...(['lm', 'fsgsbase', 'tsc', 'rdtscp', 'cx8', 'cx16', 'fxsr', 'sse', 'sse2', 'fpu', 'msr'] as const),
  ...(['xsave', 'xsaveopt', 'xsavec', 'xsaves', 'avx', 'smap'] as const),
]);
const CODE = 0x40_0000;
const DATA = 0x60_0000;
const NOWHERE = 0x70_0000;
const PAGE = 0x1000;

/** The instruction with its memory operand, if it has one, at [RDI]. */
const INSTRUCTIONS: readonly [title: string, SystemName, code: readonly number[], compat?: boolean][] = [
  ['mov eax, gs', 'movFromSegment', [0x8c, 0xe8], true],
  ['mov ax, ds', 'movFromSegment', [0x66, 0x8c, 0xd8], true],
  ['mov rbx, ss', 'movFromSegment', [0x48, 0x8c, 0xd3]],
  ['mov [rdi], es', 'movFromSegment', [0x8c, 0x07], true],
  ['rdfsbase rbx', 'readFsGsBase', [0xf3, 0x48, 0x0f, 0xae, 0xc3]],
  ['rdgsbase eax', 'readFsGsBase', [0xf3, 0x0f, 0xae, 0xc8]],
  ['wrfsbase ebx', 'writeFsGsBase', [0xf3, 0x0f, 0xae, 0xd3]],
  ['wrgsbase rbx', 'writeFsGsBase', [0xf3, 0x48, 0x0f, 0xae, 0xdb]],
  ['swapgs', 'swapgs', [0x0f, 0x01, 0xf8]],
  ['stac', 'stac', [0x0f, 0x01, 0xcb], true],
  ['clac', 'clac', [0x0f, 0x01, 0xca], true],
  ['rdtsc', 'rdtsc', [0x0f, 0x31], true],
  ['rdtscp', 'rdtscp', [0x0f, 0x01, 0xf9], true],
  ['cmpxchg8b [rdi]', 'cmpxchg8b', [0x0f, 0xc7, 0x0f], true],
  ['cmpxchg16b [rdi]', 'cmpxchg8b', [0x48, 0x0f, 0xc7, 0x0f]],
  ['lock cmpxchg16b [rdi]', 'cmpxchg8b', [0xf0, 0x48, 0x0f, 0xc7, 0x0f]],
  ['mov rbx, cr0', 'movFromControl', [0x0f, 0x20, 0xc3], true],
  ['mov rax, cr2', 'movFromControl', [0x0f, 0x20, 0xd0], true],
  ['mov rbx, cr3', 'movFromControl', [0x0f, 0x20, 0xdb], true],
  ['mov rbx, cr4', 'movFromControl', [0x0f, 0x20, 0xe3], true],
  ['mov rbx, cr8', 'movFromControl', [0x44, 0x0f, 0x20, 0xc3]],
  ['xsaveopt [rdi]', 'xsaveopt', [0x0f, 0xae, 0x37], true],
  ['xsavec [rdi]', 'xsavec', [0x0f, 0xc7, 0x27], true],
  ['xsaves64 [rdi]', 'xsaves', [0x48, 0x0f, 0xc7, 0x2f]],
  ['xsaves [rdi]', 'xsaves', [0x0f, 0xc7, 0x2f], true],
  ['xrstors [rdi]', 'xrstors', [0x0f, 0xc7, 0x1f], true],
  ['xsaveopt fs:[rdi]', 'xsaveopt', [0x64, 0x0f, 0xae, 0x37], true],
  ['invlpg [rdi]', 'invlpg', [0x0f, 0x01, 0x3f], true],
  ['xrstor [rdi]', 'xrstor', [0x0f, 0xae, 0x2f], true],
  ['xrstors64 [rdi]', 'xrstors', [0x48, 0x0f, 0xc7, 0x1f]],
];

class Pair {
  readonly cpu = TestCpu.create(FEATURES, 1 << 17);
  readonly #code: Uint8Array;
  readonly #data: Uint8Array;
  #state = new Uint8Array();
  #image = new Uint8Array();
  #ns = 0;

  constructor(readonly random: SeededRandom) {
    this.#code = this.cpu.map(CODE, PAGE);
    this.#data = this.cpu.map(DATA, 2 * PAGE);
    const { host } = this.cpu;
    host.nowNs = () => this.#ns;
    host.tsc = () => BigInt.asUintN(64, BigInt(Math.floor(this.#ns)) + this.#offset);
    host.tscOffset = () => (this.#isScaled ? undefined : this.#offset);
  }
  #offset = 0n;
  #isScaled = false;

  #one<T>(...from: readonly T[]): T {
    return from[this.random.below(from.length)] as T;
  }
  #random64(): bigint {
    return (BigInt(this.random.uint32() >>> 0) << 32n) | BigInt(this.random.uint32() >>> 0);
  }

  prepare(code: readonly number[], long: boolean): void {
    const { cpu, random } = this;
    const s = cpu.state;
    const one = this.#one.bind(this);
    this.#code.set([...code, 0xeb, 0xfe]);
    for (let n = 0; n < this.#data.length; n++) this.#data[n] = random.below(256);
    const cpl = one(0, 0, 3);
    s.set32(S.CPL, cpl);
    cpu.setLong(long);
    s.setSegment(S.SS, 0x28 | cpl, 0n, 0xffffffff, 0xc093 | (cpl << S.AR_DPL_SHIFT));
    const limit = one(0xffffffff, 0xffffffff, 0xffffffff, DATA + 3, DATA + 7, DATA + 0x100);
    s.setSegment(S.DS, 0x28 | cpl, BigInt(one(0, 0, 0, 16)), limit, 0xc093 | (cpl << S.AR_DPL_SHIFT));
    for (const n of [S.FS, S.GS]) s.setSegBase(n, this.#random64() & 0x7fff_ffff_ffffn);
    s.set32(S.CR0, (s.cr0 & ~S.CR0_TS) | one(0, 0, 0, 0, S.CR0_TS));
    const cr4 = S.CR4_PAE | S.CR4_OSFXSR | one(S.CR4_OSXSAVE, S.CR4_OSXSAVE, S.CR4_OSXSAVE, 0);
    s.set32(S.CR4, cr4 | one(S.CR4_FSGSBASE, S.CR4_FSGSBASE, 0) | one(0, 0, S.CR4_TSD) | one(0, 0, 0, S.CR4_SMAP));
    s.set64(S.KERNEL_GS_BASE, this.#random64());
    s.set64(S.CR2, this.#random64());
    s.set64(S.XCR0, one(7n, 7n, 3n, 1n));
    s.set64(S.TSC_AUX, BigInt(random.below(256)));
    for (let n = 0; n < 16; n++) s.setGpr(n, this.#random64());
    s.setGpr(S.RBX, one(s.gpr(S.RBX), s.gpr(S.RBX) >> 20n));
    s.eflags = (random.uint32() & (S.FLAGS_ARITH | (cpl === 0 ? S.FLAG_AC : 0))) | 2;
    this.#operand();
    this.#vectors();
    this.#ns = random.uint32() * one(1, 0.5, 1000);
    this.#offset = one(0n, this.#random64());
    this.#isScaled = one(false, false, false, true);
    s.rip = BigInt(CODE);
    cpu.updateMode();
    cpu.refreshTsc();
    cpu.tlb.flush();
    this.#state = s.u8.slice();
    this.#image = this.#data.slice();
  }

  /** Where the operand is, and what is there: pairs that compare, areas that XRSTOR takes. */
  #operand(): void {
    const s = this.cpu.state;
    const one = this.#one.bind(this);
    const at = one(0, 0, 0, 64, 16, 4, PAGE - 64, PAGE - 4, 0x3c0, this.random.below(PAGE));
    s.setGpr(S.RDI, BigInt(one(DATA, DATA, DATA, DATA, NOWHERE) + at));
    const view = new DataView(this.#data.buffer, this.#data.byteOffset, this.#data.length);
    if (one(true, false)) {
      const size = one(4, 8);
      for (const [n, register] of [S.RAX, S.RDX].entries()) {
        const place = at + n * size;
        s.setGpr(register, size === 8 ? view.getBigUint64(place, true) : BigInt(view.getUint32(place, true)));
      }
    } else for (const n of [S.RAX, S.RDX]) s.setGpr(n, BigInt(one(7, 6, 2, 4, -1 >>> 0)));
    if (at + 576 > view.byteLength || one(false, false, false, true)) return;
    view.setUint32(at + 24, one(0x1f80, 0x1f80, 0x7fc0, 0x10000), true);
    this.#data.fill(0, at + 512, at + 576);
    view.setBigUint64(at + 512, BigInt(one(0, 2, 4, 6, 6, 7, 8)), true);
    const compacted = one(0n, 1n << 63n);
    view.setBigUint64(at + 520, compacted | (compacted === 0n ? 0n : BigInt(one(7, 7, 7, 6, 2, 9))), true);
    if (one(...Array<boolean>(8).fill(false), true)) this.#data[at + 528 + this.random.below(48)] = 1;
  }

  #vectors(): void {
    const { state: s, x87 } = this.cpu;
    const one = this.#one.bind(this);
    const fill = one(0, 0, 1, 2, 3);
    for (let at = S.VEC; at < S.MXCSR; at++) {
      const high = ((at - S.VEC) & 16) !== 0;
      s.u8[at] = (fill & (high ? 2 : 1)) !== 0 ? this.random.below(256) : 0;
    }
    s.set32(S.MXCSR, one(0x1f80, 0x1f80, 0x1fa0));
    x87.init();
    x87.words.fill(0, 10);
    if (one(false, false, false, true)) x87.words[this.random.below(80)] = this.random.below(256);
  }

  /** What a run leaves. */
  run(): Readonly<Record<string, unknown>> {
    const { cpu } = this;
    cpu.state.u8.set(this.#state);
    this.#data.set(this.#image);
    cpu.updateMode();
    cpu.tlb.flush();
    cpu.blocks.flush();
    // data are in the TLB, mostly: that is the common case
    const { state: own } = cpu;
    const kept = own.cpl === 0 && (own.cr4 & S.CR4_SMAP) !== 0 && (own.get32(S.EFLAGS) & S.FLAG_AC) === 0;
    if (this.#state[S.GPR] !== 0 && !kept)
      for (const at of [DATA, DATA + PAGE]) cpu.memory.write(BigInt(at), 1, cpu.memory.read8(BigInt(at)));
    cpu.raised = undefined;
    cpu.run(3);
    const state = cpu.state.u8.slice();
    for (const [at, size] of UNLIKE) state.fill(0, at, at + size);
    return {
      raised: cpu.raised,
      state: Buffer.from(state).toString('base64'),
      memory: Buffer.from(this.#data).toString('base64'),
      cached: [DATA, DATA + PAGE].map((at) => cpu.tlb.lookup(at, 0, SUPERVISOR, S.TLB_READ) >= 0),
    };
  }
}
/** What may differ. */
const UNLIKE = [
  [S.TLB_FILLS, 8],
  [S.TLB_PAGE_FLUSHES, 8],
  [S.SCRATCH, 32],
  [S.CODE_GENERATION, 4],
  [S.WALK_FAULT, 4],
  [S.BUDGET, 4],
  [S.SEGMENT_FAULT, 4],
] as const;

describe('emitters of system instructions do what TypeScript does', () => {
  it.each(INSTRUCTIONS)('%s', (_title, name, code, compat) => {
    const random = new SeededRandom(SEED);
    const pair = new Pair(random);
    const { interpreter } = pair.cpu.blocks;
    const own = interpreter.slot.bind(interpreter);
    const withoutEmitters = (insn: Insn, emit: Emitter): number =>
      insn.row.system === undefined ? own(insn, emit) : interpreter.module.systemSlot(insn);
    const slow = vi.spyOn(SYSTEM as Record<SystemName, () => number>, name);
    let fast = 0;
    for (let n = 0; n < CASES; n++) {
      pair.prepare(code, compat !== true || random.below(3) !== 0);
      const slot = vi.spyOn(interpreter, 'slot').mockImplementation(withoutEmitters);
      const wanted = pair.run();
      slot.mockRestore();
      slow.mockClear();
      expect(pair.run(), `case ${n}`).toEqual(wanted);
      if (slow.mock.calls.length === 0) fast++;
    }
    slow.mockRestore();
    const never = code[0] === 0x44 || code[0] === 0x64 || (name === 'movFromSegment' && (code[1] ?? 0) < 0xc0);
    expect(fast, 'taken').toBeGreaterThan(never ? -1 : 1);
  });
});
