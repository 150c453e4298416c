/** Control registers, EFER and MSRs: what may be written when, and by which processor; and the rarer instructions beside. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  DATA,
  DATA64,
  hex,
  KvmRig,
  MMIO,
  type Mode,
  PAGE_DIRECTORY64,
  PAGE_TABLE64,
  PDPT,
  PML4,
  TSS,
} from '../testing/kvm-rig.ts';

const at = (offset: number): bigint => BigInt(CODE + offset);
const GP = { vector: 13, error: 0, ip: at(0) };
const HLT = { exit: 'HLT' };
const DATA_PTE = PAGE_TABLE64 + (DATA >> 12) * 8;

const CR0 = hex('mov cr0, rax ; hlt', '0f 22 c0 f4');
const CR3 = hex('mov cr3, rax ; hlt', '0f 22 d8 f4');
const CR4 = hex('mov cr4, rax ; hlt', '0f 22 e0 f4');
const CR8 = hex('mov cr8, rax ; hlt', '44 0f 22 c0 f4');
const WRMSR = hex('wrmsr ; hlt', '0f 30 f4');
const RDMSR = hex('rdmsr ; hlt', '0f 32 f4');

const LONG = { cr0: 0x8001_0031n, cr4: 0x620n };
const PCIDE = 0x2_0000n;
const LA57 = 0x1000n;

/** Every feature that control registers and MSRs depend on. */
const FEATURES = ['vme', 'umip', 'la57', 'fsgsbase', 'pcid', 'xsave', 'smep', 'smap'];

function start(mode: Mode, code: Uint8Array, rax: bigint): KvmRig {
  return new KvmRig().setFeatures(FEATURES).start(mode, code).set({ rax });
}

describe('MOV to a control register is #GP', () => {
  it.each<[string, Mode, Uint8Array, bigint]>([
    ['CR0 with an upper half', 'long', CR0, LONG.cr0 | (1n << 32n)],
    ['CR0.PG without PE', 'protected', CR0, 0x8000_0010n],
    ['CR0.NW without CD', 'protected', CR0, 0x2000_0011n],
    ['CR0.PG off in 64-bit mode', 'long', CR0, 0x11n],
    ['CR3 with bits above the physical address', 'long', CR3, 1n << 40n],
    ['CR3 with bit 63 and no PCIDE', 'long', CR3, (1n << 63n) | BigInt(PML4)],
    ['CR4 with a reserved bit', 'long', CR4, LONG.cr4 | (1n << 15n)],
    ['CR4 with an upper half', 'long', CR4, LONG.cr4 | (1n << 32n)],
    ['CR4 without PAE in long mode', 'long', CR4, 0x600n],
    ['CR4.LA57 changed in long mode', 'long', CR4, LONG.cr4 | LA57],
    ['CR4.PCIDE outside long mode', 'pae', CR4, 0x620n | PCIDE],
    ['CR8 above 15', 'long', CR8, 16n],
  ])('%s', (_name, mode, code, rax) => {
    const rig = start(mode, code, rax);
    const before = rig.vcpu.getSregs();
    expect(rig.exception()).toMatchObject(GP);
    const { cr0, cr3, cr4, cr8, efer } = rig.vcpu.getSregs();
    expect({ cr0, cr3, cr4, cr8, efer }).toEqual({
      cr0: before.cr0,
      cr3: before.cr3,
      cr4: before.cr4,
      cr8: before.cr8,
      efer: before.efer,
    });
  });

  it('CR4.PCIDE while CR3 has a PCID, and CR0.PG off while PCIDE is on', () => {
    const rig = start('long', CR4, LONG.cr4 | PCIDE);
    expect(rig.setControl({ cr3: BigInt(PML4) | 1n }).exception()).toMatchObject(GP);
    const ok = start('long', CR4, LONG.cr4 | PCIDE);
    expect(ok.run()).toEqual(HLT);
    expect(ok.vcpu.getSregs().cr4).toBe(LONG.cr4 | PCIDE);
    // in compatibility mode paging may end, but not with PCIDE
    const code = hex('mov cr0, eax ; hlt', '0f 22 c0 f4');
    expect(start('compatibility', code, 0x11n).run()).toEqual(HLT);
    const held = start('compatibility', code, 0x11n).setControl({ cr4: LONG.cr4 | PCIDE });
    expect(held.exception()).toMatchObject(GP);
  });

  it.each<[string, bigint]>([
    ['vme', 1n],
    ['vme', 2n],
    ['umip', 0x800n],
    ['fsgsbase', 0x1_0000n],
    ['pcid', PCIDE],
    ['xsave', 0x4_0000n],
    ['smep', 0x10_0000n],
    ['smap', 0x20_0000n],
  ])('CR4, for a bit of %s without it', (feature, bit) => {
    // no page is a user page: SMEP and SMAP have nothing to forbid
    expect(
      start('long', CR4, LONG.cr4 | bit)
        .load32(PML4, PDPT | 3, 0)
        .run(),
    ).toEqual(HLT);
    const without = start('long', CR4, LONG.cr4 | bit).setFeatures([], [feature]);
    expect(without.exception()).toMatchObject(GP);
    expect(() => without.setControl({ cr4: LONG.cr4 | bit })).toThrow('EINVAL');
  });

  it('in user code', () => {
    for (const code of [
      CR0,
      CR3,
      CR4,
      CR8,
      hex('mov rax, cr3', '0f 20 d8'),
      hex('clts', '0f 06'),
      hex('lmsw ax', '0f 01 f0'),
    ])
      expect(new KvmRig().startUser('long', code).exception()).toMatchObject({ vector: 13, error: 0 });
  });

  it('and #UD for one that does not exist', () => {
    for (const bytes of ['0f 20 c8', '0f 22 e8', '0f 20 f8', '44 0f 20 c8'])
      expect(start('long', hex('mov to or from CR1, 5, 7, 9', bytes), 0n).exception()).toMatchObject({
        vector: 6,
        ip: at(0),
      });
  });
});

describe('the way into long mode', () => {
  const ENABLE = hex('mov cr0, eax ; hlt', '0f 22 c0 f4');
  const ready = (): KvmRig =>
    start('protected', ENABLE, 0x8000_0031n).setControl({ efer: 0x100n, cr4: 0x620n, cr3: BigInt(PML4) });

  it('sets EFER.LMA, with PAE and a 32-bit TSS', () => {
    const rig = ready()
      .load32(PML4, PDPT | 7, 0)
      .load32(PDPT, PAGE_DIRECTORY64 | 7, 0)
      .load32(PAGE_DIRECTORY64, PAGE_TABLE64 | 7, 0);
    for (let page = 0; page < 512; page++) rig.load32(PAGE_TABLE64 + page * 8, (page << 12) | 7, 0);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getSregs().efer).toBe(0x500n);
  });
  it('is #GP without PAE, and with a 16-bit TSS', () => {
    expect(ready().setControl({ cr4: 0x600n }).exception()).toMatchObject(GP);
    const tss16 = ready();
    tss16.setControl({ tr: { ...tss16.vcpu.getSregs().tr, base: BigInt(TSS), type: 3 } });
    expect(tss16.exception()).toMatchObject(GP);
  });
  it('may be prepared with LA57', () => {
    const rig = start('protected', hex('mov cr4, eax ; hlt', '0f 22 e0 f4'), LONG.cr4 | LA57);
    expect(rig.run()).toEqual(HLT);
  });
});

describe('LMSW and CLTS', () => {
  it('LMSW sets MP EM TS and PE, and cannot clear PE', () => {
    const rig = start('protected', hex('lmsw ax ; hlt', '0f 01 f0 f4'), 0xfff2n).setControl({ cr0: 0x3dn });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getSregs().cr0).toBe(0x33n);
  });
  it('CLTS clears TS', () => {
    const rig = start('protected', hex('clts ; hlt', '0f 06 f4'), 0n).setControl({ cr0: 0x39n });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getSregs().cr0).toBe(0x31n);
  });
});

describe('WRMSR', () => {
  const EFER = 0xc000_0080n;
  const write = (mode: Mode, msr: bigint, value: bigint, off: string[] = []): KvmRig =>
    start(mode, WRMSR, value & 0xffff_ffffn)
      .setFeatures(FEATURES, off)
      .set({ rcx: msr, rdx: value >> 32n });

  it.each<[string, Mode, bigint, bigint]>([
    ['EFER with a reserved bit', 'protected', EFER, 2n],
    ['EFER.LME changed under paging', 'long', EFER, 1n],
    ['EFER.LME set under paging', 'pae', EFER, 0x100n],
    ['FMASK with an upper half', 'long', 0xc000_0084n, 1n << 32n],
    ['TSC_AUX with an upper half', 'long', 0xc000_0103n, 1n << 32n],
    ['a type that PAT has not', 'long', 0x277n, 0x0007_0406_0007_0402n],
    ['LSTAR, not canonical', 'long', 0xc000_0082n, 1n << 60n],
    ['KERNEL_GS_BASE, not canonical', 'long', 0xc000_0102n, 1n << 60n],
    ['SYSENTER_EIP, not canonical', 'long', 0x176n, 1n << 60n],
    ['FS_BASE, not canonical', 'long', 0xc000_0100n, 1n << 60n],
    ['a fixed MTRR with an unknown type', 'long', 0x250n, 2n],
    ['a variable MTRR with a reserved bit', 'long', 0x200n, 0x100n],
    ['a variable MTRR beyond the physical address', 'long', 0x201n, 1n << 40n],
    ['the default MTRR type with a reserved bit', 'long', 0x2ffn, 0x1000n],
    ['the default MTRR type, unknown', 'long', 0x2ffn, 0x802n],
  ])('%s is #GP(0)', (_name, mode, msr, value) => {
    expect(write(mode, msr, value).exception()).toMatchObject(GP);
  });

  it.each<[string, bigint, bigint]>([
    ['EFER.LMA, which stays as it is', EFER, 0xd01n],
    ['a fixed MTRR', 0x250n, 0x0606_0606_0606_0606n],
    ['a variable MTRR', 0x200n, 0x80_0000_0006n],
    ['its mask', 0x201n, 0xff_8000_0800n],
    ['the default MTRR type', 0x2ffn, 0xc06n],
  ])('%s', (_name, msr, value) => {
    const rig = write('long', msr, value);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getMsrs([Number(msr)])[0]?.data).toBe(value);
  });

  it.each<[string, bigint, string]>([
    ['EFER.SCE', 1n, 'syscall'],
    ['EFER.NXE', 0x800n, 'nx'],
    ['EFER.LME', 0x100n, 'lm'],
  ])('%s is reserved without its feature', (_name, value, feature) => {
    expect(write('protected', EFER, value).run()).toEqual(HLT);
    expect(write('protected', EFER, value, [feature]).exception()).toMatchObject(GP);
  });

  it.each<[string, bigint, string[]]>([
    ['SYSENTER_CS', 0x174n, ['sep']],
    ['STAR', 0xc000_0081n, ['syscall']],
    ['FS_BASE', 0xc000_0100n, ['lm']],
    ['TSC_AUX', 0xc000_0103n, ['rdtscp', 'rdpid']],
    ['PAT', 0x277n, ['pat']],
  ])('%s does not exist without its feature', (_name, msr, off) => {
    for (const code of [RDMSR, WRMSR]) {
      const access = { rcx: msr, rdx: 0n };
      expect(start('protected', code, 0n).set(access).run()).toEqual(HLT);
      const without = start('protected', code, 0n).setFeatures([], off).set(access);
      expect(without.exception()).toMatchObject(GP);
    }
  });
});

describe('time, counters and identification', () => {
  it('RDPMC is #GP at every level, whatever CR4.PCE says', () => {
    const code = hex('rdpmc', '0f 33');
    expect(start('protected', code, 0n).exception()).toMatchObject(GP);
    const user = new KvmRig().startUser('protected', code).setControl({ cr4: 0x700n });
    expect(user.exception()).toMatchObject({ vector: 13, error: 0 });
  });
  it('RDTSCP goes by CR4.TSD, RDPID does not', () => {
    const rdtscp = new KvmRig().startUser('long', hex('rdtscp', '0f 01 f9')).setControl({ cr4: 0x624n });
    expect(rdtscp.exception()).toMatchObject({ vector: 13, error: 0 });
    const rdpid = new KvmRig()
      .setFeatures(['rdpid'])
      .startUser('long', hex('rdpid rax ; int 0x80', 'f3 0f c7 f8 cd 80'));
    rdpid.setControl({ cr4: 0x624n }).vcpu.setMsrs([{ index: 0xc0000103, data: 0x1234_5678n }]);
    expect(rdpid.exception()).toMatchObject({ vector: 0x80 });
    expect(rdpid.vcpu.getRegs().rax).toBe(0x1234_5678n);
  });
  it('CPUID shows CR4.OSXSAVE as it stands', () => {
    for (const on of [false, true]) {
      const rig = start('long', hex('mov eax, 1 ; cpuid ; hlt', 'b8 01 00 00 00 0f a2 f4'), 0n);
      rig.setControl({ cr4: LONG.cr4 | (on ? 0x4_0000n : 0n) });
      expect(rig.run()).toEqual(HLT);
      expect((rig.vcpu.getRegs().rcx >> 27n) & 1n).toBe(on ? 1n : 0n);
    }
  });
});

describe('cache lines and monitors', () => {
  it.each<[string, Uint8Array, string]>([
    ['CLFLUSH', hex('clflush [rbx] ; hlt', '0f ae 3b f4'), 'clflush'],
    ['CLFLUSHOPT', hex('clflushopt [rbx] ; hlt', '66 0f ae 3b f4'), 'clflushopt'],
    ['CLWB', hex('clwb [rbx] ; hlt', '66 0f ae 33 f4'), 'clwb'],
  ])('%s faults as a load does, and is #UD without its feature', (_name, code, feature) => {
    const rig = (): KvmRig =>
      new KvmRig()
        .setFeatures([feature])
        .start('long', code)
        .set({ rbx: BigInt(DATA) });
    expect(rig().run()).toEqual(HLT);
    const absent = rig().load32(DATA_PTE, 0, 0);
    expect(absent.exception()).toMatchObject({ vector: 14, error: 0, cr2: BigInt(DATA) });
    // no device is read
    expect(
      rig()
        .set({ rbx: BigInt(MMIO) })
        .run(),
    ).toEqual(HLT);
    expect(rig().setFeatures([], [feature]).exception()).toMatchObject({ vector: 6 });
  });

  it.each<[string, Uint8Array]>([
    ['MONITOR', hex('monitor ; hlt', '0f 01 c8 f4')],
    ['MWAIT', hex('mwait ; hlt', '0f 01 c9 f4')],
  ])('%s goes on at level 0, and is #UD elsewhere and without its feature', (_name, code) => {
    const rig = (): KvmRig =>
      new KvmRig()
        .setFeatures(['monitor'])
        .start('long', code)
        .set({ rax: BigInt(DATA) });
    expect(rig().run()).toEqual(HLT);
    expect(rig().set({ rcx: 2n }).exception()).toMatchObject(GP);
    expect(new KvmRig().setFeatures(['monitor']).startUser('long', code).exception()).toMatchObject({ vector: 6 });
    expect(new KvmRig().setFeatures([], ['monitor']).start('long', code).exception()).toMatchObject({ vector: 6 });
  });
  it('MONITOR faults as a load of [rAX], through the segment that it names', () => {
    const absent = new KvmRig()
      .setFeatures(['monitor'])
      .start('long', hex('monitor', '0f 01 c8'))
      .set({ rax: BigInt(DATA) });
    expect(absent.load32(DATA_PTE, 0, 0).exception()).toMatchObject({ vector: 14, error: 0, cr2: BigInt(DATA) });
    const fs = new KvmRig().setFeatures(['monitor']).start('long', hex('fs monitor', '64 0f 01 c8'));
    fs.setControl({ fs: { ...fs.vcpu.getSregs().fs, base: BigInt(DATA), selector: DATA64 } });
    expect(fs.load32(DATA_PTE, 0, 0).exception()).toMatchObject({ vector: 14, cr2: BigInt(DATA) });
  });
  it('INVD, WBINVD and INVLPG are for level 0', () => {
    for (const bytes of ['0f 08', '0f 09', 'f3 0f 09', '0f 01 3b'])
      expect(
        new KvmRig().startUser('long', hex('invd, wbinvd, wbnoinvd, invlpg [rbx]', bytes)).exception(),
      ).toMatchObject({
        vector: 13,
        error: 0,
      });
  });
});
