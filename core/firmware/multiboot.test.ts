import { describe, expect, it } from 'vitest';
import type { KvmSregs } from '../kvm/api.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { planBoot } from './boot.ts';
import { BootError, type BootPlan } from './boot-image.ts';

const MIB = 2 ** 20;
const TARGET = { ramBytes: 16 * MIB, rsdpAddress: 0xe0000 };
const KLUDGE = 1 << 16;

const plan = (kernel: Uint8Array, extra: { initrd?: Uint8Array } = {}): BootPlan =>
  planBoot({ kernel, cmdline: 'a=1', ...extra }, TARGET);
const chunkAt = (boot: BootPlan, gpa: number) => boot.chunks.find((c) => c.gpa === gpa);
const infoOf = (boot: BootPlan): DataView =>
  new DataView(chunkAt(boot, Number(boot.regs.rbx))?.bytes.buffer ?? new ArrayBuffer(0));
const kludge = (header: readonly number[]): Uint8Array => {
  const image = new Uint8Array(4096).fill(0x90);
  image.set(multibootHeader(KLUDGE, header), 16);
  return image;
};

describe('multiboot', () => {
  const kernel = elf(multibootHeader(3), { memorySize: 8192 });

  it('enters 32-bit protected mode without paging, with the magic in EAX', () => {
    const boot = plan(kernel);
    expect([boot.regs.rax, boot.regs.rip]).toEqual([0x2bad_b002n, 0x10_0000n]);
    const sregs = boot.applySregs({ cr4: 0n, efer: 0n } as KvmSregs);
    expect([sregs.cr0, sregs.cr4, sregs.efer]).toEqual([0x11n, 0n, 0n]);
    expect(sregs.cs).toMatchObject({ db: 1, l: 0, limit: 0xffff_ffff });
  });

  it('loads ELF segments of 32 and 64 bits at their physical addresses and clears the rest of them', () => {
    for (const bits of [32, 64] as const) {
      const high = elf(multibootHeader(3), { bits, virtualAddress: 0xc010_0000, memorySize: 8192 });
      const boot = plan(high);
      expect(chunkAt(boot, 0x10_0000)).toMatchObject({ zeroBytes: 8192 - 12 });
      expect(boot.regs.rip).toBe(0x10_0000n);
    }
  });

  it('loads what the addresses in the header say', () => {
    const boot = plan(kludge([0x10_0010, 0x10_0000, 0x10_0800, 0x10_1000, 0x10_0040]));
    expect(chunkAt(boot, 0x10_0000)).toMatchObject({ zeroBytes: 0x800 });
    expect(chunkAt(boot, 0x10_0000)?.bytes).toHaveLength(0x800);
    expect(boot.regs.rip).toBe(0x10_0040n);
  });

  it('describes memory, command line, screen and the module', () => {
    const boot = plan(kernel, { initrd: new Uint8Array(100).fill(5) });
    const info = infoOf(boot);
    const u32 = (offset: number): number => info.getUint32(offset, true);
    expect(u32(0)).toBe(0x124d);
    expect([u32(4), u32(8)]).toEqual([639, 15 * 1024]);
    expect(new TextDecoder().decode(chunkAt(boot, u32(16))?.bytes)).toBe('a=1\0');
    expect([u32(44), u32(48) - Number(boot.regs.rbx)]).toEqual([5 * 24, 0x100]);
    expect([u32(88), u32(96), u32(100), u32(104)]).toEqual([0xb8000, 160, 80, 25]);
    const modules = u32(24) - Number(boot.regs.rbx);
    expect([u32(20), u32(modules), u32(modules + 4)]).toEqual([1, 0x10_2000, 0x10_2064]);
    expect(chunkAt(boot, 0x10_2000)?.bytes).toHaveLength(100);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a kernel above memory', elf(multibootHeader(0), { physicalAddress: 0x200_0000 }), /up to 33 MiB/],
    ['a kernel in the BIOS area', elf(multibootHeader(0), { physicalAddress: 0xf_0000 }), /0xf0000/],
    ['an entry point outside', elf(multibootHeader(0), { entry: 0x50_0000 }), /entry point/],
    ['flags nobody defined', elf(multibootHeader(1 << 5)), /flags 0x20/],
    ['a kernel of another machine', elf(multibootHeader(0), { machine: 40 }), /neither an x86 ELF/],
    ['a kludge that starts before the file', kludge([0x10_0020, 0x10_0000, 0, 0, 0x10_0000]), /before the file/],
    ['a kludge that ends behind the file', kludge([0x10_0010, 0x10_0000, 0x20_0000, 0, 0x10_0000]), /behind the file/],
    ['a kludge whose end is before its start', kludge([0x10_0010, 0x10_0000, 0x1000, 0, 0x10_0000]), /behind the file/],
    ['a header cut short', multibootHeader(KLUDGE, [0, 0]), /ends in the header/],
  ])('refuses %s', (_what, image, message) => {
    expect(() => plan(image)).toThrow(message);
    expect(() => plan(image)).toThrow(BootError);
  });

  it('refuses ELF files damaged anywhere, by an error and nothing else', () => {
    const whole = elf(multibootHeader(0));
    for (let i = 4; i < 128; i++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const damaged = whole.slice();
        damaged[i] = value;
        try {
          plan(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(BootError);
        }
      }
    }
    for (let length = 0; length < whole.length; length++)
      expect(() => plan(whole.subarray(0, length))).toThrow(BootError);
  });
});
