/** SMEP, SMAP and UMIP as a guest sees them: what a supervisor may not do with user pages, and user code not at all. */
import { describe, expect, it } from 'vitest';
import {
  CODE,
  CODE32,
  DATA,
  GDT,
  hex,
  KvmRig,
  PAGE_TABLE_PAE,
  PAGE_TABLE32,
  PAGE_TABLE64,
  STACK,
  USER_CODE,
} from '../testing/kvm-rig.ts';

type Paged = 'paging' | 'pae' | 'long';
const PAGED: readonly Paged[] = ['paging', 'pae', 'long'];
const P = 1;
const RW = 2;
const US = 4;
const SMEP = 0x10_0000n;
const SMAP = 0x20_0000n;
const UMIP = 0x800n;
const AC = 0x4_0000n;
const HLT = { exit: 'HLT' };

function pte(mode: Paged, linear: number): number {
  const page = linear >>> 12;
  return mode === 'paging' ? PAGE_TABLE32 + page * 4 : (mode === 'pae' ? PAGE_TABLE_PAE : PAGE_TABLE64) + page * 8;
}

/** A user page with code. */
const CALLEE = 0x2_0000;

/** Supervisor pages everywhere but at DATA and CALLEE, and these CR4 bits. */
function protect(mode: Paged, code: Uint8Array, cr4: bigint): KvmRig {
  const rig = new KvmRig().setFeatures(['smep', 'smap', 'umip']).start(mode, code);
  for (let page = 0; page < 0x100; page++) {
    const user = page === DATA >> 12 || page === CALLEE >> 12;
    rig.load32(pte(mode, page << 12), (page << 12) | P | RW | (user ? US : 0));
  }
  return rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | cr4 });
}

const READ = hex('mov al, [ebx] ; hlt', '8a 03 f4');
const WRITE = hex('mov [ebx], al ; hlt', '88 03 f4');
const RMW = hex('add byte [ebx], 1 ; hlt', '80 03 01 f4');
const STRADDLE = hex('mov eax, [ebx-2] ; hlt', '8b 43 fe f4');
const MOVSB = hex('rep movsb ; hlt', 'f3 a4 f4');
const PUSH = hex('push eax ; hlt', '50 f4');

describe.each(PAGED)('SMAP in %s mode', (mode) => {
  it.each<[string, Uint8Array, number]>([
    ['read', READ, 1],
    ['write', WRITE, 3],
    ['read-modify-write', RMW, 3],
    ['read that straddles into one', STRADDLE, 1],
    ['string move from one', MOVSB, 1],
  ])('%s of a user page by a supervisor: #PF, unless AC is set', (_name, code, error) => {
    const registers = { rbx: BigInt(DATA), rsi: BigInt(DATA), rdi: 0x5000n, rcx: 64n };
    const closed = protect(mode, code, SMAP).set(registers);
    expect(closed.exception()).toMatchObject({ vector: 14, error, cr2: BigInt(DATA), ip: BigInt(CODE) });
    const open = protect(mode, code, SMAP).set({ ...registers, rflags: AC | 2n });
    expect(open.run()).toEqual(HLT);
    expect(protect(mode, code, 0n).set(registers).run()).toEqual(HLT);
  });

  it('counts for the stack', () => {
    const rig = protect(mode, PUSH, SMAP).set({ rsp: BigInt(DATA + 0x100) });
    // the handler's frame goes there too: a double fault, and then a triple one
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
    expect(
      protect(mode, PUSH, SMAP)
        .set({ rsp: BigInt(DATA + 0x100), rflags: AC | 2n })
        .run(),
    ).toEqual(HLT);
  });

  it('leaves fetches alone, and SMEP data', () => {
    const jump = hex('jmp ebx', 'ff e3');
    const fetch = protect(mode, jump, SMAP)
      .set({ rbx: BigInt(CALLEE) })
      .load(CALLEE, [0xf4]);
    expect(fetch.run()).toEqual(HLT);
    expect(
      protect(mode, READ, SMEP)
        .set({ rbx: BigInt(DATA) })
        .run(),
    ).toEqual(HLT);
    // a page whose code runs is not open to reads for that
    const both = protect(mode, jump, SMAP)
      .set({ rbx: BigInt(CALLEE), rcx: BigInt(CALLEE) })
      .load(CALLEE, hex('mov al, [ecx] ; hlt', '8a 01 f4'));
    expect(both.exception()).toMatchObject({ vector: 14, error: 1, ip: BigInt(CALLEE), cr2: BigInt(CALLEE) });
  });

  it('goes by STAC and CLAC from one access to the next', () => {
    const rig = protect(
      mode,
      hex(
        'stac ; mov al, [ebx] ; mov [ebx], al ; mov dl, [ebx] ; out 0x80, al ; clac ; mov al, [0x5000] ; mov al, [ebx]',
        `0f 01 cb 8a 03 88 03 8a 13 e6 80 0f 01 ca ${mode === 'long' ? '8a 04 25 00 50 00 00' : '8a 05 00 50 00 00'} 8a 03`,
      ),
      SMAP,
    )
      .set({ rbx: BigInt(DATA) })
      .load(DATA, [0x42]);
    expect(rig.run()).toMatchObject({ port: 0x80, value: 0x42 });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 1, cr2: BigInt(DATA) });
  });

  it('goes by POPF', () => {
    const push = hex('push dword 0x40002 ; popf ; mov al, [ebx] ; out 0x80, al', '68 02 00 04 00 9d 8a 03 e6 80');
    const clear = hex('push dword 2 ; popf ; mov al, [ebx]', '6a 02 9d 8a 03');
    const rig = protect(mode, Uint8Array.from([...push, ...clear]), SMAP).set({ rbx: BigInt(DATA) });
    expect(rig.run()).toMatchObject({ port: 0x80 });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 1, ip: BigInt(CODE + 13) });
  });

  it('goes by the flags that KVM sets', () => {
    const rig = protect(mode, READ, SMAP).set({ rbx: BigInt(DATA), rflags: AC | 2n });
    expect(rig.run()).toEqual(HLT);
    rig.set({ rip: BigInt(CODE), rflags: 2n });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 1 });
  });

  it('forgets what it allowed when CR4.SMAP is set', () => {
    const rig = protect(
      mode,
      hex(
        'mov al, [ebx] ; mov eax, cr4 ; or eax, 0x200000 ; mov cr4, eax ; mov al, [ebx]',
        '8a 03 0f 20 e0 0d 00 00 20 00 0f 22 e0 8a 03',
      ),
      0n,
    ).set({ rbx: BigInt(DATA) });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 1, ip: BigInt(CODE + 13) });
  });

  it('does not let AC open user pages to implicit accesses', () => {
    // the GDT lies in a user page: loading DS reads it
    const rig = protect(mode, hex('mov ax, 0x10 ; mov ds, ax', '66 b8 10 00 8e d8'), SMAP);
    rig.load(DATA, rig.bytes(GDT, 0x100)).setControl({ gdt: { base: BigInt(DATA), limit: 0xff } });
    rig.set({ rflags: AC | 2n });
    // delivery needs the GDT too
    expect(rig.run()).toEqual({ exit: 'SHUTDOWN' });
  });
});

describe('SMAP', () => {
  it('is not for user code, whatever its AC', () => {
    for (const rflags of [2n, AC | 2n]) {
      const rig = new KvmRig()
        .setFeatures(['smap'])
        .startUser('protected', hex('mov al, [ebx] ; int 0x80', '8a 03 cd 80'));
      const paged = new KvmRig()
        .setFeatures(['smap'])
        .startUser('paging', hex('mov al, [ebx] ; int 0x80', '8a 03 cd 80'));
      // what the kernel uses must be its own
      for (let page = 0; page < 0x100; page++)
        if (page !== 2 && page !== 3) paged.load32(PAGE_TABLE32 + page * 4, (page << 12) | P | RW);
      paged.setControl({ cr4: 0x600n | SMAP }).set({ rbx: BigInt(DATA), rflags });
      expect(paged.exception()).toMatchObject({ vector: 0x80 });
      expect(rig.set({ rbx: BigInt(DATA), rflags }).exception()).toMatchObject({ vector: 0x80 });
    }
  });

  it.each<[string, Uint8Array]>([
    ['STAC', hex('stac', '0f 01 cb')],
    ['CLAC', hex('clac', '0f 01 ca')],
  ])('%s is #UD in user code, and without the feature', (_name, code) => {
    expect(new KvmRig().setFeatures(['smap']).startUser('protected', code).exception()).toMatchObject({ vector: 6 });
    expect(new KvmRig().setFeatures([], ['smap']).start('protected', code).exception()).toMatchObject({ vector: 6 });
  });

  it('is closed by the FMASK of SYSCALL', () => {
    const rig = new KvmRig().setFeatures(['smap']).startUser('long', hex('syscall', '0f 05'));
    for (let page = 0; page < 0x100; page++)
      if (page !== 2 && page !== 3) rig.load32(PAGE_TABLE64 + page * 8, (page << 12) | P | RW);
    rig.load(CODE, READ).setControl({ cr4: 0x620n | SMAP });
    rig.vcpu.setMsrs([
      { index: 0xc0000081, data: BigInt(CODE32) << 32n },
      { index: 0xc0000082, data: BigInt(CODE) },
      { index: 0xc0000084, data: AC },
    ]);
    rig.set({ rbx: BigInt(DATA), rflags: AC | 2n });
    // the kernel is still on the user's stack; an IST gives the handler its own
    rig.gate(14, 0xb000 + 14 * 16, { ist: 1 });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 1, ip: BigInt(CODE), cr2: BigInt(DATA) });
  });
});

describe.each(PAGED)('SMEP in %s mode', (mode) => {
  it('forbids a supervisor to fetch from a user page, and reports fetches', () => {
    const rig = protect(mode, hex('jmp ebx', 'ff e3'), SMEP).set({ rbx: BigInt(CALLEE) });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0x11, ip: BigInt(CALLEE), cr2: BigInt(CALLEE) });
    const absent = protect(mode, hex('jmp ebx', 'ff e3'), SMEP).set({ rbx: BigInt(DATA) });
    absent.load32(pte(mode, DATA), 0);
    expect(absent.exception()).toMatchObject({ vector: 14, error: 0x10 });
  });
  it('holds for the second page of an instruction', () => {
    const rig = protect(mode, hex('nop', '90'), SMEP);
    rig.load(CALLEE - 2, [0xb8, 1, 2, 3, 4]).set({ rip: BigInt(CALLEE - 2) });
    expect(rig.exception()).toMatchObject({ vector: 14, error: 0x11, ip: BigInt(CALLEE - 2), cr2: BigInt(CALLEE) });
  });
});

describe('UMIP', () => {
  const INSTRUCTIONS: readonly [string, Uint8Array][] = [
    ['SGDT', hex('sgdt [0x3000]', '0f 01 05 00 30 00 00')],
    ['SIDT', hex('sidt [0x3000]', '0f 01 0d 00 30 00 00')],
    ['SLDT', hex('sldt eax', '0f 00 c0')],
    ['STR', hex('str eax', '0f 00 c8')],
    ['SMSW', hex('smsw eax', '0f 01 e0')],
  ];
  it.each(INSTRUCTIONS)('%s is #GP(0) in user code, and nowhere else', (_name, code) => {
    const program = Uint8Array.from([...code, 0xcd, 0x80]);
    const rig = (cr4: bigint) =>
      new KvmRig()
        .setFeatures(['umip'])
        .startUser('protected', program)
        .setControl({ cr4: 0x600n | cr4 });
    expect(rig(UMIP).exception()).toMatchObject({ vector: 13, error: 0, ip: BigInt(USER_CODE) });
    expect(rig(0n).exception()).toMatchObject({ vector: 0x80 });
    const kernel = new KvmRig()
      .setFeatures(['umip'])
      .start('protected', program)
      .setControl({ cr4: 0x600n | UMIP });
    expect(kernel.set({ rsp: BigInt(STACK) }).exception()).toMatchObject({ vector: 0x80 });
  });
});
