import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MediumSlot } from '../backends/block/port.ts';
import type { DiskConfig } from '../contracts/machine.ts';
import { StartError } from './client-api.ts';
import { Media } from './media.ts';

let dir: string;
let media: Media | undefined;
const at = (name: string): string => join(dir, name);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vivarium-media-'));
  for (const [name, length] of [
    ['a.img', 1024],
    ['b.iso', 4096],
    ['c.iso', 2048],
  ] as const) {
    writeFileSync(at(name), new Uint8Array(length));
  }
});
afterEach(() => {
  media?.close();
  media = undefined;
  rmSync(dir, { recursive: true });
});

const disk = (more: Partial<DiskConfig> = {}): DiskConfig => ({
  ...{ target: 'hda', device: 'disk', bus: 'ide', source: at('a.img'), format: 'raw', readOnly: false },
  ...more,
});
const cdrom = (more: Partial<DiskConfig> = {}): DiskConfig =>
  disk({ target: 'hdc', device: 'cdrom', source: at('b.iso'), readOnly: true, ...more });

function slotOf(drives: Media): MediumSlot {
  const medium = drives.drives.at(-1)?.medium;
  if (!medium || !('slot' in medium)) throw new Error('no slot');
  return medium.slot;
}

describe('Media', () => {
  it('opens images, and leaves a CD-ROM drive without one empty', () => {
    const { source: _, ...empty } = cdrom();
    media = new Media([disk({ bootOrder: 1 }), empty], 'pc');
    expect(media.drives[0]).toMatchObject({ target: 'hda', bootOrder: 1, medium: { fixed: { sizeBytes: 1024 } } });
    expect(slotOf(media).medium).toBeUndefined();
  });

  it('changes the medium of a drive, unless the guest has locked it', () => {
    media = new Media([disk(), cdrom()], 'pc');
    const slot = slotOf(media);
    expect(media.change('hdc', at('c.iso'))).toBeUndefined();
    expect(slot.medium?.sizeBytes).toBe(2048);
    slot.locked = true;
    expect(media.change('hdc')).toMatch(/locked the drive hdc/);
    slot.locked = false;
    expect(media.change('hdc')).toBeUndefined();
    expect(slot.medium).toBeUndefined();
  });

  it('keeps the medium when the next one cannot be opened', () => {
    media = new Media([cdrom()], 'pc');
    expect(media.change('hdc', at('missing.iso'))).toMatch(/does not exist/);
    expect(slotOf(media).medium?.sizeBytes).toBe(4096);
    expect(media.change('hda', at('c.iso'))).toMatch(/no drive hda/);
  });

  it('has drives that come and go, one a target', () => {
    media = new Media([disk()], 'pc');
    expect(() => media?.add(disk({ bus: 'sata' }))).toThrow(/a drive hda already/);
    media.add(cdrom({ target: 'sda', bus: 'sata' }));
    expect(media.drives.map(({ target }) => target)).toEqual(['hda', 'sda']);
    media.remove('hda'); // nobody else could write its image before
    media.add(disk({ target: 'sdb', bus: 'sata' }));
    expect(media.drives.map(({ target }) => target)).toEqual(['sda', 'sdb']);
  });

  it.each<[string, Partial<DiskConfig>, RegExp]>([
    ['a place that the bus does not have', { target: 'hde' }, /no place for the disk hde on the bus ide/],
    ['a disk on the floppy controller', { target: 'fda', bus: 'fdc' }, /no place for the disk fda/],
    ['an image that is not there', { source: '/missing.img' }, /does not exist/],
  ])('refuses %s', (_what, more, message) => {
    expect(() => new Media([disk(more)], 'pc')).toThrow(message);
    expect(() => new Media([disk(more)], 'pc')).toThrow(StartError);
  });

  it('knows that q35 has no IDE', () => {
    expect(() => new Media([disk()], 'q35')).toThrow(/q35 has no place .* Put it on another bus|q35 has no place/);
  });
});
