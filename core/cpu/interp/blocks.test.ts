/**
 * Programs that rewrite themselves, over a page boundary, run block by block, translated, and instruction by instruction, each
 * decoded anew: the result must be the same. And what such writes cost: no more than the blocks they hit.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import { Cpu } from '../cpu.ts';
import { FEATURE_NAMES } from '../features.ts';
import { ARENA_SIZE } from '../layout.ts';
import * as S from '../state.ts';
import type { Translation } from '../translate/translator.ts';

const CODE = 0x40_0000;
const PAGES = 2 * 0x1000;
const STACK = 0x60_0000;
const PROGRAMS = 150;
const ROUNDS = 300;
const PARTS = 12;
const INT3 = 0xcc;
const COUNTER = 13;
const BASE = 14;

const bytes32 = (value: number): number[] => [value, value >> 8, value >> 16, value >> 24].map((byte) => byte & 0xff);
const moveToEax = (value: number): number[] => [0xb8, ...bytes32(value)];
/** MOV DWORD [R14 + at], value */
const store = (at: number, value: number): number[] => [0x41, 0xc7, 0x86, ...bytes32(at), ...bytes32(value)];
/** MOV [R14 + at], EBX; NOP */
const storeEbx = (at: number): number[] => [0x41, 0x89, 0x9e, ...bytes32(at), 0x0f, 0x1f, 0x40, 0];
const TAKE_IN_EAX = [0x8d, 0x1c, 0x5b, 0x01, 0xc3]; // EBX = 3 EBX + EAX
const COUNT_DOWN = [0x41, 0xff, 0xcd]; // DEC R13D
const STORE_BYTES = 11;
/** TEST BL, 1; JZ behind the store */
const SOMETIMES = [0xf6, 0xc3, 1, 0x74, STORE_BYTES];
const NUMBER = SOMETIMES.length + STORE_BYTES + 1;
const PART_BYTES = 40;

/** Parts that rewrite the number or the jump of some part, but not always, add a number, and jump to another part. */
function program(seed: number): number[] {
  const random = new SeededRandom(seed);
  const starts: number[] = [];
  for (let at = 0x1000 - random.below(PART_BYTES * PARTS); starts.length < PARTS; at += PART_BYTES + random.below(20))
    starts.push(at);
  const end = (starts.at(-1) ?? 0) + PART_BYTES;
  const code = Array<number>(end + 1).fill(INT3);
  const any = (): number => random.pick(starts);
  const jumpOf = (part: number): number => part + PART_BYTES - 4;
  for (const part of starts) {
    const other = any();
    const kinds = [
      () => storeEbx(other + NUMBER),
      () => store(jumpOf(other), any() - (other + PART_BYTES)),
      () => storeEbx(end + 4 + random.below(40)), // data next to code
    ];
    const bytes = [
      ...[SOMETIMES, random.pick([...kinds, ...kinds.slice(0, 1)])(), moveToEax(random.uint32()), TAKE_IN_EAX].flat(),
      ...[...COUNT_DOWN, 0x0f, 0x84, ...bytes32(end - jumpOf(part) + 1)],
      ...[0xe9, ...bytes32(any() - (part + PART_BYTES))],
    ];
    code.splice(part, PART_BYTES, ...bytes);
  }
  code.splice(0, 5, 0xe9, ...bytes32((starts[0] ?? 0) - 5));
  return code;
}

function cpuWith(code: readonly number[], when: Translation): { cpu: TestCpu; memory: Uint8Array } {
  const before = Cpu.translation;
  Cpu.translation = when;
  const cpu = TestCpu.create(new Set(FEATURE_NAMES));
  Cpu.translation = before;
  const memory = cpu.map(CODE, PAGES);
  memory.fill(INT3).set(code);
  cpu.map(STACK, 0x1000);
  cpu.state.setGpr(BASE, BigInt(CODE));
  cpu.state.setGpr(S.RSP, BigInt(STACK + 0x800));
  cpu.state.rip = BigInt(CODE);
  cpu.state.eflags = 0x202;
  cpu.exitOnInt3 = true;
  return { cpu, memory };
}

function outcome(seed: number, when: Translation, singly: boolean): string {
  const { cpu, memory } = cpuWith(program(seed), when);
  cpu.state.setGpr(COUNTER, BigInt(ROUNDS));
  const isOver = (): boolean => cpu.raised !== undefined || cpu.memory.read8(cpu.state.rip) === INT3;
  for (let steps = 0; steps < 10 * ROUNDS && !isOver(); steps++) cpu.run(singly ? 1 : 50, singly);
  const { state } = cpu;
  return JSON.stringify([state.gpr(S.RBX), state.gpr(COUNTER), state.rip].map(String).concat(String(memory)));
}

/** Runs up to INT3, which is where RIP stands then. */
function runToEnd(cpu: TestCpu): void {
  for (let slices = 0; slices < 10_000 && cpu.memory.read8(cpu.state.rip) !== INT3; slices++) cpu.run(1000);
}

describe('code that rewrites itself', () => {
  it.each(['never', 'always'] as const)('runs as it is written, translated: %s', { timeout: 120_000 }, (when) => {
    for (let seed = 0; seed < PROGRAMS; seed++)
      expect(`${seed} ${outcome(seed, when, false)}`).toBe(`${seed} ${outcome(seed, 'never', true)}`);
  });

  it('costs the blocks that were hit, and no room', { timeout: 60_000 }, () => {
    const other = 0x100;
    const { cpu, memory } = cpuWith([...moveToEax(0), 0xeb, 0], 'never'); // JMP to the INT3 behind it
    memory.set([0xeb, 0], other);
    const decode = (at: number): void => {
      cpu.blocks.get(memory.byteOffset + at, cpu.state.get32(S.CODE_MODE), () => -1);
    };
    decode(0);
    decode(other);
    const before = cpu.blocks.decodes;
    const rewrites = Math.ceil(ARENA_SIZE / 50); // a block has more than 50 bytes of records
    for (let n = 1; n <= rewrites; n++) {
      cpu.blocks.written(memory.byteOffset + 1, 1);
      decode(0);
    }
    decode(other);
    expect(cpu.blocks.decodes - before).toBe(rewrites);
    expect({ size: cpu.blocks.size, drops: cpu.blocks.drops }).toEqual({ size: 2, drops: rewrites });
  });

  it('makes room block by block when there is too much of it', { timeout: 60_000 }, () => {
    const { cpu, memory } = cpuWith([], 'never');
    memory.fill(0x90); // NOP: each offset begins a block of its own
    const decode = (at: number, mode: number): void => {
      cpu.blocks.get(memory.byteOffset + at, mode, () => -1);
    };
    const mode = cpu.state.get32(S.CODE_MODE);
    let most = 0;
    for (let round = 0; round < 8; round++)
      for (let at = 0; at < PAGES - 100; at++) {
        decode(at, mode ^ (round << 4)); // as if SSE, the x87 or AVX were off
        most = Math.max(most, cpu.blocks.size);
      }
    expect(cpu.blocks.size * 64 * 8).toBeLessThan(ARENA_SIZE);
    expect(cpu.blocks.size).toBeGreaterThan(most * 0.8);
    expect(cpu.blocks.flushes).toBe(0);
    expect(cpu.blocks.drops).toBeGreaterThan(0);
  });

  it('and data next to it, which costs nothing', () => {
    // EAX = 5; MOV [R14 + 0x100], 7; DEC R13D; JNZ to the beginning
    const { cpu, memory } = cpuWith([...moveToEax(5), ...store(0x100, 7), ...COUNT_DOWN, 0x75, 0x100 - 21], 'never');
    cpu.state.setGpr(COUNTER, 1000n);
    let slow = 0;
    const { writeCode } = cpu.memory;
    cpu.memory.writeCode = (host, size) => {
      slow++;
      return writeCode.call(cpu.memory, host, size);
    };
    runToEnd(cpu);
    expect(cpu.state.gpr(COUNTER)).toBe(0n);
    expect(memory[0x100]).toBe(7);
    expect({ drops: cpu.blocks.drops, slow }).toEqual({ drops: 0, slow: 0 });
  });
});
