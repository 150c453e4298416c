/** SeaBIOS and OVMF from Debian's packages, unmodified: they find the drives, and boot from them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesOf, linuxGuest } from '../fixtures/guests.ts';
import { VivProcess } from './viv-process.ts';

const SECTOR_BYTES = 512;
const FLOPPY_BYTES = 2880 * SECTOR_BYTES;
const GREETING = 'sector two was read';
const PROMPT = /\/ # (?:.\[6n)?$/;
/** isa-debug-exit: the boot sector writes 1. */
const EXIT_STATUS = 3;
/**
 * nasm, org 0x7c00: INT 13h AH=02h reads the second sector to 0x7e00; its text (or "read failed") goes to 0x3f8 up to a
 * zero byte; then 1 to port 0xf4.
 */
const BOOT_SECTOR =
  '31c08ed88ec08ed0bc007cb80102bb007eb90200b600cd13be007e7303be307cac84c07406baf803eeebf5b001e6f4f472656164206661696c656400';

function bootImage(): Uint8Array {
  const image = new Uint8Array(FLOPPY_BYTES);
  image.set(Buffer.from(BOOT_SECTOR, 'hex'));
  image.set([0x55, 0xaa], SECTOR_BYTES - 2);
  image.set(new TextEncoder().encode(`${GREETING}\0`), SECTOR_BYTES);
  return image;
}

let dir: string;
let viv: VivProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vivarium-firmware-'));
});
afterEach(async () => {
  await viv?.kill();
  viv = undefined;
  rmSync(dir, { recursive: true });
});
const start = (...args: string[]): VivProcess => {
  viv = new VivProcess(['run', '--memory', '256', '--timeout', '170', ...args]);
  return viv;
};

const seabios = filesOf('seabios');
const grub = filesOf('grub-rescue');
describe.skipIf('missing' in seabios)(`SeaBIOS${'missing' in seabios ? ` (skipped: ${seabios.missing})` : ''}`, () => {
  const firmware = 'folder' in seabios ? ['--firmware', join(seabios.folder, 'bios-256k.bin'), '--debugcon', '-'] : [];

  it.each([
    ['pc', '--floppy'],
    ['pc', '--disk'],
    ['q35', '--disk'],
  ])('boots a %s from its %s, which reads on through INT 13h', async (machine, drive) => {
    const image = join(dir, 'boot.img');
    writeFileSync(image, bootImage());
    const run = start(...firmware, '--machine', machine, drive, image);
    await run.until(new RegExp(GREETING), 0);
    expect(await run.exited).toBe(EXIT_STATUS);
  });

  const hasGrub = 'folder' in grub;
  it.skipIf(!hasGrub).each(['pc', 'q35'])('starts GRUB from the CD-ROM of a %s', async (machine) => {
    const iso = hasGrub ? join(grub.folder, 'grub-rescue-cdrom.iso') : '';
    const run = start(...firmware, '--machine', machine, '--cdrom', iso);
    await run.untilErrors(/Booting from DVD\/CD\.\.\.\s+Booting from 0000:7c00/);
  });
});

const ovmf = filesOf('ovmf');
describe.skipIf('missing' in ovmf)(`OVMF${'missing' in ovmf ? ` (skipped: ${ovmf.missing})` : ''}`, () => {
  it.each(['pc', 'q35'])('starts its shell on a %s, with variables in a flash of its own', async (machine) => {
    const code = 'folder' in ovmf ? join(ovmf.folder, 'OVMF_CODE_4M.fd') : '';
    const run = start('--machine', machine, '--firmware', code, '--nvram', join(dir, 'vars.fd'));
    await run.until(/UEFI Interactive Shell/, 0);
  });

  const linux = linuxGuest();
  it.skipIf('missing' in linux)('boots Debian’s kernel by EFI, which finds our ACPI tables', async () => {
    if ('missing' in ovmf || 'missing' in linux) return;
    const firmware = ['--machine', 'q35', '--firmware', join(ovmf.folder, 'OVMF_CODE_4M.fd')];
    const kernel = ['--kernel', linux.kernel, '--initrd', linux.initrd, '--append', 'console=ttyS0'];
    const run = start(...firmware, '--nvram', join(dir, 'vars.fd'), ...kernel);
    await run.until(PROMPT, 0);
    expect(await run.command('dmesg | grep -E "efi: EFI v|ACPI: MCFG"', PROMPT)).toMatch(/EDK II[\s\S]*VIVARM/);
    run.type('poweroff -f');
    expect(await run.exited).toBe(0);
  });
});
