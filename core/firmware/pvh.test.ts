import { describe, expect, it } from 'vitest';
import type { KvmSregs } from '../kvm/api.ts';
import { elf, multibootHeader, pvhNote } from '../testing/boot-images.ts';
import { planBoot } from './boot.ts';
import { BootError, type BootPlan } from './boot-image.ts';

const MIB = 2 ** 20;
const RSDP = 0xe_0000;
const TARGET = { ramBytes: 64 * MIB, rsdpAddress: RSDP };
const ENTRY = 0x100_0040;
const CODE = new Uint8Array(4096).fill(0x90);
const HIGH = { bits: 64, physicalAddress: 0x100_0000, virtualAddress: 0x8000_0000, memorySize: 8192 } as const;

const plan = (kernel: Uint8Array, initrd?: Uint8Array): BootPlan =>
  planBoot({ kernel, cmdline: 'quiet', ...(initrd && { initrd }) }, TARGET);
const chunkAt = (boot: BootPlan, gpa: number) => boot.chunks.find((chunk) => chunk.gpa === gpa);

describe('PVH', () => {
  const kernel = elf(CODE, { ...HIGH, notes: pvhNote(ENTRY) });

  it('enters at the physical address of the note, in 32-bit protected mode', () => {
    const boot = plan(kernel);
    expect(boot.regs).toMatchObject({ rip: BigInt(ENTRY), rbx: 0x7000n, rflags: 2n });
    const sregs = boot.applySregs({ cr4: 0x20n, efer: 0x500n } as KvmSregs);
    expect([sregs.cr0, sregs.cr4, sregs.efer]).toEqual([0x11n, 0n, 0n]);
    expect(sregs.cs).toMatchObject({ db: 1, l: 0, limit: 0xffff_ffff });
    expect(chunkAt(boot, 0x100_0000)).toMatchObject({ zeroBytes: 4096 });
  });

  it('describes memory, command line, tables and the initial RAM disk', () => {
    const boot = plan(kernel, new Uint8Array(100).fill(7));
    const page = chunkAt(boot, 0x7000)?.bytes ?? new Uint8Array(0);
    const view = new DataView(page.buffer);
    const u32 = (offset: number): number => view.getUint32(offset, true);
    const u64 = (offset: number): number => Number(view.getBigUint64(offset, true));
    expect([u32(0), u32(4), u32(12)]).toEqual([0x336e_c578, 1, 1]);
    expect(new TextDecoder().decode(chunkAt(boot, u64(24))?.bytes)).toBe('quiet\0');
    expect(u64(32)).toBe(RSDP);
    const modules = u64(16) - 0x7000;
    expect([u64(modules), u64(modules + 8)]).toEqual([0x100_2000, 100]);
    expect(chunkAt(boot, 0x100_2000)?.bytes).toHaveLength(100);
    const map = u64(40) - 0x7000;
    const entries = Array.from({ length: u32(48) }, (_, i) => map + 24 * i);
    expect(entries.map((at) => [u64(at), u64(at + 8), u32(at + 16)])).toContainEqual([MIB, 63 * MIB, 1]);
  });

  it('is not chosen for a multiboot kernel', () => {
    const both = elf(multibootHeader(3), { notes: pvhNote(0x10_0000) });
    expect(plan(both).regs.rax).toBe(0x2bad_b002n);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an entry outside of what is loaded', elf(CODE, { ...HIGH, notes: pvhNote(0x500_0000) }), /entry point/],
    ['a kernel above memory', elf(CODE, { ...HIGH, physicalAddress: 2 ** 27, notes: pvhNote(2 ** 27) }), /up to/],
    ['a note of another owner', elf(CODE, { ...HIGH, notes: pvhNote(ENTRY).fill(0x41, 12, 15) }), /not a kernel/],
    ['a note that is cut short', elf(CODE, { ...HIGH, notes: pvhNote(ENTRY).subarray(0, 17) }), /not a kernel/],
  ])('refuses %s', (_what, image, message) => {
    expect(() => plan(image)).toThrow(message);
    expect(() => plan(image)).toThrow(BootError);
  });

  it('refuses files damaged anywhere, by an error and nothing else', () => {
    for (let i = 4; i < kernel.length; i += i < 256 || i > 4340 ? 1 : 500) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const damaged = kernel.slice();
        damaged[i] = value;
        try {
          plan(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(BootError);
        }
      }
    }
  });
});
