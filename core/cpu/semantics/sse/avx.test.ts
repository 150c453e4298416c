/** What silicon.test.ts cannot try of VEX encodings: state the system has not enabled, encodings that are not allowed. */
import { describe, expect, it } from 'vitest';
import { TestCpu } from '../../../testing/test-cpu.ts';
import * as S from '../../state.ts';
import { ROWS } from '../../table/index.ts';

const CODE = 0x40_0000;
const DATA = 0x50_0000;
const cpu = TestCpu.create(new Set(ROWS.flatMap((row) => row.cpuid ?? [])));
const code = cpu.map(CODE, 4096);
const page = cpu.map(DATA, 4096);
const data = new DataView(page.buffer, page.byteOffset, page.length);
const s = cpu.state;
const { cr0, cr4 } = s;
const ALL_FEATURES = cpu.features;

interface World {
  readonly cr0?: number;
  readonly cr4?: number;
  readonly xcr0?: bigint;
  readonly long?: boolean;
}
/** Vector of the exception that the instruction raises in such a world, or undefined. */
function raises(bytes: readonly number[], world: World = {}): number | undefined {
  s.set32(S.CR0, world.cr0 ?? cr0);
  s.set32(S.CR4, world.cr4 ?? cr4);
  s.set64(S.XCR0, world.xcr0 ?? 7n);
  cpu.setLong(world.long ?? true);
  code.fill(0xcc).set(bytes);
  s.rip = BigInt(CODE);
  const raised = cpu.step(false);
  if (raised !== undefined) expect(s.rip).toBe(BigInt(CODE));
  return raised?.vector;
}

const VADDPS = [0xc5, 0xf0, 0x58, 0xc2]; // VADDPS xmm0, xmm1, xmm2
const VPADDB_YMM = [0xc5, 0xf5, 0xfc, 0xc2]; // VPADDB ymm0, ymm1, ymm2
const VZEROUPPER = [0xc5, 0xf8, 0x77];
const VSTMXCSR = [0xc5, 0xf8, 0xae, 0x1c, 0x25, 0, 0, 0x50, 0]; // VSTMXCSR [500000h]
const VPGATHERDD = [0xc4, 0xe2, 0x75, 0x90, 0x04, 0x10]; // VPGATHERDD ymm0, [rax + ymm2], ymm1
const ANDN = [0xc4, 0xe2, 0x78, 0xf2, 0xc1]; // ANDN eax, eax, ecx
const VECTORS = { VADDPS, VPADDB_YMM, VZEROUPPER, VSTMXCSR, VPGATHERDD };

describe('a VEX encoding of a vector', () => {
  s.setGpr(S.RAX, BigInt(DATA));
  it.each(Object.entries(VECTORS))('%s runs where all is enabled', (_name, bytes) => {
    expect(raises(bytes)).toBeUndefined();
  });
  it.each(Object.entries(VECTORS))('%s is #UD without CR4.OSXSAVE', (_name, bytes) => {
    expect(raises(bytes, { cr4: cr4 & ~S.CR4_OSXSAVE })).toBe(S.UD);
  });
  it.each(Object.entries(VECTORS))('%s is #UD while XCR0 does not enable YMM', (_name, bytes) => {
    expect(raises(bytes, { xcr0: 3n })).toBe(S.UD);
  });
  it.each(Object.entries(VECTORS))('%s is #NM with CR0.TS', (_name, bytes) => {
    expect(raises(bytes, { cr0: cr0 | S.CR0_TS })).toBe(S.NM);
  });
  it.each(Object.entries(VECTORS))('%s does not look at CR0.EM and CR4.OSFXSR', (_name, bytes) => {
    expect(raises(bytes, { cr0: cr0 | S.CR0_EM, cr4: cr4 & ~S.CR4_OSFXSR })).toBeUndefined();
  });
  it('of 256-bit integers needs AVX2', () => {
    cpu.features = new Set([...ALL_FEATURES].filter((name) => name !== 'avx2'));
    expect(raises(VPADDB_YMM)).toBe(S.UD);
    expect(raises([0xc5, 0xf1, 0xfc, 0xc2])).toBeUndefined(); // VPADDB xmm0, xmm1, xmm2
    cpu.features = ALL_FEATURES;
  });
});

describe('a VEX encoding of general registers', () => {
  it('needs no vector state', () => {
    const world = { cr0: cr0 | S.CR0_TS | S.CR0_EM, cr4: cr4 & ~S.CR4_OSXSAVE, xcr0: 1n };
    expect(raises(ANDN, world)).toBeUndefined();
  });
});

describe('#UD', () => {
  it.each([0x66, 0xf2, 0xf3, 0xf0, 0x48])('by prefix %i before VEX', (prefix) => {
    expect(raises([prefix, ...VADDPS])).toBe(S.UD);
  });
  it.each([
    ['vvvv where it names nothing', [0xc5, 0xf0, 0x28, 0xc1]], // VMOVAPS xmm0, xmm1
    ['VEX.L where it must be 0', [0xc5, 0xfd, 0x6e, 0xc0]], // VMOVD
    ['VEX.W where it must be 1', [0xc4, 0xe3, 0x7d, 0x00, 0xc1, 0]], // VPERMQ
    ['a map that does not exist', [0xc4, 0xe4, 0x70, 0x58, 0xc2]],
    ['a gather whose mask is its index', [0xc4, 0xe2, 0x75, 0x90, 0x04, 0x08]],
    ['a gather whose mask is its destination', [0xc4, 0xe2, 0x75, 0x90, 0x0c, 0x10]],
    ['a gather without an index', [0xc4, 0xe2, 0x75, 0x90, 0x00]],
  ])('by %s', (_why, bytes) => {
    expect(raises(bytes)).toBe(S.UD);
  });
});

describe('a gather', () => {
  const element = (register: number, n: number): number => S.VEC + register * S.VEC_SIZE + n * 4;

  it('that faults keeps what it has, and goes on from there', () => {
    const indices = [0, 4, 8, 0x10_0000, 12, 16, 20, 24];
    indices.forEach((index, n) => {
      s.set32(element(2, n), index);
      s.set32(element(1, n), n === 1 ? 0 : -1);
      s.set32(element(0, n), 0x100 + n);
      data.setUint32(n * 4, 0x200 + n, true);
    });
    s.setGpr(S.RAX, BigInt(DATA));
    expect(raises(VPGATHERDD)).toBe(S.PF);
    expect(s.get64(S.CR2)).toBe(BigInt(DATA + 0x10_0000));
    expect(indices.map((_, n) => s.get32(element(0, n)))).toEqual([
      0x200, 0x101, 0x202, 0x103, 0x104, 0x105, 0x106, 0x107,
    ]);
    expect(indices.map((_, n) => s.get32(element(1, n)))).toEqual([0, 0, 0, -1, -1, -1, -1, -1]);

    s.set32(element(2, 3), 28);
    expect(raises(VPGATHERDD)).toBeUndefined();
    expect(indices.map((_, n) => s.get32(element(0, n)))).toEqual([
      0x200, 0x101, 0x202, 0x207, 0x203, 0x204, 0x205, 0x206,
    ]);
    expect(indices.map((_, n) => s.get32(element(1, n)))).toEqual(Array(8).fill(0));
  });
});

describe('a masked store', () => {
  it('that faults has stored nothing', () => {
    const edge = DATA + 4096 - 8;
    for (let n = 0; n < 8; n++) s.set32(S.VEC + S.VEC_SIZE + n * 4, -1);
    data.setUint32(4096 - 8, 7, true);
    s.setGpr(S.RAX, BigInt(edge));
    expect(raises([0xc4, 0xe2, 0x75, 0x8e, 0x10])).toBe(S.PF); // VPMASKMOVD [rax], ymm1, ymm2
    expect(s.get64(S.CR2)).toBe(BigInt(DATA + 4096));
    expect(data.getUint32(4096 - 8, true)).toBe(7);
  });
});
