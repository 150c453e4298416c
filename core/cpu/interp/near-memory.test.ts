/** Memory operands with a short field: base + displacement in flat 32-bit code wraps at 32 bits, and where a segment counts none is short. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TestCpu } from '../../testing/test-cpu.ts';
import type { Feature } from '../features.ts';
import * as S from '../state.ts';

const CODE = 0x40_0000;
const TOP = 0xffff_f000;
const DATA = 0x60_0000;

let cpu: TestCpu;
let top: Uint8Array;
let data: Uint8Array;
beforeEach(() => {
  cpu = TestCpu.create(new Set<Feature>(['lm']), 1 << 17);
  cpu.setLong(false);
  top = cpu.map(TOP, 0x1000);
  data = cpu.map(DATA, 0x1000);
});

function run(...code: number[]): void {
  cpu.map(CODE, 0x1000).set(code);
  cpu.state.rip = BigInt(CODE);
  cpu.blocks.flush();
  cpu.run(1, true);
}

describe('MOV EAX, [EBX + displacement]', () => {
  it('wraps below zero', () => {
    top.set([1, 2, 3, 4], 0xffc);
    cpu.state.setGpr(S.RBX, 4n);
    run(0x8b, 0x43, 0xf8); // - 8
    expect(cpu.state.gpr32(S.RAX)).toBe(0x0403_0201);
  });
  it('wraps beyond 4 GiB', () => {
    data.set([5, 6, 7, 8], 0x10);
    cpu.state.setGpr32(S.RBX, 0xffff_fff0);
    run(0x8b, 0x83, 0x20, 0, 0x60, 0); // + DATA + 20h
    expect(cpu.state.gpr32(S.RAX)).toBe(0x0807_0605);
  });
  it('does not look at the upper half of a register', () => {
    data.set([5, 6, 7, 8], 0x10);
    cpu.state.setGpr(S.RBX, (0x77n << 32n) | BigInt(DATA));
    run(0x8b, 0x43, 0x10);
    expect(cpu.state.gpr32(S.RAX)).toBe(0x0807_0605);
  });
  it('adds the base of a segment that is not flat', () => {
    data.set([9, 9, 9, 9], 0x20);
    cpu.state.setSegment(S.DS, 0x2b, 0x10n, 0xffffffff, 0xc0f3);
    cpu.updateMode();
    cpu.state.setGpr32(S.RBX, DATA);
    run(0x8b, 0x43, 0x10);
    expect(cpu.state.gpr32(S.RAX)).toBe(0x0909_0909);
  });
  it('adds the base of FS', () => {
    data.set([7, 7, 7, 7], 0x20);
    cpu.state.setSegment(S.FS, 0x2b, 0x10n, 0xffffffff, 0xc0f3);
    cpu.updateMode();
    cpu.state.setGpr32(S.RBX, DATA);
    run(0x64, 0x8b, 0x43, 0x10);
    expect(cpu.state.gpr32(S.RAX)).toBe(0x0707_0707);
  });
});

describe('the stack in flat 32-bit code', () => {
  it.each([
    ['PUSH', 0x50],
    ['POP', 0x58],
  ])('%s that does not fit below 4 GiB is #SS', (_name, opcode) => {
    cpu.state.setGpr32(S.RSP, opcode === 0x50 ? 2 : 0xffff_fffe);
    run(opcode);
    expect(cpu.raised).toEqual({ vector: S.SS_VECTOR, errorCode: 0 });
  });
  it('has the base of SS when that is not flat', () => {
    cpu.state.setSegment(S.SS, 0x2b, 0x10n, 0xffffffff, 0xc0f3);
    cpu.updateMode();
    cpu.state.setGpr32(S.RSP, DATA + 0x100);
    cpu.state.setGpr32(S.RAX, 0x0102_0304);
    run(0x50);
    expect([...data.subarray(0x10c, 0x110)]).toEqual([4, 3, 2, 1]);
  });
});
