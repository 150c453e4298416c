import { describe, expect, it } from 'vitest';
import { bzImage, elf, multibootHeader, pvhNote } from '../testing/boot-images.ts';
import { planBoot } from './boot.ts';
import { BootError } from './boot-image.ts';
import { describeBootImage, describeInitrd } from './inspect.ts';

const text = (content: string, offset = 0): Uint8Array => {
  const bytes = new Uint8Array(1024);
  bytes.set(Buffer.from(content, 'latin1'), offset);
  return bytes;
};

describe('describeBootImage', () => {
  it('names the version of a kernel, and multiboot files', () => {
    const kernel = describeBootImage(bzImage({ version: '6.1.0-13-amd64 (debian) #1' }));
    expect(kernel).toEqual({ ok: true, description: 'Linux kernel 6.1.0-13-amd64 (bzImage, 64-bit)' });
    expect(describeBootImage(bzImage({ version: '6.1.0-686', xloadflags: 0 })).description).toBe(
      'Linux kernel 6.1.0-686 (bzImage, 32-bit)',
    );
    expect(describeBootImage(elf(multibootHeader(0)))).toEqual({ ok: true, description: 'multiboot ELF' });
    const pvh = elf(new Uint8Array(64), { notes: pvhNote(0x10_0000) });
    expect(describeBootImage(pvh)).toEqual({ ok: true, description: 'ELF kernel with a PVH entry point' });
  });

  it('says why a kernel cannot be booted and what to do', () => {
    const result = describeBootImage(bzImage({ loadflags: 0 }));
    expect(result).toMatchObject({ ok: false, description: 'a Linux kernel that cannot be booted' });
    expect(result.message).toMatch(/is a zImage.*Choose a kernel built as bzImage/);
  });

  it.each<[string, Uint8Array]>([
    ['an empty file', new Uint8Array(0)],
    ['a text file', new TextEncoder().encode('Hello.\nThis is no kernel.\n')],
    ['a Linux kernel for ARM (64-bit)', text('ARM\x64', 0x38)],
    ['a Linux kernel for ARM', text('\x18\x28\x6f\x01', 0x24)],
    ['a gzip-compressed file', text('\x1f\x8b\x08')],
    ['a qcow2 disk image', text('QFI\xfb')],
    ['a Windows or EFI program', text('MZ')],
    ['an ELF file for ARM (64-bit)', elf(new Uint8Array(16), { machine: 183 })],
    [
      'an ELF file without a multiboot header or a PVH entry point (a program, or an old vmlinux)',
      elf(new Uint8Array(16)),
    ],
    ['a boot sector or disk image', text('\x55\xaa', 510)],
    ['a file of unknown kind', text('\x01\x02\x03')],
  ])('recognizes %s', (description, bytes) => {
    expect(describeBootImage(bytes)).toMatchObject({ ok: false, description });
    expect(() => planBoot({ kernel: bytes, cmdline: '' }, { ramBytes: 2 ** 24, rsdpAddress: 0 })).toThrow(BootError);
  });
});

describe('describeInitrd', () => {
  it('takes anything but an empty file', () => {
    expect(describeInitrd(text('\x1f\x8b'))).toEqual({ ok: true, description: 'gzip-compressed' });
    expect(describeInitrd(text('070701'))).toEqual({ ok: true, description: 'cpio archive' });
    expect(describeInitrd(text('?'))).toEqual({ ok: true, description: 'data' });
    expect(describeInitrd(new Uint8Array(0))).toMatchObject({ ok: false, description: 'an empty file' });
  });
});
