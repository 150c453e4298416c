import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { buildBios } from './bios.ts';
import { MANY_SAY, MEDIA_FLOPPY_1440, MEDIA_HARD_DISK, testDisc, testDisk } from './test-disk.ts';

vi.setConfig({ testTimeout: 60_000 });

const files = mkdtempSync(join(tmpdir(), 'bios-'));
afterAll(() => rmSync(files, { recursive: true }));
const image = join(files, 'bios.bin');
writeFileSync(image, buildBios());

describe('the image', () => {
  const bytes = buildBios();

  it('is 128 KiB, the same every time', () => {
    expect(bytes.length).toBe(0x2_0000);
    expect(Buffer.compare(bytes, buildBios())).toBe(0);
  });

  it('begins at the reset vector with a jump into its segment, and names its model', () => {
    const offset = (bytes[0x1_fff1] ?? 0) | ((bytes[0x1_fff2] ?? 0) << 8);
    expect(bytes[0x1_fff0]).toBe(0xea);
    expect([...bytes.subarray(0x1_fff3, 0x1_fff5)]).toEqual([0x00, 0xf0]);
    expect(bytes[0x1_0000 + offset]).toBe(0xfa); // CLI
    expect(bytes[0x1_fffe]).toBe(0xfc);
  });

  it('holds a $PIR table and a VGA option ROM whose sums are 0', () => {
    const at = Buffer.from(bytes).indexOf('$PIR');
    expect(at % 16).toBe(0);
    const size = (bytes[at + 6] ?? 0) | ((bytes[at + 7] ?? 0) << 8);
    const sum = (part: Uint8Array): number => part.reduce((total, byte) => total + byte, 0) & 0xff;
    expect(sum(bytes.subarray(at, at + size))).toBe(0);
    expect([...bytes.subarray(0x8000, 0x8002)]).toEqual([0x55, 0xaa]);
    expect(sum(bytes.subarray(0x8000, 0x8000 + (bytes[0x8002] ?? 0) * 512))).toBe(0);
  });
});

function hasQemu(): boolean {
  try {
    execFileSync('qemu-system-x86_64', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const qemu = hasQemu();
const OWN_VGA = ['-vga', 'none', '-device', 'VGA,romfile='];

/** What the machine says on its debug console until that matches. */
function debugConsole(options: readonly string[], until: RegExp): Promise<string> {
  const debug = ['-debugcon', 'stdio', '-global', 'isa-debugcon.iobase=0x402'];
  const quiet = ['-display', 'none', '-monitor', 'none', '-serial', 'none', '-net', 'none', '-no-reboot'];
  const all = ['-bios', image, '-m', '64', ...debug, ...quiet, ...options];
  const child = spawn('qemu-system-x86_64', all, { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve) => {
    let text = '';
    const end = (): void => {
      child.kill('SIGKILL');
      resolve(text);
    };
    const timeout = setTimeout(end, 40_000);
    child.once('exit', () => {
      clearTimeout(timeout);
      resolve(text);
    });
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (until.test(text)) end();
    });
  });
}

const disk = join(files, 'disk.img');
writeFileSync(disk, testDisk(32 * 1024 * 1024));
const floppy = join(files, 'floppy.img');
writeFileSync(floppy, testDisk(1440 * 1024));
const empty = join(files, 'empty.img');
writeFileSync(empty, new Uint8Array(1024 * 1024));
const disc = join(files, 'disc.iso');
writeFileSync(disc, new Uint8Array(1024 * 1024));

describe.skipIf(!qemu)(`in QEMU${qemu ? '' : ' (skipped: qemu-system-x86_64 is not installed)'}`, () => {
  const DISKS: readonly (readonly [string, readonly string[]])[] = [
    ['an IDE disk of a pc', ['-M', 'pc', '-drive', `file=${disk},format=raw,if=ide`]],
    ['a SATA disk of a q35', ['-M', 'q35', '-drive', `file=${disk},format=raw,if=ide`]],
  ];

  it.each(DISKS)('boots from %s, and its services answer', async (_, options) => {
    const text = await debugConsole([...options, ...OWN_VGA], /done/);
    expect(text).toMatch(/^Vivarium BIOS/);
    expect(text).toMatch(/Booting from hard disk 1 \(QEMU HARDDISK\) \.\.\. /);
    expect(text).toContain('drive 80\n');
    expect(text).toContain('chs 0000\n'); // AH = 0, CF = 0
    expect(text).toContain('sector 5 says 5005\n');
    expect(text).toContain('edd aa55 cf 0\n');
    expect(text).toContain('sector 9999 says 770f\n');
    expect(text).toContain('odd buffer says 770f\n');
    expect(text).toContain('beyond 0100 cf 1\n');
    expect(text).toContain('sectors 00010000\n');
    expect(text).toContain(`written back 1234\n${MANY_SAY}`);
    expect(text).toMatch(/base 0278\n/); // 632 KiB
    expect(text).toMatch(/map 00000000 0009e000 1\nmap 0009e000 00002000 2\n/);
    expect(text).toMatch(/map 00100000 03[ef][0-9a-f]{2}000 1\n/);
    expect(text).toContain('moved 5005\n');
    expect(text).toContain('pci 0210\n');
    expect(text).toContain('vbe 004f 0300\n');
    expect(text).toMatch(/done/);
  });

  it('boots from a floppy', async () => {
    const text = await debugConsole(['-drive', `file=${floppy},format=raw,if=floppy`, '-boot', 'a'], /done/);
    expect(text).toMatch(/Booting from floppy 1 \.\.\. /);
    expect(text).toContain('drive 00\n');
    expect(text).toContain('chs 0000\n');
    expect(text).toContain('sector 5 says 5005\n');
  });

  it.each([
    ['floppy', MEDIA_FLOPPY_1440, 1440 * 1024, '00'],
    ['hard disk', MEDIA_HARD_DISK, 8 * 1024 * 1024, '80'],
  ])('emulates a %s that a CD holds', async (_, media, bytes, drive) => {
    const iso = join(files, `emulated-${media}.iso`);
    writeFileSync(iso, testDisc(testDisk(bytes), media));
    const text = await debugConsole(['-cdrom', iso, '-boot', 'd', ...OWN_VGA], /done/);
    expect(text).toContain(`drive ${drive}\nchs 0000\nsector 5 says 5005\n`);
    expect(text).toContain('done');
  });

  it('follows the boot order of fw_cfg', async () => {
    const two = ['-drive', `file=${empty},format=raw,if=none,id=a`, '-drive', `file=${disk},format=raw,if=none,id=b`];
    const order = ['-device', 'ide-hd,drive=a,bus=ide.0', '-device', 'ide-hd,drive=b,bus=ide.1,bootindex=1'];
    const text = await debugConsole([...two, ...order], /done/);
    expect(text).toMatch(/Vivarium BIOS[^\n]*\s+Booting from hard disk 2/);
    expect(text).toContain('drive 81\n');
  });

  it('says what it tried and why that failed', async () => {
    const options = ['-drive', `file=${empty},format=raw,if=ide`, '-cdrom', disc, '-boot', 'cd'];
    const text = await debugConsole(options, /nothing to boot from/);
    expect(text).toMatch(
      /hard disk 1 \(QEMU HARDDISK\) \.\.\. no boot sector \(its first sector does not end in 55 AA\)/,
    );
    expect(text).toMatch(/CD-ROM 1 \(QEMU DVD-ROM\) \.\.\. the disc has no El Torito boot record/);
    expect(text).toMatch(/nothing to boot from/);
  });
});
