/**
 * Random programs with loops, calls, indirect jumps, memory and faults, on both engines: whatever they do, the state after is
 * the same, to the instruction at which a slice ends with a fault.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import { Cpu } from '../cpu.ts';
import { CPU_HLT } from '../exits.ts';
import { FEATURE_NAMES } from '../features.ts';
import { USER } from '../mmu/walk.ts';
import * as S from '../state.ts';
import type { Translation } from './translator.ts';

const CODE = 0x40_0000;
const DATA = 0x50_0000;
const DATA_BYTES = 0x1000;
const STACK = 0x60_0000;
const ROUNDS = 12;
const PROGRAMS = Number(process.env['VIVARIUM_PROGRAMS'] ?? 60);

const INT3 = 0xcc;
const COUNTER = 13; // r13 counts rounds, r14 points to the data
const BASE = 14;
const REGISTERS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 15];
const DIRECT = [0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85, 0x89, 0x87]; // ADD OR ADC SBB AND SUB XOR CMP TEST MOV XCHG

class Program {
  readonly #random: SeededRandom;
  readonly #bytes: number[] = [];
  /** Places of 32-bit displacements, and the block or subroutine each leads to. */
  readonly #fixes: { at: number; block: number }[] = [];
  readonly #starts: number[] = [];
  readonly #blocks: number;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#blocks = 3 + this.#random.below(6);
    for (let n = 0; n < this.#blocks; n++) this.#block(n);
    for (let n = 0; n < 2; n++) this.#subroutine();
    for (const { at, block } of this.#fixes) {
      const displacement = (this.#starts[block] ?? 0) - (at + 4);
      for (let n = 0; n < 4; n++) this.#bytes[at + n] = (displacement >> (8 * n)) & 0xff;
    }
  }
  get code(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #put(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }
  #to(block: number): void {
    this.#fixes.push({ at: this.#bytes.length, block });
    this.#put(0, 0, 0, 0);
  }
  #register(): number {
    return this.#random.pick(REGISTERS);
  }
  /** REX, opcode, and ModRM of two registers. */
  #pair(prefix: readonly number[], opcode: readonly number[], reg: number, rm: number, modrm = 0xc0): void {
    const wide = this.#random.below(2) << 3;
    this.#put(...prefix, 0x40 | wide | ((reg >> 3) << 2) | (rm >> 3), ...opcode, modrm | ((reg & 7) << 3) | (rm & 7));
  }

  #block(n: number): void {
    this.#starts[n] = this.#bytes.length;
    for (let count = this.#random.below(8); count >= 0; count--) this.#instruction();
    if (n === this.#blocks - 1) {
      this.#put(0x49, 0xff, 0xc0 | 8 | (COUNTER & 7)); // dec r13
      this.#put(0x0f, 0x85); // jnz to any block: a loop
      this.#to(this.#random.below(this.#blocks));
      this.#put(INT3);
    } else this.#wayOn(n);
  }
  #wayOn(n: number): void {
    const ahead = n + 1 + this.#random.below(this.#blocks - n - 1);
    switch (this.#random.below(5)) {
      case 0:
        this.#put(0xe9);
        this.#to(ahead);
        return;
      case 1:
        this.#put(0xe8); // call
        this.#to(this.#blocks + this.#random.below(2));
        return;
      case 2: {
        this.#put(0x48, 0x8d, 0x05); // lea rax, [rip + ahead]; jmp rax
        this.#to(ahead);
        this.#put(0xff, 0xe0);
        return;
      }
      default:
        this.#put(0x0f, 0x80 | this.#random.below(16));
        this.#to(ahead);
    }
  }
  #subroutine(): void {
    this.#starts.push(this.#bytes.length);
    for (let count = this.#random.below(4); count >= 0; count--) this.#instruction();
    this.#put(0xc3);
  }

  #instruction(): void {
    const random = this.#random;
    const [a, b] = [this.#register(), this.#register()];
    const prefix = random.below(5) === 0 ? [0x66] : [];
    const cc = random.below(16);
    const kinds: readonly (() => void)[] = [
      () => {
        this.#pair(prefix, [0xc1], random.pick([4, 5, 7]), a); // shifts
        this.#put(random.below(70));
      },
      () => this.#pair(prefix, [0xd3], random.pick([0, 1, 2, 3, 4, 5, 7]), a), // by CL
      () => this.#pair(prefix, [0xff], random.below(2), a), // INC DEC
      () => this.#pair(prefix, [0xf7], 2 + random.below(4), a), // NOT NEG MUL IMUL
      () => this.#pair(prefix, [0x0f, 0xaf], a, b),
      () => this.#pair(prefix, [0x0f, 0x40 | cc], a, b), // CMOVcc
      () => this.#pair([], [0x0f, 0x90 | cc], 0, a), // SETcc
      () => this.#pair(prefix, [0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf])], a, b),
      () => this.#memory(prefix, random.pick([...DIRECT, 0x8b, 0x03, 0x3b, 0x88, 0x8a]), a),
      () => this.#put(...(a > 7 ? [0x41] : []), 0x50 | (a & 7), ...(b > 7 ? [0x41] : []), 0x58 | (b & 7)), // push, pop
      () => this.#put(random.pick([0xf5, 0xf8, 0xf9, 0xfc, 0x98, 0x99, 0x9f])), // flags, sign extensions
      () => this.#pair(prefix, [random.pick(DIRECT)], a, b),
    ];
    random.pick([...kinds, ...kinds.slice(-4)])();
  }
  /** [r14 + displacement]: rarely where no memory is. */
  #memory(prefix: readonly number[], opcode: number, reg: number): void {
    const displacement = this.#random.below(40) === 0 ? 0x10_0000 : this.#random.below(DATA_BYTES + 4);
    this.#pair(prefix, [opcode], reg, BASE, 0x80);
    for (let n = 0; n < 4; n++) this.#put((displacement >> (8 * n)) & 0xff);
  }
}

/** What is left when the program has ended, by INT3 or by its first exception. */
function outcome(seed: number, when: Translation): string {
  const before = Cpu.translation;
  Cpu.translation = when;
  const cpu = TestCpu.create(new Set(FEATURE_NAMES));
  Cpu.translation = before;
  const random = new SeededRandom(~seed);
  const data = cpu.map(DATA, DATA_BYTES);
  cpu.map(STACK, 0x1000);
  const { code } = new Program(seed);
  // a page ends somewhere in it
  const start = CODE + 0x1000 - random.below(code.length + 1);
  cpu
    .map(CODE, 0x2000)
    .fill(INT3)
    .set(code, start - CODE);
  for (let n = 0; n < data.length; n++) data[n] = random.below(256);
  const s = cpu.state;
  for (const n of REGISTERS) s.setGpr(n, BigInt(random.uint32()) * BigInt(random.below(3) === 0 ? random.uint32() : 1));
  s.setGpr(COUNTER, BigInt(ROUNDS));
  s.setGpr(BASE, BigInt(DATA));
  s.setGpr(S.RSP, BigInt(STACK + 0x800));
  s.rip = BigInt(start);
  s.eflags = 0x202;
  cpu.exitOnInt3 = true;
  for (let slices = 0; slices < 50 && cpu.raised === undefined && !isAtInt3(cpu); slices++) cpu.run(100);
  const registers = [...REGISTERS, S.RSP, COUNTER].map((n) => s.gpr(n).toString(16));
  return JSON.stringify({
    raised: cpu.raised,
    rip: s.rip.toString(16),
    flags: s.eflags,
    registers,
    data: createHash('sha256').update(data).digest('hex'),
  });
}
const isAtInt3 = (cpu: TestCpu): boolean => cpu.memory.read8(cpu.state.rip) === INT3;

describe('the translator', () => {
  it('does what the interpreter does', { timeout: 600_000 }, () => {
    for (let seed = 0; seed < PROGRAMS; seed++)
      expect(`${seed} ${outcome(seed, 'always')}`).toBe(`${seed} ${outcome(seed, 'never')}`);
  });

  it('translates code that is hot, that was rewritten, and that was rewritten too often, when it is hot again', () => {
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    const code = cpu.map(CODE, 0x1000);
    const { translator } = cpu;
    translator.interval = 10;
    const rewrite = (): void => {
      code.set([0xff, 0xc0, 0xeb, 0xfc]); // INC EAX; JMP -4
      translator.blocks.written(code.byteOffset, 4);
      cpu.state.rip = BigInt(CODE);
    };
    const slices = (count: number): void => {
      for (let n = 0; n < count; n++) cpu.run(10);
    };
    rewrite();
    for (let round = 1; round <= 8; round++) {
      slices(200);
      expect(translator.regions).toBe(round);
      rewrite();
    }
    slices(200);
    expect(translator.regions).toBe(8);
    slices(1 << 16);
    expect(translator.regions).toBe(9);
  });

  it('does not translate what runs now and then', () => {
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    const code = cpu.map(CODE, 0x1000);
    const loops = [CODE, CODE + 0x100];
    for (const loop of loops) code.set([0xff, 0xc0, 0xeb, 0xfc], loop - CODE); // INC EAX; JMP -4
    cpu.translator.interval = 10;
    const samples = (loop: number | undefined, count: number): void => {
      cpu.state.rip = BigInt(loop ?? 0);
      for (let n = 0; n < count; n++) cpu.run(10);
    };
    samples(loops[0], 15);
    samples(loops[1], 1 << 14);
    expect(cpu.translator.regions).toBe(1);
    samples(loops[0], 8);
    samples(loops[1], 200);
    expect(cpu.translator.regions).toBe(1);
    samples(loops[0], 300);
    expect(cpu.translator.regions).toBe(2);
  });

  it('translates code that leaves again and again before a sample is due', () => {
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    cpu.state.set32(S.CPL, 0);
    cpu.updateMode();
    cpu.translator.interval = 50;
    cpu.map(CODE, 0x1000).set([0xff, 0xc0, 0xf4, 0xeb, 0xfb]); // INC EAX; HLT; JMP -5
    cpu.state.rip = BigInt(CODE);
    for (let n = 0; n < 2000; n++) expect(cpu.run(1000)).toBe(CPU_HLT);
    expect(cpu.translator.regions).toBeGreaterThan(0);
    expect(cpu.state.gpr(S.RAX)).toBe(2000n);
  });

  it('follows calls to another page, and looks whether that is where it was', () => {
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    const stack = cpu.map(STACK, 0x1000);
    cpu.map(CODE, 0x1000).set([0xe8, 0xfb, 0x0f, 0, 0, 0xff, 0xc9, 0x75, 0xf7, INT3]); // CALL +0x1000; DEC ECX; JNZ -9
    const page = (...code: number[]): void => cpu.map(CODE + 0x1000, 0x1000).set(code);
    const rounds = (count: number): bigint => {
      const s = cpu.state;
      s.setGpr(S.RAX, 0n);
      s.setGpr(S.RCX, BigInt(count));
      s.setGpr(S.RSP, BigInt(STACK + 0x800));
      s.rip = BigInt(CODE);
      cpu.exitOnInt3 = true;
      for (let n = 0; n < 20_000 && !isAtInt3(cpu); n++) cpu.run(100);
      return s.gpr(S.RAX);
    };
    page(0xff, 0xc0, 0xc3); // INC EAX; RET
    expect(rounds(3)).toBe(3n);
    // the interpreter has seen both pages
    const hostOf = (at: bigint): number => cpu.tlb.lookup(Number(at), 0, USER, S.TLB_EXEC);
    const linear = BigInt(CODE);
    cpu.translator.translate({ host: hostOf(linear), mode: cpu.state.get32(S.CODE_MODE), linear, hostOf });
    expect([cpu.translator.regions, cpu.translator.instructions]).toEqual([1, 5]);
    expect(rounds(1000)).toBe(1000n);
    page(0x83, 0xc0, 0x02, 0xc3); // ADD EAX, 2; RET
    cpu.tlb.flush();
    expect(rounds(3)).toBe(6n);
    stack.fill(0);
    expect(rounds(1000)).toBe(2000n);
  });

  it('looks for another page by its linear address where the code segment has a base', () => {
    const base = 0x10_0000;
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    cpu.setLong(false);
    cpu.state.setSegment(S.CS, 0x23, BigInt(base), 0xffff_ffff, cpu.state.access(S.CS));
    cpu.state.set32(S.EFER, cpu.state.get32(S.EFER) | S.EFER_NXE); // generated code walks then
    cpu.updateMode();
    cpu.map(STACK, 0x1000);
    cpu.map(CODE, 0x1000).set([0xe8, 0xfb, 0x0f, 0, 0, 0x49, 0x75, 0xf8, INT3]); // CALL +0x1000; DEC ECX; JNZ -8
    const next = CODE + 0x1000;
    // what lies at its offset is the same page, and stays so
    cpu.map(next, 0x1000, next - base).set([0x40, 0xc3]); // INC EAX; RET
    const rounds = (count: number): bigint => {
      const s = cpu.state;
      s.setGpr(S.RAX, 0n);
      s.setGpr(S.RCX, BigInt(count));
      s.setGpr(S.RSP, BigInt(STACK + 0x800));
      s.rip = BigInt(CODE - base);
      cpu.exitOnInt3 = true;
      for (let n = 0; n < 1000 && cpu.memory.read8(s.rip + BigInt(base)) !== INT3; n++) cpu.run(100);
      return s.gpr(S.RAX);
    };
    expect(rounds(3)).toBe(3n);
    const hostOf = (at: bigint): number => cpu.tlb.lookup(Number(at), 0, USER, S.TLB_EXEC);
    const linear = BigInt(CODE);
    cpu.translator.translate({ host: hostOf(linear), mode: cpu.state.get32(S.CODE_MODE), linear, hostOf });
    expect([cpu.translator.regions, cpu.translator.instructions]).toEqual([1, 5]);
    expect(rounds(1000)).toBe(1000n);
    cpu.map(next, 0x1000).set([0x83, 0xc0, 0x02, 0xc3]); // ADD EAX, 2; RET
    cpu.tlb.flush();
    expect(rounds(1000)).toBe(2000n);
  });

  it('may forget all blocks when one is about to run', () => {
    const before = Cpu.translation;
    Cpu.translation = 'always';
    const cpu = TestCpu.create(new Set(FEATURE_NAMES));
    Cpu.translation = before;
    const { translator } = cpu;
    const translate = translator.translate.bind(translator);
    translator.translate = (place) => {
      translate(place);
      translator.blocks.flush();
    };
    cpu.map(CODE, 0x1000).fill(INT3).set([0xff, 0xc0, 0xff, 0xc0]); // INC EAX, twice
    cpu.state.rip = BigInt(CODE);
    cpu.exitOnInt3 = true;
    cpu.run(100);
    expect(cpu.state.gpr(S.RAX)).toBe(2n);
  });
});
