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
const TAKE_IN_EAX = [0x8d, 0x1c, 0x5b, 0x01, 0xc3]; // EBX = 3 EBX + EAX
const COUNT_DOWN = [0x41, 0xff, 0xcd]; // DEC R13D
const PART_BYTES = 35;

/** Parts that each add a number, rewrite the number or the jump of some part, and jump to another. */
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
      () => store(other + 1, random.uint32()),
      () => store(jumpOf(other), any() - (other + PART_BYTES)),
      () => store(end + 4 + random.below(40), random.uint32()), // data next to code
    ];
    const countAt = part + 5 + TAKE_IN_EAX.length + 11 + COUNT_DOWN.length;
    const bytes = [
      ...[moveToEax(random.uint32()), TAKE_IN_EAX, random.pick([...kinds, ...kinds.slice(0, 1)])(), COUNT_DOWN].flat(),
      ...[0x0f, 0x84, ...bytes32(end - (countAt + 6))],
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

  it('costs the blocks that were hit, and no room', () => {
    const { cpu } = cpuWith([], 'never');
    const code = cpu.physical.u8.subarray(cpu.physical.u8.length);
    expect(code.length).toBe(0);
    const memory = cpu.map(CODE + PAGES, 0x1000);
    memory.fill(INT3).set([...moveToEax(0), 0xeb, 0]);
    memory.set([0xeb, 0], 0x100);
    const visit = (at: number): void => {
      cpu.state.rip = BigInt(CODE + PAGES + at);
      runToEnd(cpu);
    };
    visit(0x100);
    visit(0);
    const { size } = cpu.blocks;
    const rounds = 2 * (ARENA_SIZE / 100);
    const { decodes } = cpu.blocks;
    for (let n = 1; n <= rounds; n++) {
      if (n < 1000 || n % 1000 === 0) visit(0);
      else cpu.blocks.get(memory.byteOffset, cpu.state.get32(S.CODE_MODE), () => -1);
      memory[1] = n;
      cpu.blocks.written(memory.byteOffset + 1, 1);
    }
    expect(cpu.blocks.size).toBe(size - 1);
    expect(cpu.blocks.decodes - decodes).toBeLessThanOrEqual(rounds);
    expect(cpu.blocks.flushes).toBe(0);
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
