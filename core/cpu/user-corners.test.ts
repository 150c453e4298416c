/** What single instructions of user programs did otherwise than a real CPU: found by the comparison in silicon.test.ts. */
import { beforeEach, describe, expect, it } from 'vitest';
import { descriptor, type Segment } from '../testing/native/segments.ts';
import { type RaisedException, TestCpu } from '../testing/test-cpu.ts';
import { type Feature, CpuOffsets as S } from './index.ts';

const CODE = 0x2000_0000;
const DATA = 0x1000_0000;
const FEATURES: ReadonlySet<Feature> = new Set<Feature>(['fpu', 'fxsr', 'sse', 'sse2', 'sse4.1', 'avx', 'clflush']);
const FLAT_DATA = 0x2b;
const LDT: Segment[] = [
  { kind: 'code', base: CODE, limit: 0x10fff, big: false },
  { kind: 'data', base: DATA, limit: 0xffff, big: false },
  { kind: 'code', base: CODE, limit: 0xffff, big: true, restricted: true },
];
const [CODE_16, STACK_16, UNREADABLE] = [0x07, 0x0f, 0x17];
const GDT = [0n, 0n, 0n, 0n, 0n, 0x00cf_f300_0000_ffffn];

let cpu: TestCpu;
let code: Uint8Array;
beforeEach(() => {
  cpu = TestCpu.create(FEATURES);
  cpu.map(DATA, 0x1000);
  code = cpu.map(CODE, 0x2000);
  cpu.setTables(GDT, LDT.map(descriptor), []);
});

/** One instruction at an offset in the code: in 64-bit mode, or with ES CS SS DS FS GS as given. */
function run(bytes: readonly number[], segments?: readonly number[], at = 0): RaisedException | undefined {
  code.set(bytes, at);
  if (segments) cpu.setSegments(segments);
  else cpu.setLong(true);
  cpu.state.rip = BigInt(segments ? at : CODE + at);
  return cpu.step(false);
}
const with16 = (stack: number, data = FLAT_DATA): number[] => [FLAT_DATA, CODE_16, stack, data, FLAT_DATA, FLAT_DATA];

describe('corners of user programs', () => {
  it('a branch of 16 bits that is not taken goes on beyond 64 KiB; a taken one wraps', () => {
    code = cpu.map(CODE + 0xf000, 0x2000);
    cpu.state.eflags = 0x202;
    const jc = [0x72, 0x10];
    code.set(jc, 0xfff);
    cpu.setSegments(with16(FLAT_DATA));
    cpu.state.rip = 0xffffn;
    cpu.step(false);
    expect(cpu.state.rip).toBe(0x10001n);
    cpu.state.rip = 0xffffn;
    cpu.state.eflags = 0x203;
    cpu.step(false);
    expect(cpu.state.rip).toBe(0x11n);
  });

  it('ENTER of 32 bits on a 16-bit stack makes all of ESP the frame pointer', () => {
    cpu.state.setGpr(S.RSP, 0x1234_0800n);
    cpu.state.setGpr(S.RBP, 0x5678_0900n);
    expect(run([0x66, 0xc8, 0, 0, 0], with16(STACK_16))).toBeUndefined();
    expect(cpu.state.gpr(S.RBP)).toBe(0x1234_07fcn);
    expect(cpu.state.gpr(S.RSP)).toBe(0x1234_07fcn);
  });

  it('FXSAVE where nothing is mapped faults as a write', () => {
    cpu.state.setGpr(S.RAX, BigInt(DATA + 0x4000));
    expect(run([0x0f, 0xae, 0x00])).toEqual({ vector: 14, errorCode: 6 });
  });

  it('MOV of a control register that does not exist is #UD at every level', () => {
    expect(run([0x0f, 0x20, 0xc8])?.vector).toBe(6);
    expect(run([0x0f, 0x22, 0xf8])?.vector).toBe(6);
    expect(run([0x0f, 0x20, 0xc0])).toEqual({ vector: 13, errorCode: 0 });
  });

  it('an instruction of 16 bytes is #GP, though a VEX prefix after LOCK would be #UD', () => {
    const locks = (n: number): number[] => new Array<number>(n).fill(0xf0);
    const vmovapd = [0xc5, 0xf9, 0x28, 0xc1];
    expect(run([...locks(12), ...vmovapd])).toEqual({ vector: 13, errorCode: 0 });
    expect(run([...locks(11), ...vmovapd])?.vector).toBe(6);
  });

  it('CLFLUSH works on code that cannot be read', () => {
    const segments = [FLAT_DATA, UNREADABLE, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA];
    cpu.state.setGpr(S.RAX, 0x40n);
    expect(run([0x2e, 0x0f, 0xae, 0x38], segments)).toBeUndefined();
    expect(run([0x2e, 0x8a, 0x00], segments)).toEqual({ vector: 13, errorCode: 0 });
    cpu.state.setGpr(S.RAX, 0x1_0000n);
    expect(run([0x2e, 0x0f, 0xae, 0x38], segments)).toEqual({ vector: 13, errorCode: 0 });
  });

  it('DPPS that ends with a denormal sum keeps the underflow of its products', () => {
    const { state } = cpu;
    const least = 0x0080_0001; // the least normal single but one
    state.set32(S.VEC, least);
    state.set32(S.VEC + S.VEC_SIZE, 0x3f00_0000);
    const [flags, denormalUnmasked] = [0x32, 0x1e80];
    state.set32(S.MXCSR, denormalUnmasked);
    expect(run([0x66, 0x0f, 0x3a, 0x40, 0xc1, 0x11])?.vector).toBe(19);
    expect(state.get32(S.MXCSR)).toBe(denormalUnmasked | flags);
  });
});
