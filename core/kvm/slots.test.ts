/** KVM_SET_USER_MEMORY_REGION and KVM_GET_DIRTY_LOG. */
import { describe, expect, it } from 'vitest';
import {
  DATA,
  DATA0,
  DATA64,
  GDT,
  hex,
  KvmRig,
  MMIO,
  PAGE_DIRECTORY64,
  PAGE_TABLE64,
  PDPT,
  PML4,
} from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const LOG = A.KVM_MEM_LOG_DIRTY_PAGES;

/** A second slot behind RAM, of spare memory. */
function second(rig: KvmRig, over: Partial<A.KvmUserspaceMemoryRegion> = {}) {
  const region = {
    slot: 1,
    flags: 0,
    guestPhysAddr: MMIO,
    memorySize: 0x4000,
    userspaceAddr: rig.vm.mmap(0x4000),
    ...over,
  };
  rig.vm.setUserMemoryRegion(region);
  return region;
}

/** Pages in a dirty log. */
function pages(log: Uint8Array): number[] {
  return [...log].flatMap((byte, i) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1).map((bit) => i * 8 + bit),
  );
}

describe('memory slots', () => {
  const base = (rig: KvmRig) => ({
    slot: 1,
    flags: 0,
    guestPhysAddr: MMIO,
    memorySize: 0x1000,
    userspaceAddr: rig.vm.mmap(0x1000),
  });

  it.each<[string, Partial<A.KvmUserspaceMemoryRegion>]>([
    ['an unaligned address', { guestPhysAddr: MMIO + 1 }],
    ['an unaligned size', { memorySize: 0x1001 }],
    ['an unaligned user address', { userspaceAddr: 5 }],
    ['user memory that nobody mapped', { userspaceAddr: 0 }],
    ['user memory beyond the end', { memorySize: 0x4000_0000 }],
    ['an unknown flag', { flags: 4 }],
    ['a slot number beyond the last', { slot: 509 }],
    ['a negative slot number', { slot: -1 }],
    ['a place beyond all physical addresses', { guestPhysAddr: 2 ** 45 }],
    ['the deletion of what does not exist', { memorySize: 0 }],
  ])('refuse %s', (_name, over) => {
    const rig = new KvmRig();
    expect(() => rig.vm.setUserMemoryRegion({ ...base(rig), ...over })).toThrow(errno('EINVAL'));
  });

  it('may not overlap, may touch, and are free again when deleted', () => {
    const rig = new KvmRig();
    const first = second(rig);
    const { vm } = rig;
    const another = { ...first, slot: 2 };
    for (const guestPhysAddr of [MMIO, MMIO + 0x3000, MMIO - 0x1000])
      expect(() => vm.setUserMemoryRegion({ ...another, guestPhysAddr })).toThrow(errno('EEXIST'));
    vm.setUserMemoryRegion({ ...another, guestPhysAddr: MMIO + 0x4000 });
    vm.setUserMemoryRegion({ ...first, memorySize: 0 });
    vm.setUserMemoryRegion({ ...another, slot: 3 });
  });

  it('may be moved and logged, but not resized, repointed or made read-only', () => {
    const rig = new KvmRig();
    const region = second(rig);
    const { vm } = rig;
    expect(() => vm.setUserMemoryRegion({ ...region, memorySize: 0x2000 })).toThrow(errno('EINVAL'));
    expect(() => vm.setUserMemoryRegion({ ...region, userspaceAddr: region.userspaceAddr + 0x1000 })).toThrow(
      errno('EINVAL'),
    );
    expect(() => vm.setUserMemoryRegion({ ...region, flags: A.KVM_MEM_READONLY })).toThrow(errno('EINVAL'));
    vm.setUserMemoryRegion({ ...region, flags: LOG });
    vm.setUserMemoryRegion({ ...region, guestPhysAddr: MMIO + 0x10_0000 });
    rig.start(
      'protected',
      hex('mov al, [0x200000] ; mov [0x3000], al ; mov al, [0x100000]', 'a0 00 00 20 00 a2 00 30 00 00 a0 00 00 10 00'),
    );
    new Uint8Array(vm.memory)[region.userspaceAddr] = 0x5a;
    expect(rig.run()).toMatchObject({ exit: 'MMIO', gpa: MMIO });
    expect(rig.ram[DATA]).toBe(0x5a);
  });

  it('are several views of what the VMM mapped, seen by the guest at once', () => {
    const rig = new KvmRig();
    const { userspaceAddr } = second(rig);
    rig.vm.setUserMemoryRegion({
      slot: 2,
      flags: 0,
      guestPhysAddr: 0x1_0000_0000,
      memorySize: 0x1000,
      userspaceAddr: rig.vm.mmap(0x1000),
    });
    rig.start(
      'protected',
      hex(
        'mov dword [0x100ffe], 0x11223344 ; hlt ; mov eax, [0x100ffe] ; out 0x80, eax ; hlt',
        'c7 05 fe 0f 10 00 44 33 22 11 f4 a1 fe 0f 10 00 e7 80 f4',
      ),
    );
    expect(rig.run()).toEqual({ exit: 'HLT' });
    const memory = new Uint8Array(rig.vm.memory);
    expect([...memory.subarray(userspaceAddr + 0xffe, userspaceAddr + 0x1002)]).toEqual([0x44, 0x33, 0x22, 0x11]);
    memory[userspaceAddr + 0xffe] = 0x99;
    expect(rig.run()).toMatchObject({ port: 0x80, value: 0x11223399 });
  });

  it('turn accesses into MMIO the moment they are deleted', () => {
    const rig = new KvmRig();
    const region = second(rig);
    rig.start('protected', hex('again: mov [0x100010], al ; hlt ; jmp again', 'a2 10 00 10 00 f4 eb f8'));
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.run()).toEqual({ exit: 'HLT' });
    rig.vm.setUserMemoryRegion({ ...region, memorySize: 0 });
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: true, gpa: MMIO + 0x10 });
  });
});

describe('a read-only slot', () => {
  it('is read as memory; a write is an MMIO exit that changes nothing', () => {
    const rig = new KvmRig();
    const { userspaceAddr } = second(rig, { flags: A.KVM_MEM_READONLY });
    const rom = new Uint8Array(rig.vm.memory, userspaceAddr, 0x4000);
    rom.fill(0x77);
    rig.start(
      'protected',
      hex(
        'mov eax, [0x100000] ; mov dword [0x100004], 0x01020304 ; inc byte [0x100008] ; out 0x80, eax ; hlt',
        'a1 00 00 10 00 c7 05 04 00 10 00 04 03 02 01 fe 05 08 00 10 00 e7 80 f4',
      ),
    );
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 4, bytes: [4, 3, 2, 1] });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 8, bytes: [0x78] });
    expect(rig.run()).toMatchObject({ port: 0x80, value: 0x77777777 });
    expect(rom.every((b) => b === 0x77)).toBe(true);
  });

  it('reports a 16-byte write in parts of 8', () => {
    const rig = new KvmRig();
    second(rig, { flags: A.KVM_MEM_READONLY });
    rig.start(
      'protected',
      hex(
        'movdqu xmm0, [0x3000] ; movdqu [0x100010], xmm0 ; hlt',
        'f3 0f 6f 05 00 30 00 00 f3 0f 7f 05 10 00 10 00 f4',
      ),
    );
    rig.load(
      DATA,
      Array.from({ length: 16 }, (_, i) => i),
    );
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x10, bytes: [0, 1, 2, 3, 4, 5, 6, 7] });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 0x18, bytes: [8, 9, 10, 11, 12, 13, 14, 15] });
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('keeps page tables in it as they are', () => {
    const rig = new KvmRig();
    const { userspaceAddr } = second(rig, { flags: A.KVM_MEM_READONLY });
    rig.start('paging', hex('mov [0x3000], al ; hlt', 'a2 00 30 00 00 f4'));
    const table = new Uint8Array(rig.vm.memory, userspaceAddr, 0x1000);
    table.set(rig.ram.subarray(0x15000, 0x16000));
    rig.load32(0x14000, MMIO | 7);
    const before = [...table];
    rig.setControl({});
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect([...table]).toEqual(before);
  });
});

describe('the dirty log', () => {
  const touched = (rig: KvmRig) => pages(rig.vm.getDirtyLog(0));

  it('exists only where it was asked for', () => {
    const { vm } = new KvmRig();
    expect(() => vm.getDirtyLog(0)).toThrow(errno('ENOENT'));
    expect(() => vm.getDirtyLog(7)).toThrow(errno('ENOENT'));
  });

  it('has one bit a page in whole 64-bit words', () => {
    const rig = new KvmRig();
    second(rig, { flags: LOG });
    expect(rig.vm.getDirtyLog(1)).toHaveLength(8);
  });

  it('names exactly the pages that instructions wrote, and clears', () => {
    const rig = new KvmRig({ logDirty: true });
    rig.start(
      'protected',
      hex(
        'again: mov [0x3000], al ; mov eax, [0x4000] ; mov dword [0x4ffe], 5 ; hlt ; jmp again',
        'a2 00 30 00 00 a1 00 40 00 00 c7 05 fe 4f 00 00 05 00 00 00 f4 eb e9',
      ),
    );
    touched(rig);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(touched(rig)).toEqual([3, 4, 5]);
    expect(touched(rig)).toEqual([]);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(touched(rig)).toEqual([3, 4, 5]);
  });

  it('sees the stack, read-modify-write, vector stores and x87 stores', () => {
    const rig = new KvmRig({ logDirty: true });
    rig.start(
      'protected',
      hex(
        'push eax ; inc dword [0x20000] ; movups [0x21000], xmm0 ; fninit ; fnstcw [0x22000] ; hlt',
        '50 ff 05 00 00 02 00 0f 11 05 00 10 02 00 db e3 d9 3d 00 20 02 00 f4',
      ),
    );
    touched(rig);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(touched(rig)).toEqual([6, 0x20, 0x21, 0x22]);
  });

  it.each([
    [
      'rep stosd',
      hex(
        'mov edi, 0x20800 ; mov ecx, 0x800 ; rep stosd ; hlt ; jmp 0x1000',
        'bf 00 08 02 00 b9 00 08 00 00 f3 ab f4 e9 ee ff ff ff',
      ),
    ],
    [
      'rep movsb',
      hex(
        'mov esi, 0x30000 ; mov edi, 0x20800 ; mov ecx, 0x2000 ; rep movsb ; hlt ; jmp 0x1000',
        'be 00 00 03 00 bf 00 08 02 00 b9 00 20 00 00 f3 a4 f4 e9 e9 ff ff ff',
      ),
    ],
    [
      'rep stosb backwards',
      hex(
        'std ; mov edi, 0x227ff ; mov ecx, 0x2000 ; rep stosb ; hlt ; jmp 0x1000',
        'fd bf ff 27 02 00 b9 00 20 00 00 f3 aa f4 e9 ed ff ff ff',
      ),
    ],
  ])('sees %s, each time', (_name, code) => {
    const rig = new KvmRig({ logDirty: true });
    rig.start('protected', code);
    touched(rig);
    for (let round = 0; round < 3; round++) {
      expect(rig.run()).toEqual({ exit: 'HLT' });
      expect(touched(rig)).toEqual([0x20, 0x21, 0x22]);
    }
  });

  it('sees what devices wrote, where they say so', () => {
    const rig = new KvmRig({ logDirty: true });
    touched(rig);
    rig.vm.notifyWrite(rig.ramAt + 0x7fff, 2);
    rig.vm.notifyWrite(rig.ramAt + 0xa001, 0);
    expect(touched(rig)).toEqual([7, 8]);
  });

  it('sees accessed and dirty bits of page tables', () => {
    const rig = new KvmRig({ logDirty: true });
    rig.start('long', hex('mov [0x3000], al ; hlt', '88 04 25 00 30 00 00 f4'));
    touched(rig);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(touched(rig)).toEqual([3, PML4 >> 12, PDPT >> 12, PAGE_DIRECTORY64 >> 12, PAGE_TABLE64 >> 12]);
  });

  it('sees descriptors being marked accessed', () => {
    const rig = new KvmRig({ logDirty: true });
    rig.start('protected', hex('mov eax, 0x38 ; mov fs, eax ; hlt', 'b8 38 00 00 00 8e e0 f4'));
    rig.descriptor(DATA64, 0xffff, 0xcf9200);
    touched(rig);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(touched(rig)).toEqual([GDT >> 12]);
    expect(rig.ram[GDT + DATA64 + 5]).toBe(0x93);
    expect(rig.ram[GDT + DATA0 + 5]).toBe(0x93);
  });

  it('keeps its bits when the slot is set again unchanged, and starts empty when switched on', () => {
    const rig = new KvmRig({ logDirty: true });
    rig.start(
      'protected',
      hex('mov [0x3000], al ; hlt ; mov [0x4000], al ; hlt', 'a2 00 30 00 00 f4 a2 00 40 00 00 f4'),
    );
    touched(rig);
    rig.run();
    rig.setRam(LOG);
    expect(touched(rig)).toEqual([3]);
    rig.setRam(0);
    rig.run();
    rig.setRam(LOG);
    expect(touched(rig)).toEqual([]);
  });

  it('follows the slot that the guest wrote by, when two show the same memory', () => {
    const rig = new KvmRig();
    rig.setRam(0);
    rig.vm.setUserMemoryRegion({
      slot: 1,
      flags: LOG,
      guestPhysAddr: MMIO,
      memorySize: 0x4000,
      userspaceAddr: rig.ramAt + 0x20000,
    });
    rig.start(
      'protected',
      hex(
        'mov byte [0x101000], 0x42 ; mov al, [0x21000] ; out 0x80, al ; hlt',
        'c6 05 00 10 10 00 42 a0 00 10 02 00 e6 80 f4',
      ),
    );
    expect(rig.outputs()).toEqual([[0x80, 0x42]]);
    expect(pages(rig.vm.getDirtyLog(1))).toEqual([1]);
  });
});
