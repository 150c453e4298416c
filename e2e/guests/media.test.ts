/**
 * Media from Debian's packages, unmodified, as a person would start them: what they show is read from the text screen and
 * again from a picture of it, and they answer what is typed. The README's table says what else; longer ones are in long/.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { filesOf } from '../fixtures/guests.ts';
import { FIRMWARE, figure, pathIn, why } from './media-guests.ts';
import type { Picture } from './png.ts';
import { VivScreen } from './viv-screen.ts';

let screen: VivScreen | undefined;
afterEach(async () => {
  await screen?.kill();
  screen = undefined;
});
function start(...args: readonly string[]): VivScreen {
  screen = new VivScreen([...args, '--timeout', '170']);
  return screen;
}

/** Cells of the text screen whose picture says otherwise: a blank one with ink, or a character without. */
function cellsThatDiffer(text: string, columns: number, picture: Picture): number {
  const lines = text.split('\n');
  const [width, height] = [picture.width / columns, picture.height / lines.length];
  let count = 0;
  for (const [row, line] of lines.entries()) {
    for (let column = 0; column < columns; column++) {
      const hasInk = picture.colours(column * width, row * height, width, height).size > 1;
      const character = line[column] ?? ' ';
      if (character !== '█' && hasInk !== (character !== ' ')) count++;
    }
  }
  return count;
}
const COLUMNS = 80;
/** The cursor's own, and what a second changes between the two looks. */
const DIFFERENCES = 8;

describe.each(FIRMWARE)('with %s', (firmware, options, files) => {
  const grub = filesOf('grub-rescue');
  describe.skipIf(why(grub, files) !== '')(`GRUB's rescue media${why(grub, files)}`, () => {
    it.each([
      ['pc', '--cdrom', 'grub-rescue-cdrom.iso', /\(cd/],
      ['q35', '--cdrom', 'grub-rescue-cdrom.iso', /\(cd/],
      ['pc', '--floppy', 'grub-rescue-floppy.img', /\(fd0/],
    ])('come to the prompt of a %s (%s %s) and list the drives', async (machine, drive, name, listed) => {
      const vm = start(...options, '--machine', machine, '--memory', '128', drive, pathIn(grub, name));
      await vm.until(/Use the . and . keys to select/);
      figure(`${firmware}, ${machine}: ${name} to its menu in ${vm.process.seconds.toFixed(1)} s`);
      await vm.press('c');
      await vm.until(/grub>\s*$/);
      await vm.type('ls');
      const text = await vm.until(/grub> ls\n.*\n(?:.*\n)*grub>/);
      expect(text).toMatch(listed);
      expect(cellsThatDiffer(text, COLUMNS, await vm.picture())).toBeLessThan(DIFFERENCES);
    });
  });

  const memtest = filesOf('memtest86+iso');
  it.skipIf(why(memtest, files) !== '')(`memtest86+ tests memory without an error${why(memtest, files)}`, async () => {
    const vm = start(...options, '--memory', '16', '--cdrom', pathIn(memtest, 'memtest86+x64.iso'));
    const text = await vm.until(/Test #[1-9]/);
    figure(`${firmware}: memtest86+ to its second test in ${vm.process.seconds.toFixed(1)} s`);
    expect(text).toMatch(/Memtest86\+ v6/);
    expect(text).toMatch(/Pass:\s+0\s+Errors:\s+0\b/);
    expect([...(await vm.picture()).colours()].sort(([, a], [, b]) => b - a)[0]?.[0]).toBe(0x0000aa); // on blue
  });

  const ipxe = filesOf('ipxe');
  it.skipIf(why(ipxe, files) !== '')(`iPXE comes to its banner and its command line${why(ipxe, files)}`, async () => {
    const vm = start(...options, '--memory', '64', '--cdrom', pathIn(ipxe, 'ipxe.iso'));
    await vm.until(/iPXE 1\..*Open Source Network Boot Firmware/);
    figure(`${firmware}: iPXE to its banner in ${vm.process.seconds.toFixed(1)} s`);
    await vm.until(/Press Ctrl-B/);
    await vm.press('ctrl+b');
    await vm.until(/iPXE>\s*$/);
    await vm.type('echo typed');
    await vm.until(/^typed$/m);
  });

  const fat = filesOf('fat-images');
  describe.skipIf(why(fat, files) !== '')(`FAT images made by mtools${why(fat, files)}`, () => {
    let folder = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'vivarium-fat-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each([
      ['floppy.img', '--floppy'],
      ['disk.img', '--disk'],
    ])('boot: %s, whose SYSLINUX answers what is typed', async (name, drive) => {
      const image = join(folder, name);
      copyFileSync(pathIn(fat, name), image);
      const vm = start(...options, '--memory', '64', drive, image);
      await vm.until(/A FAT file system, written by mtools\.\s+boot:/);
      await vm.type('nonsense');
      await vm.until(/Loading nonsense\.\.\. failed: No such file or directory\s+boot:/);
    });
  });
});
