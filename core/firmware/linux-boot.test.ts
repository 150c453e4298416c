import { describe, expect, it } from 'vitest';
import type { KvmSregs } from '../kvm/api.ts';
import { type BzImageOptions, bzImage } from '../testing/boot-images.ts';
import { planBoot } from './boot.ts';
import { BootError, type BootPlan } from './boot-image.ts';

const MIB = 2 ** 20;
const TARGET = { ramBytes: 64 * MIB, rsdpAddress: 0xe0000 };

const plan = (image: BzImageOptions = {}, extra: { initrd?: Uint8Array; cmdline?: string } = {}): BootPlan =>
  planBoot({ kernel: bzImage(image), cmdline: 'quiet', ...extra }, TARGET);

function chunkAt(boot: BootPlan, gpa: number): Uint8Array {
  const chunk = boot.chunks.find((c) => c.gpa === gpa);
  if (!chunk) throw new Error(`no chunk at 0x${gpa.toString(16)}`);
  return chunk.bytes;
}

const zeroPageOf = (boot: BootPlan): DataView => new DataView(chunkAt(boot, Number(boot.regs.rsi)).buffer);

function refusal(run: () => unknown): BootError {
  try {
    run();
  } catch (error) {
    if (error instanceof BootError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('Linux boot protocol', () => {
  it('loads the kernel at its preferred address and enters 0x200 behind it with RSI at the zero page', () => {
    const boot = plan();
    expect(chunkAt(boot, 0x100_0000)).toHaveLength(8192);
    expect(boot.regs.rip).toBe(0x100_0200n);
    expect(boot.regs.rflags).toBe(2n);
  });

  it('enters long mode with flat segments and the first 4 GiB mapped to themselves', () => {
    const boot = plan();
    const sregs = boot.applySregs({ interruptBitmap: [0n, 0n, 0n, 0n] } as KvmSregs);
    expect([sregs.cr0, sregs.cr4, sregs.efer]).toEqual([0x8000_0011n, 0x20n, 0x500n]);
    expect(sregs.cs).toMatchObject({ selector: 0x10, l: 1, db: 0, type: 0xb });
    expect(sregs.ss).toMatchObject({ selector: 0x18, type: 3 });

    const tables = chunkAt(boot, Number(sregs.cr3));
    const entry = (offset: number): bigint => new DataView(tables.buffer).getBigUint64(offset, true);
    const base = sregs.cr3;
    expect(entry(0)).toBe(base + 0x1003n);
    expect(entry(0x1000 + 3 * 8)).toBe(base + 0x5003n);
    expect(entry(0x5000 + 511 * 8)).toBe(0xffe0_0083n);
  });

  it.each<[string, BzImageOptions, bigint]>([
    ['a 32-bit kernel', { xloadflags: 0 }, 0x100_0000n],
    ['a kernel that is older than xloadflags', { protocol: 0x020b }, 0x100_0000n],
    ['a kernel that is older than its preferred address', { protocol: 0x0206 }, 0x10_0000n],
  ])('enters %s in flat protected mode at its load address, with RSI at the zero page', (_what, image, entry) => {
    const boot = plan(image);
    expect(chunkAt(boot, Number(entry))).toHaveLength(8192);
    expect([boot.regs.rip, boot.regs.rsi]).toEqual([entry, 0x7000n]);
    const sregs = boot.applySregs({ interruptBitmap: [0n, 0n, 0n, 0n] } as KvmSregs);
    expect([sregs.cr0, sregs.cr4, sregs.efer]).toEqual([0x11n, 0n, 0n]);
    expect(sregs.cs).toMatchObject({ selector: 0x10, l: 0, db: 1, type: 0xb });
    expect(sregs.ds).toMatchObject({ selector: 0x18, base: 0n, limit: 0xffff_ffff, type: 3 });
  });

  it('fills in the zero page: header, command line, RSDP, text screen, memory map', () => {
    const boot = plan();
    const page = zeroPageOf(boot);
    expect(page.getUint32(0x202, true)).toBe(0x5372_6448);
    expect(page.getUint8(0x210)).toBe(0xff);
    expect(page.getBigUint64(0x70, true)).toBe(0xe0000n);
    expect([page.getUint8(6), page.getUint8(7), page.getUint8(0xe), page.getUint8(0xf)]).toEqual([3, 80, 25, 1]);
    expect(new TextDecoder().decode(chunkAt(boot, page.getUint32(0x228, true)))).toBe('quiet\0');
    expect(page.getUint8(0x1e8)).toBe(5);
    expect(page.getBigUint64(0x2d0 + 3 * 20, true)).toBe(0x10_0000n);
  });

  it('puts the initial RAM disk page-aligned at the end of memory the kernel can reach', () => {
    const initrd = new Uint8Array(5000).fill(7);
    const high = zeroPageOf(plan({}, { initrd }));
    expect([high.getUint32(0x218, true), high.getUint32(0x21c, true)]).toEqual([64 * MIB - 8192, 5000]);
    const low = zeroPageOf(plan({ initrdAddrMax: 32 * MIB - 1 }, { initrd }));
    expect(low.getUint32(0x218, true)).toBe(32 * MIB - 8192);
  });

  it('keeps everything it loads apart and inside of RAM', () => {
    const chunks = [...plan({}, { initrd: new Uint8Array(3 * MIB) }).chunks].sort((a, b) => a.gpa - b.gpa);
    chunks.forEach((chunk, i) => {
      expect(chunk.gpa + chunk.bytes.length).toBeLessThanOrEqual(chunks[i + 1]?.gpa ?? TARGET.ramBytes);
    });
  });

  it.each<[string, BzImageOptions, RegExp]>([
    ['a kernel of an old protocol', { protocol: 0x0201 }, /2\.1 of the boot protocol/],
    ['a zImage', { loadflags: 0 }, /zImage/],
    ['a kernel that needs more memory', { initSize: 60 * MIB }, /needs at least 76 MiB/],
    ['a load address beyond all memory', { prefAddress: 0xffff_ffff_ffff_0000n }, /needs at least/],
  ])('refuses %s', (_what, image, message) => {
    const error = refusal(() => plan(image));
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe('');
  });

  it('refuses a kernel that is cut short anywhere, and names its version when it can', () => {
    const whole = bzImage();
    for (let length = 0x206; length < whole.length - 16; length += 97) {
      const error = refusal(() => planBoot({ kernel: whole.subarray(0, length), cmdline: '' }, TARGET));
      if (length > 0x460) expect(error.message).toMatch(/Linux 6\.1\.0-test is cut short/);
    }
  });

  it('refuses an initial RAM disk without room, and an empty one', () => {
    expect(refusal(() => plan({}, { initrd: new Uint8Array(60 * MIB) })).message).toMatch(/does not fit/);
    expect(refusal(() => plan({}, { initrd: new Uint8Array(0) })).message).toMatch(/empty/);
  });

  it('refuses a command line longer than the kernel takes', () => {
    expect(plan({}, { cmdline: 'x'.repeat(2047) })).toBeDefined();
    expect(refusal(() => plan({}, { cmdline: 'x'.repeat(2048) })).message).toMatch(/2048 bytes long/);
  });

  it('survives a header of noise', () => {
    const noise = bzImage();
    for (let seed = 1; seed < 200; seed++) {
      for (let i = 0x206; i < 0x270; i++) noise[i] = (Math.imul(seed * 1000 + i, 2654435761) >>> 13) & 0xff;
      try {
        planBoot({ kernel: noise, cmdline: '' }, TARGET);
      } catch (error) {
        expect(error).toBeInstanceOf(BootError);
      }
    }
  });
});
