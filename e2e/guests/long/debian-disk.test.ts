/**
 * Debian 12 installed by debootstrap, from its disk: GRUB out of the MBR or an EFI partition, the kernel, systemd, and a
 * login on the serial port and on the screen.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesOf } from '../../fixtures/guests.ts';
import { FIRMWARE, figure, OVMF, ovmfIn, pathIn, why } from '../media-guests.ts';
import { VivScreen } from '../viv-screen.ts';

const PASSWORD = 'vivarium';
const SHELL = /root@vivarium:~# /;
const TIMEOUT_SECONDS = '1150';

let folder = '';
let disk = '';
let screen: VivScreen | undefined;
const image = filesOf('debian-disk');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-debian-'));
  disk = join(folder, 'disk.img');
  copyFileSync(pathIn(image, 'disk.img'), disk);
});
afterEach(async () => {
  await screen?.kill();
  screen = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** From power on to a login; then the system says what it runs on, and goes down by itself. */
async function expectLogin(name: string, ...options: readonly string[]): Promise<void> {
  screen = new VivScreen([...options, '--disk', disk, '--memory', '512', '--timeout', TIMEOUT_SECONDS]);
  const viv = screen.process;
  await viv.until(/vivarium login: /, 0);
  figure(`${name}: Debian to its login in ${viv.seconds.toFixed(1)} s`);
  expect(viv.serial).toContain('Debian GNU/Linux 12 vivarium ttyS0');
  expect(viv.serial).not.toMatch(/segfault|general protection|\boops\b|I\/O error/i);
  await viv.command('root', /Password: /);
  await viv.command(PASSWORD, SHELL);
  expect(await viv.command('uname -a', SHELL)).toMatch(/Linux vivarium .*Debian .* x86_64 GNU\/Linux/);
  expect(await viv.command('findmnt -n -o SOURCE,FSTYPE,OPTIONS /', SHELL)).toMatch(/\/dev\/sda2\s+ext4\s+rw/);
  // the screen has a console and a login of its own
  const before = await screen.picture();
  await screen.type('root');
  await screen.untilPicture((picture) => picture.changes(before) !== undefined);
  viv.type('systemctl poweroff');
  expect(await viv.exited).toBe(0);
}

describe.skipIf(why(image) !== '')(`Debian on a disk${why(image)}`, () => {
  describe.each(FIRMWARE)('with %s', (firmware, options, files) => {
    it.skipIf(why(files) !== '').each([
      ['pc', 'ide'],
      ['pc', 'sata'],
      ['q35', 'sata'],
    ])(`comes to a login on a %s with its disk on %s${why(files)}`, async (machine, bus) => {
      await expectLogin(`${firmware}, ${machine}, ${bus}`, ...options, '--machine', machine, '--bus', bus);
    });
  });

  it.skipIf(why(OVMF) !== '').each(['pc', 'q35'])(
    `comes to a login on a %s from its EFI partition, with OVMF${why(OVMF)}`,
    async (machine) => {
      await expectLogin(`OVMF, ${machine}`, ...ovmfIn(folder), '--machine', machine);
    },
  );
});
