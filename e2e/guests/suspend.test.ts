/** S3 through firmware: Debian's kernel suspends to RAM, its clock's alarm wakes it, and then its power button works. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { filesOf, linuxGuest } from '../fixtures/guests.ts';
import { FIRMWARE, pathIn, why } from './media-guests.ts';
import { VivScreen } from './viv-screen.ts';

const PROMPT = /\/ # (?:.\[6n)?$/;
const ALARM = '/sys/class/rtc/rtc0/wakealarm';
const CMDLINE = 'console=ttyS0';
const GRUB_CFG = `set timeout=0\nmenuentry "Debian" {\n  linux /vmlinuz ${CMDLINE}\n  initrd /initrd\n}\n`;

const guest = linuxGuest();
const ovmf = filesOf('ovmf');
const files = mkdtempSync(join(tmpdir(), 'vivarium-suspend-'));
afterAll(() => rmSync(files, { recursive: true }));

let viv: VivScreen | undefined;
afterEach(() => viv?.kill());

async function sleepAndWake(...args: string[]): Promise<void> {
  viv = new VivScreen([...args, '--memory', '256', '--timeout', '170']);
  const { process } = viv;
  await process.until(PROMPT, 0);
  expect(await process.command('cat /sys/power/mem_sleep', PROMPT)).toContain('[deep]');
  const slept = await process.command(
    `dmesg -n 7; echo +3 > ${ALARM}; echo mem > /sys/power/state; echo "was $?"`,
    PROMPT,
  );
  expect(slept).toMatch(/Waking up from system sleep state S3[\s\S]*PM: suspend exit[\s\S]*was 0/);
  await viv.command('power');
  expect(await process.exited).toBe(0);
}

/** A CD-ROM that boots the guest; undefined where it cannot be made. */
function bootDisc(): string | undefined {
  if ('missing' in guest) return undefined;
  const tree = join(files, 'tree');
  mkdirSync(join(tree, 'boot', 'grub'), { recursive: true });
  copyFileSync(guest.kernel, join(tree, 'vmlinuz'));
  copyFileSync(guest.initrd, join(tree, 'initrd'));
  writeFileSync(join(tree, 'boot', 'grub', 'grub.cfg'), GRUB_CFG);
  const disc = join(files, 'debian.iso');
  const made = spawnSync('grub-mkrescue', ['-o', disc, tree], { stdio: 'ignore' });
  return made.status === 0 ? disc : undefined;
}

const disc = bootDisc();
const grub = disc === undefined ? ' (skipped: grub-mkrescue is not installed)' : '';

describe.each(FIRMWARE)('%s', (_name, options, image) => {
  const skipped = disc === undefined || 'missing' in image;
  it.skipIf(skipped).each(['pc', 'q35'])(`resumes Debian on a %s${grub}${why(image)}`, async (machine) => {
    await sleepAndWake('--machine', machine, ...options, '--cdrom', disc ?? '');
  });
});

describe.skipIf('missing' in guest || 'missing' in ovmf)(`OVMF${why(ovmf)}`, () => {
  it('resumes Debian on a q35, without system management mode', async () => {
    if ('missing' in guest) return;
    const firmware = ['--firmware', pathIn(ovmf, 'OVMF_CODE_4M.fd'), '--nvram', join(files, 'vars.fd')];
    const kernel = ['--kernel', guest.kernel, '--initrd', guest.initrd, '--append', CMDLINE];
    await sleepAndWake('--machine', 'q35', ...firmware, ...kernel);
  });
});

describe.skipIf('missing' in guest)('No firmware', () => {
  it('resumes Debian on a pc by the machine itself', async () => {
    if ('missing' in guest) return;
    await sleepAndWake('--kernel', guest.kernel, '--initrd', guest.initrd, '--append', CMDLINE);
  });
});
