/** PCIDs and INVPCID, and 5-level paging, as a guest sees them. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig, PAGE_TABLE64, PDPT, PML4 } from '../testing/kvm-rig.ts';

const PTE_ALL = 7;
const PS = 0x80;
const G = 0x100;
const PGE = 0x80n;
const LA57 = 0x1000n;
const PCIDE = 0x2_0000n;
const NO_FLUSH = 1n << 63n;
const CR3 = BigInt(PML4);
const HLT = { exit: 'HLT' };
const DATA_PTE = PAGE_TABLE64 + (DATA >> 12) * 8;

/** DATA holds 1, and the page behind it 2. */
function rigWith(code: Uint8Array, cr4: bigint, cr3 = CR3): KvmRig {
  return new KvmRig()
    .setFeatures(['pcid', 'invpcid', 'la57'])
    .start('long', code)
    .load(DATA, [1])
    .load(DATA + 0x1000, [2])
    .setControl({ cr4: 0x620n | cr4, cr3 })
    .set({ rbx: BigInt(DATA) });
}
/** Maps DATA's address to the page behind it. */
const remap = (rig: KvmRig, flags = 0): KvmRig => rig.load32(DATA_PTE, (DATA + 0x1000) | PTE_ALL | flags, 0);

describe('PCID', () => {
  const SWITCH = hex('mov al, [rbx] ; out 0x80, al ; mov cr3, rdx ; mov al, [rbx] ; hlt', '8a03 e680 0f22da 8a03 f4');

  it.each<[string, bigint, bigint, number, number]>([
    // name, first CR3, second, flags of the page, what is read behind the switch: 1 is from the TLB
    ['the same PCID is flushed', CR3 | 1n, CR3 | 1n, 0, 2],
    ['the same PCID with bit 63 is not', CR3 | 1n, CR3 | 1n | NO_FLUSH, 0, 1],
    ['another PCID has its own translations', CR3 | 1n, CR3 | 2n | NO_FLUSH, 0, 2],
    ['a global page stays', CR3 | 1n, CR3 | 1n, G, 1],
  ])('%s', (_name, first, second, flags, value) => {
    const rig = rigWith(SWITCH, PCIDE | PGE, first).load32(DATA_PTE, DATA | PTE_ALL | flags, 0);
    rig.set({ rdx: second });
    expect(rig.run()).toMatchObject({ value: 1 });
    remap(rig, flags);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(BigInt(value));
    expect(rig.vcpu.getSregs().cr3).toBe(second & ~NO_FLUSH);
  });

  it('comes back to what it had', () => {
    const rig = rigWith(
      hex(
        'mov al, [rbx] ; out 0x80, al ; mov cr3, rdx ; mov al, [rbx] ; out 0x80, al ; mov cr3, rsi ; mov al, [rbx] ; out 0x80, al ; hlt',
        '8a03e6800f22da8a03e6800f22de8a03e680f4',
      ),
      PCIDE,
      CR3 | 1n,
    ).set({ rdx: CR3 | 2n, rsi: CR3 | 1n | NO_FLUSH });
    expect(rig.run()).toMatchObject({ value: 1 });
    remap(rig);
    expect(rig.run()).toMatchObject({ value: 2 });
    expect(rig.run()).toMatchObject({ value: 1 });
  });

  it('without CR4.PCIDE the low bits of CR3 are none, and bit 63 is #GP', () => {
    const rig = rigWith(SWITCH, 0n, CR3 | 0x18n).set({ rdx: CR3 });
    expect(rig.run()).toMatchObject({ value: 1 });
    remap(rig);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(2n);
    const bad = rigWith(SWITCH, 0n).set({ rdx: CR3 | NO_FLUSH });
    expect(bad.run()).toMatchObject({ port: 0x80 });
    expect(bad.exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE + 4) });
  });

  it('all translations go with CR4.PCIDE', () => {
    const rig = rigWith(
      hex('mov al, [rbx] ; out 0x80, al ; mov cr4, rdx ; mov al, [rbx] ; hlt', '8a03 e680 0f22e2 8a03 f4'),
      PCIDE,
      CR3 | 5n,
    ).set({ rdx: 0x620n });
    expect(rig.run()).toMatchObject({ value: 1 });
    remap(rig);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(2n);
  });
});

describe('INVPCID', () => {
  const DESCRIPTOR = 0x5000;
  /** Reads in PCID 1 and 2, and again behind the INVPCID. */
  const INVALIDATE = hex(
    'mov al, [rbx] ; mov cr3, rdx ; mov al, [rbx] ; mov cr3, rsi ; out 0x80, al ; invpcid r8, [0x5000] ; mov al, [rbx] ; out 0x80, al ; mov cr3, rdx ; mov al, [rbx] ; out 0x80, al ; hlt',
    '8a030f22da8a030f22dee680664c0f38820425005000008a03e6800f22da8a03e680f4',
  );

  it.each<[string, bigint, bigint, number, [number, number]]>([
    // name, type, PCID of the descriptor, flags of the page, what PCIDs 1 and 2 read then: 1 is from the TLB
    ['of an address, in one PCID', 0n, 1n, 0, [2, 1]],
    ['of one PCID', 1n, 1n, 0, [2, 1]],
    ['of another PCID', 1n, 2n, 0, [1, 2]],
    ['of one PCID, but global pages', 1n, 1n, G, [1, 1]],
    ['of everything', 2n, 0n, G, [2, 2]],
    ['of everything but global pages', 3n, 0n, 0, [2, 2]],
    ['of everything but global pages, which stay', 3n, 0n, G, [1, 1]],
  ])('%s', (_name, type, pcid, flags, values) => {
    const rig = rigWith(INVALIDATE, PCIDE | PGE, CR3 | 1n).load64(DESCRIPTOR, pcid, BigInt(DATA));
    rig.load32(DATA_PTE, DATA | PTE_ALL | flags, 0);
    rig.set({ rdx: CR3 | 2n | NO_FLUSH, rsi: CR3 | 1n | NO_FLUSH, r8: type });
    expect(rig.run()).toMatchObject({ value: 1 });
    remap(rig, flags);
    const read = [rig.run(), rig.run()].map((e) => (e.exit === 'IO' ? e.value : -1));
    // an address may be forgotten for other PCIDs too
    expect(type === 0n ? read[0] : read).toEqual(type === 0n ? values[0] : values);
  });

  it.each<[string, bigint, bigint[], bigint]>([
    ['a type above 3', 4n, [0n, 0n], PCIDE],
    ['a type with high bits', 1n << 32n, [0n, 0n], PCIDE],
    ['reserved bits of the descriptor', 2n, [0x1000n, 0n], PCIDE],
    ['a PCID without CR4.PCIDE', 1n, [1n, 0n], 0n],
    ['a PCID without CR4.PCIDE, of an address', 0n, [1n, 0n], 0n],
    ['an address that is not canonical', 0n, [0n, 1n << 60n], PCIDE],
  ])('%s is #GP(0)', (_name, type, descriptor, cr4) => {
    const rig = rigWith(hex('invpcid r8, [rbx]', '66 4c 0f 38 82 03'), cr4).load64(DATA, ...descriptor);
    expect(rig.set({ r8: type }).exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE) });
  });

  it('is #GP in user code, #PF by its operand, and #UD without the feature', () => {
    const code = hex('invpcid r8, [rbx]', '66 4c 0f 38 82 03');
    const user = new KvmRig()
      .setFeatures(['invpcid'])
      .startUser('long', code)
      .set({ rbx: BigInt(DATA) });
    expect(user.exception()).toMatchObject({ vector: 13, error: 0 });
    const absent = rigWith(code, 0n).load32(DATA_PTE, 0, 0);
    expect(absent.exception()).toMatchObject({ vector: 14, error: 0, cr2: BigInt(DATA) });
    expect(new KvmRig().setFeatures([], ['invpcid']).start('long', code).exception()).toMatchObject({ vector: 6 });
  });
});

describe('5-level paging', () => {
  const PML5 = 0x1b000;
  const READ = hex('mov al, [rbx] ; hlt', '8a 03 f4');
  const JUMP = hex('jmp rbx', 'ff e3');
  const start = (code: Uint8Array, linear: bigint): KvmRig =>
    rigWith(code, LA57, BigInt(PML5))
      .load32(PML5, PML4 | PTE_ALL, 0)
      .set({ rbx: linear });

  it('translates 57 bits', () => {
    // PML5 entry 0x100 is the first of the upper half; PML4 entry 5, and a page of 1 GiB
    const linear = 0xff00_0000_0000_0000n + (5n << 39n) + 0x3000n;
    const rig = start(READ, linear)
      .load32(PML5 + 0x100 * 8, 0x1c000 | PTE_ALL, 0)
      .load32(0x1c000 + 5 * 8, PDPT | PTE_ALL, 0);
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(1n);
    expect(rig.view.getUint32(PML5 + 0x100 * 8, true) & 0x20).toBe(0x20);
  });

  it('#PF of an absent PML5 entry, and with PS in one', () => {
    const linear = 0x0081_0000_0000_0000n;
    const at = PML5 + Number(linear >> 48n) * 8;
    expect(start(READ, linear).exception()).toMatchObject({ vector: 14, error: 0, cr2: linear });
    const bad = start(READ, linear).load32(at, PML4 | PTE_ALL | PS, 0);
    expect(bad.exception()).toMatchObject({ vector: 14, error: 9, cr2: linear });
  });

  it.each<[string, bigint, boolean]>([
    ['the last of the lower half', 0x00ff_ffff_ffff_fff8n, true],
    ['behind it', 0x0100_0000_0000_0000n, false],
    ['before the upper half', 0xfeff_ffff_ffff_ffffn, false],
    ['the first of the upper half', 0xff00_0000_0000_0000n, true],
    ['what is not canonical in 48 bits', 0x0000_8000_0000_0000n, true],
  ])('an address is canonical in 57 bits: %s', (_name, linear, canonical) => {
    // a canonical address ends in #PF, the tables being empty there
    expect(start(READ, linear).exception().vector).toBe(canonical ? 14 : 13);
    expect(start(JUMP, linear).exception().vector).toBe(canonical ? 14 : 13);
  });

  it('what is not canonical in 48 bits is none without it, but may be a base', () => {
    const far = 0x0000_8000_0000_0000n;
    expect(rigWith(READ, 0n).set({ rbx: far }).exception()).toMatchObject({ vector: 13, error: 0 });
    const wrmsr = hex('wrmsr ; hlt', '0f 30 f4');
    const registers = { rcx: 0xc000_0102n, rax: 0n, rdx: far >> 32n };
    expect(rigWith(wrmsr, 0n).set(registers).run()).toEqual(HLT);
    const narrow = new KvmRig().setFeatures([], ['la57']).start('long', wrmsr).set(registers);
    expect(narrow.exception()).toMatchObject({ vector: 13, error: 0 });
  });

  it('large pages are forgotten whole, and pages of one gigabyte apart from another', () => {
    const linear = 0x0040_0000_4000_0000n;
    const rig = start(
      hex(
        'mov al, [rbx] ; out 0x80, al ; invlpg [rbx+0x1000] ; mov al, [rbx] ; hlt',
        '8a03 e680 0f01bb00100000 8a03 f4',
      ),
      linear + BigInt(DATA),
    );
    rig.load32(PML5 + 0x40 * 8, PML4 | PTE_ALL, 0).load32(PDPT + 8, PS | PTE_ALL, 0);
    expect(rig.run()).toMatchObject({ value: 1 });
    rig.load32(PDPT + 8, 0, 0);
    expect(rig.exception()).toMatchObject({ vector: 14, cr2: linear + BigInt(DATA) });
  });
});
