/** XSAVE and its kin, by one instruction each with the state set and read through KVM. [SDM] volume 1, chapter 13 */
import { beforeEach, describe, expect, it } from 'vitest';
import type * as A from '../kvm/api.ts';
import { CODE, DATA, hex, KvmRig, type Mode } from '../testing/kvm-rig.ts';

const HLT = { exit: 'HLT' };
const OSXSAVE = 0x4_0000n;
const HEADER = 512;
const AVX = 576;
const AREA_SIZE = 832;

const CODES = {
  xsave: hex('xsave [rdi] ; hlt', '0f ae 27 f4'),
  xsave64: hex('xsave64 [rdi] ; hlt', '48 0f ae 27 f4'),
  xsaveopt: hex('xsaveopt [rdi] ; hlt', '0f ae 37 f4'),
  xsavec: hex('xsavec [rdi] ; hlt', '0f c7 27 f4'),
  xsaves: hex('xsaves [rdi] ; hlt', '0f c7 2f f4'),
  xrstor: hex('xrstor [rdi] ; hlt', '0f ae 2f f4'),
  xrstor64: hex('xrstor64 [rdi] ; hlt', '48 0f ae 2f f4'),
  xrstors: hex('xrstors [rdi] ; hlt', '0f c7 1f f4'),
  maskAndXsavec: hex('mov [rdi], ebx ; mov eax, 6 ; xsavec [rdi] ; hlt', '89 1f b8 06 00 00 00 0f c7 27 f4'),
  maskAndXrstor: hex('mov [rdi], ebx ; mov eax, 6 ; xrstor [rdi] ; hlt', '89 1f b8 06 00 00 00 0f ae 2f f4'),
  xgetbv: hex('xgetbv ; hlt', '0f 01 d0 f4'),
  xsetbv: hex('xsetbv ; hlt', '0f 01 d1 f4'),
};
type Name = keyof typeof CODES;

/** XSAVE in leaf 1, and what `extended` (leaf 0xD, subleaf 1, EAX) and AVX add. */
function offer(rig: KvmRig, { avx = true, extended = 0xf } = {}): void {
  const entries = rig.vcpu.getCpuid2(100).filter((e) => e.function !== 0xd);
  const leaf1 = entries.find((e) => e.function === 1);
  if (leaf1) leaf1.ecx = ((leaf1.ecx & ~(1 << 28)) | (1 << 26) | (avx ? 1 << 28 : 0)) >>> 0;
  const leafD = { function: 0xd, flags: 1, ebx: 0, ecx: 0, edx: 0 };
  rig.vcpu.setCpuid2([...entries, { ...leafD, index: 0, eax: avx ? 7 : 3 }, { ...leafD, index: 1, eax: extended }]);
}

let rig: KvmRig;
const area = () => rig.ram.subarray(DATA, DATA + AREA_SIZE);
const word = (at: number) => rig.view.getBigUint64(DATA + at, true);

/** Runs one instruction on the area at DATA with EDX:EAX as the components asked for. */
function prepare(name: Name, mask = 7n, mode: Mode = 'long'): KvmRig {
  rig.start(mode, CODES[name]);
  rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | OSXSAVE });
  return rig.set({ rdi: BigInt(DATA), rax: mask, rdx: 0n, rcx: 0n });
}
function run(name: Name, mask = 7n, mode: Mode = 'long'): void {
  expect(prepare(name, mask, mode).run()).toEqual(HLT);
}

/** A state with nothing in its initial configuration: register n is filled with bytes n + 1, upper halves with 0x80 + n. */
function fill(): void {
  const state = new Uint8Array(4096);
  const view = new DataView(state.buffer);
  view.setUint16(0, 0x27f, true);
  view.setUint16(2, 0x3800, true);
  view.setUint8(4, 0x81);
  view.setBigUint64(8, 0x1234_5678_9abcn, true);
  view.setUint32(24, 0x1fa0, true);
  for (let n = 0; n < 8; n++) state.fill(0x40 + n, 32 + n * 16, 42 + n * 16);
  for (let n = 0; n < 16; n++) state.fill(n + 1, 160 + n * 16, 176 + n * 16);
  for (let n = 0; n < 16; n++) state.fill(0x80 + n, AVX + n * 16, AVX + n * 16 + 16);
  state[HEADER] = 7;
  rig.vcpu.setXsave(state);
}
const init = (): void => rig.vcpu.setXsave(new Uint8Array(4096));
const xmm = (n: number) => rig.vcpu.getXsave()[160 + n * 16];
const ymmHigh = (n: number) => rig.vcpu.getXsave()[AVX + n * 16];

beforeEach(() => {
  rig = new KvmRig();
  offer(rig);
  rig.vcpu.setXcrs({ flags: 0, xcrs: [{ xcr: 0, value: 7n }] });
  fill();
  area().fill(0xee);
  rig.ram.fill(0, DATA + HEADER, DATA + HEADER + 64);
});

describe('components asked for by the instruction before', () => {
  it('are saved and restored', () => {
    run('maskAndXsavec', 0n);
    expect(word(HEADER)).toBe(6n);
    init();
    run('maskAndXrstor', 0n);
    expect([xmm(3), ymmHigh(3)]).toEqual([4, 0x83]);
  });
});

describe('XSAVE', () => {
  it('writes every component asked for, and of the header XSTATE_BV only', () => {
    rig.ram.fill(0xdd, DATA + HEADER, DATA + HEADER + 64);
    run('xsave64');
    const state = rig.vcpu.getXsave();
    expect([...area().subarray(0, 24)]).toEqual([...state.subarray(0, 24)]);
    expect([...area().subarray(32, 416)]).toEqual([...state.subarray(32, 416)]);
    expect([...area().subarray(AVX)]).toEqual([...state.subarray(AVX, AREA_SIZE)]);
    expect(rig.view.getUint32(DATA + 24, true)).toBe(0x1fa0);
    expect(word(HEADER)).toBe((0xdddd_dddd_dddd_ddddn & ~7n) | 7n);
    expect(
      area()
        .subarray(HEADER + 8, AVX)
        .every((b) => b === 0xdd),
    ).toBe(true);
    expect(
      area()
        .subarray(416, HEADER)
        .every((b) => b === 0xee),
    ).toBe(true);
  });

  it('has 32-bit pointers with selectors, or 64-bit ones with REX.W', () => {
    run('xsave');
    expect([rig.view.getUint32(DATA + 8, true), rig.view.getUint32(DATA + 12, true)]).toEqual([0x5678_9abc, 0]);
    run('xsave64');
    expect(word(8)).toBe(0x1234_5678_9abcn);
  });

  it.each<[bigint, number[], boolean]>([
    [1n, [0], false],
    [2n, [160], true],
    [4n, [AVX], true],
    [6n, [160, AVX], true],
  ])('leaves what is not asked for alone: mask %s', (mask, written, mxcsr) => {
    rig.view.setBigUint64(DATA + HEADER, 0x10n, true);
    run('xsave', mask);
    for (const at of [0, 160, AVX]) expect([at, area()[at] !== 0xee]).toEqual([at, written.includes(at)]);
    expect(area()[24] !== 0xee).toBe(mxcsr);
    expect(word(HEADER)).toBe(0x10n | mask);
  });

  it('writes components in their initial configuration, and marks them so', () => {
    init();
    run('xsave');
    expect(rig.view.getUint16(DATA, true)).toBe(0x37f);
    expect([area()[160], area()[AVX], word(HEADER)]).toEqual([0, 0, 0n]);
  });

  it('stays within XCR0', () => {
    rig.vcpu.setXcrs({ flags: 0, xcrs: [{ xcr: 0, value: 3n }] });
    run('xsave', 0xffff_ffffn);
    expect([area()[AVX], word(HEADER)]).toEqual([0xee, 3n]);
  });

  it('has eight vector registers outside 64-bit mode', () => {
    run('xsave', 7n, 'compatibility');
    expect([area()[160 + 7 * 16], area()[160 + 8 * 16]]).toEqual([8, 0xee]);
    expect([area()[AVX + 7 * 16], area()[AVX + 8 * 16]]).toEqual([0x87, 0xee]);
  });

  it('writes nothing when the area lies partly where nothing may be written', () => {
    const page = DATA + 0x1000;
    rig.ram.fill(0xee, page - 640, page);
    prepare('xsave').set({ rdi: BigInt(page - 640) });
    rig.load32(0x13000 + (page >> 12) * 8, page | 5, 0); // read-only
    rig.setControl({});
    expect(rig.exception()).toMatchObject({ vector: 14, error: 3, cr2: BigInt(page) });
    expect(rig.ram.subarray(page - 640, page).every((b) => b === 0xee)).toBe(true);
  });
});

describe('XSAVEOPT', () => {
  it('does not write what is in its initial configuration', () => {
    init();
    rig.vcpu.setFpu({ ...rig.vcpu.getFpu(), fcw: 0x27f });
    run('xsaveopt');
    expect([area()[0], area()[160], area()[AVX], word(HEADER)]).toEqual([0x7f, 0xee, 0xee, 1n]);
    expect(rig.view.getUint32(DATA + 24, true)).toBe(0x1f80);
  });
});

describe.each(['xsavec', 'xsaves'] as const)('%s', (name) => {
  it('writes the compacted format: what is in use, and what was asked for in XCOMP_BV', () => {
    init();
    rig.vcpu.setXsave(Object.assign(rig.vcpu.getXsave(), { [AVX]: 5, [HEADER]: 4 }));
    run(name);
    expect([area()[0], area()[24], area()[160], area()[AVX]]).toEqual([0xee, 0xee, 0xee, 5]);
    expect([word(HEADER), word(HEADER + 8)]).toEqual([4n, (1n << 63n) | 7n]);
  });

  it('counts MXCSR as SSE state', () => {
    init();
    rig.vcpu.setFpu({ ...rig.vcpu.getFpu(), mxcsr: 0x1fa0 });
    run(name);
    expect([word(HEADER), rig.view.getUint32(DATA + 24, true)]).toEqual([2n, 0x1fa0]);
    expect(area()[160]).toBe(0);
  });
});

describe('XRSTOR', () => {
  beforeEach(() => {
    run('xsave64');
    init();
  });

  it('brings back what XSAVE wrote', () => {
    fill();
    const before = rig.vcpu.getXsave();
    init();
    run('xrstor64');
    expect(rig.vcpu.getXsave()).toEqual(before);
  });

  it('initialises components that are asked for and not in XSTATE_BV; MXCSR comes from memory all the same', () => {
    fill();
    rig.view.setBigUint64(DATA + HEADER, 1n, true);
    run('xrstor');
    expect([xmm(0), xmm(15), ymmHigh(0)]).toEqual([0, 0, 0]);
    expect(rig.vcpu.getFpu()).toMatchObject({ fcw: 0x27f, mxcsr: 0x1fa0 });
    rig.view.setBigUint64(DATA + HEADER, 0n, true);
    run('xrstor', 1n);
    expect(rig.vcpu.getFpu()).toMatchObject({ fcw: 0x37f, fsw: 0, ftwx: 0, lastIp: 0n });
    expect(rig.vcpu.getFpu().fpr.every((b) => b === 0)).toBe(true);
  });

  it('leaves what is not asked for alone', () => {
    rig.vcpu.setFpu({ ...rig.vcpu.getFpu(), fcw: 0x77f });
    run('xrstor', 4n);
    expect([xmm(3), ymmHigh(3), rig.vcpu.getFpu().fcw]).toEqual([0, 0x83, 0x77f]);
  });

  it('leaves the upper eight vector registers alone outside 64-bit mode', () => {
    fill();
    rig.view.setBigUint64(DATA + HEADER, 0n, true);
    run('xrstor', 7n, 'compatibility');
    expect([xmm(7), xmm(8), ymmHigh(7), ymmHigh(8)]).toEqual([0, 9, 0, 0x88]);
  });

  it('takes the compacted format, in which MXCSR is a part of SSE state', () => {
    rig.view.setBigUint64(DATA + HEADER, 4n, true);
    rig.view.setBigUint64(DATA + HEADER + 8, (1n << 63n) | 6n, true);
    for (const name of ['xrstor', 'xrstors'] as const) {
      fill();
      run(name);
      expect([xmm(1), ymmHigh(1), rig.vcpu.getFpu().mxcsr, rig.vcpu.getFpu().fcw]).toEqual([0, 0x81, 0x1f80, 0x37f]);
    }
  });

  it.each<[string, Name, number, bigint]>([
    ['a component that XCR0 does not enable', 'xrstor', HEADER, 0x17n],
    ['reserved bytes of the header', 'xrstor', HEADER + 16, 1n],
    ['XCOMP_BV in the standard format', 'xrstor', HEADER + 8, 7n],
    ['an unknown component in XCOMP_BV', 'xrstor', HEADER + 8, (1n << 63n) | 0xfn],
    ['a component that XCOMP_BV does not have', 'xrstor', HEADER + 8, (1n << 63n) | 3n],
    ['a bad MXCSR', 'xrstor', 24, 0x1_0000n],
    ['the standard format for XRSTORS', 'xrstors', HEADER + 8, 0n],
  ])('refuses %s: #GP, and nothing changed', (_what, name, at, value) => {
    rig.view.setBigUint64(DATA + at, value, true);
    const before = rig.vcpu.getXsave();
    expect(prepare(name).exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE) });
    expect(rig.vcpu.getXsave()).toEqual(before);
  });
});

describe('when they may run', () => {
  const names = Object.keys(CODES) as Name[];
  const memory = names.filter((n) => !n.endsWith('bv'));

  it.each(names)('%s is #UD without CR4.OSXSAVE', (name) => {
    prepare(name).setControl({ cr4: 0x620n });
    expect(rig.exception().vector).toBe(6);
  });
  it.each(memory)('%s is #NM with CR0.TS', (name) => {
    prepare(name).setControl({ cr0: 0x8001_0039n });
    expect(rig.exception().vector).toBe(7);
  });
  it.each(memory)('%s is #GP at an address that is no multiple of 64', (name) => {
    prepare(name).set({ rdi: BigInt(DATA + 32) });
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0 });
  });
  it.each(['xsaves', 'xrstors', 'xsetbv'] as const)('%s is #GP above level 0', (name) => {
    rig.startUser('long', CODES[name]);
    rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | OSXSAVE }).set({ rdi: BigInt(DATA), rax: 7n });
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0 });
  });
  it.each<[Name, number]>([
    ['xsaveopt', 0xe],
    ['xsavec', 0xd],
    ['xsaves', 0x7],
    ['xrstors', 0x7],
  ])('%s is #UD when CPUID does not offer it', (name, extended) => {
    offer(rig, { extended });
    expect(prepare(name).exception().vector).toBe(6);
  });
});

describe('XSETBV and XGETBV', () => {
  it('set and read XCR0', () => {
    run('xsetbv', 3n);
    expect(rig.vcpu.getXcrs().xcrs).toEqual([{ xcr: 0, value: 3n }]);
    run('xgetbv', 0n);
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: 3n, rdx: 0n });
  });

  it.each<[string, Partial<A.KvmRegs>]>([
    ['x87 disabled', { rax: 6n }],
    ['AVX without SSE', { rax: 5n }],
    ['a component that does not exist', { rax: 0xfn }],
    ['upper bits', { rax: 7n, rdx: 1n }],
    ['another register', { rax: 7n, rcx: 1n }],
  ])('refuse %s: #GP', (_what, regs) => {
    prepare('xsetbv').set(regs);
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0 });
    expect(rig.vcpu.getXcrs().xcrs[0]?.value).toBe(7n);
  });

  it('refuse AVX when CPUID does not offer it', () => {
    offer(rig, { avx: false });
    expect(prepare('xsetbv').exception().vector).toBe(13);
    run('xsetbv', 3n);
  });

  it('tell with ECX = 1 which components are in use', () => {
    init();
    prepare('xgetbv').set({ rcx: 1n });
    rig.vcpu.setXsave(Object.assign(rig.vcpu.getXsave(), { [AVX + 20]: 5, [HEADER]: 4 }));
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax).toBe(4n);
  });

  it('refuse ECX = 1 when CPUID does not offer it, and any other', () => {
    expect(prepare('xgetbv').set({ rcx: 2n }).exception().vector).toBe(13);
    offerLater();
    expect(prepare('xgetbv').set({ rcx: 1n }).exception().vector).toBe(13);
  });
  /** A vCPU's CPUID does not change once it has run. */
  function offerLater(): void {
    rig = new KvmRig();
    offer(rig, { extended: 0xb });
  }
});
