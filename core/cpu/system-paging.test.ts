/** Paging of every kind as a guest sees it: faults with their error code and CR2, rights, accessed and dirty bits, the TLB. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  DATA,
  hex,
  KvmRig,
  PAGE_DIRECTORY_PAE,
  PAGE_DIRECTORY32,
  PAGE_DIRECTORY64,
  PAGE_TABLE_PAE,
  PAGE_TABLE32,
  PAGE_TABLE64,
  PDPT,
  PDPT_PAE,
  PML4,
  USER_CODE,
} from '../testing/kvm-rig.ts';

type Paged = 'paging' | 'pae' | 'long';
const PAGED: readonly Paged[] = ['paging', 'pae', 'long'];
const P = 1;
const RW = 2;
const US = 4;
const A = 0x20;
const D = 0x40;
const PS = 0x80;
const G = 0x100;

/** Address of the entry of a page below 2 MiB. */
function pte(mode: Paged, linear: number): number {
  const page = linear >>> 12;
  return mode === 'paging' ? PAGE_TABLE32 + page * 4 : (mode === 'pae' ? PAGE_TABLE_PAE : PAGE_TABLE64) + page * 8;
}
const directory = (mode: Paged): number =>
  ({ paging: PAGE_DIRECTORY32, pae: PAGE_DIRECTORY_PAE, long: PAGE_DIRECTORY64 })[mode];
/** Changes an entry before the guest has used it, or behind its back. */
const map = (rig: KvmRig, mode: Paged, linear: number, entry: number) => rig.load32(pte(mode, linear), entry);

const READ = hex('mov al, [ebx] ; hlt', '8a 03 f4');
const WRITE = hex('mov [ebx], al ; hlt', '88 03 f4');
const RMW = hex('add byte [ebx], 1 ; hlt', '80 03 01 f4');
const JUMP = hex('jmp ebx', 'ff e3');

describe.each(PAGED)('in %s mode, #PF', (mode) => {
  const kernel = (code: Uint8Array, entry: number) =>
    map(new KvmRig().start(mode, code).set({ rbx: BigInt(DATA + 5) }), mode, DATA, entry);
  const user = (code: Uint8Array, entry: number) =>
    map(new KvmRig().startUser(mode, code).set({ rbx: BigInt(DATA + 5) }), mode, DATA, entry);

  it.each<[string, 'kernel' | 'user', Uint8Array, number, number]>([
    ['read of an absent page', 'kernel', READ, 0, 0],
    ['write to an absent page', 'kernel', WRITE, 0, 2],
    ['read-modify-write of an absent page', 'kernel', RMW, 0, 2],
    ['write to a read-only page', 'kernel', WRITE, DATA | P | US, 3],
    ['read-modify-write of a read-only page', 'kernel', RMW, DATA | P | US, 3],
    ['user read of an absent page', 'user', READ, 0, 4],
    ['user write to an absent page', 'user', WRITE, 0, 6],
    ['user read of a supervisor page', 'user', READ, DATA | P | RW, 5],
    ['user write to a supervisor page', 'user', WRITE, DATA | P | RW, 7],
    ['user write to a read-only page', 'user', WRITE, DATA | P | US, 7],
  ])('%s', (_name, level, code, entry, error) => {
    const rig = level === 'kernel' ? kernel(code, entry) : user(code, entry);
    const ip = level === 'kernel' ? CODE : USER_CODE;
    expect(rig.exception()).toMatchObject({ vector: 14, error, cr2: BigInt(DATA + 5), ip: BigInt(ip) });
  });

  it('fetch from an absent page, at the page and not at the jump', () => {
    // without NX the instruction bit is not reported
    const error = mode === 'paging' ? 0 : 0x10;
    expect(kernel(JUMP, 0).exception()).toMatchObject({
      vector: 14,
      error,
      cr2: BigInt(DATA + 5),
      ip: BigInt(DATA + 5),
    });
    expect(user(JUMP, 0).exception()).toMatchObject({ vector: 14, error: error | 4, cr2: BigInt(DATA + 5) });
    expect(user(JUMP, DATA | P | RW).exception()).toMatchObject({ vector: 14, error: error | 5 });
  });

  it('at the second page of an access that straddles, with nothing written', () => {
    const rig = new KvmRig()
      .start(mode, hex('mov dword [ebx], 0x11223344 ; hlt', 'c7 03 44 33 22 11 f4'))
      .set({ rbx: BigInt(DATA - 2) });
    rig.load(DATA - 2, [9, 9]);
    map(rig, mode, DATA, 0);
    expect(rig.exception()).toMatchObject({ vector: 14, error: 2, cr2: BigInt(DATA) });
    expect(rig.bytes(DATA - 2, 2)).toEqual([9, 9]);
  });

  it('at the second page of an instruction that straddles', () => {
    const rig = new KvmRig().start(mode, [0xb8, 1, 2, 3, 4], DATA - 2);
    map(rig, mode, DATA, 0);
    expect(rig.exception()).toMatchObject({
      vector: 14,
      error: mode === 'paging' ? 0 : 0x10,
      cr2: BigInt(DATA),
      ip: BigInt(DATA - 2),
    });
  });

  it('leaves a repeated string instruction where it can be resumed', () => {
    const rig = new KvmRig()
      .start(mode, hex('rep stosd ; hlt', 'f3 ab f4'))
      .set({ rcx: 0x800n, rdi: BigInt(DATA + 0x800), rax: 0x55n });
    map(rig, mode, DATA + 0x1000, 0);
    expect(rig.exception()).toMatchObject({ vector: 14, error: 2, cr2: BigInt(DATA + 0x1000), ip: BigInt(CODE) });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 0x600n, rdi: BigInt(DATA + 0x1000) });
    map(rig, mode, DATA + 0x1000, (DATA + 0x1000) | P | RW | US).set({ rip: BigInt(CODE), rsp: 0x7000n });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs()).toMatchObject({ rcx: 0n, rdi: BigInt(DATA + 0x2800) });
    expect(rig.view.getUint32(DATA + 0x27fc, true)).toBe(0x55);
  });

  it('does not come for a supervisor write to a read-only page without CR0.WP', () => {
    const rig = kernel(WRITE, DATA | P | US)
      .setControl({ cr0: 0x8000_0031n })
      .set({ rax: 7n });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.ram[DATA + 5]).toBe(7);
  });

  it('comes for every level by the rights of the directory', () => {
    const rig = new KvmRig().startUser(mode, READ).set({ rbx: BigInt(DATA) });
    rig.load32(directory(mode), (rig.view.getUint32(directory(mode), true) & ~US) >>> 0);
    expect(rig.exception()).toMatchObject({ vector: 14, cr2: BigInt(USER_CODE) });
  });
});

describe.each(PAGED)('in %s mode, the tables', (mode) => {
  it('show what was accessed and what was written', () => {
    const rig = new KvmRig()
      .start(mode, hex('mov al, [ebx] ; out 0x80, al ; mov [ebx], al ; hlt', '8a 03 e6 80 88 03 f4'))
      .set({ rbx: BigInt(DATA) });
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.view.getUint32(pte(mode, DATA), true)).toBe(DATA | P | RW | US | A);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.view.getUint32(pte(mode, DATA), true)).toBe(DATA | P | RW | US | A | D);
    expect(rig.view.getUint32(pte(mode, DATA + 0x1000), true)).toBe((DATA + 0x1000) | P | RW | US);
    expect(rig.view.getUint32(directory(mode), true) & (A | D)).toBe(A);
  });

  it('are looked at again after a write to CR3, and after INVLPG', () => {
    for (const flush of [
      hex(
        'mov al, [ebx] ; out 0x80, al ; mov eax, cr3 ; mov cr3, eax ; mov al, [ebx] ; out 0x80, al ; hlt',
        '8a 03 e6 80 0f 20 d8 0f 22 d8 8a 03 e6 80 f4',
      ),
      hex(
        'mov al, [ebx] ; out 0x80, al ; invlpg [ebx] ; mov al, [ebx] ; out 0x80, al ; hlt',
        '8a 03 e6 80 0f 01 3b 8a 03 e6 80 f4',
      ),
    ]) {
      // in long mode MOV from CR3 is 64 bits wide, and the same bytes
      const rig = new KvmRig()
        .start(mode, flush)
        .set({ rbx: BigInt(DATA) })
        .load(DATA, [1])
        .load(DATA + 0x1000, [2]);
      expect(rig.run()).toMatchObject({ value: 1 });
      map(rig, mode, DATA, (DATA + 0x1000) | P | RW | US);
      expect(rig.run()).toMatchObject({ value: 2 });
    }
  });

  it('keep global pages over a write to CR3, and lose them by CR4.PGE', () => {
    const code = hex(
      'mov al, [ebx] ; out 0x80, al ; mov eax, cr3 ; mov cr3, eax ; mov al, [ebx] ; out 0x80, al ; mov eax, cr4 ; xor eax, 0x80 ; mov cr4, eax ; mov al, [ebx] ; out 0x80, al ; hlt',
      '8a 03 e6 80 0f 20 d8 0f 22 d8 8a 03 e6 80 0f 20 e0 35 80 00 00 00 0f 22 e0 8a 03 e6 80 f4',
    );
    const rig = new KvmRig()
      .start(mode, code)
      .set({ rbx: BigInt(DATA) })
      .load(DATA, [1])
      .load(DATA + 0x1000, [2]);
    map(rig, mode, DATA, DATA | P | RW | US | G);
    rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | 0x80n });
    expect(rig.run()).toMatchObject({ value: 1 });
    map(rig, mode, DATA, (DATA + 0x1000) | P | RW | US | G);
    expect(rig.run()).toMatchObject({ value: 1 });
    expect(rig.run()).toMatchObject({ value: 2 });
  });
});

describe('large pages', () => {
  const LARGE: readonly [string, Paged, number, number[]][] = [
    ['4 MiB', 'paging', PAGE_DIRECTORY32 + 4, [PS | P | RW | US]],
    ['2 MiB (PAE)', 'pae', PAGE_DIRECTORY_PAE + 16, [PS | P | RW | US, 0]],
    ['2 MiB', 'long', PAGE_DIRECTORY64 + 16, [PS | P | RW | US, 0]],
    ['1 GiB', 'long', PDPT + 8, [PS | P | RW | US, 0]],
  ];
  const LINEAR: Readonly<Record<string, bigint>> = {
    '4 MiB': 0x40_0000n,
    '2 MiB (PAE)': 0x40_0000n,
    '2 MiB': 0x40_0000n,
    '1 GiB': 0x4000_0000n,
  };

  it.each(LARGE)('of %s map their memory', (name, mode, at, entry) => {
    const linear = LINEAR[name] ?? 0n;
    const rig = new KvmRig()
      .start(mode, hex('mov al, [ebx] ; mov [ebx+1], al ; hlt', '8a 03 88 43 01 f4'))
      .load32(at, ...entry)
      .load(0x5678, [0x42]);
    if (mode === 'paging') rig.setControl({ cr4: 0x610n });
    rig.set({ rbx: linear + 0x5678n });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.ram[0x5679]).toBe(0x42);
    expect(rig.view.getUint32(at, true) & (A | D)).toBe(A | D);
  });

  it.each(LARGE)('of %s are forgotten whole by INVLPG of any address in them', (name, mode, at, entry) => {
    const linear = LINEAR[name] ?? 0n;
    const rig = new KvmRig()
      .start(
        mode,
        hex(
          'mov al, [ebx] ; mov cl, [ebx+0x1000] ; out 0x80, al ; invlpg [ebx+0x1000] ; mov al, [ebx] ; hlt',
          '8a 03 8a 8b 00 10 00 00 e6 80 0f 01 bb 00 10 00 00 8a 03 f4',
        ),
      )
      .load32(at, ...entry);
    if (mode === 'paging') rig.setControl({ cr4: 0x610n });
    rig.set({ rbx: linear + 0x5000n });
    expect(rig.run()).toMatchObject({ port: 0x80 });
    rig.load32(at, 0);
    expect(rig.exception()).toMatchObject({ vector: 14, cr2: linear + 0x5000n });
  });

  it('are not large without CR4.PSE in 32-bit paging', () => {
    const rig = new KvmRig()
      .start('paging', READ)
      .load32(PAGE_DIRECTORY32 + 4, PAGE_TABLE32 | PS | P | RW | US)
      .load(0x5000, [0x42])
      .set({ rbx: 0x40_5000n });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(0x42n);
  });

  it('raise #PF with the reserved bit for address bits below their size', () => {
    for (const [mode, at, words, cr4] of [
      ['paging', PAGE_DIRECTORY32 + 4, [0x20_0000 | PS | P | RW], 0x610n],
      ['pae', PAGE_DIRECTORY_PAE + 16, [0x2000 | PS | P | RW, 0], 0x620n],
      ['long', PDPT + 8, [0x4000 | PS | P | RW, 0], 0x620n],
    ] as const) {
      const rig = new KvmRig()
        .start(mode, READ)
        .load32(at, ...words)
        .setControl({ cr4 })
        .set({ rbx: mode === 'long' ? 0x4000_0000n : 0x40_0000n });
      expect(rig.exception(), mode).toMatchObject({ vector: 14, error: 9 });
    }
  });
});

describe('reserved bits', () => {
  it.each<[string, Paged, number, number]>([
    ['address bits above 40, in a PTE', 'long', PAGE_TABLE64 + 3 * 8 + 4, 0x100],
    ['address bits above 40, in a PML4 entry', 'long', PML4 + 4, 0x100],
    ['PS in a PML4 entry', 'long', PML4, PDPT | PS | P | RW | US],
    ['address bits above 40, in a PAE PTE', 'pae', PAGE_TABLE_PAE + 3 * 8 + 4, 0x100],
  ])('%s: error code 9', (_name, mode, at, word) => {
    const rig = new KvmRig().start(mode, READ).set({ rbx: BigInt(DATA) });
    // the code's own page is fetched before the bad entry is looked at, unless that is above it
    rig.load32(at, word);
    const e = at >= PAGE_TABLE64 ? rig.exception() : undefined;
    if (e) expect(e).toMatchObject({ vector: 14, error: 9, cr2: BigInt(DATA) });
    else expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });

  it('NX in a table without EFER.NXE', () => {
    for (const mode of ['pae', 'long'] as const) {
      const rig = new KvmRig()
        .start(mode, READ)
        .set({ rbx: BigInt(DATA) })
        .load32(pte(mode, DATA) + 4, 0x8000_0000);
      rig.setControl({ efer: mode === 'long' ? 0x501n : 0n });
      expect(rig.exception(), mode).toMatchObject({ vector: 14, error: 9 });
    }
  });

  it('of a page-directory pointer raise #GP at the load of CR3, CR0 or CR4, and change nothing', () => {
    const rig = new KvmRig()
      .start('pae', hex('mov eax, 0x1a000 ; mov cr3, eax ; hlt', 'b8 00 a0 01 00 0f 22 d8 f4'))
      .load32(0x1a000, 0x17fff, 0);
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE + 5) });
    expect(rig.vcpu.getSregs().cr3).toBe(BigInt(PDPT_PAE));
    const off = new KvmRig()
      .start(
        'protected',
        hex(
          'mov eax, 0x1a000 ; mov cr3, eax ; mov eax, 0x20 ; mov cr4, eax ; mov eax, 0x80000031 ; mov cr0, eax ; hlt',
          'b8 00 a0 01 00 0f 22 d8 b8 20 00 00 00 0f 22 e0 b8 31 00 00 80 0f 22 c0 f4',
        ),
      )
      .load32(0x1a000, 0x17fff, 0);
    expect(off.exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE + 21) });
    expect(off.vcpu.getSregs().cr0).toBe(0x31n);
  });
});

describe('NX', () => {
  it.each<[Paged]>([['pae'], ['long']])('forbids fetches in %s mode, and nothing else', (mode) => {
    const rig = new KvmRig()
      .start(mode, hex('mov al, [ebx] ; mov [ebx], al ; jmp ebx', '8a 03 88 03 ff e3'))
      .set({ rbx: BigInt(DATA) })
      .load32(pte(mode, DATA) + 4, 0x8000_0000);
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0x11, cr2: BigInt(DATA), ip: BigInt(DATA) });
  });
  it('counts in a directory too', () => {
    const rig = new KvmRig()
      .start('long', hex('jmp rbx', 'ff e3'))
      .set({ rbx: 0x20_0000n })
      .load32(PAGE_DIRECTORY64 + 8, PAGE_TABLE64 | 7, 0x8000_0000);
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0x11 });
  });
});

describe('in long mode', () => {
  it('a non-canonical address raises #GP, by RSP #SS, and no page walk', () => {
    const rig = new KvmRig().start('long', hex('mov al, [rbx]', '8a 03')).set({ rbx: 0x8000_0000_0000n });
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, cr2: 0n });
    const stack = new KvmRig().start('long', hex('mov rax, [rsp+rbx]', '48 8b 04 1c')).set({ rbx: 0x8000_0000_0000n });
    expect(stack.exception()).toMatchObject({ vector: 12, error: 0 });
    const jump = new KvmRig().start('long', hex('jmp rbx', 'ff e3')).set({ rbx: 0x7fff_ffff_ffff_ffffn });
    expect(jump.exception()).toMatchObject({ vector: 13, error: 0 });
  });

  it('compatibility-mode addresses wrap at 4 GiB', () => {
    const rig = new KvmRig()
      .start(
        'compatibility',
        hex('mov ebx, 0xffffffff ; mov al, [ebx+0x3001] ; hlt', 'bb ff ff ff ff 8a 83 01 30 00 00 f4'),
      )
      .load(DATA, [0x42]);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(0x42n);
  });
});

describe.each(PAGED)('in %s mode, what the TLB holds', (mode) => {
  const next = DATA + 0x1000;
  const start = (code: Uint8Array): KvmRig =>
    new KvmRig()
      .start(mode, code)
      .set({ rbx: BigInt(DATA) })
      .load(DATA, [1])
      .load(next, [2]);

  it('is never two pages for one address', () => {
    const rig = start(
      hex(
        'mov al, [ebx] ; out 0x80, al ; mov [ebx], cl ; mov al, [ebx] ; out 0x80, al ; hlt',
        '8a 03 e6 80 88 0b 8a 03 e6 80 f4',
      ),
    ).set({ rcx: 9n });
    map(rig, mode, DATA, DATA | P | US);
    expect(rig.run()).toMatchObject({ value: 1 });
    // the write is not allowed by what the TLB has, so it goes by the tables
    map(rig, mode, DATA, next | P | RW | US);
    expect(rig.run()).toMatchObject({ value: 9 });
    expect([rig.ram[DATA], rig.ram[next]]).toEqual([1, 9]);
  });

  it('goes with a page fault at its address', () => {
    const rig = start(
      hex(
        'mov al, [ebx] ; out 0x80, al ; mov [ebx], al ; mov al, [ebx] ; out 0x80, al ; hlt',
        '8a 03 e6 80 88 03 8a 03 e6 80 f4',
      ),
    );
    map(rig, mode, DATA, DATA | P | US);
    expect(rig.run()).toMatchObject({ value: 1 });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 3, cr2: BigInt(DATA) });
    map(rig, mode, DATA, next | P | US);
    rig.set({ rip: BigInt(CODE + 6) });
    expect(rig.run()).toMatchObject({ value: 2 });
  });

  it('is nothing for an absent page: it is there as soon as the tables have it', () => {
    const rig = map(start(READ), mode, DATA, 0);
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0 });
    map(rig, mode, DATA, next | P).set({ rip: BigInt(CODE) });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(2n);
  });

  it('leaves RSP alone when a push faults', () => {
    const user = new KvmRig().startUser(mode, hex('push eax', '50')).set({ rsp: BigInt(next) });
    const size = mode === 'long' ? 8 : 4;
    const e = map(user, mode, DATA, 0).exception();
    expect(e).toMatchObject({ vector: 14, error: 6, cr2: BigInt(next - size), sp: BigInt(next) });
  });
});

describe('page-directory pointers', () => {
  it('may lead to a directory at address 0', () => {
    const rig = new KvmRig()
      .start('pae', READ)
      .set({ rbx: 0x4000_0000n + BigInt(DATA) })
      .load(DATA, [7]);
    rig
      .load32(0, PAGE_TABLE_PAE | P | RW, 0)
      .load32(PDPT_PAE + 8, P, 0)
      .setControl({});
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax & 0xffn).toBe(7n);
  });

  it('are loaded by the bits of CR0 and CR4 that paging depends on, and by no others', () => {
    const rig = new KvmRig().start(
      'pae',
      hex(
        'mov eax, cr4 ; xor eax, 4 ; mov cr4, eax ; mov eax, cr0 ; or eax, 8 ; mov cr0, eax ; mov eax, cr4 ; xor eax, 0x80 ; mov cr4, eax ; hlt',
        '0f20e0 83f004 0f22e0 0f20c0 83c808 0f22c0 0f20e0 3580000000 0f22e0 f4',
      ),
    );
    rig.load32(PDPT_PAE, 0x17fff, 0);
    expect(rig.exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(CODE + 26) });
  });
});

describe('the path into paging', () => {
  it('from real mode to 64-bit code by the book', () => {
    const rig = new KvmRig().start('long', []);
    rig.load(0x500, [0xff, 0, 0, 0x90, 0, 0]).load(0x510, [0xff, 0x0f, 0, 0xa0, 0, 0]);
    rig.load(
      CODE,
      hex(
        'lgdt [0x500] ; lidt [0x510] ; mov eax, 0x620 ; mov cr4, eax ; mov eax, 0x10000 ; mov cr3, eax ; mov ecx, 0xc0000080 ; mov eax, 0x100 ; xor edx, edx ; wrmsr ; mov eax, 0x80000011 ; mov cr0, eax ; jmp dword 0x30:0x1100',
        '0f 01 16 00 05 0f 01 1e 10 05 66 b8 20 06 00 00 0f 22 e0 66 b8 00 00 01 00 0f 22 d8 66 b9 80 00 00 c0 66 b8 00 01 00 00 66 31 d2 0f 30 66 b8 11 00 00 80 0f 22 c0 66 ea 00 11 00 00 30 00',
      ),
    );
    const real = new KvmRig().sregs('real');
    rig.vcpu.setSregs(real);
    rig.set({ rip: BigInt(CODE), rsp: 0x7000n });
    rig.load(
      0x1100,
      hex(
        'mov ax, 0x10 ; mov ss, ax ; mov rsp, 0x7000 ; mov rbx, 0x123456789 ; push rbx ; pop rsi ; mov ecx, 0xc0000080 ; rdmsr ; hlt',
        '66 b8 10 00 8e d0 bc 00 70 00 00 48 bb 89 67 45 23 01 00 00 00 53 5e b9 80 00 00 c0 0f 32 f4',
      ),
    );
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs()).toMatchObject({ rsi: 0x1_2345_6789n, rax: 0x500n });
    expect(rig.vcpu.getSregs()).toMatchObject({ efer: 0x500n, cs: { l: 1, selector: 0x30 } });
  });

  it('refuses long mode without PAE, a change of LME under paging, and the end of PAE in it', () => {
    const noPae = new KvmRig().start(
      'protected',
      hex(
        'mov ecx, 0xc0000080 ; mov eax, 0x100 ; xor edx, edx ; wrmsr ; mov eax, 0x80000031 ; mov cr0, eax',
        'b9 80 00 00 c0 b8 00 01 00 00 31 d2 0f 30 b8 31 00 00 80 0f 22 c0',
      ),
    );
    expect(noPae.exception()).toMatchObject({ vector: 13, ip: BigInt(CODE + 19) });
    const lme = new KvmRig().start(
      'pae',
      hex('mov ecx, 0xc0000080 ; mov eax, 0x100 ; xor edx, edx ; wrmsr', 'b9 80 00 00 c0 b8 00 01 00 00 31 d2 0f 30'),
    );
    expect(lme.exception()).toMatchObject({ vector: 13, ip: BigInt(CODE + 12) });
    const pae = new KvmRig().start('long', hex('mov eax, 0x600 ; mov cr4, rax', 'b8 00 06 00 00 0f 22 e0'));
    expect(pae.exception()).toMatchObject({ vector: 13, ip: BigInt(CODE + 5) });
  });
});
