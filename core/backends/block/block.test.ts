import { describe, expect, it } from 'vitest';
import { MemoryFile, numberedDisk } from '../../testing/memory-file.ts';
import { Drive } from './drive.ts';
import type { BlockBackend, BlockError, BlockRequest, MediaListener } from './port.ts';
import { RawImage } from './raw-image.ts';

function submit(image: BlockBackend, request: BlockRequest): BlockError | undefined {
  const results: (BlockError | undefined)[] = [];
  image.submit(request, (error) => results.push(error));
  expect(results).toHaveLength(1);
  return results[0];
}

describe('raw image', () => {
  it('reads what was written, flushes and discards', () => {
    const { file, image } = numberedDisk(16);
    expect(submit(image, { kind: 'write', offset: 1024, data: new Uint8Array(512).fill(0xaa) })).toBeUndefined();
    const data = new Uint8Array(1024);
    expect(submit(image, { kind: 'read', offset: 1024, data })).toBeUndefined();
    expect([data[0], data[511], data[512]]).toEqual([0xaa, 0xaa, 3]);
    expect(submit(image, { kind: 'flush' })).toBeUndefined();
    expect(file.flushes).toBe(1);
    expect(submit(image, { kind: 'discard', offset: 512, length: 1024 })).toBeUndefined();
    expect(file.discarded).toEqual([[512, 1024]]);
  });

  it('rounds a size up to whole sectors: zeros there, and a write makes the file longer', () => {
    const file = new MemoryFile(new Uint8Array(700).fill(1));
    const image = new RawImage(file);
    expect(image.sizeBytes).toBe(1024);
    const data = new Uint8Array(512).fill(9);
    submit(image, { kind: 'read', offset: 512, data });
    expect([data[187], data[188], data[511]]).toEqual([1, 0, 0]);
    expect(submit(image, { kind: 'write', offset: 512, data })).toBeUndefined();
    expect(file.bytes.length).toBe(1024);
  });

  it('refuses requests outside of the image or of broken sectors, and writes to a read-only one', () => {
    const { image } = numberedDisk(4, true);
    const data = new Uint8Array(512);
    for (const offset of [-512, 4 * 512, 2 ** 53, 100]) {
      expect(submit(image, { kind: 'read', offset, data })?.errno).toBe('EINVAL');
    }
    expect(submit(image, { kind: 'read', offset: 0, data: new Uint8Array(100) })?.errno).toBe('EINVAL');
    expect(submit(image, { kind: 'write', offset: 0, data })?.errno).toBe('EROFS');
    expect(submit(image, { kind: 'discard', offset: 0, length: 512 })?.errno).toBe('EROFS');
  });

  it('tells the errno of a call that the host failed', () => {
    const { file, image } = numberedDisk(4);
    file.failing = { from: 512, to: 1024, errno: 'ENOSPC' };
    expect(submit(image, { kind: 'write', offset: 512, data: new Uint8Array(512) })?.errno).toBe('ENOSPC');
    expect(submit(image, { kind: 'write', offset: 0, data: new Uint8Array(512) })).toBeUndefined();
  });
});

describe('drive for removable media', () => {
  function watched(medium?: BlockBackend) {
    const drive = new Drive(medium);
    const events: unknown[] = [];
    const listener: MediaListener = {
      mediaChanged: (now) => events.push(now),
      ejectRequested: () => events.push('eject'),
    };
    drive.listen(listener);
    return { drive, events };
  }
  const first = numberedDisk(4).image;
  const second = numberedDisk(8).image;

  it('shows a change as an empty drive first', () => {
    const { drive, events } = watched(first);
    expect(drive.change(second)).toBe(true);
    expect(events).toEqual([undefined, second]);
    expect(drive.medium).toBe(second);
  });

  it('only asks the guest while it is locked, unless forced', () => {
    const { drive, events } = watched(first);
    drive.locked = true;
    expect(drive.change(undefined)).toBe(false);
    expect(events).toEqual(['eject']);
    expect(drive.medium).toBe(first);
    expect(drive.change(undefined, true)).toBe(true);
    expect(drive.medium).toBeUndefined();
  });

  it('keeps the medium in an open tray, unreadable', () => {
    const { drive, events } = watched(first);
    drive.moveTray(true);
    expect(drive.medium).toBeUndefined();
    drive.moveTray(false);
    expect(drive.medium).toBe(first);
    expect(events).toEqual([undefined, first]);
  });
});
