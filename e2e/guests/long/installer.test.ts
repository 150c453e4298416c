/**
 * Debian's installer from a CD-ROM or a disk that grub-mkrescue made: to its language screen, and by keyboard and mouse into
 * the next.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesOf } from '../../fixtures/guests.ts';
import { FIRMWARE, figure, OVMF, ovmfIn, pathIn, why } from '../media-guests.ts';
import type { Picture } from '../png.ts';
import { VivScreen } from '../viv-screen.ts';

const TIMEOUT_SECONDS = '1150';
let folder = '';
let screen: VivScreen | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-installer-'));
});
afterEach(async () => {
  await screen?.kill();
  screen = undefined;
  rmSync(folder, { recursive: true, force: true });
});
/** As a disk it is written to. */
function copyOf(iso: string): string {
  const copy = join(folder, 'installer.iso');
  copyFileSync(iso, copy);
  return copy;
}
function start(...args: readonly string[]): VivScreen {
  screen = new VivScreen([...args, '--memory', '1024', '--timeout', TIMEOUT_SECONDS]);
  return screen;
}

/** The share of a part of a picture that is of this colour, give or take what a palette or 16 bits make of it. */
function share(picture: Picture, colour: number, part: readonly [number, number, number, number]): number {
  const [x, y, width, height] = part;
  let count = 0;
  for (const [found, pixels] of picture.colours(x, y, width, height)) {
    const near = [16, 8, 0].every((shift) => Math.abs(((found >> shift) & 0xff) - ((colour >> shift) & 0xff)) <= 12);
    if (near) count += pixels;
  }
  return count / (width * height);
}

/** newt's window: grey in the middle of a blue screen, with a red bar on what is chosen. */
function isDialog(picture: Picture): boolean {
  const { width, height } = picture;
  const middle = share(picture, 0xaaaaaa, [width >> 2, height >> 2, width >> 1, height >> 1]);
  const border = share(picture, 0x0000aa, [0, 0, width >> 6, height]);
  return middle > 0.3 && border > 0.8 && share(picture, 0xaa0000, [0, 0, width, height]) > 0.001;
}

const text = filesOf('installer-text-iso');
/** grub-mkrescue's ISO has an MBR too: written to a disk, it starts from there. */
const MEDIA = [
  ['a CD-ROM', '--cdrom'],
  ['a disk', '--disk'],
] as const;
const FIRMWARES = [...FIRMWARE, ['OVMF', undefined, OVMF] as const];

describe.skipIf(why(text) !== '').each(MEDIA)(`Debian's text installer from %s${why(text)}`, (medium, option) => {
  describe.each(FIRMWARES)('with %s', (firmware, options, files) => {
    it.skipIf(why(files) !== '')(`comes to its language screen, and by keyboard to the next${why(files)}`, async () => {
      const vm = start(...(options ?? ovmfIn(folder)), option, copyOf(pathIn(text, 'installer.iso')));
      const language = await vm.untilPicture(isDialog);
      const seconds = vm.process.seconds.toFixed(1);
      figure(`${firmware}: the text installer from ${medium} to its language screen in ${seconds} s`);
      await vm.press('enter');
      const country = await vm.untilPicture((picture) => isDialog(picture) && picture.changes(language) !== undefined);
      expect(country.changes(language)?.count).toBeGreaterThan(1000);
    });
  });
});

/** A banner on top, a white list in the middle, and grey around it. */
function isPage(picture: Picture): boolean {
  const { width, height } = picture;
  if (width < 640) return false;
  const banner = picture.colours(0, 0, width, height >> 4);
  const list = share(picture, 0xffffff, [width >> 2, height >> 2, width >> 1, height >> 1]);
  return banner.size > 20 && list > 0.5;
}
/** Of the list's lines, only the one that is chosen is not white around its letters. */
function hasBarInMiddle(picture: Picture): boolean {
  const { width, height } = picture;
  return share(picture, 0xffffff, [width >> 2, (height >> 1) - 1, width >> 1, 2]) < 0.5;
}

const gtk = filesOf('installer-gtk-iso');
describe.skipIf(why(gtk) !== '').each(MEDIA)(`Debian's graphical installer from %s${why(gtk)}`, (medium, option) => {
  it('comes to its language screen, and by tablet and keyboard to the next', async () => {
    const vm = start(option, copyOf(pathIn(gtk, 'installer.iso')), '--usb', 'qemu-xhci', '--input', 'tablet');
    const language = await vm.untilPicture((picture) => isPage(picture) && !hasBarInMiddle(picture));
    figure(`the graphical installer from ${medium} to its language screen in ${vm.process.seconds.toFixed(1)} s`);
    await vm.click(language.width >> 1, language.height >> 1);
    const clicked = await vm.untilPicture((picture) => isPage(picture) && hasBarInMiddle(picture));
    await vm.press('enter');
    const next = await vm.untilPicture(
      (picture) => isPage(picture) && (picture.changes(clicked)?.count ?? 0) > clicked.width * 20,
    );
    expect(next.changes(clicked)?.bottom).toBeGreaterThan(clicked.height >> 1);
  });
});
