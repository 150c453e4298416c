import { describe, expect, it } from 'vitest';
import { isoImage } from '../testing/iso-image.ts';
import { describeMedium } from './disk-image.ts';

const describeBytes = (bytes: Uint8Array, role: 'iso' | 'disk' | 'floppy') =>
  describeMedium({ sizeBytes: bytes.length, read: async (at, length) => bytes.subarray(at, at + length) }, role);

function disk(change: (bytes: Uint8Array, view: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(64 * 1024);
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}
const put = (bytes: Uint8Array, at: number, text: string): void => {
  bytes.set(
    [...text].map((char) => char.charCodeAt(0)),
    at,
  );
};
const fat = (): Uint8Array =>
  disk((bytes) => {
    signed(bytes);
    put(bytes, 54, 'FAT16');
  });
const signed = (bytes: Uint8Array): void => bytes.set([0x55, 0xaa], 510);

describe('an ISO', () => {
  it('is told with its label and what can boot it', async () => {
    expect(await describeBytes(isoImage({ label: 'DEBIAN 12', platforms: ['BIOS', 'UEFI'] }), 'iso')).toEqual({
      ok: true,
      description: 'ISO 9660 “DEBIAN 12”, bootable (BIOS and UEFI)',
    });
    expect(await describeBytes(isoImage({ label: 'DATA', platforms: [] }), 'iso')).toEqual({
      ok: true,
      description: 'ISO 9660 “DATA”',
      warning: expect.stringContaining('no boot record'),
    });
  });

  it('is known as one although it is a disk too', async () => {
    const hybrid = isoImage({ label: 'HYBRID', platforms: ['BIOS'] });
    signed(hybrid);
    hybrid[450] = 0x17;
    const { ok, description } = await describeBytes(hybrid, 'disk');
    expect([ok, description]).toEqual([true, 'ISO 9660 “HYBRID”, bootable (BIOS); raw image with MBR, 1 partition']);
  });

  it('is not a disk, a text or an empty file', async () => {
    for (const bytes of [disk(signed), new Uint8Array(100), disk()]) {
      const verdict = await describeBytes(bytes, 'iso');
      expect(verdict).toMatchObject({ ok: false, message: expect.stringContaining('import it as a disk') });
    }
  });

  it.each([...Array(40).keys()])('with random bytes in its catalog is read without harm (%i)', async (seed) => {
    const bytes = isoImage({ label: 'X', platforms: ['BIOS'] });
    let state = seed + 1;
    for (let n = 0; n < 4096; n++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[16 * 2048 + (state % (bytes.length - 16 * 2048))] = state >>> 24;
    }
    expect(typeof (await describeBytes(bytes, 'iso')).ok).toBe('boolean');
    expect((await describeBytes(bytes, 'disk')).ok).toBe(true);
  });
});

describe('a disk image', () => {
  it.each([
    ['without anything', disk(), 'Raw image without a partition table'],
    ['with a FAT file system', fat(), 'Raw image with a FAT file system'],
    [
      'with an MBR',
      disk((b) => {
        signed(b);
        b[450] = 0x83;
        b[466] = 0x82;
      }),
      'Raw image with MBR, 2 partitions',
    ],
    [
      'with GPT',
      disk((b, v) => {
        signed(b);
        b[450] = 0xee;
        put(b, 512, 'EFI PART');
        v.setUint32(512 + 72, 2, true);
        v.setUint32(512 + 80, 128, true);
        v.setUint32(512 + 84, 128, true);
        b[1024] = 1;
      }),
      'Raw image with GPT, 1 partition',
    ],
  ])('%s is told', async (_, bytes, description) => {
    expect(await describeBytes(bytes, 'disk')).toEqual({ ok: true, description });
  });

  it.each([
    ['qcow2', 0, 'QFI\xfb'],
    ['VMDK', 0, 'KDMV'],
    ['VDI', 0x40, '\x7f\x10\xda\xbe'],
    ['xz', 0, '\xfd7zXZ\0'],
  ])('of the format %s is refused with what to do', async (name, at, magic) => {
    for (const role of ['disk', 'iso', 'floppy'] as const) {
      const verdict = await describeBytes(
        disk((b) => put(b, at, magic)),
        role,
      );
      expect(verdict).toMatchObject({ ok: false, description: expect.stringContaining(name) });
      expect(verdict.message).toMatch(/convert|unpack/i);
    }
  });
});

describe('a floppy image', () => {
  it('has at most the size of a diskette', async () => {
    expect(await describeBytes(disk(signed), 'floppy')).toEqual({
      ok: true,
      description: expect.stringContaining('boot sector'),
    });
    expect(await describeBytes(disk(), 'floppy')).toMatchObject({ ok: true, warning: expect.any(String) });
    expect(await describeBytes(new Uint8Array(3e6), 'floppy')).toMatchObject({ ok: false });
  });
});
